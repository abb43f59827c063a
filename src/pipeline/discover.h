/* discover.h - inside pipeline/: what the files below a folder say about an AI system.
 *
 * Three passes.  *Walk* lists the regular files (no symbolic link is followed; version control, virtual environments and
 * caches are not entered).  *Magic* looks at the first bytes of each and keeps what may be a model or a dataset as a
 * Candidate.  *Text* reads configuration and code: addresses, and which candidates a file mentions, reading or
 * writing.  Structured files (Terraform, Kubernetes, OpenAPI, nginx, compose, notebooks) have a reader each.  At the end
 * *link* decides which candidates are parts and draws the edges for which there is evidence.
 *
 * The rules that keep things from being invented:
 *   - comments, documentation strings, Markdown and notebook outputs are not evidence; in code only string literals are;
 *   - files below test, fixture and documentation folders are not read and are no parts;
 *   - a model is a model by its bytes (or by a Git LFS or DVC pointer in its place), never by its name alone;
 *   - a table is a dataset when code or configuration mentions it other than to write it, when it lies in a folder
 *     named for data, or from DATASET_BYTES on; test output and small stray tables are not;
 *   - an HTTP address counts when its path, host or variable says model or data; a bucket not when its name says logs;
 *   - an edge needs one file that reads the one and writes the other, or one line that names both.
 * What was seen and left out for such a reason is written down as a note.
 *
 * Trusted: nothing.  Files are other people's; sizes, counts and depths have the limits below. */
#ifndef PIPELINE_DISCOVER_H
#define PIPELINE_DISCOVER_H
#include "base/dict.h"
#include "pipeline/pipeline.h"

enum { WALK_DEPTH = 32, WALK_FILES = 200000, HEAD_BYTES = 1 << 16, TEXT_MAX = 4 << 20, NOTEBOOK_MAX = 64 << 20,
       DATASET_BYTES = 64 << 10, SHARDS_MIN = 3, NOTES_MAX = 200 };

typedef struct List {                                  /* growing array of pointers in the arena */
    void **v;
    size_t n, cap;
} List;

typedef struct FileRow {
    Str      path;                                     /* from the root, '/' between, NUL behind */
    Str      name;                                     /* its last component */
    uint64_t size;
    bool     test;                                     /* below tests, fixtures or documentation, or a test by its name */
} FileRow;

/* USE_SHOW: only printed, logged or part of a help text. */
typedef enum { USE_NONE, USE_MENTION, USE_READ, USE_WRITE, USE_SHOW } Use;

typedef struct Candidate {                             /* a file or folder that may be a part */
    const char *section;                               /* "models" or "datasets" */
    Str         path, why;
    const char *format;                                /* of a dataset; else NULL */
    uint64_t    size;
    bool        test, loose;                           /* loose: its kind of file is a part only if something uses it */
    bool        mentioned, read, written;              /* by code or configuration */
    Str         by;                                    /* the first file that uses it ... */
    uint64_t    by_line;                               /* ... and where */
    Found      *found;                                 /* once it is a part */
    List        made_from;                             /* Candidates, where a file says so itself (dvc.yaml) */
    struct Candidate *same_name;                       /* the next with the same last component */
} Candidate;

typedef struct Mention {                               /* a file uses a candidate or a source */
    size_t      file;
    uint64_t    line, column;
    Use         use;
    Candidate  *candidate;                             /* one of these two is set */
    Found      *source;
} Mention;

typedef struct Region {                                /* lines of a file that describe one piece of infrastructure */
    Str      path;
    uint64_t from, to;                                 /* to: the first line behind it; 0 is the end of the file */
    Found   *found;
} Region;

typedef struct Database {                              /* a database container; a source unless an address names it */
    Str         service, file;
    uint64_t    line;
    const char *scheme;
} Database;

typedef struct Link {                                  /* evidence that `from` feeds, or hosts, `to` */
    Found *from, *to;
} Link;

typedef struct Scan {
    Arena      *arena;
    const char *root;
    FileRow    *files;
    size_t      file_count, file_cap;
    Dict       *paths;                                 /* path -> FileRow                                  */
    Dict       *found;                                 /* section, blank, key -> Found                     */
    Dict       *by_name;                               /* last component -> Candidate, chained             */
    Dict       *terraform;                             /* folder, blank, "var.x" or "local.x" -> Str *     */
    List        candidates, mentions, routes, regions, databases, links, notes;
    Dict       *noted;
    size_t      read, skipped;
    bool        bad;                                   /* memory ended; sticks */
} Scan;

/* ---- shared by the passes */

