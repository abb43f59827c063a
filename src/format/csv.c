/* csv.c - see csv.h.  Two steps: csv_marks() lists where the few bytes that matter are (delimiter, quote, CR, LF, NUL),
 * whatever they mean there; on_mark() gives them meaning, one by one.  All state between two marks is in Csv, so it
 * does not matter where the input was cut. */
#include "format/csv.h"
#include "format/csv_marks.h"

enum { BLOCK = 8192 };                                /* bytes whose marks are listed at once */

struct Csv {
    CsvOptions o;
    CsvMarks  *marks;
    Str        text;                                  /* the last piece, behind what of the row came before */
    uint64_t   base;                                  /* offset of text in the whole input                  */
    bool       last, begun, broken;
    Buf        carry;                                 /* owns text when a row came in several pieces        */
    size_t     row_at, field_at, close_at;
    bool       quoted, closed, doubled;               /* of the field: inside quotes, behind them, "" seen  */
    uint64_t   line, row_line, quote_line;            /* now; where the row, the last quote was             */
    CsvRow     row;
    uint64_t   rows;
    size_t     columns;                               /* of the first row; 0 before it                      */
    Str       *field;
    size_t     fields, cap;
    uint32_t  *twin;                                  /* fields with doubled quotes                         */
    size_t     twins, twin_cap;
    char      *single;                                /* where they are written with single ones            */
    size_t     single_cap;
    Err        why;                                   /* when broken                                        */
    size_t     mark_base, mark_i, mark_n, marked;     /* marks of the block at mark_base; done to `marked`  */
    uint32_t   mark[BLOCK + CSV_MARKS_SLACK];
};

typedef enum { GO, ROW, WAIT, BAD } Step;

Csv *csv_new(const CsvOptions *o)
{
    Csv *c = calloc(1, sizeof *c);
    if (c != NULL) {
        assert(o == NULL || (o->delimiter != '"' && o->delimiter != '\n' && o->delimiter != '\r'));
        c->o = o ? *o : (CsvOptions){ 0 };
        c->marks = csv_marks();
        c->text = S("");
        c->line = c->row_line = 1;
    }
    return c;
}

void csv_free(Csv *c)
{
    if (c == NULL)
        return;
    buf_free(&c->carry);
    free(c->field);
    free(c->twin);
    free(c->single);
    free(c);
}

char csv_delimiter(const Csv *c) { return c->begun ? c->o.delimiter : 0; }

/* ---- failures stick */

static Step bad_line(Csv *c, uint64_t line, const char *what, const char *hint)
{
    c->broken = true;
    err_line(&c->why, line, "%s", what);
    err_hint(&c->why, "%s", hint);
    return BAD;
}

static Step no_memory(Csv *c)
{
    c->broken = true;
    err_nomem(&c->why);
    return BAD;
}

static Step too_long(Csv *c)
{
    c->broken = true;
    err_set(&c->why, E_LIMIT, "a row of more than %d bytes or %d fields; is a quote open?", CSV_ROW_MAX, CSV_FIELDS_MAX);
    c->why.line = c->row_line;
    return BAD;
}

static Step ragged(Csv *c)
{
    c->broken = true;
    err_line(&c->why, c->row_line, "the row has %zu field%s, the first one has %zu", c->fields, c->fields == 1 ? "" : "s", c->columns);
    return BAD;
}

/* ---- fields and rows */

/* Room for one more in an array of things of `size`. */
static bool room(void *array, size_t used, size_t *cap, size_t size)
{
    void **place = array;
    if (used < *cap)
        return true;
    size_t want = *cap ? *cap * 2 : 64;
    void  *p = realloc(*place, want * size);
    if (p != NULL)
        *place = p, *cap = want;
    return p != NULL;
}

static Step quoted_end(Csv *c, size_t at)
{
    if (at != c->close_at + 1)
        return bad_line(c, c->quote_line, "bytes after a closing quote", "double the quotes inside the field");
    if (c->doubled) {
        if (!room(&c->twin, c->twins, &c->twin_cap, sizeof *c->twin))
            return no_memory(c);
        c->twin[c->twins++] = (uint32_t)c->fields;
    }
    c->field[c->fields++] = (Str){ c->text.p + c->field_at + 1, c->close_at - c->field_at - 1 };
    c->closed = c->doubled = false;
    return GO;
}

static inline Step field_end(Csv *c, size_t at)
{
    if (c->fields == c->cap && !room(&c->field, c->fields, &c->cap, sizeof *c->field))
        return no_memory(c);
    if (c->closed)
        return quoted_end(c, at);
    c->field[c->fields++] = (Str){ c->text.p + c->field_at, at - c->field_at };
    return GO;
}

