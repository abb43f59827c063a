/* ingest.c - see ingest.h. */
#include "data/ingest.h"
#include "data/chunk.h"
#include <errno.h>
#include <unistd.h>

enum { BUFFER = 16 << 20, JOBS_MAX = 4096, JOBS_OF_FILE = 3 };

typedef enum { JOB_HASH, JOB_ROWS, JOB_CHUNK } JobKind;

typedef struct Job {
    JobKind     kind;
    IngestFile *file;
    Str         bytes;
    bool        last;                                  /* of the file */
    Digest      id;                                    /* of a chunk */
    CodecKind   codec;
    Buf         stored;                                /* kept from round to round */
} Job;

struct Ingest {
    Store      *store;
    Pool       *pool;
    Gear        gear;
    char       *buffer;
    size_t      used;
    Job        *jobs;
    size_t      job_count, job_room;
    IngestCount count;
};

Ingest *ingest_new(Store *store, Pool *pool, Err *e)
{
    Ingest *g = calloc(1, sizeof *g);
    if (g == NULL)
        return err_nomem(e), NULL;
    g->store = store, g->pool = pool, g->gear = gear_public();
    g->buffer = malloc(BUFFER);
    if (g->buffer == NULL)
        return err_nomem(e), ingest_free(g), NULL;
    return g;
}

void ingest_free(Ingest *g)
{
    if (g == NULL)
        return;
    for (size_t i = 0; i < g->job_room; i++)
        buf_free(&g->jobs[i].stored);
    free(g->jobs);
    free(g->buffer);
    free(g);
}

void ingest_file_free(IngestFile *f)
{
    if (f->hash != NULL)
        sha256_end(f->hash);
    f->hash = NULL;
    rows_free(f->reader);
    f->reader = NULL;
    free(f->why);
    f->why = NULL;
    row_sum_free(&f->sum);
    buf_free(&f->chunks);
}

/* ---- the jobs */

static Job *job_new(Ingest *g, JobKind kind, IngestFile *f, Str bytes, bool last)
{
    if (g->job_count == g->job_room) {
        size_t room = g->job_room ? 2 * g->job_room : 256;
        Job   *jobs = realloc(g->jobs, room * sizeof *jobs);
        if (jobs == NULL)
            return NULL;
        memset(jobs + g->job_room, 0, (room - g->job_room) * sizeof *jobs);
        g->jobs = jobs, g->job_room = room;
    }
    Job *j = &g->jobs[g->job_count++];
    j->kind = kind, j->file = f, j->bytes = bytes, j->last = last;
    return j;
}

static void run_hash(Job *j)
{
    sha256_add(j->file->hash, j->bytes);
    if (!j->last)
        return;
    j->file->sha256 = sha256_end(j->file->hash);
    j->file->hash = NULL;
}

static void run_rows(Job *j)
{
    IngestFile *f = j->file;
    Err         why = { 0 };
    if (f->reader == NULL)
        return;                                        /* it failed in an earlier round */
    if (rows_feed(f->reader, j->bytes, j->last, &why) && !j->last)
        return;
    if (why.code == E_OK)
        rows_sum(f->reader, &f->sum, &why);
    rows_free(f->reader);
    f->reader = NULL;
    if (why.code != E_OK && (f->why = malloc(sizeof why)) != NULL)
        *f->why = why;
    f->failed = why.code != E_OK;
}

static void run_chunk(Ingest *g, Job *j)
{
    j->id = sha256(j->bytes);
    j->codec = CODEC_RAW;
    if (!store_has(g->store, &j->id))
        j->codec = codec_pack(store_codec(g->store), j->bytes, &j->stored);
}

static void run_job(void *arg, size_t i)
{
    Ingest *g = arg;
    Job    *j = &g->jobs[i];
    switch (j->kind) {
    case JOB_HASH:  run_hash(j); break;
    case JOB_ROWS:  run_rows(j); break;
    case JOB_CHUNK: run_chunk(g, j); break;
    }
}

