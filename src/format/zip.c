/* zip.c - see zip.h; the format is PKWARE's APPNOTE 6.3.10. */
#include "format/zip.h"

#define LOCAL   "PK\3\4"
#define CENTRAL "PK\1\2"
#define END     "PK\5\6"
#define END64   "PK\6\6"
#define FIND64  "PK\6\7"

enum { LOCAL_SIZE = 30, CENTRAL_SIZE = 46, END_SIZE = 22, FIND64_SIZE = 20, END64_SIZE = 56, COMMENT_MAX = 65535, UNIX = 3 };

typedef struct Reader {
    Arena *a;
    Str    file;
    Zip   *z;
    Err   *e;
} Reader;

static bool is_at(Str file, uint64_t at, const char *magic) { return at < file.n && str_starts(str_from(file, at), (Str){ magic, 4 }); }

static Str slice(Str file, uint64_t at, uint64_t n)
{
    Str rest = at < file.n ? str_from(file, at) : (Str){ "", 0 };
    return (Str){ rest.p, n < rest.n ? n : rest.n };
}

/* ---- the fields that both headers have */

/* Zip64: the values that did not fit stand in extra field 1, in this order, each only if its own place says so. */
static void wide(Str extra, uint64_t *size, uint64_t *packed, uint64_t *at)
{
    Cur c = cur_of(extra);
    while (cur_left(&c) >= 4) {
        uint16_t id = cur_u16(&c), n = cur_u16(&c);
        Cur      f = cur_of(cur_bytes(&c, n));
        if (id != 1 || c.bad)
            continue;
        if (*size == UINT32_MAX && cur_left(&f) >= 8)
            *size = cur_u64(&f);
        if (*packed == UINT32_MAX && cur_left(&f) >= 8)
            *packed = cur_u64(&f);
        if (at != NULL && *at == UINT32_MAX && cur_left(&f) >= 8)
            *at = cur_u64(&f);
        return;
    }
}

static void read_common(Cur *c, ZipView *v)
{
    v->flags = cur_u16(c);
    v->method = cur_u16(c);
    cur_u32(c);
    v->crc = cur_u32(c);
    v->packed = cur_u32(c);
    v->size = cur_u32(c);
}

/* The header in front of a member; *data_at is where its data begin. */
static bool read_local(Str file, uint64_t at, ZipView *v, uint64_t *data_at)
{
    Cur c = cur_of(slice(file, at, UINT64_MAX));
    cur_skip(&c, 6);
    read_common(&c, v);
    uint16_t name = cur_u16(&c), extra = cur_u16(&c);
    v->name = cur_bytes(&c, name);
    Str more = cur_bytes(&c, extra);
    if (c.bad)
        return false;
    wide(more, &v->size, &v->packed, NULL);
    *data_at = at + c.at;
    return true;
}

/* ---- one entry of a directory, with the local header it points to */

static unsigned differences(const ZipView *a, const ZipView *b)
{
    bool later = b->flags & ZIP_FLAG_DESCRIPTOR && b->packed == 0 && b->size == 0;
    return (str_eq(a->name, b->name) ? 0u : ZIP_NAMES_DIFFER) | (a->method == b->method ? 0u : ZIP_METHODS_DIFFER) |
           (a->flags == b->flags ? 0u : ZIP_FLAGS_DIFFER) |
           (later || (a->packed == b->packed && a->size == b->size) ? 0u : ZIP_SIZES_DIFFER) |
           (b->flags & ZIP_FLAG_DESCRIPTOR || a->crc == b->crc ? 0u : ZIP_CRCS_DIFFER);
}

static void join(Str file, ZipEntry *x)
{
    uint64_t data_at;
    if (!is_at(file, x->at, LOCAL) || !read_local(file, x->at, &x->local, &data_at)) {
        x->odd |= ZIP_NO_HEADER;
        return;
    }
    x->odd |= differences(&x->listed, &x->local);
    x->listed.data = slice(file, data_at, x->listed.packed);
    x->local.data = x->odd & ZIP_SIZES_DIFFER ? slice(file, data_at, x->local.packed) : x->listed.data;
    if (x->listed.data.n < x->listed.packed)
        x->odd |= ZIP_OUTSIDE;
}

