/* scan_plain.c - data that has no code of its own: safetensors, npy arrays, JSON and text. */
#include "format/json.h"
#include "format/npy_layout.h"
#include "format/safetensors.h"
#include "model/scan_walk.h"

enum { TEXT_MAX = 64 << 20, JSON_ARENA_FACTOR = 64, METADATA_ARENA = 64 << 20 };

/* What a page, a shell or an interpreter would run; in places that are for people to read. */
static const char *const code_marks[] = {
    "<script", "javascript:", "onerror=", "onload=", "eval(", "exec(", "__import__", "os.system", "subprocess", "popen(", "system(",
    "powershell", "/bin/sh", "base64.b64decode", "importlib", "os.execute", "io.popen", "Runtime.getRuntime",
};
/* What a template engine would. */
static const char *const template_marks[] = { "{{", "{%", "${", "#{" };

static const char *first_mark(Str s, const char *const *marks, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (s.n != 0 && memmem(s.p, s.n, marks[i], strlen(marks[i])) != NULL)
            return marks[i];
    return NULL;
}

/* ---- safetensors */

bool is_safetensors(const Item *it)
{
    Cur      c = cur_of(it->bytes);
    uint64_t n = cur_u64(&c);
    return cur_u8(&c) == '{' && (n <= it->size - 8 || str_ends(it->name, S(".safetensors")));
}

static void judge_metadata(Walk *w, const Item *it, Judged *j, const Safetensors *s)
{
    for (const Json *m = s->metadata ? s->metadata->first : NULL; m != NULL; m = m->next) {
        const char *mark = first_mark(m->text, code_marks, len_of(code_marks));
        if (mark != NULL)
            walk_hit(w, j, it, RULE_INJECTION, 9 + m->at, "metadata '%.*s' holds %s", (int)(m->key.n < 80 ? m->key.n : 80), m->key.p, mark);
    }
}

/* The header alone decides; the reader never looks at a tensor's bytes. */
void judge_safetensors(Walk *w, const Item *it, Judged *j)
{
    Err                e = { 0 };
    Safetensors        s;
    defer_arena Arena *a = arena_new(SCAN_ARENA);
    if (a == NULL || it->bytes.n < it->size)
        rate(j, SCAN_UNSCANNABLE, "too large to unpack");
    else if (safetensors_read(a, it->bytes, &s, &e))
        judge_metadata(w, it, j, &s);
    else
        rate(j, e.code == E_FORMAT ? SCAN_BROKEN : SCAN_UNSCANNABLE, "%s", e.message);
}

/* ---- npy */

void judge_npy(Walk *w, const Item *it, Judged *j)
{
    Err       e = { 0 };
    NpyLayout n;
    uint64_t  bytes;
    if (!npy_layout(it->bytes, &n, &e)) {
        rate(j, SCAN_BROKEN, "%s", e.message);
    } else if (n.objects) {
        walk_hit(w, j, it, RULE_OBJECTS, 1, "the array holds Python objects: loading it is loading a pickle");
        if (it->bytes.n < it->size)
            rate(j, SCAN_UNSCANNABLE, "too large to unpack");
        walk_pickle(w, j, it, n.data_at, PICKLE_NUMPY);
    } else if (__builtin_mul_overflow(n.item, n.count, &bytes) || bytes > it->size - n.data_at) {
        rate(j, SCAN_BROKEN, "the array is cut short");
    } else if (bytes < it->size - n.data_at) {
        walk_hit(w, j, it, RULE_TRAILING, n.data_at + bytes + 1, "%" PRIu64 " bytes follow the array", it->size - n.data_at - bytes);
    }
}

/* ---- JSON */

/* Keys that loaders take as the name of something to import or to run, and formats of their own that are not judged yet. */
static const char *const loader_keys[] = {
    "class_name", "registered_name", "__class__", "__module__", "__reduce__", "__loader__", "py/object", "py/reduce", "py/function", "py/type",
    "_target_", "custom_pipelines", "chat_template", "template", "learner", "config_class", "layers", "node_def", "arg_nodes",
};

static bool any_of(Str s, const char *const *words, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (str_is(s, words[i]))
            return true;
    return false;
}

static void judge_value(Walk *w, const Item *it, Judged *j, const Json *v)
{
    if (str_is(v->key, "auto_map") || (str_is(v->key, "trust_remote_code") && v->type == JSON_TRUE))
        walk_hit(w, j, it, RULE_LOADS_CODE, 1 + v->at, "%.*s makes the loader run code that lies beside the model", STR(v->key));
    if (any_of(v->key, loader_keys, len_of(loader_keys)))
        rate(j, SCAN_UNSCANNABLE, "key '%.*s': such configurations are not judged yet", STR(v->key));
    if (v->type == JSON_STRING && first_mark(v->text, template_marks, len_of(template_marks)) != NULL)
        rate(j, SCAN_UNSCANNABLE, "holds a template, which is not judged yet");
    const char *mark = v->type == JSON_STRING ? first_mark(v->text, code_marks, len_of(code_marks)) : NULL;
    if (mark != NULL)
        rate(j, SCAN_UNSCANNABLE, "a text holds %s, which is not judged yet", mark);
}

