/* Lengths of batches of records, and records in SM4-GCM.  Spec: GB/T 38636-2020 6.3.3 */
#include "record.h"

#include <string.h>

#include "gcm.h"

int lengths_fit(const uint32_t *lengths, size_t count, size_t gap, size_t size)
{
    size_t total = 0;
    for (size_t i = 0; i < count; i++) {
        if (lengths[i] > MAX_FRAGMENT)
            return 0;
        total += gap + lengths[i];
    }
    return total == size;
}

size_t tlcp_record_run(const uint8_t *data, size_t size, int type, uint32_t *lengths, size_t most)
{
    size_t n = 0;
    for (; n < most && size >= HEADER_BYTES; n++) {
        uint32_t length = (uint32_t)data[3] << 8 | data[4];
        if (data[0] != type || data[1] != 1 || data[2] != 1 || length > MAX_FRAGMENT ||
            length > size - HEADER_BYTES)
            break;
        lengths[n] = length;
        data += HEADER_BYTES + length;
        size -= HEADER_BYTES + length;
    }
    return n;
}

/* ---- SM4-GCM ---- */

typedef struct {
    gcm_key gcm;
    uint8_t nonce[12];
} keys;

_Static_assert(sizeof(keys) <= sizeof(tlcp_gcm), "tlcp_gcm is too small");

int tlcp_gcm_start(tlcp_gcm *opaque, const uint8_t key[16], const uint8_t fixed_iv[4])
{
    keys *k = (keys *)opaque;
    memset(k, 0, sizeof *k);
    gcm_set_key(&k->gcm, key);
    memcpy(k->nonce, fixed_iv, 4);
    return 1;
}

size_t tlcp_gcm_sealed_size(const uint32_t *lengths, size_t count)
{
    size_t size = 0;
    for (size_t i = 0; i < count; i++) {
        if (lengths[i] > MAX_FRAGMENT - EXPLICIT_BYTES - TAG_BYTES)
            return 0;
        size += HEADER_BYTES + EXPLICIT_BYTES + lengths[i] + TAG_BYTES;
    }
    return size;
}

int tlcp_gcm_seal(const tlcp_gcm *opaque, uint8_t *out, size_t out_size, int type,
                  uint64_t sequence, const uint8_t *data, size_t size, const uint32_t *lengths,
                  size_t count)
{
    const keys *k = (const keys *)opaque;
    uint8_t nonce[12], aad[MAC_HEADER_BYTES];
    if (!lengths_fit(lengths, count, 0, size) ||
        (count > 0 && out_size == 0) || tlcp_gcm_sealed_size(lengths, count) != out_size)
        return 0;
    memcpy(nonce, k->nonce, 4);
    for (size_t i = 0; i < count; i++, sequence++) {
        uint32_t length = lengths[i];
        put_header(out, type, EXPLICIT_BYTES + length + TAG_BYTES);
        out += HEADER_BYTES;
        put64(nonce + 4, sequence);
        put64(out, sequence);
        out += EXPLICIT_BYTES;
        put_mac_header(aad, sequence, type, length);
        gcm_seal(&k->gcm, out, out + length, nonce, aad, sizeof aad, data, length);
        out += length + TAG_BYTES;
        data += length;
    }
    return 1;
}

/* The room that the plaintexts of fragments may need; a fragment that is too short has none. */
static size_t most_plaintext(const uint32_t *lengths, size_t count)
{
    size_t size = 0;
    for (size_t i = 0; i < count; i++)
        if (lengths[i] > EXPLICIT_BYTES + TAG_BYTES)
            size += lengths[i] - EXPLICIT_BYTES - TAG_BYTES;
    return size;
}

size_t tlcp_gcm_open(const tlcp_gcm *opaque, uint8_t *out, size_t out_size, uint32_t *plain,
                     int type, uint64_t sequence, const uint8_t *data, size_t size, size_t gap,
                     const uint32_t *lengths, size_t count)
{
    const keys *k = (const keys *)opaque;
    uint8_t nonce[12], aad[MAC_HEADER_BYTES];
    if (!lengths_fit(lengths, count, gap, size) || out_size < most_plaintext(lengths, count))
        return 0;
    memcpy(nonce, k->nonce, 4);
    for (size_t i = 0; i < count; i++, sequence++) {
        data += gap;
        if (lengths[i] < EXPLICIT_BYTES + TAG_BYTES)
            return i;
        uint32_t length = lengths[i] - EXPLICIT_BYTES - TAG_BYTES;
        memcpy(nonce + 4, data, EXPLICIT_BYTES);
        data += EXPLICIT_BYTES;
        put_mac_header(aad, sequence, type, length);
        if (!gcm_open(&k->gcm, out, data + length, nonce, aad, sizeof aad, data, length))
            return i;
        plain[i] = length;
        if (length > MAX_PLAIN) { /* the caller sees its length, not its content */
            memset(out, 0, length);
            return i;
        }
        out += length;
        data += length + TAG_BYTES;
    }
    return count;
}
