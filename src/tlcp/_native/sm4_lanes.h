/* SM4 with one block in each lane of a vector register; included once per register width.
 *
 * Register w of four holds word w of LANES blocks, bytes in memory order, times M (see
 * make_sm4_table.py). Needs: NAME(x), TARGET, V, LANES, CHAINS (how many times four registers are
 * worked on together), and the operations X2, X3 (exclusive or), ROTATE8/16/24, SBOX, INTO, BACK,
 * LOAD, STORE, SET1, ADD32, SWAP32, UNPACK*, ORDER (see counters), GATHER and SCATTER; SMALLER(x)
 * names the functions of a narrower width, if there is one. */
#define INLINE static inline __attribute__((always_inline)) TARGET
#define GROUPS (LANES / 4)

/* Four blocks of 16 bytes lie in each 128-bit part of x: words to registers, or back. */
INLINE void NAME(transpose)(V x[4])
{
    V a = UNPACKLO32(x[0], x[1]), b = UNPACKLO32(x[2], x[3]);
    V c = UNPACKHI32(x[0], x[1]), d = UNPACKHI32(x[2], x[3]);
    x[0] = UNPACKLO64(a, b);
    x[1] = UNPACKHI64(a, b);
    x[2] = UNPACKLO64(c, d);
    x[3] = UNPACKHI64(c, d);
}

INLINE void NAME(enter)(V x[4])
{
    NAME(transpose)(x);
    for (int w = 0; w < 4; w++)
        x[w] = INTO(x[w]);
}

/* What the last round leaves, in reverse order, back to blocks. */
INLINE void NAME(leave)(V x[4])
{
    V y[4];
    for (int w = 0; w < 4; w++)
        y[w] = BACK(x[3 - w]);
    NAME(transpose)(y);
    for (int w = 0; w < 4; w++)
        x[w] = y[w];
}

/* The new a from t = b ^ c ^ d ^ key. */
INLINE V NAME(step)(V a, V t)
{
    V p, q, r;
    SBOX(t, p, q, r);
    return X3(a, X3(p, ROTATE8(q), ROTATE16(q)), ROTATE24(r));
}

/* All rounds of several chains, with as few operations as possible. */
INLINE void NAME(rounds)(V x[][4], int chains, const uint32_t *key)
{
    for (int i = 0; i < 32; i += 4)
        for (int half = 0; half < 4; half += 2) {
            V first = SET1(key[i + half]), second = SET1(key[i + half + 1]), sum[CHAINS];
            for (int k = 0; k < chains; k++) {
                V *y = x[k];
                sum[k] = X2(y[2 - half], y[3 - half]);
                y[half] = NAME(step)(y[half], X3(sum[k], y[half + 1], first));
            }
            for (int k = 0; k < chains; k++) {
                V *y = x[k];
                y[half + 1] = NAME(step)(y[half + 1], X3(sum[k], y[half], second));
            }
        }
}

/* All rounds of one chain, with the shortest way from one round to the next. */
INLINE void NAME(rounds_fast)(V x[4], const uint32_t *key)
{
    V t = X2(X3(x[1], x[2], x[3]), SET1(key[0]));
    for (int i = 0; i < 32; i += 4)
        for (int j = 0; j < 4; j++) {
            V p, q, r, next = SET1(key[(i + j + 1) & 31]);
            SBOX(t, p, q, r);
            next = X2(next, X3(x[(j + 2) & 3], x[(j + 3) & 3], x[j]));
            V most = X3(p, ROTATE8(q), ROTATE16(q));
            r = ROTATE24(r);
            t = X3(next, most, r);
            x[j] = X3(x[j], most, r);
        }
}

INLINE void NAME(crypt)(V x[][4], int chains, const uint32_t *key)
{
    if (chains == 1)
        NAME(rounds_fast)(x[0], key);
    else
        NAME(rounds)(x, chains, key);
    for (int k = 0; k < chains; k++)
        NAME(leave)(x[k]);
}

/* The key stream of chains * LANES blocks. After transposing, part g of register r holds block
 * GROUPS r + g: ORDER lists the blocks lane by lane. */
INLINE void NAME(stream)(V x[][4], int chains, const uint32_t *key, const V fixed[3],
                         uint32_t count)
{
    static const uint32_t order[LANES] = ORDER;
    for (int k = 0; k < chains; k++) {
        V n = ADD32(SET1(count + (uint32_t)(k * LANES)), LOAD((const uint8_t *)order));
        for (int w = 0; w < 3; w++)
            x[k][w] = fixed[w];
        x[k][3] = INTO(SWAP32(n));
    }
    NAME(crypt)(x, chains, key);
}

INLINE void NAME(ctr_chunk)(const uint32_t *key, uint8_t *dst, const uint8_t *src,
                            const V fixed[3], uint32_t count, int chains)
{
    V x[CHAINS][4];
    NAME(stream)(x, chains, key, fixed, count);
    for (int k = 0; k < chains; k++)
        for (int r = 0; r < 4; r++) {
            size_t at = 16 * (size_t)(k * LANES + r * GROUPS);
            STORE(dst + at, X2(x[k][r], LOAD(src + at)));
        }
}

