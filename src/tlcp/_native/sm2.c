/* The SM2 operations of the public header.
 *
 * Each entry point that handles secrets runs its work in a function of its own and then erases
 * the stack that this used. Whether a nonce or a ciphertext is refused is not secret; it is kept
 * in a mask and shown only by the return value.
 */
#include "sm2_point.h"
#include "sm3.h"
#include "tlcp_native.h"

#ifndef STACK_BYTES
#define STACK_BYTES 8192 /* more than any call below uses; tests/native measures it */
#endif
#define KDF_MAX ((uint64_t)0xffffffff * 32)
#define ID_MAX 8191 /* its length in bits is a 16-bit number */

#define NOT_INLINE __attribute__((noinline))

/* Erase the part of the stack that a function called just before may have used. */
static NOT_INLINE void wipe_stack(void)
{
    uint8_t frames[STACK_BYTES];
    wipe(frames, sizeof frames);
}

/* Zero the output unless mask is all ones; the mask as an answer. */
static int release(uint8_t *out, size_t length, uint64_t mask)
{
    for (size_t i = 0; i < length; i++)
        out[i] &= (uint8_t)mask;
    return (int)(mask & 1);
}

int tlcp_sm3(uint8_t out[32], const uint8_t *data, size_t length)
{
    sm3 h;
    sm3_start(&h);
    sm3_update(&h, data, length);
    sm3_finish(&h, out);
    return 1;
}

static NOT_INLINE int public_key(uint8_t out[64], const uint8_t d[32])
{
    sc scalar;
    point p;
    affine a;
    uint64_t ok = sc_from_bytes(&scalar, d, 2);
    sm2_chosen()->mul_generator(&p, &scalar);
    sm2_chosen()->affine_from_point(&a, &p);
    sm2_chosen()->affine_to_bytes(out, &a);
    return release(out, 64, ok);
}

int tlcp_sm2_public_key(uint8_t out[64], const uint8_t d[32])
{
    int ok = public_key(out, d);
    wipe_stack();
    return ok;
}

int tlcp_sm2_point_valid(const uint8_t q[64])
{
    affine a;
    return sm2_chosen()->affine_from_bytes(&a, q);
}

int tlcp_sm2_z(uint8_t out[32], const uint8_t *id, size_t id_length, const uint8_t q[64])
{
    /* a, b, xG, yG */
    static const uint8_t curve[128] = {
        0xff, 0xff, 0xff, 0xfe, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
        0xff, 0xff, 0xff, 0xff, 0xff, 0x00, 0x00, 0x00, 0x00, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
        0xff, 0xfc, 0x28, 0xe9, 0xfa, 0x9e, 0x9d, 0x9f, 0x5e, 0x34, 0x4d, 0x5a, 0x9e, 0x4b, 0xcf,
        0x65, 0x09, 0xa7, 0xf3, 0x97, 0x89, 0xf5, 0x15, 0xab, 0x8f, 0x92, 0xdd, 0xbc, 0xbd, 0x41,
        0x4d, 0x94, 0x0e, 0x93, 0x32, 0xc4, 0xae, 0x2c, 0x1f, 0x19, 0x81, 0x19, 0x5f, 0x99, 0x04,
        0x46, 0x6a, 0x39, 0xc9, 0x94, 0x8f, 0xe3, 0x0b, 0xbf, 0xf2, 0x66, 0x0b, 0xe1, 0x71, 0x5a,
        0x45, 0x89, 0x33, 0x4c, 0x74, 0xc7, 0xbc, 0x37, 0x36, 0xa2, 0xf4, 0xf6, 0x77, 0x9c, 0x59,
        0xbd, 0xce, 0xe3, 0x6b, 0x69, 0x21, 0x53, 0xd0, 0xa9, 0x87, 0x7c, 0xc6, 0x2a, 0x47, 0x40,
        0x02, 0xdf, 0x32, 0xe5, 0x21, 0x39, 0xf0, 0xa0};
    sm3 h;
    if (id_length > ID_MAX)
        return release(out, 32, 0);
    uint8_t bits[2] = {(uint8_t)(id_length >> 5), (uint8_t)(id_length << 3)};
    sm3_start(&h);
    sm3_update(&h, bits, sizeof bits);
    sm3_update(&h, id, id_length);
    sm3_update(&h, curve, sizeof curve);
    sm3_update(&h, q, 64);
    sm3_finish(&h, out);
    return 1;
}

static NOT_INLINE int signing_key(uint8_t u[32], const uint8_t d[32])
{
    static const sc one = {{1, 0, 0, 0}};
    sc key;
    uint64_t ok = sc_from_bytes(&key, d, 2);
    sc_add(&key, &key, &one);
    sc_inv(&key, &key);
    limbs_to_bytes(u, &key);
    return release(u, 32, ok);
}

int tlcp_sm2_signing_key(uint8_t u[32], const uint8_t d[32])
{
    int ok = signing_key(u, d);
    wipe_stack();
    return ok;
}

