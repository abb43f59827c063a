/* detect.h - the separate model that watches queries: who is probing, stealing or fooling the model behind an endpoint?
 *
 * One query says little; many say what somebody is after.  Each query gets three scores:
 *
 *     near   distance to the nearest earlier query, whoever sent it     evasion: HopSkipJump, Square, NES ...; membership ladders
 *     far    mean distance to the three nearest of the benign queries   extraction with noise or foreign inputs
 *     odd    isolation forest over the raw features                      the same, and inputs that no client sends
 *
 * and each score feeds an accumulator (CUSUM, Page 1954) of its client, of everybody together, and for `near` of the chain of
 * queries that lead to one another, so that a thousand accounts with one query each are one attacker.  A single hit is never an
 * incident: near alarms from three hits in twenty queries on.  An exact repetition is a retry and no hit.
 *
 * Thresholds come from benign traffic alone (calibrate.c), for one version of one model; a detector of another version is refused.
 * What an alarm does is policy: record it, coarsen the answer silently, or refuse.  An attacker who sees which query was caught
 * learns from it, so silence is the default (Feng et al., CCS 2023).
 *
 *     detect.c        scores and accumulators        detect_map.c    rows to vectors, invariant to shift and brightness for images
 *     detect_file.c   the calibrated model as bytes  calibrate.c     benign rows to a model
 *
 * The state is one block of memory without pointers; workers share it under a lock of the adapter's.  Pure: time is passed in.
 * Trusted: the model file once its digest holds.  Not trusted: rows; the content of the state block. */
#ifndef DETECT_H
#define DETECT_H
#include "crypto/digest.h"
#include "num/forest.h"
#include "num/recent.h"

enum { DETECT_QUANTILES = 32, DETECT_REFS_MAX = 1024, DETECT_FEATURES_MAX = 8192, DETECT_GRID = 14, DETECT_CELLS = DETECT_GRID * DETECT_GRID,
       DETECT_CLIENTS = 8192, DETECT_CHAINS = 4096, DETECT_HISTORY = 1 << 16, DETECT_HOLD_S = 3600 };

typedef enum { DETECT_TABLE, DETECT_IMAGE } DetectKind;

typedef struct DetectMap {                             /* rows of features to vectors of bytes */
    DetectKind kind;
    uint32_t   features, width, height;                /* image: width * height * channels = features, channels last */
    float     *quantile;                               /* table: features * DETECT_QUANTILES, ascending               */
    float     *plane;                                  /* RECENT_DIM random signs for each feature or cell: detect_planes() */
    float      low, range;                             /* image: values are (x - low) / range                         */
    float      gain_near, gain_far;                    /* to signed bytes                                             */
} DetectMap;

typedef struct DetectBand {                            /* benign mean and deviation of a score, and its alarm height */
    double mean, sd, height;
} DetectBand;

typedef struct DetectModel {
    DetectMap  map;
    Digest     model;                                  /* of the model behind the endpoint; all zero: any */
    uint64_t   rows;                                   /* it was calibrated on                            */
    uint32_t   near2;                                  /* a hit: nearer than this, squared                */
    double     near_rate;                              /* how often benign queries are                    */
    DetectBand far, odd;
    int8_t    *refs;                                   /* ref_count vectors of RECENT_DIM */
    uint32_t   ref_count;
    Forest     forest;
} DetectModel;

/* ---- scoring */

typedef enum { DETECT_QUIET, DETECT_WATCH, DETECT_ALARM } DetectLevel;
const char *detect_level_name(DetectLevel l);          /* "quiet", "watch", "alarm" */
typedef enum { DETECT_NEAR, DETECT_FAR, DETECT_ODD, DETECT_FAMILIES } DetectFamily;
const char *detect_family_name(DetectFamily f);

