/* scan_args.c - functions that are safe only with certain arguments: one small check for each shape. */
#include "model/scan_pickle.h"

bool global_is(const PickleGlobal *g, const char *module, const char *name)
{
    return g != NULL && str_is(g->name, name) && (module == NULL || str_is(g->module, module));
}

static Tier tier_of(Judge *j, Pickle *p, PickleValue v)
{
    PickleGlobal        *g = pickle_global(p, v);
    const GlobalVerdict *k = g ? judge_global(j, g) : NULL;
    return k ? k->tier : TIER_UNKNOWN;
}

/* A class that was reviewed, itself and not what calling it gave. */
static bool is_class(Judge *j, Pickle *p, PickleValue v)
{
    return v.kind == PV_GLOBAL && tier_of(j, p, v) <= TIER_CLASS;
}

static bool is_named(Pickle *p, PickleValue v, PickleKind kind, const char *module, const char *name)
{
    return v.kind == kind && global_is(pickle_global(p, v), module, name);
}

bool text_is(Pickle *p, PickleValue v, const char *z)
{
    char room[64];
    Str  s;
    return v.kind == PV_STR && v.n < sizeof room && pickle_text(p, v, room, sizeof room, &s) && str_is(s, z);
}

/* Data: nothing that can be called, and nothing that a call of unknown code gave. */
static bool is_data(Judge *j, Pickle *p, PickleValue v)
{
    switch (v.kind) {
    case PV_GLOBAL: case PV_RESULT: return tier_of(j, p, v) <= TIER_ARGS;
    case PV_OPAQUE: return false;
    default: return true;
    }
}

static bool all_data(Judge *j, Pickle *p, PickleValue args)
{
    for (size_t i = 0; i < args.n; i++)
        if (!is_data(j, p, pickle_item(p, args, i)))
            return false;
    return true;
}

/* bytes also come as _codecs.encode(text, "latin1"), and empty as bytes() */
static bool is_bytes(Pickle *p, PickleValue v)
{
    return v.kind == PV_BYTES || v.kind == PV_STR || is_named(p, v, PV_RESULT, "_codecs", "encode") || is_named(p, v, PV_RESULT, NULL, "bytes")
        || is_named(p, v, PV_RESULT, NULL, "bytearray");
}

/* ---- the shapes */

enum { SIZE_MAX_BYTES = 1 << 26 };

static bool fits_sized(Judge *j, Pickle *p, PickleValue args)
{
    PickleValue v = pickle_item(p, args, 0);
    return args.n == 0 || (v.kind == PV_INT ? !(v.form & PF_BIG) && v.at <= SIZE_MAX_BYTES : is_data(j, p, v) && v.kind != PV_GLOBAL);
}

static bool fits_ndarray(Judge *j, Pickle *p, PickleValue args)
{
    PickleValue shape = pickle_item(p, args, 1), size = pickle_item(p, shape, 0);
    return args.n == 3 && is_class(j, p, pickle_item(p, args, 0)) && shape.kind == PV_TUPLE && shape.n <= 1
        && (shape.n == 0 || (size.kind == PV_INT && size.at == 0)) && is_bytes(p, pickle_item(p, args, 2));
}

/* The text of numpy.dtype: kind and size, or the name of a number type; no list of fields, no comma. */
static bool fits_dtype(Judge *j, Pickle *p, PickleValue args)
{
    char        room[32];
    Str         s;
    PickleValue v = pickle_item(p, args, 0);
    if (v.kind == PV_GLOBAL)
        return tier_of(j, p, v) == TIER_SAFE;
    if (args.n == 0 || args.n > 3 || v.kind != PV_STR || v.n >= sizeof room || !pickle_text(p, v, room, sizeof room, &s) || s.n == 0)
        return false;
    for (size_t i = 0; i < s.n; i++)
        if (!strchr("<>=|[]_", s.p[i]) && !(s.p[i] >= '0' && s.p[i] <= '9') && !((s.p[i] | 32) >= 'a' && (s.p[i] | 32) <= 'z'))
            return false;
    return true;
}

static bool fits_scalar(Judge *j, Pickle *p, PickleValue args)
{
    return (args.n == 1 || args.n == 2) && is_named(p, pickle_item(p, args, 0), PV_RESULT, "numpy", "dtype")
        && (args.n == 1 || (is_bytes(p, pickle_item(p, args, 1)) && is_data(j, p, pickle_item(p, args, 1))));
}

static bool fits_frombuffer(Judge *j, Pickle *p, PickleValue args)
{
    PickleValue v = pickle_item(p, args, 0);
    return args.n == 4 && (is_bytes(p, v) || v.kind == PV_OPAQUE) && is_named(p, pickle_item(p, args, 1), PV_RESULT, "numpy", "dtype")
        && is_data(j, p, pickle_item(p, args, 2)) && pickle_item(p, args, 3).kind == PV_STR;
}

static bool fits_random(Judge *j, Pickle *p, PickleValue args)
{
    for (size_t i = 0; i < args.n; i++) {
        PickleValue v = pickle_item(p, args, i);
        if (v.kind != PV_STR && v.kind != PV_NONE && !(v.kind == PV_GLOBAL && tier_of(j, p, v) <= TIER_ARGS) && v.kind != PV_RESULT)
            return false;
    }
    return all_data(j, p, args);
}

static bool is_storage(Judge *j, Pickle *p, PickleValue v)
{
    (void)j;
    return v.kind == PV_PERSID || (v.kind == PV_RESULT && tier_of(j, p, v) == TIER_CLASS);
}

