/* discover_magic.c - what a file is, by its bytes: models and datasets become Candidates. */
#include "pipeline/discover.h"

typedef struct Kind {
    const char *section, *format, *why;
    bool        loose;                                 /* only if something mentions it */
} Kind;

#define MODEL(why) { "models", NULL, why, false }
#define DATA(format, why, loose) { "datasets", format, why, loose }

/* ---- formats that begin with fixed bytes */

static const struct { size_t at; const char *bytes; size_t n; const char *exts; Kind kind; } magic[] = {
    { 0, "GGUF", 4, "", MODEL("GGUF") },
    { 0, "ggjt", 4, "", MODEL("GGML") },
    { 4, "TFL3", 4, "", MODEL("TensorFlow Lite") },
    { 0, "CBM1", 4, "", MODEL("CatBoost") },
    { 0, "binf", 4, "model bst", MODEL("XGBoost") },
    { 0, "tree\nversion=", 13, "", MODEL("LightGBM") },
    { 0, "\x80\x02\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19", 14, "", MODEL("PyTorch (old)") },
    { 0, "PAR1", 4, "", DATA("files", "Parquet", false) },
    { 0, "ARROW1", 6, "", DATA("files", "Arrow", false) },
    { 0, "FEA1", 4, "", DATA("files", "Feather", false) },
    { 0, "Obj\x01", 4, "", DATA("files", "Avro", false) },
    { 0, "ORC", 3, "orc", DATA("files", "ORC", false) },
    { 0, "\x93NUMPY", 6, "", DATA("npy", "NumPy array", false) },
};

static bool by_magic(Str head, Str ext, Kind *out)
{
    for (size_t i = 0; i < len_of(magic); i++) {
        if (head.n < magic[i].at + magic[i].n || memcmp(head.p + magic[i].at, magic[i].bytes, magic[i].n) != 0)
            continue;
        if (*magic[i].exts && !is_one_of(ext, magic[i].exts))
            continue;
        return *out = magic[i].kind, true;
    }
    return false;
}

/* ---- formats that need a look inside */

static bool is_safetensors(Str head, uint64_t size)
{
    Cur      c = cur_of(head);
    uint64_t n = cur_u64(&c);
    return cur_u8(&c) == '{' && !c.bad && n >= 2 && n <= 100000000 && n <= size - 8;
}

/* IDX: two zeros, a type, a count of dimensions, and as many bytes as they say. */
static bool is_idx(Str head, uint64_t size)
{
    Cur      c = cur_of(head);
    uint64_t cells;
    static const uint8_t bytes[] = { [8] = 1, [9] = 1, [11] = 2, [12] = 4, [13] = 4, [14] = 8 };
    if (cur_be16(&c) != 0)
        return false;
    uint8_t type = cur_u8(&c), dims = cur_u8(&c);
    if (type >= sizeof bytes || (cells = bytes[type]) == 0 || dims < 1 || dims > 4)
        return false;
    for (int i = 0; i < dims; i++)
        if (__builtin_mul_overflow(cells, (uint64_t)cur_be32(&c), &cells))
            return false;
    return !c.bad && cells + 4 + 4u * dims == size;
}

static uint64_t varint(Cur *c)
{
    uint64_t v = 0;
    for (unsigned shift = 0; shift < 63; shift += 7) {
        uint8_t byte = cur_u8(c);
        v |= (uint64_t)(byte & 127) << shift;
        if (byte < 128)
            break;
    }
    return v;
}

/* ONNX: a ModelProto, that is fields 1 to 25 with wire types 0 or 2, among them ir_version and a graph or opset. */
static bool is_onnx(Str head)
{
    Cur  c = cur_of(head);
    bool version = false, more = false;
    while (cur_left(&c) > 0) {
        uint8_t  tag = cur_u8(&c);
        unsigned wire = tag & 7, field = tag >> 3;
        uint64_t v = varint(&c);
        if (field < 1 || field > 25 || (wire != 0 && wire != 2))
            return false;
        version |= field == 1 && wire == 0 && v >= 1 && v <= 20;
        more |= (field == 7 || field == 8) && wire == 2;
        if (wire == 2 && !cur_skip(&c, v))
            break;                                     /* the graph goes on past the head */
    }
    return version && more;
}

