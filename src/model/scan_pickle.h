/* scan_pickle.h - shared by the files that judge pickles; nobody else includes it. */
#ifndef SCAN_PICKLE_H
#define SCAN_PICKLE_H
#include "format/pickle.h"
#include "model/globals.h"
#include "model/rules.h"
#include "model/scan.h"

enum {
    PICKLE_DEPTH_MAX = 3,                              /* pickles in texts of pickles                           */
    PICKLE_HITS_MAX = 200,                             /* findings of one stretch of bytes                      */
    PICKLE_STREAMS_MAX = 1 << 20,                      /* pickles one after another                             */
    PICKLE_SEARCH_MAX = 64 << 20                       /* bytes behind the last pickle that are searched        */
};
enum { KEEP_SHAPE, KEEP_DTYPE, KEEP_ALIGNMENT, KEEPS };    /* keys of a NumpyArrayWrapper's state                */

typedef struct Hit {
    unsigned    rule;
    Severity    severity;
    uint64_t    byte;
    char       *message;
} Hit;

typedef struct Judge {
    Arena            *a;
    const ScanPickle *in;
    const ScanOut    *out;
    PickleHome        home;
    Hit              *hits;                            /* PICKLE_HITS_MAX                                       */
    size_t            hit_count, said;                 /* those before `said` went out                          */
    ScanVerdict       verdict;
    const char       *broken;                          /* why, of the pickle that is being judged               */
    uint64_t          broken_at;
    uint64_t          nested_left;                     /* bytes that may still be judged as nested pickles      */
    uint64_t          streams;
    bool              magic;                           /* the first pickle was torch's magic number             */
    GlobalVerdict    *verdicts;                        /* by PickleGlobal.tag - 1                               */
    size_t            verdict_count, verdict_cap;
    uint64_t         *sizes;                           /* of dtypes: scan_array.c                               */
} Judge;

void judge_hit(Judge *j, unsigned rule, uint64_t at, const char *fmt, ...) __attribute__((format(printf, 4, 5)));
const GlobalVerdict *judge_global(Judge *j, PickleGlobal *g);       /* looked up once                           */

/* ---- scan_args.c: are the arguments of a T2 call what they should be?  `why` says what is not. */
bool args_fit(Judge *j, Pickle *p, Shape shape, const PickleFact *f, const char **why);
/* What a call that only makes an object of a class gives: an instance of that class; else f->result. */
PickleValue args_result(Judge *j, Pickle *p, Shape shape, const PickleFact *f);
/* The tier of a global or of what it returned; TIER_UNKNOWN for everything else. */
Tier tier_of(Judge *j, Pickle *p, PickleValue v);

#endif
