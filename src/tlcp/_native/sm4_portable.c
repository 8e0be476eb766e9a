/* SM4 in portable C: 16 blocks at a time in bit planes. Bit 16 i + k of plane j is bit j of
 * byte i (0: the least significant one) of the word of block k. */
#include <string.h>

#include "limbs.h"
#include "sm4.h"
#include "sm4_bits.h"

#define WIDE 16 /* blocks */

typedef uint64_t planes[8];

static inline uint64_t rotate64(uint64_t x, int n)
{
    return x << n | x >> (64 - n);
}

/* The four bytes of x at every other byte. */
static inline uint64_t spread(uint32_t x)
{
    uint64_t y = (x | (uint64_t)x << 16) & 0x0000ffff0000ffffULL;
    return (y | y << 8) & 0x00ff00ff00ff00ffULL;
}

static inline uint32_t gather(uint64_t x)
{
    x &= 0x00ff00ff00ff00ffULL;
    x = (x | x >> 8) & 0x0000ffff0000ffffULL;
    return (uint32_t)(x | x >> 16);
}

static inline void swap_bits(uint64_t *a, uint64_t *b, uint64_t mask, int n)
{
    uint64_t t = (*a >> n ^ *b) & mask;
    *b ^= t;
    *a ^= t << n;
}

/* Bytes to planes and back: an 8 x 8 transposition of bits, its own inverse. */
static inline void transpose(planes q)
{
    for (int i = 0; i < 8; i += 2)
        swap_bits(&q[i], &q[i + 1], 0x5555555555555555ULL, 1);
    for (int i = 0; i < 8; i++)
        if (!(i & 2))
            swap_bits(&q[i], &q[i + 2], 0x3333333333333333ULL, 2);
    for (int i = 0; i < 4; i++)
        swap_bits(&q[i], &q[i + 4], 0x0f0f0f0f0f0f0f0fULL, 4);
}

static inline uint32_t load32(const uint8_t *p)
{
    return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

static inline void store32(uint8_t *p, uint32_t x)
{
    for (int i = 0; i < 4; i++)
        p[i] = (uint8_t)(x >> (24 - 8 * i));
}

static inline void round_planes(planes a, const planes b, const planes c, const planes d,
                                const planes key)
{
    planes s, t;
    for (int j = 0; j < 8; j++)
        t[j] = b[j] ^ c[j] ^ d[j] ^ key[j];
    sm4_sbox_planes(s, t);
    for (int j = 0; j < 8; j++)
        t[j] = s[j] ^ rotate64(s[j], 16) ^ rotate64(s[j], 32);
    for (int j = 0; j < 8; j++)
        a[j] ^= s[j] ^ rotate64(s[j], 48) ^ (j < 2 ? rotate64(t[j + 6], 16) : t[j - 2]);
}

/* WIDE blocks in place. */
static void crypt(const sm4_key *key, uint8_t block[WIDE][16], int decrypt)
{
    planes x[4];
    for (int w = 0; w < 4; w++) {
        for (int k = 0; k < 8; k++)
            x[w][k] = spread(load32(block[k] + 4 * w)) | spread(load32(block[k + 8] + 4 * w)) << 8;
        transpose(x[w]);
    }
    for (int i = 0; i < 32; i += 4)
        for (int j = 0; j < 4; j++)
            round_planes(x[j], x[(j + 1) & 3], x[(j + 2) & 3], x[(j + 3) & 3],
                         key->planes[decrypt ? 31 - i - j : i + j]);
    for (int w = 0; w < 4; w++) {
        transpose(x[w]);
        for (int k = 0; k < 8; k++) {
            store32(block[k] + 12 - 4 * w, gather(x[w][k]));
            store32(block[k + 8] + 12 - 4 * w, gather(x[w][k] >> 8));
        }
    }
}

static inline size_t least(size_t a, size_t b)
{
    return a < b ? a : b;
}

static void ctr(const sm4_key *key, uint8_t *dst, const uint8_t *src, const uint8_t counter[16],
                size_t length)
{
    uint8_t block[WIDE][16];
    uint32_t count = load32(counter + 12);
    for (size_t at = 0; at < length; at += sizeof block) {
        for (int k = 0; k < WIDE; k++) {
            memcpy(block[k], counter, 12);
            store32(block[k] + 12, count++);
        }
        crypt(key, block, 0);
        size_t n = least(length - at, sizeof block);
        const uint8_t *stream = block[0];
        for (size_t i = 0; i < n; i++)
            dst[at + i] = src[at + i] ^ stream[i];
    }
    wipe(block, sizeof block);
}

static void cbc_decrypt(const sm4_key *key, uint8_t *dst, const uint8_t *src, size_t blocks)
{
    uint8_t block[WIDE][16] = {{0}};
    for (size_t left = blocks; left > 0;) { /* from the end, for dst may be src */
        size_t n = least(left, WIDE), at = 16 * (left - n);
        uint8_t *plain = block[0];
        memcpy(plain, src + at, 16 * n);
        crypt(key, block, 1);
        for (size_t i = 0; i < 16 * n; i++)
            plain[i] ^= (src + at - 16)[i];
        memcpy(dst + at, plain, 16 * n);
        left -= n;
    }
    wipe(block, sizeof block);
}

static void cbc_encrypt(const sm4_key *key, uint8_t *const dst[], const uint8_t *const src[],
                        size_t n, size_t blocks)
{
    uint8_t block[WIDE][16] = {{0}};
    for (size_t first = 0; first < n; first += WIDE) {
        size_t some = least(n - first, WIDE);
        for (size_t k = 0; k < some; k++)
            memcpy(block[k], dst[first + k] - 16, 16);
        for (size_t at = 0; at < 16 * blocks; at += 16) {
            for (size_t k = 0; k < some; k++)
                for (int i = 0; i < 16; i++)
                    block[k][i] ^= (src[first + k] + at)[i];
            crypt(key, block, 0);
            for (size_t k = 0; k < some; k++)
                memcpy(dst[first + k] + at, block[k], 16);
        }
    }
    wipe(block, sizeof block);
}

const sm4_path sm4_portable = {ctr, cbc_decrypt, cbc_encrypt, WIDE};