static bool keep_chunk(Ingest *g, Job *j, Err *e)
{
    buf_put(&j->file->chunks, &j->id, sizeof j->id);
    if (j->file->chunks.bad)
        return err_nomem(e);
    g->count.chunks++;
    if (store_has(g->store, &j->id))
        return true;
    g->count.new_chunks++;
    return store_put(g->store, PACK_CHUNK, &j->id, j->bytes, j->codec, buf_view(&j->stored), e);
}

/* Runs what has gathered; bytes of the buffer are free afterwards. */
static bool round_trip(Ingest *g, Err *e)
{
    bool ok = true;
    pool_each(g->pool, g->job_count, run_job, g);
    for (size_t i = 0; ok && i < g->job_count; i++)
        if (g->jobs[i].kind == JOB_CHUNK)
            ok = keep_chunk(g, &g->jobs[i], e);
    g->job_count = 0;
    return ok;
}

bool ingest_flush(Ingest *g, Err *e)
{
    bool ok = round_trip(g, e);
    g->used = 0;
    return ok;
}

/* ---- reading */

/* Fills the buffer from fd; *end when there is no more. */
static bool fill(Ingest *g, int fd, bool *end, Err *e)
{
    while (!*end && g->used < BUFFER) {
        ssize_t n = read(fd, g->buffer + g->used, BUFFER - g->used);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return err_set(e, E_IO, "%m");
        *end = n == 0;
        g->used += (size_t)n;
    }
    return true;
}

/* Jobs for the chunks of `bytes`; what is left of them waits for more. */
static bool cut(Ingest *g, IngestFile *f, Str *bytes, bool end)
{
    while (bytes->n >= CHUNK_MAX || (end && bytes->n > 0)) {
        size_t n = chunk_cut(&g->gear, *bytes);
        if (job_new(g, JOB_CHUNK, f, (Str){ bytes->p, n }, false) == NULL)
            return false;
        *bytes = str_from(*bytes, n);
    }
    return true;
}

static bool begin(Ingest *g, IngestFile *f, Err *e)
{
    f->hash = sha256_begin();
    if (f->rows != ROWS_FILES)
        f->reader = rows_new(f->rows, f->expect, (RowTap){ 0 });
    if (f->hash == NULL || (f->rows != ROWS_FILES && f->reader == NULL))
        return err_nomem(e);
    bool fits = f->expect < BUFFER - g->used && g->job_count < JOBS_MAX - JOBS_OF_FILE;
    return g->used == 0 || fits || ingest_flush(g, e);
}

/* One buffer's worth of the file, which starts with the `carry` bytes that were hashed already but not cut. */
static bool take(Ingest *g, IngestFile *f, size_t from, size_t carry, bool end, Str *rest, Err *e)
{
    Str all = { g->buffer + from, g->used - from }, fresh = str_from(all, carry);
    f->bytes += fresh.n;
    if (job_new(g, JOB_HASH, f, fresh, end) == NULL ||
        (f->rows != ROWS_FILES && job_new(g, JOB_ROWS, f, fresh, end) == NULL) || !cut(g, f, &all, end))
        return err_nomem(e);
    *rest = all;
    return true;
}

bool ingest_file(Ingest *g, IngestFile *f, int fd, Err *e)
{
    bool   end = false;
    size_t from, carry = 0;
    Str    rest = { 0 };
    if (!begin(g, f, e))
        return false;
    from = g->used;
    while (fill(g, fd, &end, e) && take(g, f, from, carry, end, &rest, e)) {
        if (end)
            return true;
        if (!round_trip(g, e))
            return false;
        memmove(g->buffer, rest.p, rest.n);
        g->used = carry = rest.n, from = 0;
    }
    return false;
}

IngestCount ingest_count(const Ingest *g) { return g->count; }