typedef struct DetectTrail {                           /* one client's, one chain's, everybody's */
    uint64_t id;                                       /* 0: free                                */
    int64_t  seen_s, alarm_s;                          /* last query; last time it stood in alarm */
    uint64_t queries;
    uint32_t recent;                                   /* hits among the last 32, a bit each      */
    uint32_t alarms;                                   /* bit of each family that ever alarmed    */
    float    sum[DETECT_FAMILIES];
} DetectTrail;

typedef struct DetectState {
    uint64_t    version;                               /* of this layout; another is cleared */
    DetectTrail everybody;
    DetectTrail client[DETECT_CLIENTS], chain[DETECT_CHAINS];
    Recent      recent;                                /* the rest of the block */
} DetectState;

typedef struct DetectSeen {
    bool        retry, hit;
    double      near, far, odd;                        /* near: -1 when nobody was near enough to be compared */
    uint32_t    chain;                                 /* place of the chain's first query, RECENT_NONE: none */
    DetectLevel level, client, together;               /* level: of client and chain, what the policy acts on */
    unsigned    families;                              /* bits of what stands in alarm or watch               */
} DetectSeen;

size_t detect_state_size(void);
/* Takes a block of that size as it is when it is ours, else clears it. */
DetectState *detect_state(void *memory);
/* What can be said of a row alone: no state, so no lock is needed for the costly part. */
typedef struct DetectRow {
    int8_t   near[RECENT_DIM];
    uint16_t band[RECENT_BANDS];
    uint64_t same;
    double   far, odd;
} DetectRow;
/* Of m->map.features values; NaN: missing. */
void       detect_row(const DetectModel *m, const float *row, DetectRow *out);
/* Scores it against what came before, and remembers it.  The state must be locked. */
DetectSeen detect_query(const DetectModel *m, DetectState *s, const DetectRow *row, uint64_t client, int64_t now_s);

/* ---- the model */

typedef struct CalibrateAsk {
    DetectKind kind;
    uint32_t   width, height;
    double     rate;                                   /* benign queries that may be near hits; 0: .001 */
    uint64_t   seed;
    Digest     model;
} CalibrateAsk;
enum { CALIBRATE_ROWS_MIN = 100, CALIBRATE_ROWS_MAX = 10000 };

typedef struct Calibrated {
    uint64_t rows, hits, needed;                       /* needed: rows that would prove the rate; 0: these do */
    double   rate_bound;                               /* one-sided 95 % upper bound of the near rate          */
} Calibrated;
/* From benign rows in the order they came; of more than CALIBRATE_ROWS_MAX the first are taken. */
bool detect_calibrate(Arena *a, Pool *pool, const CalibrateAsk *ask, const float *x, size_t rows, size_t cols, DetectModel *out, Calibrated *how, Err *e);

/* The file (little-endian): "moatdtct" | u32 version 1 | u32 kind, features, width, height | f32 low, range, gain_near, gain_far | 32 B model |
 * u64 rows | u32 near2 | f64 near_rate | far, odd: f64 mean, sd, height | u32 refs | table: quantiles | refs | u32 forest bytes | forest |
 * u32 CRC-32 (as in zlib) of all before */
void detect_write(const DetectModel *m, Buf *out);
bool detect_read(Arena *a, Str file, DetectModel *out, Err *e);

/* ---- private to detect*.c and calibrate.c */
void  detect_unit(const DetectMap *m, const float *row, float *unit);      /* features to about 0..1; NaN to the middle    */
void  detect_grid(const DetectMap *m, const float *unit, float *cells);    /* image: DETECT_CELLS, unit length              */
bool  detect_planes(Arena *a, DetectMap *m);
void  detect_project(const DetectMap *m, const float *unit, uint32_t n, float out[static RECENT_DIM]);
void  detect_bytes(const float *v, float gain, int8_t out[static RECENT_DIM]);
double detect_far(const DetectModel *m, const int8_t *v);
/* Both vectors of a row; `far` equals `near` for tables.  Uses scratch of features floats. */
void  detect_vectors(const DetectMap *m, const float *row, float *scratch, int8_t *near, int8_t *far);

#endif
