/* Records in SM4-CBC with HMAC-SM3: what sealing and opening share. */
#ifndef TLCP_RECORD_CBC_H
#define TLCP_RECORD_CBC_H

#include "record.h"
#include "sm3.h"
#include "sm4.h"

typedef struct {
    sm4_key cipher;
    hmac_key mac;
} cbc_keys;

/* At most so many records are worked on together. */
#define GROUP SM4_MAX_LANES

/* A plaintext's last bytes, its MAC and the shortest padding are always three blocks. */
#define TAIL_BYTES 48

/* How many records of those left to take next, so that no group is much smaller than others. */
static inline size_t group_size(size_t left)
{
    size_t groups = (left + GROUP - 1) / GROUP, size = GROUP;
    while (size > 1 && (size - 1) * groups >= left)
        size--;
    return size;
}

#endif
