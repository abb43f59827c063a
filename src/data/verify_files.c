/* verify_files.c - the files that lie where the dataset lives, against the tree that was signed. */
#include "base/file.h"
#include "data/rowdiff.h"
#include "data/verify.h"
#include <errno.h>
#include <unistd.h>

/* ---- digests of all files that are on both sides, on as many threads as there are */

typedef struct Hashed {
    const TreeEntry *was;
    const Member    *is;
    Digest           sha256;
    uint64_t         bytes;
    bool             failed;
    Err             *why;                              /* of a failure; NULL when there was no memory for it */
} Hashed;

typedef struct Files {
    Verify *v;
    Hashed *both;
    size_t  count;
} Files;

static bool hash_fd(int fd, Hashed *f, Err *e)
{
    enum { PIECE = 256 << 10 };
    char   *piece = malloc(PIECE);
    Sha256 *h = sha256_begin();
    bool    ok = piece != NULL && h != NULL, end = false;
    if (!ok)
        err_nomem(e);
    while (ok && !end) {
        ssize_t n = read(fd, piece, PIECE);
        if (n < 0 && errno == EINTR)
            continue;
        ok = n >= 0 || err_set(e, E_IO, "%m");
        end = n == 0;
        if (n > 0)
            sha256_add(h, (Str){ piece, (size_t)n }), f->bytes += (uint64_t)n;
    }
    if (h != NULL)
        f->sha256 = sha256_end(h);
    free(piece);
    return ok;
}

static void hash_one(void *arg, size_t i)
{
    Files       *w = arg;
    Hashed      *f = &w->both[i];
    Err          why = { 0 };
    Stamp        stamp;
    defer_fd int fd = member_open(&w->v->members, f->is->name, &stamp, &why);
    if (fd >= 0 && hash_fd(fd, f, &why))
        return;
    f->failed = true;
    f->why = malloc(sizeof *f->why);
    if (f->why != NULL)
        *f->why = why;
}

/* ---- what changed in one file */

static void put_ranges(Buf *b, const RowDiff *d)
{
    JsonOut w = json_out(b);
    json_open(&w, '{');
    json_key(&w, "rows_before"), json_put_u64(&w, d->rows_before);
    json_key(&w, "rows_after"), json_put_u64(&w, d->rows_after);
    json_key(&w, "whole_chunks"), json_put_bool(&w, d->chunks);
    json_key(&w, "ranges");
    json_open(&w, '[');
    for (size_t i = 0; i < d->count; i++) {
        json_open(&w, '{');
        json_key(&w, "row_before"), json_put_u64(&w, d->range[i].from + 1);
        json_key(&w, "rows_before"), json_put_u64(&w, d->range[i].was);
        json_key(&w, "row_after"), json_put_u64(&w, d->range[i].to + 1);
        json_key(&w, "rows_after"), json_put_u64(&w, d->range[i].is);
        json_close(&w, '}');
    }
    json_close(&w, ']');
    json_key(&w, "more"), json_put_u64(&w, d->more);
    json_close(&w, '}');
}

/* "11", "11-12" */
static void put_span(Buf *b, uint64_t from, uint64_t n)
{
    buf_printf(b, "%" PRIu64, from + 1);
    if (n > 1)
        buf_printf(b, "-%" PRIu64, from + n);
}

static void say_range(Buf *b, const RowRange *r)
{
    buf_z(b, r->was > 1 || (r->was == 0 && r->is > 1) ? "rows " : "row ");
    put_span(b, r->was ? r->from : r->to, r->was ? r->was : r->is);
    if (r->was == 0)
        buf_z(b, " added");
    else if (r->is == 0)
        buf_z(b, " removed");
    else if (r->was == r->is)
        buf_z(b, " changed");
    else
        buf_z(b, " became "), put_span(b, r->to, r->is);
}

static void say_rows(Buf *b, const RowDiff *d)
{
    enum { SHOWN = 8 };
    for (size_t i = 0; i < d->count && i < SHOWN; i++) {
        buf_z(b, i ? "; " : "");
        say_range(b, &d->range[i]);
    }
    if (d->count > SHOWN)
        buf_printf(b, "; and %" PRIu64 " more places", d->more + d->count - SHOWN);
    if (d->chunks)
        buf_z(b, " (whole chunks of 4096)");
}

static void say_bytes(Buf *b, const ByteDiff *d)
{
    if (d->before != d->after)
        buf_printf(b, "%" PRIu64 " bytes became %" PRIu64, d->before, d->after);
    if (d->differs)
        buf_printf(b, "%sbytes %" PRIu64 " to %" PRIu64 " differ", b->n ? "; " : "", d->first, d->last);
}

static bool tell(Verify *v, Str shown, Place at, const Buf *text, const Buf *evidence)
{
    return !text->bad && !evidence->bad &&
           found_at(v->findings, &v->h, D_CHANGED, shown, at, buf_view(evidence), "%.*s", STR(buf_view(text)));
}

/* The store may not have the old bytes any more; the digest still says that the file is another. */
static bool tell_bytes(Verify *v, const Hashed *f, int fd, Str shown, const Err *not_rows)
{
    defer_buf Buf text = { 0 }, none = { 0 };
    ByteDiff      d;
    Err           why = { 0 };
    bool          ok = byte_diff(v->store, f->was, fd, f->bytes, &d, &why);
    if (ok)
        say_bytes(&text, &d);
    else
        buf_printf(&text, "another content; what it was cannot be read: %s", why.message);
    if (not_rows->code != E_OK) {
        buf_printf(&text, "; does not read as %s: %s", rows_kind_name(f->is->rows), not_rows->message);
        if (not_rows->line)
            buf_printf(&text, " (line %" PRIu64 ")", not_rows->line);
    }
    return tell(v, shown, (Place){ .byte = ok && d.differs ? d.first + 1 : 0, .line = not_rows->line }, &text, &none);
}

