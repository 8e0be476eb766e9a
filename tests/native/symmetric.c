/* Runs operations on SM3, SM4 and records, as symmetric.py writes them on standard input: a line with
 * the name, the bytes of output, and the number and lengths of the arguments; then these. Numbers
 * are big-endian. Prints the result and the output. All buffers are of exactly the right size and
 * begin at odd addresses. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tlcp_native.h"

enum { MOST_ARGUMENTS = 8 };

typedef struct {
    uint8_t *bytes;
    size_t length;
} text;

static void *checked(void *p)
{
    if (!p)
        exit(4);
    return p;
}

static uint8_t *odd(size_t size)
{
    return (uint8_t *)checked(calloc(size + 1, 1)) + 1;
}

static void release(uint8_t *p)
{
    free(p - 1);
}

static uint64_t number(text t)
{
    uint64_t x = 0;
    for (size_t i = 0; i < t.length; i++)
        x = x << 8 | t.bytes[i];
    return x;
}

static uint32_t *numbers(text t)
{
    uint32_t *x = checked(calloc(t.length + 4, 1));
    for (size_t i = 0; i < t.length / 4; i++)
        x[i] = (uint32_t)number((text){t.bytes + 4 * i, 4});
    return x;
}

static void put_numbers(uint8_t *out, const uint32_t *x, size_t count)
{
    for (size_t i = 0; i < 4 * count; i++)
        out[i] = (uint8_t)(x[i / 4] >> (24 - 8 * (i % 4)));
}

static size_t sm3_in_pieces(uint8_t *out, text data, size_t piece)
{
    tlcp_sm3_state h;
    tlcp_sm3_start(&h);
    for (size_t at = 0; at < data.length; at += piece)
        tlcp_sm3_update(&h, data.bytes + at, data.length - at < piece ? data.length - at : piece);
    return (size_t)tlcp_sm3_finish(&h, out);
}

static size_t cbc(int encrypt, uint8_t *out, const text *a)
{
    size_t count = (size_t)number(a[2]), size = a[1].length / count;
    tlcp_sm4_key k;
    tlcp_sm4_start(&k, a[0].bytes);
    memcpy(out, a[1].bytes, a[1].length);
    return (size_t)(encrypt ? tlcp_sm4_cbc_encrypt : tlcp_sm4_cbc_decrypt)(&k, out, size, count);
}

static size_t gcm(int seal, uint8_t *out, const text *a)
{
    tlcp_sm4_key k;
    tlcp_sm4_start(&k, a[0].bytes);
    text aad = a[2], data = a[3];
    return (size_t)(seal ? tlcp_sm4_gcm_seal(&k, out, out + data.length, a[1].bytes, aad.bytes,
                                             aad.length, data.bytes, data.length)
                         : tlcp_sm4_gcm_open(&k, out, a[4].bytes, a[1].bytes, aad.bytes, aad.length,
                                             data.bytes, data.length));
}

/* key, fixed IV, type, sequence number, lengths, data; to open: gap */
static size_t gcm_records(int seal, uint8_t *out, size_t size, const text *a)
{
    tlcp_gcm keys;
    tlcp_gcm_start(&keys, a[0].bytes, a[1].bytes);
    int type = (int)number(a[2]);
    uint64_t sequence = number(a[3]);
    size_t count = a[4].length / 4, result;
    uint32_t *lengths = numbers(a[4]), *plain = checked(calloc(count + 1, 4));
    text data = a[5];
    if (seal) {
        result = (size_t)tlcp_gcm_seal(&keys, out, size, type, sequence, data.bytes, data.length,
                                       lengths, count);
    } else {
        result = tlcp_gcm_open(&keys, out + 4 * count, size - 4 * count, plain, type, sequence,
                               data.bytes, data.length, (size_t)number(a[6]), lengths, count);
        put_numbers(out, plain, result);
    }
    free(lengths);
    free(plain);
    return result;
}

