/* The SM2 field with MULX (BMI2), which leaves the flags alone, so that sums of products run on.
 *
 * All instructions take constant time. Names in the text: A to H the accumulator, lowest limb
 * first; t and x temporaries; rdx the factor of MULX. Operands stay in memory: "%H[a]" is the
 * second limb of a. The C versions in sm2_field.h say what is computed.
 */
#ifndef TLCP_SM2_MULX_H
#define TLCP_SM2_MULX_H

#define LOAD_FACTOR(operand) "movq " operand ", %%rdx\n\t"
#define MULX(operand, low, high) "mulxq " operand ", %[" low "], %[" high "]\n\t"

/* A..E = a[0] * b */
#define MULX_FIRST                                                                                \
    LOAD_FACTOR("%[a]")                                                                           \
    MULX("%[b]", "A", "B")                                                                        \
    MULX("%H[b]", "t", "C") "addq %[t], %[B]\n\t"                                                \
    MULX("%[b2]", "t", "D") "adcq %[t], %[C]\n\t"                                               \
    MULX("%H[b2]", "t", "E") "adcq %[t], %[D]\n\tadcq $0, %[E]\n\t"

/* (a0..a4) = (a0..a3) + (a limb) * b: the even limbs of b, then the odd ones */
#define MULX_NEXT(limb, a0, a1, a2, a3, a4)                                                       \
    LOAD_FACTOR(limb)                                                                     \
    "movl $0, %k[" a4 "]\n\t"                                                                     \
    MULX("%[b]", "t", "x") "addq %[t], %[" a0 "]\n\tadcq %[x], %[" a1 "]\n\t"                     \
    MULX("%[b2]", "t", "x") "adcq %[t], %[" a2 "]\n\tadcq %[x], %[" a3 "]\n\t"                  \
    "adcq $0, %[" a4 "]\n\t"                                                                      \
    MULX("%H[b]", "t", "x") "addq %[t], %[" a1 "]\n\tadcq %[x], %[" a2 "]\n\t"                   \
    MULX("%H[b2]", "t", "x") "adcq %[t], %[" a3 "]\n\tadcq %[x], %[" a4 "]\n\t"

/* A..H = a^2: cross products, doubled, then the squares */
#define MULX_SQUARE                                                                               \
    LOAD_FACTOR("%[a]")                                                                           \
    MULX("%H[a]", "B", "C")                                                                      \
    MULX("%[a2]", "t", "D") "addq %[t], %[C]\n\t"                                               \
    MULX("%H[a2]", "t", "E") "adcq %[t], %[D]\n\tadcq $0, %[E]\n\t"                              \
    LOAD_FACTOR("%H[a]")                                                                         \
    MULX("%[a2]", "t", "x")                                                                     \
    MULX("%H[a2]", "A", "F") "addq %[t], %[D]\n\tadcq %[x], %[E]\n\tadcq $0, %[F]\n\t"           \
    "movq %[a2], %%rdx\n\t"                                                                     \
    MULX("%H[a2]", "t", "G") "addq %[A], %[E]\n\tadcq %[t], %[F]\n\tadcq $0, %[G]\n\t"           \
    "xorl %k[H], %k[H]\n\t"                                                                       \
    "addq %[B], %[B]\n\tadcq %[C], %[C]\n\tadcq %[D], %[D]\n\tadcq %[E], %[E]\n\t"                \
    "adcq %[F], %[F]\n\tadcq %[G], %[G]\n\tadcq %[H], %[H]\n\t"                                   \
    LOAD_FACTOR("%[a]")                                                                           \
    "mulxq %%rdx, %[A], %[x]\n\taddq %[x], %[B]\n\t"                                              \
    LOAD_FACTOR("%H[a]")                                                                         \
    "mulxq %%rdx, %[t], %[x]\n\tadcq %[t], %[C]\n\tadcq %[x], %[D]\n\t"                           \
    LOAD_FACTOR("%[a2]")                                                                        \
    "mulxq %%rdx, %[t], %[x]\n\tadcq %[t], %[E]\n\tadcq %[x], %[F]\n\t"                           \
    LOAD_FACTOR("%H[a2]")                                                                        \
    "mulxq %%rdx, %[t], %[x]\n\tadcq %[t], %[G]\n\tadcq %[x], %[H]\n\t"