TARGET static void NAME(ctr)(const sm4_key *key, uint8_t *dst, const uint8_t *src,
                             const uint8_t counter[16], size_t length)
{
    const uint32_t *keys = key->lanes[0];
    uint32_t word[4];
    V fixed[3];
    memcpy(word, counter, 16);
    for (int w = 0; w < 3; w++)
        fixed[w] = INTO(SET1(word[w]));
    uint32_t count = __builtin_bswap32(word[3]);
    for (; length >= 16 * CHAINS * LANES; length -= 16 * CHAINS * LANES) {
        NAME(ctr_chunk)(keys, dst, src, fixed, count, CHAINS);
        dst += 16 * CHAINS * LANES;
        src += 16 * CHAINS * LANES;
        count += CHAINS * LANES;
    }
    while (length > 0) {
        uint8_t rest[16 * LANES];
        size_t n = length < sizeof rest ? length : sizeof rest;
#ifdef SMALLER
        if (n <= 64) {
            uint8_t at[16];
            word[3] = __builtin_bswap32(count);
            memcpy(at, word, 16);
            SMALLER(ctr)(key, dst, src, at, n);
            return;
        }
#endif
        if (n == sizeof rest) {
            NAME(ctr_chunk)(keys, dst, src, fixed, count, 1);
        } else {
            memcpy(rest, src, n);
            memset(rest + n, 0, sizeof rest - n);
            NAME(ctr_chunk)(keys, rest, rest, fixed, count, 1);
            memcpy(dst, rest, n);
            wipe(rest, sizeof rest);
        }
        dst += n;
        src += n;
        length -= n;
        count += LANES;
    }
}

/* chains * LANES blocks, their predecessors right before src. */
INLINE void NAME(decrypt_chunk)(const uint32_t *key, uint8_t *dst, const uint8_t *src, int chains)
{
    V x[CHAINS][4];
    for (int k = 0; k < chains; k++) {
        for (int r = 0; r < 4; r++)
            x[k][r] = LOAD(src + 16 * (k * LANES + r * GROUPS));
        NAME(enter)(x[k]);
    }
    NAME(crypt)(x, chains, key);
    for (int k = chains - 1; k >= 0; k--) /* from the end, for dst may be src */
        for (int r = 3; r >= 0; r--) {
            size_t at = 16 * (size_t)(k * LANES + r * GROUPS);
            STORE(dst + at, X2(x[k][r], LOAD(src + at - 16)));
        }
}

TARGET static void NAME(cbc_decrypt)(const sm4_key *key, uint8_t *dst, const uint8_t *src,
                                     size_t blocks)
{
    const uint32_t *keys = key->lanes[1];
    for (; blocks >= CHAINS * LANES; blocks -= CHAINS * LANES) {
        size_t at = 16 * (blocks - CHAINS * LANES);
        NAME(decrypt_chunk)(keys, dst + at, src + at, CHAINS);
    }
    for (; blocks >= LANES; blocks -= LANES) {
        size_t at = 16 * (blocks - LANES);
        NAME(decrypt_chunk)(keys, dst + at, src + at, 1);
    }
    if (blocks == 0)
        return;
#ifdef SMALLER
    if (blocks <= 4) {
        SMALLER(cbc_decrypt)(key, dst, src, blocks);
        return;
    }
#endif
    uint8_t rest[16 * (LANES + 1)] = {0};
    memcpy(rest, src - 16, 16 * (blocks + 1));
    NAME(decrypt_chunk)(keys, rest + 16, rest + 16, 1);
    memcpy(dst, rest + 16, 16 * blocks);
    wipe(rest, sizeof rest);
}

INLINE void NAME(encrypt_chains)(const uint32_t *key, uint8_t *const *dst,
                                 const uint8_t *const *src, size_t blocks, int chains)
{
    V x[CHAINS][4], y[4];
    for (int k = 0; k < chains; k++) {
        for (int r = 0; r < 4; r++)
            y[r] = GATHER(dst + k * LANES + r * GROUPS, -16);
        NAME(enter)(y);
        for (int w = 0; w < 4; w++)
            x[k][3 - w] = y[w]; /* as the rounds leave it */
    }
    for (size_t at = 0; at < 16 * blocks; at += 16) {
        for (int k = 0; k < chains; k++) {
            for (int r = 0; r < 4; r++)
                y[r] = GATHER(src + k * LANES + r * GROUPS, at);
            NAME(enter)(y);
            V s = x[k][0];
            x[k][0] = X2(x[k][3], y[0]);
            x[k][3] = X2(s, y[3]);
            s = x[k][1];
            x[k][1] = X2(x[k][2], y[1]);
            x[k][2] = X2(s, y[2]);
        }
        if (chains == 1)
            NAME(rounds_fast)(x[0], key);
        else
            NAME(rounds)(x, chains, key);
        for (int k = 0; k < chains; k++) {
            memcpy(y, x[k], sizeof y);
            NAME(leave)(y);
            for (int r = 0; r < 4; r++)
                SCATTER(dst + k * LANES + r * GROUPS, at, y[r]);
        }
    }
}

TARGET static void NAME(cbc_encrypt)(const sm4_key *key, uint8_t *const dst[],
                                     const uint8_t *const src[], size_t n, size_t blocks)
{
    uint8_t *to[CHAINS * LANES];
    const uint8_t *from[CHAINS * LANES];
#ifdef SMALLER
    if (n <= 4) {
        SMALLER(cbc_encrypt)(key, dst, src, n, blocks);
        return;
    }
#endif
    for (; n > 0;) {
        size_t now = n < CHAINS * LANES ? n : CHAINS * LANES;
        /* A lane to spare does what the last one does. */
        for (size_t i = 0; i < CHAINS * LANES; i++) {
            to[i] = dst[i < now ? i : now - 1];
            from[i] = src[i < now ? i : now - 1];
        }
        if (now <= LANES)
            NAME(encrypt_chains)(key->lanes[0], to, from, blocks, 1);
        else
            NAME(encrypt_chains)(key->lanes[0], to, from, blocks, CHAINS);
        dst += now;
        src += now;
        n -= now;
    }
}

#undef INLINE
#undef GROUPS
