/* discover_terraform.c - what Terraform files create: SageMaker, EKS and their like, and buckets. */
#include "pipeline/discover.h"
#include "format/hcl.h"

/* ---- variables and locals with a plain default, by folder */

static void name_value(Scan *s, Str folder, const char *space, Str name, const HclAttr *v)
{
    Str *kept = arena_get(s->arena, 1, sizeof *kept);
    if (v == NULL || v->text.p == NULL)
        return;
    Str key = text_of(s, "%.*s %s.%.*s", STR(folder), space, STR(name));
    if (kept == NULL || !dict_put(s->terraform, key, kept))
        s->bad = true;
    else
        *kept = keep_str(s, v->text);
}

void terraform_names(Scan *s, const FileRow *f, Str text)
{
    defer_arena Arena *a = arena_new(32 * (size_t)TEXT_MAX);
    const HclBlock    *root = a ? hcl_parse(a, text, NULL) : NULL;
    Str                folder = path_parent(f->path);
    for (const HclBlock *b = root ? root->blocks : NULL; b != NULL; b = b->next) {
        if (str_is(b->type, "variable") && b->label_count == 1 && dict_get(s->terraform, b->labels[0]) == NULL)
            name_value(s, folder, "var", b->labels[0], hcl_attr(b, "default"));
        for (const HclAttr *v = str_is(b->type, "locals") ? b->attrs : NULL; v != NULL; v = v->next)
            name_value(s, folder, "local", v->name, v);
    }
    for (const HclAttr *v = root && str_ends(f->name, S(".tfvars")) ? root->attrs : NULL; v != NULL; v = v->next)
        name_value(s, folder, "var", v->name, v);
}

static const Str *look_up(const Scan *s, Str folder, Str name)
{
    char key[512];
    int  n = snprintf(key, sizeof key, "%.*s %.*s", STR(folder), STR(str_trim(name)));
    return n > 0 && (size_t)n < sizeof key ? dict_get(s->terraform, (Str){ key, (size_t)n }) : NULL;
}

/* "${var.project}-data" with every name filled in; false when one is not known. */
static bool fill_template(const Scan *s, Str folder, Str raw, Buf *out)
{
    for (size_t i = 0; i < raw.n;) {
        if (raw.p[i] != '$' || i + 1 >= raw.n || raw.p[i + 1] != '{') {
            buf_byte(out, (uint8_t)raw.p[i++]);
            continue;
        }
        Str        name, rest;
        bool       closed = str_cut(str_from(raw, i + 2), '}', &name, &rest);
        const Str *v = closed ? look_up(s, folder, name) : NULL;
        if (v == NULL)
            return false;
        buf_str(out, *v);
        i += name.n + 3;
    }
    return !out->bad;
}

/* The value of a bucket's name; empty when it is computed from what we do not see. */
static Str value_of(Scan *s, Str folder, const HclAttr *v)
{
    defer_buf Buf b = { 0 };
    if (v == NULL)
        return S("");
    if (v->text.p != NULL)
        return v->text;
    const Str *known = look_up(s, folder, v->raw);
    if (known != NULL)
        return *known;
    bool quoted = v->raw.n > 2 && v->raw.p[0] == '"';
    if (quoted && fill_template(s, folder, (Str){ v->raw.p + 1, v->raw.n - 2 }, &b))
        return keep_str(s, buf_view(&b));
    return S("");
}

/* ---- buckets */

static bool says_logs(Str label) { return has_word(label, "log tfstate terraform cloudtrail audit backup website static assets"); }

static bool receives_logs(const HclBlock *root, Str label)
{
    for (const HclBlock *b = root->blocks; b != NULL; b = b->next) {
        const HclAttr *target = hcl_attr(b, "target_bucket");
        char           name[256];
        int            n = snprintf(name, sizeof name, "aws_s3_bucket.%.*s.", STR(label));
        if (target != NULL && n > 0 && str_starts(target->raw, (Str){ name, (size_t)n }))
            return true;
    }
    return false;
}

