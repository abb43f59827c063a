/* pack.c - see pack.h.  Reads by pread, not mmap: a file cut short under us is an error and not a SIGBUS. */
#include "data/pack.h"
#include "base/file.h"
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

static bool read_at(int fd, const char *path, void *to, size_t n, uint64_t at, Err *e)
{
    for (size_t done = 0; done < n;) {
        ssize_t got = pread(fd, (char *)to + done, n - done, (off_t)(at + done));
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return err_set(e, E_IO, "%s: %m", path);
        if (got == 0)
            return err_at(e, at + done, "%s: pack is cut short", path);
        done += (size_t)got;
    }
    return true;
}

static bool open_file(const char *path, int *fd, uint64_t *size, Err *e)
{
    struct stat st;
    *fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY);
    if (*fd < 0 || fstat(*fd, &st) != 0)
        return err_set(e, E_IO, "%s: %m", path);
    if (!S_ISREG(st.st_mode))
        return err_set(e, E_IO, "%s: not a regular file", path);
    *size = (uint64_t)st.st_size;
    return true;
}

/* ---- the index */

static bool check_fanout(Cur *c, const Digest *ids, size_t count)
{
    size_t before = 0;
    for (unsigned first = 0; first < 256; first++) {
        size_t upto = cur_u32(c);
        if (upto < before || upto > count)
            return false;
        for (size_t i = before; i < upto; i++)
            if (ids[i].b[0] != first)
                return false;
        before = upto;
    }
    return before == count;
}

static bool check_ids(const Digest *ids, size_t count)
{
    for (size_t i = 1; i < count; i++)
        if (memcmp(&ids[i - 1], &ids[i], sizeof *ids) >= 0)
            return false;
    return true;
}

static bool parse_index(Arena *a, Str index, Pack *p, Err *e)
{
    Cur       c = cur_of(index), ids = c;
    uint64_t *offsets = arena_get(a, p->count + 1, sizeof *offsets);
    if (offsets == NULL)
        return err_nomem(e);
    cur_skip(&ids, PACK_FANOUT);
    p->ids = (const Digest *)(const void *)cur_bytes(&ids, p->count * SHA256_SIZE).p;
    if (!check_fanout(&c, p->ids, p->count) || !check_ids(p->ids, p->count))
        return err_at(e, p->index_at, "%s: pack index: ids are not in order", p->path);
    for (size_t i = 0; i < p->count; i++) {
        offsets[i] = cur_u64(&ids);
        if (offsets[i] < PACK_HEAD || offsets[i] > p->index_at - PACK_ENTRY)
            return err_at(e, p->index_at, "%s: pack index: an offset leaves the file", p->path);
    }
    p->offsets = offsets;
    return true;
}

/* The count follows from the sizes; it must come out whole. */
static bool measure(int fd, Pack *p, Err *e)
{
    char magic[PACK_HEAD], foot[8];
    if (p->size < PACK_HEAD + PACK_FANOUT + PACK_FOOT)
        return err_set(e, E_FORMAT, "%s: pack is cut short", p->path);
    if (!read_at(fd, p->path, magic, sizeof magic, 0, e) || !read_at(fd, p->path, foot, 8, p->size - PACK_FOOT, e))
        return false;
    if (memcmp(magic, "MOATPK01", sizeof magic) != 0)
        return err_at(e, 0, "%s: pack header: not a pack", p->path);
    Cur c = cur_of((Str){ foot, sizeof foot });
    p->index_at = cur_u64(&c);
    if (p->index_at < PACK_HEAD || p->index_at > p->size - PACK_FOOT - PACK_FANOUT)
        return err_at(e, p->size - PACK_FOOT, "%s: pack index: its place is outside the file", p->path);
    uint64_t rows = p->size - PACK_FOOT - PACK_FANOUT - p->index_at;
    p->count = (size_t)(rows / (SHA256_SIZE + 8));
    if (rows % (SHA256_SIZE + 8) != 0 || p->count > PACK_COUNT_MAX || p->count > p->index_at / PACK_ENTRY)
        return err_at(e, p->index_at, "%s: pack index: its size is impossible", p->path);
    return true;
}

bool pack_open(Arena *a, const char *path, Pack *out, Err *e)
{
    defer_fd int fd = -1;
    *out = (Pack){ .path = path };
    if (!open_file(path, &fd, &out->size, e) || !measure(fd, out, e))
        return false;
    size_t n = PACK_FANOUT + out->count * (SHA256_SIZE + 8);
    char  *index = arena_get(a, n, 1);
    if (index == NULL)
        return err_nomem(e);
    return read_at(fd, path, index, n, out->index_at, e) && parse_index(a, (Str){ index, n }, out, e);
}

/* ---- entries */

static bool read_entry(const Pack *p, int fd, uint64_t at, PackEntry *out, Err *e)
{
    char head[PACK_ENTRY];
    if (!read_at(fd, p->path, head, sizeof head, at, e))
        return false;
    Cur c = cur_of((Str){ head, sizeof head });
    out->type = cur_u8(&c), out->codec = cur_u8(&c);
    uint16_t reserved = cur_u16(&c);
    out->stored = cur_u32(&c), out->raw = cur_u32(&c);
    memcpy(out->id.b, cur_bytes(&c, SHA256_SIZE).p, SHA256_SIZE);
    if (reserved != 0 || (out->type != PACK_CHUNK && out->type != PACK_ROOTS) || out->codec >= CODECS)
        return err_at(e, at, "%s: pack entry: its head is damaged", p->path);
    if (out->raw > PACK_RAW_MAX || out->stored > p->index_at - PACK_ENTRY - at)
        return err_at(e, at, "%s: pack entry: its length is impossible", p->path);
    return true;
}

