/* pipeline - moat.yaml: the parts of an AI system, declared once; every control attaches to a part of it.
 *
 * One table (pipeline/keys.c) names every key with its type, default, one line of help and the trade that reads it.
 * The loader, the JSON Schema for editors, `moat help config` and the manual are written from that table, so they cannot
 * disagree.  Unknown keys are errors with the nearest known key as a hint; every error has file and line.
 *
 * Sections map names to parts:   models:
 *                                  scorer: { path: model/scorer.safetensors, from: [train] }
 * and the part is called "models.scorer" everywhere.  State lives beside the file in .moat/ .
 *
 * How to add one more key: a field here, a row in keys.c.  Trusted: nothing; the file may come from anybody's branch. */
#ifndef PIPELINE_H
#define PIPELINE_H
#include "format/json.h"

typedef struct StrList {
    Str   *v;
    size_t n;
} StrList;

typedef struct Part {                                  /* the head of every part */
    Str      name;                                     /* "scorer"               */
    Str      id;                                       /* "models.scorer"        */
    uint64_t line;                                     /* where it is declared   */
} Part;

typedef struct Source {                                /* where data comes from */
    Part part;
    Str  kind;                                         /* file | s3 | sql | http */
    Str  uri;
    bool trusted;
} Source;

typedef struct Dataset {
    Part    part;
    Str     path;                                      /* file or folder                                       */
    Str     format;                                    /* csv | npy | idx | lines | files; empty: by the ending */
    Str     labels;                                    /* csv: the label column; npy, idx: path of the labels  */
    StrList from;                                      /* sources or datasets                                  */
    StrList readers, writers;                          /* identities                                           */
    bool    golden;                                    /* must have a committed version that verifies          */
} Dataset;

typedef struct Training {
    Part part;
    Str  data, test, model;                            /* dataset, dataset, model */
    Str  kind, hidden, scale;                          /* softmax | mlp; "256,128"; "standard", "0:255" */
    double   l2, rate, dropout, epsilon, delta, clip;
    uint64_t epochs, batch, seed;
} Training;

typedef struct Model {
    Part    part;
    Str     path;                                      /* file or folder                                     */
    StrList from;                                      /* datasets it was trained on                         */
    Str     signature;                                 /* empty: PATH.sig                                    */
    Str     signer;                                    /* public key file that must have signed it           */
    Str     sha256;                                    /* published digest it must have, hex, may be empty   */
    Str     serve;                                     /* host:port of the reference server; empty: not ours */
    Str     scan;                                      /* required | off                                     */
    StrList labels;                                    /* class names, in order                              */
} Model;

typedef struct Limit {
    Str      per;                                      /* key | address */
    uint64_t rate_num, rate_ns;                        /* rate_num requests in rate_ns ("1r/s", "30r/m") */
    uint64_t burst;
    bool     nodelay;
} Limit;

typedef struct Endpoint {
    Part     part;
    Str      route;                                    /* exact path, or a prefix that ends in "/"            */
    StrList  methods;                                  /* default POST                                        */
    Str      format;                                   /* tf-serving | kserve-v1 | kserve-v2 | json           */
    Str      model;                                    /* the model behind it                                 */
    Str      upstream;                                 /* http://host:port                                    */
    StrList  content_types;                            /* default application/json                            */
    Str      schema;                                   /* JSON Schema file for the body; empty: any JSON      */
    uint64_t max_body;                                 /* bytes */
    Str      keys;                                     /* required | off                                      */
    StrList  key_headers;                              /* default authorization                               */
    Str      scope;                                    /* scope a key must hold; default: the endpoint's name */
    Limit   *limits;
    size_t   limit_count;
    uint64_t top_k;                                    /* 0: off */
    int64_t  round;                                    /* decimals; -1: off */
    bool     label_only;
    Str      detect_action, detect_image;              /* off | record | degrade | block; WIDTHxHEIGHT, or empty */
    Str      record_features, record_prediction;       /* all | sampled | none; released | computed | none */
    double   record_share;                             /* of the requests, when features are sampled       */
} Endpoint;

typedef struct Named {                                 /* identities, networks, infrastructure, sinks, monitors, waivers */
    Part        part;
    Str         kind, path, uri;                       /* the keys all of them share */
    const Json *node;                                  /* everything else, checked against the key table */
} Named;

typedef struct Pipeline {
    Arena *arena;
    char  *file, *dir, *state;                         /* moat.yaml as given, its folder, DIR/.moat */
    Str    name;
    Str    listen;                                     /* gateway: listen address */
    uint64_t workers;
    Str      metrics;                                  /* watch: listen address of /metrics; empty: none */
    Str      keep;                                     /* watch: how long predictions wait for labels        */
    Source   *sources;    size_t source_count;
    Dataset  *datasets;   size_t dataset_count;
    Training *trainings;  size_t training_count;
    Model    *models;     size_t model_count;
    Endpoint *endpoints;  size_t endpoint_count;
    Named    *identities, *networks, *infrastructure, *sinks, *monitors, *waivers;
    size_t    identity_count, network_count, infrastructure_count, sink_count, monitor_count, waiver_count;
    struct Edge *edges;   size_t edge_count;           /* pipeline_edges()           */
    struct Dict *index;                                /* id -> Part: pipeline_part() */
} Pipeline;