/* (a1, a2, a3, a0) = (a0..a3) / 2^64 + a0 * (p + 1) / 2^64; it stays below 2^256 */
#define MULX_REDUCE(a0, a1, a2, a3)                                                               \
    "movq %[" a0 "], %[t]\n\tshlq $32, %[t]\n\t"                                                  \
    "movq %[" a0 "], %[x]\n\tshrq $32, %[x]\n\t"                                                  \
    "addq %[" a0 "], %[" a1 "]\n\tadcq $0, %[" a2 "]\n\tadcq $0, %[" a3 "]\n\t"                   \
    "adcq $0, %[" a0 "]\n\t"                                                                      \
    "subq %[t], %[" a1 "]\n\tsbbq %[x], %[" a2 "]\n\tsbbq %[t], %[" a3 "]\n\t"                    \
    "sbbq %[x], %[" a0 "]\n\t"

/* E..H = (A..H) / 2^256 mod p */
#define MULX_FINISH                                                                               \
    "addq %[A], %[E]\n\tadcq %[B], %[F]\n\tadcq %[C], %[G]\n\tadcq %[D], %[H]\n\t"                \
    "movl $0, %k[x]\n\tadcq $0, %[x]\n\t"                                                         \
    SUBTRACT_P("E", "F", "G", "H", "A", "B", "C", "D", "x")

/* (a0..a3) = (a0..a3, carry) - p, or as it was if that is negative; t0..t3 for the difference */
#define SUBTRACT_P(a0, a1, a2, a3, t0, t1, t2, t3, carry)                                         \
    "movq %[" a0 "], %[" t0 "]\n\tmovq %[" a1 "], %[" t1 "]\n\t"                                  \
    "movq %[" a2 "], %[" t2 "]\n\tmovq %[" a3 "], %[" t3 "]\n\t"                                  \
    "subq $-1, %[" t0 "]\n\tsbbq %[p1], %[" t1 "]\n\t"                                            \
    "sbbq $-1, %[" t2 "]\n\tsbbq %[p3], %[" t3 "]\n\tsbbq $0, %[" carry "]\n\t"                   \
    "cmovncq %[" t0 "], %[" a0 "]\n\tcmovncq %[" t1 "], %[" a1 "]\n\t"                            \
    "cmovncq %[" t2 "], %[" a2 "]\n\tcmovncq %[" t3 "], %[" a3 "]\n\t"

static inline __attribute__((always_inline)) void fe_mul(fe *r, const fe *a, const fe *b)
{
    uint64_t A, B, C, D, E, F, G, H, t, x;
    __asm__(MULX_FIRST
            MULX_REDUCE("A", "B", "C", "D")
            MULX_NEXT("%H[a]", "B", "C", "D", "E", "F")
            MULX_REDUCE("B", "C", "D", "A")
            MULX_NEXT("%[a2]", "C", "D", "E", "F", "G")
            MULX_REDUCE("C", "D", "A", "B")
            MULX_NEXT("%H[a2]", "D", "E", "F", "G", "H")
            MULX_REDUCE("D", "A", "B", "C")
            MULX_FINISH
            : [A] "=&r"(A), [B] "=&r"(B), [C] "=&r"(C), [D] "=&r"(D), [E] "=&r"(E), [F] "=&r"(F),
              [G] "=&r"(G), [H] "=&r"(H), [t] "=&r"(t), [x] "=&r"(x)
            : [a] "m"(*a), [a2] "m"(a->v[2]), [b] "m"(*b), [b2] "m"(b->v[2]), [p1] "m"(SM2_P.v[1]), [p3] "m"(SM2_P.v[3])
            : "cc", "rdx");
    *r = (fe){{E, F, G, H}};
}

static inline __attribute__((always_inline)) void fe_sqr(fe *r, const fe *a)
{
    uint64_t A, B, C, D, E, F, G, H, t, x;
    __asm__(MULX_SQUARE
            MULX_REDUCE("A", "B", "C", "D") MULX_REDUCE("B", "C", "D", "A")
            MULX_REDUCE("C", "D", "A", "B") MULX_REDUCE("D", "A", "B", "C")
            MULX_FINISH
            : [A] "=&r"(A), [B] "=&r"(B), [C] "=&r"(C), [D] "=&r"(D), [E] "=&r"(E), [F] "=&r"(F),
              [G] "=&r"(G), [H] "=&r"(H), [t] "=&r"(t), [x] "=&r"(x)
            : [a] "m"(*a), [a2] "m"(a->v[2]), [p1] "m"(SM2_P.v[1]), [p3] "m"(SM2_P.v[3])
            : "cc", "rdx");
    *r = (fe){{E, F, G, H}};
}

