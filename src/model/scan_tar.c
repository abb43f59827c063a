/* scan_tar.c - tar archives, and single files behind a codec. */
#include "base/dict.h"
#include "format/tar.h"
#include "format/unpack.h"
#include "model/scan_names.h"
#include "model/scan_walk.h"

enum { TAR_ARENA = 256 << 20, PROBE = 512 };

/* ---- tar */

typedef struct Seen {
    bool pickle, storages, tensors, nemo;              /* members that tell what it is for */
} Seen;

static void look(Seen *s, Str name)
{
    s->pickle |= str_is(name, "pickle");
    s->storages |= str_is(name, "storages");
    s->tensors |= str_is(name, "tensors");
    s->nemo |= str_ends(name, S("model_config.yaml"));
}

static void judge_odd(Walk *w, Judged *j, const TarEntry *x, const Item *m, Dict *names)
{
    const char *leaves = name_leaves(x->name);
    if (leaves != NULL)
        walk_hit(w, j, m, RULE_OUTSIDE, x->at + 1, "member's name %s", leaves);
    if (x->odd & TAR_NAME_CUT)
        walk_hit(w, j, m, RULE_TWO_VIEWS, x->at + 1, "member's long name holds a NUL");
    if (x->odd & TAR_SIZE_TWICE)
        walk_hit(w, j, m, RULE_TWO_VIEWS, x->at + 1, "member has another size in its pax record");
    if (x->odd & TAR_FOLDER_DATA)
        walk_hit(w, j, m, RULE_TWO_VIEWS, x->at + 1, "a folder with a size: readers differ in what its bytes are");
    if (x->odd & TAR_OUTSIDE)
        rate(j, SCAN_BROKEN, "a member ends past the file");
    if (x->kind == TAR_FOLDER)
        return;
    if (dict_get(names, x->name) != NULL)
        walk_hit(w, j, m, RULE_TWINS, x->at + 1, "another member has the same name");
    dict_put(names, x->name, names);
}

static void special(Walk *w, Judged *j, const TarEntry *x, const Item *m)
{
    /* A hard link's target is a member's name, from the archive's root. */
    const char *leaves = x->kind == TAR_SYMLINK ? link_leaves(x->name, x->link) : x->kind == TAR_HARDLINK ? name_leaves(x->link) : NULL;
    bool        link = x->kind == TAR_SYMLINK || x->kind == TAR_HARDLINK;
    if (leaves != NULL)
        walk_hit(w, j, m, RULE_LINK, x->at + 1, "a link whose target %s", leaves);
    if (x->kind == TAR_OTHER)
        walk_hit(w, j, m, RULE_LINK, x->at + 1, "a device or pipe in the archive");
    if (x->kind == TAR_SPARSE)
        rate(j, SCAN_UNSCANNABLE, "a sparse member, which is not put together");
    w->out->row(w->out->ctx, m->inner, link ? "link" : x->kind == TAR_SPARSE ? "sparse file" : "special file",
                x->kind == TAR_SPARSE ? SCAN_UNSCANNABLE : SCAN_CLEAN, S(""));
}

/* A second archive behind the end is read by tar -i and by whoever joined the two. */
static void judge_behind(Walk *w, const Item *it, Judged *j, uint64_t at)
{
    Str rest = str_from(it->bytes, at);
    for (size_t i = 0; i < rest.n && (i < 1u << 20 || w->deep); i++)
        if (rest.p[i] != '\0') {
            walk_hit(w, j, it, RULE_TRAILING, at + i + 1, "bytes follow the archive's end");
            return;
        }
    if (rest.n > 1u << 20 && !w->deep)
        walk_hit(w, j, it, RULE_TRAILING, at + 1, "%zu bytes follow the archive's end", rest.n);
}

static Str no_slash(Str name)
{
    while (str_ends(name, S("/")))
        name.n--;
    return name;
}

static void judge_members(Walk *w, const Item *it, Judged *j, Arena *a)
{
    Err      e = { 0 };
    Tar      t = tar_open(a, it->bytes);
    TarEntry x;
    Seen     seen = { 0 };
    Dict    *names = dict_new(a);
    while (names != NULL && w->members < SCAN_MEMBERS_MAX && tar_next(&t, &x, &e)) {
        Item m = { .bytes = x.data, .size = x.data.n, .inner = inner_path(a, it->inner, x.name), .name = last_part(no_slash(x.name)), .depth = it->depth + 1 };
        look(&seen, x.name);
        judge_odd(w, j, &x, &m, names);
        m.tensor = str_is(x.name, "storages") || str_is(x.name, "tensors");
        if (x.kind == TAR_FILE || x.odd & TAR_FOLDER_DATA)
            walk_scan_member(w, j, &m);
        else if (x.kind != TAR_FOLDER)
            w->members++, special(w, j, &x, &m);
    }
    if (names == NULL || w->members == SCAN_MEMBERS_MAX)
        rate(j, SCAN_UNSCANNABLE, "more than %d members", SCAN_MEMBERS_MAX);
    else if (e.code != E_OK)
        rate(j, e.code == E_FORMAT ? SCAN_BROKEN : SCAN_UNSCANNABLE, "%s", e.message);
    else
        judge_behind(w, it, j, t.at);
    if (seen.pickle && seen.storages) {
        j->format = "torch tar";
        walk_hit(w, j, it, RULE_OLD_TORCH, 0, "PyTorch's tar format: weights_only does not protect when it is loaded");
    } else if (seen.nemo) {
        j->format = "nemo";
        rate(j, SCAN_UNSCANNABLE, "the configuration of such archives is not judged yet");
    }
}

