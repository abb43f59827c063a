/* scan.h - what a scan of a model file says, and the hands it goes through.
 *
 *     scan.c          opens files, starts sandboxed workers (scan_crew.c), collects what they say   (the parent)
 *     scan_walk.c     finds out by content what the bytes are, goes into containers   (the worker: scan_box.h, scan_walk.h)
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

/* ---- the parent's side: files and folders */

#define SCAN_RULES_VERSION "2"                         /* raise it when a file may get another verdict than before */
/* What goes into records: "moat 0.1.0". */
const char *scanner_version(void);

typedef struct ScanRow {                               /* a file, or (inner not empty) a member of one */
    Str         path, inner, format, why;
    ScanVerdict verdict;
} ScanRow;

typedef struct ScanOptions {
    Str      part;                                     /* "models.scorer", or empty                          */
    bool     deep;                                     /* read tensor bytes too: hidden archives and pickles */
    bool     digest;                                   /* of what was scanned, from the same descriptors     */
    unsigned seconds;                                  /* for one file; 0: SCAN_SECONDS                      */
    const Str *uncounted;                              /* judged, but no part of a folder's digest: what its signer left out */
    size_t   uncounted_count;
} ScanOptions;
enum { SCAN_SECONDS = 60 };

typedef struct ScanSummary {
    ScanVerdict verdict;                               /* the largest of all; clean when there was nothing   */
    uint64_t    files, bytes;
    ScanRow    *v;                                     /* every file and member, in order of their names     */
    size_t      n;
    bool        has_digest;                            /* only when asked, and nothing changed meanwhile     */
    Digest      digest;                                /* as model_digest() gives it                         */
} ScanSummary;

/* Scans a file, or every file below a folder, in sandboxed workers.  True when the job was done, whatever was found: what could
 * not be judged is a row with unscannable or broken.  False when there is nothing to scan at that path, or no worker starts. */
bool model_scan(Arena *a, const char *path, const ScanOptions *o, Findings *found, ScanSummary *s, Err *e);

/* The same for many paths: workers take files of several at a time.  Rows and findings come in the order of the paths.  The digest is
 * that of the last path; ask for it with one path only. */
typedef struct Scanner Scanner;
Scanner *scanner_open(Arena *a, const ScanOptions *o, Findings *found, ScanSummary *s, Err *e);
bool     scanner_add(Scanner *s, const char *path, Err *e);     /* false: nothing to scan there; the scan goes on without it */
bool     scanner_close(Scanner *s, Err *e);                    /* frees it; needed after every scanner_open that gave one     */

/* Appends RECORD_MODEL_SCAN with the digest as subject (none: empty). */
bool model_scan_record(Ledger *l, Clock clock, Str actor, Str name, const char *path, const ScanSummary *s, Err *e);
/* What the newest record about this digest says.  False without an error (e->code == E_OK) when there is none by this version
 * of scanner and rules. */
bool model_scan_known(Ledger *l, Arena *a, const Digest *model, ScanVerdict *v, Err *e);

#endif
