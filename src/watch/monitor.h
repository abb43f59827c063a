/* monitor.h - the monitors of moat.yaml, ready to judge: what is measured, against which frozen reference, from where on
 * somebody should know.
 *
 * A reference is read once, when the daemon starts: for each feature the edges of its bins (or its categories) and how many
 * reference rows lie in each.  The digest of all that is kept; another reference makes another digest, and old counts are
 * never compared with new edges. */
#ifndef MONITOR_H
#define MONITOR_H
#include "base/dict.h"
#include "crypto/digest.h"
#include "num/sketch.h"
#include "pipeline/pipeline.h"
#include "watch/watch.h"

enum { CATEGORIES_MAX = 255, CLASSES_MAX = 1024, MONITOR_BINS_MAX = 1 << 20 };

typedef enum { FROM_FEATURES, FROM_CLASSES, FROM_TRAFFIC, FROM_LABELS, FROM_GROUPS } MetricSource;

typedef struct Metric {
    const char  *name, *kind;                          /* "psi" of a monitor of kind "drift" */
    MetricSource from;
    bool         low_is_bad;
    double       threshold;                            /* default; NaN: without one it is only reported */
    WatchRule    rule;
} Metric;

typedef struct FeatureRef {
    Str       name;
    bool      ordered;                                 /* numbers; else categories                        */
    Edges     edges;
    Dict     *categories;                              /* text -> (void *)(bin + 1); the last bin: others */
    size_t    bins, at;                                /* at: its first bin in Window.bins                */
    uint64_t *reference, rows;                         /* rows of the reference that have a value         */
} FeatureRef;

typedef struct Monitor {
    Str           name, id, endpoint;                  /* "mix", "monitors.mix", "endpoints.score" */
    const Metric *metric;
    double        threshold;                           /* NaN: none */
    int64_t       window_ns, lateness_ns;
    uint64_t      min_rows, pending, of, positive;
    Str           group;
    size_t        group_position;                      /* of it in an array; SIZE_MAX: rows must be objects */
    FeatureRef   *features;
    size_t        feature_count, bins;
    size_t       *by_position;                         /* column of the reference -> 1 + feature, 0: not watched */
    size_t        positions;
    Dict         *by_name;
    size_t        classes;                             /* known ones; counts have one more, for others */
    Str          *class_name;
    uint64_t     *class_reference;
    Digest        reference;
    StrList       sinks;
} Monitor;

typedef struct Monitors {
    Monitor *v;
    size_t   n;
    Str      notes;                                    /* what is declared and not judged, one line each */
} Monitors;

/* All of it lives in the arena.  Errors name the monitor and its line. */
bool monitors_load(Arena *a, const Pipeline *p, Monitors *out, Err *e);
/* Class of a text: its place among the names, else the whole number it says; false when it is neither. */
bool monitor_class(const Monitor *m, Str text, double *out);

extern const Metric metrics[];
extern const size_t metrics_len;

#endif
