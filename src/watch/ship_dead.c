/* ship_dead.c - see ship.h: one JSON object a line: id, producer, seq, time_ns, kind, reason, died (when), payload. */
#include "base/file.h"
#include "watch/ship.h"
#include <errno.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

static void line_put(Buf *b, const ShipItem *i, const char *now)
{
    JsonOut w = json_out(b);
    json_open(&w, '{');
    json_member(&w, "id", str(i->id)), json_member(&w, "producer", i->v.producer), json_member_u64(&w, "seq", i->v.seq);
    json_key(&w, "time_ns"), json_put_i64(&w, i->v.time_ns);
    json_member_u64(&w, "kind", i->kind), json_member(&w, "reason", str(i->reason)), json_member(&w, "died", str(now));
    json_member(&w, "payload", i->payload);
    json_close(&w, '}');
    buf_byte(b, '\n');
}

/* Opened and locked, and still the file of that name: a replay may have taken it away in between. */
static int open_locked(const char *path, Err *e)
{
    for (;;) {
        struct stat of_fd, of_path;
        int         fd = open(path, O_RDWR | O_APPEND | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
        if (fd < 0 || flock(fd, LOCK_EX) != 0 || fstat(fd, &of_fd) != 0) {
            err_set(e, E_IO, "%s: %m", path);
            if (fd >= 0)
                close(fd);
            return -1;
        }
        if (stat(path, &of_path) == 0 && of_fd.st_ino == of_path.st_ino && of_fd.st_dev == of_path.st_dev)
            return fd;
        close(fd);
    }
}

/* A line that a crash cut is ended first; its event was not passed by the cursor and comes again. */
static bool end_line(int fd, off_t size, Buf *b)
{
    char last = '\n';
    if (size > 0 && pread(fd, &last, 1, size - 1) != 1)
        return false;
    if (last != '\n')
        buf_byte(b, '\n');
    return true;
}

bool ship_dead_append(const char *path, ShipItem *v, size_t n, Clock clock, Err *e)
{
    defer_buf Buf b = { 0 };
    struct stat   st;
    char          now[TIME_TEXT];
    defer_fd int  fd = open_locked(path, e);
    if (fd < 0)
        return false;
    if (fstat(fd, &st) != 0 || !end_line(fd, st.st_size, &b))
        return err_set(e, E_IO, "%s: %m", path);
    time_text(clock_ns(clock), now);
    for (size_t i = 0; i < n; i++)
        if (v[i].state == ITEM_DEAD)
            line_put(&b, &v[i], now);
    if (b.bad)
        return err_nomem(e);
    if (file_write(fd, buf_view(&b), path, e) && (fdatasync(fd) == 0 || err_set(e, E_IO, "%s: %m", path)) &&
        (st.st_size > 0 || dir_sync(path, e)))
        return true;
    return ftruncate(fd, st.st_size) == 0 ? false : err_in(e, "%s: cannot be cut back", path);
}

bool ship_dead_take(Arena *a, const char *path, char **out, Err *e)
{
    char *again = arena_printf(a, "%s.replay", path);
    *out = NULL;
    if (again == NULL)
        return err_nomem(e);
    if (!file_exists(again)) {
        if (!file_exists(path))
            return true;
        defer_fd int fd = open_locked(path, e);        /* nobody is in the middle of a line now */
        if (fd < 0)
            return false;
        if (rename(path, again) != 0)
            return err_set(e, E_IO, "%s: %m", again);
    }
    *out = again;
    return true;
}