/* Fields with doubled quotes are written anew, next to each other; the others stay views of the text. */
static bool undouble(Csv *c)
{
    size_t all = 0;
    for (size_t i = 0; i < c->twins; i++)
        all += c->field[c->twin[i]].n;
    char *to = all > c->single_cap ? realloc(c->single, all) : c->single;
    if (to == NULL)
        return false;
    c->single = to, c->single_cap = all > c->single_cap ? all : c->single_cap;
    for (size_t i = 0; i < c->twins; i++) {
        Str *f = &c->field[c->twin[i]], from = *f;
        f->p = to;
        for (size_t k = 0; k < from.n; k++) {
            *to++ = from.p[k];
            k += from.p[k] == '"';
        }
        f->n = (size_t)(to - f->p);
    }
    return true;
}

static void row_begin(Csv *c, size_t at)
{
    c->row_at = c->field_at = at;
    c->row_line = c->line;
    c->fields = c->twins = 0;
}

/* The row ended before `at`, the next one starts at `next`.  A blank line may be no row. */
static Step row_end(Csv *c, size_t at, size_t next)
{
    bool blank = at == c->row_at;
    if (blank && c->o.lenient && c->columns != 1)
        return row_begin(c, next), GO;
    if (field_end(c, at) == BAD)
        return BAD;
    if (c->columns == 0)
        c->columns = c->fields;
    if (c->fields != c->columns)
        return blank ? bad_line(c, c->row_line, "a blank line is no row here", "remove it, or read leniently") : ragged(c);
    if (c->twins && !undouble(c))
        return no_memory(c);
    c->row = (CsvRow){ c->field, c->fields, c->rows++, c->row_line, c->base + c->row_at };
    row_begin(c, next);
    return ROW;
}

/* ---- marks */

static Step on_quote(Csv *c, size_t at)
{
    if (c->closed && at == c->close_at + 1) {
        c->quoted = c->doubled = true, c->closed = false;
    } else if (c->quoted) {
        c->quoted = false, c->closed = true, c->close_at = at, c->quote_line = c->line;
    } else if (c->closed) {
        return field_end(c, at);
    } else if (at == c->field_at) {
        c->quoted = true, c->quote_line = c->line;
    } else if (!c->o.lenient) {
        return bad_line(c, c->line, "a quote inside a bare field", "put the field in quotes and double those inside");
    }
    return GO;
}

/* Before LF it is part of the line end; what follows must be known to tell. */
static Step on_cr(Csv *c, size_t at)
{
    if (c->quoted)
        return GO;
    if (at + 1 == c->text.n && !c->last)
        return WAIT;
    if (at + 1 < c->text.n && c->text.p[at + 1] == '\n')
        return GO;
    if (!c->o.lenient)
        return bad_line(c, c->line, "a carriage return without a line feed", "end lines with LF or CRLF, or read leniently");
    c->line++;
    return row_end(c, at, at + 1);
}

static Step on_lf(Csv *c, size_t at)
{
    c->line++;
    if (c->quoted)
        return GO;
    return row_end(c, at > c->row_at && c->text.p[at - 1] == '\r' ? at - 1 : at, at + 1);
}

static inline Step on_delimiter(Csv *c, size_t at)
{
    if (c->quoted)
        return GO;
    Step s = field_end(c, at);
    c->field_at = at + 1;
    return c->fields < CSV_FIELDS_MAX ? s : too_long(c);
}

static inline Step on_mark(Csv *c, size_t at)
{
    char mark = c->text.p[at];
    if (at - c->row_at > CSV_ROW_MAX)
        return too_long(c);
    if (mark == c->o.delimiter)
        return on_delimiter(c, at);
    return mark == '"' ? on_quote(c, at) : mark == '\n' ? on_lf(c, at) : mark == '\r' ? on_cr(c, at)
         : bad_line(c, c->line, "a NUL byte", "this is no plain text; is it UTF-16 or a binary file?");
}

/* Bare fields one after the other: what on_delimiter() would do, with the state in registers. */
static void bare_run(Csv *c)
{
    const char *p = c->text.p;
    size_t      at = c->field_at, i = c->mark_i, n = c->fields, full = c->cap < CSV_FIELDS_MAX ? c->cap : CSV_FIELDS_MAX;
    for (; i < c->mark_n && n + 1 < full && !c->quoted && !c->closed; i++) {
        size_t mark = c->mark_base + c->mark[i];
        if (p[mark] != c->o.delimiter || mark - c->row_at > CSV_ROW_MAX)
            break;
        c->field[n++] = (Str){ p + at, mark - at };
        at = mark + 1;
    }
    c->field_at = at, c->mark_i = i, c->fields = n;
}

/* The text holds no more marks. */
static Step on_text_end(Csv *c)
{
    if (c->text.n - c->row_at > CSV_ROW_MAX)
        return too_long(c);
    if (!c->last)
        return WAIT;
    if (c->quoted)
        return bad_line(c, c->quote_line, "a quote is still open at the end", "close it, or double it if it is data");
    return c->row_at == c->text.n ? GO : row_end(c, c->text.n, c->text.n);
}

