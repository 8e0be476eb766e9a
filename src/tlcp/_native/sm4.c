/* SM4: the key schedule, and the choice of a path.  Spec: GB/T 32907-2016 7.3 */
#include "sm4.h"

#include <string.h>

#include "cpu.h"
#include "limbs.h"
#include "sm4_bits.h"

static inline uint32_t rotate(uint32_t x, int n)
{
    return x << n | x >> (32 - n);
}

/* The S-box on the four bytes of a word. */
static uint32_t substitute(uint32_t x)
{
    uint64_t in[8], out[8];
    uint32_t y = 0;
    for (int j = 0; j < 8; j++)
        in[j] = x >> j & 0x01010101;
    sm4_sbox_planes(out, in);
    for (int j = 0; j < 8; j++)
        y |= ((uint32_t)out[j] & 0x01010101) << j;
    return y;
}

/* M x + m on the four bytes of a word. */
static uint32_t into_lanes(uint32_t x)
{
    uint32_t y = 0x01010101U * SM4_M_CONSTANT;
    for (int row = 0; row < 8; row++) {
        uint32_t t = x & 0x01010101U * (uint32_t)(SM4_M >> (8 * (7 - row)) & 0xff);
        t ^= t >> 4 & 0x0f0f0f0f;
        t ^= t >> 2 & 0x03030303;
        t ^= t >> 1;
        y ^= (t & 0x01010101) << row;
    }
    return y;
}

static void into_planes(uint64_t planes[8], uint32_t x)
{
    for (int j = 0; j < 8; j++) {
        uint64_t bits = 0;
        for (int i = 0; i < 4; i++)
            bits |= (uint64_t)(x >> (8 * i + j) & 1) << 16 * i;
        planes[j] = (bits << 16) - bits;
    }
}

void sm4_set_key(sm4_key *key, const uint8_t bytes[16])
{
    static const uint32_t family[4] = {0xa3b1bac6, 0x56aa3350, 0x677d9197, 0xb27022dc};
    uint32_t k[4];
    for (int i = 0; i < 4; i++)
        k[i] = family[i] ^ ((uint32_t)bytes[4 * i] << 24 | (uint32_t)bytes[4 * i + 1] << 16 |
                            (uint32_t)bytes[4 * i + 2] << 8 | bytes[4 * i + 3]);
    for (int i = 0; i < 32; i++) {
        uint32_t constant = 0;
        for (int j = 0; j < 4; j++)
            constant = constant << 8 | (uint8_t)((4 * i + j) * 7);
        uint32_t s = substitute(k[(i + 1) & 3] ^ k[(i + 2) & 3] ^ k[(i + 3) & 3] ^ constant);
        uint32_t rk = k[i & 3] ^= s ^ rotate(s, 13) ^ rotate(s, 23);
        into_planes(key->planes[i], rk);
        /* the lanes hold words in memory order, on little-endian machines: bytes swapped */
        key->lanes[0][i] = key->lanes[1][31 - i] = into_lanes(__builtin_bswap32(rk));
    }
    wipe(k, sizeof k);
}

const sm4_path *sm4_best(void)
{
#if CPU_X86
    if (cpu_level == CPU_AVX512)
        return &sm4_avx512;
    if (cpu_level == CPU_GFNI)
        return &sm4_gfni;
    if (cpu_level == CPU_AVX2)
        return &sm4_avx2;
#endif
    return &sm4_portable;
}
