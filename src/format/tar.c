/* tar.c - see tar.h; POSIX.1-2017 pax, "ustar interchange format" and "extended header", and GNU tar's manual. */
#include "format/tar.h"

typedef struct Head {                                  /* of one block */
    Str      name, link;
    uint64_t size;
    char     type;
    bool     ends_in_slash;                            /* the name, before a prefix or long name */
} Head;

/* What comes before a member and is about it. */
typedef struct Extra {
    Str      name, link;
    uint64_t size;
    bool     sized, sparse;
} Extra;

/* ---- fields */

/* Octal with blanks or NULs around, or (first bit set) base 256. */
static bool number(const uint8_t *p, size_t n, uint64_t *out)
{
    uint64_t v = 0;
    size_t   i = 0;
    if (p[0] & 0x80) {
        for (v = p[0] & 0x7f, i = 1; i < n; i++) {
            if (v >> 56)
                return false;
            v = v << 8 | p[i];
        }
        *out = v;
        return true;
    }
    while (i < n && p[i] == ' ')
        i++;
    for (; i < n && p[i] >= '0' && p[i] <= '7'; i++)
        v = v << 3 | (uint64_t)(p[i] - '0');
    while (i < n && (p[i] == ' ' || p[i] == '\0'))
        i++;
    *out = v;
    return i == n;
}

/* Signed and unsigned sums are both in use. */
static bool checksum_ok(const uint8_t *b)
{
    uint64_t want, plain = 0;
    int64_t  with_sign = 0;
    for (size_t i = 0; i < TAR_BLOCK; i++) {
        uint8_t c = i >= 148 && i < 156 ? ' ' : b[i];
        plain += c, with_sign += (int8_t)c;
    }
    return number(b + 148, 8, &want) && (want == plain || (int64_t)want == with_sign);
}

static Str text(const uint8_t *p, size_t n) { return (Str){ (const char *)p, strnlen((const char *)p, n) }; }

static bool head_at(const Tar *t, Head *h, Err *e)
{
    const uint8_t *b = (const uint8_t *)t->file.p + t->at;
    if (!checksum_ok(b))
        return err_at(e, t->at, "tar: a header with a wrong checksum");
    if (!number(b + 124, 12, &h->size))
        return err_at(e, t->at + 124, "tar: a size that is no number");
    *h = (Head){ text(b, 100), text(b + 157, 100), h->size, (char)b[156], str_ends(text(b, 100), S("/")) };
    Str prefix = text(b + 345, 155);
    if (memcmp(b + 257, "ustar\0", 6) == 0 && prefix.n != 0)
        h->name = str(arena_printf(t->a, "%.*s/%.*s", STR(prefix), STR(h->name)));
    return h->name.p != NULL || err_nomem(e);
}

static Str data_of(const Tar *t, uint64_t size)
{
    uint64_t from = t->at + TAR_BLOCK, left = t->file.n - from;
    return (Str){ t->file.p + from, size < left ? size : left };
}

static void skip(Tar *t, uint64_t size)
{
    uint64_t padded, next;
    bool     far = __builtin_add_overflow(size, (uint64_t)(TAR_BLOCK - 1), &padded) ||
               __builtin_add_overflow(t->at + TAR_BLOCK, padded / TAR_BLOCK * TAR_BLOCK, &next);
    t->at = far || next > t->file.n ? t->file.n : next;
}

/* ---- pax records: "LENGTH KEY=VALUE\n" */

static bool pax_record(Str *rest, Str *key, Str *value)
{
    Str      number_text, tail;
    uint64_t n;
    if (!str_cut(*rest, ' ', &number_text, &tail) || !str_u64(number_text, &n) || n <= number_text.n + 1 || n > rest->n)
        return false;
    Str body = { tail.p, n - number_text.n - 1 };
    *rest = str_from(*rest, n);
    if (body.p[body.n - 1] != '\n')
        return false;
    body.n--;
    return str_cut(body, '=', key, value);
}

static bool pax(Tar *t, Str data, bool global, Extra *x, Err *e)
{
    Str key, value;
    while (data.n != 0) {
        if (!pax_record(&data, &key, &value))
            return err_at(e, t->at, "tar: a pax record that is none");
        if (str_is(key, "path") && global)
            t->global_path = value;
        else if (str_is(key, "path"))
            x->name = value;
        else if (str_is(key, "linkpath"))
            x->link = value;
        else if (str_is(key, "size") && !str_u64(value, &x->size))
            return err_at(e, t->at, "tar: a pax size that is no number");
        x->sized |= str_is(key, "size");
        x->sparse |= str_starts(key, S("GNU.sparse."));
    }
    return true;
}

