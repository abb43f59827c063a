/* access.c - reads modes and ACLs of everything below a dataset: see access.h. */
#include "base/file.h"
#include "data/access_own.h"
#include "format/json.h"
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/vfs.h>
#include <sys/xattr.h>
#include <unistd.h>

enum { DEPTH_MAX = 200, ITEMS_MAX = 1 << 24 };

void fd_path(int fd, char out[static FD_PATH])
{
    snprintf(out, FD_PATH, "/proc/self/fd/%d", fd);
}

uint64_t fd_born_ns(int fd)
{
    struct statx x;
    if (statx(fd, "", AT_EMPTY_PATH, STATX_BTIME, &x) != 0 || !(x.stx_mask & STATX_BTIME))
        return 0;
    return (uint64_t)x.stx_btime.tv_sec * 1000000000u + x.stx_btime.tv_nsec;
}

bool acl_get_fd(Arena *a, int fd, const char *xattr, Acl *out, bool *there, Err *e)
{
    char    path[FD_PATH], bytes[XATTR_MAX];
    ssize_t n;
    fd_path(fd, path);
    *out = (Acl){ 0 };
    n = getxattr(path, xattr, bytes, sizeof bytes);
    *there = n > 0;
    if (n < 0 && errno != ENODATA && errno != ENOTSUP)
        return err_set(e, E_IO, "%s: %m", xattr);
    return n <= 0 || acl_read(a, (Str){ bytes, (size_t)n }, out, e) || err_in(e, "%s", xattr);
}

/* ---- the walk */

typedef struct Walk {
    Arena      *a;
    AccessTree *t;
    Findings   *found;
    size_t      cap;
    Err        *e;
} Walk;

static AccessItem *item_new(Walk *w)
{
    AccessTree *t = w->t;
    if (t->n == w->cap) {
        size_t      cap = w->cap ? 2 * w->cap : 64;
        AccessItem *v = cap <= ITEMS_MAX ? arena_get(w->a, cap, sizeof *v) : NULL;
        if (v == NULL)
            return err_set(w->e, E_LIMIT, "%s: too many files", t->root), NULL;
        if (t->n > 0)
            memcpy(v, t->v, t->n * sizeof *v);
        t->v = v, w->cap = cap;
    }
    return &t->v[t->n];
}

static bool cannot_read(Walk *w, const char *shown, const char *why)
{
    w->t->unjudged = true;
    return access_raise(w->found, w->t->dataset, A_UNREAD, STATE_UNKNOWN, str(shown), "cannot be judged: %s", why) || err_nomem(w->e);
}

/* A link that leads out of the dataset makes what is there part of it, by somebody else's rules. */
static bool judge_link(Walk *w, int dir, const char *name, const char *shown)
{
    char    target[4096];
    ssize_t n = readlinkat(dir, name, target, sizeof target - 1);
    if (n < 0)
        return cannot_read(w, shown, strerror(errno));
    target[n] = '\0';
    if (target[0] != '/' && strstr(target, "..") == NULL)
        return true;
    return access_raise(w->found, w->t->dataset, A_ODD, STATE_FAIL, str(shown), "symbolic link that may leave the dataset: %s", target) ||
           err_nomem(w->e);
}

static bool fill(Walk *w, int fd, const struct stat *st, AccessItem *item, Err *why)
{
    bool there;
    item->mode = st->st_mode, item->uid = st->st_uid, item->gid = st->st_gid;
    item->dev = st->st_dev, item->ino = st->st_ino, item->links = st->st_nlink, item->born_ns = fd_born_ns(fd);
    if (!acl_get_fd(w->a, fd, ACCESS_XATTR, &item->access, &there, why))
        return false;
    if (!there && !acl_of_mode(w->a, st->st_mode, &item->access))
        return err_nomem(why);
    if (access_is_dir(item) && !acl_get_fd(w->a, fd, DEFAULT_XATTR, &item->fallback, &there, why))
        return false;
    return access_want(w->a, &w->t->policy, item) || err_nomem(why);
}

static bool visit(Walk *w, int dir, const char *name, Str rel, int depth);