/* MAC key, key, type, sequence number, lengths, data; to seal: IVs; to open: gap */
static size_t cbc_records(int seal, uint8_t *out, size_t size, const text *a)
{
    tlcp_cbc keys;
    tlcp_cbc_start(&keys, a[0].bytes, a[1].bytes);
    int type = (int)number(a[2]);
    uint64_t sequence = number(a[3]);
    size_t count = a[4].length / 4, result;
    uint32_t *lengths = numbers(a[4]), *plain = checked(calloc(count + 1, 4));
    text data = a[5];
    if (seal) {
        result = (size_t)tlcp_cbc_seal(&keys, out, size, type, sequence, a[6].bytes, data.bytes,
                                       data.length, lengths, count);
    } else {
        size_t gap = (size_t)number(a[6]);
        result = tlcp_cbc_open(&keys, plain, type, sequence, data.bytes, data.length, gap, lengths,
                               count);
        put_numbers(out, plain, result);
        tlcp_cbc_take(out + 4 * count, plain, data.bytes, gap, lengths, result);
    }
    free(lengths);
    free(plain);
    return result;
}

static size_t sealed_size(int gcm, text packed)
{
    uint32_t *lengths = numbers(packed);
    size_t result = (gcm ? tlcp_gcm_sealed_size : tlcp_cbc_sealed_size)(lengths, packed.length / 4);
    free(lengths);
    return result;
}

static size_t record_run(uint8_t *out, const text *a)
{
    size_t most = (size_t)number(a[2]);
    uint32_t *lengths = checked(calloc(most + 1, 4));
    size_t result = tlcp_record_run(a[0].bytes, a[0].length, (int)number(a[1]), lengths, most);
    put_numbers(out, lengths, result);
    free(lengths);
    return result;
}

static size_t run(const char *name, uint8_t *out, size_t size, const text *a)
{
    if (!strcmp(name, "sm3"))
        return (size_t)tlcp_sm3(out, a[0].bytes, a[0].length);
    if (!strcmp(name, "sm3_in_pieces"))
        return sm3_in_pieces(out, a[0], (size_t)number(a[1]));
    if (!strcmp(name, "hmac"))
        return (size_t)tlcp_hmac_sm3(out, a[0].bytes, a[0].length, a[1].bytes,
                                     a[1].length * 32 / size, size / 32);
    if (!strcmp(name, "prf"))
        return (size_t)tlcp_prf_sm3(out, size, a[0].bytes, a[0].length, a[1].bytes, a[1].length);
    if (!strcmp(name, "cbc_encrypt") || !strcmp(name, "cbc_decrypt"))
        return cbc(name[4] == 'e', out, a);
    if (!strcmp(name, "gcm_seal") || !strcmp(name, "gcm_open"))
        return gcm(name[4] == 's', out, a);
    if (!strcmp(name, "gcm_records_seal") || !strcmp(name, "gcm_records_open"))
        return gcm_records(name[12] == 's', out, size, a);
    if (!strcmp(name, "cbc_records_seal") || !strcmp(name, "cbc_records_open"))
        return cbc_records(name[12] == 's', out, size, a);
    if (!strcmp(name, "gcm_sealed_size") || !strcmp(name, "cbc_sealed_size"))
        return sealed_size(name[0] == 'g', a[0]);
    if (!strcmp(name, "record_run"))
        return record_run(out, a);
    exit(5);
}

static size_t read_size(void)
{
    size_t size;
    if (scanf("%zu", &size) != 1)
        exit(6);
    return size;
}

int main(void)
{
    char name[32];
    while (scanf("%31s", name) == 1) {
        text a[MOST_ARGUMENTS];
        size_t size = read_size(), count = read_size();
        if (count > MOST_ARGUMENTS)
            exit(6);
        for (size_t i = 0; i < count; i++)
            a[i].length = read_size();
        getchar(); /* the end of the line */
        for (size_t i = 0; i < count; i++) {
            a[i].bytes = odd(a[i].length);
            if (fread(a[i].bytes, 1, a[i].length, stdin) != a[i].length)
                exit(6);
        }
        uint8_t *out = odd(size);
        printf("%zu ", run(name, out, size, a));
        for (size_t i = 0; i < size; i++)
            printf("%02x", out[i]);
        putchar('\n');
        for (size_t i = 0; i < count; i++)
            release(a[i].bytes);
        release(out);
    }
    return 0;
}
