/* history.c - see history.h. */
#include "data/history.h"
#include "base/file.h"
#include "data/tree.h"
#include <errno.h>
#include <fcntl.h>
#include <sys/file.h>
#include <time.h>
#include <unistd.h>

bool history_of(Arena *a, const Pipeline *p, Str dataset, History *out, Err *e)
{
    *out = (History){ .pipeline = p, .name = dataset, .dataset = pipeline_dataset(p, dataset) };
    if (out->dataset == NULL) {
        err_set(e, E_USAGE, "%s: there is no dataset '%.*s'", p->file, STR(dataset));
        return err_hint(e, "moat map lists what there is");
    }
    if (tree_name_flaw(dataset) != NULL || memchr(dataset.p, '/', dataset.n))
        return err_set(e, E_USAGE, "'%.*s' cannot name a folder", STR(dataset));
    out->objects = pipeline_state(p, "objects");
    char *all = pipeline_state(p, "refs/data");
    out->refs = all ? path_join(a, all, dataset) : NULL;
    if (out->objects == NULL || out->refs == NULL)
        return err_nomem(e);
    out->head = path_join(a, out->refs, S("head"));
    out->pending = path_join(a, out->refs, S("pending"));
    out->pin = path_join(a, out->refs, S("signer.pub"));
    out->lock = path_join(a, out->refs, S("lock"));
    out->publish = path_join(a, out->refs, S("publish"));
    out->stamps = path_join(a, out->refs, S("stamps"));
    if (!out->head || !out->pending || !out->pin || !out->lock || !out->publish || !out->stamps)
        return err_nomem(e);
    return members_of(p, out->dataset, &out->members, e);
}

bool history_make(const History *h, Err *e)
{
    return pipeline_state_make(h->pipeline, e) && dir_make(h->objects, 0700, e) && dir_make(h->refs, 0700, e);
}

/* ---- refs: "VERSION HEX\n" */

bool ref_read(const char *path, Ref *out, Err *e)
{
    defer_arena Arena *a = arena_new(4096);
    Str                text, version, hex;
    Err                why = { 0 };
    *out = (Ref){ 0 };
    if (a == NULL)
        return err_nomem(e);
    if (!file_read(a, path, 256, &text, &why)) {
        if (access(path, F_OK) != 0 && errno == ENOENT)
            return true;
        out->state = REF_DAMAGED;
        return why.code == E_LIMIT || (*e = why, false);
    }
    bool good = str_ends(text, S("\n")) && str_cut((Str){ text.p, text.n - 1 }, ' ', &version, &hex) &&
                str_u64(version, &out->version) && out->version > 0 && digest_parse(hex, &out->statement);
    out->state = good ? REF_GOOD : REF_DAMAGED;
    return true;
}

bool ref_write(const char *path, uint64_t version, const Digest *statement, Err *e)
{
    char hex[DIGEST_HEX], text[128];
    digest_hex(statement, hex);
    int n = snprintf(text, sizeof text, "%" PRIu64 " %s\n", version, hex);
    return file_replace(path, (Str){ text, (size_t)n }, 0600, e);
}

/* ---- locks */

static int open_lock(const char *path, Err *e)
{
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0 && (errno == EACCES || errno == EROFS))
        fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);        /* a reader's lock needs no more */
    if (fd < 0)
        err_set(e, E_IO, "%s: %m", path);
    return fd;
}

int history_lock(const History *h, Err *e)
{
    enum { STEP_MS = 50 };
    int fd = open_lock(h->lock, e);
    if (fd < 0)
        return -1;
    for (int waited = 0; flock(fd, LOCK_EX | LOCK_NB) != 0; waited += STEP_MS) {
        if ((errno != EWOULDBLOCK && errno != EINTR) || waited >= HISTORY_WAIT_MS) {
            err_set(e, E_IO, "%.*s: another commit or restore is at work", STR(h->name));
            err_hint(e, "try again when it has ended");
            close(fd);
            return -1;
        }
        nanosleep(&(struct timespec){ 0, STEP_MS * 1000000 }, NULL);
    }
    return fd;
}

static int hold(const char *path, int how, Err *e)
{
    int fd = open_lock(path, e);
    while (fd >= 0 && flock(fd, how) != 0) {
        if (errno == EINTR)
            continue;
        err_set(e, E_IO, "%s: %m", path);
        close(fd);
        fd = -1;
    }
    return fd;
}

int history_publish(const History *h, Err *e) { return hold(h->publish, LOCK_EX, e); }

/* A writer died between noting its intent and moving the ref: its version counts when the ledger has it. */
static bool finish(const History *h, Ledger *l, Err *e)
{
    defer_arena Arena *a = arena_new(1 << 20);
    Ref                intent, newest;
    if (a == NULL)
        return err_nomem(e);
    if (!ref_read(h->pending, &intent, e))
        return false;
    bool known = l != NULL && history_newest(a, h, l, &newest, e);
    if (e->code != E_OK)
        return false;
    if (known && intent.state == REF_GOOD && newest.version == intent.version && digest_eq(&newest.statement, &intent.statement) &&
        !ref_write(h->head, newest.version, &newest.statement, e))
        return false;
    return unlink(h->pending) == 0 || errno == ENOENT || err_set(e, E_IO, "%s: %m", h->pending);
}

int history_share(const History *h, Ledger *l, Err *e)
{
    int fd = access(h->publish, F_OK) == 0 ? hold(h->publish, LOCK_SH, e) : -1;
    if (fd < 0 || access(h->pending, F_OK) != 0)
        return fd;
    if (flock(fd, LOCK_EX) == 0 && finish(h, l, e) && flock(fd, LOCK_SH) == 0)
        return fd;
    if (e->code == E_OK)
        err_set(e, E_IO, "%s: %m", h->publish);
    close(fd);
    return -1;
}

bool history_newest(Arena *a, const History *h, Ledger *l, Ref *out, Err *e)
{
    Record r;
    *out = (Ref){ 0 };
    if (!ledger_last(l, a, RECORD_DATA_COMMIT, NULL, h->name, &r, e))
        return false;
    if (!json_u64(json_get(r.body, "version"), &out->version) || out->version == 0 ||
        !digest_parse(json_text(json_get(r.body, "statement"), S("")), &out->statement))
        return err_set(e, E_FORMAT, "ledger record %" PRIu64 ": not a commit of a dataset", r.seq);
    out->state = REF_GOOD;
    return true;
}
