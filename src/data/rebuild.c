/* rebuild.c - see rebuild.h. */
#include "data/rebuild.h"
#include "base/file.h"
#include "base/rng.h"
#include "data/beneath.h"
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

enum { SYNC_EACH_MAX = 64 };                           /* above, one syncfs is cheaper than as many fsyncs */

/* ---- the folder, and the name beside the target */

bool rebuild_open(Rebuild *r, const char *base, Str path, Err *e)
{
    bool         absolute = path.n && path.p[0] == '/';
    Str          last;
    defer_fd int from = open(absolute ? "/" : base, O_PATH | O_DIRECTORY | O_CLOEXEC);
    char        *whole = arena_printf(r->arena, "%.*s", STR(path)), *folder = whole ? path_dir(r->arena, whole) : NULL;
    if (folder == NULL)
        return err_nomem(e);
    if (from < 0)
        return err_set(e, E_IO, "%s: %m", base);
    if (absolute) {
        if (!dir_make(folder, 0777, e))
            return false;
        r->dir = open(folder, O_PATH | O_DIRECTORY | O_CLOEXEC);
        const char *slash = memrchr(path.p, '/', path.n);
        last = str_from(path, (size_t)(slash - path.p) + 1);
    } else
        r->dir = beneath_make(from, path, &last);
    if (r->dir < 0 && (errno == ELOOP || errno == ENOTDIR))
        return err_set(e, E_DENIED, "%s: a symbolic link or a file, and nothing is written through those", folder);
    if (r->dir < 0)
        return err_set(e, E_IO, "%s: %m", folder);
    const char *flaw = tree_name_flaw(last);
    r->name = arena_printf(r->arena, "%.*s", STR(last));
    if (r->name == NULL)
        return err_nomem(e);
    return flaw == NULL || err_set(e, E_DENIED, "%.*s: its name %s", STR(path), flaw);
}

static bool is_ours(const Rebuild *r, const char *name)
{
    char   prefix[300];
    size_t n = (size_t)snprintf(prefix, sizeof prefix, ".%s.moat-", r->name);
    return strncmp(name, prefix, n) == 0 && strlen(name) == n + 16 && strspn(name + n, "0123456789abcdef") == 16;
}

