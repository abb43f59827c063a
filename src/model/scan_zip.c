/* scan_zip.c - zip archives: what they are for, what is odd about them, and their members.
 *
 * Members that a torch archive declares as tensors are looked at only at their beginning.  Flag bits and checksums never stop us:
 * loaders ignore them, so they are told and the member is read all the same. */
#include "base/dict.h"
#include "format/unpack.h"
#include "format/zip.h"
#include "model/scan_names.h"
#include "model/scan_walk.h"
#include <sys/stat.h>
#include <zlib.h>

enum { NAMES_ARENA = 256 << 20, FLAGS_ODD = ZIP_FLAG_ENCRYPTED | ZIP_FLAG_PATCH | ZIP_FLAG_STRONG | ZIP_FLAG_MASKED, WHOLE_FLAGS = 0x2000 | 0x60 };

struct TorchZip {
    const Dict *names;                                 /* to ZipEntry                          */
    Str         stem;                                  /* "archive/data/": where its keys are  */
};

typedef struct Archive {
    Walk       *w;
    const Item *it;
    Judged     *j;
    Arena      *a;
    Zip         z;
    Dict       *names, *folded;
    bool        torch, script;
} Archive;

static Str name_of(const ZipEntry *x) { return x->odd & ZIP_UNLISTED ? x->local.name : x->listed.name; }

bool torch_storage(void *ctx, Str key, uint64_t *bytes)
{
    const TorchZip *t = ctx;
    char            name[512];
    if (key.n + t->stem.n > sizeof name)
        return false;
    memcpy(name, t->stem.p, t->stem.n);
    memcpy(name + t->stem.n, key.p, key.n);
    const ZipEntry *x = dict_get(t->names, (Str){ name, t->stem.n + key.n });
    if (x != NULL)
        *bytes = x->listed.size;
    return x != NULL;
}

/* ---- what it is for */

static bool ends_in(const Archive *r, const char *tail)
{
    for (size_t i = 0; i < r->z.n; i++) {
        Str n = name_of(&r->z.v[i]);
        if (str_is(n, tail) || (str_ends(n, str(tail)) && n.p[n.n - strlen(tail) - 1] == '/'))
            return true;
    }
    return false;
}

static bool has(const Archive *r, const char *name) { return dict_get(r->names, str(name)) != NULL; }

static bool any_code(const Archive *r)
{
    for (size_t i = 0; i < r->z.n; i++) {
        Str n = name_of(&r->z.v[i]);
        if (str_ends(n, S(".py")) && (str_starts(n, S("code/")) || memmem(n.p, n.n, "/code/", 6) != NULL))
            return true;
    }
    return false;
}

static bool all_npy(const Archive *r)
{
    for (size_t i = 0; i < r->z.n; i++)
        if (!str_ends(name_of(&r->z.v[i]), S(".npy")))
            return false;
    return r->z.n != 0;
}

static void purpose(Archive *r)
{
    r->torch = ends_in(r, "data.pkl");
    r->script = ends_in(r, "constants.pkl") || (r->torch && any_code(r));
    r->j->format = r->script ? "torchscript" : r->torch ? "torch zip" : all_npy(r) ? "npz" : has(r, "schema.json") ? "skops" :
                   has(r, "config.json") && has(r, "metadata.json") ? "keras" : has(r, "MAR-INF/MANIFEST.json") ? "torchserve" : "zip";
    if (strcmp(r->j->format, "skops") == 0 || strcmp(r->j->format, "keras") == 0 || strcmp(r->j->format, "torchserve") == 0)
        rate(r->j, SCAN_UNSCANNABLE, "the configuration of such archives is not judged yet");
}

/* ---- the archive as a whole */

