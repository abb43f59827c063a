/* base.c - see base.h. */
#include "base/base.h"

Str str(const char *z) { return (Str){ z ? z : "", z ? strlen(z) : 0 }; }
bool str_eq(Str a, Str b) { return a.n == b.n && (a.n == 0 || memcmp(a.p, b.p, a.n) == 0); }
bool str_is(Str a, const char *z) { return str_eq(a, str(z)); }
bool str_starts(Str s, Str prefix) { return s.n >= prefix.n && str_eq((Str){ s.p, prefix.n }, prefix); }
bool str_ends(Str s, Str suffix) { return s.n >= suffix.n && str_eq(str_from(s, s.n - suffix.n), suffix); }
Str str_from(Str s, size_t at) { return at >= s.n ? (Str){ "", 0 } : (Str){ s.p + at, s.n - at }; }

int str_cmp(Str a, Str b)
{
    size_t n = a.n < b.n ? a.n : b.n;
    int    c = n ? memcmp(a.p, b.p, n) : 0;
    return c ? c : (a.n > b.n) - (a.n < b.n);
}

static bool is_blank(char c) { return c == ' ' || c == '\t' || c == '\r' || c == '\n'; }

Str str_trim(Str s)
{
    while (s.n && is_blank(s.p[0]))
        s.p++, s.n--;
    while (s.n && is_blank(s.p[s.n - 1]))
        s.n--;
    return s;
}

bool str_cut(Str s, char sep, Str *head, Str *tail)
{
    const char *hit = s.n ? memchr(s.p, sep, s.n) : NULL;
    size_t      at = hit ? (size_t)(hit - s.p) : s.n;
    *tail = hit ? str_from(s, at + 1) : (Str){ "", 0 };
    *head = (Str){ s.p, at };
    return hit != NULL;
}

bool str_u64(Str s, uint64_t *out)
{
    uint64_t v = 0;
    for (size_t i = 0; i < s.n; i++)
        if (s.p[i] < '0' || s.p[i] > '9' || __builtin_mul_overflow(v, 10, &v) ||
            __builtin_add_overflow(v, (uint64_t)(s.p[i] - '0'), &v))
            return false;
    *out = v;
    return s.n > 0;
}

bool str_size(Str s, uint64_t *out)
{
    static const struct {
        const char *suffix;
        uint64_t    unit;
    } rows[] = {
        { "KiB", 1 << 10 }, { "MiB", 1 << 20 }, { "GiB", 1 << 30 }, { "kB", 1000 }, { "MB", 1000000 },
        { "GB", 1000000000 }, { "k", 1000 }, { "K", 1000 }, { "M", 1000000 }, { "G", 1000000000 }, { "B", 1 },
    };
    uint64_t unit = 1, n;
    s = str_trim(s);
    for (size_t i = 0; i < len_of(rows); i++)
        if (str_ends(s, str(rows[i].suffix))) {
            unit = rows[i].unit;
            s = str_trim((Str){ s.p, s.n - strlen(rows[i].suffix) });
            break;
        }
    return str_u64(s, &n) && !__builtin_mul_overflow(n, unit, out);
}

/* Length of the sequence that starts with c and the least code point it may hold (RFC 3629 s4). */
static size_t utf8_len(uint8_t c, uint32_t *min)
{
    *min = c < 0x80 ? 0 : c < 0xE0 ? 0x80 : c < 0xF0 ? 0x800 : 0x10000;
    return c < 0x80 ? 1 : c >= 0xC2 && c < 0xE0 ? 2 : c >= 0xE0 && c < 0xF0 ? 3 : c >= 0xF0 && c < 0xF5 ? 4 : 0;
}

bool str_utf8(Str s)
{
    for (size_t i = 0; i < s.n;) {
        uint32_t min, cp;
        uint8_t  c = (uint8_t)s.p[i];
        size_t   len = utf8_len(c, &min);
        if (len == 0 || len > s.n - i)
            return false;
        cp = len == 1 ? c : c & (0x7Fu >> len);
        for (size_t k = 1; k < len; k++) {
            if (((uint8_t)s.p[i + k] & 0xC0) != 0x80)
                return false;
            cp = cp << 6 | ((uint8_t)s.p[i + k] & 0x3F);
        }
        if (cp < min || cp > 0x10FFFF || (cp >= 0xD800 && cp <= 0xDFFF))
            return false;
        i += len;
    }
    return true;
}

/* ---- errors */

__attribute__((format(printf, 5, 0)))
static void err_fill(Err *e, enum ErrCode code, uint64_t at, uint64_t line, const char *fmt, va_list ap)
{
    if (e == NULL)
        return;
    *e = (Err){ .code = code, .at = at, .line = line };
    vsnprintf(e->message, sizeof e->message, fmt, ap);
}

bool err_set(Err *e, enum ErrCode code, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    err_fill(e, code, 0, 0, fmt, ap);
    va_end(ap);
    return false;
}

