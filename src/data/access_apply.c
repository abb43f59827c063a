/* access_apply.c - changes modes and ACLs so that every change can be taken back.
 *
 *     .moat/access/NAME.pending   one JSON object a line: first {"dataset", "root", "time"}, then for each file
 *                                 {"path", "dev", "ino", "born_ns", "mode", "access", "default"}: what was, attributes in hex, "" for none
 *     .moat/access/NAME.done      the same, once all changes stand and are on the disk
 *
 * The journal is on the disk before the first change.  A file that is another one when undo comes
 * to it is left alone and counted. */
#include "base/file.h"
#include "data/access_own.h"
#include <errno.h>
#include <fcntl.h>
#include <sys/xattr.h>
#include <unistd.h>

enum { JOURNAL_MAX = 1 << 30, JOURNAL_ARENA = 1 << 30 };

static char *journal_path(Arena *a, const Pipeline *p, const Dataset *d, const char *state)
{
    return pipeline_state(p, arena_printf(a, "access/%.*s.%s", STR(d->part.name), state));
}

/* ---- opening what the audit saw, and nothing else */

static int open_same(const char *root, Str path, uint64_t dev, uint64_t ino, uint64_t born_ns)
{
    struct stat  st;
    char         part[256];
    Str          name;
    int          at = open(root, O_PATH | O_NOFOLLOW | O_CLOEXEC);
    while (at >= 0 && path.n > 0) {
        bool more = str_cut(path, '/', &name, &path);
        int  next = -1;
        if (name.n < sizeof part) {
            memcpy(part, name.p, name.n), part[name.n] = '\0';
            next = openat(at, part, O_PATH | O_NOFOLLOW | O_CLOEXEC);
        }
        close(at);
        at = next;
        if (!more)
            break;
    }
    if (at >= 0 && (fstat(at, &st) != 0 || st.st_dev != dev || st.st_ino != ino || fd_born_ns(at) != born_ns))
        close(at), at = -1, errno = ESTALE;
    return at;
}

/* ---- setting */

static bool set_attribute(int fd, const char *name, Str bytes, Err *e)
{
    char path[FD_PATH];
    fd_path(fd, path);
    if (bytes.n > 0 ? setxattr(path, name, bytes.p, bytes.n, 0) == 0 : removexattr(path, name) == 0 || errno == ENODATA || errno == ENOTSUP)
        return true;
    return err_set(e, E_IO, "%s: %m", name);
}

static bool set_mode(int fd, unsigned mode, Err *e)
{
    char path[FD_PATH];
    fd_path(fd, path);
    return chmod(path, mode & 07777) == 0 || err_set(e, E_IO, "chmod: %m");
}

static void bytes_of(const Acl *acl, bool keep_mode_only, Buf *out)
{
    if (acl->n > 0 && (keep_mode_only || !acl_is_mode(acl)))
        acl_write(acl, out);
}

/* The mode that an ACL without named entries is. */
static unsigned mode_of(const Acl *acl, unsigned mode)
{
    return (mode & 07000) | acl->v[0].perm << 6 | acl->v[1].perm << 3 | acl->v[acl->n - 1].perm;
}

static bool set_item(int fd, const AccessItem *item, Err *e)
{
    defer_buf Buf access = { 0 }, fallback = { 0 };
    bytes_of(&item->want, false, &access), bytes_of(&item->want_fallback, true, &fallback);
    if (access.bad || fallback.bad)
        return err_nomem(e);
    return set_attribute(fd, ACCESS_XATTR, buf_view(&access), e) && (!acl_is_mode(&item->want) || set_mode(fd, mode_of(&item->want, item->mode), e)) &&
           (!access_is_dir(item) || set_attribute(fd, DEFAULT_XATTR, buf_view(&fallback), e));
}