static void judge_archive(Archive *r)
{
    const Zip *z = &r->z;
    if (z->ends > 1)
        walk_hit(r->w, r->j, r->it, RULE_HIDDEN, 0, "%u directories: readers differ in which one they take", z->ends);
    if (z->front != 0)
        walk_hit(r->w, r->j, r->it, RULE_TRAILING, 1, "%" PRIu64 " bytes stand before the archive", z->front);
    if (z->gaps != 0)
        walk_hit(r->w, r->j, r->it, RULE_TRAILING, z->gap_at + 1, "%" PRIu64 " bytes between members or before the directory belong to none", z->gaps);
    if (!z->no_end && z->end < r->it->bytes.n)
        walk_hit(r->w, r->j, r->it, RULE_TRAILING, z->end + 1, "%" PRIu64 " bytes follow the archive", r->it->bytes.n - z->end);
    if (z->too_many)
        walk_hit(r->w, r->j, r->it, RULE_BOMB, 0, "more than %d members", ZIP_ENTRIES_MAX);
    if (z->cut)
        rate(r->j, SCAN_UNSCANNABLE, "a gap of more than %d MiB, which is not searched to its end", ZIP_GAP_MAX >> 20);
    if (z->no_end)
        rate(r->j, SCAN_BROKEN, "an archive without an end");
    if (z->missing)
        rate(r->j, SCAN_BROKEN, "an archive without the directory it promises");
}

static bool index_names(Archive *r)
{
    if ((r->names = dict_new(r->a)) == NULL || (r->folded = dict_new(r->a)) == NULL)
        return false;
    for (size_t i = 0; i < r->z.n; i++)
        if (dict_get(r->names, name_of(&r->z.v[i])) == NULL && !dict_put(r->names, name_of(&r->z.v[i]), &r->z.v[i]))
            return false;
    return true;
}

/* ---- what is odd about a member */

static void judge_entry(Archive *r, const ZipEntry *x, const Item *m)
{
    static const struct {
        unsigned    odd, rule;
        const char *what;
    } rows[] = {
        { ZIP_NAMES_DIFFER, RULE_TWO_VIEWS, "has another name in its own header" },
        { ZIP_SIZES_DIFFER, RULE_TWO_VIEWS, "has another size in its own header" },
        { ZIP_METHODS_DIFFER, RULE_TWO_VIEWS, "is packed in another way by its own header" },
        { ZIP_CRCS_DIFFER, RULE_HEADER, "has another checksum in its own header" },
        { ZIP_OVERLAPS, RULE_HIDDEN, "lies over another member" },
        { ZIP_UNLISTED, RULE_HIDDEN, "is in no directory" },
    };
    for (size_t i = 0; i < len_of(rows); i++)
        if (x->odd & rows[i].odd && !(r->z.no_end && rows[i].odd == ZIP_UNLISTED))
            walk_hit(r->w, r->j, m, rows[i].rule, x->at + 1, "member %s", rows[i].what);
    if ((x->listed.flags ^ x->local.flags) & FLAGS_ODD && !(x->odd & (ZIP_UNLISTED | ZIP_NO_HEADER)))
        walk_hit(r->w, r->j, m, RULE_HEADER, x->at + 7, "member has other flags in its own header");
    if ((x->listed.flags | x->local.flags) & WHOLE_FLAGS)
        walk_hit(r->w, r->j, m, RULE_HEADER, x->at + 7, "member has flags that no model's library writes");
    if (x->odd & ZIP_NO_HEADER)
        rate(r->j, SCAN_BROKEN, "a member's place holds no member");
    if (x->odd & ZIP_OUTSIDE)
        rate(r->j, SCAN_BROKEN, "a member ends past the file");
}

/* "same" after folding the case of ASCII letters, which is what the usual file systems do at least. */
static void judge_name_of(Archive *r, const ZipEntry *x, const Item *m)
{
    Str   name = name_of(x), low = arena_str(r->a, name);
    char *p = (char *)(uintptr_t)low.p;
    const char *leaves = name_leaves(name);
    if (leaves != NULL)
        walk_hit(r->w, r->j, m, RULE_OUTSIDE, x->at + 1, "member's name %s", leaves);
    for (size_t i = 0; p != NULL && i < low.n; i++)
        p[i] = (char)(p[i] >= 'A' && p[i] <= 'Z' ? p[i] + 32 : p[i]);
    if (p == NULL)
        return;
    if (dict_get(r->folded, low) != NULL)
        walk_hit(r->w, r->j, m, RULE_TWINS, x->at + 1, "another member has the same name, at least where case does not count");
    dict_put(r->folded, low, (void *)(uintptr_t)x);
}

/* ---- the bytes of a member */

static bool codec(uint16_t method, UnpackKind *k)
{
    switch (method) {
    case ZIP_DEFLATE: *k = UNPACK_DEFLATE; return true;
    case ZIP_BZIP2: *k = UNPACK_BZIP2; return true;
    case ZIP_LZMA: *k = UNPACK_ZIP_LZMA; return true;
    case ZIP_ZSTD: *k = UNPACK_ZSTD; return true;
    case ZIP_XZ: *k = UNPACK_XZ; return true;
    default: return false;
    }
}

