/* events.c - see events.h. */
#include "privacy/events.h"
#include <math.h>

const Rule claim_rules[] = {
    [STATEMENT_WRONG] = { "MOAT-P010", SEV_CRITICAL, "a privacy statement's number does not follow from its inputs",
                          "The statement promises what its noise, sampling and steps do not give.",
                          "train again, or correct the statement", "AML.T0024" },
    [CLAIM_BROKEN] = { "MOAT-P011", SEV_CRITICAL, "an attack shows more than the claimed epsilon allows",
                       "With the confidence given, the training leaks more than its statement says: noise, clipping, sampling or its accounting is broken.",
                       "check that noise is added, that gradients are clipped and that batches are drawn as accounted", "AML.T0024" },
};
const size_t claim_rules_len = len_of(claim_rules);

typedef struct Reader {
    Arena   *a;
    Events  *out;
    uint64_t steps;                                    /* so far */
} Reader;

static bool bad(Err *e, const Json *v, const char *what)
{
    err_at(e, v->at, "%s", what);
    e->line = v->line;
    return false;
}

static bool add(Reader *r, const Json *at, Phase p, Err *e)
{
    Events *o = r->out;
    if (p.steps > STEPS_MAX - r->steps)
        return bad(e, at, "more steps than can be accounted for");
    r->steps += p.steps;
    Phase *last = o->n ? &o->phase[o->n - 1] : NULL;
    if (last != NULL && last->sigma == p.sigma && last->rate == p.rate)
        return last->steps += p.steps, true;
    if (o->n == PHASES_MAX)
        return bad(e, at, "more phases than can be accounted for");
    o->phase[o->n++] = p;
    return true;
}

static bool number(const Json *of, const char *key, double least, double most, double *out, Err *e)
{
    const Json *v = json_get(of, key);
    *out = json_num(v, NAN);
    if (*out >= least && *out <= most)
        return true;
    bad(e, v ? v : of, v ? "out of range" : "missing");
    return err_in(e, "%s", key);
}

static bool gaussian(Reader *r, const Json *v, double rate, uint64_t times, Err *e)
{
    double sigma;
    return number(v, "noise_multiplier", 1e-300, 1e300, &sigma, e) && add(r, v, (Phase){ sigma, rate, times }, e);
}

static bool event(Reader *r, const Json *v, uint64_t times, Err *e);

static bool sampled(Reader *r, const Json *v, uint64_t times, Err *e)
{
    double      rate;
    const Json *of = json_get(v, "of");
    if (!number(v, "sampling_probability", 0, 1, &rate, e))
        return false;
    if (!str_is(json_text(json_get(of, "event"), S("")), "Gaussian"))
        return bad(e, of ? of : v, "PoissonSampled: only a Gaussian can be sampled here");
    return gaussian(r, of, rate, times, e);
}

static bool repeated(Reader *r, const Json *v, uint64_t times, Err *e)
{
    uint64_t    count;
    const Json *of = json_get(v, "of"), *n = json_get(v, "count");
    if (!json_u64(n, &count) || of == NULL)
        return bad(e, n ? n : v, "SelfComposed: wants a whole count, and what it is of");
    if (count > STEPS_MAX || (count > 0 && times > STEPS_MAX / count))
        return bad(e, n, "more steps than can be accounted for");
    return event(r, of, times * count, e);
}

static bool composed(Reader *r, const Json *v, uint64_t times, Err *e)
{
    const Json *list = json_get(v, "events");
    if (list == NULL || list->type != JSON_ARRAY)
        return bad(e, v, "Composed: wants a list of events");
    for (const Json *i = list->first; i != NULL; i = i->next)
        if (!event(r, i, times, e))
            return false;
    return true;
}

