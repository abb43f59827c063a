/* file.c - see file.h. */
#include "base/file.h"
#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

void fd_drop(const int *fd)
{
    if (*fd >= 0)
        close(*fd);
}

void stdio_drop(FILE **f)
{
    if (*f != NULL)
        fclose(*f);
}

static bool read_all(Arena *a, int fd, const char *name, size_t limit, Str *out, Err *e)
{
    defer_buf Buf b = { 0 };
    char          piece[1 << 16];
    for (;;) {
        ssize_t n = read(fd, piece, sizeof piece);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return err_set(e, E_IO, "%s: %m", name);
        if (n == 0)
            break;
        if ((size_t)n > limit - b.n)
            return err_set(e, E_LIMIT, "%s: larger than %zu bytes", name, limit);
        buf_put(&b, piece, (size_t)n);
    }
    *out = b.bad ? (Str){ NULL, 0 } : arena_str(a, buf_view(&b));
    return out->p != NULL || err_set(e, E_NOMEM, "%s: does not fit in memory", name);
}

/* Opens what may be read to its end.  A FIFO in a folder of other people would keep us waiting for a writer for ever; one that our
 * caller hands over (/dev/stdin, /dev/fd/63 of a shell) has its writer. */
static int open_to_read(const char *path, Err *e)
{
    struct stat st;
    int         fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    bool        handed = strncmp(path, "/dev/", 5) == 0 || strncmp(path, "/proc/", 6) == 0;
    if (fd < 0)
        return err_set(e, E_IO, "%s: %m", path), -1;
    if (fstat(fd, &st) != 0)
        err_set(e, E_IO, "%s: %m", path);
    else if (S_ISDIR(st.st_mode))
        err_set(e, E_IO, "%s: is a folder, not a file", path);
    else if (S_ISFIFO(st.st_mode) && !handed)
        err_set(e, E_IO, "%s: is a FIFO, not a file", path);
    else if (S_ISREG(st.st_mode) || fcntl(fd, F_SETFL, 0) == 0)
        return fd;
    else
        err_set(e, E_IO, "%s: %m", path);
    close(fd);
    return -1;
}

bool file_read(Arena *a, const char *path, size_t limit_bytes, Str *out, Err *e)
{
    if (strcmp(path, "-") == 0)
        return read_all(a, STDIN_FILENO, "standard input", limit_bytes, out, e);
    defer_fd int fd = open_to_read(path, e);
    return fd >= 0 && read_all(a, fd, path, limit_bytes, out, e);
}

bool file_map(const char *path, Map *out, Err *e)
{
    defer_fd int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    struct stat  st;
    *out = (Map){ { "", 0 } };
    if (fd < 0 || fstat(fd, &st) != 0)
        return err_set(e, E_IO, "%s: %m", path);
    if (!S_ISREG(st.st_mode))
        return err_set(e, E_IO, "%s: not a regular file", path);
    if (st.st_size == 0)
        return true;
    void *p = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
    if (p == MAP_FAILED)
        return err_set(e, E_IO, "%s: %m", path);
    out->bytes = (Str){ p, (size_t)st.st_size };
    return true;
}

void file_unmap(Map *m)
{
    if (m->bytes.n)
        munmap((void *)(uintptr_t)m->bytes.p, m->bytes.n);
    *m = (Map){ { "", 0 } };
}

bool file_write(int fd, Str bytes, const char *name, Err *e)
{
    while (bytes.n > 0) {
        ssize_t n = write(fd, bytes.p, bytes.n);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return err_set(e, E_IO, "%s: %m", name);
        bytes = str_from(bytes, (size_t)n);
    }
    return true;
}

bool dir_sync(const char *path_in_it, Err *e)
{
    char        dir[1024];
    const char *slash = strrchr(path_in_it, '/');
    size_t      n = slash == path_in_it ? 1 : slash ? (size_t)(slash - path_in_it) : 0;
    if (n >= sizeof dir)
        return err_set(e, E_IO, "%s: path too long", path_in_it);
    snprintf(dir, sizeof dir, "%.*s", n ? (int)n : 1, n ? path_in_it : ".");
    defer_fd int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0 || fsync(fd) != 0)
        return err_set(e, E_IO, "%s: %m", dir);
    return true;
}