static bool tell_rows(Verify *v, const RowDiff *d, Str shown)
{
    defer_buf Buf text = { 0 }, evidence = { 0 };
    put_ranges(&evidence, d);
    if (d->count == 0)
        buf_z(&text, "the same rows, written in another way");
    else
        say_rows(&text, d);
    return tell(v, shown, (Place){ .row = d->count ? d->range[0].from + 1 : 0 }, &text, &evidence);
}

static bool tell_changed(Verify *v, const Hashed *f, Str shown)
{
    Stamp        stamp;
    RowDiff      d;
    bool         ours;
    Err          why = { 0 };
    defer_fd int fd = member_open(&v->members, f->is->name, &stamp, &why);
    if (fd < 0)
        return found_unknown(v->findings, &v->h, D_UNREADABLE, shown, &why);
    if (f->was->has_rows && f->is->rows != ROWS_FILES && row_diff(v->store, f->was, f->is->rows, fd, f->bytes, &d, &ours, &why))
        return tell_rows(v, &d, shown);
    if (why.code != E_OK && !ours)
        why = (Err){ 0 };                              /* tell_bytes() will run into the same and say so */
    return tell_bytes(v, f, fd, shown, &why);
}

static bool judge_file(Verify *v, const Hashed *f)
{
    Str shown = member_shown(v->arena, &v->members, f->is->name);
    if (f->failed)
        return f->why != NULL && found_unknown(v->findings, &v->h, D_UNREADABLE, shown, f->why);
    if (!digest_eq(&f->sha256, &f->was->sha256) && !tell_changed(v, f, shown))
        return false;
    return f->was->mode == f->is->mode ||
           found(v->findings, &v->h, D_KIND, shown, "executable by %03o, was by %03o", f->is->mode, f->was->mode);
}

/* ---- names: what is on one side only, and what has become something else */

static const char *type_name(TreeType t) { return t == TREE_FILE ? "a file" : t == TREE_LINK ? "a link" : "a folder"; }

/* A folder that is missing or new is told once, for all below it. */
static bool inside(Str name, Str folder)
{
    return folder.n > 0 && name.n > folder.n && name.p[folder.n] == '/' && str_starts(name, folder);
}

static bool tell_alone(Verify *v, DataRule rule, Str name, TreeType type, Str *folder)
{
    if (inside(name, *folder))
        return true;
    *folder = type == TREE_FOLDER ? name : (Str){ 0 };
    return found(v->findings, &v->h, rule, member_shown(v->arena, &v->members, name),
                 rule == D_EXTRA ? "%s that the golden version does not have" : "%s of the golden version is not there", type_name(type));
}

static bool pair(Files *w, const TreeEntry *was, const Member *is)
{
    Verify *v = w->v;
    Str     shown = member_shown(v->arena, &v->members, is->name);
    if (was->type != is->type)
        return found(v->findings, &v->h, D_CHANGED, shown, "is %s, was %s", type_name(is->type), type_name(was->type));
    if (was->type == TREE_LINK)
        return str_eq(was->target, is->target) ||
               found(v->findings, &v->h, D_CHANGED, shown, "the link leads to %.*s, led to %.*s", STR(is->target), STR(was->target));
    if (was->type == TREE_FILE)
        w->both[w->count++] = (Hashed){ .was = was, .is = is };
    return true;
}

/* Both lists are sorted by name. */
static bool match(Files *w)
{
    Verify *v = w->v;
    size_t  i = 0, k = 0;
    Str     missing = { 0 }, extra = { 0 };
    bool    ok = true;
    while (ok && (i < v->tree.count || k < v->members.n)) {
        const TreeEntry *was = &v->tree.entry[i];
        const Member    *is = &v->members.v[k];
        int              c = i == v->tree.count ? 1 : k == v->members.n ? -1 : str_cmp(was->name, is->name);
        if (c < 0)
            ok = tell_alone(v, D_MISSING, was->name, was->type, &missing), i++;
        else if (c > 0)
            ok = tell_alone(v, D_EXTRA, is->name, is->type, &extra), k++;
        else
            ok = pair(w, was, is), i++, k++;
    }
    return ok;
}

static bool is_gone(const char *path) { return access(path, F_OK) != 0 && errno == ENOENT; }

static bool list(Verify *v, bool *there, Err *e)
{
    Err why = { 0 };
    if (v->members.labels != NULL && is_gone(v->members.labels))
        v->members.labels = NULL;                      /* match() will miss them */
    *there = members_list(v->arena, &v->members, &why);
    if (*there)
        return true;
    if (why.code == E_NOMEM)
        return *e = why, false;
    if (is_gone(v->members.data) ? found(v->findings, &v->h, D_MISSING, v->h.dataset->path, "the dataset is not there")
                                 : found_unknown(v->findings, &v->h, D_UNREADABLE, v->h.dataset->path, &why))
        return true;
    return err_nomem(e);
}

bool verify_files(Verify *v, Err *e)
{
    Files w = { .v = v };
    bool  there, ok;
    if (!list(v, &there, e) || !there)
        return e->code == E_OK;
    w.both = arena_get(v->arena, v->members.n + 1, sizeof *w.both);
    if (w.both == NULL || !match(&w))
        return err_nomem(e);
    pool_each(v->how->pool, w.count, hash_one, &w);
    ok = true;
    for (size_t i = 0; i < w.count; i++) {
        ok = ok && judge_file(v, &w.both[i]);
        free(w.both[i].why);
    }
    return ok || err_nomem(e);
}
