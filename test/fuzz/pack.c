/* A pack of arbitrary bytes, or a good one with arbitrary damage: what is handed out has its digest, the rest is an error. */
#include "base/file.h"
#include "data/store.h"
#include <fcntl.h>
#include <unistd.h>

static char   dir[64], path[128];
static Buf    good;
static Codec *codec;

static void remove_all(void)
{
    unlink(path), rmdir(dir);
    buf_free(&good);
    codec_free(codec);
}

static void put(PackWriter *w, Str raw, PackType type)
{
    defer_buf Buf stored = { 0 };
    CodecKind     kind = codec_pack(codec, raw, &stored);
    Str           bytes = kind == CODEC_RAW ? raw : buf_view(&stored);
    PackEntry     entry = { (uint8_t)type, (uint8_t)kind, (uint32_t)bytes.n, (uint32_t)raw.n, sha256(raw) };
    assert(pack_add(w, &entry, bytes, NULL));
}

static void set_up(void)
{
    defer_arena Arena *a = arena_new(1 << 20);
    const char        *made = NULL;
    Str                text;
    codec = codec_new();
    snprintf(dir, sizeof dir, "/dev/shm/moat-fuzz-XXXXXX");
    assert(mkdtemp(dir) != NULL);
    atexit(remove_all);
    PackWriter w = PACK_WRITER(dir);
    put(&w, S("one"), PACK_CHUNK), put(&w, S("aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"), PACK_CHUNK);
    put(&w, S(""), PACK_CHUNK), put(&w, S("roots"), PACK_ROOTS);
    assert(pack_finish(&w, a, &made, NULL) && file_read(a, made, 1 << 20, &text, NULL));
    pack_abort(&w);
    buf_str(&good, text);
    snprintf(path, sizeof path, "%s", made);
}

/* Triples of place and value over the good pack; the trailer is made right again when asked, so that checks behind it are met. */
static void damage(Cur *c, Buf *b)
{
    bool mend = cur_u8(c) & 1;
    buf_str(b, buf_view(&good));
    while (cur_left(c) >= 3) {
        size_t at = cur_u16(c) % b->n;
        b->p[at] = (char)cur_u8(c);
    }
    Digest d = sha256((Str){ b->p, b->n - SHA256_SIZE });
    if (mend)
        memcpy(b->p + b->n - SHA256_SIZE, d.b, sizeof d.b);
}

static void write_file(Str s)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    assert(fd >= 0 && file_write(fd, s, path, NULL) && close(fd) == 0);
}

static void read_all(const Pack *p)
{
    for (size_t i = 0; i < p->count; i++) {
        defer_buf Buf raw = { 0 };
        PackEntry     entry;
        Err           e = { 0 };
        assert(p->offsets[i] >= PACK_HEAD && p->offsets[i] + PACK_ENTRY <= p->index_at);
        if (!pack_read(p, codec, i, &entry, &raw, &e)) {
            assert(e.message[0] != '\0');
            continue;
        }
        Digest d = sha256(buf_view(&raw));
        assert(raw.n == entry.raw && digest_eq(&d, &p->ids[i]));
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    defer_buf Buf      b = { 0 };
    defer_arena Arena *a = arena_new(64 << 20);
    Cur                c = cur_of((Str){ (const char *)data, n });
    Err                e = { 0 };
    Pack               p;
    if (dir[0] == '\0')
        set_up();
    if (cur_u8(&c) & 1)
        damage(&c, &b);
    else
        buf_str(&b, cur_bytes(&c, cur_left(&c)));
    write_file(buf_view(&b));
    if (!pack_open(a, path, &p, &e)) {
        assert(e.message[0] != '\0');
        return 0;
    }
    read_all(&p);
    bool same = b.n == good.n && memcmp(b.p, good.p, good.n) == 0;
    assert(pack_check(&p, &e) == same);
    return 0;
}