void judge_tar(Walk *w, const Item *it, Judged *j)
{
    defer_arena Arena *a = arena_new(TAR_ARENA);
    if (a == NULL || it->bytes.n < it->size)
        rate(j, SCAN_UNSCANNABLE, "too large to unpack");
    else
        judge_members(w, it, j, a);
}

/* ---- one file behind a codec */

static Str without_end(Str name)
{
    static const char *const ends[] = { ".gz", ".bz2", ".xz", ".zst", ".lzma", ".zlib", ".z" };
    for (size_t i = 0; i < len_of(ends); i++)
        if (str_ends(name, str(ends[i])))
            return (Str){ name.p, name.n - strlen(ends[i]) };
    return str_ends(name, S(".tgz")) ? (Str){ name.p, name.n - 4 } : name;
}

static bool only_zeros(Str s) { return s.n == 0 || (s.p[0] == '\0' && memcmp(s.p, s.p + 1, s.n - 1) == 0); }

static void judge_end(Walk *w, const Item *it, Judged *j, UnpackEnd end, uint64_t plain, uint64_t used)
{
    if (plain >= SCAN_BOMB_MIN && plain / SCAN_RATIO_MAX > used)
        walk_hit(w, j, it, RULE_BOMB, 1, "unpacks to more than %d times its size", SCAN_RATIO_MAX);
    if (end == UNPACK_CUT || end == UNPACK_CORRUPT)
        rate(j, SCAN_BROKEN, end == UNPACK_CUT ? "the packed data are cut short" : "the packed data are not valid");
    if (end == UNPACK_LIMIT || end == UNPACK_MEMORY)
        rate(j, SCAN_UNSCANNABLE, "too large to unpack");
    if (end == UNPACK_DONE && !only_zeros(str_from(it->bytes, used)))
        walk_hit(w, j, it, RULE_TRAILING, used + 1, "%" PRIu64 " bytes follow the packed data", it->bytes.n - used);
}

static void judge_stream(Walk *w, const Item *it, Judged *j, UnpackKind kind)
{
    defer_arena Arena *a = arena_new(1 << 20);
    defer_buf Buf      b = { 0 };
    uint64_t           room = SCAN_LIVE_MAX - w->live, left = SCAN_TOTAL_MAX - w->total, used;
    UnpackEnd          end = unpack(kind, it->bytes, room < left ? room : left, &b, &used);
    Item               m = { .bytes = buf_view(&b), .size = b.n + (end == UNPACK_LIMIT), .name = without_end(it->name), .depth = it->depth + 1 };
    m.inner = a ? inner_path(a, it->inner, m.name.n ? m.name : S("(unpacked)")) : it->inner;
    w->live += b.n, w->total += b.n;
    if (b.n != 0 || end == UNPACK_DONE)
        walk_scan_member(w, j, &m);
    w->live -= b.n;
    judge_end(w, it, j, end, b.n, used);
}

void judge_gzip(Walk *w, const Item *it, Judged *j) { judge_stream(w, it, j, UNPACK_GZIP); }
void judge_bzip2(Walk *w, const Item *it, Judged *j) { judge_stream(w, it, j, UNPACK_BZIP2); }
void judge_xz(Walk *w, const Item *it, Judged *j) { judge_stream(w, it, j, UNPACK_XZ); }
void judge_lzma(Walk *w, const Item *it, Judged *j) { judge_stream(w, it, j, UNPACK_LZMA); }
void judge_zlib(Walk *w, const Item *it, Judged *j) { judge_stream(w, it, j, UNPACK_ZLIB); }
void judge_zstd(Walk *w, const Item *it, Judged *j) { judge_stream(w, it, j, UNPACK_ZSTD); }

/* Marks of two or three bytes are not much: something must come out, too. */
static bool gives(const Item *it, UnpackKind kind)
{
    defer_buf Buf b = { 0 };
    UnpackEnd     end = unpack(kind, it->bytes, PROBE, &b, NULL);
    return end == UNPACK_LIMIT || (end == UNPACK_DONE && b.n != 0) || (end == UNPACK_CUT && b.n >= 64);
}

bool is_zlib(const Item *it)
{
    const uint8_t *p = (const uint8_t *)it->bytes.p;
    return it->bytes.n > 6 && p[0] == 0x78 && (p[1] == 0x01 || p[1] == 0x5e || p[1] == 0x9c || p[1] == 0xda) && gives(it, UNPACK_ZLIB);
}

bool is_lzma(const Item *it) { return it->bytes.n > 13 && memcmp(it->bytes.p, "\x5d\0\0", 3) == 0 && gives(it, UNPACK_LZMA); }
