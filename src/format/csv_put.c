/* csv_put.c - see csv_put.h. */
#include "format/csv_put.h"

static bool must_quote(Str s)
{
    for (size_t i = 0; i < s.n; i++)
        if (s.p[i] == ',' || s.p[i] == '"' || s.p[i] == '\r' || s.p[i] == '\n')
            return true;
    return false;
}

void csv_put(Buf *b, Str s)
{
    if (!must_quote(s)) {
        buf_str(b, s);
        return;
    }
    buf_byte(b, '"');
    for (size_t i = 0; i < s.n; i++) {
        if (s.p[i] == '"')
            buf_byte(b, '"');
        buf_byte(b, (uint8_t)s.p[i]);
    }
    buf_byte(b, '"');
}

void csv_put_row(Buf *b, const Str *field, size_t n)
{
    if (n == 1 && field[0].n == 0)
        buf_z(b, "\"\"");
    for (size_t i = 0; i < n; i++) {
        if (i > 0)
            buf_byte(b, ',');
        csv_put(b, field[i]);
    }
    buf_byte(b, '\n');
}