static bool grow(Reader *r)
{
    Zip      *z = r->z;
    size_t    cap = z->cap ? 2 * z->cap : 64;
    ZipEntry *v = arena_get(r->a, cap, sizeof *v);
    if (v == NULL)
        return err_set(r->e, E_LIMIT, "zip: too many members for the memory allowed");
    if (z->n != 0)
        memcpy(v, z->v, z->n * sizeof *v);
    z->v = v, z->cap = cap;
    return true;
}

static bool add(Reader *r, const ZipEntry *x)
{
    if (r->z->n == ZIP_ENTRIES_MAX) {
        r->z->too_many = true;
        return true;
    }
    if (r->z->n == r->z->cap && !grow(r))
        return false;
    r->z->v[r->z->n++] = *x;
    return true;
}

/* False at the end of the directory. */
static bool read_central(Cur *c, ZipEntry *x)
{
    Str magic = cur_bytes(c, 4);
    if (!str_is(magic, CENTRAL))
        return false;
    uint16_t made = cur_u16(c);
    cur_u16(c);
    read_common(c, &x->listed);
    uint16_t name = cur_u16(c), extra = cur_u16(c), comment = cur_u16(c);
    cur_skip(c, 4);
    uint32_t attributes = cur_u32(c);
    x->at = cur_u32(c);
    x->listed.name = cur_bytes(c, name);
    wide(cur_bytes(c, extra), &x->listed.size, &x->listed.packed, &x->at);
    cur_skip(c, comment);
    x->mode = made >> 8 == UNIX ? attributes >> 16 : 0;
    return !c->bad;
}

/* Readers stop at the count or at the size; everything that looks like an entry is one to somebody. */
static bool read_directory(Reader *r, uint64_t at, uint64_t base, uint64_t count)
{
    Cur c = cur_of(str_from(r->file, at));
    if (r->z->directory == 0 || at < r->z->directory)
        r->z->directory = at;
    for (;;) {
        ZipEntry x = { 0 };
        if (!read_central(&c, &x)) {
            r->z->missing |= count != 0;
            return true;
        }
        count -= count != 0;
        if (__builtin_add_overflow(x.at, base, &x.at))
            x.at = UINT64_MAX;
        join(r->file, &x);
        if (!add(r, &x))
            return false;
        if (r->z->too_many)
            return true;
    }
}

/* ---- end records */

typedef struct End {
    uint64_t at, size, offset, count, end;             /* end: behind its comment                             */
    uint64_t body;                                     /* where the end records begin, with those of zip64    */
    uint64_t shift;                                    /* bytes that seem to stand in front of the archive    */
    bool     plain, moved, wide;
} End;

/* Two readers, two places: where the locator says, or directly in front of the locator, as zipfile has it.  UINT64_MAX: none. */
static uint64_t end64_at(Str file, uint64_t end, bool near)
{
    if (end < FIND64_SIZE || !is_at(file, end - FIND64_SIZE, FIND64))
        return UINT64_MAX;
    Cur c = cur_of(slice(file, end - FIND64_SIZE + 8, 8));
    uint64_t at = cur_u64(&c);
    if (near || !is_at(file, at, END64))               /* bytes in front may have moved everything */
        at = end >= FIND64_SIZE + END64_SIZE ? end - FIND64_SIZE - END64_SIZE : UINT64_MAX;
    return is_at(file, at, END64) ? at : UINT64_MAX;
}

static bool two_end64(Str file, uint64_t end)
{
    uint64_t near = end64_at(file, end, true);
    return near != UINT64_MAX && near != end64_at(file, end, false);
}

static bool read_end64(Str file, End *x, bool near)
{
    uint64_t at = end64_at(file, x->at, near);
    if (at == UINT64_MAX)
        return false;
    Cur c = cur_of(str_from(file, at));
    cur_skip(&c, 32);
    x->count = cur_u64(&c), x->size = cur_u64(&c), x->offset = cur_u64(&c);
    x->body = at < x->at ? at : x->body;
    return true;
}

