/* The multiples of the generator. */
#include "sm2_point.h"

#include "sm2_public_table.h"
#include "sm2_table.h"