bool  list_add(Scan *s, List *l, void *item);
Str   text_of(Scan *s, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
Str   keep_str(Scan *s, Str v);
/* The part of `section` with that identity (path, address, route ...), made when it is new.  NULL when memory ends. */
Found *found_part(Scan *s, const char *section, Str key, Str file, uint64_t line, const char *why);
void  note(Scan *s, Str file, uint64_t line, const char *fmt, ...) __attribute__((format(printf, 4, 5)));
bool  is_one_of(Str word, const char *blank_separated);
bool  is_in(char c, const char *set);
bool  has_word(Str text, const char *blank_separated);  /* one of them occurs in text, whatever the case */
Str   path_ext(Str name);                              /* lower or upper as written, without the dot; may be empty */
Str   path_last(Str path);
Str   path_parent(Str path);                           /* "" at the root */
bool  is_data_name(Str name);                          /* a folder called data, train, corpus ... */
bool  in_data_folder(Str path);                        /* below one */
/* The file's bytes, at most `limit` of them, into `a`.  False (and counted as skipped) when it cannot be read. */
bool  scan_read(Scan *s, Arena *a, Str path, size_t limit, Str *out);

/* ---- the passes */

bool scan_begin(Scan *s, Arena *a, const char *root);  /* false when memory ends */
bool walk_tree(Scan *s, Err *e);
void find_candidates(Scan *s);                         /* discover_magic.c: files by their bytes */
void judge_file(Scan *s, const FileRow *f, Str head);  /* one of them, by its first bytes */
void fold_folders(Scan *s);                            /* discover_fold.c: shards and model folders become one */
void read_texts(Scan *s);                              /* discover_text.c */
void read_text(Scan *s, size_t file, Arena *a, Str text);
void link_parts(Scan *s);                              /* discover_link.c: candidates to parts, edges */
void name_parts(Scan *s, Discovery *out);              /* discover_name.c: unique names, order */

/* ---- text */

typedef struct Span {                                  /* a string literal of code, or a line of configuration */
    Str      text;
    uint64_t line;
    Str      before, after;                            /* code around it, some hundred bytes at most */
    bool     literal;
} Span;

typedef struct Lang {
    const char *names;                                 /* endings and whole names, blank-separated              */
    const char *line1, *line2;                         /* what starts a comment to the end of the line, or NULL */
    bool        block;                                 /* has slash-star comments                               */
    const char *quotes;                                /* what opens a literal; NULL: whole lines are read      */
    bool        triple;                                /* """ and '''; at the start of a statement: documentation */
} Lang;
const Lang *lang_of(Str name);
/* Calls fn for each span of `text`, lines counted from `line`. */
void lex(const Lang *l, Str text, uint64_t line, void (*fn)(void *ctx, const Span *sp), void *ctx);
/* How the calls around a literal use it: read_csv("x") reads, joblib.dump(m, "x") and open("x", "wb") write;
 * *fetches when it is a call that copies from afar to a file. */
Use use_of(Str before, Str after, bool *fetches);

typedef struct Route {                                 /* a literal of code that looks like a route: @app.post("/predict") */
    size_t   file;
    uint64_t line;
    Str      text;
} Route;

typedef struct TextFile {                              /* one file as it is read */
    Scan    *scan;
    Arena   *arena;                                    /* for this file */
    size_t   file;
    Str      path;
    Str      bucket;                                   /* of a call whose key may follow: get_object(Bucket=, Key=) */
    uint64_t bucket_line;
    bool     terraform, saves, loads;                  /* saves, loads: calls that write or read models occur */
} TextFile;
void text_span(void *text_file, const Span *sp);

/* ---- addresses (discover_address.c) */

typedef enum { ADDRESS_NONE, ADDRESS_S3, ADDRESS_SQL, ADDRESS_DATA, ADDRESS_MODEL } AddressKind;
typedef struct Address {
    AddressKind kind;
    Str         uri;                                   /* without secrets */
    Str         host, path;                            /* of http */
    size_t      at;                                    /* where in the text it begins */
    const char *why;
} Address;
/* The next address in `text` from *at on; false at its end.  `before` is the code or key in front. */
bool next_address(Arena *a, Str text, Str before, size_t *at, Address *out);
Found *address_part(Scan *s, const Address *ad, Str file, uint64_t line);
bool is_bucket_name(Str s);
/* s3://BUCKET/KEY as a source; NULL when its name says that no data lies there. */
Found *bucket_part(Scan *s, Str bucket, Str key, Str file, uint64_t line, const char *why);

void   add_link(Scan *s, Found *from, Found *to);
Candidate *candidate_of(const Scan *s, Str written, bool weak);        /* weak: a bare folder name is not enough */

/* ---- structured files; each says whether the file was one of its kind */

void terraform_names(Scan *s, const FileRow *f, Str text);             /* variables and locals, before the others */
bool read_terraform(Scan *s, const FileRow *f, Str text);
bool read_documents(Scan *s, const FileRow *f, Str text);              /* YAML and JSON that say what they are */
bool read_nginx(Scan *s, const FileRow *f, Str text);
void read_openapi(Scan *s, const FileRow *f, const Json *doc);
void read_dvc(Scan *s, const Json *doc);
void read_notebook(TextFile *t, Str text);
/* An endpoint; the first evidence stays, missing fields are filled in. */
Found *endpoint_part(Scan *s, Str route, Str upstream, Str file, uint64_t line, const char *why);

#endif
