/* Montgomery multiplication for x86-64: compilers make poor carry chains of 128-bit sums.
 *
 * Only instructions that every x86-64 has, all of constant time. The C versions next to the uses
 * say what is computed; -DTLCP_PORTABLE selects those. Names in the text: a0 to a5 accumulator,
 * lowest limb first; x the current limb of the first factor; t a carry; rax and rdx the products;
 * m0 to m3 the modulus. Constants are memory operands, to leave registers to debug builds.
 */
#ifndef TLCP_MUL_X86_64_H
#define TLCP_MUL_X86_64_H

#if defined(__x86_64__) && defined(__LP64__) && !defined(TLCP_PORTABLE)
#define TLCP_X86_64 1

/* a0..a4 = x * b; a5 = 0 */
#define MUL_FIRST(a0, a1, a2, a3, a4, a5)                                                         \
    "movq 0(%[a]), %[x]\n\t"                                                                      \
    "movq 0(%[b]), %%rax\n\tmulq %[x]\n\t"                                                        \
    "movq %%rax, %[" a0 "]\n\tmovq %%rdx, %[" a1 "]\n\t"                                          \
    "movq 8(%[b]), %%rax\n\tmulq %[x]\n\t"                                                        \
    "addq %%rax, %[" a1 "]\n\tadcq $0, %%rdx\n\tmovq %%rdx, %[" a2 "]\n\t"                        \
    "movq 16(%[b]), %%rax\n\tmulq %[x]\n\t"                                                       \
    "addq %%rax, %[" a2 "]\n\tadcq $0, %%rdx\n\tmovq %%rdx, %[" a3 "]\n\t"                        \
    "movq 24(%[b]), %%rax\n\tmulq %[x]\n\t"                                                       \
    "addq %%rax, %[" a3 "]\n\tadcq $0, %%rdx\n\tmovq %%rdx, %[" a4 "]\n\t"                        \
    "xorl %k[" a5 "], %k[" a5 "]\n\t"

/* (t, aj) = aj + x * b[j] + t */
#define MUL_LIMB(aj, offset)                                                                      \
    "movq " offset "(%[b]), %%rax\n\tmulq %[x]\n\t"                                               \
    "addq %[t], %[" aj "]\n\tadcq $0, %%rdx\n\t"                                                  \
    "addq %%rax, %[" aj "]\n\tadcq $0, %%rdx\n\tmovq %%rdx, %[t]\n\t"

/* a0..a4 += x * b for the limb of a at `offset`; a5 = 0 */
#define MUL_NEXT(offset, a0, a1, a2, a3, a4, a5)                                                  \
    "movq " offset "(%[a]), %[x]\n\t"                                                             \
    "movq 0(%[b]), %%rax\n\tmulq %[x]\n\t"                                                        \
    "addq %%rax, %[" a0 "]\n\tadcq $0, %%rdx\n\tmovq %%rdx, %[t]\n\t"                             \
    MUL_LIMB(a1, "8") MUL_LIMB(a2, "16") MUL_LIMB(a3, "24")                                       \
    "addq %[t], %[" a4 "]\n\txorl %k[" a5 "], %k[" a5 "]\n\t"

/* (a1..a5) += a0 * (p + 1) / 2^64 = a0 * (2^192 + 1) - a0 * 2^32 * (2^128 + 1) */
#define REDUCE_P(a0, a1, a2, a3, a4, a5)                                                          \
    "movq %[" a0 "], %[t]\n\tshlq $32, %[t]\n\t"                                                  \
    "movq %[" a0 "], %%rdx\n\tshrq $32, %%rdx\n\t"                                                \
    "addq %[" a0 "], %[" a1 "]\n\tadcq $0, %[" a2 "]\n\tadcq $0, %[" a3 "]\n\t"                   \
    "adcq %[" a0 "], %[" a4 "]\n\tadcq $0, %[" a5 "]\n\t"                                         \
    "subq %[t], %[" a1 "]\n\tsbbq %%rdx, %[" a2 "]\n\tsbbq %[t], %[" a3 "]\n\t"                   \
    "sbbq %%rdx, %[" a4 "]\n\tsbbq $0, %[" a5 "]\n\t"

