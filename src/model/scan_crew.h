/* scan_crew.h - a scan in progress, shared by the parent's two files: scan.c finds and opens, scan_crew.c has workers judge. */
#ifndef SCAN_CREW_H
#define SCAN_CREW_H
#include "model/scan_box.h"
#include "model/statement.h"
#include <sys/stat.h>

enum { CREW_BATCH = 256, CREW_CHUNK = 256 << 10, CREW_COPY_MAX = 64 << 20 };

typedef struct Job {                                   /* a file of the batch */
    BoxFile     box;
    Str         path;
    struct stat before;
    int         fd;                                    /* the file; box.fd is a copy of it, or the same */
    bool        copied, leased;                        /* how what is judged is what is hashed          */
    Digest      hash;                                  /* of the copy, or before the judging            */
    uint64_t    said;                                  /* bytes on the pipe about it */
    ScanVerdict worst;                                 /* that was said about it     */
    bool        digest;                                /* counts for the model's digest */
} Job;

struct Scanner {
    Arena       *a;
    ScanOptions  o;
    Findings    *found;
    ScanSummary *s;
    size_t       row_cap, n;
    Job          v[CREW_BATCH];
    char        *chunk;                                /* CREW_CHUNK bytes of room                      */
    uint32_t    *at;                                   /* shared with the worker: the job it is at      */
    Resource    *digests;
    size_t       digest_count, digest_cap;
    uint64_t     copied;                               /* bytes that the batch holds copies of          */
    bool         folder, undigested, full;             /* full: no memory left for what was found       */
};

/* Doubles a list in the arena; `v` is the address of its pointer. */
bool crew_grow(Arena *a, void *v, size_t n, size_t *cap, size_t size);
void crew_row(Scanner *s, Str path, Str inner, Str format, ScanVerdict v, Str why);
/* For a file that got its row already: it gets no verdict. */
void crew_void(Scanner *s, Str path, const char *why);
/* The jobs [first, first + n) in a worker: how many were dealt with; 0 with *e when none could be started. */
size_t crew_run(Scanner *s, Job *first, size_t n, Err *e);

#endif