/* The directory is where the record says (plain), or where it must be if bytes were put in front of the archive (moved). */
static End read_end(Str file, uint64_t at, bool near)
{
    Cur      c = cur_of(str_from(file, at));
    End      x = { .at = at, .body = at };
    uint64_t sum;
    cur_skip(&c, 10);
    x.count = cur_u16(&c), x.size = cur_u32(&c), x.offset = cur_u32(&c);
    x.end = at + END_SIZE + cur_u16(&c);
    x.wide = read_end64(file, &x, near);
    if (!__builtin_add_overflow(x.size, x.offset, &sum) && sum <= x.body)
        x.shift = x.body - sum;
    x.plain = is_at(file, x.offset, CENTRAL);
    x.moved = x.shift != 0 && is_at(file, x.offset + x.shift, CENTRAL);
    return x;
}

static bool read_one_end(Reader *r, uint64_t at, bool near)
{
    End  x = read_end(r->file, at, near);
    Zip *z = r->z;
    z->zip64 |= x.wide;
    if (x.end > z->end && x.end <= r->file.n)
        z->end = x.end, z->comment = slice(r->file, at + END_SIZE, x.end - at - END_SIZE);
    z->ends += x.plain + x.moved;
    z->missing |= x.count != 0 && !x.plain && !x.moved;
    return (!x.plain || read_directory(r, x.offset, 0, x.count)) && (!x.moved || read_directory(r, x.offset + x.shift, x.shift, x.count));
}

static uint64_t ends_from(Str file) { return file.n > END_SIZE + COMMENT_MAX ? file.n - END_SIZE - COMMENT_MAX : 0; }

/* The last end record that lies wholly before `limit`; UINT64_MAX when there is none in reach. */
static uint64_t end_before(Str file, uint64_t limit)
{
    if (limit < END_SIZE)
        return UINT64_MAX;
    for (uint64_t at = limit - END_SIZE + 1; at-- > ends_from(file);)
        if (is_at(file, at, END))
            return at;
    return UINT64_MAX;
}

bool zip_ends(Str file)
{
    Str         tail = str_from(file, ends_from(file));
    const char *p = tail.p;
    /* Four bytes can be chance: an end record must lead to a directory, or end the file. */
    while (tail.n >= END_SIZE && (p = memmem(p, (size_t)(tail.p + tail.n - p), END, 4)) != NULL) {
        uint64_t at = (uint64_t)(p++ - file.p);
        End      x = read_end(file, at, false), y = read_end(file, at, true);
        if (x.plain || x.moved || y.plain || y.moved || (x.count == 0 && x.end == file.n))
            return true;
    }
    return false;
}

/* An archive stored in the archive brings its own end record; whoever opens the member reads that one. */
static bool in_member(const Reader *r, uint64_t at)
{
    for (size_t i = 0; i < r->z->n; i++) {
        const Str *d = &r->z->v[i].listed.data;
        uint64_t   from = d->p ? (uint64_t)(d->p - r->file.p) : 0;
        if (d->p != NULL && at >= from && at - from < d->n)
            return true;
    }
    return false;
}

static bool read_ends(Reader *r)
{
    unsigned found = 0;
    for (uint64_t at = end_before(r->file, r->file.n); at != UINT64_MAX && found < ZIP_ENDS_MAX; found++) {
        bool member = in_member(r, at);
        if (!member && !read_one_end(r, at, false))
            return false;
        if (!member && two_end64(r->file, at) && !read_one_end(r, at, true))
            return false;
        if (r->z->end == 0)
            r->z->end = at + END_SIZE;
        at = end_before(r->file, at + END_SIZE - 1);
    }
    r->z->no_end = found == 0;
    return true;
}

/* ---- what no directory lists */