/* What the kernel says now is what we wanted. */
static bool stands(Arena *a, int fd, const AccessItem *item, Err *e)
{
    struct stat st;
    Acl         is;
    bool        there;
    if (fstat(fd, &st) != 0 || !acl_get_fd(a, fd, ACCESS_XATTR, &is, &there, e) || (!there && !acl_of_mode(a, st.st_mode, &is)))
        return false;
    if (!acl_same(&is, &item->want))
        return err_set(e, E_IO, "%s: the file system did not keep the ACL", item->shown);
    return true;
}

/* ---- the journal */

static bool put_raw(int fd, const char *name, const char *key, JsonOut *w, Err *e)
{
    char          path[FD_PATH], bytes[XATTR_MAX];
    defer_buf Buf hex = { 0 };
    fd_path(fd, path);
    ssize_t n = getxattr(path, name, bytes, sizeof bytes);
    if (n < 0 && errno != ENODATA && errno != ENOTSUP)
        return err_set(e, E_IO, "%s: %m", name);
    hex_put(&hex, (Str){ bytes, n > 0 ? (size_t)n : 0 });
    json_member(w, key, buf_view(&hex));
    return !hex.bad || err_nomem(e);
}

static bool put_item(int fd, const AccessItem *item, Buf *out, Err *e)
{
    struct stat st;
    JsonOut     w = json_out(out);
    if (!str_utf8(item->path))
        return err_set(e, E_FORMAT, "%s: its name is not UTF-8", item->shown);
    if (fstat(fd, &st) != 0)
        return err_set(e, E_IO, "%s: %m", item->shown);
    json_open(&w, '{');
    json_member(&w, "path", item->path);
    json_key(&w, "dev"), json_put_u64(&w, item->dev);
    json_key(&w, "ino"), json_put_u64(&w, item->ino);
    json_key(&w, "born_ns"), json_put_u64(&w, item->born_ns);
    json_key(&w, "mode"), json_put_u64(&w, st.st_mode & 07777);
    bool ok = put_raw(fd, ACCESS_XATTR, "access", &w, e) && put_raw(fd, DEFAULT_XATTR, "default", &w, e);
    json_close(&w, '}');
    buf_byte(out, '\n');
    return ok;
}

static bool journal_write(Arena *a, const AccessTree *t, const char *path, AccessChange *out, Err *e)
{
    defer_buf Buf b = { 0 };
    JsonOut       w = json_out(&b);
    char         *root = realpath(t->root, NULL);
    json_open(&w, '{');
    json_member(&w, "dataset", t->dataset->part.name);
    json_member(&w, "root", str(root ? root : t->root));
    json_close(&w, '}');
    buf_byte(&b, '\n');
    free(root);
    for (size_t i = 0; i < t->n; i++) {
        const AccessItem *item = &t->v[i];
        if (!access_differs(item))
            continue;
        defer_fd int fd = open_same(t->root, item->path, item->dev, item->ino, item->born_ns);
        if (fd >= 0 && !put_item(fd, item, &b, e))
            return false;
    }
    if (b.bad || !dir_make(path_dir(a, path), 0700, e))
        return b.bad ? err_nomem(e) : false;
    out->journal = sha256(buf_view(&b));
    return file_replace(path, buf_view(&b), 0600, e);
}

static bool change_all(Arena *a, const AccessTree *t, AccessChange *out, Err *e)
{
    for (size_t i = 0; i < t->n; i++) {
        const AccessItem *item = &t->v[i];
        if (!access_differs(item))
            continue;
        defer_fd int fd = open_same(t->root, item->path, item->dev, item->ino, item->born_ns);
        if (fd < 0) {
            out->skipped++;
            continue;
        }
        if (!set_item(fd, item, e) || !stands(a, fd, item, e))
            return err_in(e, "%s", item->shown);
        out->changed++;
    }
    return true;
}

static bool finish(const char *from, const char *to, Err *e)
{
    return (rename(from, to) == 0 && dir_sync(to, e)) || (e->code == E_OK && err_set(e, E_IO, "%s: %m", to));
}