/* Loads and checks the file, references between parts included.  Everything lives in the arena.  NULL with line and hint. */
Pipeline *pipeline_load(Arena *a, const char *path, Err *e);
/* PATH if given; else moat.yaml in the current folder or the nearest one above. */
Pipeline *pipeline_find(Arena *a, const char *path_or_null, Err *e);

const Dataset  *pipeline_dataset(const Pipeline *p, Str name);       /* NULL when not declared */
const Model    *pipeline_model(const Pipeline *p, Str name);
const Endpoint *pipeline_endpoint(const Pipeline *p, Str name);
const Training *pipeline_training(const Pipeline *p, Str name);
const Part     *pipeline_part(const Pipeline *p, Str id);            /* by "models.scorer", of any section */
/* The text of key `key` of an identity, sink, waiver ...: as written, else the table's default; empty without either. */
Str named_text(const Named *n, const char *key);
/* A path in the file, seen from where we run: relative ones start at the file's folder. */
char *pipeline_path(const Pipeline *p, Str path);
/* A path below the state folder: pipeline_state(p, "ledger.db"). */
char *pipeline_state(const Pipeline *p, const char *name);
/* Makes .moat/ and the folders below it (0700). */
bool pipeline_state_make(const Pipeline *p, Err *e);

/* Edges for map, check and posture: FROM feeds TO ("sources.lake" -> "datasets.train" -> "models.scorer" -> ...). */
typedef struct Edge {
    Str from, to;
} Edge;
const Edge *pipeline_edges(const Pipeline *p, size_t *n);

/* ---- the key table's readers */

typedef enum { KEY_TEXT, KEY_PATH, KEY_REF, KEY_LIST, KEY_BOOL, KEY_UINT, KEY_INT, KEY_REAL, KEY_SIZE, KEY_LIMITS, KEY_CHOICE,
               KEY_OPEN, KEY_ADDRESS, KEY_URL, KEY_ROUTE, KEY_DIGEST, KEY_DATE, KEY_DURATION, KEY_RATE, KEY_GROUP,
               KEY_PARTS } KeyType;
typedef struct KeyRow {
    const char *section;                               /* "models", "endpoints.output" below it; "" the top level */
    const char *key;                                   /* "path"                              */
    KeyType     type;
    const char *fallback;                              /* the default as written; NULL: none, "!" required */
    const char *choices;                               /* KEY_CHOICE: "a|b|c"; KEY_REF, KEY_LIST of refs: section(s),
                                                          which feed this part; with ">" in front this part feeds them */
    size_t      offset;                                /* of the field in its struct          */
    const char *help;                                  /* one line                            */
    const char *trade;                                 /* which trade reads it                */
} KeyRow;
extern const KeyRow key_table[];
extern const size_t key_table_len;
/* JSON Schema (2020-12) for editors; Markdown for `moat help config [SECTION[.KEY]]`, an empty topic writes all of it. */
bool pipeline_schema(Buf *out);
bool pipeline_help(Str topic, Buf *out, Err *e);

/* ---- discovery (moat init): what a folder's files say, each part with its evidence; see discover.h for the rules */

typedef struct Found {                                 /* one part that was found, and why we think so */
    const char *section;                               /* "models"                                     */
    Str         name, kind, path, uri;
    Str         route, upstream, format, resource, model;   /* of endpoints and infrastructure; may be empty */
    StrList     from, hosts;                           /* names of parts that feed it, or run there: only with evidence */
    Str         file;                                  /* evidence: file ...                           */
    uint64_t    line;                                  /* ... and line; 0: the file itself             */
    Str         why;
} Found;
typedef struct Discovery {
    Found  *v;                                         /* by section, in the order of the key table, then by name */
    size_t  n;
    StrList notes;                                     /* what was seen and left out, one line each */
    size_t  files_read, files_skipped;
} Discovery;
/* Reads below `root`, follows no symbolic link, writes nothing.  False only when `root` cannot be read or memory ends. */
bool pipeline_discover(Arena *a, const char *root, Discovery *out, Err *e);
/* A commented moat.yaml of what was found; it loads with pipeline_load. */
bool pipeline_write(const Discovery *d, Str name, Buf *out);
/* An address without user, password, query and fragment, in the arena; p NULL when memory ends. */
Str uri_public(Arena *a, Str uri);

#endif