static void take_bucket(Scan *s, const FileRow *f, const HclBlock *root, const HclBlock *b, Str label)
{
    Str name = value_of(s, path_parent(f->path), hcl_attr(b, "bucket"));
    if (says_logs(label) || receives_logs(root, label)) {
        note(s, f->path, b->line, "bucket %.*s is left out: it is for logs, state or pages", STR(name.n ? name : label));
        return;
    }
    if (name.n > 0) {
        bucket_part(s, name, S(""), f->path, b->line, "S3 bucket in Terraform");
        return;
    }
    char guess[64];
    int  n = snprintf(guess, sizeof guess, "%.*s", (int)(label.n < 60 ? label.n : 60), label.p);
    for (char *c = guess; *c; c++)
        *c = *c == '_' ? '-' : *c >= 'A' && *c <= 'Z' ? (char)(*c + 32) : *c;
    bucket_part(s, (Str){ guess, (size_t)n }, S(""), f->path, b->line,
                "S3 bucket in Terraform; its name is computed there, the address holds the name of the block");
}

/* ---- the rest */

static const struct { const char *prefix, *kind; } kinds[] = {
    { "aws_sagemaker_", "sagemaker" },      { "aws_eks_cluster", "eks" },          { "aws_eks_node_group", "eks" },
    { "aws_eks_fargate_profile", "eks" },   { "aws_bedrock", "terraform" },        { "google_vertex_ai_", "terraform" },
    { "google_container_cluster", "terraform" }, { "azurerm_machine_learning_", "terraform" },
    { "azurerm_kubernetes_cluster", "terraform" }, { "azurerm_cognitive_", "terraform" },
};

static const char *kind_of(Str type)
{
    for (size_t i = 0; i < len_of(kinds); i++)
        if (str_starts(type, str(kinds[i].prefix)) && !str_ends(type, S("_policy")) && !str_ends(type, S("_lifecycle_configuration")))
            return kinds[i].kind;
    return NULL;
}

static void take_infrastructure(Scan *s, const FileRow *f, const HclBlock *b, const char *kind, Str resource)
{
    Found  *part = found_part(s, "infrastructure", text_of(s, "%.*s %.*s", STR(f->path), STR(resource)), f->path, b->line, "Terraform");
    Region *r = arena_get(s->arena, 1, sizeof *r);
    if (part == NULL || r == NULL)
        return;
    part->kind = str(kind), part->path = f->path, part->resource = resource;
    *r = (Region){ f->path, b->line, b->next ? b->next->line : 0, part };
    list_add(s, &s->regions, r);
}

/* module "eks" { source = "terraform-aws-modules/eks/aws" } */
static void take_module(Scan *s, const FileRow *f, const HclBlock *root, const HclBlock *b)
{
    const HclAttr *source = hcl_attr(b, "source");
    if (source == NULL || source->text.p == NULL || b->label_count < 1)
        return;
    Str resource = text_of(s, "module.%.*s", STR(b->labels[0]));
    if (has_word(source->text, "/s3-bucket/"))
        take_bucket(s, f, root, b, b->labels[0]);
    else if (has_word(source->text, "/eks/ sagemaker"))
        take_infrastructure(s, f, b, has_word(source->text, "sagemaker") ? "sagemaker" : "eks", resource);
}

bool read_terraform(Scan *s, const FileRow *f, Str text)
{
    Err                e = { 0 };
    defer_arena Arena *a = arena_new(32 * (size_t)TEXT_MAX);
    const HclBlock    *root = a ? hcl_parse(a, text, &e) : NULL;
    if (root == NULL) {
        note(s, f->path, e.line, "cannot be read as Terraform: %s", e.message);
        return false;
    }
    for (const HclBlock *b = root->blocks; b != NULL; b = b->next) {
        bool        resource = str_is(b->type, "resource"), existing = str_is(b->type, "data");
        const char *kind = resource && b->label_count >= 2 ? kind_of(b->labels[0]) : NULL;
        if (kind != NULL)
            take_infrastructure(s, f, b, kind, text_of(s, "%.*s.%.*s", STR(b->labels[0]), STR(b->labels[1])));
        else if ((resource || existing) && b->label_count >= 2 && str_is(b->labels[0], "aws_s3_bucket"))
            take_bucket(s, f, root, b, b->labels[1]);
        else if (str_is(b->type, "module"))
            take_module(s, f, root, b);
    }
    return true;
}
