/* scan_walk.c - see scan_walk.h: the table of kinds, and pickles, which have no mark of their own. */
#include "format/tar.h"
#include "format/zip.h"
#include "model/scan_walk.h"

const char *scan_verdict_name(ScanVerdict v)
{
    static const char *const names[] = { "clean", "unscannable", "broken", "suspicious", "malicious" };
    return names[v];
}

/* ---- what is said about an item */

void rate(Judged *j, ScanVerdict v, const char *fmt, ...)
{
    va_list ap;
    if (v <= j->verdict)
        return;
    j->verdict = v;
    va_start(ap, fmt);
    vsnprintf(j->why, sizeof j->why, fmt, ap);
    va_end(ap);
}

void walk_hit(Walk *w, Judged *j, const Item *it, unsigned rule, uint64_t byte, const char *fmt, ...)
{
    char     message[512];
    Severity s = model_rules[rule].severity;
    va_list  ap;
    va_start(ap, fmt);
    vsnprintf(message, sizeof message, fmt, ap);
    va_end(ap);
    w->out->hit(w->out->ctx, &(ScanHit){ rule, s, it->inner, byte, str(message) });
    if (s >= SEV_MEDIUM)
        rate(j, s == SEV_CRITICAL ? SCAN_MALICIOUS : SCAN_SUSPICIOUS, "%s", model_rules[rule].title);
}

Str inner_path(Arena *a, Str inner, Str name)
{
    char *p = inner.n ? arena_printf(a, "%.*s/%.*s", STR(inner), STR(name)) : arena_printf(a, "%.*s", STR(name));
    return p ? str(p) : inner;
}

bool any_end(Str name, const char *const *ends, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (str_ends(name, str(ends[i])))
            return true;
    return false;
}

Str last_part(Str path)
{
    size_t at = path.n;
    while (at > 0 && path.p[at - 1] != '/' && path.p[at - 1] != '\\')
        at--;
    return str_from(path, at);
}

/* ---- pickles: no magic, so what runs to its end or to a finding is one */

typedef struct Held {                                  /* findings that wait until we know that it is a pickle */
    Arena   *a;
    ScanHit *v;
    size_t   n, cap;
    uint64_t shift;                                    /* where the pickle starts in its item                  */
} Held;

enum { HELD_MAX = 10000 };

static void hold(void *ctx, const ScanHit *h)
{
    Held *x = ctx;
    if (x->n == x->cap && x->cap < HELD_MAX) {
        size_t   cap = x->cap ? 4 * x->cap : 16;
        ScanHit *v = arena_get(x->a, cap, sizeof *v);
        if (v == NULL)
            return;
        if (x->n != 0)
            memcpy(v, x->v, x->n * sizeof *v);
        x->v = v, x->cap = cap;
    }
    if (x->n == x->cap)
        return;
    x->v[x->n] = *h;
    x->v[x->n].inner = arena_str(x->a, h->inner);
    x->v[x->n].message = arena_str(x->a, h->message);
    x->v[x->n].byte += h->byte ? x->shift : 0;
    x->n++;
}

static void no_row(void *ctx, Str inner, const char *format, ScanVerdict v, Str why)
{
    (void)ctx, (void)inner, (void)format, (void)v, (void)why;
}

/* A pickle that says its protocol; the version after 5 is refused by loaders, which makes it broken, not something else. */
static bool says_pickle(Str s) { return s.n >= 2 && (uint8_t)s.p[0] == 0x80 && (uint8_t)s.p[1] <= 8; }

static bool named_pickle(Str name)
{
    static const char *const ends[] = { ".pkl", ".pickle", ".pck", ".pcl", ".dill", ".joblib", ".p", ".pk", ".debug_pkl" };
    return any_end(name, ends, len_of(ends));
}

static bool named_image(Str name)
{
    static const char *const ends[] = { ".png", ".jpg", ".jpeg", ".gif" };
    return any_end(name, ends, len_of(ends));
}

/* torch.save before 1.6 begins with this number as a pickle of its own. */
static bool is_legacy_torch(Str s) { return str_starts(s, S("\x80\x02\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19\x2e")); }

enum { JOBLIB_REACH = 1 << 20 };
static bool is_joblib(Str s)
{
    return memmem(s.p, s.n < JOBLIB_REACH ? s.n : JOBLIB_REACH, "NumpyArrayWrapper", 17) != NULL;
}

static const char *home_format(PickleHome h)
{
    return h == PICKLE_TORCH_LEGACY ? "torch legacy" : h == PICKLE_JOBLIB ? "joblib" : "pickle";
}