/* (storage, offset, size, stride, requires_grad, hooks[, metadata]): hooks are called, so there must be none of them */
static bool fits_tensor(Judge *j, Pickle *p, PickleValue args)
{
    PickleValue hooks = pickle_item(p, args, 5);
    return args.n >= 4 && args.n <= PICKLE_ARGS && is_storage(j, p, pickle_item(p, args, 0)) && all_data(j, p, args)
        && (args.n < 6 || hooks.kind == PV_NONE || is_named(p, hooks, PV_RESULT, "collections", "OrderedDict") || hooks.kind == PV_DICT);
}

static bool fits_parameter(Judge *j, Pickle *p, PickleValue args)
{
    PickleValue t = pickle_item(p, args, 0);
    return args.n >= 2 && t.kind == PV_RESULT && tier_of(j, p, t) <= TIER_ARGS && all_data(j, p, args);
}

static bool fits_typed(Judge *j, Pickle *p, PickleValue args)
{
    PickleValue  f = pickle_item(p, args, 0);
    PickleGlobal *g = f.kind == PV_GLOBAL ? pickle_global(p, f) : NULL;
    const GlobalVerdict *k = g ? judge_global(j, g) : NULL;
    const char *why;
    if (args.n != 4 || k == NULL || k->tier != TIER_ARGS || k->row->shape == SHAPE_TYPED || !is_class(j, p, pickle_item(p, args, 1)))
        return false;
    PickleFact inner = { .on = f, .with = pickle_item(p, args, 2) };
    return args_fit(j, p, k->row->shape, &inner, &why) && is_data(j, p, pickle_item(p, args, 3));
}

static bool fits_reconstructor(Judge *j, Pickle *p, PickleValue args)
{
    PickleValue base = pickle_item(p, args, 1), state = pickle_item(p, args, 2);
    return args.n == 3 && is_class(j, p, pickle_item(p, args, 0)) && base.kind == PV_GLOBAL && tier_of(j, p, base) <= TIER_CLASS
        && is_data(j, p, state) && state.kind != PV_GLOBAL;
}

static bool fits_newobj(Judge *j, Pickle *p, PickleValue args)
{
    return args.n >= 1 && is_class(j, p, pickle_item(p, args, 0)) && (args.n <= PICKLE_ARGS ? all_data(j, p, args) : true);
}

static bool fits_encode(Judge *j, Pickle *p, PickleValue args)
{
    (void)j;
    return args.n == 2 && pickle_item(p, args, 0).kind == PV_STR
        && (text_is(p, pickle_item(p, args, 1), "latin1") || text_is(p, pickle_item(p, args, 1), "latin-1"));
}

static bool fits_defaultdict(Judge *j, Pickle *p, PickleValue args)
{
    PickleValue v = pickle_item(p, args, 0);
    return args.n == 0 || (args.n <= 2 && (v.kind == PV_NONE || is_class(j, p, v)));
}

static bool fits_class_first(Judge *j, Pickle *p, PickleValue args)
{
    return args.n >= 1 && is_class(j, p, pickle_item(p, args, 0)) && all_data(j, p, args);
}

static bool fits_plain(Judge *j, Pickle *p, PickleValue args)
{
    return args.n <= PICKLE_ARGS && all_data(j, p, args);
}

static const struct ShapeRow {
    bool      (*fits)(Judge *j, Pickle *p, PickleValue args);
    const char *want;
} shapes[SHAPES] = {
    [SHAPE_SIZED] = { fits_sized, "bytes, a list, or a small size" },
    [SHAPE_NDARRAY] = { fits_ndarray, "(reviewed array class, (0,), bytes)" },
    [SHAPE_SCALAR] = { fits_scalar, "(numpy.dtype, bytes)" },
    [SHAPE_DTYPE] = { fits_dtype, "(short type text, bool, bool)" },
    [SHAPE_FROMBUFFER] = { fits_frombuffer, "(bytes, numpy.dtype, shape, order)" },
    [SHAPE_RANDOM] = { fits_random, "names of generators" },
    [SHAPE_TENSOR] = { fits_tensor, "(stored tensor data, offset, size, stride, flag, no hooks)" },
    [SHAPE_PARAMETER] = { fits_parameter, "(rebuilt tensor, flag, no hooks)" },
    [SHAPE_TYPED] = { fits_typed, "(reviewed function, reviewed class, its arguments, state)" },
    [SHAPE_RECONSTRUCTOR] = { fits_reconstructor, "(reviewed class, reviewed base, data)" },
    [SHAPE_NEWOBJ] = { fits_newobj, "(reviewed class, data)" },
    [SHAPE_ENCODE] = { fits_encode, "(text, \"latin1\")" },
    [SHAPE_DEFAULTDICT] = { fits_defaultdict, "(None or a reviewed class)" },
    [SHAPE_CLASS_FIRST] = { fits_class_first, "(reviewed class, data)" },
    [SHAPE_PLAIN] = { fits_plain, "plain data" },
};

bool args_fit(Judge *j, Pickle *p, Shape shape, const PickleFact *f, const char **why)
{
    const struct ShapeRow *r = &shapes[shape];
    *why = r->want;
    if (f->with.kind != PV_TUPLE)
        return false;
    return r->fits == NULL || ((f->with.n == 0 || pickle_items(p, f->with) != NULL) && r->fits(j, p, f->with));
}

PickleValue args_result(Judge *j, Pickle *p, Shape shape, const PickleFact *f)
{
    bool makes = shape == SHAPE_NDARRAY || shape == SHAPE_RECONSTRUCTOR || shape == SHAPE_NEWOBJ || shape == SHAPE_CLASS_FIRST;
    PickleValue class = pickle_item(p, f->with, 0);
    if (makes && is_class(j, p, class))
        return (PickleValue){ .kind = PV_RESULT, .n = class.n, .at = f->at };
    return f->result;
}
