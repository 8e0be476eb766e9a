/* Prints how many bytes of stack each operation on secrets uses at most, on the code path of the
 * level that is its argument; built with STACK_BYTES
 * overridden to next to nothing, so that erasing the stack does not count. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <ucontext.h>

#include "tlcp_native.h"

static uint8_t stack[1 << 18];
static ucontext_t outside, inside;
static uint8_t d[32] = {1}, q[64], e[32], m[48] = {1}, c1[64], c3[32], c2[48], out[64];
static int step;

static void work(void)
{
    if (step == 0)
        tlcp_sm2_public_key(q, d);
    else if (step == 1) {
        tlcp_sm2_signing_key(c3, d);
        tlcp_sm2_sign(out, e, c3, d);
    }
    else if (step == 2)
        tlcp_sm2_encrypt(c1, c3, c2, m, sizeof m, q, d);
    else if (step == 3)
        tlcp_sm2_decrypt(m, sizeof m, c1, c3, c2, d);
    else
        tlcp_sm2_exchange(out, 48, d, d, q, q, q, e, e);
}

static size_t untouched(void)
{
    size_t i = 0;
    while (i < sizeof stack && stack[i] == 0xa5)
        i++;
    return i;
}

int main(int count, char **words)
{
    (void)tlcp_cpu_select(count > 1 ? atoi(words[1]) : -1);
    for (step = 0; step < 5; step++) {
        memset(stack, 0xa5, sizeof stack);
        getcontext(&inside);
        inside.uc_stack.ss_sp = stack;
        inside.uc_stack.ss_size = sizeof stack;
        inside.uc_link = &outside;
        makecontext(&inside, work, 0);
        swapcontext(&outside, &inside);
        printf("%zu\n", sizeof stack - untouched());
    }
    return 0;
}