static ScanVerdict run_pickle(Held *h, const Item *it, uint64_t from, PickleHome home, uint64_t *end)
{
    ScanOut    out = { h, hold, no_row };
    ScanPickle p = { str_from(it->bytes, from), it->inner, home, NULL, NULL, 0 };
    h->shift = from;
    if (home == PICKLE_TORCH_ZIP && it->torch != NULL)
        p.storage = torch_storage, p.storage_ctx = (void *)(uintptr_t)it->torch;
    *end = 0;
    ScanVerdict v = scan_pickle(h->a, &p, &out, end);
    *end += from;
    return v;
}

static void release(Walk *w, Judged *j, const Held *h, ScanVerdict v)
{
    for (size_t i = 0; i < h->n; i++)
        w->out->hit(w->out->ctx, &h->v[i]);
    if (h->n != 0)
        rate(j, v, "%.*s", STR(h->v[0].message));
    rate(j, v, "%s", v == SCAN_BROKEN ? "not a valid pickle" : v == SCAN_UNSCANNABLE ? "a pickle beyond the limits" : "");
}

void walk_pickle(Walk *w, Judged *j, const Item *it, uint64_t from, PickleHome home)
{
    defer_arena Arena *a = arena_new(SCAN_ARENA);
    Held               h = { .a = a };
    uint64_t           end;
    if (a == NULL) {
        rate(j, SCAN_UNSCANNABLE, "out of memory");
        return;
    }
    ScanVerdict v = run_pickle(&h, it, from, home, &end);
    release(w, j, &h, v);
}

static bool has_kind(const Item *it);

/* What stands behind the last pickle.  Legacy torch keeps its tensors there, joblib and others nothing. */
static void judge_rest(Walk *w, const Item *it, uint64_t end, Judged *j)
{
    defer_arena Arena *a = arena_new(1 << 20);
    Item               rest = *it;
    if (end == 0 || end >= it->bytes.n || a == NULL)
        return;
    rest.bytes = str_from(it->bytes, end), rest.size = rest.bytes.n;
    rest.inner = inner_path(a, it->inner, S("(behind the end)"));
    rest.name = (Str){ "", 0 };
    if (!has_kind(&rest) && !says_pickle(rest.bytes))
        return;
    walk_hit(w, j, it, RULE_TRAILING, end + 1, "another file follows the pickle");
    rest.depth++;
    walk_scan_member(w, j, &rest);
}

/* How much must come of it before it counts as a pickle: nothing, since it can be nothing else; that it runs or ends as a pickle does;
 * or, for what is something else already, that it does harm. */
typedef enum { IF_ANYTHING, IF_IT_ENDS, IF_HARMFUL } When;

static bool counts(When when, const Item *it, ScanVerdict v, uint64_t end)
{
    bool whole = end > 1 && end <= it->bytes.n && it->bytes.p[end - 1] == '.' && v != SCAN_BROKEN;
    return when == IF_ANYTHING || v == SCAN_MALICIOUS || (whole && when == IF_IT_ENDS);
}

static PickleHome home_of(const Item *it)
{
    return is_legacy_torch(it->bytes) ? PICKLE_TORCH_LEGACY : is_joblib(it->bytes) ? PICKLE_JOBLIB : it->torch != NULL ? PICKLE_TORCH_ZIP : PICKLE_PLAIN;
}

/* Did it look up or call an unknown name, or outgrow the limits, before anything broke?  Numbers read as opcodes hardly get so far. */
static bool reached(const Held *h)
{
    uint64_t broken = UINT64_MAX;
    bool     is = false;
    for (size_t i = 0; i < h->n; i++)
        if (h->v[i].rule == RULE_PICKLE_BROKEN && h->v[i].byte < broken)
            broken = h->v[i].byte;
    for (size_t i = 0; i < h->n && !is; i++) {
        unsigned r = h->v[i].rule;
        is = h->v[i].byte <= broken && (r == RULE_PICKLE_UNKNOWN || r == RULE_PICKLE_UNKNOWN_CALL || r == RULE_PICKLE_ACTS || r == RULE_PICKLE_LIMIT);
    }
    return is;
}

/* pickle.load takes the same file and reads joblib's arrays as opcodes. */
static void judge_as_plain(Walk *w, const Item *it, ScanVerdict v, Arena *a, Judged *j)
{
    Held        plain = { .a = a };
    uint64_t    end;
    ScanVerdict as = run_pickle(&plain, it, 0, PICKLE_PLAIN, &end);
    if (as == SCAN_MALICIOUS || (as > v && (as == SCAN_UNSCANNABLE || (as == SCAN_SUSPICIOUS && reached(&plain)))))
        release(w, j, &plain, as);
}

