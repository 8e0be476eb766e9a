/* SM3 of many streams, one in each lane of a register; the includer defines TARGET, V, LANES,
 * LANES_NAME, the operations of sm3_rounds.h, UNPACK*, LOAD, STORE, SWAP32 and GATHER, which
 * fills the 128-bit parts of a register with 16 bytes each from data[r], data[4 + r], ... */
#include <string.h>

#include "sm3_constants.h"

#define W V
#define ROUNDS rounds
#include "sm3_rounds.h"

TARGET void LANES_NAME(uint32_t state[8][SM3_LANES], const uint8_t *const data[], size_t blocks)
{
    V v[8], w[16], x[4];
    for (int i = 0; i < 8; i++)
        v[i] = LOAD(state[i]);
    for (size_t at = 0; at < 64 * blocks; at += 64) {
        for (int q = 0; q < 4; q++) {
            for (int r = 0; r < 4; r++)
                x[r] = SWAP32(GATHER(data + r, at + 16 * (size_t)q));
            V a = UNPACKLO32(x[0], x[1]), b = UNPACKLO32(x[2], x[3]);
            V c = UNPACKHI32(x[0], x[1]), d = UNPACKHI32(x[2], x[3]);
            w[4 * q] = UNPACKLO64(a, b);
            w[4 * q + 1] = UNPACKHI64(a, b);
            w[4 * q + 2] = UNPACKLO64(c, d);
            w[4 * q + 3] = UNPACKHI64(c, d);
        }
        rounds(v, w);
    }
    for (int i = 0; i < 8; i++)
        STORE(state[i], v[i]);
}
