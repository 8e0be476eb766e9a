/* Runs every operation on secrets that valgrind takes for uninitialized memory: it then reports
 * each branch and each address that depends on one. Outputs and the accept bit are declassified
 * here, after the call. Exit code 3: a call failed; otherwise valgrind's verdict counts. */
#include <stdlib.h>
#include <string.h>
#include <valgrind/memcheck.h>

#include "tlcp_native.h"

static void secret(void *p, size_t length)
{
    (void)VALGRIND_MAKE_MEM_UNDEFINED(p, length);
}

static void release(void *p, size_t length)
{
    (void)VALGRIND_MAKE_MEM_DEFINED(p, length);
}

static void expect(int ok, int wanted)
{
    release(&ok, sizeof ok);
    if (ok != wanted)
        exit(3);
}

static uint8_t scalars[][32] = {
    {0x39, 0x45, 0x20, 0x8f, 0x7b, 0x21, 0x44, 0xb1, 0x3f, 0x36, 0xe3, 0x8a, 0xc6, 0xd3, 0x9f, 0x95,
     0x88, 0x93, 0x93, 0x69, 0x28, 0x60, 0xb5, 0x1a, 0x42, 0xfb, 0x81, 0xef, 0x4d, 0xf7, 0xc5, 0xb8},
    {0},
    {0xff, 0xff, 0xff, 0xfe, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
     0x72, 0x03, 0xdf, 0x6b, 0x21, 0xc6, 0x05, 0x2b, 0x53, 0xbb, 0xf4, 0x09, 0x39, 0xd5, 0x41, 0x1d},
};

static void run(const uint8_t d_value[32], const uint8_t k_value[32])
{
    uint8_t d[32], k[32], u[32], q[64], r[64], rs[64], e[32] = {7}, z[32] = {9};
    uint8_t m[48] = "a pre-master secret", copy[48], c1[64], c3[32], c2[48], key[48];
    memcpy(d, d_value, 32);
    memcpy(k, k_value, 32);
    secret(d, 32);
    secret(k, 32);
    secret(m, 48);
    expect(tlcp_sm2_public_key(q, d), 1);
    release(q, 64);
    expect(tlcp_sm2_public_key(r, k), 1);
    release(r, 64);
    expect(tlcp_sm2_signing_key(u, d), 1);
    expect(tlcp_sm2_sign(rs, e, u, k), 1);
    release(rs, 64);
    expect(tlcp_sm2_verify(rs, e, q), 1);
    expect(tlcp_sm2_encrypt(c1, c3, c2, m, 48, q, k), 1);
    release(c1, 64);
    release(c3, 32);
    release(c2, 48);
    expect(tlcp_sm2_decrypt(copy, 48, c1, c3, c2, d), 1);
    c3[31] ^= 1;
    expect(tlcp_sm2_decrypt(copy, 48, c1, c3, c2, d), 0);
    expect(tlcp_sm2_exchange(key, 48, d, k, r, q, r, z, e), 1);
}

/* Argument: the level of the code paths. Exit code 2: the processor lacks it. */
int main(int count, char **words)
{
    int level = count > 1 ? atoi(words[1]) : 0;
    if (tlcp_cpu_select(level) != level)
        return 2;
    uint8_t zero[32] = {0}, big[32], out[64], e[32] = {7};
    scalars[1][31] = 2;
    for (size_t i = 0; i < 3; i++)
        run(scalars[i], scalars[(i + 1) % 3]);
    memset(big, 0xff, sizeof big);
    secret(zero, 32);
    secret(big, 32);
    expect(tlcp_sm2_sign(out, e, big, zero), 0);
    expect(tlcp_sm2_signing_key(out, zero), 0);
    expect(tlcp_sm2_public_key(out, zero), 0);
    return 0;
}
