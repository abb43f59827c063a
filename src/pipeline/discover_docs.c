/* discover_docs.c - YAML and JSON files that say themselves what they are: Kubernetes, compose, OpenAPI, IAM, CloudFormation, DVC. */
#include "pipeline/discover.h"
#include "format/yaml.h"

static Region *take(Scan *s, const FileRow *f, const char *kind, Str resource, uint64_t from, uint64_t to, const char *why)
{
    Found  *part = found_part(s, "infrastructure", text_of(s, "%.*s %.*s", STR(f->path), STR(resource)), f->path, from, why);
    Region *r = arena_get(s->arena, 1, sizeof *r);
    if (part == NULL || r == NULL)
        return s->bad = true, NULL;
    part->kind = str(kind), part->path = f->path, part->resource = resource;
    *r = (Region){ f->path, from, to, part };
    list_add(s, &s->regions, r);
    return r;
}

/* ---- Kubernetes */

static const char workloads[] = "Deployment StatefulSet DaemonSet ReplicaSet Pod Job CronJob Service Ingress InferenceService TrainedModel "
                                "InferenceGraph ServingRuntime ClusterServingRuntime SeldonDeployment RayCluster RayService RayJob "
                                "PyTorchJob TFJob MPIJob XGBoostJob TrainJob Notebook Workflow";

/* KServe serves MODEL at /v1/models/MODEL:predict, or by the open inference protocol at /v2/models/MODEL/infer. */
static void take_inference(Scan *s, const FileRow *f, const Json *doc, Str name, uint64_t line)
{
    const Json *predictor = json_get(json_get(doc, "spec"), "predictor");
    Str         version = json_text(json_get(json_get(predictor, "model"), "protocolVersion"), S("v1"));
    bool        v2 = str_is(version, "v2");
    Str    route = v2 ? text_of(s, "/v2/models/%.*s/infer", STR(name)) : text_of(s, "/v1/models/%.*s:predict", STR(name));
    Found *part = endpoint_part(s, route, S(""), f->path, line, "KServe InferenceService");
    if (part != NULL)
        part->format = v2 ? S("kserve-v2") : S("kserve-v1");
}

static void take_object(Scan *s, const FileRow *f, const Json *doc, uint64_t to)
{
    const Json *kind = json_get(doc, "kind"), *name = json_get(json_get(doc, "metadata"), "name");
    if (kind == NULL || json_get(doc, "apiVersion") == NULL)
        return;
    if (str_ends(kind->text, S("List")))
        for (const Json *item = json_get(doc, "items") ? json_get(doc, "items")->first : NULL; item != NULL; item = item->next)
            if (!str_ends(json_text(json_get(item, "kind"), S("List")), S("List")))
                take_object(s, f, item, item->next ? item->next->line : to);
    if (name == NULL || !is_one_of(kind->text, workloads) || name->text.n == 0)
        return;
    Str resource = text_of(s, "%.*s/%.*s", STR(kind->text), STR(name->text));
    take(s, f, "kubernetes", resource, kind->line, to, "Kubernetes");
    if (str_is(kind->text, "InferenceService"))
        take_inference(s, f, doc, name->text, kind->line);
}

/* ---- compose */

static const struct { const char *image, *scheme; } databases[] = {
    { "postgres", "postgresql" }, { "pgvector", "postgresql" }, { "timescaledb", "postgresql" }, { "mysql", "mysql" }, { "mariadb", "mariadb" },
};

/* "postgres:16", "docker.io/library/postgres@sha256:..", not "postgres-exporter". */
static const char *database_scheme(Str image)
{
    Str name = path_last(image), tag;
    str_cut(name, '@', &name, &tag);
    str_cut(name, ':', &name, &tag);
    for (size_t i = 0; i < len_of(databases); i++)
        if (str_is(name, databases[i].image))
            return databases[i].scheme;
    return NULL;
}

static void take_compose(Scan *s, const FileRow *f, const Json *doc)
{
    const Json *services = json_get(doc, "services");
    take(s, f, "compose", S(""), services ? services->line : 1, 0, "compose file");
    for (const Json *v = services ? services->first : NULL; v != NULL; v = v->next) {
        const Json *image = json_get(v, "image");
        const char *scheme = image ? database_scheme(image->text) : NULL;
        Database   *d = scheme ? arena_get(s->arena, 1, sizeof *d) : NULL;
        if (d != NULL) {
            *d = (Database){ keep_str(s, v->key), f->path, image->line, scheme };
            list_add(s, &s->databases, d);
        }
    }
}

static bool is_compose_name(Str name)
{
    return str_starts(name, S("docker-compose")) || str_starts(name, S("compose."));
}

/* ---- which of them it is */

static void take_document(Scan *s, const FileRow *f, const Json *doc, uint64_t to)
{
    if (doc->type != JSON_OBJECT)
        return;
    if (json_get(doc, "openapi") != NULL || json_get(doc, "swagger") != NULL)
        read_openapi(s, f, doc);
    else if (json_get(doc, "services") != NULL && (is_compose_name(f->name) || json_get(doc, "apiVersion") == NULL))
        take_compose(s, f, doc);
    else if (str_is(f->name, "dvc.yaml"))
        read_dvc(s, doc);
    else if (json_get(doc, "Statement") != NULL && str_starts(json_text(json_get(doc, "Version"), S("")), S("20")))
        take(s, f, "iam", S(""), json_get(doc, "Statement")->line, 0, "IAM policy");
    else
        take_object(s, f, doc, to);
}

static const Json *parse(Arena *a, const FileRow *f, Str text, Err *e)
{
    if (!is_one_of(path_ext(f->name), "json"))
        return yaml_parse_all(a, text, e);
    Json *doc = json_parse(a, text, JSON_GRAMMAR, e), *all = doc ? arena_get(a, 1, sizeof *all) : NULL;
    if (all != NULL)
        *all = (Json){ .type = JSON_ARRAY, .line = 1, .count = 1, .first = doc };
    return all;
}

bool read_documents(Scan *s, const FileRow *f, Str text)
{
    Err                e = { 0 };
    defer_arena Arena *a = NULL;
    if (has_word(text, "AWSTemplateFormatVersion")) {
        take(s, f, "cloudformation", S(""), 1, 0, "CloudFormation template");
        return true;
    }
    bool chart = str_is(f->name, "Chart.yaml") && has_word(text, "apiVersion");
    if (chart) {
        Str     folder = path_parent(f->path);
        Region *r = take(s, f, "kubernetes", S(""), 1, 0, "Helm chart");
        if (r != NULL)
            r->found->path = folder.n ? folder : S(".");
        return true;
    }
    if (!has_word(text, "apiVersion openapi swagger services: \"services\" Statement stages:"))
        return false;
    if ((a = arena_new(64 * (size_t)TEXT_MAX)) == NULL)
        return false;
    const Json *all = parse(a, f, text, &e);
    if (all == NULL) {
        bool compose = is_compose_name(f->name);
        if (compose)
            take(s, f, "compose", S(""), 1, 0, "compose file");
        else if (memmem(text.p, text.n, "{{", 2) == NULL)
            note(s, f->path, e.line, "cannot be read: %s", e.message);
        return compose;
    }
    for (const Json *doc = all->first; doc != NULL; doc = doc->next)
        take_document(s, f, doc, doc->next ? doc->next->line : 0);
    return true;
}
