/* kserve.c - see kserve.h. */
#include "model/kserve.h"
#include <math.h>

void predict_free(Predict *p)
{
    buf_free(&p->cells);
    buf_free(&p->id);
}

/* ---- what both spellings share: rows of numbers */

/* Where the parser stands.  `member` is the last key at its depth, as a number of the spelling's own table. */
typedef struct Reader {
    Predict *p;
    Err     *e;
    int      member, field;                            /* at the root; inside the tensor          */
    size_t   cells, row_start;                         /* numbers so far; when this row began     */
    bool     rows_seen, nested, whole;                 /* nested: data came in rows; whole: no fractions */
    size_t   inputs;
    uint64_t shape[2];
    size_t   dims;
    Buf      datatype, text;                           /* text: of a string that is checked later */
    bool     has_shape, has_data;
} Reader;

/* One number; a row longer than the model is wide is refused at once, before it can grow. */
static bool take_number(Reader *r, const JsonEvent *ev)
{
    float v;
    if (ev->type != JSON_NUMBER)
        return err_at(r->e, ev->at, "a number is expected here");
    if (!number_f32(ev->text, &v) || !isfinite(v))
        return err_at(r->e, ev->at, "%.*s does not fit a 32-bit float", STR(ev->text));
    if (r->cells == r->p->features * r->p->max_rows)
        return err_set(r->e, E_LIMIT, "more than %zu rows in one request", r->p->max_rows);
    for (size_t i = 0; i < ev->text.n; i++)
        r->whole &= ev->text.p[i] != '.' && ev->text.p[i] != 'e' && ev->text.p[i] != 'E';
    buf_put(&r->p->cells, &v, sizeof v);
    r->cells++;
    return !r->p->cells.bad || err_nomem(r->e);
}

static bool row_begins(Reader *r)
{
    r->row_start = r->cells;
    return true;
}

static bool row_number(Reader *r, const JsonEvent *ev)
{
    if (r->cells - r->row_start == r->p->features)
        return err_at(r->e, ev->at, "more than %zu numbers in a row", r->p->features);
    return take_number(r, ev);
}

static bool row_ends(Reader *r, const JsonEvent *ev)
{
    size_t n = r->cells - r->row_start;
    return n == r->p->features || err_at(r->e, ev->at, "%zu numbers in a row; the model wants %zu", n, r->p->features);
}

/* The pieces of a string, up to KSERVE_NAME_MAX bytes. */
static bool take_text(Reader *r, Buf *to, const JsonEvent *ev, const char *what)
{
    if (ev->step != JSON_VALUE || ev->type != JSON_STRING)
        return err_at(r->e, ev->at, "'%s' wants a string", what);
    if (ev->first)
        to->n = 0;
    buf_str(to, ev->text);
    if (to->n > KSERVE_NAME_MAX)
        return err_at(r->e, ev->at, "'%s' is longer than %d bytes", what, KSERVE_NAME_MAX);
    return !to->bad || err_nomem(r->e);
}

static bool unexpected(Reader *r, const JsonEvent *ev, const char *want)
{
    return err_at(r->e, ev->at, "%s is expected here", want);
}

static bool parse(Reader *r, Str body, JsonFn *fn, Err *e)
{
    defer_arena Arena *grow = arena_new(JSON_PUSH_GROW);
    JsonPush           push;
    if (grow == NULL)
        return err_nomem(e);
    json_push_begin(&push, &(JsonPushConf){ .profile = JSON_STRICT, .fn = fn, .ctx = r, .grow = grow });
    bool ok = json_push_feed(&push, body, e) && json_push_end(&push, e);
    r->p->rows = r->cells / r->p->features;
    return ok;
}

static int member_of(Str key, const char *const *names, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (str_is(key, names[i]))
            return (int)i;
    return -1;
}

/* ---- v1: {"instances": [[...], ...]} */

enum { V1_INSTANCES, V1_SIGNATURE };
static const char *const v1_members[] = { "instances", "signature_name" };

static bool v1_key(Reader *r, const JsonEvent *ev)
{
    r->member = member_of(ev->text, v1_members, len_of(v1_members));
    if (r->member >= 0)
        return r->rows_seen |= r->member == V1_INSTANCES, true;
    if (str_is(ev->text, "inputs"))
        return err_at(r->e, ev->at, "the column form 'inputs' is not supported; send rows as 'instances'");
    return err_at(r->e, ev->at, "'%.*s' is not a member of a prediction request", STR(ev->text));
}

