/* SM4 with AVX2 and the AES instruction: 8 blocks in four registers, two such sets at a time. */
#include "cpu.h"

#if CPU_X86
#define TARGET TARGET_AVX2
#include "sm4_ymm.h"

const sm4_path sm4_avx2 = {ymm_ctr, ymm_cbc_decrypt, ymm_cbc_encrypt, CHAINS *LANES};

#endif