static int by_place(const void *x, const void *y)
{
    const ZipEntry *a = x, *b = y;
    if (a->at != b->at)
        return a->at < b->at ? -1 : 1;
    int c = str_cmp(a->listed.name, b->listed.name);
    return c ? c : a->listed.packed != b->listed.packed ? (a->listed.packed < b->listed.packed ? -1 : 1) : 0;
}

/* Two end records may point to one directory. */
static void drop_twins(Zip *z)
{
    size_t n = 0;
    for (size_t i = 0; i < z->n; i++)
        if (n == 0 || by_place(&z->v[n - 1], &z->v[i]) != 0 || z->v[n - 1].listed.method != z->v[i].listed.method)
            z->v[n++] = z->v[i];
    z->n = n;
}

static uint64_t end_of(Str file, const ZipEntry *x)
{
    const Str *d = x->odd & ZIP_UNLISTED ? &x->local.data : &x->listed.data;
    return x->odd & ZIP_NO_HEADER || d->p == NULL ? x->at : (uint64_t)(d->p - file.p) + d->n;
}

/* Local headers in [from, to). */
static bool search(Reader *r, uint64_t from, uint64_t to)
{
    if (to - from > ZIP_GAP_MAX)
        to = from + ZIP_GAP_MAX, r->z->cut = true;
    while (from + LOCAL_SIZE <= to) {
        const char *p = memmem(r->file.p + from, to - from, LOCAL, 4);
        ZipEntry    x = { .odd = ZIP_UNLISTED };
        uint64_t    data_at;
        if (p == NULL)
            return true;
        x.at = (uint64_t)(p - r->file.p), from = x.at + 4;
        if (!read_local(r->file, x.at, &x.local, &data_at))
            continue;
        /* Without a size (it follows in a descriptor) a reader unpacks until the stream ends: give it all there is. */
        bool later = x.local.flags & ZIP_FLAG_DESCRIPTOR && x.local.packed == 0;
        x.local.data = slice(r->file, data_at, later ? UINT64_MAX : x.local.packed);
        if (!later && x.local.data.n < x.local.packed)
            x.odd |= ZIP_OUTSIDE;
        if (!add(r, &x) || r->z->too_many)
            return r->z->too_many;
        if (!later && end_of(r->file, &x) <= to)
            from = end_of(r->file, &x);
    }
    return true;
}

/* A data descriptor may stand behind a member: its signature, CRC and two sizes of 4 or 8 bytes. */
enum { DESCRIPTOR_MAX = 24 };

static bool sweep(Reader *r)
{
    Zip     *z = r->z;
    size_t   listed = z->n;
    uint64_t pos = 0;
    for (size_t i = 0; i < listed; i++) {
        uint64_t at = z->v[i].at, end = end_of(r->file, &z->v[i]);
        if (at > r->file.n || z->v[i].odd & ZIP_NO_HEADER)
            continue;
        if (at < pos)
            z->v[i].odd |= ZIP_OVERLAPS;
        else if (i == 0 || pos == 0)
            z->front = at;
        else if (at - pos > DESCRIPTOR_MAX)
            z->gap_at = z->gaps ? z->gap_at : pos, z->gaps += at - pos;
        if (at > pos && !search(r, pos, at))
            return false;
        pos = end > pos ? end : pos;
    }
    if (pos != 0 && z->directory > pos && z->directory - pos > DESCRIPTOR_MAX)
        z->gap_at = z->gaps ? z->gap_at : pos, z->gaps += z->directory - pos;
    return pos >= r->file.n || search(r, pos, r->file.n);
}

bool zip_read(Arena *a, Str file, Zip *out, Err *e)
{
    Reader r = { a, file, out, e };
    *out = (Zip){ 0 };
    if (!read_ends(&r))
        return false;
    if (out->n != 0)
        qsort(out->v, out->n, sizeof *out->v, by_place);
    drop_twins(out);
    if (!sweep(&r))
        return false;
    if (out->n != 0)
        qsort(out->v, out->n, sizeof *out->v, by_place);
    if (out->n == 0 && out->no_end)
        return err_at(e, 0, "zip: neither members nor a directory");
    return true;
}