/* What a restore that was killed left behind; the caller holds the dataset's lock. */
static void sweep(const Rebuild *r)
{
    int            fd = openat(r->dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR           *d = fd >= 0 ? fdopendir(fd) : NULL;
    struct dirent *v;
    while (d != NULL && (v = readdir(d)) != NULL)
        if (is_ours(r, v->d_name))
            beneath_remove(r->dir, v->d_name, NULL);
    if (d != NULL)
        closedir(d);
    else if (fd >= 0)
        close(fd);
}

static void name_temp(Rebuild *r)
{
    uint64_t chance;
    random_bytes(&chance, sizeof chance);
    snprintf(r->temp, sizeof r->temp, ".%s.moat-%016" PRIx64, r->name, chance);
}

/* ---- one entry */

static void leave(Rebuild *r)
{
    if (r->made >= 0)
        close(r->made);
    if (r->was >= 0)
        close(r->was);
    r->made = r->was = -1, r->folder = (Str){ 0 };
}

/* Folder "data/a" as seen from r->dir: "TOP/a". */
static int open_in(Rebuild *r, const char *top, Str folder)
{
    char *text = arena_printf(r->arena, "%s%.*s", top, STR(str_from(folder, r->top.n)));
    return text != NULL ? beneath_open(r->dir, str(text), O_PATH | O_DIRECTORY, 0) : -1;
}

/* Opens the folder that holds `name`, unless the entry before lay there too; *last is its name in it.  The top entry lies
 * in r->dir itself, under the temporary name and the right one. */
static bool enter(Rebuild *r, Str name, const char **last, Err *e)
{
    const char *slash = name.n > r->top.n ? memrchr(name.p, '/', name.n) : NULL;
    Str         folder = { name.p, slash ? (size_t)(slash - name.p) : 0 };
    char       *text = arena_printf(r->arena, "%.*s", STR(str_from(name, slash ? folder.n + 1 : 0)));
    if (text == NULL)
        return err_nomem(e);
    *last = slash ? text : r->temp;
    if (r->made >= 0 && str_eq(folder, r->folder))
        return true;
    leave(r);
    r->folder = folder;
    r->made = slash ? open_in(r, r->temp, folder) : dup(r->dir);
    r->was = slash ? open_in(r, r->name, folder) : dup(r->dir);
    return r->made >= 0 || err_set(e, E_IO, "%m");
}

/* Permissions of what is there now, but nobody beside the owner may write; whether it is executable, the version says. */
static unsigned mode_for(const Rebuild *r, const TreeEntry *v, const char *last)
{
    struct stat st;
    const char *now = last == r->temp ? r->name : last;
    bool        there = r->was >= 0 && fstatat(r->was, now, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISREG(st.st_mode);
    return (there ? (st.st_mode & 0644) | 0600 : 0644) | v->mode;
}

typedef struct Out {
    int         fd;
    const char *name;
    Sha256     *hash;
} Out;

static bool put_piece(void *ctx, Str piece, bool last, Err *e)
{
    Out *o = ctx;
    (void)last;
    sha256_add(o->hash, piece);
    return file_write(o->fd, piece, o->name, e);
}

static bool write_file(Rebuild *r, const TreeEntry *v, const char *last, bool sync, Err *e)
{
    defer_fd int fd = openat(r->made, last, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    Out          o = { fd, last, fd >= 0 ? sha256_begin() : NULL };
    if (fd < 0)
        return err_set(e, E_IO, "%m");
    if (o.hash == NULL)
        return err_nomem(e);
    bool   ok = stored_each(r->store, v, put_piece, &o, e);
    Digest got = sha256_end(o.hash);
    if (ok && !digest_eq(&got, &v->sha256))
        ok = err_set(e, E_FORMAT, "its chunks do not have the digest of the file");
    if (ok && (fchmod(fd, mode_for(r, v, last)) != 0 || (sync && fsync(fd) != 0)))
        ok = err_set(e, E_IO, "%m");
    r->files++;
    return ok;
}

static bool write_link(Rebuild *r, const TreeEntry *v, const char *last, Err *e)
{
    char *target = arena_printf(r->arena, "%.*s", STR(v->target));
    if (target == NULL)
        return err_nomem(e);
    return symlinkat(target, r->made, last) == 0 || err_set(e, E_IO, "%m");
}

static bool write_folder(Rebuild *r, const char *last, Err *e)
{
    return mkdirat(r->made, last, last == r->temp ? 0700 : 0777) == 0 || err_set(e, E_IO, "%m");
}

static bool below(Str name, Str top) { return str_eq(name, top) || (str_starts(name, top) && name.p[top.n] == '/'); }

static bool write_entry(Rebuild *r, const TreeEntry *v, bool sync, Err *e)
{
    const char *last = NULL;
    if (!enter(r, v->name, &last, e))
        return false;
    switch (v->type) {
    case TREE_FILE:   return write_file(r, v, last, sync, e);
    case TREE_LINK:   return write_link(r, v, last, e);
    case TREE_FOLDER: return write_folder(r, last, e);
    }
    return err_set(e, E_FORMAT, "of no known type");
}

/* The top folder was ours alone while it was made; it gets the permissions of the one it replaces. */
static bool open_up(Rebuild *r, Err *e)
{
    struct stat  st;
    defer_fd int now = beneath_open(r->dir, str(r->name), O_PATH, 0), made = beneath_open(r->dir, str(r->temp), O_RDONLY, 0);
    unsigned     mode = now >= 0 && fstat(now, &st) == 0 && S_ISDIR(st.st_mode) ? st.st_mode & 0755 : 0755;
    if (made < 0 || fstat(made, &st) != 0)
        return err_set(e, E_IO, "%s: %m", r->temp);
    return !S_ISDIR(st.st_mode) || fchmod(made, mode | 0700) == 0 || err_set(e, E_IO, "%s: %m", r->temp);
}

bool rebuild_write(Rebuild *r, Err *e)
{
    size_t count = 0;
    sweep(r);
    name_temp(r);
    for (size_t i = 0; i < r->tree->count; i++)
        count += below(r->tree->entry[i].name, r->top);
    for (size_t i = 0; i < r->tree->count; i++) {
        const TreeEntry *v = &r->tree->entry[i];
        if (below(v->name, r->top) && !write_entry(r, v, count <= SYNC_EACH_MAX, e))
            return err_in(e, "%.*s", STR(v->name));
    }
    leave(r);
    if (count > 1 && !open_up(r, e))
        return false;
    defer_fd int fd = openat(r->dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0 || (count > SYNC_EACH_MAX ? syncfs(fd) : fsync(fd)) != 0)
        return err_set(e, E_IO, "%s: %m", r->temp);
    return true;
}

/* ---- the swap */

/* A file system that cannot exchange names: step aside, step in, and step back if that fails. */
static bool swap_by_steps(Rebuild *r, Err *e)
{
    Rebuild aside = *r;
    name_temp(&aside);
    bool there = renameat(r->dir, r->name, r->dir, aside.temp) == 0;
    if (!there && errno != ENOENT)
        return err_set(e, E_IO, "%s: %m", r->name);
    if (renameat(r->dir, r->temp, r->dir, r->name) == 0) {
        memcpy(r->temp, aside.temp, sizeof r->temp);
        r->swapped = there;
        return true;
    }
    err_set(e, E_IO, "%s: %m", r->name);
    if (there && renameat(r->dir, aside.temp, r->dir, r->name) != 0)
        err_hint(e, "what was there is now %s", aside.temp);
    return false;
}

static bool put_in_place(Rebuild *r, bool only_new, Err *e)
{
    struct stat st;
    if (only_new && fstatat(r->dir, r->name, &st, AT_SYMLINK_NOFOLLOW) == 0)
        return err_set(e, E_DENIED, "%s: already exists; it is left as it is", r->name);
    if (renameat2(r->dir, r->temp, r->dir, r->name, RENAME_NOREPLACE) == 0)
        return r->temp[0] = '\0', true;
    if (!only_new && renameat2(r->dir, r->temp, r->dir, r->name, RENAME_EXCHANGE) == 0)
        return r->swapped = true;
    if (errno == EINVAL || errno == ENOSYS)
        return swap_by_steps(r, e);
    return err_set(e, E_IO, "%s: %m", r->name);
}

bool rebuild_swap(Rebuild *r, bool only_new, Err *e)
{
    if (!put_in_place(r, only_new, e))
        return false;
    defer_fd int fd = openat(r->dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    return (fd >= 0 && fsync(fd) == 0) || err_set(e, E_IO, "%s: %m", r->name);
}

bool rebuild_finish(Rebuild *r, const char *keep, Err *e)
{
    if (!r->swapped)
        return true;
    r->swapped = false;
    bool ok = keep != NULL ? renameat(r->dir, r->temp, r->dir, keep) == 0 || err_set(e, E_IO, "%s: %m", keep)
                           : beneath_remove(r->dir, r->temp, e);
    r->temp[0] = '\0';
    return ok;
}

void rebuild_close(Rebuild *r)
{
    leave(r);
    if (r->dir >= 0 && r->temp[0] && !r->swapped)
        beneath_remove(r->dir, r->temp, NULL);
    if (r->dir >= 0)
        close(r->dir);
    r->dir = -1, r->temp[0] = '\0';
}
