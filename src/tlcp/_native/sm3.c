/* SM3 in portable C.  Spec: GB/T 32905-2016 5 */
#include "sm3.h"

#include "limbs.h"

static inline uint32_t rotate(uint32_t x, int n)
{
    return x << n | x >> (32 - n);
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

static inline uint32_t permute0(uint32_t x)
{
    return x ^ rotate(x, 9) ^ rotate(x, 17);
}

static inline uint32_t permute1(uint32_t x)
{
    return x ^ rotate(x, 15) ^ rotate(x, 23);
}

static void expand(uint32_t w[68], const uint8_t block[64])
{
    for (int i = 0; i < 16; i++)
        w[i] = load32(block + 4 * i);
    for (int i = 16; i < 68; i++)
        w[i] = permute1(w[i - 16] ^ w[i - 9] ^ rotate(w[i - 3], 15)) ^ rotate(w[i - 13], 7) ^
               w[i - 6];
}

static void compress(uint32_t state[8], const uint8_t block[64])
{
    uint32_t w[68], v[8];
    expand(w, block);
    memcpy(v, state, sizeof v);
    uint32_t constant = 0x79cc4519;
    for (int i = 0; i < 64; i++) {
        uint32_t a = v[0], b = v[1], c = v[2], e = v[4], f = v[5], g = v[6];
        if (i == 16)
            constant = rotate(0x7a879d8a, 16);
        uint32_t a12 = rotate(a, 12);
        uint32_t ss1 = rotate(a12 + e + constant, 7);
        uint32_t ff = i < 16 ? a ^ b ^ c : (a & b) | (a & c) | (b & c);
        uint32_t gg = i < 16 ? e ^ f ^ g : (e & f) | (~e & g);
        uint32_t tt1 = ff + v[3] + (ss1 ^ a12) + (w[i] ^ w[i + 4]);
        uint32_t tt2 = gg + v[7] + ss1 + w[i];
        v[3] = c;
        v[2] = rotate(b, 9);
        v[1] = a;
        v[0] = tt1;
        v[7] = g;
        v[6] = rotate(f, 19);
        v[5] = e;
        v[4] = permute0(tt2);
        constant = rotate(constant, 1);
    }
    for (int i = 0; i < 8; i++)
        state[i] ^= v[i];
}

void sm3_start(sm3 *h)
{
    static const uint32_t initial[8] = {0x7380166f, 0x4914b2b9, 0x172442d7, 0xda8a0600,
                                        0xa96f30bc, 0x163138aa, 0xe38dee4d, 0xb0fb0e4e};
    memcpy(h->state, initial, sizeof initial);
    h->length = 0;
}

void sm3_update(sm3 *h, const uint8_t *data, size_t length)
{
    size_t used = (size_t)(h->length % 64);
    h->length += length;
    while (length > 0) {
        size_t take = 64 - used < length ? 64 - used : length;
        memcpy(h->block + used, data, take);
        data += take;
        length -= take;
        used += take;
        if (used == 64) {
            compress(h->state, h->block);
            used = 0;
        }
    }
}

void sm3_finish(sm3 *h, uint8_t out[32])
{
    uint64_t bits = h->length * 8;
    size_t used = (size_t)(h->length % 64);
    h->block[used++] = 0x80;
    if (used > 56) {
        memset(h->block + used, 0, 64 - used);
        compress(h->state, h->block);
        used = 0;
    }
    memset(h->block + used, 0, 56 - used);
    store32(h->block + 56, (uint32_t)(bits >> 32));
    store32(h->block + 60, (uint32_t)bits);
    compress(h->state, h->block);
    for (int i = 0; i < 8; i++)
        store32(out + 4 * i, h->state[i]);
}
