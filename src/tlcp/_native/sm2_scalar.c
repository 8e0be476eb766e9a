/* Multiplication and inversion mod n. */
#include "sm2_scalar.h"

#include "mul_x86_64.h"
#include "sm2_inverse.h"

static const uint64_t N0 = 0x327f9e8872350975; /* -1 / n mod 2^64 */

/* a * b / 2^256 mod n */
static void mont_mul(sc *r, const sc *a, const sc *b)
#ifdef TLCP_X86_64
{
    uint64_t A, B, C, D, E, F, t, x, high, higher;
    __asm__ volatile(MONTGOMERY_PRODUCT(REDUCE_N)
            : [A] "=&r"(A), [B] "=&r"(B), [C] "=&r"(C), [D] "=&r"(D), [E] "=&r"(E), [F] "=&r"(F),
              [t] "=&r"(t), [x] "=&r"(x), "=&a"(high), "=&d"(higher)
            : [a] "r"(a), [b] "r"(b), [n0] "m"(N0), MODULUS(SM2_N)
            : "cc", "memory");
    *r = (sc){{t, x, high, higher}};
}
#else
{
    uint64_t t[6] = {0, 0, 0, 0, 0, 0};
    for (int i = 0; i < 4; i++) {
        uint64_t carry = 0, top = 0;
        for (int j = 0; j < 4; j++)
            t[j] = mul_add(a->v[i], b->v[j], t[j], &carry);
        t[4] = add_carry(t[4], carry, &top);
        uint64_t m = t[0] * N0;
        carry = 0;
        (void)mul_add(m, SM2_N.v[0], t[0], &carry);
        for (int j = 1; j < 4; j++)
            t[j - 1] = mul_add(m, SM2_N.v[j], t[j], &carry);
        uint64_t c = 0;
        t[3] = add_carry(t[4], carry, &c);
        t[4] = top + c;
    }
    sc low = {{t[0], t[1], t[2], t[3]}};
    limbs_reduce_once(r, t[4], &low, &SM2_N);
}
#endif

static const sc R2 = {
    {0x901192af7c114f20, 0x3464504ade6fa2fa, 0x620fc84c3affe0d4, 0x1eb5e412a22b3d3b}};

void sc_mul(sc *r, const sc *a, const sc *b)
{
    sc t;
    mont_mul(&t, a, &R2);
    mont_mul(r, &t, b);
}

void sc_inv(sc *r, const sc *a)
{
    limbs_inverse(r, a, &SM2_N, (0 - N0) & (((uint64_t)1 << 62) - 1));
}

uint64_t sc_from_bytes(sc *r, const uint8_t in[32], uint64_t above)
{
    limbs x, bound = SM2_N;
    limbs_from_bytes(&x, in);
    bound.v[0] -= above - 1; /* n ends in ...23, so no borrow for the small `above` in use */
    uint64_t ok = limbs_less_mask(&x, &bound) & ~limbs_zero_mask(&x);
    sc_reduce(r, &x);
    return ok;
}