static bool v1_rows(Reader *r, const JsonEvent *ev)
{
    bool array = ev->type == JSON_ARRAY;
    if (ev->depth == 1)
        return array || unexpected(r, ev, "an array of rows");
    if (ev->depth == 2 && ev->step == JSON_OPEN && array)
        return row_begins(r);
    if (ev->depth == 2 && ev->step == JSON_CLOSE)
        return row_ends(r, ev);
    if (ev->depth == 3 && ev->step == JSON_VALUE)
        return row_number(r, ev);
    return unexpected(r, ev, ev->depth == 2 ? "a row (an array of numbers)" : "a number");
}

static bool v1_event(void *ctx, const JsonEvent *ev)
{
    Reader *r = ctx;
    if (ev->depth == 0)
        return ev->type == JSON_OBJECT || unexpected(r, ev, "an object");
    if (ev->depth == 1 && ev->step == JSON_KEY)
        return v1_key(r, ev);
    return r->member == V1_INSTANCES ? v1_rows(r, ev) : take_text(r, &r->text, ev, "signature_name");
}

bool kserve_v1_read(Predict *p, Str body, Err *e)
{
    Reader r = { .p = p, .e = e };
    bool   ok = parse(&r, body, v1_event, e);
    buf_free(&r.text);
    if (!ok)
        return false;
    if (!r.rows_seen || p->rows == 0)
        return err_set(e, E_FORMAT, "'instances' is missing or empty");
    return true;
}

/* ---- v2: {"id", "parameters", "inputs": [{"name", "shape", "datatype", "parameters", "data"}], "outputs"} */

enum { V2_ID, V2_PARAMETERS, V2_INPUTS, V2_OUTPUTS };
static const char *const v2_members[] = { "id", "parameters", "inputs", "outputs" };
enum { T_NAME, T_SHAPE, T_DATATYPE, T_PARAMETERS, T_DATA };
static const char *const tensor_members[] = { "name", "shape", "datatype", "parameters", "data" };

static bool v2_shape(Reader *r, const JsonEvent *ev)
{
    uint64_t n;
    if (ev->depth == 3) {
        r->has_shape = true;
        return ev->type == JSON_ARRAY || unexpected(r, ev, "an array of sizes");
    }
    if (ev->depth != 4 || ev->step != JSON_VALUE || ev->type != JSON_NUMBER || !str_u64(ev->text, &n))
        return unexpected(r, ev, "a size (a whole number)");
    if (r->dims == len_of(r->shape))
        return err_at(r->e, ev->at, "more than two dimensions; the model wants [rows, %zu]", r->p->features);
    r->shape[r->dims++] = n;
    return true;
}

static bool v2_data(Reader *r, const JsonEvent *ev)
{
    r->has_data = true;
    if (ev->depth == 3)
        return ev->type == JSON_ARRAY || unexpected(r, ev, "an array of numbers");
    if (ev->depth == 4 && ev->type == JSON_ARRAY && ev->step == JSON_CLOSE)
        return row_ends(r, ev);
    if (ev->depth == 4 && ev->type == JSON_ARRAY && (r->nested || r->cells == 0))
        return r->nested = true, row_begins(r);
    if (ev->step != JSON_VALUE || ev->depth != (r->nested ? 5u : 4u))
        return unexpected(r, ev, "numbers, flat or one array a row,");
    return r->nested ? row_number(r, ev) : take_number(r, ev);
}

static bool v2_tensor(Reader *r, const JsonEvent *ev)
{
    if (ev->depth == 3 && ev->step == JSON_KEY) {
        r->field = member_of(ev->text, tensor_members, len_of(tensor_members));
        return r->field >= 0 || err_at(r->e, ev->at, "'%.*s' is not a member of a tensor", STR(ev->text));
    }
    switch (r->field) {
    case T_NAME: return take_text(r, &r->text, ev, "name");
    case T_DATATYPE: return take_text(r, &r->datatype, ev, "datatype");
    case T_SHAPE: return v2_shape(r, ev);
    case T_DATA: return v2_data(r, ev);
    default: return true;                              /* parameters: read and left alone */
    }
}

static bool v2_inputs(Reader *r, const JsonEvent *ev)
{
    if (ev->depth == 1)
        return ev->type == JSON_ARRAY || unexpected(r, ev, "an array of tensors");
    if (ev->depth > 2)
        return v2_tensor(r, ev);
    if (ev->type != JSON_OBJECT)
        return unexpected(r, ev, "a tensor (an object)");
    r->inputs += ev->step == JSON_OPEN;
    return r->inputs == 1 || err_at(r->e, ev->at, "more than one input; the model has one");
}