static inline __attribute__((always_inline)) void fe_add(fe *r, const fe *a, const fe *b)
{
    uint64_t A, B, C, D, E, F, G, H, x;
    __asm__("movq %[a], %[A]\n\tmovq %H[a], %[B]\n\tmovq %[a2], %[C]\n\tmovq %H[a2], %[D]\n\t"
            "xorl %k[x], %k[x]\n\t"
            "addq %[b], %[A]\n\tadcq %H[b], %[B]\n\tadcq %[b2], %[C]\n\tadcq %H[b2], %[D]\n\t"
            "adcq %[x], %[x]\n\t"
            SUBTRACT_P("A", "B", "C", "D", "E", "F", "G", "H", "x")
            : [A] "=&r"(A), [B] "=&r"(B), [C] "=&r"(C), [D] "=&r"(D), [E] "=&r"(E), [F] "=&r"(F),
              [G] "=&r"(G), [H] "=&r"(H), [x] "=&r"(x)
            : [a] "m"(*a), [a2] "m"(a->v[2]), [b] "m"(*b), [b2] "m"(b->v[2]), [p1] "m"(SM2_P.v[1]), [p3] "m"(SM2_P.v[3])
            : "cc");
    *r = (fe){{A, B, C, D}};
}

/* The difference, and p masked by its borrow added. */
static inline __attribute__((always_inline)) void fe_sub(fe *r, const fe *a, const fe *b)
{
    uint64_t A, B, C, D, t, x, y;
    __asm__("movq %[a], %[A]\n\tmovq %H[a], %[B]\n\tmovq %[a2], %[C]\n\tmovq %H[a2], %[D]\n\t"
            "subq %[b], %[A]\n\tsbbq %H[b], %[B]\n\tsbbq %[b2], %[C]\n\tsbbq %H[b2], %[D]\n\t"
            "sbbq %[t], %[t]\n\tmovq %[t], %[x]\n\tshlq $32, %[x]\n\t"
            "movq %[p3], %[y]\n\tandq %[t], %[y]\n\t"
            "addq %[t], %[A]\n\tadcq %[x], %[B]\n\tadcq %[t], %[C]\n\tadcq %[y], %[D]\n\t"
            : [A] "=&r"(A), [B] "=&r"(B), [C] "=&r"(C), [D] "=&r"(D), [t] "=&r"(t), [x] "=&r"(x),
              [y] "=&r"(y)
            : [a] "m"(*a), [a2] "m"(a->v[2]), [b] "m"(*b), [b2] "m"(b->v[2]), [p3] "m"(SM2_P.v[3])
            : "cc");
    *r = (fe){{A, B, C, D}};
}

/* r = a / 2: p is added to an odd a first. */
static inline __attribute__((always_inline)) void fe_half(fe *r, const fe *a)
{
    uint64_t A, B, C, D, t, x, y;
    __asm__("movq %[a], %[A]\n\tmovq %H[a], %[B]\n\tmovq %[a2], %[C]\n\tmovq %H[a2], %[D]\n\t"
            "movq %[A], %[t]\n\tandl $1, %k[t]\n\tnegq %[t]\n\t"
            "movq %[t], %[x]\n\tshlq $32, %[x]\n\tmovq %[p3], %[y]\n\tandq %[t], %[y]\n\t"
            "addq %[t], %[A]\n\tadcq %[x], %[B]\n\tadcq %[t], %[C]\n\tadcq %[y], %[D]\n\t"
            "sbbq %[t], %[t]\n\t"
            "shrdq $1, %[B], %[A]\n\tshrdq $1, %[C], %[B]\n\t"
            "shrdq $1, %[D], %[C]\n\tshrdq $1, %[t], %[D]\n\t"
            : [A] "=&r"(A), [B] "=&r"(B), [C] "=&r"(C), [D] "=&r"(D), [t] "=&r"(t), [x] "=&r"(x),
              [y] "=&r"(y)
            : [a] "m"(*a), [a2] "m"(a->v[2]), [p3] "m"(SM2_P.v[3])
            : "cc");
    *r = (fe){{A, B, C, D}};
}

#endif
