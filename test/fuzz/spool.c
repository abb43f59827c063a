/* A segment of arbitrary bytes: the reader ends, never runs past the file, and gives rising seqs. */
#include "base/file.h"
#include "spool/frame.h"
#include <unistd.h>

/* Half of the inputs get a good header, to go deeper; some a good frame behind whatever came before. */
static void segment_of(const uint8_t *data, size_t len, Buf *b)
{
    uint8_t head[SPOOL_HEADER], frame[SPOOL_FRAME + 8] = { 0 };
    segment_put(&(Segment){ .number = 1 }, head);
    if (len > 0 && data[0] & 1)
        buf_put(b, head, sizeof head);
    buf_put(b, data, len);
    if (len > 40 && data[0] & 2) {
        while (b->n % 8)
            buf_byte(b, 0);
        frame_put(frame, &(SpoolFrame){ 1, 0, 77, 1, { "payload", 7 } });
        frame_commit(frame);
        buf_put(b, frame, sizeof frame);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    static char   dir[64], path[96];
    Err           e = { 0 };
    uint64_t      next = 0, n = 0;
    SpoolFrame    f;
    defer_buf Buf b = { 0 };
    snprintf(dir, sizeof dir, "/tmp/moat-fuzz-spool-%d", (int)getpid());
    snprintf(path, sizeof path, "%s/0000000001.seg", dir);
    segment_of(data, len, &b);
    if (!dir_make(dir, 0700, &e))
        abort();
    FILE *out = fopen(path, "wb");
    if (out == NULL || fwrite(b.p, 1, b.n, out) != b.n || fclose(out) != 0)
        abort();
    SpoolReader *r = spool_reader_open(dir, (SpoolCursor){ 0 }, &e);
    while (spool_next(r, &f, &e) == SPOOL_FRAME_READ) {
        if (f.seq < next || f.payload.n > b.n || n++ > b.n)
            abort();
        next = f.seq + 1;
    }
    spool_reader_close(r);
    unlink(path);
    rmdir(dir);
    return 0;
}