static bool room(Buf *b, size_t n)
{
    b->n = 0;
    if (n <= b->cap && b->p != NULL)
        return true;
    char *p = realloc(b->p, n ? n : 1);
    if (p == NULL)
        return false;
    b->p = p, b->cap = n ? n : 1;
    return true;
}

static bool unpack(const Pack *p, int fd, Codec *c, uint64_t at, const PackEntry *head, Buf *raw, Err *e)
{
    defer_buf Buf stored = { 0 };
    Buf          *to = head->codec == CODEC_RAW ? raw : &stored;
    if (!room(raw, head->raw) || !room(to, head->stored))
        return err_nomem(e);
    if (head->codec == CODEC_RAW && head->stored != head->raw)
        return err_at(e, at, "%s: pack entry: its length is impossible", p->path);
    if (!read_at(fd, p->path, to->p, head->stored, at + PACK_ENTRY, e))
        return false;
    if (to != raw && !codec_unpack(c, head->codec, (Str){ stored.p, head->stored }, raw->p, head->raw, e))
        return err_in(e, "%s: pack entry at byte %" PRIu64, p->path, at);
    raw->n = head->raw;
    Digest got = sha256(buf_view(raw));
    return digest_eq(&got, &head->id) || err_at(e, at, "%s: pack entry: its data does not have its digest", p->path);
}

bool pack_read(const Pack *p, Codec *c, size_t i, PackEntry *entry, Buf *raw, Err *e)
{
    defer_fd int fd = -1;
    uint64_t     size, at = p->offsets[i];
    if (!open_file(p->path, &fd, &size, e) || !read_entry(p, fd, at, entry, e))
        return false;
    if (!digest_eq(&entry->id, &p->ids[i]))
        return err_at(e, at, "%s: pack entry: not the one the index says", p->path);
    return unpack(p, fd, c, at, entry, raw, e);
}

/* ---- the whole file */

static bool hash_upto(int fd, const Pack *p, uint64_t end, Digest *out, Err *e)
{
    enum { PIECE = 256 << 10 };
    char   *piece = malloc(PIECE);
    Sha256 *h = sha256_begin();
    bool    ok = piece != NULL && h != NULL;
    if (!ok)
        err_nomem(e);
    for (uint64_t at = 0; ok && at < end;) {
        size_t n = end - at < PIECE ? (size_t)(end - at) : PIECE;
        ok = read_at(fd, p->path, piece, n, at, e);
        if (ok)
            sha256_add(h, (Str){ piece, n });
        at += n;
    }
    if (h != NULL)
        *out = sha256_end(h);
    free(piece);
    return ok;
}

static int by_id(const void *a, const void *b) { return memcmp(a, b, SHA256_SIZE); }

/* Entries lie side by side from the header to the index; each is in the index, and there are as many. */
static bool walk_entries(const Pack *p, int fd, Err *e)
{
    uint64_t at = PACK_HEAD;
    size_t   seen = 0;
    for (; at < p->index_at; seen++) {
        PackEntry head;
        if (p->index_at - at < PACK_ENTRY)
            return err_at(e, at, "%s: pack entry: bytes that belong to none", p->path);
        if (!read_entry(p, fd, at, &head, e))
            return false;
        const Digest *hit = bsearch(&head.id, p->ids, p->count, sizeof *p->ids, by_id);
        if (hit == NULL || p->offsets[hit - p->ids] != at)
            return err_at(e, at, "%s: pack entry: not in the index", p->path);
        at += PACK_ENTRY + head.stored;
    }
    return seen == p->count || err_at(e, p->index_at, "%s: pack index: names entries that are not there", p->path);
}

static bool named(const Pack *p, const Digest *trailer)
{
    char        hex[DIGEST_HEX], want[DIGEST_HEX + 16];
    const char *slash = strrchr(p->path, '/');
    digest_hex(trailer, hex);
    snprintf(want, sizeof want, "pack-%s.moatpack", hex);
    return strcmp(slash ? slash + 1 : p->path, want) == 0;
}

bool pack_check(const Pack *p, Err *e)
{
    defer_fd int fd = -1;
    uint64_t     size;
    Digest       got, said;
    if (!open_file(p->path, &fd, &size, e) || !hash_upto(fd, p, p->size - SHA256_SIZE, &got, e) ||
        !read_at(fd, p->path, said.b, sizeof said.b, p->size - SHA256_SIZE, e))
        return false;
    if (!walk_entries(p, fd, e))
        return false;
    if (!digest_eq(&got, &said) && named(p, &got))
        return err_set(e, E_FORMAT, "%s: pack trailer: damaged; the rest of the file is not", p->path);
    if (!digest_eq(&got, &said))
        return err_set(e, E_FORMAT, "%s: pack: its bytes do not have the digest in its trailer", p->path);
    return named(p, &said) || err_set(e, E_FORMAT, "%s: pack: its name is not its digest", p->path);
}
