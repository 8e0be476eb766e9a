/* Opening records in SM4-CBC with HMAC-SM3, in a time that does not depend on the padding.
 *
 * Where the plaintext ends is a secret until the MAC was found to be right, and so is whether the
 * padding was: MAC-then-encrypt tells too much else. So all positions where it may end are dealt
 * with alike. Hash blocks up to the first of them are taken in at once, those behind it one by one,
 * and the digest of the right one is kept by masks. The MAC is picked out by masks, too. A wrong
 * padding counts as an empty one, and the MAC is computed in any case.
 *
 * Spec: GB/T 38636-2020 6.3.3.4.2; RFC 5246 6.2.3.2 */
#include <string.h>

#include "limbs.h"
#include "record_cbc.h"

#define MOST_PADDING 255
#define LEAST (IV_BYTES + MAC_BYTES + SM4_BLOCK)

typedef struct {
    uint8_t *text;           /* decrypted: plaintext, MAC, padding */
    uint32_t size;           /* of all that */
    uint32_t shortest, room; /* the plaintext has at least and at most so many bytes */
    uint32_t length;         /* secret: it has so many */
    uint32_t good;           /* secret: all ones if the padding is right */
    uint32_t block, blocks;  /* the next block for the hash, and how many there may be */
    uint32_t digest[8];      /* secret: state behind the block that was the last one */
    uint8_t header[MAC_HEADER_BYTES], scratch[64];
} record;

static inline uint32_t hide32(uint32_t x)
{
    __asm__("" : "+r"(x));
    return x;
}

/* All ones if a < b; both below 2^31. */
static inline uint32_t less(uint32_t a, uint32_t b)
{
    return hide32((uint32_t)0 - ((a - b) >> 31));
}

static inline uint32_t equal(uint32_t a, uint32_t b)
{
    uint32_t x = a ^ b;
    return hide32((uint32_t)0 - ((~x & (x - 1)) >> 31));
}

/* length and good, from the padding. */
static void read_padding(record *r)
{
    uint32_t pad = r->text[r->size - 1], checked = r->room - r->shortest, wrong = 0;
    for (uint32_t i = 0; i <= checked; i++)
        wrong |= ~less(pad, i) & (uint32_t)(r->text[r->size - 1 - i] ^ pad);
    r->good = ~less(r->room, pad) & equal(wrong, 0);
    r->length = r->room - (pad & r->good);
}

/* Byte j of block is masked by where the message ends: end is that place in the block, less than 0
 * or more than 63 if it is in another one. */
static void end_message(uint8_t block[64], int32_t end)
{
    /* one signed byte is enough: -1 and 64 stand for what is beyond */
    int32_t below = -(int32_t)(hide32((uint32_t)end) >> 31);
    end = (end & ~below) | (-1 & below);
    int32_t above = (int32_t)less(64, (uint32_t)end & 0x7fffffff) & ~below;
    int8_t at = (int8_t)((end & ~above) | (64 & above));
    for (int j = 0; j < 64; j++) {
        int8_t before = (int8_t)(((int8_t)j - at) >> 7);       /* j < at */
        int8_t upto = (int8_t)(((int8_t)j - 1 - at) >> 7);     /* j <= at */
        block[j] = (uint8_t)((block[j] & before) | (0x80 & upto & ~before));
    }
}

/* The next block that may be the last one; returns all ones if it is. */
static uint32_t next_block(record *r)
{
    uint32_t start = 64 * r->block, total = MAC_HEADER_BYTES + r->length;
    uint32_t last = equal(r->block, (total + 8) / 64);
    uint8_t bits[8];
    for (uint32_t j = 0; j < 64; j++) {
        uint32_t at = start + j;
        if (at < MAC_HEADER_BYTES)
            r->scratch[j] = r->header[at];
        else
            r->scratch[j] = at - MAC_HEADER_BYTES < r->size ? r->text[at - MAC_HEADER_BYTES] : 0;
    }
    end_message(r->scratch, (int32_t)(total - start));
    put64(bits, (uint64_t)(64 + total) * 8);
    for (int j = 0; j < 8; j++)
        r->scratch[56 + j] |= bits[j] & (uint8_t)last;
    return last;
}

/* Blocks that hold nothing but header and plaintext, whatever the padding is. */
static void common_job(sm3_job *job, record *r, const hmac_key *key)
{
    uint32_t common = (MAC_HEADER_BYTES + r->shortest) / 64;
    memcpy(job->state, key->inner, sizeof job->state);
    memset(job->blocks, 0, sizeof job->blocks);
    if (common > 0) {
        memcpy(r->scratch, r->header, MAC_HEADER_BYTES);
        memcpy(r->scratch + MAC_HEADER_BYTES, r->text, 64 - MAC_HEADER_BYTES);
        job->data[0] = r->scratch;
        job->blocks[0] = 1;
        job->data[1] = r->text + (64 - MAC_HEADER_BYTES);
        job->blocks[1] = common - 1;
    }
    r->block = common;
    r->blocks = (MAC_HEADER_BYTES + r->room + 8) / 64 + 1;
    memset(r->digest, 0, sizeof r->digest);
}

