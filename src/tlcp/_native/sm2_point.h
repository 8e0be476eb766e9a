/* Points of the SM2 curve y^2 = x^3 - 3x + b. */
#ifndef TLCP_SM2_POINT_H
#define TLCP_SM2_POINT_H

#include "sm2_field.h"
#include "sm2_scalar.h"

typedef struct {
    fe x, y;
} affine; /* never at infinity */

typedef struct {
    fe x, y, z;
} point; /* Jacobian: (x / z^2, y / z^3); at infinity if z = 0 */

/* 1 if both coordinates are below p and the point is on the curve; for public points. */
int affine_from_bytes(affine *r, const uint8_t in[64]);

/* The affine coordinates; zeros for the point at infinity. Constant time. */
void affine_from_point(affine *r, const point *a);
void affine_to_bytes(uint8_t out[64], const affine *a);

/* k * G and k * P for secret 0 <= k < n, in constant time. */
void point_mul_generator(point *r, const sc *k);
void point_mul(point *r, const sc *k, const affine *p);

/* a * G + b * P for public numbers; takes a time that depends on them. */
void point_mul_two_public(point *r, const sc *a, const sc *b, const affine *p);

/* P + b * Q for public b and points; takes a time that depends on them. */
void point_mul_add_public(point *r, const affine *p, const sc *b, const affine *q);

#endif