bool err_at(Err *e, uint64_t offset, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    err_fill(e, E_FORMAT, offset + 1, 0, fmt, ap);
    va_end(ap);
    return false;
}

bool err_line(Err *e, uint64_t line, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    err_fill(e, E_FORMAT, 0, line, fmt, ap);
    va_end(ap);
    return false;
}

bool err_in(Err *e, const char *fmt, ...)
{
    if (e == NULL)
        return false;
    char    old[sizeof e->message];
    va_list ap;
    memcpy(old, e->message, sizeof old);
    va_start(ap, fmt);
    vsnprintf(e->message, sizeof e->message, fmt, ap);
    va_end(ap);
    size_t n = strlen(e->message);
    snprintf(e->message + n, sizeof e->message - n, ": %s", old);
    return false;
}

bool err_hint(Err *e, const char *fmt, ...)
{
    if (e == NULL)
        return false;
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(e->hint, sizeof e->hint, fmt, ap);
    va_end(ap);
    return false;
}

bool err_nomem(Err *e) { return err_set(e, E_NOMEM, "out of memory"); }

/* ---- arena */

enum { CHUNK = 64 << 10 };

typedef struct Block {
    struct Block *next;
    size_t        used, cap;
    max_align_t   data[];
} Block;

struct Arena {
    size_t used, limit;
    Block *head;
};

Arena *arena_new(size_t limit_bytes)
{
    Arena *a = calloc(1, sizeof *a);
    if (a != NULL)
        a->limit = limit_bytes;
    return a;
}

/* Small pieces share a chunk; a large one gets a block of its own behind the current chunk, which stays in use. */
static Block *block_for(Arena *a, size_t n)
{
    Block *b = a->head;
    if (b != NULL && n <= b->cap - b->used)
        return b;
    size_t cap = n > CHUNK / 4 ? n : CHUNK;
    Block *fresh = calloc(1, sizeof *fresh + cap);
    if (fresh == NULL)
        return NULL;
    fresh->cap = cap;
    if (b != NULL && cap != CHUNK)
        fresh->next = b->next, b->next = fresh;
    else
        fresh->next = b, a->head = fresh;
    return fresh;
}

void *arena_get(Arena *a, size_t count, size_t size)
{
    size_t n;
    if (__builtin_mul_overflow(count, size, &n) || n > SIZE_MAX - sizeof(max_align_t) - sizeof(Block))
        return NULL;
    if (n > a->limit - a->used)
        return NULL;
    size_t room = (n + sizeof(max_align_t) - 1) & ~(sizeof(max_align_t) - 1);
    Block *b = block_for(a, room);
    if (b == NULL)
        return NULL;
    void *p = (char *)b->data + b->used;
    b->used += room, a->used += n;
    return p;
}

void arena_free(Arena *a)
{
    if (a == NULL)
        return;
    for (Block *b = a->head, *next; b != NULL; b = next)
        next = b->next, free(b);
    free(a);
}

Str arena_str(Arena *a, Str s)
{
    char *p = s.n == SIZE_MAX ? NULL : arena_get(a, s.n + 1, 1);
    if (p == NULL)
        return (Str){ NULL, 0 };
    if (s.n)
        memcpy(p, s.p, s.n);
    return (Str){ p, s.n };
}

char *arena_printf(Arena *a, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    int n = vsnprintf(NULL, 0, fmt, ap);
    va_end(ap);
    char *p = n < 0 ? NULL : arena_get(a, (size_t)n + 1, 1);
    if (p == NULL)
        return NULL;
    va_start(ap, fmt);
    vsnprintf(p, (size_t)n + 1, fmt, ap);
    va_end(ap);
    return p;
}

/* ---- buf */

static bool buf_grow(Buf *b, size_t n)
{
    size_t want;
    if (b->bad || __builtin_add_overflow(b->n, n, &want))
        return b->bad = true, false;
    size_t cap = b->cap ? b->cap : 256;
    while (cap < want)
        cap = cap > SIZE_MAX / 2 ? want : cap * 2;
    char *p = realloc(b->p, cap);
    if (p == NULL)
        return b->bad = true, false;
    b->p = p, b->cap = cap;
    return true;
}

static inline bool buf_room(Buf *b, size_t n) { return (!b->bad && n <= b->cap - b->n) || buf_grow(b, n); }

void buf_put(Buf *b, const void *p, size_t n)
{
    if (n == 0 || !buf_room(b, n))
        return;
    memcpy(b->p + b->n, p, n);
    b->n += n;
}

void buf_str(Buf *b, Str s) { buf_put(b, s.p, s.n); }
void buf_z(Buf *b, const char *z) { buf_put(b, z, strlen(z)); }

void buf_byte(Buf *b, uint8_t c)
{
    if (buf_room(b, 1))
        b->p[b->n++] = (char)c;
}

static void buf_le(Buf *b, uint64_t v, size_t width)
{
    uint8_t raw[8];
    for (size_t i = 0; i < width; i++)
        raw[i] = (uint8_t)(v >> 8 * i);
    buf_put(b, raw, width);
}

