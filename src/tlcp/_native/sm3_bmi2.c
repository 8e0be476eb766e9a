/* SM3 of one stream with BMI2: rotations that keep their operand. */
#include "cpu.h"

#if CPU_X86
#include "sm3.h"

#define TARGET __attribute__((target("bmi,bmi2")))
#define BLOCKS sm3_blocks_bmi2
#include "sm3_scalar.h"

#endif
