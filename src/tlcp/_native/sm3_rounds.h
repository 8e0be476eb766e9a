/* The 64 rounds of SM3 on a type W of one or more 32-bit words, included once per type. Needs:
 * ROUNDS (the function's name), TARGET, W, SET1, ADD, X2, X3 (exclusive or of two or three),
 * ROTATE, MAJORITY, CHOOSE. */

static inline __attribute__((always_inline)) TARGET void ROUNDS(W v[8], W w[16])
{
    static const uint32_t constants[64] = SM3_CONSTANTS;
    W a = v[0], b = v[1], c = v[2], d = v[3], e = v[4], f = v[5], g = v[6], h = v[7];

/* w[j + 4], in the place of w[j - 12]; j modulo 16 */
#define EXPAND(j)                                                                                  \
    do {                                                                                           \
        W x = X3(w[((j) + 4) & 15], w[((j) + 11) & 15], ROTATE(w[((j) + 1) & 15], 15));            \
        x = X3(x, ROTATE(x, 15), ROTATE(x, 23));                                                   \
        w[((j) + 4) & 15] = X3(x, ROTATE(w[((j) + 7) & 15], 7), w[((j) + 14) & 15]);               \
    } while (0)
#define ROUND(a, b, c, d, e, f, g, h, i, j, FF, GG)                                                \
    do {                                                                                           \
        W a12 = ROTATE(a, 12);                                                                     \
        W ss1 = ROTATE(ADD(ADD(e, SET1(constants[(i) + (j)])), a12), 7);                           \
        W tt1 = ADD(ADD(FF(a, b, c), ADD(d, X2(w[j], w[((j) + 4) & 15]))), X2(ss1, a12));          \
        W tt2 = ADD(ADD(GG(e, f, g), ADD(h, w[j])), ss1);                                          \
        b = ROTATE(b, 9);                                                                          \
        f = ROTATE(f, 19);                                                                         \
        d = tt1;                                                                                   \
        h = X3(tt2, ROTATE(tt2, 9), ROTATE(tt2, 17));                                              \
    } while (0)
#define FOUR(i, j, FF, GG, MORE)                                                                   \
    do {                                                                                           \
        if (MORE)                                                                                  \
            EXPAND(j);                                                                             \
        ROUND(a, b, c, d, e, f, g, h, i, j, FF, GG);                                               \
        if (MORE)                                                                                  \
            EXPAND((j) + 1);                                                                       \
        ROUND(d, a, b, c, h, e, f, g, i, (j) + 1, FF, GG);                                         \
        if (MORE)                                                                                  \
            EXPAND((j) + 2);                                                                       \
        ROUND(c, d, a, b, g, h, e, f, i, (j) + 2, FF, GG);                                         \
        if (MORE)                                                                                  \
            EXPAND((j) + 3);                                                                       \
        ROUND(b, c, d, a, f, g, h, e, i, (j) + 3, FF, GG);                                         \
    } while (0)
    FOUR(0, 0, X3, X3, 0);
    FOUR(0, 4, X3, X3, 0);
    FOUR(0, 8, X3, X3, 0);
    FOUR(0, 12, X3, X3, 1);
    for (int i = 16; i < 64; i += 16) {
        FOUR(i, 0, MAJORITY, CHOOSE, 1);
        FOUR(i, 4, MAJORITY, CHOOSE, 1);
        FOUR(i, 8, MAJORITY, CHOOSE, 1);
        FOUR(i, 12, MAJORITY, CHOOSE, 1);
    }
#undef EXPAND
#undef ROUND
#undef FOUR
    v[0] = X2(v[0], a);
    v[1] = X2(v[1], b);
    v[2] = X2(v[2], c);
    v[3] = X2(v[3], d);
    v[4] = X2(v[4], e);
    v[5] = X2(v[5], f);
    v[6] = X2(v[6], g);
    v[7] = X2(v[7], h);
}