/* (a0..a5) += m * n for the m that clears a0; n = 2^256 - 2^224 - 2^128 + (two low limbs) */
#define REDUCE_N(a0, a1, a2, a3, a4, a5)                                                          \
    "movq %[n0], %%rax\n\tmulq %[" a0 "]\n\tmovq %%rax, %[x]\n\t"                                 \
    "mulq %[m0]\n\t"                                                                              \
    "addq %%rax, %[" a0 "]\n\tadcq $0, %%rdx\n\tmovq %%rdx, %[t]\n\t"                             \
    "movq %[x], %%rax\n\tmulq %[m1]\n\t"                                                          \
    "addq %[t], %%rax\n\tadcq $0, %%rdx\n\t"                                                      \
    "addq %%rax, %[" a1 "]\n\tadcq %%rdx, %[" a2 "]\n\tadcq $0, %[" a3 "]\n\t"                    \
    "adcq %[x], %[" a4 "]\n\tadcq $0, %[" a5 "]\n\t"                                              \
    "movq %[x], %[t]\n\tshlq $32, %[t]\n\t"                                                       \
    "movq %[x], %%rdx\n\tshrq $32, %%rdx\n\t"                                                     \
    "subq %[x], %[" a2 "]\n\tsbbq %[t], %[" a3 "]\n\tsbbq %%rdx, %[" a4 "]\n\t"                   \
    "sbbq $0, %[" a5 "]\n\t"

/* (t, x, rax, rdx) = (a0..a4) - modulus, or a0..a3 if that is negative */
#define SUBTRACT_ONCE(a0, a1, a2, a3, a4)                                                         \
    "movq %[" a0 "], %[t]\n\tmovq %[" a1 "], %[x]\n\t"                                            \
    "movq %[" a2 "], %%rax\n\tmovq %[" a3 "], %%rdx\n\t"                                          \
    "subq %[m0], %[t]\n\tsbbq %[m1], %[x]\n\t"                                                    \
    "sbbq %[m2], %%rax\n\tsbbq %[m3], %%rdx\n\tsbbq $0, %[" a4 "]\n\t"                            \
    "cmovcq %[" a0 "], %[t]\n\tcmovcq %[" a1 "], %[x]\n\t"                                        \
    "cmovcq %[" a2 "], %%rax\n\tcmovcq %[" a3 "], %%rdx\n\t"

/* The whole product; after each reduction the accumulator's names move down by one. */
#define MONTGOMERY_PRODUCT(REDUCE)                                                                \
    MUL_FIRST("A", "B", "C", "D", "E", "F")                                                       \
    REDUCE("A", "B", "C", "D", "E", "F")                                                          \
    MUL_NEXT("8", "B", "C", "D", "E", "F", "A")                                                   \
    REDUCE("B", "C", "D", "E", "F", "A")                                                          \
    MUL_NEXT("16", "C", "D", "E", "F", "A", "B")                                                  \
    REDUCE("C", "D", "E", "F", "A", "B")                                                          \
    MUL_NEXT("24", "D", "E", "F", "A", "B", "C")                                                  \
    REDUCE("D", "E", "F", "A", "B", "C")                                                          \
    SUBTRACT_ONCE("E", "F", "A", "B", "C")

/* aj += low half of limb^2 + carry, ak += high half + carry; the carry stays in t */
#define SQUARE_LIMB(offset, aj, ak)                                                               \
    "movq " offset "(%[a]), %%rax\n\tmulq %%rax\n\t"                                              \
    "addq %[t], %[" aj "]\n\tadcq $0, %%rdx\n\t"                                                  \
    "addq %%rax, %[" aj "]\n\tadcq %%rdx, %[" ak "]\n\t"                                          \
    "movl $0, %k[t]\n\tadcq $0, %[t]\n\t"