/* Take in, one by one, the blocks of which one is the last; digest is then the inner hash. */
static void uncommon_blocks(record *records, sm3_job *jobs, size_t n)
{
    sm3_job some[GROUP];
    uint32_t last[GROUP], which[GROUP];
    for (size_t now = 1; now > 0;) {
        now = 0;
        for (size_t i = 0; i < n; i++) {
            if (records[i].block == records[i].blocks)
                continue;
            last[now] = next_block(&records[i]);
            records[i].block++;
            jobs[i].data[0] = records[i].scratch;
            jobs[i].blocks[0] = 1;
            which[now] = (uint32_t)i;
            some[now++] = jobs[i];
        }
        sm3_run(some, now);
        for (size_t i = 0; i < now; i++) {
            memcpy(jobs[which[i]].state, some[i].state, sizeof some[i].state);
            for (int j = 0; j < 8; j++)
                records[which[i]].digest[j] |= some[i].state[j] & last[i];
        }
    }
    wipe(some, sizeof some);
}

static void outer_hashes(record *records, sm3_job *jobs, size_t n, const hmac_key *key)
{
    for (size_t i = 0; i < n; i++) {
        hmac_outer_block(records[i].scratch, records[i].digest);
        memcpy(jobs[i].state, key->outer, sizeof jobs[i].state);
        jobs[i].data[0] = records[i].scratch;
        jobs[i].blocks[0] = 1;
    }
    sm3_run(jobs, n);
}

/* All ones if the 32 bytes behind the plaintext are mac. They are collected modulo 32 from all
 * places where they may be, then rotated. */
static uint32_t mac_is(const record *r, const uint8_t mac[MAC_BYTES])
{
    const uint8_t *window = r->text + r->shortest;
    uint32_t size = r->room - r->shortest + MAC_BYTES, difference = 0;
    uint16_t start = (uint16_t)(r->length - r->shortest);
    uint8_t found[MAC_BYTES] = {0}, turned[MAC_BYTES];
    for (uint32_t at = 0; at < size; at += MAC_BYTES) {
        uint8_t piece[MAC_BYTES] = {0};
        memcpy(piece, window + at, size - at < MAC_BYTES ? size - at : MAC_BYTES);
        for (uint32_t j = 0; j < MAC_BYTES; j++) {
            uint16_t from = (uint16_t)(at + j - start); /* below 32: a byte of the MAC */
            uint16_t mask = (uint16_t)(0 - ((uint16_t)((from >> 5) - 1) >> 15));
            found[j] |= piece[j] & (uint8_t)mask;
        }
    }
    for (uint32_t step = 1; step < MAC_BYTES; step <<= 1) {
        uint8_t mask = (uint8_t)~equal(start & step, 0);
        for (uint32_t j = 0; j < MAC_BYTES; j++)
            turned[j] = (found[(j + step) & 31] & mask) | (found[j] & (uint8_t)~mask);
        memcpy(found, turned, sizeof found);
    }
    for (int j = 0; j < MAC_BYTES; j++)
        difference |= (uint32_t)(found[j] ^ mac[j]);
    return equal(difference, 0);
}

/* Decrypt and check n records; good of each is all ones if it is right. */
static void check_group(const cbc_keys *k, record *records, size_t n, int type, uint64_t sequence)
{
    sm3_job jobs[GROUP];
    const sm4_path *path = sm4_best();
    for (size_t i = 0; i < n; i++) {
        record *r = &records[i];
        path->cbc_decrypt(&k->cipher, r->text, r->text, r->size / SM4_BLOCK);
        r->room = r->size - MAC_BYTES - 1;
        r->shortest = r->room < MOST_PADDING ? 0 : r->room - MOST_PADDING;
        read_padding(r);
        put_mac_header(r->header, sequence + i, type, r->length);
        common_job(&jobs[i], r, &k->mac);
    }
    sm3_run(jobs, n);
    uncommon_blocks(records, jobs, n);
    outer_hashes(records, jobs, n, &k->mac);
    for (size_t i = 0; i < n; i++) {
        uint8_t mac[MAC_BYTES];
        sm3_store(mac, jobs[i].state);
        records[i].good &= mac_is(&records[i], mac);
        wipe(mac, sizeof mac);
    }
    wipe(jobs, n * sizeof *jobs);
}

/* The lengths of the plaintexts up to the first bad record; the rest is zeroed. */
static size_t deliver(record *records, size_t n, uint32_t *plain)
{
    size_t good = 0;
    for (; good < n; good++) {
        record *r = &records[good];
        DECLASSIFY(&r->good, sizeof r->good);
        if (r->good == 0)
            break;
        DECLASSIFY(&r->length, sizeof r->length);
        plain[good] = r->length;
        if (r->length > MAX_PLAIN)
            break;
    }
    for (size_t i = good; i < n; i++)
        memset(records[i].text, 0, records[i].size);
    return good;
}

size_t tlcp_cbc_open(const tlcp_cbc *opaque, uint32_t *plain, int type, uint64_t sequence,
                     uint8_t *data, size_t size, size_t gap, const uint32_t *lengths, size_t count)
{
    record records[GROUP];
    size_t done = 0, n, good;
    if (!lengths_fit(lengths, count, gap, size))
        return 0;
    while (done < count) {
        size_t wanted = group_size(count - done);
        for (n = 0; n < wanted; n++) {
            uint32_t length = lengths[done + n];
            if (length < LEAST || length % SM4_BLOCK != 0)
                break;
            records[n].text = data + gap + IV_BYTES;
            records[n].size = length - IV_BYTES;
            data += gap + length;
        }
        check_group((const cbc_keys *)opaque, records, n, type, sequence + done);
        good = deliver(records, n, plain + done);
        wipe(records, n * sizeof *records);
        done += good;
        if (good < wanted)
            break;
    }
    return done;
}

int tlcp_cbc_take(uint8_t *out, const uint32_t *plain, const uint8_t *data, size_t gap,
                  const uint32_t *lengths, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        memcpy(out, data + gap + IV_BYTES, plain[i]);
        out += plain[i];
        data += gap + lengths[i];
    }
    return 1;
}