static bool right_crc(const ZipView *v, Str plain) { return crc32_z(0, (const uint8_t *)plain.p, plain.n) == v->crc; }

static void row(Archive *r, const Item *m, const char *format, ScanVerdict v, const char *why)
{
    r->w->out->row(r->w->out->ctx, m->inner, format, v, str(why));
    rate(r->j, v, "a member is %s: %s", scan_verdict_name(v), why);
}

static bool says_encrypted(const ZipEntry *x) { return (x->listed.flags | x->local.flags) & ZIP_FLAG_ENCRYPTED; }

/* A member that says it is encrypted and is not is a trick: strict readers stop there, torch goes on. */
static bool truly_encrypted(const ZipEntry *x, const ZipView *v, Str plain)
{
    return says_encrypted(x) && !right_crc(v, plain) &&
           !(plain.n >= 2 && (uint8_t)plain.p[0] == 0x80 && plain.p[1] >= 2 && plain.p[1] <= 5);
}

static void judge_plain(Archive *r, const ZipEntry *x, const ZipView *v, Item *m, bool whole)
{
    bool small = m->bytes.n <= SCAN_WHOLE || r->w->deep;
    if (truly_encrypted(x, v, m->bytes)) {
        row(r, m, "encrypted", SCAN_UNSCANNABLE, "encrypted");
        return;
    }
    if (says_encrypted(x))
        walk_hit(r->w, r->j, m, RULE_HEADER, x->at + 7, "member says it is encrypted and is not");
    else if (whole && small && !m->tensor && !right_crc(v, m->bytes) && !(x->odd & ZIP_UNLISTED))
        walk_hit(r->w, r->j, m, RULE_HEADER, x->at + 15, "member's checksum is wrong");
    walk_scan_member(r->w, r->j, m);
}

static bool bomb(uint64_t packed, uint64_t size) { return size >= SCAN_BOMB_MIN && size / SCAN_RATIO_MAX > packed; }

/* Unpacks its beginning, and all of it when that is needed to judge it. */
static UnpackEnd unpack_member(Archive *r, const ZipView *v, Item *m, UnpackKind k, Buf *b)
{
    uint64_t  room = SCAN_LIVE_MAX - r->w->live, left = SCAN_TOTAL_MAX - r->w->total;
    UnpackEnd end = unpack(k, v->data, SCAN_PEEK < room ? SCAN_PEEK : room, b, NULL);
    m->bytes = buf_view(b), m->size = v->size > b->n ? v->size : b->n;
    if (end == UNPACK_LIMIT && (v->size <= SCAN_WHOLE || r->w->deep || walk_wants_all(m))) {
        b->n = 0;
        end = unpack(k, v->data, room < left ? room : left, b, NULL);
        m->bytes = buf_view(b), m->size = b->n + (end == UNPACK_LIMIT);
    }
    if (end == UNPACK_CUT && k == UNPACK_ZIP_LZMA && b->n == v->size)
        end = UNPACK_DONE;                             /* its end needs no mark */
    if (end == UNPACK_DONE)
        m->size = b->n;
    return end;
}

static void judge_packed(Archive *r, const ZipEntry *x, const ZipView *v, Item *m, UnpackKind k)
{
    defer_buf Buf b = { 0 };
    UnpackEnd     end = unpack_member(r, v, m, k, &b);
    bool          bad = end != UNPACK_DONE && end != UNPACK_LIMIT;
    if (bomb(v->data.n, m->size))
        walk_hit(r->w, r->j, m, RULE_BOMB, x->at + 1, "member unpacks to %" PRIu64 " times its size", m->size / (v->data.n ? v->data.n : 1));
    if (bad && says_encrypted(x)) {
        row(r, m, "encrypted", SCAN_UNSCANNABLE, "encrypted");
        return;
    }
    r->w->live += b.n, r->w->total += b.n;
    judge_plain(r, x, v, m, end == UNPACK_DONE);
    r->w->live -= b.n;
    if (bad)
        rate(r->j, end == UNPACK_MEMORY ? SCAN_UNSCANNABLE : SCAN_BROKEN, "a member's packed data are not valid");
    else if (end == UNPACK_DONE && b.n != v->size && !(x->odd & ZIP_UNLISTED))
        walk_hit(r->w, r->j, m, RULE_HEADER, x->at + 1, "member does not have the size it says");
}