/* [{"name": "probabilities"}]: the only output there is. */
static bool v2_outputs(Reader *r, const JsonEvent *ev)
{
    if (ev->depth == 3 && ev->step == JSON_KEY) {
        r->field = member_of(ev->text, tensor_members, len_of(tensor_members));
        return r->field == T_NAME || r->field == T_PARAMETERS || err_at(r->e, ev->at, "'%.*s' is not a member of an output", STR(ev->text));
    }
    if (ev->depth < 3)
        return ev->type == (ev->depth == 1 ? JSON_ARRAY : JSON_OBJECT) || unexpected(r, ev, "a list of outputs");
    if (r->field != T_NAME)
        return true;
    if (!take_text(r, &r->text, ev, "name"))
        return false;
    return ev->more || str_is(buf_view(&r->text), KSERVE_OUTPUT) || err_at(r->e, ev->at, "there is no such output; the model has '" KSERVE_OUTPUT "'");
}

static bool v2_event(void *ctx, const JsonEvent *ev)
{
    Reader *r = ctx;
    if (ev->depth == 0)
        return ev->type == JSON_OBJECT || unexpected(r, ev, "an object");
    if (ev->depth == 1 && ev->step == JSON_KEY) {
        r->member = member_of(ev->text, v2_members, len_of(v2_members));
        return r->member >= 0 || err_at(r->e, ev->at, "'%.*s' is not a member of an inference request", STR(ev->text));
    }
    switch (r->member) {
    case V2_ID: return take_text(r, &r->p->id, ev, "id");
    case V2_INPUTS: return v2_inputs(r, ev);
    case V2_OUTPUTS: return v2_outputs(r, ev);
    default: return true;                              /* parameters */
    }
}

static bool datatype_ok(const Reader *r, Err *e)
{
    static const char *const real[] = { "FP32", "FP64" },
                      *const integer[] = { "INT8", "INT16", "INT32", "INT64", "UINT8", "UINT16", "UINT32", "UINT64" };
    Str type = buf_view(&r->datatype);
    if (member_of(type, real, len_of(real)) >= 0)
        return true;
    if (member_of(type, integer, len_of(integer)) < 0)
        return err_set(e, E_FORMAT, "datatype '%.*s' is not supported; the model wants FP32", STR(type));
    return r->whole || err_set(e, E_FORMAT, "the datatype is %.*s, but there are fractions in the data", STR(type));
}

static bool v2_whole(const Reader *r, Err *e)
{
    const Predict *p = r->p;
    if (r->inputs != 1 || !r->has_shape || !r->has_data || r->datatype.n == 0)
        return err_set(e, E_FORMAT, "one input with name, shape, datatype and data is expected");
    if (r->dims != 2 || r->shape[1] != p->features || r->shape[0] == 0)
        return err_set(e, E_FORMAT, "the shape must be [rows, %zu]", p->features);
    if (r->shape[0] > p->max_rows)
        return err_set(e, E_LIMIT, "more than %zu rows in one request", p->max_rows);
    if (r->cells != r->shape[0] * p->features)
        return err_set(e, E_FORMAT, "%zu numbers do not fill the shape [%" PRIu64 ", %zu]", r->cells, r->shape[0], p->features);
    return datatype_ok(r, e);
}

bool kserve_v2_read(Predict *p, Str body, Err *e)
{
    Reader r = { .p = p, .e = e, .whole = true };
    bool   ok = parse(&r, body, v2_event, e) && v2_whole(&r, e);
    buf_free(&r.text);
    buf_free(&r.datatype);
    return ok;
}

/* ---- answers */

static void put_numbers(Buf *out, const float *p, size_t n)
{
    char text[NUMBER_TEXT];
    for (size_t i = 0; i < n; i++) {
        if (i > 0)
            buf_byte(out, ',');
        buf_put(out, text, number_text_f32(p[i], text));
    }
}

void kserve_v1_write(Buf *out, const float *p, size_t rows, size_t classes)
{
    buf_z(out, "{\"predictions\":[");
    for (size_t i = 0; i < rows; i++) {
        buf_z(out, i > 0 ? ",[" : "[");
        put_numbers(out, p + i * classes, classes);
        buf_byte(out, ']');
    }
    buf_z(out, "]}\n");
}

void kserve_v2_write(Buf *out, const char *model, Str id, const float *p, size_t rows, size_t classes)
{
    JsonOut w = json_out(out);
    json_open(&w, '{');
    json_key(&w, "model_name"), json_put_z(&w, model);
    json_key(&w, "model_version"), json_put_z(&w, "1");
    if (id.n != 0)
        json_key(&w, "id"), json_put_str(&w, id);
    json_key(&w, "outputs"), json_open(&w, '['), json_open(&w, '{');
    json_key(&w, "name"), json_put_z(&w, KSERVE_OUTPUT);
    json_key(&w, "shape"), json_open(&w, '[');
    json_put_u64(&w, rows), json_put_u64(&w, classes);
    json_close(&w, ']');
    json_key(&w, "datatype"), json_put_z(&w, "FP32");
    buf_z(out, ",\"data\":[");
    put_numbers(out, p, rows * classes);
    buf_z(out, "]}]}\n");
}
