/* The choice of code paths by what the processor has, or by TLCP_NATIVE. */
#include "cpu.h"

#include <stdlib.h>
#include <string.h>

#include "tlcp_native.h"

int cpu_level = CPU_PORTABLE;

static int best_level(void)
{
#if CPU_X86
    __builtin_cpu_init();
    if (!__builtin_cpu_supports("avx2") || !__builtin_cpu_supports("aes") ||
        !__builtin_cpu_supports("pclmul") || !__builtin_cpu_supports("bmi") ||
        !__builtin_cpu_supports("bmi2"))
        return CPU_PORTABLE;
    if (!__builtin_cpu_supports("gfni"))
        return CPU_AVX2;
    if (!__builtin_cpu_supports("avx512f") || !__builtin_cpu_supports("avx512bw") ||
        !__builtin_cpu_supports("avx512vl") || !__builtin_cpu_supports("vpclmulqdq"))
        return CPU_GFNI;
    return CPU_AVX512;
#else
    return CPU_PORTABLE;
#endif
}

int tlcp_cpu_select(int level)
{
    int best = best_level();
    cpu_level = level < 0 || level > best ? best : level;
    return cpu_level;
}

int tlcp_cpu_level(void)
{
    return cpu_level;
}

__attribute__((constructor)) static void choose(void)
{
    static const char *const names[] = {"portable", "avx2", "gfni", "avx512"};
    const char *wish = getenv("TLCP_NATIVE");
    int level = -1;
    for (int i = 0; wish && i < 4; i++)
        if (!strcmp(wish, names[i]))
            level = i;
    (void)tlcp_cpu_select(level);
}
