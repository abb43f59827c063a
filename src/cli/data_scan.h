/* data_scan.h - what the files of `moat data scan` share: data_scan.c asks and judges, data_scan_out.c tells. */
#ifndef DATA_SCAN_H
#define DATA_SCAN_H
#include "cli/data_cmds.h"
#include "data/labels.h"
#include "data/outliers.h"

typedef struct Scan {
    Arena         *a;
    Pool          *pool;
    Pipeline      *pipeline;                           /* NULL outside of one           */
    const Dataset *dataset;                            /* NULL: just a file             */
    const char    *path, *labels;                      /* labels: column or file, or NULL */
    bool           labels_apart;                       /* they are a file               */
    Str            part, subject;
    Matrix         m;
    Findings      *found;
    bool           sklearn;                            /* scores as scikit-learn signs them */
    uint64_t       top;                                /* rows that are shown           */
    bool           by_labels;                          /* noise was found, not odd      */
    Outliers       odd;
    LabelNoise     noise;
    uint64_t       filled;                             /* cells that were missing       */
    const double  *score;                              /* of each row                   */
    bool          *stays;                              /* rows that are not odd         */
    uint64_t       flagged;
} Scan;

bool scan_scores(const Scan *s, const char *path, Err *e);   /* CSV: row,score                  */
bool scan_show(const Scan *s);                               /* text or --json on stdout        */
bool scan_record(const Scan *s, Err *e);                     /* in the ledger of the pipeline   */

#endif