static NOT_INLINE int sign(uint8_t rs[64], const uint8_t e[32], const uint8_t u[32],
                           const uint8_t k[32])
{
    sc nonce, key, digest, r, s;
    point p;
    limbs x;
    uint64_t ok = sc_from_bytes(&key, u, 1) & sc_from_bytes(&nonce, k, 1);
    sm2_chosen()->mul_generator(&p, &nonce);
    sm2_chosen()->x_of_point(&x, &p);
    sc_reduce(&r, &x);
    limbs_from_bytes(&x, e);
    sc_reduce(&digest, &x);
    sc_add(&r, &r, &digest);
    sc_add(&nonce, &nonce, &r);
    ok &= ~limbs_zero_mask(&r) & ~limbs_zero_mask(&nonce);
    /* (k - rd) / (1 + d) = (k + r) u - r */
    sc_mul(&s, &key, &nonce);
    sc_sub(&s, &s, &r);
    ok &= ~limbs_zero_mask(&s);
    limbs_to_bytes(rs, &r);
    limbs_to_bytes(rs + 32, &s);
    return release(rs, 64, ok);
}

int tlcp_sm2_sign(uint8_t rs[64], const uint8_t e[32], const uint8_t u[32], const uint8_t k[32])
{
    int ok = sign(rs, e, u, k);
    wipe_stack();
    return ok;
}

/* Verification is sG + (r + s)P = (r - e, ...): get the scalars; 0 if they are out of range. */
static int read_signature(sc *r, sc *s, sc *t, const uint8_t rs[64])
{
    if (!(sc_from_bytes(r, rs, 1) & sc_from_bytes(s, rs + 32, 1)))
        return 0;
    sc_add(t, r, s);
    return !limbs_zero_mask(t);
}

static int x_matches(const point *p, const sc *r, const uint8_t e[32])
{
    limbs x;
    sc digest, wanted;
    if (limbs_zero_mask(&p->z))
        return 0;
    limbs_from_bytes(&x, e);
    sc_reduce(&digest, &x);
    sc_sub(&wanted, r, &digest);
    return sm2_chosen()->x_is(p, &wanted);
}

int tlcp_sm2_verify(const uint8_t rs[64], const uint8_t e[32], const uint8_t q[64])
{
    sc r, s, t;
    affine key;
    point p;
    if (!read_signature(&r, &s, &t, rs) || !sm2_chosen()->affine_from_bytes(&key, q))
        return 0;
    sm2_chosen()->mul_two_public(&p, &s, &t, &key);
    return x_matches(&p, &r, e);
}

_Static_assert(sizeof(key_table) == sizeof(tlcp_sm2_table), "the header says how large tables are");

int tlcp_sm2_make_table(tlcp_sm2_table *table, const uint8_t q[64])
{
    affine key;
    if (!sm2_chosen()->affine_from_bytes(&key, q))
        return release((uint8_t *)table, sizeof *table, 0);
    sm2_chosen()->table((key_table *)table, &key);
    return 1;
}

int tlcp_sm2_verify_with_table(const uint8_t rs[64], const uint8_t e[32],
                               const tlcp_sm2_table *table)
{
    sc r, s, t;
    point p;
    if (!read_signature(&r, &s, &t, rs))
        return 0;
    sm2_chosen()->mul_two_table(&p, &s, &t, (const key_table *)table);
    return x_matches(&p, &r, e);
}

/* out = in xor KDF(seed); the mask is 0 if the key stream is all zeros.  GB/T 32918.4 5.4.3 */
static uint64_t apply_kdf(uint8_t *out, const uint8_t *in, size_t length, const uint8_t *seed,
                          size_t seed_length)
{
    uint8_t block[32], any = 0;
    sm3 start, h;
    sm3_start(&start);
    sm3_update(&start, seed, seed_length);
    for (size_t at = 0; at < length; at += 32) {
        uint32_t counter = (uint32_t)(at / 32 + 1);
        uint8_t number[4] = {(uint8_t)(counter >> 24), (uint8_t)(counter >> 16),
                             (uint8_t)(counter >> 8), (uint8_t)counter};
        h = start;
        sm3_update(&h, number, sizeof number);
        sm3_finish(&h, block);
        for (size_t i = 0; i < 32 && at + i < length; i++) {
            any |= block[i];
            out[at + i] = in[at + i] ^ block[i];
        }
    }
    return ~mask_if_zero(any);
}

static void hash_c3(uint8_t out[32], const uint8_t shared[64], const uint8_t *m, size_t length)
{
    sm3 h;
    sm3_start(&h);
    sm3_update(&h, shared, 32);
    sm3_update(&h, m, length);
    sm3_update(&h, shared + 32, 32);
    sm3_finish(&h, out);
}

