/* csv_marks.c - the reference, and the choice. */
#include "format/csv_marks.h"

size_t csv_marks_plain(const char *p, size_t n, char delimiter, uint32_t *mark)
{
    size_t count = 0;
    for (size_t i = 0; i < n; i++)
        if (p[i] == delimiter || p[i] == '"' || p[i] == '\n' || p[i] == '\r' || p[i] == '\0')
            mark[count++] = (uint32_t)i;
    return count;
}

CsvMarks *csv_marks(void) { return __builtin_cpu_supports("avx2") ? csv_marks_avx2 : csv_marks_plain; }
