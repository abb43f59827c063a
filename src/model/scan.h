/* scan.h - what a scan of a model file says, and the hands it goes through.
 *
 *     scan.c          opens files, starts the sandboxed worker, collects what it says       (the parent)
 *     scan_walk.c     finds out by content what the bytes are, goes into containers          (the worker)
 *     scan_pickle.c   judges pickles: globals by tier, calls by shape
 *
 * format/ parses and never judges; here is the judging.  Allow-list first: what is not known to be safe is not clean. */
#ifndef SCAN_H
#define SCAN_H
#include "model/model.h"

/* In order of how much it matters; the verdict of a file is the largest of its members'. */
typedef enum { SCAN_CLEAN, SCAN_UNSCANNABLE, SCAN_BROKEN, SCAN_SUSPICIOUS, SCAN_MALICIOUS } ScanVerdict;
const char *scan_verdict_name(ScanVerdict v);

typedef struct ScanHit {                               /* becomes a Finding in the parent                    */
    unsigned rule;                                     /* row of model_rules                                 */
    Severity severity;
    Str      inner;                                    /* "archive.zip/data.pkl"; empty: the file itself     */
    uint64_t byte;                                     /* 1 + offset in that member; 0: not known            */
    Str      message;
} ScanHit;

/* Who hears what is found.  Texts are borrowed for the call. */
typedef struct ScanOut {
    void *ctx;
    void (*hit)(void *ctx, const ScanHit *h);
    void (*row)(void *ctx, Str inner, const char *format, ScanVerdict v, Str why);   /* one for every file and member */
} ScanOut;

/* One stretch of bytes that holds pickles, one after another. */
typedef enum { PICKLE_PLAIN, PICKLE_TORCH_ZIP, PICKLE_TORCH_LEGACY, PICKLE_JOBLIB, PICKLE_NUMPY } PickleHome;
typedef struct ScanPickle {
    Str        bytes, inner;
    PickleHome home;
    bool     (*storage)(void *ctx, Str key, uint64_t *bytes);   /* torch zip: is there a member data/KEY, how long; else NULL */
    void      *storage_ctx;
    unsigned   depth;                                  /* of pickles in pickles */
} ScanPickle;
/* Says every finding to `out` and returns the verdict; *end is the first byte that belongs to no pickle (trailing bytes are the
 * caller's to explain).  No row is said: the caller knows what the whole is. */
ScanVerdict scan_pickle(Arena *a, const ScanPickle *p, const ScanOut *out, uint64_t *end);

#endif