static NOT_INLINE int encrypt(uint8_t c1[64], uint8_t c3[32], uint8_t *c2, const uint8_t *m,
                              size_t length, const affine *q, const uint8_t k[32])
{
    const sm2_code *code = sm2_chosen();
    sc nonce;
    point p[2];
    affine a[2];
    uint8_t shared[64];
    uint64_t ok = sc_from_bytes(&nonce, k, 1);
    code->mul_generator(&p[0], &nonce);
    code->mul(&p[1], &nonce, q);
    code->affine_from_two(a, p);
    code->affine_to_bytes(c1, &a[0]);
    code->affine_to_bytes(shared, &a[1]);
    hash_c3(c3, shared, m, length);
    ok &= apply_kdf(c2, m, length, shared, sizeof shared);
    (void)release(c1, 64, ok);
    (void)release(c3, 32, ok);
    return release(c2, length, ok);
}

int tlcp_sm2_encrypt(uint8_t c1[64], uint8_t c3[32], uint8_t *c2, const uint8_t *m, size_t length,
                     const uint8_t q[64], const uint8_t k[32])
{
    affine key;
    if (length == 0 || length > KDF_MAX || !sm2_chosen()->affine_from_bytes(&key, q)) {
        (void)release(c1, 64, 0);
        (void)release(c3, 32, 0);
        return release(c2, length, 0);
    }
    int ok = encrypt(c1, c3, c2, m, length, &key, k);
    wipe_stack();
    return ok;
}

static NOT_INLINE int decrypt(uint8_t *m, size_t length, const affine *c1, const uint8_t c3[32],
                              const uint8_t *c2, const uint8_t d[32])
{
    sc key;
    point p;
    affine a;
    uint8_t shared[64], expected[32], difference = 0;
    uint64_t ok = sc_from_bytes(&key, d, 2);
    sm2_chosen()->mul(&p, &key, c1);
    sm2_chosen()->affine_from_point(&a, &p);
    sm2_chosen()->affine_to_bytes(shared, &a);
    ok &= apply_kdf(m, c2, length, shared, sizeof shared);
    hash_c3(expected, shared, m, length);
    for (int i = 0; i < 32; i++)
        difference |= expected[i] ^ c3[i];
    return release(m, length, ok & mask_if_zero(difference));
}

int tlcp_sm2_decrypt(uint8_t *m, size_t length, const uint8_t c1[64], const uint8_t c3[32],
                     const uint8_t *c2, const uint8_t d[32])
{
    affine peer;
    if (length == 0 || length > KDF_MAX || !sm2_chosen()->affine_from_bytes(&peer, c1))
        return release(m, length, 0);
    int ok = decrypt(m, length, &peer, c3, c2, d);
    wipe_stack();
    return ok;
}

/* 2^127 + (x mod 2^127) of an ephemeral point */
static void half_x(sc *r, const uint8_t q[64])
{
    limbs_from_bytes(r, q);
    r->v[1] |= (uint64_t)1 << 63;
    r->v[2] = r->v[3] = 0;
}

static NOT_INLINE int exchange(uint8_t *key, size_t length, const uint8_t d[32],
                               const uint8_t r[32], const uint8_t own_r[64], const affine *base,
                               const uint8_t z[64])
{
    sc own, ephemeral, t;
    point u;
    affine a;
    uint8_t seed[128];
    uint64_t ok = sc_from_bytes(&own, d, 2) & sc_from_bytes(&ephemeral, r, 1);
    half_x(&t, own_r);
    sc_mul(&t, &t, &ephemeral);
    sc_add(&t, &t, &own);
    sm2_chosen()->mul(&u, &t, base);
    ok &= ~limbs_zero_mask(&u.z);
    sm2_chosen()->affine_from_point(&a, &u);
    sm2_chosen()->affine_to_bytes(seed, &a);
    memcpy(seed + 64, z, 64);
    memset(key, 0, length);
    (void)apply_kdf(key, key, length, seed, sizeof seed);
    return release(key, length, ok);
}

int tlcp_sm2_exchange(uint8_t *key, size_t length, const uint8_t d[32], const uint8_t r[32],
                      const uint8_t own_r[64], const uint8_t peer_p[64], const uint8_t peer_r[64],
                      const uint8_t z_initiator[32], const uint8_t z_responder[32])
{
    affine p, q;
    point sum;
    sc x;
    uint8_t z[64];
    if (length > KDF_MAX || !sm2_chosen()->affine_from_bytes(&p, peer_p) || !sm2_chosen()->affine_from_bytes(&q, peer_r) ||
        !tlcp_sm2_point_valid(own_r))
        return release(key, length, 0);
    half_x(&x, peer_r);
    sm2_chosen()->mul_add_public(&sum, &p, &x, &q);
    if (limbs_zero_mask(&sum.z))
        return release(key, length, 0);
    sm2_chosen()->affine_from_point(&p, &sum);
    memcpy(z, z_initiator, 32);
    memcpy(z + 32, z_responder, 32);
    int ok = exchange(key, length, d, r, own_r, &p, z);
    wipe_stack();
    return ok;
}
