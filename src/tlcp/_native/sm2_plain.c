/* SM2 points for every processor. */
#define SM2_CODE SM2_PLAIN
#include "sm2_code.h"