/* The first member of a zip archive tells PyTorch, NumPy and Keras apart. */
static bool by_zip(Str head, Str ext, Kind *out)
{
    static const Kind torch = MODEL("PyTorch"), keras = MODEL("Keras"), npz = DATA("files", "NumPy archive", false);
    Cur      c = cur_of(head);
    uint32_t sign = cur_u32(&c);
    cur_skip(&c, 22);
    uint16_t name_len = cur_u16(&c);
    cur_skip(&c, 2);
    Str name = cur_bytes(&c, name_len);
    if (sign != 0x04034b50 || c.bad)
        return false;
    if (str_ends(name, S("/data.pkl")) || is_one_of(ext, "pt pth ckpt"))
        return *out = torch, true;
    if (str_ends(name, S(".npy")) || is_one_of(ext, "npz"))
        return *out = npz, true;
    return *out = keras, is_one_of(ext, "keras");
}

static bool by_hdf5(Str head, Str ext, Kind *out)
{
    static const Kind keras = MODEL("Keras (HDF5)"), data = DATA("files", "HDF5", false);
    if (!str_starts(head, S("\x89HDF\r\n\x1a\n")))
        return false;
    bool model = has_word(head, "keras_version model_config model_weights layer_names") || is_one_of(ext, "keras");
    return *out = model ? keras : data, true;
}

static bool is_pickle(Str head)
{
    return head.n > 2 && head.p[0] == '\x80' && head.p[1] >= 2 && head.p[1] <= 5;
}

static bool is_compressed(Str head)
{
    return str_starts(head, S("\x1f\x8b")) || str_starts(head, S("\x78\x9c")) || str_starts(head, S("\x78\x01")) ||
           str_starts(head, S("\x78\xda")) || str_starts(head, S("\xfd" "7zXZ")) || str_starts(head, S("BZh"));
}

/* A pickle may hold anything: it is a model when it names a framework or lies among models, data when it names pandas,
 * else whatever the code that loads it makes of it. */
static bool by_pickle(Str head, Str path, Str ext, Kind *out)
{
    static const Kind model = MODEL("pickle of a model"), loose = { "models", NULL, "pickle", true },
                      frame = DATA("files", "pickle of a table", true);
    bool joblib = is_one_of(ext, "joblib");
    if (!is_pickle(head) && !(joblib && is_compressed(head)))
        return false;
    bool framework = has_word(head, "sklearn xgboost lightgbm catboost torch keras tensorflow statsmodels transformers spacy");
    bool named = has_word(path, "model clf classif regress estimator predict scorer weight checkpoint forest") ||
                 is_one_of(ext, "pt pth ckpt");
    if (framework || joblib || named)
        return *out = model, true;
    if (has_word(head, "pandas"))
        return *out = frame, true;
    return *out = loose, is_one_of(ext, "pkl pickle p bin");
}

/* ---- text formats, by ending and a look at the first lines */

static bool has_lines(Str head, size_t want)
{
    size_t lines = 0;
    for (size_t i = 0; i < head.n; i++)
        lines += head.p[i] == '\n' || (i + 1 == head.n);
    return lines >= want && memchr(head.p, '\0', head.n) == NULL;
}

static bool by_text(Str head, Str name, Kind *out)
{
    static const Kind csv = DATA("csv", "table", false), jsonl = DATA("files", "JSON lines", false),
                      json = DATA("files", "JSON records", true), text = DATA("files", "text", true),
                      xgb = MODEL("XGBoost (JSON)");
    Str ext = path_ext(name), trimmed = str_trim(head);
    if (is_one_of(ext, "csv tsv"))
        return *out = csv, has_lines(head, 2);
    if (is_one_of(ext, "jsonl ndjson"))
        return *out = jsonl, str_starts(trimmed, S("{")) && has_lines(head, 1);
    if (is_one_of(ext, "json ubj") && str_starts(trimmed, S("{")) && memmem(head.p, head.n, "learner", 7) &&
        memmem(head.p, head.n, "gradient_booster", 16))
        return *out = xgb, true;
    if (is_one_of(ext, "json"))
        return *out = json, str_starts(trimmed, S("[")) && in_data_folder(name);
    return *out = text, is_one_of(ext, "txt") && in_data_folder(name) && has_lines(head, 2);
}

