/* csv_marks_avx2.c - compares 64 bytes with the five marks and walks the bits that are set. */
#include "format/csv_marks.h"
#include <immintrin.h>

static uint32_t bits_of(const char *p, __m256i delimiter)
{
    __m256i v = _mm256_loadu_si256((const __m256i *)p);
    __m256i hit = _mm256_or_si256(_mm256_cmpeq_epi8(v, delimiter), _mm256_cmpeq_epi8(v, _mm256_set1_epi8('"')));
    __m256i end = _mm256_or_si256(_mm256_cmpeq_epi8(v, _mm256_set1_epi8('\n')), _mm256_cmpeq_epi8(v, _mm256_set1_epi8('\r')));
    hit = _mm256_or_si256(hit, _mm256_cmpeq_epi8(v, _mm256_setzero_si256()));
    return (uint32_t)_mm256_movemask_epi8(_mm256_or_si256(hit, end));
}

/* Eight at a time without asking how many there are; what is written past the count is overwritten later. */
static uint32_t *put(uint32_t *to, uint32_t at, uint64_t bits)
{
    int count = __builtin_popcountll(bits);
    for (int done = 0; done < count; done += 8)
        for (int i = done; i < done + 8; i++, bits &= bits - 1)
            to[i] = at + (uint32_t)__builtin_ctzll(bits | (uint64_t)1 << 63);
    return to + count;
}

size_t csv_marks_avx2(const char *p, size_t n, char delimiter, uint32_t *mark)
{
    const __m256i d = _mm256_set1_epi8(delimiter);
    uint32_t     *to = mark, i = 0;
    for (; n - i >= 64; i += 64)
        to = put(to, i, bits_of(p + i, d) | (uint64_t)bits_of(p + i + 32, d) << 32);
    size_t tail = csv_marks_plain(p + i, n - i, delimiter, to);
    for (size_t k = 0; k < tail; k++)
        to[k] += i;
    return (size_t)(to - mark) + tail;
}
