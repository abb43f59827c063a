/* disk.c - see disk.h. */
#include "model/disk.h"
#include "base/file.h"
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

const Str    disk_never[] = { { ".git", 4 }, { ".gitattributes", 14 }, { ".github", 7 }, { ".gitignore", 10 } };
const size_t disk_never_len = len_of(disk_never);

bool name_below(Str name, Str above)
{
    return str_starts(name, above) && (name.n == above.n || name.p[above.n] == '/');
}

bool disk_is_never(Str name)
{
    for (size_t i = 0; i < disk_never_len; i++)
        if (name_below(name, disk_never[i]))
            return true;
    return false;
}

/* ---- the root */

static Str base_name(Str path)
{
    size_t at = path.n;
    while (at > 0 && path.p[at - 1] != '/')
        at--;
    return str_from(path, at);
}

bool disk_open(Arena *a, const char *path, Disk *out, Err *e)
{
    struct stat st;
    char       *real = realpath(path, NULL);
    if (real == NULL)
        return err_set(e, E_IO, "%s: %m", path);
    *out = (Disk){ .path = path, .name = arena_str(a, base_name(str(real))) };
    free(real);
    out->fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    if (out->fd < 0 || fstat(out->fd, &st) != 0)
        return err_set(e, E_IO, "%s: %m", path);
    out->folder = S_ISDIR(st.st_mode);
    if (!out->folder && !S_ISREG(st.st_mode))
        return err_set(e, E_IO, "%s: neither a file nor a folder", path);
    return out->name.p != NULL || err_nomem(e);
}

void disk_close(Disk *d)
{
    if (d->path != NULL && d->fd >= 0)
        close(d->fd);
    *d = (Disk){ 0 };
}

Str disk_inside(Arena *a, const Disk *d, const char *file)
{
    char *root = realpath(d->path, NULL), *dir = realpath(path_dir(a, file), NULL);
    Str   inside = { "", 0 };
    if (d->folder && root != NULL && dir != NULL && name_below(str(dir), str(root))) {
        Str below = str_from(str(dir), strlen(root) + 1), base = base_name(str(file));
        inside = str(arena_printf(a, "%.*s%s%.*s", STR(below), below.n ? "/" : "", STR(base)));
    }
    free(root), free(dir);
    return inside;
}

/* ---- the list */

typedef struct Walk {
    Arena         *a;
    Disk          *d;
    const DiskAsk *ask;
    size_t         cap;
    Err           *e;
} Walk;

static bool is_ignored(const DiskAsk *ask, Str name)
{
    if (!ask->all && disk_is_never(name))
        return true;
    for (size_t i = 0; i < ask->ignore_count; i++)
        if (name_below(name, ask->ignore[i]))
            return true;
    return false;
}

static bool add(Walk *w, DiskFile f)
{
    Disk *d = w->d;
    if (d->n == DISK_FILES_MAX)
        return err_set(w->e, E_LIMIT, "%s: more than %d files", d->path, DISK_FILES_MAX);
    if (d->n == w->cap) {
        w->cap = w->cap ? 2 * w->cap : 64;
        DiskFile *v = arena_get(w->a, w->cap, sizeof *v);
        if (v == NULL)
            return err_nomem(w->e);
        if (d->n)
            memcpy(v, d->v, d->n * sizeof *v);
        d->v = v;
    }
    d->v[d->n++] = f;
    if (f.kind == DISK_FILE)
        d->bytes += f.size;
    return true;
}

static bool walk_folder(Walk *w, int fd, Str prefix, unsigned depth);

/* A link counts as the file it points at when links are followed; a folder behind a link never does, so there are no loops. */
static bool walk_link(Walk *w, int dir, const char *leaf, Str name)
{
    struct stat st;
    if (w->ask->follow && fstatat(dir, leaf, &st, 0) == 0 && S_ISREG(st.st_mode))
        return add(w, (DiskFile){ .name = name, .linked = true, .size = (uint64_t)st.st_size });
    return add(w, (DiskFile){ .name = name, .kind = DISK_LINK });
}

static bool walk_entry(Walk *w, int dir, const char *leaf, Str prefix, unsigned depth)
{
    struct stat st;
    Str         name = str(arena_printf(w->a, "%.*s%s%s", STR(prefix), prefix.n ? "/" : "", leaf));
    if (name.n == 0)
        return err_nomem(w->e);
    if (is_ignored(w->ask, name))
        return true;
    if (!str_utf8(name))
        return add(w, (DiskFile){ .name = name, .kind = DISK_BAD_NAME });
    if (fstatat(dir, leaf, &st, AT_SYMLINK_NOFOLLOW) != 0)
        return err_set(w->e, E_IO, "%s/%.*s: %m", w->d->path, STR(name));
    if (S_ISLNK(st.st_mode))
        return walk_link(w, dir, leaf, name);
    if (!S_ISDIR(st.st_mode))
        return add(w, (DiskFile){ .name = name, .kind = S_ISREG(st.st_mode) ? DISK_FILE : DISK_OTHER, .size = (uint64_t)st.st_size });
    if (depth == DISK_DEPTH_MAX)
        return err_set(w->e, E_LIMIT, "%s/%.*s: folders deeper than %d", w->d->path, STR(name), DISK_DEPTH_MAX);
    int fd = openat(dir, leaf, O_RDONLY | O_CLOEXEC | O_DIRECTORY | O_NOFOLLOW);
    if (fd < 0)
        return err_set(w->e, E_IO, "%s/%.*s: %m", w->d->path, STR(name));
    return walk_folder(w, fd, name, depth + 1);
}

