/* The S-box and the changes of basis for sm4_ymm.h, in the width that is defined there. */
#undef SBOX
#undef INTO
#undef BACK
#ifdef WITH_GFNI
#define SBOX(t, p, q, r)                                                                           \
    (p = INVERT(t, SM4_P, SM4_P_CONSTANT), q = INVERT(t, SM4_Q, SM4_Q_CONSTANT),                   \
     r = INVERT(t, SM4_R, SM4_R_CONSTANT))
#define INTO(x) AFFINE(x, SM4_M)
#define BACK(x) AFFINE(x, SM4_M_BACK)
#else
static inline __attribute__((always_inline)) TARGET V NAME(lookup)(const uint8_t low[16],
                                                                   const uint8_t high[16], V x)
{
    return X2(LOOKUP(low, LOW(x)), LOOKUP(high, HIGH(x)));
}
#define SBOX(t, p, q, r)                                                                           \
    (t = SUBBYTES(t), p = NAME(lookup)(P_low, P_high, t), q = NAME(lookup)(Q_low, Q_high, t),      \
     r = X2(p, q), p = SHUFFLE(p, R0))
#define INTO(x) NAME(lookup)(M_low, M_high, x)
#define BACK(x) NAME(lookup)(M_BACK_low, M_BACK_high, x)
#endif
