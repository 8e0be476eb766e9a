/* What the kernels for records share. */
#ifndef TLCP_RECORD_H
#define TLCP_RECORD_H

#include <stddef.h>
#include <stdint.h>

#include "tlcp_native.h"

enum {
    HEADER_BYTES = 5,
    MAC_HEADER_BYTES = 13,
    MAC_BYTES = 32,
    IV_BYTES = 16,
    EXPLICIT_BYTES = 8,
    TAG_BYTES = 16,
    MAX_PLAIN = 1 << 14,
    MAX_FRAGMENT = (1 << 14) + 2048,
};

/* For tests with valgrind: from here on these bytes are public. */
#ifndef DECLASSIFY
#define DECLASSIFY(p, n) ((void)(p))
#endif

static inline void put16(uint8_t *p, uint32_t x)
{
    p[0] = (uint8_t)(x >> 8);
    p[1] = (uint8_t)x;
}

static inline void put64(uint8_t *p, uint64_t x)
{
    for (int i = 0; i < 8; i++)
        p[i] = (uint8_t)(x >> (56 - 8 * i));
}

static inline void put_header(uint8_t *p, int type, uint32_t length)
{
    p[0] = (uint8_t)type;
    put16(p + 1, 0x0101);
    put16(p + 3, length);
}

/* Sequence number and header of the plaintext, which both modes authenticate.
 * GB/T 38636-2020 6.3.3.4.2, 6.3.3.4.3 */
static inline void put_mac_header(uint8_t *p, uint64_t sequence, int type, uint32_t length)
{
    put64(p, sequence);
    put_header(p + 8, type, length);
}

/* 1 if each length fits a record and all of them, each behind a gap, make up size bytes. */
int lengths_fit(const uint32_t *lengths, size_t count, size_t gap, size_t size);

#endif
