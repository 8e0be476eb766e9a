/* Runs operations named on standard input, one a line, arguments in hex ("-" for none); prints
 * the result and the output. Built with sanitizers, with and without the assembly. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tlcp_native.h"

static uint8_t *argument(size_t *length)
{
    static char word[1 << 15];
    if (scanf("%32767s", word) != 1)
        exit(4);
    *length = word[0] == '-' ? 0 : strlen(word) / 2;
    uint8_t *bytes = malloc(*length ? *length : 1);
    for (size_t i = 0; bytes && i < *length; i++) {
        unsigned int byte;
        sscanf(word + 2 * i, "%2x", &byte);
        bytes[i] = (uint8_t)byte;
    }
    return bytes;
}

static void show(const uint8_t *bytes, size_t length)
{
    putchar(' ');
    for (size_t i = 0; i < length; i++)
        printf("%02x", bytes[i]);
}

static int run(const char *name, uint8_t **a, const size_t *n, uint8_t *out)
{
    if (!strcmp(name, "sm3"))
        return tlcp_sm3(out, a[0], n[0]);
    if (!strcmp(name, "public_key"))
        return tlcp_sm2_public_key(out, a[0]);
    if (!strcmp(name, "point_valid"))
        return tlcp_sm2_point_valid(a[0]);
    if (!strcmp(name, "z"))
        return tlcp_sm2_z(out, a[0], n[0], a[1]);
    if (!strcmp(name, "signing_key"))
        return tlcp_sm2_signing_key(out, a[0]);
    if (!strcmp(name, "sign"))
        return tlcp_sm2_sign(out, a[0], a[1], a[2]);
    if (!strcmp(name, "verify"))
        return tlcp_sm2_verify(a[0], a[1], a[2]);
    if (!strcmp(name, "make_table"))
        return tlcp_sm2_make_table((tlcp_sm2_table *)out, a[0]);
    if (!strcmp(name, "verify_with_table"))
        return tlcp_sm2_verify_with_table(a[0], a[1], (const tlcp_sm2_table *)a[2]);
    if (!strcmp(name, "encrypt"))
        return tlcp_sm2_encrypt(out, out + 64, out + 96, a[0], n[0], a[1], a[2]);
    if (!strcmp(name, "decrypt"))
        return tlcp_sm2_decrypt(out, n[2], a[0], a[1], a[2], a[3]);
    if (!strcmp(name, "exchange"))
        return tlcp_sm2_exchange(out, 48, a[0], a[1], a[2], a[3], a[4], a[5], a[6]);
    exit(5);
}

/* Argument: the level of the code paths, the best one if there is none. */
int main(int count, char **words)
{
    char name[32];
    int arguments, size;
    if (count > 1)
        (void)tlcp_cpu_select(atoi(words[1]));
    while (scanf("%31s %d %d", name, &arguments, &size) == 3) {
        uint8_t *a[8], *out = calloc((size_t)size + 1, 1);
        size_t n[8];
        for (int i = 0; i < arguments && i < 8; i++)
            a[i] = argument(&n[i]);
        printf("%d", run(name, a, n, out));
        show(out, (size_t)size);
        putchar('\n');
        for (int i = 0; i < arguments && i < 8; i++)
            free(a[i]);
        free(out);
    }
    return 0;
}
