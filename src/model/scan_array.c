/* scan_array.c - joblib writes an array's bytes between two opcodes, where no length stands: it follows from the shape and
 * the type that the machine has just seen (joblib/numpy_pickle.py, NumpyArrayWrapper.read_array).
 *
 * Whoever gets that length wrong reads data as code or code as data.  So a length counts only when every part of it is
 * certain; types are followed by the byte that made them, because BUILD can change one that the memo already holds. */
#include "model/scan_pickle.h"

enum { SIZE_UNKNOWN = 0, SIZE_OBJECTS = UINT32_MAX };

static DtypeSize *size_of(Judge *j, uint64_t at)
{
    size_t lo = 0, hi = j->dtype_count;                /* made in the order of the file */
    while (lo < hi) {
        size_t mid = (lo + hi) / 2;
        if (j->dtypes[mid].at == at)
            return &j->dtypes[mid];
        if (j->dtypes[mid].at < at)
            lo = mid + 1;
        else
            hi = mid;
    }
    return NULL;
}

static uint32_t named_size(Str s)
{
    static const struct { const char *name; uint32_t bytes; } names[] = {
        { "bool", 1 }, { "bool_", 1 }, { "int8", 1 }, { "uint8", 1 }, { "int16", 2 }, { "uint16", 2 }, { "float16", 2 }, { "int32", 4 }, { "uint32", 4 },
        { "float32", 4 }, { "int64", 8 }, { "uint64", 8 }, { "float64", 8 }, { "complex64", 8 }, { "complex128", 16 }, { "object", SIZE_OBJECTS },
    };
    for (size_t i = 0; i < len_of(names); i++)
        if (str_is(s, names[i].name))
            return names[i].bytes;
    return SIZE_UNKNOWN;
}

static Str without_order(Str s) { return s.n > 0 && strchr("<>=|", s.p[0]) ? str_from(s, 1) : s; }

/* "f8", "<M8[ns]", "U5", "O8" */
static uint32_t text_size(Str s)
{
    uint64_t n;
    Str      unit, text = without_order(s);
    if (text.n == 0 || !strchr("?biufcmMOSaUV", text.p[0]))
        return named_size(s);
    if (text.p[0] == 'O' || text.p[0] == '?')
        return text.p[0] == 'O' ? SIZE_OBJECTS : 1;
    if (text.p[0] == 'm' || text.p[0] == 'M')
        str_cut(text, '[', &text, &unit);
    if (!str_u64(str_from(text, 1), &n) || n == 0 || n > 1 << 24)
        return named_size(s);
    return (uint32_t)n * (text.p[0] == 'U' ? 4 : 1);
}

static void dtype_of_text(DtypeSize *d, Str s)
{
    Str text = without_order(s);
    d->bytes = text_size(s);
    d->extended = text.n > 0 && strchr("SaUV", text.p[0]) != NULL;
}

void array_dtype(Judge *j, Pickle *p, const PickleFact *f)
{
    char                room[40];
    Str                 s;
    PickleValue         v = pickle_item(p, f->with, 0);
    const PickleGlobal *g = v.kind == PV_GLOBAL ? pickle_global(p, v) : NULL;
    if (j->dtypes == NULL)
        j->dtypes = arena_get(j->a, DTYPES_MAX, sizeof *j->dtypes);
    if (j->dtypes == NULL || j->dtype_count == DTYPES_MAX || (j->dtype_count > 0 && j->dtypes[j->dtype_count - 1].at >= f->at))
        return;
    DtypeSize *d = &j->dtypes[j->dtype_count++];
    *d = (DtypeSize){ .at = f->at };
    if (g != NULL)
        d->bytes = named_size(g->name);
    else if (v.kind == PV_STR && v.n < sizeof room && pickle_text(p, v, room, sizeof room, &s))
        dtype_of_text(d, s);
}

