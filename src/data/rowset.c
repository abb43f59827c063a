/* rowset.c - see rowset.h. */
#include "data/rowset.h"
#include "base/file.h"
#include "format/json.h"
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

enum { PIECE = 4 << 20 };

static void keep(void *ctx, uint64_t row, const Digest *leaf, const Str *parts, size_t n)
{
    RowSet *s = ctx;
    (void)row;
    for (size_t i = 0; i < n; i++)
        buf_str(&s->bytes, parts[i]);
    uint64_t end = s->bytes.n;
    buf_put(&s->ends, &end, sizeof end);
    buf_put(&s->leaves, leaf->b, sizeof(Hash128));
}

bool row_field(Str *row, Str *field)
{
    uint64_t n = 0;
    size_t   at = 0;
    if (row->n == 0)
        return false;
    for (unsigned shift = 0;; shift += 7) {            /* written by rows_text.c, so it ends */
        uint8_t byte = (uint8_t)row->p[at++];
        n |= (uint64_t)(byte & 0x7F) << shift;
        if (byte < 0x80)
            break;
    }
    *field = (Str){ row->p + at, n };
    *row = str_from(*row, at + n);
    return true;
}

static size_t fields_of(Str row)
{
    size_t n = 0;
    for (Str field; row_field(&row, &field);)
        n++;
    return n;
}

static bool name_columns(Arena *a, RowSet *s, Err *e)
{
    Json *header = json_parse(a, arena_str(a, buf_view(&s->sum.header)), JSON_GRAMMAR, e);
    if (header == NULL)
        return false;
    const Json *names = json_get(header, "columns");
    if (s->kind == ROWS_CSV && s->rows > 0)
        s->columns = fields_of(rowset_row(s, 0));
    if (names == NULL || names->type != JSON_ARRAY)
        return true;
    s->columns = names->count;
    s->column = arena_get(a, names->count + 1, sizeof *s->column);
    if (s->column == NULL)
        return err_nomem(e);
    size_t i = 0;
    for (const Json *v = names->first; v != NULL; v = v->next)
        s->column[i++] = v->text;
    return true;
}

static Stamp stamp_of_fd(int fd)
{
    struct stat st = { 0 };
    if (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode))
        return (Stamp){ .size = UINT64_MAX };
    return (Stamp){ st.st_dev, st.st_ino, (uint64_t)st.st_size, st.st_mtim.tv_sec * 1000000000LL + st.st_mtim.tv_nsec,
                    st.st_ctim.tv_sec * 1000000000LL + st.st_ctim.tv_nsec };
}

static bool feed_all(Rows *r, int fd, uint64_t bytes, Err *e)
{
    char    *piece = malloc(PIECE);
    bool     ok = piece != NULL || err_nomem(e);
    uint64_t at = 0;
    for (bool last = false; ok && !last;) {
        ssize_t n = read(fd, piece, PIECE);
        if (n < 0 && errno == EINTR)
            continue;
        at += n > 0 ? (uint64_t)n : 0;
        last = n == 0 || at >= bytes;
        ok = n >= 0 ? rows_feed(r, (Str){ piece, (size_t)n }, last, e) : err_set(e, E_IO, "%m");
    }
    free(piece);
    return ok;
}

static bool read_rows(RowSet *s, int fd, Err *e)
{
    s->stamp = stamp_of_fd(fd);
    if (s->stamp.size == UINT64_MAX)
        return err_set(e, E_IO, "not a regular file");
    Rows *r = rows_new(s->kind, s->stamp.size, (RowTap){ .ctx = s, .row = keep });
    bool  ok = r != NULL || err_nomem(e);
    ok = ok && feed_all(r, fd, s->stamp.size, e) && rows_sum(r, &s->sum, e);
    rows_free(r);
    if (!ok)
        return false;
    Stamp after = stamp_of_fd(fd);
    s->rows = s->sum.rows;
    if (s->bytes.bad || s->ends.bad || s->leaves.bad)
        return err_nomem(e);
    return stamp_eq(&after, &s->stamp) || err_set(e, E_IO, "changed while it was read");
}

bool rowset_read(Arena *a, const char *path, RowKind kind, RowSet *out, Err *e)
{
    *out = (RowSet){ .kind = kind };
    if (kind == ROWS_FILES)
        return err_set(e, E_USAGE, "%s: has no rows that moat knows; csv, lines, npy or idx have", path);
    defer_fd int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (fd < 0)
        return err_set(e, E_IO, "%s: %m", path);
    return (read_rows(out, fd, e) && name_columns(a, out, e)) || err_in(e, "%s", path);
}

void rowset_free(RowSet *s)
{
    row_sum_free(&s->sum);
    buf_free(&s->bytes), buf_free(&s->ends), buf_free(&s->leaves);
}

size_t rowset_column(const RowSet *s, Str name)
{
    size_t found = SIZE_MAX;
    for (size_t i = 0; s->column != NULL && i < s->columns; i++)
        if (str_eq(s->column[i], name)) {
            if (found != SIZE_MAX)
                return SIZE_MAX;
            found = i;
        }
    return found;
}