void buf_u16(Buf *b, uint16_t v) { buf_le(b, v, 2); }
void buf_u32(Buf *b, uint32_t v) { buf_le(b, v, 4); }
void buf_u64(Buf *b, uint64_t v) { buf_le(b, v, 8); }

void buf_varint(Buf *b, uint64_t v)
{
    for (; v >= 0x80; v >>= 7)
        buf_byte(b, (uint8_t)(v | 0x80));
    buf_byte(b, (uint8_t)v);
}

void buf_printf(Buf *b, const char *fmt, ...)
{
    va_list ap;
    if (!buf_room(b, 64))                              /* most texts fit at once */
        return;
    va_start(ap, fmt);
    int n = vsnprintf(b->p + b->n, b->cap - b->n, fmt, ap);
    va_end(ap);
    if (n > 0 && (size_t)n >= b->cap - b->n) {
        if (!buf_room(b, (size_t)n + 1))
            return;
        va_start(ap, fmt);
        vsnprintf(b->p + b->n, (size_t)n + 1, fmt, ap);
        va_end(ap);
    }
    if (n > 0)
        b->n += (size_t)n;
}

/* Two bytes of UTF-8 that are a C1 control (U+0080..U+009F), which terminals obey as they obey ESC. */
static bool is_c1(Str s) { return s.n > 1 && (uint8_t)s.p[0] == 0xC2 && (uint8_t)s.p[1] < 0xA0; }

void buf_clean(Buf *b, Str s)
{
    bool text = str_utf8(s);
    for (size_t i = 0; i < s.n; i++) {
        uint8_t c = (uint8_t)s.p[i];
        if (text && is_c1(str_from(s, i)))
            buf_printf(b, "\\x%02x", (uint8_t)s.p[++i]);
        else if (c < ' ' || c == 0x7F || (!text && c >= 0x80))
            buf_printf(b, "\\x%02x", c);
        else
            buf_byte(b, c);
    }
}

void buf_free(Buf *b)
{
    free(b->p);
    *b = (Buf){ 0 };
}

/* ---- cursor */

Cur cur_of(Str s) { return (Cur){ .p = (const uint8_t *)s.p, .n = s.n }; }

Str cur_bytes(Cur *c, uint64_t n)
{
    if (c->bad || n > c->n - c->at) {
        c->bad = true;
        return (Str){ "", 0 };
    }
    Str s = { (const char *)c->p + c->at, (size_t)n };
    c->at += (size_t)n;
    return s;
}

bool cur_skip(Cur *c, uint64_t n)
{
    cur_bytes(c, n);
    return !c->bad;
}

static uint64_t cur_le(Cur *c, unsigned width)
{
    Str      s = cur_bytes(c, width);
    uint64_t v = 0;
    for (size_t i = 0; i < s.n; i++)
        v |= (uint64_t)(uint8_t)s.p[i] << 8 * i;
    return v;
}

static uint64_t cur_be(Cur *c, unsigned width)
{
    Str      s = cur_bytes(c, width);
    uint64_t v = 0;
    for (size_t i = 0; i < s.n; i++)
        v = v << 8 | (uint8_t)s.p[i];
    return v;
}

uint8_t  cur_u8(Cur *c) { return (uint8_t)cur_le(c, 1); }
uint16_t cur_u16(Cur *c) { return (uint16_t)cur_le(c, 2); }
uint32_t cur_u32(Cur *c) { return (uint32_t)cur_le(c, 4); }
uint64_t cur_u64(Cur *c) { return cur_le(c, 8); }
uint16_t cur_be16(Cur *c) { return (uint16_t)cur_be(c, 2); }
uint32_t cur_be32(Cur *c) { return (uint32_t)cur_be(c, 4); }
uint64_t cur_be64(Cur *c) { return cur_be(c, 8); }

/* ---- nearest word: Levenshtein distance, one row of the table at a time */

static int distance(Str a, Str b)
{
    int row[64];
    if (b.n >= len_of(row) || a.n >= len_of(row))
        return 99;
    for (size_t j = 0; j <= b.n; j++)
        row[j] = (int)j;
    for (size_t i = 1; i <= a.n; i++) {
        int diag = row[0];
        row[0] = (int)i;
        for (size_t j = 1; j <= b.n; j++) {
            int up = row[j], sub = diag + (a.p[i - 1] != b.p[j - 1]);
            int best = up + 1 < row[j - 1] + 1 ? up + 1 : row[j - 1] + 1;
            row[j] = sub < best ? sub : best;
            diag = up;
        }
    }
    return row[b.n];
}

const char *nearest_word(Str word, const char *const *words, size_t n)
{
    const char *best = NULL;
    int         bound = 3;
    for (size_t i = 0; i < n; i++) {
        int d = distance(word, str(words[i]));
        if (d < bound && (size_t)d < word.n)
            bound = d, best = words[i];
    }
    return best;
}
