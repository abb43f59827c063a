/* pack_write.c - see pack.h. */
#include "base/file.h"
#include "data/pack.h"
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

enum { PENDING = 1 << 20 };

static bool flush(PackWriter *w, Err *e)
{
    Str bytes = buf_view(&w->pending);
    if (w->pending.bad || w->index.bad)
        return err_nomem(e);
    sha256_add(w->hash, bytes);
    w->at += bytes.n, w->pending.n = 0;
    return file_write(w->fd, bytes, w->temp, e);
}

/* Locked, so that pack_sweep() knows that somebody is at it; a sweep that came in between took its name away. */
static bool hold(int fd)
{
    struct stat st;
    return flock(fd, LOCK_EX | LOCK_NB) == 0 && fstat(fd, &st) == 0 && st.st_nlink == 1;
}

static bool begin(PackWriter *w, Err *e)
{
    if (snprintf(w->temp, sizeof w->temp, "%s/.new-XXXXXX", w->dir) >= (int)sizeof w->temp)
        return err_set(e, E_IO, "%s: path too long", w->dir);
    w->fd = mkostemp(w->temp, O_CLOEXEC);
    if (w->fd < 0)
        return err_set(e, E_IO, "%s: cannot write into it: %m", w->dir);
    if (!hold(w->fd))
        return err_set(e, E_IO, "%s: swept away by another process; try again", w->temp);
    w->hash = sha256_begin();
    if (w->hash == NULL)
        return err_nomem(e);
    w->at = 0, w->index.n = 0, w->pending.n = 0;
    buf_z(&w->pending, "MOATPK01");
    return true;
}

bool pack_add(PackWriter *w, const PackEntry *entry, Str stored, Err *e)
{
    if (w->fd < 0 && !begin(w, e))
        return false;
    PackRow row = { entry->id, w->at + w->pending.n };
    buf_put(&w->index, &row, sizeof row);
    buf_byte(&w->pending, entry->type);
    buf_byte(&w->pending, entry->codec);
    buf_u16(&w->pending, 0);
    buf_u32(&w->pending, entry->stored);
    buf_u32(&w->pending, entry->raw);
    buf_put(&w->pending, entry->id.b, sizeof entry->id.b);
    buf_str(&w->pending, stored);
    return w->pending.n < PENDING || flush(w, e);
}

bool pack_full(const PackWriter *w, uint32_t next_stored)
{
    return w->fd >= 0 && w->at + w->pending.n + PACK_ENTRY + next_stored > PACK_TARGET;
}

static int by_id(const void *a, const void *b) { return memcmp(a, b, SHA256_SIZE); }

static void put_index(PackWriter *w)
{
    PackRow *row = (PackRow *)(void *)w->index.p;
    size_t   n = w->index.n / sizeof *row, seen = 0;
    uint64_t index_at = w->at + w->pending.n;
    qsort(row, n, sizeof *row, by_id);
    for (unsigned first = 0; first < 256; first++) {
        while (seen < n && row[seen].id.b[0] <= first)
            seen++;
        buf_u32(&w->pending, (uint32_t)seen);
    }
    for (size_t i = 0; i < n; i++)
        buf_put(&w->pending, row[i].id.b, SHA256_SIZE);
    for (size_t i = 0; i < n; i++)
        buf_u64(&w->pending, row[i].offset);
    buf_u64(&w->pending, index_at);
}

/* The file has its last byte: onto the disk first, then its name, then the name onto the disk. */
static bool publish(PackWriter *w, const char *path, Err *e)
{
    if (fchmod(w->fd, 0400) != 0 || fsync(w->fd) != 0)
        return err_set(e, E_IO, "%s: %m", w->temp);
    if (rename(w->temp, path) != 0)
        return err_set(e, E_IO, "%s: %m", path);
    w->temp[0] = '\0';
    return dir_sync(path, e);
}

bool pack_finish(PackWriter *w, Arena *a, const char **path, Err *e)
{
    char hex[DIGEST_HEX];
    if (w->fd < 0)
        return true;
    put_index(w);
    if (!flush(w, e))
        return false;
    Digest trailer = sha256_end(w->hash);
    w->hash = NULL;
    digest_hex(&trailer, hex);
    char *name = arena_printf(a, "%s/pack-%s.moatpack", w->dir, hex);
    if (name == NULL)
        return err_nomem(e);
    if (!file_write(w->fd, (Str){ (char *)trailer.b, sizeof trailer.b }, w->temp, e) || !publish(w, name, e))
        return false;
    if (path != NULL)
        *path = name;
    close(w->fd);
    w->fd = -1;
    return true;
}

void pack_abort(PackWriter *w)
{
    if (w->hash != NULL)
        sha256_end(w->hash);
    if (w->fd >= 0) {
        if (w->temp[0])
            unlink(w->temp);
        close(w->fd);
    }
    buf_free(&w->pending), buf_free(&w->index);
    *w = PACK_WRITER(w->dir);
}

void pack_sweep(const char *dir)
{
    char           path[1088];
    struct dirent *d;
    DIR           *open_dir = opendir(dir);
    while (open_dir != NULL && (d = readdir(open_dir)) != NULL) {
        if (strncmp(d->d_name, ".new-", 5) != 0 ||
            snprintf(path, sizeof path, "%s/%s", dir, d->d_name) >= (int)sizeof path)
            continue;
        defer_fd int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
        if (fd >= 0 && flock(fd, LOCK_EX | LOCK_NB) == 0)
            unlink(path);
    }
    if (open_dir != NULL)
        closedir(open_dir);
}
