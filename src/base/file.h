/* file.h - whole files: read with a limit, mapped, or replaced so that a crash leaves the old one or the new one.
 *
 * Replacement writes a temporary file in the same folder, fsyncs it, renames it over the target and fsyncs the
 * folder.  Until file_commit() returns true the old content stands; a crash leaves at most a `.NAME.XXXXXX` beside it. */
#ifndef FILE_H
#define FILE_H
#include "base/base.h"

void fd_drop(const int *fd);
void stdio_drop(FILE **f);
#define defer_fd __attribute__((cleanup(fd_drop), unused))
#define defer_file __attribute__((cleanup(stdio_drop)))

/* Reads a regular file of at most `limit_bytes` into the arena (NUL behind the last byte).  "-" is standard input.
 * E_IO when it cannot be read, E_LIMIT when it is larger. */
bool file_read(Arena *a, const char *path, size_t limit_bytes, Str *out, Err *e);

/* A read-only mapping of a regular file.  Borrowed bytes end with file_unmap(); an empty file maps to an empty Str. */
typedef struct Map {
    Str bytes;
} Map;
bool file_map(const char *path, Map *out, Err *e);
void file_unmap(Map *m);
#define defer_map __attribute__((cleanup(file_unmap)))

/* Replaces `path` with `bytes` at once, or leaves it untouched.  `mode` as in chmod, not cut by the umask. */
bool file_replace(const char *path, Str bytes, unsigned mode, Err *e);

/* The same for content that streams: begin, write through `fd` (or file_write), then commit or abort. */
typedef struct Replace {
    int  fd;
    char path[1024], temp[1088];
} Replace;
bool replace_begin(Replace *r, const char *path, unsigned mode, Err *e);
bool replace_commit(Replace *r, Err *e);               /* on false the old file stands and the temporary is gone */
void replace_abort(Replace *r);                        /* fine after commit, and on a zeroed Replace             */

/* Writes all of it, through short writes and EINTR.  `name` is for the message. */
bool file_write(int fd, Str bytes, const char *name, Err *e);
/* Creates `path` with O_EXCL and `mode`; an existing file is E_DENIED and untouched. */
bool file_create(const char *path, Str bytes, unsigned mode, Err *e);
bool dir_make(const char *path, unsigned mode, Err *e);/* with parents, each on the disk; existing ones are fine */
bool dir_sync(const char *path_in_it, Err *e);         /* fsyncs the folder that holds `path_in_it` */
bool file_exists(const char *path);

/* `b` seen from folder `a`: absolute stays, else a/b.  E.g. paths in a moat.yaml from its folder. */
char *path_join(Arena *a, const char *dir, Str path);
char *path_dir(Arena *a, const char *path);            /* "." when there is none */

#endif