bool replace_begin(Replace *r, const char *path, unsigned mode, Err *e)
{
    const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path;
    *r = (Replace){ .fd = -1 };
    int a = snprintf(r->path, sizeof r->path, "%s", path);
    int b = snprintf(r->temp, sizeof r->temp, "%.*s.%s.XXXXXX", (int)(name - path), path, name);
    if (a >= (int)sizeof r->path || b >= (int)sizeof r->temp) {
        r->temp[0] = '\0';
        return err_set(e, E_IO, "%s: path too long", path);
    }
    r->fd = mkostemp(r->temp, O_CLOEXEC);
    if (r->fd < 0) {
        r->temp[0] = '\0';
        return err_set(e, E_IO, "%s: cannot write beside it: %m", path);
    }
    if (fchmod(r->fd, mode) != 0) {
        err_set(e, E_IO, "%s: %m", r->temp);
        return replace_abort(r), false;
    }
    return true;
}

bool replace_commit(Replace *r, Err *e)
{
    bool ok = fsync(r->fd) == 0 && close(r->fd) == 0;
    if (ok)
        r->fd = -1;
    if (!ok || rename(r->temp, r->path) != 0) {
        err_set(e, E_IO, "%s: %m", r->path);
        return replace_abort(r), false;
    }
    r->temp[0] = '\0';
    return dir_sync(r->path, e);
}

void replace_abort(Replace *r)
{
    if (r->temp[0] == '\0')
        return;
    if (r->fd >= 0)
        close(r->fd);
    unlink(r->temp);
    r->fd = -1, r->temp[0] = '\0';
}

bool file_replace(const char *path, Str bytes, unsigned mode, Err *e)
{
    Replace r;
    if (!replace_begin(&r, path, mode, e))
        return false;
    if (!file_write(r.fd, bytes, path, e))
        return replace_abort(&r), false;
    return replace_commit(&r, e);
}

bool file_create(const char *path, Str bytes, unsigned mode, Err *e)
{
    defer_fd int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, mode);
    if (fd < 0 && errno == EEXIST)
        return err_set(e, E_DENIED, "%s: already exists; it is left as it is", path);
    if (fd < 0)
        return err_set(e, E_IO, "%s: %m", path);
    bool ok = fchmod(fd, mode) == 0 && file_write(fd, bytes, path, e);
    if (ok && fsync(fd) == 0)
        return dir_sync(path, e);
    if (ok)
        err_set(e, E_IO, "%s: %m", path);
    unlink(path);
    return false;
}

bool dir_make(const char *path, unsigned mode, Err *e)
{
    char   part[1024];
    size_t n = strlen(path);
    if (n == 0 || n >= sizeof part)
        return err_set(e, E_IO, "'%s': not a usable path", path);
    for (size_t i = 1; i <= n; i++) {
        if (path[i] != '/' && path[i] != '\0')
            continue;
        memcpy(part, path, i);
        part[i] = '\0';
        struct stat st;
        if (mkdir(part, mode) == 0) {
            if (!dir_sync(part, e))
                return false;
            continue;
        }
        if (errno == EEXIST && stat(part, &st) == 0 && S_ISDIR(st.st_mode))
            continue;
        return err_set(e, E_IO, "%s: cannot make the folder: %m", part);
    }
    return true;
}

bool file_exists(const char *path)
{
    struct stat st;
    return stat(path, &st) == 0;
}

char *path_join(Arena *a, const char *dir, Str path)
{
    if ((path.n && path.p[0] == '/') || strcmp(dir, ".") == 0)
        return arena_printf(a, "%.*s", STR(path));
    size_t n = strlen(dir);
    return arena_printf(a, "%s%s%.*s", dir, n && dir[n - 1] == '/' ? "" : "/", STR(path));
}

char *path_dir(Arena *a, const char *path)
{
    const char *slash = strrchr(path, '/');
    if (slash == NULL)
        return arena_printf(a, ".");
    return arena_printf(a, "%.*s", slash == path ? 1 : (int)(slash - path), path);
}
