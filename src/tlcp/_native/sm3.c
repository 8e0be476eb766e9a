/* SM3 and HMAC: one stream in portable C, and the work on many streams together. */
#include "sm3.h"

#include "cpu.h"
#include "limbs.h"

#define TARGET
#define BLOCKS sm3_blocks_portable
static void BLOCKS(uint32_t state[8], const uint8_t *data, size_t blocks);
#include "sm3_scalar.h"

static const uint32_t initial[8] = {0x7380166f, 0x4914b2b9, 0x172442d7, 0xda8a0600,
                                    0xa96f30bc, 0x163138aa, 0xe38dee4d, 0xb0fb0e4e};

void sm3_blocks(uint32_t state[8], const uint8_t *data, size_t blocks)
{
#if CPU_X86
    if (cpu_level >= CPU_AVX2) {
        sm3_blocks_bmi2(state, data, blocks);
        return;
    }
#endif
    sm3_blocks_portable(state, data, blocks);
}

static inline void store32(uint8_t *p, uint32_t x)
{
    for (int i = 0; i < 4; i++)
        p[i] = (uint8_t)(x >> (24 - 8 * i));
}

void sm3_store(uint8_t out[32], const uint32_t state[8])
{
    for (int i = 0; i < 8; i++)
        store32(out + 4 * i, state[i]);
}

void sm3_start(sm3 *h)
{
    memcpy(h->state, initial, sizeof initial);
    h->length = 0;
}

void sm3_update(sm3 *h, const uint8_t *data, size_t length)
{
    size_t used = (size_t)(h->length % 64), take;
    if (length == 0)
        return;
    h->length += length;
    if (used > 0) {
        take = 64 - used < length ? 64 - used : length;
        memcpy(h->block + used, data, take);
        data += take;
        length -= take;
        if (used + take < 64)
            return;
        sm3_blocks(h->state, h->block, 1);
    }
    sm3_blocks(h->state, data, length / 64);
    memcpy(h->block, data + (length & ~(size_t)63), length & 63);
}

void sm3_finish(sm3 *h, uint8_t out[32])
{
    uint64_t bits = h->length * 8;
    size_t used = (size_t)(h->length % 64);
    h->block[used++] = 0x80;
    if (used > 56) {
        memset(h->block + used, 0, 64 - used);
        sm3_blocks(h->state, h->block, 1);
        used = 0;
    }
    memset(h->block + used, 0, 56 - used);
    store32(h->block + 56, (uint32_t)(bits >> 32));
    store32(h->block + 60, (uint32_t)bits);
    sm3_blocks(h->state, h->block, 1);
    sm3_store(out, h->state);
}

/* ---- many streams ---- */

static size_t first_piece(sm3_job *job)
{
    for (int i = 0; i < 3; i++)
        if (job->blocks[i] > 0)
            return (size_t)i;
    return 3;
}

static void alone(sm3_job *job)
{
    for (int i = 0; i < 3; i++) {
        sm3_blocks(job->state, job->data[i], job->blocks[i]);
        job->blocks[i] = 0;
    }
}

/* One stream at a time is faster below this number of them. */
#define FEW 3

typedef struct {
    uint32_t state[8][SM3_LANES];
    sm3_job *job[SM3_LANES];
    size_t active;
} lane_set;

static void enter(lane_set *set, size_t lane, sm3_job *job)
{
    for (int i = 0; i < 8; i++)
        set->state[i][lane] = job->state[i];
    set->job[lane] = job;
}

static void leave(lane_set *set, size_t lane)
{
    for (int i = 0; i < 8; i++)
        set->job[lane]->state[i] = set->state[i][lane];
}

/* The next job with something to do, or NULL. */
static sm3_job *take(sm3_job **next, const sm3_job *end)
{
    while (*next < end && first_piece(*next) == 3)
        (*next)++;
    return *next < end ? (*next)++ : NULL;
}

/* Go on in all lanes until one of them needs its next piece; then refill or close lanes. */
static void advance(lane_set *set, sm3_lanes *work, size_t lanes, sm3_job **next,
                    const sm3_job *end)
{
    const uint8_t *data[SM3_LANES];
    size_t piece[SM3_LANES], run = (size_t)-1;
    for (size_t i = 0; i < set->active; i++) {
        piece[i] = first_piece(set->job[i]);
        data[i] = set->job[i]->data[piece[i]];
        if (set->job[i]->blocks[piece[i]] < run)
            run = set->job[i]->blocks[piece[i]];
    }
    for (size_t i = set->active; i < lanes; i++) /* idle lanes read what another one reads */
        data[i] = data[0];
    work(set->state, data, run);
    for (size_t i = set->active; i-- > 0;) {
        sm3_job *job = set->job[i];
        job->data[piece[i]] += 64 * run;
        job->blocks[piece[i]] -= run;
        if (first_piece(job) < 3)
            continue;
        leave(set, i);
        if ((job = take(next, end)) != NULL) {
            enter(set, i, job);
            continue;
        }
        size_t last = --set->active;
        if (i < last) {
            leave(set, last);
            enter(set, i, set->job[last]);
        }
    }
}

static void together(sm3_job *jobs, size_t n, sm3_lanes *work, size_t lanes)
{
    lane_set set;
    memset(&set, 0, sizeof set);
    sm3_job *next = jobs, *end = jobs + n, *job;
    while (set.active < lanes && (job = take(&next, end)) != NULL)
        enter(&set, set.active++, job);
    while (set.active >= FEW)
        advance(&set, work, lanes, &next, end);
    for (size_t i = 0; i < set.active; i++) {
        leave(&set, i);
        alone(set.job[i]);
    }
    wipe(&set, sizeof set);
}

void sm3_run(sm3_job *jobs, size_t n)
{
#if CPU_X86
    if (cpu_level == CPU_AVX512 && n >= FEW) {
        together(jobs, n, sm3_lanes_avx512, 16);
        return;
    }
    if (cpu_level >= CPU_AVX2 && n >= FEW) {
        together(jobs, n, sm3_lanes_avx2, 8);
        return;
    }
#else
    (void)together;
#endif
    for (size_t i = 0; i < n; i++)
        alone(&jobs[i]);
}

/* ---- HMAC ---- */

void hmac_set_key(hmac_key *key, const uint8_t *bytes, size_t length)
{
    uint8_t block[64] = {0};
    if (length > 64) {
        sm3 h;
        sm3_start(&h);
        sm3_update(&h, bytes, length);
        sm3_finish(&h, block);
        wipe(&h, sizeof h);
    } else if (length > 0) {
        memcpy(block, bytes, length);
    }
    for (int i = 0; i < 64; i++)
        block[i] ^= 0x36;
    memcpy(key->inner, initial, sizeof initial);
    sm3_blocks(key->inner, block, 1);
    for (int i = 0; i < 64; i++)
        block[i] ^= 0x36 ^ 0x5c;
    memcpy(key->outer, initial, sizeof initial);
    sm3_blocks(key->outer, block, 1);
    wipe(block, sizeof block);
}

void hmac_outer_block(uint8_t block[64], const uint32_t inner[8])
{
    memset(block, 0, 64);
    sm3_store(block, inner);
    block[32] = 0x80;
    block[62] = (64 + 32) * 8 >> 8;
    block[63] = ((64 + 32) * 8) & 0xff;
}
