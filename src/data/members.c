/* members.c - see members.h. */
#include "data/members.h"
#include "base/file.h"
#include "data/beneath.h"
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

enum { DEPTH_MAX = 256 };

typedef struct Walk {
    Arena   *arena;
    Members *m;
    Buf      list;                                     /* Member each */
    Err     *e;
} Walk;

static Stamp stamp_of(const struct stat *st)
{
    return (Stamp){ st->st_dev, st->st_ino, (uint64_t)st->st_size, st->st_mtim.tv_sec * 1000000000LL + st->st_mtim.tv_nsec,
                    st->st_ctim.tv_sec * 1000000000LL + st->st_ctim.tv_nsec };
}

bool stamp_eq(const Stamp *a, const Stamp *b)
{
    return a->dev == b->dev && a->ino == b->ino && a->size == b->size && a->mtime_ns == b->mtime_ns && a->ctime_ns == b->ctime_ns;
}

static Str below_data(Str name) { return str_from(name, sizeof "data/" - 1); }

Str member_shown(Arena *a, const Members *m, Str name)
{
    if (str_is(name, "labels"))
        return m->labels_shown;
    Str   rest = below_data(name);
    char *text = rest.n ? arena_printf(a, "%.*s%s%.*s", STR(m->data_shown), str_ends(m->data_shown, S("/")) ? "" : "/", STR(rest)) : NULL;
    return text != NULL ? str(text) : m->data_shown;
}

/* Labels have the data's format; in a folder only files that look like it have rows. */
static RowKind member_kind(const Members *m, Str name)
{
    if (str_is(name, "labels") || below_data(name).n == 0)
        return m->kind;
    return m->kind != ROWS_FILES && rows_kind(S(""), name) == m->kind ? m->kind : ROWS_FILES;
}

static bool add(Walk *w, Str name, const struct stat *st, Str target)
{
    Member v = { .name = name, .stamp = stamp_of(st), .target = target };
    v.type = S_ISDIR(st->st_mode) ? TREE_FOLDER : S_ISLNK(st->st_mode) ? TREE_LINK : TREE_FILE;
    v.mode = v.type == TREE_FILE ? st->st_mode & 0111 : 0;
    v.rows = v.type == TREE_FILE ? member_kind(w->m, name) : ROWS_FILES;
    buf_put(&w->list, &v, sizeof v);
    return !w->list.bad || err_nomem(w->e);
}

static bool walk(Walk *w, int dir, Str folder, int depth);

static bool read_link(Walk *w, int dir, const char *name, Str *target)
{
    char    text[TREE_NAME_MAX + 1];
    ssize_t n = readlinkat(dir, name, text, sizeof text);
    if (n <= 0 || n > TREE_NAME_MAX)
        return err_set(w->e, E_IO, "%s: %m", name);
    *target = arena_str(w->arena, (Str){ text, (size_t)n });
    return target->p != NULL || err_nomem(w->e);
}

static bool one(Walk *w, int dir, const char *base, Str folder, int depth)
{
    struct stat st;
    Str         target = { 0 };
    char       *name = arena_printf(w->arena, "%.*s/%s", STR(folder), base);
    if (name == NULL)
        return err_nomem(w->e);
    if (fstatat(dir, base, &st, AT_SYMLINK_NOFOLLOW) != 0)
        return err_set(w->e, E_IO, "%s: %m", base);
    const char *flaw = tree_name_flaw(str(name));
    if (flaw != NULL)
        return err_set(w->e, E_LIMIT, "the name %s", flaw);
    if (S_ISLNK(st.st_mode))
        return read_link(w, dir, base, &target) && add(w, str(name), &st, target);
    if (S_ISREG(st.st_mode))
        return add(w, str(name), &st, target);
    if (!S_ISDIR(st.st_mode))
        return err_set(w->e, E_FORMAT, "%s: neither file, folder nor link; a version cannot hold it", base);
    defer_fd int fd = openat(dir, base, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0)
        return err_set(w->e, E_IO, "%s: %m", base);
    return add(w, str(name), &st, target) && walk(w, fd, str(name), depth + 1);
}

