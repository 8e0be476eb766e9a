/* SM4 with AVX2 and GFNI: 8 blocks in four registers, two such sets at a time. */
#include "cpu.h"

#if CPU_X86
#define TARGET TARGET_GFNI
#define WITH_GFNI
#include "sm4_ymm.h"

const sm4_path sm4_gfni = {ymm_ctr, ymm_cbc_decrypt, ymm_cbc_encrypt, CHAINS *LANES};

#endif
