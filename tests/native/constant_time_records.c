/* Seals and opens records with keys and plaintexts that valgrind takes for uninitialized memory.
 * Records go out and come in in public; whether they are right and how long they are becomes public
 * where the kernels say so (DECLASSIFY). Argument: the code path. Exit code 2: there is no such
 * path; 3: a call failed; otherwise valgrind's verdict counts. */
#include <stdlib.h>
#include <string.h>
#include <valgrind/memcheck.h>

#include "tlcp_native.h"

#define MOST 20

static void secret(void *p, size_t length)
{
    (void)VALGRIND_MAKE_MEM_UNDEFINED(p, length);
}

static void release(void *p, size_t length)
{
    (void)VALGRIND_MAKE_MEM_DEFINED(p, length);
}

static void expect(size_t found, size_t wanted)
{
    release(&found, sizeof found);
    if (found != wanted)
        exit(3);
}

static uint8_t key[48], data[MOST * 600], out[MOST * 700], copy[MOST * 700], ivs[16 * MOST];

static void batch(int gcm, size_t count, uint32_t length)
{
    static tlcp_gcm g;
    static tlcp_cbc c;
    uint32_t lengths[MOST], sealed[MOST], plain[MOST];
    size_t size = count * length, total;
    for (size_t i = 0; i < count; i++)
        lengths[i] = length;
    memset(key, 7, sizeof key);
    secret(key, sizeof key);
    secret(data, sizeof data);
    if (gcm) {
        tlcp_gcm_start(&g, key, key + 16);
        total = tlcp_gcm_sealed_size(lengths, count);
        expect((size_t)tlcp_gcm_seal(&g, out, total, 23, 0, data, size, lengths, count), 1);
    } else {
        tlcp_cbc_start(&c, key, key + 32);
        total = tlcp_cbc_sealed_size(lengths, count);
        expect((size_t)tlcp_cbc_seal(&c, out, total, 23, 0, ivs, data, size, lengths, count), 1);
    }
    release(out, total);
    for (size_t i = 0; i < count; i++)
        sealed[i] = (uint32_t)(total / count - 5);
    for (size_t bad = 0; bad <= count; bad += count) { /* the first record altered, or none */
        memcpy(copy, out, total);
        if (bad == 0)
            copy[total / count - 1] ^= 1;
        size_t good =
            gcm ? tlcp_gcm_open(&g, data, sizeof data, plain, 23, 0, copy, total, 5, sealed, count)
                : tlcp_cbc_open(&c, plain, 23, 0, copy, total, 5, sealed, count);
        if (!gcm)
            tlcp_cbc_take(data, plain, copy, 5, sealed, good);
        expect(good, bad);
    }
}

int main(int argc, char **argv)
{
    int level = argc > 1 ? atoi(argv[1]) : 0;
    if (tlcp_cpu_select(level) != level)
        return 2;
    static const uint32_t lengths[] = {0, 1, 16, 100, 300, 520};
    for (size_t i = 0; i < 6; i++)
        for (int gcm = 0; gcm < 2; gcm++) {
            batch(gcm, 1, lengths[i]);
            batch(gcm, 5, lengths[i]);
        }
    batch(0, MOST, 300);
    uint8_t digest[32];
    secret(data, 200);
    tlcp_sm3(digest, data, 200);
    tlcp_hmac_sm3(digest, key, 32, data, 100, 1);
    secret(data, 200);
    static uint8_t block[128];
    tlcp_prf_sm3(block, sizeof block, data, 48, data + 48, 77);
    return 0;
}