static void judge_view(Archive *r, const ZipEntry *x, const ZipView *v, Item m)
{
    UnpackKind k;
    if (v->method == ZIP_STORED) {
        m.bytes = v->data, m.size = v->data.n;
        judge_plain(r, x, v, &m, true);
    } else if (codec(v->method, &k)) {
        judge_packed(r, x, v, &m, k);
    } else {
        row(r, &m, v->method == ZIP_AES ? "encrypted" : "unknown", SCAN_UNSCANNABLE, v->method == ZIP_AES ? "encrypted" : "packed in a way we do not unpack");
    }
}

/* ---- members */

/* The folder in which the pickle that `name` may belong to keeps its tensors; empty when there is none. */
static bool is_tensor(const Archive *r, Str name)
{
    char   pickle[512];
    size_t slash = name.n - last_part(name).n;
    if (!r->torch || slash == 0 || slash + 4 > sizeof pickle || str_ends(name, S(".pkl")))
        return false;
    memcpy(pickle, name.p, slash - 1);
    memcpy(pickle + slash - 1, ".pkl", 4);
    return dict_get(r->names, (Str){ pickle, slash + 3 }) != NULL;
}

static void judge_link(Archive *r, const ZipEntry *x, const Item *m)
{
    const char *leaves = x->listed.method == ZIP_STORED ? link_leaves(name_of(x), x->listed.data) : "is packed";
    if (leaves != NULL)
        walk_hit(r->w, r->j, m, RULE_LINK, x->at + 1, "a link whose target %s", leaves);
}

static void judge_member(Archive *r, const ZipEntry *x)
{
    Str      name = name_of(x);
    TorchZip torch = { r->names, { "", 0 } };
    Item     m = { .inner = inner_path(r->a, r->it->inner, name), .name = last_part(name), .depth = r->it->depth + 1 };
    judge_entry(r, x, &m);
    judge_name_of(r, x, &m);
    if (str_ends(name, S("/")) && x->listed.size == 0 && x->local.size == 0)
        return;
    if (S_ISLNK(x->mode))
        judge_link(r, x, &m);                          /* loaders read its bytes like those of any other: so do we, below */
    m.tensor = is_tensor(r, name);
    m.code = r->script && str_ends(name, S(".py"));
    if (r->torch && str_ends(name, S(".pkl"))) {
        char *stem = arena_printf(r->a, "%.*s/", (int)(name.n - 4), name.p);
        torch.stem = str(stem);
        m.torch = stem ? &torch : NULL;
    }
    if (x->odd & ZIP_NO_HEADER)
        return;
    if (!(x->odd & ZIP_UNLISTED))
        judge_view(r, x, &x->listed, m);
    if (x->odd & (ZIP_UNLISTED | ZIP_SIZES_DIFFER | ZIP_METHODS_DIFFER))
        judge_view(r, x, &x->local, m);
    else if (x->odd & ZIP_NAMES_DIFFER)
        r->w->out->row(r->w->out->ctx, inner_path(r->a, r->it->inner, x->local.name), "another name", SCAN_SUSPICIOUS, S("the same bytes under another name"));
}

void judge_zip(Walk *w, const Item *it, Judged *j)
{
    Err                e = { 0 };
    defer_arena Arena *a = arena_new(NAMES_ARENA);
    Archive            r = { .w = w, .it = it, .j = j, .a = a };
    if (it->bytes.n < it->size)
        rate(j, SCAN_UNSCANNABLE, "too large to unpack");
    else if (a == NULL || !zip_read(a, it->bytes, &r.z, &e))
        rate(j, e.code == E_FORMAT ? SCAN_BROKEN : SCAN_UNSCANNABLE, "%s", e.message);
    else if (!index_names(&r))
        rate(j, SCAN_UNSCANNABLE, "too many members");
    else {
        purpose(&r);
        judge_archive(&r);
        for (size_t i = 0; i < r.z.n && w->members < SCAN_MEMBERS_MAX; i++)
            judge_member(&r, &r.z.v[i]);
        if (w->members >= SCAN_MEMBERS_MAX)
            rate(j, SCAN_UNSCANNABLE, "more than %d members", SCAN_MEMBERS_MAX);
    }
}