/* Compressed tables and IDX files keep the inner name: x.csv.gz, train-images-idx3-ubyte.gz. */
static bool by_compressed(Str head, Str name, Kind *out)
{
    static const Kind csv = DATA("csv", "compressed table", false), idx = DATA("idx", "compressed IDX", false),
                      jsonl = DATA("files", "compressed JSON lines", false);
    if (!is_compressed(head) && !str_starts(head, S("\x28\xb5\x2f\xfd")))
        return false;
    if (has_word(name, "-ubyte."))
        return *out = idx, true;
    if (has_word(name, ".jsonl."))
        return *out = jsonl, true;
    return *out = csv, has_word(name, ".csv. .tsv.");
}

/* ---- stand-ins: the file is elsewhere, a pointer is here */

static const char model_exts[] = "safetensors gguf onnx pt pth ckpt h5 keras tflite pkl joblib bin";
static const char data_exts[] = "csv tsv parquet npy npz jsonl arrow feather";

static bool by_pointer(Str head, Str ext, Kind *out)
{
    static const Kind model = MODEL("Git LFS pointer to a model"), data = DATA(NULL, "Git LFS pointer to data", false);
    if (!str_starts(head, S("version https://git-lfs.github.com/spec/")))
        return false;
    return *out = is_one_of(ext, model_exts) ? model : data, is_one_of(ext, model_exts) || is_one_of(ext, data_exts);
}

static bool judge_bytes(const FileRow *f, Str head, Kind *out)
{
    static const Kind safetensors = MODEL("safetensors"), onnx = MODEL("ONNX"), idx = DATA("idx", "IDX", false);
    Str ext = path_ext(f->name);
    if (by_pointer(head, ext, out) || by_magic(head, ext, out) || by_zip(head, ext, out) || by_hdf5(head, ext, out) ||
        by_pickle(head, f->path, ext, out) || by_compressed(head, f->name, out))
        return true;
    if (is_safetensors(head, f->size))
        return *out = safetensors, true;
    if (is_one_of(ext, "onnx") && is_onnx(head))
        return *out = onnx, true;
    if (is_idx(head, f->size))
        return *out = idx, true;
    return by_text(head, f->path, out);
}

/* ---- candidates */

static Candidate *add_candidate(Scan *s, Str path, const Kind *k, uint64_t size, bool test)
{
    Candidate *c = arena_get(s->arena, 1, sizeof *c);
    if (c == NULL)
        return s->bad = true, NULL;
    *c = (Candidate){ .section = k->section, .path = path, .why = str(k->why), .format = k->format, .size = size, .test = test,
                      .loose = k->loose };
    list_add(s, &s->candidates, c);
    return c;
}

/* saved_model.pb stands for its folder; so does NAME.dvc for NAME. */
static bool by_name(Scan *s, const FileRow *f)
{
    static const Kind saved = MODEL("TensorFlow SavedModel"), model = MODEL("DVC pointer to a model"),
                      data = DATA(NULL, "DVC pointer to data", false);
    if (str_is(f->name, "saved_model.pb") && path_parent(f->path).n > 0)
        return add_candidate(s, keep_str(s, path_parent(f->path)), &saved, f->size, f->test);
    if (!str_ends(f->name, S(".dvc")) || f->name.n <= 4)
        return false;
    Str target = keep_str(s, (Str){ f->path.p, f->path.n - 4 });
    if (is_one_of(path_ext(target), model_exts))
        return add_candidate(s, target, &model, 0, f->test);
    return in_data_folder(f->path) || is_one_of(path_ext(target), data_exts) ? add_candidate(s, target, &data, 0, f->test) : false;
}

void judge_file(Scan *s, const FileRow *f, Str head)
{
    Kind k;
    if (judge_bytes(f, head, &k))
        add_candidate(s, f->path, &k, f->size, f->test);
    else if (is_one_of(path_ext(f->name), "safetensors gguf onnx") && !f->test)
        note(s, f->path, 0, "is named like a model but is none by its bytes");
}

void find_candidates(Scan *s)
{
    for (size_t i = 0; i < s->file_count && !s->bad; i++) {
        const FileRow     *f = &s->files[i];
        defer_arena Arena *a = arena_new(HEAD_BYTES + (64 << 10));
        Str                head;
        s->bad |= a == NULL;
        if (a != NULL && f->size >= 4 && !by_name(s, f) && scan_read(s, a, f->path, HEAD_BYTES, &head))
            judge_file(s, f, head);
    }
}
