/* sink_file.c - one event a line, appended and synced; for log collectors that follow a file, and for tests. */
#include "base/file.h"
#include "watch/sink.h"
#include <errno.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

/* After a crash the last line may be cut: it is ended, and its event comes again, whole. */
static bool end_last_line(int fd, off_t size, Buf *b)
{
    char last = '\n';
    if (size > 0 && pread(fd, &last, 1, size - 1) != 1)
        return false;
    if (last != '\n')
        buf_byte(b, '\n');
    return true;
}

static bool append(const Sink *s, int fd, ShipItem **v, size_t n, Err *e)
{
    defer_buf Buf b = { 0 };
    struct stat   st;
    if (flock(fd, LOCK_EX) != 0 || fstat(fd, &st) != 0 || !end_last_line(fd, st.st_size, &b))
        return err_set(e, E_IO, "%s: %m", s->c.path);
    if (st.st_size == 0 && !dir_sync(s->c.path, e))
        return false;
    for (size_t i = 0; i < n; i++)
        buf_str(&b, v[i]->text), buf_byte(&b, '\n');
    if (b.bad)
        return err_nomem(e);
    if (file_write(fd, buf_view(&b), s->c.path, e) && (fdatasync(fd) == 0 || err_set(e, E_IO, "%s: %m", s->c.path)))
        return true;
    return ftruncate(fd, st.st_size) == 0 ? false : err_in(e, "%s: cannot be cut back", s->c.path);
}

static SinkResult file_send(Sink *s, ShipItem **v, size_t n, Err *e)
{
    defer_fd int fd = open(s->c.path, O_RDWR | O_APPEND | O_CREAT | O_CLOEXEC, 0600);      /* each time: it may have been rotated */
    if (fd < 0)
        return err_set(e, E_IO, "%s: %m", s->c.path), SINK_RETRY;
    if (!append(s, fd, v, n, e))
        return SINK_RETRY;
    for (size_t i = 0; i < n; i++)
        item_done(v[i]);
    return SINK_JUDGED;
}

static bool file_open(Sink *s, Err *e)
{
    return s->c.path != NULL || (err_set(e, E_USAGE, "sinks.%s: needs path:", s->c.name), err_hint(e, "moat help config sinks.path"));
}

static void file_close(Sink *s) { s->state = NULL; }

const SinkKind sink_file = {
    "file",
    "an event is shipped when its line is appended and synced to the disk.",
    true, NULL, file_open, file_send, file_close,
};