static bool walk(Walk *w, int dir, Str folder, int depth)
{
    struct dirent *v;
    bool           ok = true;
    if (depth > DEPTH_MAX)
        return err_set(w->e, E_LIMIT, "%.*s: more than %d folders deep", STR(folder), DEPTH_MAX);
    int  copy = dup(dir);
    DIR *d = copy >= 0 ? fdopendir(copy) : NULL;
    if (d == NULL)
        return err_set(w->e, E_IO, "%.*s: %m", STR(folder));
    while (ok && (errno = 0, v = readdir(d)) != NULL)
        if (strcmp(v->d_name, ".") != 0 && strcmp(v->d_name, "..") != 0)
            ok = one(w, dir, v->d_name, folder, depth);
    if (ok && errno != 0)
        ok = err_set(w->e, E_IO, "%.*s: %m", STR(folder));
    closedir(d);
    return ok;
}

bool members_of(const Pipeline *p, const Dataset *d, Members *out, Err *e)
{
    Str path = d->path;
    while (path.n > 1 && str_ends(path, S("/")))
        path.n--;
    *out = (Members){ .dir = -1, .data_shown = path, .kind = rows_kind(d->format, path) };
    out->data = pipeline_path(p, path);
    if (d->labels.n && (out->kind == ROWS_NPY || out->kind == ROWS_IDX)) {
        out->labels = pipeline_path(p, d->labels), out->labels_shown = d->labels;
        if (out->labels == NULL)
            return err_nomem(e);
    }
    return out->data != NULL || err_nomem(e);
}

static bool top(Walk *w, const char *path, Str name, struct stat *st)
{
    if (lstat(path, st) != 0)
        return err_set(w->e, E_IO, "%s: %m", path);
    if (S_ISLNK(st->st_mode)) {
        err_set(w->e, E_DENIED, "%s: is a symbolic link, and those are never followed", path);
        return err_hint(w->e, "name the real path in moat.yaml");
    }
    if (!S_ISREG(st->st_mode) && !S_ISDIR(st->st_mode))
        return err_set(w->e, E_FORMAT, "%s: neither file nor folder", path);
    return add(w, name, st, (Str){ 0 });
}

static bool list_all(Walk *w)
{
    struct stat st;
    Members    *m = w->m;
    if (!top(w, m->data, S("data"), &st))
        return false;
    if (S_ISDIR(st.st_mode)) {
        m->dir = open(m->data, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        if (m->dir < 0)
            return err_set(w->e, E_IO, "%s: %m", m->data);
        if (!walk(w, m->dir, S("data"), 0))
            return err_in(w->e, "%s", m->data);
    }
    if (m->labels == NULL)
        return true;
    if (!top(w, m->labels, S("labels"), &st))
        return false;
    return S_ISREG(st.st_mode) || err_set(w->e, E_FORMAT, "%s: labels are not a file", m->labels);
}

static int by_name(const void *a, const void *b) { return str_cmp(((const Member *)a)->name, ((const Member *)b)->name); }

bool members_list(Arena *a, Members *m, Err *e)
{
    Walk w = { a, m, { 0 }, e };
    bool ok = list_all(&w);
    if (ok) {
        m->n = w.list.n / sizeof *m->v;
        m->v = (Member *)(void *)arena_str(a, buf_view(&w.list)).p;
        ok = m->v != NULL || err_nomem(e);
    }
    if (ok)
        qsort(m->v, m->n, sizeof *m->v, by_name);
    buf_free(&w.list);
    return ok;
}

void members_close(Members *m)
{
    if (m->dir >= 0)
        close(m->dir);
    m->dir = -1;
}

int member_open(const Members *m, Str name, Stamp *stamp, Err *e)
{
    struct stat st;
    int         flags = O_RDONLY | O_NONBLOCK | O_NOCTTY;
    Str         rest = below_data(name);
    int         fd = str_is(name, "labels") ? open(m->labels, flags | O_NOFOLLOW | O_CLOEXEC)
                     : rest.n == 0          ? open(m->data, flags | O_NOFOLLOW | O_CLOEXEC)
                                            : beneath_open(m->dir, rest, flags, 0);
    if (fd < 0 || fstat(fd, &st) != 0)
        err_set(e, E_IO, "%m");
    else if (!S_ISREG(st.st_mode))
        err_set(e, E_IO, "not a regular file");
    else
        return *stamp = stamp_of(&st), fd;
    if (fd >= 0)
        close(fd);
    return -1;
}