static bool plain_int(PickleValue v) { return v.kind == PV_INT && !(v.form & PF_BIG) && (int64_t)v.at >= 0; }

/* (version, order, subtype, names, fields, element size, alignment, flags[, metadata]): texts, bytes and records take their
 * size from here, and every type the flag that says whether it holds objects (numpy's arraydescr_setstate). */
void array_dtype_state(Judge *j, Pickle *p, const PickleFact *f)
{
    DtypeSize  *d = size_of(j, f->on.at);
    PickleValue size = pickle_item(p, f->with, 5), flags = pickle_item(p, f->with, 7);
    if (d == NULL)
        return;
    if (f->with.kind != PV_TUPLE || !plain_int(flags))
        d->bytes = SIZE_UNKNOWN;
    else if (flags.at & 1)
        d->bytes = SIZE_OBJECTS;
    else if (d->bytes == SIZE_OBJECTS)
        d->bytes = SIZE_UNKNOWN;
    else if (d->extended)
        d->bytes = plain_int(size) && size.at < 1 << 24 ? (uint32_t)size.at : SIZE_UNKNOWN;
}

/* prod(shape) * size; false when a part of it is not certain. */
static bool array_bytes(Pickle *p, PickleValue shape, uint64_t size, uint64_t *bytes)
{
    if (shape.kind != PV_TUPLE || (shape.n > 0 && pickle_items(p, shape) == NULL))
        return false;
    *bytes = size;
    for (size_t i = 0; i < shape.n; i++) {
        PickleValue n = pickle_item(p, shape, i);
        if (!plain_int(n) || __builtin_mul_overflow(*bytes, n.at, bytes))
            return false;
    }
    return *bytes <= INT64_MAX;
}

/* One byte that says how many bytes of padding follow it. */
static bool skip_padding(Judge *j, Pickle *p)
{
    uint64_t at = pickle_at(p), left = j->in->bytes.n - at;
    if (left == 0)
        return false;
    uint64_t padding = (uint8_t)j->in->bytes.p[at];
    pickle_skip(p, 1 + padding);
    return padding < left;
}

static void lost(Judge *j, Pickle *p, const PickleFact *f, const char *why)
{
    judge_hit(j, RULE_PICKLE_ARRAY, f->at, "the bytes of an array follow, but %s", why);
    pickle_skip(p, UINT64_MAX);
}

static void skip_array(Judge *j, Pickle *p, const PickleFact *f, PickleValue shape, const DtypeSize *d)
{
    PickleValue padding;
    uint64_t    bytes;
    if (!array_bytes(p, shape, d->bytes, &bytes))
        lost(j, p, f, "its shape is not certain");
    else if (pickle_member(p, f->with, KEEP_ALIGNMENT, &padding) && padding.kind != PV_NONE && !skip_padding(j, p))
        lost(j, p, f, "the file ends in the padding");
    else if (bytes > j->in->bytes.n - pickle_at(p))
        lost(j, p, f, "the file is shorter");
    else
        pickle_skip(p, bytes);
}

void array_follows(Judge *j, Pickle *p, PickleFact *f)
{
    PickleValue shape, type;
    if (!pickle_member(p, f->with, KEEP_SHAPE, &shape) || !pickle_member(p, f->with, KEEP_DTYPE, &type) || type.kind != PV_RESULT) {
        lost(j, p, f, "its shape or type is not in the state");
        return;
    }
    const DtypeSize *d = size_of(j, type.at);
    if (d == NULL || d->bytes == SIZE_UNKNOWN)
        lost(j, p, f, "its type has no certain size");
    else if (f->on.at <= j->last_array && j->last_array != 0)
        lost(j, p, f, "the same wrapper had a state before");
    else if (d->bytes == SIZE_OBJECTS)
        pickle_skip(p, judge_inside(j, pickle_at(p)) - pickle_at(p));
    else
        skip_array(j, p, f, shape, d);
    j->last_array = f->on.at;
}