static bool judge_pickle(Walk *w, const Item *it, When when, Judged *j)
{
    defer_arena Arena *a = arena_new(SCAN_ARENA);
    Held               h = { .a = a };
    PickleHome         home = home_of(it);
    uint64_t           end;
    if (a == NULL)
        return false;
    ScanVerdict v = run_pickle(&h, it, 0, home, &end);
    if (!counts(when, it, v, end))
        return false;
    j->format = home_format(home);
    release(w, j, &h, v);
    if (home != PICKLE_TORCH_LEGACY && v < SCAN_MALICIOUS)
        judge_rest(w, it, end, j);
    if (home == PICKLE_JOBLIB && v != SCAN_MALICIOUS)
        judge_as_plain(w, it, v, a, j);
    return true;
}

/* ---- kinds that have a mark */

typedef struct Kind {
    const char *name;
    bool (*is)(const Item *it);
    void (*judge)(Walk *w, const Item *it, Judged *j);
} Kind;

static bool starts(const Item *it, const char *magic, size_t n) { return str_starts(it->bytes, (Str){ magic, n }); }

static bool is_zip(const Item *it)
{
    return starts(it, "PK\3\4", 4) || starts(it, "PK\5\6", 4) || starts(it, "PK\7\10PK\3\4", 8) || (it->bytes.n == it->size && zip_ends(it->bytes));
}
static bool is_tar(const Item *it) { return tar_is(it->bytes); }
static bool is_npy(const Item *it) { return starts(it, "\x93NUMPY", 6); }
static bool is_gzip(const Item *it) { return starts(it, "\x1f\x8b\x08", 3); }
static bool is_bzip2(const Item *it) { return starts(it, "BZh", 3) && it->bytes.n > 10 && memcmp(it->bytes.p + 4, "\x31\x41\x59\x26\x53\x59", 6) == 0; }
static bool is_xz(const Item *it) { return starts(it, "\xfd" "7zXZ\0", 6); }
static bool is_zstd(const Item *it) { return starts(it, "\x28\xb5\x2f\xfd", 4); }

static const Kind kinds[] = {
    { "zip", is_zip, judge_zip },          { "tar", is_tar, judge_tar },       { "npy", is_npy, judge_npy },
    { "safetensors", is_safetensors, judge_safetensors },                      { "gzip", is_gzip, judge_gzip },
    { "bzip2", is_bzip2, judge_bzip2 },    { "xz", is_xz, judge_xz },          { "zstd", is_zstd, judge_zstd },
    { "lzma", is_lzma, judge_lzma },       { "zlib", is_zlib, judge_zlib },
};

static bool has_kind(const Item *it)
{
    for (size_t i = 0; i < len_of(kinds); i++)
        if (kinds[i].is(it))
            return true;
    return false;
}

/* A pickle may begin with any opcode; these are the ones that could begin a file and lead anywhere. */
static bool may_be_pickle(Str s)
{
    static const char first[] = "()]}\x8f" "ciSTUVXBCIJKLMNFG\x80\x88\x89\x8a\x8b\x8c\x8d\x8e\x95\x96";
    return s.n != 0 && memchr(first, s.p[0], sizeof first - 1) != NULL;
}

bool walk_wants_all(const Item *it)
{
    if (it->tensor)
        return says_pickle(it->bytes);
    if (is_npy(it))
        return memchr(it->bytes.p, 'O', it->bytes.n < 512 ? it->bytes.n : 512) != NULL;
    return has_kind(it) || may_be_pickle(it->bytes) || is_text(it->bytes) || it->code;
}

/* ---- names that promise something else */

typedef struct Promise {
    const char *end, *format;                          /* how a format's name must begin for files that end so */
} Promise;

static const Promise promises[] = {
    { ".safetensors", "safetensors" },  { ".npy", "npy" },  { ".npz", "npz" },  { ".json", "json" }, { ".onnx", "onnx" }, { ".gguf", "gguf" },
    { ".h5", "hdf5" }, { ".hdf5", "hdf5" }, { ".tflite", "tflite" }, { ".txt", "text" }, { ".md", "text" }, { ".csv", "text" }, { ".yaml", "text" },
    { ".yml", "text" }, { ".toml", "text" }, { ".png", "image" }, { ".jpg", "image" }, { ".jpeg", "image" }, { ".gif", "image" },
    { ".pdf", "pdf" }, { ".tar", "tar" }, { ".gz", "gzip" }, { ".bz2", "bzip2" }, { ".xz", "xz" }, { ".7z", "7z" },
};

static bool loads(const char *format)
{
    static const char *const known[] = { "pickle", "joblib", "torch", "torchscript", "zip", "npz", "tar", "gzip", "bzip2", "xz", "zstd" };
    for (size_t i = 0; i < len_of(known); i++)
        if (strncmp(format, known[i], strlen(known[i])) == 0)
            return true;
    return false;
}

/* Pickles are packed and PyTorch's archives are called .pkl by honest people; these never. */
static bool is_box(const char *format)
{
    return strcmp(format, "tar") == 0 || strcmp(format, "zip") == 0 || strcmp(format, "npz") == 0;
}