/* A..H = the 512-bit square: cross products, doubled, then the squares */
#define SQUARE_WIDE                                                                               \
    "movq 0(%[a]), %[x]\n\t"                                                                      \
    "movq 8(%[a]), %%rax\n\tmulq %[x]\n\tmovq %%rax, %[B]\n\tmovq %%rdx, %[C]\n\t"                \
    "movq 16(%[a]), %%rax\n\tmulq %[x]\n\t"                                                       \
    "addq %%rax, %[C]\n\tadcq $0, %%rdx\n\tmovq %%rdx, %[D]\n\t"                                  \
    "movq 24(%[a]), %%rax\n\tmulq %[x]\n\t"                                                       \
    "addq %%rax, %[D]\n\tadcq $0, %%rdx\n\tmovq %%rdx, %[E]\n\t"                                  \
    "movq 8(%[a]), %[x]\n\t"                                                                      \
    "movq 16(%[a]), %%rax\n\tmulq %[x]\n\t"                                                       \
    "addq %%rax, %[D]\n\tadcq $0, %%rdx\n\tmovq %%rdx, %[t]\n\t"                                  \
    "movq 24(%[a]), %%rax\n\tmulq %[x]\n\t"                                                       \
    "addq %[t], %[E]\n\tadcq $0, %%rdx\n\t"                                                       \
    "addq %%rax, %[E]\n\tadcq $0, %%rdx\n\tmovq %%rdx, %[F]\n\t"                                  \
    "movq 16(%[a]), %%rax\n\tmulq 24(%[a])\n\t"                                                   \
    "addq %%rax, %[F]\n\tadcq $0, %%rdx\n\tmovq %%rdx, %[G]\n\t"                                  \
    "xorl %k[H], %k[H]\n\t"                                                                       \
    "addq %[B], %[B]\n\tadcq %[C], %[C]\n\tadcq %[D], %[D]\n\tadcq %[E], %[E]\n\t"                \
    "adcq %[F], %[F]\n\tadcq %[G], %[G]\n\tadcq $0, %[H]\n\t"                                     \
    "movq 0(%[a]), %%rax\n\tmulq %%rax\n\tmovq %%rax, %[A]\n\t"                                   \
    "addq %%rdx, %[B]\n\tmovl $0, %k[t]\n\tadcq $0, %[t]\n\t"                                     \
    SQUARE_LIMB("8", "C", "D") SQUARE_LIMB("16", "E", "F") SQUARE_LIMB("24", "G", "H")

/* (a1, a2, a3, a0) = (a0..a3) / 2^64 + a0 * (p + 1) / 2^64; it stays below 2^256 */
#define REDUCE_P_LOW(a0, a1, a2, a3)                                                              \
    "movq %[" a0 "], %[t]\n\tshlq $32, %[t]\n\t"                                                  \
    "movq %[" a0 "], %%rdx\n\tshrq $32, %%rdx\n\t"                                                \
    "addq %[" a0 "], %[" a1 "]\n\tadcq $0, %[" a2 "]\n\tadcq $0, %[" a3 "]\n\t"                   \
    "adcq $0, %[" a0 "]\n\t"                                                                      \
    "subq %[t], %[" a1 "]\n\tsbbq %%rdx, %[" a2 "]\n\tsbbq %[t], %[" a3 "]\n\t"                   \
    "sbbq %%rdx, %[" a0 "]\n\t"

#define SQUARE_P                                                                                  \
    SQUARE_WIDE                                                                                   \
    REDUCE_P_LOW("A", "B", "C", "D") REDUCE_P_LOW("B", "C", "D", "A")                             \
    REDUCE_P_LOW("C", "D", "A", "B") REDUCE_P_LOW("D", "A", "B", "C")                             \
    "addq %[A], %[E]\n\tadcq %[B], %[F]\n\tadcq %[C], %[G]\n\tadcq %[D], %[H]\n\t"                \
    "movl $0, %k[A]\n\tadcq $0, %[A]\n\t"                                                         \
    SUBTRACT_ONCE("E", "F", "G", "H", "A")

#define MODULUS(M) [m0] "m"(M.v[0]), [m1] "m"(M.v[1]), [m2] "m"(M.v[2]), [m3] "m"(M.v[3])

#endif
#endif
