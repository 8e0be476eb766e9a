/* The compression function of SM3 on one stream; the includer defines TARGET and BLOCKS. */
#include <string.h>

#include "sm3_constants.h"

#define W uint32_t
#define ROUNDS rounds
#define SET1(x) (x)
#define ADD(a, b) ((a) + (b))
#define X2(a, b) ((a) ^ (b))
#define X3(a, b, c) ((a) ^ (b) ^ (c))
#define ROTATE(x, n) ((x) << (n) | (x) >> (32 - (n)))
#define MAJORITY(a, b, c) (((a) & (b)) | (((a) | (b)) & (c)))
#define CHOOSE(e, f, g) (((e) & (f)) + (~(e) & (g)))
#include "sm3_rounds.h"

TARGET void BLOCKS(uint32_t state[8], const uint8_t *data, size_t blocks)
{
    uint32_t v[8], w[16];
    memcpy(v, state, sizeof v);
    for (; blocks > 0; blocks--, data += 64) {
        for (int i = 0; i < 16; i++)
            w[i] = (uint32_t)data[4 * i] << 24 | (uint32_t)data[4 * i + 1] << 16 |
                   (uint32_t)data[4 * i + 2] << 8 | data[4 * i + 3];
        rounds(v, w);
    }
    memcpy(state, v, sizeof v);
}
