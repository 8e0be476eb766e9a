/* SM2 points with MULX. */
#include "sm2_point.h"

#if SM2_HAS_MULX
#define SM2_WITH_MULX
#define SM2_CODE SM2_MULX
#include "sm2_code.h"
#endif
