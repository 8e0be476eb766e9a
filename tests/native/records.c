/* Runs the kernels for SM3, SM4 and records on every code path that the processor has, in buffers
 * of exactly the right size, so that sanitizers see each byte too much. All paths must give the
 * same bytes, what was sealed must open, and what was altered must not. Prints the paths. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tlcp_native.h"

static uint64_t seed = 1, digest;

static void fail(const char *what, size_t length)
{
    printf("failed: %s, length %zu, path %d\n", what, length, tlcp_cpu_level());
    exit(1);
}

static uint8_t *buffer(size_t size)
{
    uint8_t *p = malloc(size ? size : 1);
    if (!p)
        exit(4);
    for (size_t i = 0; i < size; i++) {
        seed = seed * 6364136223846793005ULL + 1442695040888963407ULL;
        p[i] = (uint8_t)(seed >> 56);
    }
    return p;
}

static void note(const uint8_t *p, size_t size)
{
    for (size_t i = 0; i < size; i++)
        digest = (digest ^ p[i]) * 0x100000001b3ULL;
}

static void alone(size_t length)
{
    uint8_t *key = buffer(32), *data = buffer(length), *out = buffer(length), *tag = buffer(64);
    tlcp_sm4_key k;
    tlcp_sm4_start(&k, key);
    tlcp_sm4_gcm_seal(&k, out, tag, key, key, 13, data, length);
    note(out, length);
    note(tag, 16);
    if (!tlcp_sm4_gcm_open(&k, out, tag, key, key, 13, out, length) || memcmp(out, data, length))
        fail("gcm", length);
    tlcp_hmac_sm3(tag, key, length % 100 < 32 ? length % 100 : 32, data, length / 2, 2);
    note(tag, 64);
    tlcp_prf_sm3(tag, 61, key, length % 33, data, length);
    note(tag, 61);
    tlcp_sm3(tag, data, length);
    note(tag, 32);
    size_t size = length & ~(size_t)15;
    if (size > 0) {
        memcpy(out, data, size);
        if (!tlcp_sm4_cbc_encrypt(&k, out, size, 1))
            fail("cbc", size);
        note(out, size);
        tlcp_sm4_cbc_decrypt(&k, out, size, 1);
        if (memcmp(out, data, size))
            fail("cbc decrypt", size);
    }
    free(key);
    free(data);
    free(out);
    free(tag);
}

static size_t fragments(const uint8_t *stream, size_t count, uint32_t *lengths)
{
    size_t at = 0;
    for (size_t i = 0; i < count; i++) {
        lengths[i] = (uint32_t)(stream[at + 3] << 8 | stream[at + 4]);
        at += 5 + lengths[i];
    }
    return at;
}

static size_t open_batch(int gcm, const void *keys, const uint8_t *sealed, size_t size,
                         size_t count, const uint8_t *data, size_t expected, int altered)
{
    uint32_t *lengths = calloc(count, 4), *plain = calloc(count, 4);
    uint8_t *copy = malloc(size), *out;
    memcpy(copy, sealed, size);
    size_t total = fragments(sealed, count, lengths), room = size - (gcm ? 29 : 5) * count;
    if (total != size || tlcp_record_run(copy, size, 23, plain, count) != count)
        fail("headers", size);
    if (altered >= 0)
        copy[altered] ^= 0x40;
    out = calloc(room ? room : 1, 1);
    size_t good = gcm ? tlcp_gcm_open(keys, out, room, plain, 23, 7, copy, size, 5, lengths, count)
                      : tlcp_cbc_open(keys, plain, 23, 7, copy, size, 5, lengths, count);
    if (!gcm)
        tlcp_cbc_take(out, plain, copy, 5, lengths, good);
    size_t found = 0;
    for (size_t i = 0; i < good; i++)
        found += plain[i];
    if (memcmp(out, data, found) || (good == count && found != expected))
        fail("opened data", found);
    for (size_t i = found; i < room; i++)
        if (out[i])
            fail("plaintext of a bad record", i);
    free(lengths);
    free(plain);
    free(copy);
    free(out);
    return good;
}

static void batch(int gcm, const uint32_t *lengths, size_t count)
{
    union {
        tlcp_gcm gcm;
        tlcp_cbc cbc;
    } keys;
    size_t size = 0;
    for (size_t i = 0; i < count; i++)
        size += lengths[i];
    uint8_t *key = buffer(48), *data = buffer(size), *ivs = buffer(16 * count), *out;
    if (gcm)
        tlcp_gcm_start(&keys.gcm, key, key + 16);
    else
        tlcp_cbc_start(&keys.cbc, key, key + 32);
    size_t sealed = gcm ? tlcp_gcm_sealed_size(lengths, count) : tlcp_cbc_sealed_size(lengths, count);
    out = malloc(sealed);
    int ok = gcm ? tlcp_gcm_seal(&keys.gcm, out, sealed, 23, 7, data, size, lengths, count)
                 : tlcp_cbc_seal(&keys.cbc, out, sealed, 23, 7, ivs, data, size, lengths, count);
    if (!ok)
        fail("seal", size);
    note(out, sealed);
    if (open_batch(gcm, &keys, out, sealed, count, data, size, -1) != count)
        fail("open", size);
    size_t at = 0;
    for (size_t i = 0; i < count; i++) {
        size_t end = at + 5 + (size_t)(out[at + 3] << 8 | out[at + 4]);
        if (i % 5 == 0 &&
            open_batch(gcm, &keys, out, sealed, count, data, size, (int)(end - 1 - i % 16)) != i)
            fail("altered record", size);
        at = end;
    }
    free(key);
    free(data);
    free(ivs);
    free(out);
}

static void everything(size_t step)
{
    uint32_t lengths[70];
    seed = 1;
    digest = 0xcbf29ce484222325ULL;
    for (size_t n = 0; n < 1300; n += step)
        alone(n);
    alone(16383);
    alone(20000);
    for (int gcm = 0; gcm < 2; gcm++) {
        for (uint32_t n = 0; n < 700; n += (uint32_t)step) {
            lengths[0] = n;
            batch(gcm, lengths, 1);
        }
        lengths[0] = 16384;
        batch(gcm, lengths, 1);
        for (size_t count = 1; count < 70; count += 1 + 2 * step) {
            for (size_t i = 0; i < count; i++)
                lengths[i] = (uint32_t)(count % 3 ? 300 : (i * i * 37) % 500);
            batch(gcm, lengths, count);
        }
    }
}

int main(int argc, char **argv)
{
    uint64_t first = 0;
    size_t step = argc > 1 ? (size_t)atoi(argv[1]) : 1;
    for (int level = 0; level < 4; level++) {
        if (tlcp_cpu_select(level) != level)
            continue;
        everything(step);
        if (level == 0)
            first = digest;
        if (digest != first)
            fail("this path gives other bytes", 0);
        printf("%d\n", level);
    }
    return 0;
}
