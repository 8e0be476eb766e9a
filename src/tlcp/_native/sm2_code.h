/* One compilation of everything on SM2 points; the includer names it SM2_CODE. */
#include "sm2_public.h"
#include "sm2_secret.h"

const sm2_code SM2_CODE = {
    .affine_from_bytes = affine_from_bytes,
    .affine_from_point = affine_from_point,
    .affine_from_two = affine_from_two,
    .affine_to_bytes = affine_to_bytes,
    .x_of_point = x_of_point,
    .mul_generator = point_mul_generator,
    .mul = point_mul,
    .mul_two_public = point_mul_two_public,
    .mul_two_table = point_mul_two_table,
    .table = point_table,
    .mul_add_public = point_mul_add_public,
    .x_is = x_is,
};
