/* Sealing records in SM4-CBC with HMAC-SM3: many at once, each in a lane of its own, for within a
 * record both go block after block.  Spec: GB/T 38636-2020 6.3.3.4.2 */
#include "record_cbc.h"

#include <string.h>

#include "limbs.h"

_Static_assert(sizeof(cbc_keys) <= sizeof(tlcp_cbc), "tlcp_cbc is too small");

int tlcp_cbc_start(tlcp_cbc *opaque, const uint8_t mac_key[32], const uint8_t key[16])
{
    cbc_keys *k = (cbc_keys *)opaque;
    hmac_set_key(&k->mac, mac_key, MAC_BYTES);
    sm4_set_key(&k->cipher, key);
    return 1;
}

/* Plaintext, MAC and padding; the text in front of the tail is whole blocks. */
static inline uint32_t padded_size(uint32_t length)
{
    return (length & ~15U) + TAIL_BYTES;
}

size_t tlcp_cbc_sealed_size(const uint32_t *lengths, size_t count)
{
    size_t size = 0;
    for (size_t i = 0; i < count; i++) {
        if (lengths[i] > MAX_FRAGMENT - IV_BYTES - TAIL_BYTES)
            return 0;
        size += HEADER_BYTES + IV_BYTES + padded_size(lengths[i]);
    }
    return size;
}

typedef struct {
    const uint8_t *plain;
    uint32_t length;
    uint8_t *out; /* behind the IV */
    uint8_t head[64], last[128], tail[TAIL_BYTES];
} record;

/* The blocks that the inner hash takes in: header and first bytes; then straight from the
 * plaintext; then its end and the padding of the hash. */
static void inner_job(sm3_job *job, record *r, const hmac_key *key, uint64_t sequence, int type)
{
    size_t total = MAC_HEADER_BYTES + r->length, body = 0, used = total;
    uint8_t *last = r->last;
    memcpy(job->state, key->inner, sizeof job->state);
    job->blocks[0] = 0;
    if (total >= 64) {
        put_mac_header(r->head, sequence, type, r->length);
        memcpy(r->head + MAC_HEADER_BYTES, r->plain, 64 - MAC_HEADER_BYTES);
        job->blocks[0] = 1;
        body = total / 64 - 1;
        used = total % 64;
        memcpy(last, r->plain + r->length - used, used);
    } else {
        put_mac_header(last, sequence, type, r->length);
        memcpy(last + MAC_HEADER_BYTES, r->plain, r->length);
    }
    size_t padded = used + 9 <= 64 ? 64 : 128;
    memset(last + used, 0, padded - used);
    last[used] = 0x80;
    put64(last + padded - 8, (64 + total) * 8);
    job->data[0] = r->head;
    job->data[1] = r->plain + (64 - MAC_HEADER_BYTES);
    job->blocks[1] = body;
    job->data[2] = last;
    job->blocks[2] = padded / 64;
}

static void outer_job(sm3_job *job, record *r, const hmac_key *key)
{
    hmac_outer_block(r->head, job->state);
    memcpy(job->state, key->outer, sizeof job->state);
    job->data[0] = r->head;
    job->blocks[0] = 1;
    job->blocks[1] = job->blocks[2] = 0;
}

/* The last three blocks: rest of the plaintext, MAC, padding.  6.3.3.4.2 */
static void fill_tail(record *r, const sm3_job *job)
{
    uint32_t rest = r->length & 15;
    uint8_t pad = (uint8_t)(TAIL_BYTES - rest - MAC_BYTES);
    memcpy(r->tail, r->plain + r->length - rest, rest);
    sm3_store(r->tail + rest, job->state);
    memset(r->tail + rest + MAC_BYTES, pad - 1, pad);
}

/* Encrypt one piece of each record, of blocks[i] blocks, in as many lanes as still have some. */
static void encrypt(const sm4_key *key, uint8_t *to[], const uint8_t *from[], size_t blocks[],
                    size_t n)
{
    const sm4_path *path = sm4_best();
    while (n > 0) {
        size_t run = blocks[0];
        for (size_t i = 1; i < n; i++)
            run = blocks[i] < run ? blocks[i] : run;
        if (run > 0)
            path->cbc_encrypt(key, to, from, n, run);
        size_t kept = 0;
        for (size_t i = 0; i < n; i++) {
            if (blocks[i] == run)
                continue;
            to[kept] = to[i] + SM4_BLOCK * run;
            from[kept] = from[i] + SM4_BLOCK * run;
            blocks[kept++] = blocks[i] - run;
        }
        n = kept;
    }
}

static void encrypt_records(const sm4_key *key, record *records, size_t n)
{
    uint8_t *to[GROUP];
    const uint8_t *from[GROUP];
    size_t blocks[GROUP];
    for (size_t i = 0; i < n; i++) {
        to[i] = records[i].out;
        from[i] = records[i].plain;
        blocks[i] = records[i].length / SM4_BLOCK;
    }
    encrypt(key, to, from, blocks, n);
    for (size_t i = 0; i < n; i++) {
        to[i] = records[i].out + (records[i].length & ~15U);
        from[i] = records[i].tail;
        blocks[i] = TAIL_BYTES / SM4_BLOCK;
    }
    encrypt(key, to, from, blocks, n);
}

static void seal_group(const cbc_keys *k, record *records, size_t n, int type, uint64_t sequence)
{
    sm3_job jobs[GROUP];
    for (size_t i = 0; i < n; i++)
        inner_job(&jobs[i], &records[i], &k->mac, sequence + i, type);
    sm3_run(jobs, n);
    for (size_t i = 0; i < n; i++)
        outer_job(&jobs[i], &records[i], &k->mac);
    sm3_run(jobs, n);
    for (size_t i = 0; i < n; i++)
        fill_tail(&records[i], &jobs[i]);
    encrypt_records(&k->cipher, records, n);
    wipe(jobs, n * sizeof *jobs);
}

int tlcp_cbc_seal(const tlcp_cbc *opaque, uint8_t *out, size_t out_size, int type,
                  uint64_t sequence, const uint8_t *ivs, const uint8_t *data, size_t size,
                  const uint32_t *lengths, size_t count)
{
    record records[GROUP];
    if (!lengths_fit(lengths, count, 0, size) || (count > 0 && out_size == 0) ||
        tlcp_cbc_sealed_size(lengths, count) != out_size)
        return 0;
    for (size_t done = 0, n; done < count; done += n) {
        n = group_size(count - done);
        for (size_t i = 0; i < n; i++) {
            uint32_t length = lengths[done + i];
            put_header(out, type, IV_BYTES + padded_size(length));
            memcpy(out + HEADER_BYTES, ivs, IV_BYTES);
            out += HEADER_BYTES + IV_BYTES;
            records[i].plain = data;
            records[i].length = length;
            records[i].out = out;
            ivs += IV_BYTES;
            data += length;
            out += padded_size(length);
        }
        seal_group((const cbc_keys *)opaque, records, n, type, sequence + done);
        wipe(records, n * sizeof *records);
    }
    return 1;
}
