/* beneath.c - see beneath.h. */
#include "data/beneath.h"
#include "base/file.h"
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

enum { PART = 256, DEPTH_MAX = 2048 };

static bool part_text(Str part, char out[static PART])
{
    if (part.n >= PART || part.n == 0)
        return errno = ENAMETOOLONG, false;
    memcpy(out, part.p, part.n);
    out[part.n] = '\0';
    return true;
}

static int step(int at, Str part, bool make)
{
    char text[PART];
    if (!part_text(part, text) || (make && mkdirat(at, text, 0777) != 0 && errno != EEXIST))
        return -1;
    return openat(at, text, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
}

static int parent(int dir, Str name, Str *last, bool make)
{
    int at = openat(dir, ".", O_PATH | O_DIRECTORY | O_CLOEXEC);
    Str rest;
    while (at >= 0 && str_cut(name, '/', last, &rest)) {
        int next = step(at, *last, make), why = errno;
        close(at);
        errno = why;
        at = next, name = rest;
    }
    *last = name;
    return at;
}

int beneath_parent(int dir, Str name, Str *last) { return parent(dir, name, last, false); }
int beneath_make(int dir, Str name, Str *last) { return parent(dir, name, last, true); }

int beneath_open(int dir, Str name, int flags, unsigned mode)
{
    char part[PART];
    Str  last;
    if (name.n == 0)
        return openat(dir, ".", flags | O_CLOEXEC, mode);
    defer_fd int at = beneath_parent(dir, name, &last);
    return at >= 0 && part_text(last, part) ? openat(at, part, flags | O_NOFOLLOW | O_CLOEXEC, mode) : -1;
}

static bool remove_at(int dir, const char *name, int depth);

static bool empty_folder(int dir, const char *name, int depth)
{
    int            fd = openat(dir, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    DIR           *d = fd >= 0 ? fdopendir(fd) : NULL;
    struct dirent *v;
    bool           ok = d != NULL && depth < DEPTH_MAX;
    while (ok && (v = readdir(d)) != NULL)
        if (strcmp(v->d_name, ".") != 0 && strcmp(v->d_name, "..") != 0)
            ok = remove_at(fd, v->d_name, depth + 1);
    if (d != NULL)
        closedir(d);
    else if (fd >= 0)
        close(fd);
    return ok;
}

static bool remove_at(int dir, const char *name, int depth)
{
    if (unlinkat(dir, name, 0) == 0 || errno == ENOENT)
        return true;
    return (errno == EISDIR || errno == EPERM) && empty_folder(dir, name, depth) && unlinkat(dir, name, AT_REMOVEDIR) == 0;
}

bool beneath_remove(int dir, const char *name, Err *e)
{
    return remove_at(dir, name, 0) || err_set(e, E_IO, "%s: cannot be removed: %m", name);
}