/* Only what loaders act upon matters: a pickle called README.txt, not a text called data.npy. */
static void judge_name(Walk *w, const Item *it, Judged *j)
{
    if (!loads(j->format))
        return;
    if (named_pickle(it->name) && is_box(j->format))
        walk_hit(w, j, it, RULE_MISNAMED, 0, "named like a pickle, but it is: %s", j->format);
    for (size_t i = 0; i < len_of(promises); i++)
        if (str_ends(it->name, str(promises[i].end)) && strncmp(j->format, promises[i].format, strlen(promises[i].format)) != 0)
            walk_hit(w, j, it, RULE_MISNAMED, 0, "named %s, but it is: %s", promises[i].end, j->format);
}

/* ---- one item */

static bool judge_kinds(Walk *w, const Item *it, Judged *j)
{
    const char *first = NULL;
    for (size_t i = 0; i < len_of(kinds); i++) {
        if (!kinds[i].is(it))
            continue;
        j->format = kinds[i].name;
        kinds[i].judge(w, it, j);
        first = first ? first : j->format;
    }
    j->format = first;
    return first != NULL;
}

/* No kind knows it. */
static void judge_other(Walk *w, const Item *it, Judged *j)
{
    const char *known = known_format(it->bytes);
    j->format = "unknown";
    if (known != NULL && strcmp(known, "image") == 0 && named_image(it->name)) {
        j->format = known;                             /* nothing loads a picture as a model */
    } else if (known != NULL) {
        j->format = known;
        rate(j, SCAN_UNSCANNABLE, "this format is not judged yet");
    } else if (it->code) {
        judge_code(w, it, j);
    } else if (named_pickle(it->name)) {
        j->format = "pickle";
        rate(j, SCAN_BROKEN, "named like a pickle, but it is none");
    } else if (is_text(it->bytes)) {
        judge_text(w, it, j);
    } else {
        rate(j, SCAN_UNSCANNABLE, "not a format that is known");
    }
}

static void judge_tensor(Walk *w, const Item *it, Judged *j)
{
    if (says_pickle(it->bytes))
        judge_pickle(w, it, IF_HARMFUL, j);
    j->format = "tensor data";
    if (starts(it, "PK\3\4", 4) || (w->deep && has_kind(it)))
        walk_hit(w, j, it, RULE_TRAILING, 1, "an archive where a tensor should be");
}

static void judge_bytes(Walk *w, const Item *it, Judged *j)
{
    bool sure = says_pickle(it->bytes);
    if (it->size == 0) {
        j->format = "empty";
        if (named_pickle(it->name))
            rate(j, SCAN_BROKEN, "named like a pickle, but it is empty");
    } else if (it->tensor) {
        judge_tensor(w, it, j);
    } else if (judge_kinds(w, it, j)) {
        const char *format = j->format;                /* tar begins with a name, which may be a pickle's beginning */
        if (may_be_pickle(it->bytes))
            judge_pickle(w, it, sure ? IF_ANYTHING : is_tar(it) ? IF_IT_ENDS : IF_HARMFUL, j);
        j->format = format;
    } else if (!((sure || may_be_pickle(it->bytes)) && judge_pickle(w, it, sure || named_pickle(it->name) ? IF_ANYTHING : IF_IT_ENDS, j))) {
        judge_other(w, it, j);
    }
}

ScanVerdict walk_scan_item(Walk *w, const Item *it)
{
    Judged j = { .format = "unknown" };
    judge_bytes(w, it, &j);
    if (it->bytes.n < it->size && j.verdict == SCAN_CLEAN && !it->tensor && strcmp(j.format, "npy") != 0)
        rate(&j, SCAN_UNSCANNABLE, "only its beginning was read");
    judge_name(w, it, &j);
    w->out->row(w->out->ctx, it->inner, j.format, j.verdict, str(j.why));
    return j.verdict;
}

void walk_scan_member(Walk *w, Judged *j, const Item *it)
{
    if (it->depth > SCAN_DEPTH_MAX) {
        walk_hit(w, j, it, RULE_BOMB, 0, "archives in archives, more than %d deep", SCAN_DEPTH_MAX);
        return;
    }
    if (w->members == SCAN_MEMBERS_MAX) {
        rate(j, SCAN_UNSCANNABLE, "more than %d members", SCAN_MEMBERS_MAX);
        return;
    }
    w->members++;
    ScanVerdict v = walk_scan_item(w, it);
    rate(j, v, "a member is %s", scan_verdict_name(v));
}

ScanVerdict scan_bytes(Str bytes, Str name, bool deep, const ScanOut *out)
{
    Walk w = { .out = out, .deep = deep };
    Item it = { .bytes = bytes, .size = bytes.n, .inner = { "", 0 }, .name = last_part(name) };
    return walk_scan_item(&w, &it);
}
