/* check.c - runs the trades once, then asks every control about every part it applies to. */
#include "check/judge.h"
#include "data/data.h"
#include "gate/policy.h"
#include "posture/posture.h"
#include "base/file.h"

const char *control_state_name(ControlState s)
{
    static const char *const names[] = { "verified", "failed", "unknown", "not applicable" };
    return names[s];
}

/* An error of a trade about one part is not ours to stop for: the part is unjudged, and a Finding says why. */
const Rule check_rules[] = {
    { "MOAT-C001", SEV_HIGH, "a part could not be judged", "What cannot be read or decided is never counted as good.",
      "mend what the message names and run again", "" },
    { "MOAT-C002", SEV_CRITICAL, "the ledger does not verify", "Someone or something changed the record of what happened.",
      "moat ledger verify; restore .moat/ledger.db from a copy that verifies", "AML.T0024 AU-9" },
    { "MOAT-C003", SEV_HIGH, "a policy does not compile", "The gateway will not start with it.", "moat gate schema check FILE",
      "SI-10" },
};
const size_t check_rules_len = len_of(check_rules);
enum { UNJUDGED, LEDGER_BAD, POLICY_BAD };

static bool unjudged(Judge *j, size_t rule, Str part, Str subject, const Err *why)
{
    Finding f = finding_of(&check_rules[rule], part, subject);
    f.state = rule == UNJUDGED ? STATE_UNKNOWN : STATE_FAIL;
    f.message = str(why->message);
    f.at.line = why->line, f.at.byte = why->at;
    j->unjudged = j->unjudged || rule == UNJUDGED;
    return finding_add(j->findings, f);
}

static bool judge_models(Judge *j, Err *e)
{
    const Pipeline *p = j->job->pipeline;
    j->models = arena_get(j->arena, p->model_count + 1, sizeof *j->models);
    if (j->models == NULL)
        return err_nomem(e);
    for (size_t i = 0; i < p->model_count; i++) {
        Err        mine = { 0 };
        ModelCheck c = model_check_of(p, &p->models[i]);
        j->models[i].judged = model_trust(j->arena, j->job->pool, &c, j->job->ledger, j->findings, &j->models[i].verdict, &mine);
        if (!j->models[i].judged && !unjudged(j, UNJUDGED, p->models[i].part.id, p->models[i].path, &mine))
            return err_nomem(e);
    }
    return true;
}

static bool judge_dataset(Judge *j, const Dataset *d, DataJudged *out, Err *e)
{
    Err          mine = { 0 };
    DataVersion  head;
    DataVerified v;
    DataVerify   how = { .dataset = d->part.name, .clock = j->job->clock, .pool = j->job->pool };
    out->judged = data_head(j->arena, j->job->pipeline, d->part.name, &head, &mine);
    if (out->judged && head.version == 0)
        return true;                                   /* never committed: the controls say what that means */
    size_t before = findings_count(j->findings);
    if (out->judged)
        out->judged = data_verify(j->arena, j->job->pipeline, &how, j->findings, &v, &mine);
    if (!out->judged)
        return unjudged(j, UNJUDGED, d->part.id, d->path, &mine) || err_nomem(e);
    out->version = v.version;
    out->holds = v.signature_ok && findings_count(j->findings) == before;
    return true;
}

static bool judge_datasets(Judge *j, Err *e)
{
    const Pipeline *p = j->job->pipeline;
    j->datasets = arena_get(j->arena, p->dataset_count + 1, sizeof *j->datasets);
    if (j->datasets == NULL)
        return err_nomem(e);
    for (size_t i = 0; i < p->dataset_count; i++)
        if (!judge_dataset(j, &p->datasets[i], &j->datasets[i], e))
            return false;
    return true;
}

static bool judge_ledger(Judge *j, Err *e)
{
    Err mine = { 0 };
    if (j->job->ledger == NULL)
        return true;
    j->ledger_holds = ledger_verify(j->job->ledger, S(""), NULL, &j->ledger, &mine);
    return j->ledger_holds || unjudged(j, LEDGER_BAD, S(""), S("ledger.db"), &mine) || err_nomem(e);
}

static bool judge_policy(Judge *j, Err *e)
{
    Err           mine = { 0 };
    defer_buf Buf blob = { 0 };
    j->policy_holds = gate_policy_write(j->job->pipeline, &blob, &mine);
    return j->policy_holds || unjudged(j, POLICY_BAD, S(""), str(j->job->pipeline->file), &mine) || err_nomem(e);
}

bool check_integrity(Arena *a, const CheckJob *job, Findings *out, bool *unjudged_any, Err *e)
{
    Judge j = { .arena = a, .job = job, .findings = out };
    bool  ok = judge_ledger(&j, e) && judge_models(&j, e) && judge_policy(&j, e);
    *unjudged_any = j.unjudged;
    return ok;
}

/* ---- controls and score */

static size_t parts_of(const Pipeline *p, const char *section)
{
    return strcmp(section, "models") == 0     ? p->model_count
           : strcmp(section, "datasets") == 0 ? p->dataset_count
           : strcmp(section, "endpoints") == 0 ? p->endpoint_count
                                               : 1;
}

static void score(Posture *out)
{
    double all = 0, good = 0, applicable = 0, decided = 0;
    for (size_t i = 0; i < out->result_count; i++) {
        const ControlResult *r = &out->results[i];
        if (r->state == CONTROL_NOT_APPLICABLE)
            continue;
        all += r->control->weight, applicable++;
        good += r->state == CONTROL_VERIFIED ? r->control->weight : 0;
        decided += r->state != CONTROL_UNKNOWN;
    }
    out->score = all > 0 ? 100 * good / all : 0;
    out->coverage = applicable > 0 ? 100 * decided / applicable : 0;
    out->applicable = (size_t)applicable;
}

static bool decide_all(Judge *j, Posture *out, Err *e)
{
    size_t n = 0;
    for (size_t c = 0; c < controls_count(); c++)
        n += parts_of(j->job->pipeline, control_at(c)->section);
    out->results = arena_get(j->arena, n + 1, sizeof *out->results);
    if (out->results == NULL)
        return err_nomem(e);
    for (size_t c = 0; c < controls_count(); c++)
        for (size_t i = 0; i < parts_of(j->job->pipeline, control_at(c)->section); i++)
            control_decide(j, c, i, &out->results[out->result_count++]);
    return true;
}

bool check_run(Arena *a, const CheckJob *job, Posture *out, Err *e)
{
    Judge j = { .arena = a, .job = job, .findings = findings_new(a) };
    *out = (Posture){ .findings = j.findings };
    if (j.findings == NULL)
        return err_nomem(e);
    if (!judge_ledger(&j, e) || !judge_datasets(&j, e) || !judge_models(&j, e) || !judge_policy(&j, e) ||
        !(exposure_judge(job->pipeline, j.findings) || err_nomem(e)) || !decide_all(&j, out, e))
        return false;
    findings_sort(j.findings);
    score(out);
    out->unjudged = j.unjudged;
    out->ledger_size = j.ledger.size;
    return true;
}
