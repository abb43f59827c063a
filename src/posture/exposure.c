/* exposure.c - what moat.yaml alone says about who can reach, change or copy each part.  See posture.h. */
#include "posture/posture.h"
#include "base/dict.h"

enum { NO_KEYS_PUBLIC, NO_KEYS, NO_LIMITS, NO_SCHEMA, FULL_OUTPUT, PLAIN_UPSTREAM, BACK_DOOR, NO_SIGNER, NO_LINEAGE, NOT_GOLDEN,
       PLAIN_SOURCE, UNTRUSTED_SOURCE, SECRET_IN_URI, NO_UPSTREAM };

const Rule exposure_rules[] = {
    [NO_KEYS_PUBLIC] = { "MOAT-E001", SEV_HIGH, "endpoint answers anybody on the network",
        "The gateway listens beyond this machine and the endpoint asks for no key, so whoever reaches the port can use, copy and probe the model.",
        "keys: required", "AML.T0040 ML05 CWE-306" },
    [NO_KEYS] = { "MOAT-E002", SEV_LOW, "endpoint asks for no key",
        "The gateway listens on this machine only, but every process on it can use the model, and nothing tells callers apart.",
        "keys: required", "AML.T0040 CWE-306" },
    [NO_LIMITS] = { "MOAT-E003", SEV_MEDIUM, "endpoint has no rate limit",
        "Copying a model, searching for adversarial inputs and guessing at training members all need many queries; without a limit they are free.",
        "limits: [{ per: key, rate: 10r/s, burst: 20 }]", "AML.T0024 AML.T0029 ML05 LLM10 CWE-770" },
    [NO_SCHEMA] = { "MOAT-E004", SEV_MEDIUM, "endpoint takes any JSON",
        "Without a schema the model server parses whatever a stranger sends: wrong shapes, huge arrays, unknown fields.",
        "moat gate schema infer, then schema: FILE", "AML.T0043 ML01 CWE-20" },
    [FULL_OUTPUT] = { "MOAT-E005", SEV_LOW, "endpoint shows all scores at full precision",
        "Exact probabilities of all classes are what extraction and membership inference feed on.",
        "output: { top_k: 1, round: 3 }", "AML.T0024 ML03 ML04 ML05" },
    [PLAIN_UPSTREAM] = { "MOAT-E006", SEV_MEDIUM, "requests go to another machine without TLS",
        "Between the gateway and the model server anybody on the way can read inputs and change predictions.",
        "upstream: https://...", "ML09 CWE-319" },
    [BACK_DOOR] = { "MOAT-E007", SEV_HIGH, "model server can be reached past the gateway",
        "The reference server listens beyond this machine, so keys, limits and output control can be walked around.",
        "serve: 127.0.0.1:PORT", "AML.T0040 CWE-1327" },
    [NO_SIGNER] = { "MOAT-E008", SEV_HIGH, "model may be replaced unnoticed",
        "Neither a signer nor a published digest is named, so nothing proves that the file is the one that was trained.",
        "moat model sign PATH, then signer: KEY.pub", "AML.T0010 AML.T0018 ML06 ML10 CWE-353" },
    [NO_LINEAGE] = { "MOAT-E009", SEV_LOW, "nobody knows what the model was trained on",
        "Without `from` a poisoned or withdrawn dataset cannot be traced to the models it reached.",
        "from: [DATASET]", "AML.T0020 ML02" },
    [NOT_GOLDEN] = { "MOAT-E010", SEV_MEDIUM, "data that trains a model may change unnoticed",
        "The dataset feeds a model but no committed version is required, so poisoned rows leave no trace.",
        "moat data commit DATASET, then golden: true", "AML.T0020 ML02 CWE-353" },
    [PLAIN_SOURCE] = { "MOAT-E011", SEV_HIGH, "data is fetched without TLS",
        "Anybody on the way can exchange the data before it is trained on.",
        "uri: https://...", "AML.T0019 AML.T0020 ML02 CWE-319" },
    [UNTRUSTED_SOURCE] = { "MOAT-E012", SEV_MEDIUM, "untrusted source feeds a model",
        "People we do not know can write what the model learns from.",
        "take data only from where people you trust write, and say so: trusted: true", "AML.T0020 ML02" },
    [SECRET_IN_URI] = { "MOAT-E013", SEV_HIGH, "address holds a password",
        "moat.yaml is committed and copied; everybody who can read the repository can read the database.",
        "take it out of uri, change it, and hand it over in the environment", "AML.T0055 CWE-798" },
    [NO_UPSTREAM] = { "MOAT-E014", SEV_INFO, "endpoint leads nowhere yet",
        "Neither an upstream nor a model with a `serve` address is named; the gateway cannot pass requests on.",
        "upstream: http://127.0.0.1:8501", "" },
};
const size_t exposure_rules_len = len_of(exposure_rules);

typedef struct Judge {
    const Pipeline *p;
    Findings       *out;
    Dict           *feeding;                           /* ids of parts whose data ends in a model */
    bool            bad;
} Judge;

static void raise_at(Judge *j, int rule, const Part *part, Str subject)
{
    Finding f = finding_of(&exposure_rules[rule], part->id, subject);
    j->bad |= !finding_add(j->out, f);
}

