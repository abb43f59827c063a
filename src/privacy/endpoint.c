/* endpoint.c - an Oracle over HTTP: KServe v1 or TensorFlow Serving JSON; see attack.h. */
#include "format/json.h"
#include "net/http_client.h"
#include "privacy/attack.h"
#include <math.h>
#include <time.h>

enum { TRIES = 600, WAIT_MS = 100, ANSWER_ARENA = 256 << 20 };

static void write_rows(Buf *b, const float *x, size_t rows, size_t features)
{
    char text[NUMBER_TEXT];
    buf_z(b, "{\"instances\":[");
    for (size_t i = 0; i < rows * features; i++) {
        bool first = i % features == 0, last = i % features == features - 1;
        buf_z(b, first ? (i ? ",[" : "[") : ",");
        buf_put(b, text, number_text_f32(x[i], text));
        buf_z(b, last ? "]" : "");
    }
    buf_z(b, "]}");
}

static bool read_row(const Json *row, size_t classes, double *score, Err *e)
{
    const Json *v = row->first;
    if (row->type != JSON_ARRAY || row->count != classes)
        return err_set(e, E_FORMAT, "a prediction of %zu scores; %zu classes are expected", row->count, classes);
    for (size_t k = 0; k < classes; k++, v = v->next) {
        if (v->type != JSON_NUMBER)
            return err_set(e, E_FORMAT, "a score that is no number");
        score[k] = v->num;
    }
    return true;
}

static bool read_answer(Arena *a, Str body, size_t rows, size_t classes, double *score, Err *e)
{
    const Json *tree = json_parse(a, body, JSON_STRICT, e), *list = json_get(tree, "predictions");
    if (tree == NULL)
        return false;
    if (list == NULL || list->type != JSON_ARRAY || list->count != rows)
        return err_set(e, E_FORMAT, "the answer does not hold %zu predictions", rows);
    const Json *row = list->first;
    for (size_t i = 0; i < rows; i++, row = row->next)
        if (!read_row(row, classes, score + i * classes, e))
            return false;
    return true;
}

/* A patient attacker waits when told to. */
static bool ask_once(Remote *r, Arena *a, Str body, HttpAnswer *got, Err *e)
{
    const char *headers[] = { "Content-Type: application/json", r->header };
    HttpAsk     ask = { .url = r->url, .headers = headers, .header_count = r->header ? 2 : 1, .body = body, .ca_file = r->ca_file };
    for (int i = 0; i < TRIES; i++) {
        if (!http_ask(r->client, a, &ask, got, e))
            return false;
        if (got->status != 429 && got->status != 503)
            return got->status == 200 ||
                   err_set(e, E_IO, "%s: answers %d: %.*s", r->url, got->status, (int)(got->body.n < 200 ? got->body.n : 200), got->body.p);
        r->refused++;
        nanosleep(&(struct timespec){ .tv_nsec = WAIT_MS * 1000000L }, NULL);
    }
    return err_set(e, E_LIMIT, "%s: refused %d times in a row", r->url, TRIES);
}

bool remote_ask(void *remote, const float *x, size_t rows, double *score, Err *e)
{
    Remote *r = remote;
    for (size_t at = 0; at < rows; at += r->rows_a_request) {
        size_t             n = rows - at < r->rows_a_request ? rows - at : r->rows_a_request;
        defer_arena Arena *a = arena_new(ANSWER_ARENA);
        defer_buf Buf      body = { 0 };
        HttpAnswer         got;
        write_rows(&body, x + at * r->features, n, r->features);
        if (a == NULL || body.bad)
            return err_nomem(e);
        if (!ask_once(r, a, buf_view(&body), &got, e))
            return false;
        if (!read_answer(a, got.body, n, r->classes, score + at * r->classes, e))
            return err_in(e, "%s", r->url);
    }
    return true;
}
