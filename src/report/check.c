/* check.c - a posture as text and as JSON; see report.h. */
#include "report/report.h"

static const char *mark(ControlState s)
{
    static const char *const marks[] = { "ok     ", "FAILED ", "unknown", "-      " };
    return marks[s];
}

static void control_line(const ControlResult *r, FILE *f, bool colour)
{
    static const char *const paint[] = { "\033[32m", "\033[31m", "\033[33m", "\033[90m" };
    fprintf(f, "  %s%s%s  %s  %-24.*s %s: %.*s\n", colour ? paint[r->state] : "", mark(r->state), colour ? "\033[0m" : "",
            r->control->id, STR(r->part), r->control->title, STR(r->reason));
    if (r->state == CONTROL_UNKNOWN || r->state == CONTROL_FAILED)
        fprintf(f, "                to verify it: %s\n", r->control->need);
}

void check_text(const Posture *v, FILE *f, bool colour)
{
    findings_text(v->findings, f, colour);
    if (findings_count(v->findings) > 0)
        fputc('\n', f);
    fputs("controls\n", f);
    for (size_t i = 0; i < v->result_count; i++)
        control_line(&v->results[i], f, colour);
    if (v->applicable == 0)
        fputs("\nno control applies: moat.yaml declares nothing to judge", f);
    fprintf(f, "\nscore %.0f of 100, coverage %.0f %%, %zu findings, %" PRIu64 " records in the ledger\n", v->score, v->coverage,
            findings_count(v->findings), v->ledger_size);
}

static void control_json(const ControlResult *r, JsonOut *w)
{
    json_open(w, '{');
    json_key(w, "id"), json_put_z(w, r->control->id);
    json_key(w, "title"), json_put_z(w, r->control->title);
    json_key(w, "state"), json_put_z(w, control_state_name(r->state));
    json_key(w, "weight"), json_put_u64(w, r->control->weight);
    json_key(w, "subjects"), json_open(w, '['), json_put_str(w, r->part), json_close(w, ']');
    json_key(w, "reason"), json_put_str(w, r->reason);
    json_key(w, "evidence"), json_open(w, '[');
    if (r->evidence.n)
        json_put_str(w, r->evidence);
    json_close(w, ']');
    json_key(w, "need"), json_put_z(w, r->control->need);
    json_key(w, "refs"), json_put_z(w, r->control->refs);
    json_close(w, '}');
}

void check_json(const Posture *v, JsonOut *w)
{
    json_key(w, "score"), json_put_f64(w, v->score);
    json_key(w, "coverage"), json_put_f64(w, v->coverage);
    json_key(w, "ledger_size"), json_put_u64(w, v->ledger_size);
    json_key(w, "controls"), json_open(w, '[');
    for (size_t i = 0; i < v->result_count; i++)
        control_json(&v->results[i], w);
    json_close(w, ']');
}
