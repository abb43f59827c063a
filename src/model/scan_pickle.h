/* scan_pickle.h - shared by the files that judge pickles; nobody else includes it. */
#ifndef SCAN_PICKLE_H
#define SCAN_PICKLE_H
#include "base/dict.h"
#include "format/pickle.h"
#include "model/globals.h"
#include "model/rules.h"
#include "model/scan.h"

enum {
    PICKLE_DEPTH_MAX = 3,                              /* pickles in texts of pickles                           */
    PICKLE_HITS_MAX = 200,                             /* findings of one pickle                                */
    PICKLE_STREAMS_MAX = 1 << 20,                      /* pickles one after another                             */
    NESTED_MAX = 4096,                                 /* texts that are judged as pickles                      */
    NESTED_BYTES_MAX = 256 << 20,                      /* of such texts together                                */
    SEARCH_BYTES_MAX = 64 << 20,                       /* behind the last pickle that are searched for more     */
    SEARCH_TRIES_MAX = 4096,
    DTYPES_MAX = 1 << 16
};
enum { KEEP_SHAPE, KEEP_DTYPE, KEEP_ALIGNMENT, KEEPS };    /* keys of a NumpyArrayWrapper's state                */

typedef struct Hit {
    unsigned    rule;
    Severity    severity;
    uint64_t    byte;
    char       *message;
} Hit;

typedef struct DtypeSize {                             /* of a numpy.dtype                                      */
    uint64_t at;                                       /* the byte that made it                                 */
    uint32_t bytes;
    bool     extended;                                 /* texts, bytes, records: BUILD says the size            */
} DtypeSize;

typedef struct Judge {
    Arena            *a;
    const ScanPickle *in;
    const ScanOut    *out;
    PickleHome        home;
    Hit              *hits;                            /* of the pickle that is being judged                    */
    size_t            hit_count;
    ScanVerdict       verdict;
    const char       *broken;                          /* why, of the pickle that is being judged               */
    uint64_t          broken_at;
    uint64_t          streams;                         /* pickles so far                                        */
    uint32_t          epoch;                           /* of PickleGlobal.seen: another once findings were dropped */
    GlobalVerdict    *verdicts;                        /* by PickleGlobal.tag - 1                               */
    size_t            verdict_count, verdict_cap;

    uint64_t          nested_left, nested_count;       /* scan_nested.c                                         */
    DtypeSize        *dtypes;                          /* scan_array.c: in order of `at`                        */
    size_t            dtype_count;
    uint64_t          last_array;
    bool              inside;                          /* in the pickle of an object array                      */
    Dict             *storages;                        /* scan_torch.c: key to bytes, legacy files only         */
    uint64_t          storage_bytes;
} Judge;

void judge_hit(Judge *j, unsigned rule, uint64_t at, const char *fmt, ...) __attribute__((format(printf, 4, 5)));
const GlobalVerdict *judge_global(Judge *j, PickleGlobal *g);       /* looked up once                           */
/* Judges the pickle at `at` as part of the present one; where it ends. */
uint64_t judge_inside(Judge *j, uint64_t at);
/* Judges the pickle at `at` on its own if it shows more than chance would; where it ends, or 0. */
uint64_t judge_hidden(Judge *j, Pickle *p, uint64_t at);

/* ---- scan_args.c: are the arguments of a T2 call what they should be?  `why` says what they should be. */
bool args_fit(Judge *j, Pickle *p, Shape shape, const PickleFact *f, const char **why);
/* What a call that only makes an object of a class gives: an instance of that class; else f->result. */
PickleValue args_result(Judge *j, Pickle *p, Shape shape, const PickleFact *f);
bool text_is(Pickle *p, PickleValue v, const char *z);
bool global_is(const PickleGlobal *g, const char *module, const char *name);

/* ---- scan_array.c */
void array_dtype(Judge *j, Pickle *p, const PickleFact *f);         /* a call of numpy.dtype                    */
void array_dtype_state(Judge *j, Pickle *p, const PickleFact *f);   /* BUILD of what it gave                    */
void array_follows(Judge *j, Pickle *p, PickleFact *f);             /* BUILD of a NumpyArrayWrapper             */

/* ---- scan_nested.c, scan_search.c */
void     nested_constant(Judge *j, const PickleFact *f);
void     search_hidden(Judge *j, Pickle *p, uint64_t from);

/* ---- scan_torch.c */
void     torch_persistent(Judge *j, Pickle *p, PickleFact *f);
void     torch_first(Judge *j, const PickleFact *stop);             /* the first pickle of a file               */
uint64_t torch_legacy_end(Judge *j, uint64_t at);                   /* behind the storages                      */

#endif