static int by_name(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static bool names_in(Walk *w, DIR *d, char ***out, size_t *n)
{
    size_t cap = 0;
    *out = NULL, *n = 0;
    for (struct dirent *v; (v = readdir(d)) != NULL;) {
        if (strcmp(v->d_name, ".") == 0 || strcmp(v->d_name, "..") == 0)
            continue;
        if (*n == cap) {
            char **more = arena_get(w->a, cap = cap ? 2 * cap : 32, sizeof *more);
            if (more == NULL)
                return err_nomem(w->e);
            if (*n > 0)
                memcpy(more, *out, *n * sizeof *more);
            *out = more;
        }
        Str name = arena_str(w->a, str(v->d_name));
        if (name.p == NULL)
            return err_nomem(w->e);
        (*out)[(*n)++] = (char *)name.p;
    }
    if (*n > 0)
        qsort(*out, *n, sizeof **out, by_name);
    return true;
}

static bool folder(Walk *w, int fd, Str rel, const char *shown, int depth)
{
    char **names = NULL;
    size_t n = 0;
    int    open_fd = openat(fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR   *d = open_fd >= 0 ? fdopendir(open_fd) : NULL;
    if (d == NULL) {
        bool ok = cannot_read(w, shown, strerror(errno));
        if (open_fd >= 0)
            close(open_fd);
        return ok;
    }
    bool ok = depth < DEPTH_MAX ? names_in(w, d, &names, &n) : err_set(w->e, E_LIMIT, "%s: deeper than %d folders", shown, DEPTH_MAX);
    closedir(d);
    for (size_t i = 0; ok && i < n; i++) {
        char *below = rel.n ? arena_printf(w->a, "%.*s/%s", STR(rel), names[i]) : names[i];
        ok = below != NULL ? visit(w, fd, names[i], str(below), depth + 1) : err_nomem(w->e);
    }
    return ok;
}

static bool visit(Walk *w, int dir, const char *name, Str rel, int depth)
{
    struct stat  st;
    Err          why = { 0 };
    char        *shown = rel.n ? arena_printf(w->a, "%s/%.*s", w->t->root, STR(rel)) : w->t->root;
    defer_fd int fd = openat(dir, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
    if (shown == NULL)
        return err_nomem(w->e);
    if (fd < 0 || fstat(fd, &st) != 0)
        return cannot_read(w, shown, strerror(errno));
    if (S_ISLNK(st.st_mode))
        return judge_link(w, dir, name, shown);
    AccessItem *item = item_new(w);
    if (item == NULL)
        return false;
    *item = (AccessItem){ .path = rel, .shown = shown };
    if (!fill(w, fd, &st, item, &why))
        return why.code == E_NOMEM ? err_nomem(w->e) : cannot_read(w, shown, why.message);
    w->t->changes += access_differs(item);
    w->t->n++;
    return !S_ISDIR(st.st_mode) || folder(w, fd, rel, shown, depth);
}

/* On these the kernel asks somebody else, so modes and ACLs seen here do not decide. */
static const char *foreign_fs(const char *path)
{
    struct statfs fs;
    if (statfs(path, &fs) != 0)
        return NULL;
    switch ((unsigned long)fs.f_type) {
    case 0x6969:     return "NFS";
    case 0x65735546: return "FUSE";
    case 0xFF534D42: case 0xFE534D42: return "CIFS";
    case 0x01021997: return "9P";
    default:         return NULL;
    }
}

bool access_audit(Arena *a, const Pipeline *p, const Dataset *d, Findings *found, AccessTree *out, Err *e)
{
    *out = (AccessTree){ .dataset = d, .root = pipeline_path(p, d->path) };
    Walk w = { .a = a, .t = out, .found = found, .e = e };
    if (out->root == NULL)
        return err_nomem(e);
    if (!access_policy(a, p, d, found, &out->policy, e))
        return false;
    if (!file_exists(out->root))
        return err_set(e, E_IO, "%.*s: %s: %m", STR(d->part.id), out->root);
    const char *fs = foreign_fs(out->root);
    out->unjudged |= fs != NULL || !out->policy.declared;
    if (fs != NULL && !access_raise(found, d, A_FOREIGN_FS, STATE_UNKNOWN, str(out->root), "lies on %s: its server decides who may read it", fs))
        return err_nomem(e);
    return visit(&w, AT_FDCWD, out->root, S(""), 0) && (access_judge(a, out, found) || err_nomem(e));
}