/* Takes fd. */
static bool walk_folder(Walk *w, int fd, Str prefix, unsigned depth)
{
    DIR  *dir = fdopendir(fd);
    bool  ok = true;
    if (dir == NULL) {
        err_set(w->e, E_IO, "%s/%.*s: %m", w->d->path, STR(prefix));
        return close(fd), false;
    }
    for (struct dirent *it; ok && (errno = 0, it = readdir(dir)) != NULL;)
        if (strcmp(it->d_name, ".") != 0 && strcmp(it->d_name, "..") != 0)
            ok = walk_entry(w, dirfd(dir), it->d_name, prefix, depth);
    if (ok && errno != 0)
        ok = err_set(w->e, E_IO, "%s/%.*s: %m", w->d->path, STR(prefix));
    closedir(dir);
    return ok;
}

static int by_name(const void *a, const void *b) { return str_cmp(((const DiskFile *)a)->name, ((const DiskFile *)b)->name); }

bool disk_list(Arena *a, Disk *d, const DiskAsk *ask, Err *e)
{
    Walk        w = { a, d, ask, 0, e };
    struct stat st;
    d->follow = ask->follow;
    if (!d->folder) {
        if (fstat(d->fd, &st) != 0)
            return err_set(e, E_IO, "%s: %m", d->path);
        return add(&w, (DiskFile){ .name = d->name, .kind = str_utf8(d->name) ? DISK_FILE : DISK_BAD_NAME, .size = (uint64_t)st.st_size });
    }
    /* Its own descriptor: closedir would close ours, and readdir would move it. */
    int fd = openat(d->fd, ".", O_RDONLY | O_CLOEXEC | O_DIRECTORY);
    if (fd < 0)
        return err_set(e, E_IO, "%s: %m", d->path);
    if (!walk_folder(&w, fd, (Str){ "", 0 }, 0))
        return false;
    if (d->n > 1)
        qsort(d->v, d->n, sizeof *d->v, by_name);
    return true;
}

/* ---- digests */

/* The file `name` below the folder, or -1 with errno.  Only the last step may be a link, and only when links are followed. */
static int open_below(const Disk *d, Str name)
{
    int  dir = d->fd;
    char step[NAME_MAX + 1];
    for (Str head;;) {
        bool last = !str_cut(name, '/', &head, &name);
        if (head.n > NAME_MAX)
            return errno = ENAMETOOLONG, -1;
        memcpy(step, head.p, head.n);
        step[head.n] = '\0';
        int flags = O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK | (last ? 0 : O_DIRECTORY) | (last && d->follow ? 0 : O_NOFOLLOW);
        int next = openat(dir, step, flags), why = errno;
        if (dir != d->fd)
            close(dir);
        errno = why;
        if (last || next < 0)
            return next;
        dir = next;
    }
}

typedef struct Digests {
    const Disk *d;
    HashKind    kind;
    Piece      *v;
} Digests;

static PieceState state_of_errno(int error)
{
    switch (error) {
    case ENOENT: return PIECE_MISSING;
    case ENOTDIR:
    case ELOOP:
    case ENXIO: return PIECE_NOT_A_FILE;
    case ENODATA: return PIECE_SHORT;
    default: return PIECE_UNREADABLE;
    }
}

static void piece_fd(const Digests *j, Piece *p, int fd)
{
    struct stat st;
    uint64_t    bytes;
    if (fstat(fd, &st) != 0)
        p->error = errno, p->state = PIECE_UNREADABLE;
    else if (!S_ISREG(st.st_mode))
        p->state = PIECE_NOT_A_FILE;
    else if (p->size = (uint64_t)st.st_size, !hash_range(j->kind, fd, p->from, p->to, p->digest, &bytes))
        p->error = errno, p->state = state_of_errno(errno);
}

static void piece_one(void *arg, size_t i)
{
    const Digests *j = arg;
    Piece         *p = &j->v[i];
    p->state = PIECE_OK, p->error = 0;
    if (!j->d->folder) {
        piece_fd(j, p, j->d->fd);
        return;
    }
    defer_fd int fd = open_below(j->d, p->name);
    if (fd < 0)
        p->error = errno, p->state = state_of_errno(errno);
    else
        piece_fd(j, p, fd);
}

void disk_digest(const Disk *d, Pool *pool, HashKind kind, Piece *v, size_t n)
{
    Digests j = { d, kind, v };
    pool_each(pool, n, piece_one, &j);
}