bool access_apply(Arena *a, const Pipeline *p, const AccessTree *t, AccessChange *out, Err *e)
{
    char *pending = journal_path(a, p, t->dataset, "pending"), *done = journal_path(a, p, t->dataset, "done");
    *out = (AccessChange){ 0 };
    if (pending == NULL || done == NULL)
        return err_nomem(e);
    if (file_exists(pending)) {
        err_set(e, E_DENIED, "%.*s: an earlier change was interrupted", STR(t->dataset->part.id));
        return err_hint(e, "moat data access apply %.*s --undo", STR(t->dataset->part.name));
    }
    if (t->changes == 0)
        return true;
    if (!journal_write(a, t, pending, out, e))
        return false;
    if (!change_all(a, t, out, e)) {
        err_hint(e, "moat data access apply %.*s --undo takes back what was changed", STR(t->dataset->part.name));
        return false;
    }
    return finish(pending, done, e);
}

/* ---- undo */

static bool restore(const char *root, const Json *v, AccessChange *out, Err *e)
{
    uint64_t      dev, ino, born_ns, mode;
    defer_buf Buf access = { 0 }, fallback = { 0 };
    Str           path = json_text(json_get(v, "path"), S("?"));
    if (!json_u64(json_get(v, "dev"), &dev) || !json_u64(json_get(v, "ino"), &ino) || !json_u64(json_get(v, "mode"), &mode) ||
        !json_u64(json_get(v, "born_ns"), &born_ns) || !hex_get(&access, json_text(json_get(v, "access"), S("?"))) || !hex_get(&fallback, json_text(json_get(v, "default"), S("?"))))
        return err_set(e, E_FORMAT, "journal entry of '%.*s' is damaged", STR(path));
    defer_fd int fd = open_same(root, path, dev, ino, born_ns);
    struct stat  st;
    if (fd < 0 || fstat(fd, &st) != 0)
        return out->skipped++, true;
    out->changed++;
    return (set_attribute(fd, ACCESS_XATTR, buf_view(&access), e) && set_mode(fd, (unsigned)mode, e) &&
            (!S_ISDIR(st.st_mode) || set_attribute(fd, DEFAULT_XATTR, buf_view(&fallback), e))) || err_in(e, "%.*s", STR(path));
}

/* In the order they were changed: folders before what they hold. */
static bool restore_all(Arena *a, Str text, AccessChange *out, Err *e)
{
    Str         line, head;
    const Json *first = str_cut(text, '\n', &head, &text) ? json_parse(a, head, JSON_STRICT, e) : NULL;
    Str         root = json_text(json_get(first, "root"), S(""));
    char       *root_z = arena_printf(a, "%.*s", STR(root));
    if (root.n == 0 || root_z == NULL)
        return err_set(e, E_FORMAT, "the journal has no head");
    while (str_cut(text, '\n', &line, &text)) {
        const Json *v = json_parse(a, line, JSON_STRICT, e);
        if (v == NULL || !restore(root_z, v, out, e))
            return false;
    }
    return text.n == 0 || err_set(e, E_FORMAT, "the journal is cut off");
}

bool access_undo(Arena *a, const Pipeline *p, const Dataset *d, AccessChange *out, Err *e)
{
    char *pending = journal_path(a, p, d, "pending"), *done = journal_path(a, p, d, "done"), *undone = journal_path(a, p, d, "undone");
    Str   text;
    *out = (AccessChange){ 0 };
    if (pending == NULL || done == NULL || undone == NULL)
        return err_nomem(e);
    const char *from = file_exists(pending) ? pending : done;
    if (!file_exists(from))
        return err_set(e, E_USAGE, "%.*s: there is no change to take back", STR(d->part.id));
    defer_arena Arena *big = arena_new(JOURNAL_ARENA);
    if (big == NULL)
        return err_nomem(e);
    if (!file_read(big, from, JOURNAL_MAX, &text, e))
        return false;
    out->journal = sha256(text);
    return (restore_all(big, text, out, e) || err_in(e, "%s", from)) && finish(from, undone, e);
}
