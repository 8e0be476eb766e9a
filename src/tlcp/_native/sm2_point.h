/* Points of the SM2 curve y^2 = x^3 - 3x + b, and the code that works on them: compiled once for
 * every processor and once for those with MULX. */
#ifndef TLCP_SM2_POINT_H
#define TLCP_SM2_POINT_H

#include "cpu.h"
#include "sm2_scalar.h"

/* Without optimization the compiler runs out of registers for the assembly. */
#if CPU_X86 && defined(__OPTIMIZE__)
#define SM2_HAS_MULX 1
#else
#define SM2_HAS_MULX 0
#endif

typedef limbs fe; /* see sm2_field.h */

typedef struct {
    fe x, y;
} affine; /* never at infinity */

typedef struct {
    fe x, y, z;
} point; /* Jacobian: (x / z^2, y / z^3); at infinity if z = 0 */

#define SPLIT 8 /* scalars are cut into so many parts where tables are at hand */
#define SPLIT_BITS (256 / SPLIT)
#define KEY_WIDTH 6
#define KEY_ENTRIES 16 /* odd multiples 1, 3, ... 31 */
#define KEY_COUNT (SPLIT * KEY_ENTRIES)
#define GENERATOR_WIDTH 8
#define GENERATOR_ENTRIES 64

#define COMB_BITS 6 /* digit size for the generator; a table serves digits 2i and 2i + 1 */
#define COMB_TABLES 22
#define COMB_ENTRIES 32

#define INTERNAL __attribute__((visibility("hidden")))

/* Of the generator, for secret scalars: [i][j] is (j + 1) * 2^(12 i) * G. */
INTERNAL extern const affine SM2_TABLE[COMB_TABLES][COMB_ENTRIES];

/* Of the generator, for public ones: [i][j] is (2j + 1) * 2^(32 i) * G. */
INTERNAL extern const affine SM2_PUBLIC_TABLE[SPLIT][GENERATOR_ENTRIES];

/* Of a public key P: [i][j] is (2j + 1) * 2^(32 i) * P. */
typedef struct {
    affine multiples[SPLIT][KEY_ENTRIES];
} key_table;

typedef struct {
    /* 1 if both coordinates are below p and the point is on the curve; for public points. */
    int (*affine_from_bytes)(affine *r, const uint8_t in[64]);

    /* The affine coordinates; zeros for the point at infinity. Constant time. */
    void (*affine_from_point)(affine *r, const point *a);
    void (*affine_to_bytes)(uint8_t out[64], const affine *a);

    /* x of a point as an integer. Constant time. */
    void (*x_of_point)(limbs *r, const point *a);

    /* Affine coordinates of two points. */
    void (*affine_from_two)(affine r[2], const point a[2]);

    /* k * G and k * P for secret 0 <= k < n, in constant time. */
    void (*mul_generator)(point *r, const sc *k);
    void (*mul)(point *r, const sc *k, const affine *p);

    /* a * G + b * P for public numbers; takes a time that depends on them. */
    void (*mul_two_public)(point *r, const sc *a, const sc *b, const affine *p);

    /* The same with a table of P; and to make one. */
    void (*mul_two_table)(point *r, const sc *a, const sc *b, const key_table *table);
    void (*table)(key_table *table, const affine *p);

    /* P + b * Q for public b and points; takes a time that depends on them. */
    void (*mul_add_public)(point *r, const affine *p, const sc *b, const affine *q);

    /* 1 if x mod n = c, for a public point that is not at infinity. */
    int (*x_is)(const point *p, const sc *c);
} sm2_code;

extern const sm2_code SM2_PLAIN;

#if SM2_HAS_MULX
extern const sm2_code SM2_MULX;
#endif

static inline const sm2_code *sm2_chosen(void)
{
#if SM2_HAS_MULX
    if (cpu_level >= CPU_AVX2)
        return &SM2_MULX;
#endif
    return &SM2_PLAIN;
}

#endif