/* Depth is bounded by the parser. */
static void judge_tree(Walk *w, const Item *it, Judged *j, const Json *v)
{
    judge_value(w, it, j, v);
    for (const Json *m = v->first; m != NULL && (v->type == JSON_OBJECT || v->type == JSON_ARRAY); m = m->next)
        judge_tree(w, it, j, m);
}

static bool judge_json(Walk *w, const Item *it, Judged *j)
{
    Err                e = { 0 };
    Str                s = str_trim(it->bytes);
    size_t             limit = s.n * JSON_ARENA_FACTOR + (1 << 20);
    if (s.n == 0 || (s.p[0] != '{' && s.p[0] != '['))
        return false;
    defer_arena Arena *a = arena_new(limit < SCAN_ARENA ? limit : SCAN_ARENA);
    const Json        *v = a ? json_parse(a, s, JSON_GRAMMAR, &e) : NULL;
    if (v == NULL && e.code == E_FORMAT && !str_ends(it->name, S(".json")))
        return false;
    j->format = "json";
    if (v == NULL)
        rate(j, e.code == E_FORMAT ? SCAN_BROKEN : SCAN_UNSCANNABLE, "%s", e.message);
    else
        judge_tree(w, it, j, v);
    return true;
}

/* ---- text */

static bool plain_byte(uint8_t c) { return c >= ' ' ? c != 0x7f : c == '\n' || c == '\t' || c == '\r' || c == '\f'; }

bool is_text(Str s)
{
    size_t n = s.n < 4096 ? s.n : 4096;
    for (size_t i = 0; i < n; i++)
        if (!plain_byte((uint8_t)s.p[i]))
            return false;
    /* The rest is looked at by judge_text; a character cut at the edge is none of its fault. */
    while (n < s.n && n > 0 && ((uint8_t)s.p[n] & 0xC0) == 0x80)
        n--;
    return s.n != 0 && str_utf8((Str){ s.p, n });
}

/* Text that nothing loads: notes, word lists, tables.  By name, because as text all the same it could be a program. */
static bool for_people(Str name)
{
    static const char *const ends[] = { ".md", ".txt", ".csv", ".tsv", ".rst", ".sig", ".log", ".gitattributes", ".gitignore", ".license" };
    static const char *const whole[] = { "README", "LICENSE", "LICENCE", "NOTICE", "CHANGELOG", "AUTHORS", "version", "byteorder", "serialization_id",
                                         ".format_version", ".storage_alignment", "format_version", "VERSION" };
    return any_end(name, ends, len_of(ends)) || any_of(name, whole, len_of(whole));
}

static bool named_model(Str name)
{
    static const char *const ends[] = {
        ".pt", ".pth", ".ptl", ".bin", ".ckpt", ".zip", ".tar", ".7z", ".npy", ".npz", ".safetensors", ".h5", ".hdf5", ".keras", ".onnx", ".gguf",
        ".tflite", ".engine", ".mar", ".nemo", ".gz", ".bz2", ".xz", ".pb", ".json",
    };
    return any_end(name, ends, len_of(ends));
}

void judge_text(Walk *w, const Item *it, Judged *j)
{
    const char *mark;
    j->format = "text";
    if (it->bytes.n > TEXT_MAX)
        rate(j, SCAN_UNSCANNABLE, "text of more than 64 MiB");
    else if (judge_json(w, it, j))
        return;
    else if (named_model(it->name))
        rate(j, SCAN_BROKEN, "named like a model file, but it is text");
    else if (!for_people(it->name))
        rate(j, SCAN_UNSCANNABLE, "text whose use is not known: it could be code or a configuration");
    else if ((mark = first_mark(it->bytes, template_marks, len_of(template_marks))) != NULL)
        rate(j, SCAN_UNSCANNABLE, "text with %s, which is not judged yet", mark);
    for (size_t i = 0; i < it->bytes.n && j->verdict == SCAN_CLEAN; i++)
        if (!plain_byte((uint8_t)it->bytes.p[i]))
            rate(j, SCAN_UNSCANNABLE, "text with other bytes in it");
}

/* ---- TorchScript source: a language of its own, in which only operators reach out */

static const char *const reaching[] = {
    "from_file(", "torch.save(", "torch.load(", "load_library(", "os.system", "subprocess", "eval(", "exec(", "__import__", "open(", "popen(",
};

void judge_code(Walk *w, const Item *it, Judged *j)
{
    const char *mark = first_mark(it->bytes, reaching, len_of(reaching));
    j->format = "torchscript code";
    if (mark != NULL)
        walk_hit(w, j, it, RULE_SCRIPT, 1 + (uint64_t)((const char *)memmem(it->bytes.p, it->bytes.n, mark, strlen(mark)) - it->bytes.p),
                  "the model's code uses %.*s", (int)strcspn(mark, "("), mark);
    else if (!is_text(it->bytes))
        rate(j, SCAN_BROKEN, "not source text");
}