/* ---- the start: a byte order mark and the delimiter */

/* Delimiters in the first line outside quotes; *alike: as many in each of the first lines. */
static size_t sniff_count(Str s, char delimiter, bool *alike)
{
    enum { LINES = 10 };
    size_t first = 0, count = 0, lines = 0, line_at = 0;
    bool   quoted = false;
    *alike = true;
    for (size_t i = 0; i < s.n && lines < LINES; i++) {
        quoted ^= s.p[i] == '"';
        count += !quoted && s.p[i] == delimiter;
        if (quoted || (s.p[i] != '\n' && s.p[i] != '\r'))
            continue;
        if (i > line_at) {
            first = lines++ ? first : count;
            *alike &= count == first;
        }
        line_at = i + 1, count = 0;
    }
    return lines ? first : count;
}

static char sniff(Str s)
{
    static const char candidates[] = { ',', ';', '\t', '|' };
    size_t best = 0;
    char   delimiter = ',';
    for (size_t i = 0; i < sizeof candidates; i++) {
        bool   alike;
        size_t count = sniff_count(s, candidates[i], &alike), score = count * 2 + alike * ((size_t)CSV_SNIFF * 2);
        if (count > 0 && score > best)
            best = score, delimiter = candidates[i];
    }
    return delimiter;
}

static bool begin(Csv *c)
{
    static const Str bom = { "\xEF\xBB\xBF", 3 };
    if (!c->last && c->text.n < bom.n + (c->o.delimiter ? 0 : CSV_SNIFF))
        return false;
    size_t at = str_starts(c->text, bom) ? bom.n : 0;
    Str    window = str_from(c->text, at);
    if (c->o.delimiter == 0)
        c->o.delimiter = sniff((Str){ window.p, window.n < CSV_SNIFF ? window.n : CSV_SNIFF });
    row_begin(c, at);
    c->marked = at;
    return c->begun = true;
}

/* ---- feeding */

/* The text is at another address now: so are the fields of the row that has begun. */
static void moved(Csv *c, uintptr_t from)
{
    for (size_t i = 0; i < c->fields && (uintptr_t)c->text.p != from; i++)
        c->field[i].p = c->text.p + ((uintptr_t)c->field[i].p - from);
}

/* Keeps what belongs to the row that has begun, at the start of `carry`; the piece is the caller's again. */
static Step keep(Csv *c)
{
    size_t    used = c->row_at, left = c->text.n - used;
    uintptr_t from = (uintptr_t)c->text.p + used;
    bool      ours = c->carry.n > 0 && c->text.p == c->carry.p;
    if (ours && used == 0)
        return WAIT;
    if (ours)
        memmove(c->carry.p, c->carry.p + used, left);
    c->carry.n = ours ? left : 0;
    if (!ours)
        buf_put(&c->carry, c->text.p + used, left);
    if (c->carry.bad)
        return no_memory(c);
    c->text = buf_view(&c->carry);
    moved(c, from);
    c->base += used;
    c->row_at = 0, c->field_at -= used, c->close_at -= used, c->marked -= used, c->mark_base -= used;
    return WAIT;
}

void csv_feed(Csv *c, Str piece, bool last)
{
    assert(!c->last && c->row_at == 0);
    c->last = last;
    if (c->text.n == 0) {
        c->text = piece;
        return;
    }
    uintptr_t from = (uintptr_t)c->text.p;
    buf_str(&c->carry, piece);
    c->text = buf_view(&c->carry);
    moved(c, from);
    if (c->carry.bad)
        no_memory(c);
}

static bool more_marks(Csv *c)
{
    c->mark_i = c->mark_n = 0;
    while (c->mark_n == 0 && c->marked < c->text.n) {
        size_t left = c->text.n - c->marked, n = left < BLOCK ? left : BLOCK;
        c->mark_base = c->marked;
        c->mark_n = c->marks(c->text.p + c->marked, n, c->o.delimiter, c->mark);
        c->marked += n;
    }
    return c->mark_n > 0;
}

CsvStep csv_next(Csv *c, CsvRow *row, Err *e)
{
    Step s = c->broken ? BAD : c->begun || begin(c) ? GO : WAIT;
    while (s == GO) {
        bare_run(c);
        if (c->mark_i < c->mark_n || more_marks(c)) {
            s = on_mark(c, c->mark_base + c->mark[c->mark_i]);
            c->mark_i += s != WAIT;
        } else if ((s = on_text_end(c)) == GO) {
            return CSV_END;
        }
    }
    if (s == WAIT)
        s = keep(c);
    if (s == ROW)
        *row = c->row;
    if (s == BAD && e != NULL)
        *e = c->why;
    return s == ROW ? CSV_ROW : s == WAIT ? CSV_MORE : CSV_ERROR;
}