/* "127.0.0.1:80", "[::1]:80", "localhost:80/x", with or without port and path; not "127.example.org". */
static bool is_loopback(Str address)
{
    Str host, rest;
    if (str_starts(address, S("[::1]")))
        return true;
    str_cut(address, '/', &host, &rest);
    str_cut(host, ':', &host, &rest);
    return str_is(host, "localhost") || (str_starts(host, S("127.")) && strspn(host.p, "0123456789.") >= host.n);
}

static void judge_endpoint(Judge *j, const Endpoint *e)
{
    Str          route = e->route;
    const Model *m = e->model.n ? pipeline_model(j->p, e->model) : NULL;
    if (str_is(e->keys, "off"))
        raise_at(j, is_loopback(j->p->listen) ? NO_KEYS : NO_KEYS_PUBLIC, &e->part, route);
    if (e->limit_count == 0)
        raise_at(j, NO_LIMITS, &e->part, route);
    if (e->schema.n == 0)
        raise_at(j, NO_SCHEMA, &e->part, route);
    if (e->top_k == 0 && e->round < 0 && !e->label_only)
        raise_at(j, FULL_OUTPUT, &e->part, route);
    if (str_starts(e->upstream, S("http://")) && !is_loopback(str_from(e->upstream, 7)))
        raise_at(j, PLAIN_UPSTREAM, &e->part, e->upstream);
    if (e->upstream.n == 0 && (m == NULL || m->serve.n == 0))
        raise_at(j, NO_UPSTREAM, &e->part, route);
}

static bool is_trained(const Pipeline *p, Str model)
{
    size_t      n;
    const Edge *e = pipeline_edges(p, &n);
    for (size_t i = 0; i < n; i++)
        if (str_eq(e[i].to, model) && (str_starts(e[i].from, S("datasets.")) || str_starts(e[i].from, S("trainings."))))
            return true;
    return false;
}

static void judge_model(Judge *j, const Model *m)
{
    if (m->signer.n == 0 && m->sha256.n == 0)
        raise_at(j, NO_SIGNER, &m->part, m->path);
    if (!is_trained(j->p, m->part.id))
        raise_at(j, NO_LINEAGE, &m->part, m->path);
    if (m->serve.n > 0 && !is_loopback(m->serve))
        raise_at(j, BACK_DOOR, &m->part, m->serve);
}

/* ---- what reaches a model: ids marked backwards along the edges until nothing more is marked */

static bool carries_data(Str id) { return str_starts(id, S("datasets.")) || str_starts(id, S("trainings.")); }

static bool reaches_model(const Judge *j, Str id)
{
    return str_starts(id, S("models.")) || (carries_data(id) && dict_get(j->feeding, id) != NULL);
}

static bool mark_feeding(Judge *j)
{
    size_t      n, before;
    const Edge *e = pipeline_edges(j->p, &n);
    if ((j->feeding = dict_new(j->p->arena)) == NULL)
        return false;
    do {
        before = dict_count(j->feeding);
        for (size_t i = 0; i < n; i++)
            if (reaches_model(j, e[i].to) && !dict_put(j->feeding, e[i].from, j))
                return false;
    } while (dict_count(j->feeding) > before);
    return true;
}

static void judge_dataset(Judge *j, const Dataset *d)
{
    if (dict_get(j->feeding, d->part.id) != NULL && !d->golden)
        raise_at(j, NOT_GOLDEN, &d->part, d->path);
}

/* user:password@ between the scheme and the host, or a parameter that is one. */
static bool holds_password(Str uri)
{
    static const char *const parameters[] = { "password=", "passwd=", "pwd=", "token=", "secret=", "X-Amz-Signature=", "sig=" };
    for (size_t i = 0; i < len_of(parameters); i++)
        if (memmem(uri.p, uri.n, parameters[i], strlen(parameters[i])) != NULL)
            return true;
    const char *authority = memmem(uri.p, uri.n, "://", 3);
    if (authority == NULL)
        return false;
    Str rest = str_from(uri, (size_t)(authority - uri.p) + 3), host, path, user, after, name, password;
    str_cut(rest, '/', &host, &path);
    return str_cut(host, '@', &user, &after) && str_cut(user, ':', &name, &password) && password.n > 0;
}

static void judge_source(Judge *j, const Source *s)
{
    bool secret = holds_password(s->uri);
    if (secret)
        raise_at(j, SECRET_IN_URI, &s->part, s->part.id);     /* the address itself must not spread further */
    if (str_starts(s->uri, S("http://")) && !is_loopback(str_from(s->uri, 7)))
        raise_at(j, PLAIN_SOURCE, &s->part, secret ? s->part.id : s->uri);
    if (dict_get(j->feeding, s->part.id) != NULL && !s->trusted)
        raise_at(j, UNTRUSTED_SOURCE, &s->part, secret ? s->part.id : s->uri);
}

bool exposure_judge(const Pipeline *p, Findings *out)
{
    Judge j = { p, out, NULL, false };
    if (!mark_feeding(&j))
        return false;
    for (size_t i = 0; i < p->endpoint_count; i++)
        judge_endpoint(&j, &p->endpoints[i]);
    for (size_t i = 0; i < p->model_count; i++)
        judge_model(&j, &p->models[i]);
    for (size_t i = 0; i < p->dataset_count; i++)
        judge_dataset(&j, &p->datasets[i]);
    for (size_t i = 0; i < p->source_count; i++)
        judge_source(&j, &p->sources[i]);
    findings_sort(out);
    return !j.bad;
}