static bool event(Reader *r, const Json *v, uint64_t times, Err *e)
{
    Str name = json_text(json_get(v, "event"), S(""));
    if (str_is(name, "Gaussian"))
        return gaussian(r, v, 1, times, e);
    if (str_is(name, "PoissonSampled"))
        return sampled(r, v, times, e);
    if (str_is(name, "SelfComposed"))
        return repeated(r, v, times, e);
    if (str_is(name, "Composed"))
        return composed(r, v, times, e);
    if (name.n == 0)
        return bad(e, v, "not an event: an object with its name in 'event'");
    bad(e, v, "no bound for this event is known here");
    return err_in(e, "%.*s", (int)(name.n < 80 ? name.n : 80), name.p);
}

/* Opacus: [[noise_multiplier, sample_rate, steps], ...] */
static bool history(Reader *r, const Json *v, Err *e)
{
    for (const Json *i = v->first; i != NULL; i = i->next) {
        uint64_t steps;
        double   sigma = json_num(json_at(i, 0), NAN), rate = json_num(json_at(i, 1), NAN);
        if (i->type != JSON_ARRAY || i->count != 3 || !(sigma > 0) || !(rate >= 0 && rate <= 1) || !json_u64(json_at(i, 2), &steps))
            return bad(e, i, "a line of a history is [noise_multiplier, sample_rate, steps]");
        if (!add(r, i, (Phase){ sigma, rate, steps }, e))
            return false;
    }
    return true;
}

static bool phases(Reader *r, const Json *list, Err *e)
{
    for (const Json *i = list->first; i != NULL; i = i->next) {
        Phase p;
        if (!number(i, "sigma", 1e-300, 1e300, &p.sigma, e) || !number(i, "rate", 0, 1, &p.rate, e))
            return false;
        if (!json_u64(json_get(i, "steps"), &p.steps))
            return bad(e, i, "steps: not a whole number");
        if (!add(r, i, p, e))
            return false;
    }
    return true;
}

static bool reader(Reader *r, Arena *a, Events *out, Err *e)
{
    *out = (Events){ arena_get(a, PHASES_MAX, sizeof(Phase)), 0 };
    *r = (Reader){ a, out, 0 };
    return out->phase != NULL || err_nomem(e);
}

static bool some(const Events *o, const Json *root, Err *e)
{
    return o->n > 0 || bad(e, root, "nothing happens in it");
}

bool events_read(Arena *a, Str json, Events *out, Err *e)
{
    Reader      r;
    const Json *root = json_parse(a, json, JSON_STRICT, e);
    if (root == NULL || !reader(&r, a, out, e))
        return false;
    return (root->type == JSON_ARRAY ? history(&r, root, e) : event(&r, root, 1, e)) && some(out, root, e);
}

bool claim_read(Arena *a, Str json, Claim *out, Err *e)
{
    Reader      r;
    const Json *root = json_parse(a, json, JSON_STRICT, e);
    if (root == NULL || !reader(&r, a, &out->events, e))
        return false;
    if (!str_is(json_text(json_get(root, "schema"), S("")), "moat.privacy.statement/1"))
        return bad(e, root, "not a privacy statement: its schema is not moat.privacy.statement/1");
    if (!str_is(json_text(json_get(root, "sampler"), S("")), "poisson"))
        return bad(e, root, "sampler: only poisson can be verified");
    const Json *list = json_get(root, "phases"), *accountant = json_get(root, "accountant");
    if (list == NULL || list->type != JSON_ARRAY || accountant == NULL)
        return bad(e, root, "a statement has phases and an accountant");
    return phases(&r, list, e) && some(&out->events, root, e) && number(root, "delta", 0, 1, &out->delta, e) &&
           number(accountant, "error", 0, 1e300, &out->error, e) && number(root, "epsilon_low", 0, 1e300, &out->low, e) &&
           number(root, "epsilon", 0, 1e300, &out->epsilon, e) && number(root, "epsilon_up", 0, 1e300, &out->up, e) &&
           number(root, "epsilon_rdp", 0, 1e300, &out->rdp, e);
}