/* ---- members */

/* Takes in a block that says something about the next one; false when this is a member itself. */
static bool is_extra(char type) { return type == 'L' || type == 'K' || type == 'x' || type == 'g'; }

static bool take_extra(Tar *t, const Head *h, Extra *x, Err *e)
{
    Str data = data_of(t, h->size);
    if (data.n < h->size || h->size > TAR_NAME_MAX)
        return err_at(e, t->at, "tar: a long name or pax header that is cut or too long");
    if (h->type == 'L')
        x->name = data;
    else if (h->type == 'K')
        x->link = data;
    else if (!pax(t, data, h->type == 'g', x, e))
        return false;
    skip(t, h->size);
    return true;
}

/* A slash makes a folder only of the oldest type, as Python's tarfile has it: it takes the others for files, so their bytes count. */
static TarKind kind_of(char type, Str name)
{
    switch (type) {
    case '\0': return str_ends(name, S("/")) ? TAR_FOLDER : TAR_FILE;
    case '0': case '7': return TAR_FILE;
    case '1': return TAR_HARDLINK;
    case '2': return TAR_SYMLINK;
    case '5': case 'D': return TAR_FOLDER;
    case 'S': case 'M': return TAR_SPARSE;
    case '3': case '4': case '6': case 'V': return TAR_OTHER;
    default: return TAR_FILE;                          /* POSIX: unknown types are plain files */
    }
}

static Str until_nul(Str s, unsigned *odd)
{
    size_t n = s.p ? strnlen(s.p, s.n) : 0;
    *odd |= n + 1 < s.n ? TAR_NAME_CUT : 0u;
    return (Str){ s.p ? s.p : "", n };
}

static bool has_data(TarKind k) { return k == TAR_FILE || k == TAR_SPARSE; }

static void member(Tar *t, const Head *h, const Extra *x, TarEntry *out)
{
    Str name = x->name.p ? x->name : t->global_path.n ? t->global_path : h->name;
    *out = (TarEntry){ .at = t->at };
    out->name = until_nul(name, &out->odd);
    out->link = until_nul(x->link.p ? x->link : h->link, &out->odd);
    /* Readers differ in whether the slash must stand in the header or in the long name: either makes a folder with data of it. */
    out->kind = x->sparse ? TAR_SPARSE : kind_of(h->type, h->ends_in_slash ? S("/") : out->name);
    bool     folder = out->kind == TAR_FOLDER;
    uint64_t size = !folder && !has_data(out->kind) ? 0 : x->sized ? x->size : h->size;
    if (x->sized && x->size != h->size && h->size != 0)
        out->odd |= TAR_SIZE_TWICE;
    out->data = data_of(t, size);
    if (out->data.n < size)
        out->odd |= TAR_OUTSIDE;
    if (folder && size != 0)
        out->odd |= TAR_FOLDER_DATA;
    skip(t, folder && h->type != 'D' ? 0 : size);
}

static bool all_zero(const Tar *t)
{
    for (size_t i = 0; i < TAR_BLOCK; i++)
        if (t->file.p[t->at + i] != '\0')
            return false;
    return true;
}

bool tar_is(Str file) { return file.n >= TAR_BLOCK && file.p[0] != '\0' && checksum_ok((const uint8_t *)file.p); }

Tar tar_open(Arena *a, Str file) { return (Tar){ .file = file, .a = a }; }

bool tar_next(Tar *t, TarEntry *out, Err *e)
{
    Extra x = { 0 };
    Head  h = { 0 };
    for (unsigned extras = 0; extras < TAR_EXTRAS_MAX; extras++) {
        if (t->at >= t->file.n || t->file.n - t->at < TAR_BLOCK)
            return extras ? err_at(e, t->at, "tar: ends behind a long name") : t->at >= t->file.n ? false : err_at(e, t->at, "tar: ends inside a block");
        if (all_zero(t))
            return extras ? err_at(e, t->at, "tar: ends behind a long name") : false;
        if (!head_at(t, &h, e))
            return false;
        if (!is_extra(h.type)) {
            member(t, &h, &x, out);
            return true;
        }
        if (!take_extra(t, &h, &x, e))
            return false;
    }
    return err_at(e, t->at, "tar: more than %d headers about one member", TAR_EXTRAS_MAX);
}
