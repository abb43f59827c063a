/* discover_address.c - addresses in text: buckets, databases, models and data over HTTP.  What leaves this file holds no
 * user, password, query or fragment, and no path from a token on. */
#include "pipeline/discover.h"
#include <ctype.h>

/* ---- cutting */

/* How much of s comes before the first of `set`. */
static size_t until(Str s, const char *set)
{
    size_t n = 0;
    while (n < s.n && !is_in(s.p[n], set))
        n++;
    return n;
}

static bool is_address_char(char c) { return isalnum((unsigned char)c) || is_in(c, "-._~:/?#@!$&+=%"); }

/* An address ends before the first template or placeholder, and does not keep the sentence's punctuation. */
static size_t address_len(Str s)
{
    size_t n = 0;
    for (; n < s.n && is_address_char(s.p[n]); n++) {
        char next = n + 1 < s.n ? s.p[n + 1] : ' ';
        if ((s.p[n] == '$' && (next == '{' || next == '(' || isalpha((unsigned char)next))) || (s.p[n] == '%' && is_in(next, "sdv(")))
            break;
    }
    while (n > 0 && is_in(s.p[n - 1], ".:!?&="))
        n--;
    return n;
}

/* HOST or HOST:PORT and nothing that could be part of a password. */
static bool is_authority(Str s)
{
    Str host, port;
    str_cut(s, ':', &host, &port);
    for (size_t i = 0; i < host.n; i++)
        if (!isalnum((unsigned char)host.p[i]) && !is_in(host.p[i], "._-"))
            return false;
    for (size_t i = 0; i < port.n; i++)
        if (!isdigit((unsigned char)port.p[i]))
            return false;
    return true;
}

/* Where the host begins in what follows "://".  Passwords may hold any character, '/' and '#' too, so for anything but
 * HTTP the last '@' decides; HTTP paths hold '@' as well, so there it counts only where no plain host stands in front. */
static size_t host_at(Str rest, bool http)
{
    size_t      end = until(rest, "/?#");
    Str         front = { rest.p, end };
    const char *in_front = memrchr(rest.p, '@', end), *last = memrchr(rest.p, '@', rest.n);
    const char *at = in_front && http ? in_front : http && is_authority(front) ? NULL : last;
    return at ? (size_t)(at - rest.p) + 1 : 0;
}

/* A piece of a path that is a token by its looks: by how it begins, or one long word of digits and letters of both cases.
 * Digests and UUIDs have one case, names of models have dots and dashes. */
static bool is_token(Str piece)
{
    static const char *const begins[] = { "sk-", "sk_", "hf_", "ghp_", "gho_", "ghs_", "github_pat_", "glpat-", "xoxb-", "xoxp-", "AKIA",
                                          "ASIA", "AIza", "eyJ" };
    bool upper = false, lower = false, digit = false;
    for (size_t i = 0; i < len_of(begins); i++)
        if (piece.n >= 16 && str_starts(piece, str(begins[i])))
            return true;
    for (size_t i = 0; i < piece.n; i++) {
        unsigned char c = (unsigned char)piece.p[i];
        if (!isalnum(c))
            return false;
        upper |= isupper(c) != 0, lower |= islower(c) != 0, digit |= isdigit(c) != 0;
    }
    return piece.n >= 24 && upper && lower && digit;
}

/* How much of AUTHORITY/PATH comes before the first piece that is a token. */
static size_t before_token(Str s)
{
    Str piece, rest;
    for (bool more = str_cut(s, '/', &piece, &rest); more;) {
        more = str_cut(rest, '/', &piece, &rest);
        if (is_token(piece))
            return (size_t)(piece.p - s.p);
    }
    return s.n;
}

/* At a scheme: the address without secrets, p NULL when it is none; *used is how much of the text it took. */
static Str cut_address(Arena *a, Str text, size_t *used)
{
    text.n = until(text, " \t\r\n\"'`<>");
    *used = text.n;
    const char *colon = memmem(text.p, text.n, "://", 3);
    if (colon == NULL)
        return (Str){ NULL, 0 };
    size_t sep = (size_t)(colon - text.p) + 3, host = sep + (str_starts(text, S("s3")) ? 0 : host_at(str_from(text, sep), str_starts(text, S("http"))));
    Str    rest = str_from(text, host), authority, path;
    rest.n = address_len(rest);
    *used = host + rest.n;
    rest.n = until(rest, "?#");
    rest.n = before_token(rest);
    str_cut(rest, '/', &authority, &path);
    if (!is_authority(authority))
        return (Str){ NULL, 0 };
    return str(arena_printf(a, "%.*s%.*s", (int)sep, text.p, STR(rest)));
}

Str uri_public(Arena *a, Str uri)
{
    size_t used;
    Str    copy = arena_str(a, uri);                   /* ends with a NUL */
    if (memmem(uri.p, uri.n, "://", 3) == NULL)
        return copy;
    Str cut = cut_address(a, copy, &used);
    return cut.p ? cut : S("(not shown)");
}

/* ---- buckets */

bool is_bucket_name(Str s)
{
    if (s.n < 3 || s.n > 63 || !isalnum((unsigned char)s.p[0]) || !isalnum((unsigned char)s.p[s.n - 1]))
        return false;
    for (size_t i = 0; i < s.n; i++)
        if (!islower((unsigned char)s.p[i]) && !isdigit((unsigned char)s.p[i]) && !is_in(s.p[i], ".-"))
            return false;
    return true;
}

/* Names of buckets that keep logs, state or web pages: one of these as a word of the name. */
static bool is_side_bucket(Str name)
{
    size_t begin = 0;
    for (size_t i = 0; i <= name.n; i++) {
        if (i < name.n && isalnum((unsigned char)name.p[i]))
            continue;
        if (is_one_of((Str){ name.p + begin, i - begin }, "log logs logging accesslogs tfstate terraform cloudtrail audit backup "
                                                          "backups website www static assets cdn billing"))
            return true;
        begin = i + 1;
    }
    return false;
}

Found *bucket_part(Scan *s, Str bucket, Str key, Str file, uint64_t line, const char *why)
{
    if (!is_bucket_name(bucket))
        return NULL;
    if (is_side_bucket(bucket)) {
        note(s, file, line, "bucket %.*s is left out: its name says logs, state or pages", STR(bucket));
        return NULL;
    }
    while (str_starts(key, S("/")))
        key = str_from(key, 1);
    Str    uri = key.n ? text_of(s, "s3://%.*s/%.*s", STR(bucket), STR(key)) : text_of(s, "s3://%.*s", STR(bucket));
    Found *f = found_part(s, "sources", uri, file, line, why);
    if (f != NULL)
        f->kind = S("s3"), f->uri = uri;
    return f;
}

/* BUCKET.s3.REGION.amazonaws.com/KEY and s3.REGION.amazonaws.com/BUCKET/KEY. */
static bool s3_over_http(Arena *a, Str host, Str path, Str *uri)
{
    Str bucket = { 0 }, key = path;
    if (!str_ends(host, S(".amazonaws.com")))
        return false;
    const char *dot = memmem(host.p, host.n, ".s3", 3);
    if (dot != NULL && dot + 3 < host.p + host.n && (dot[3] == '.' || dot[3] == '-'))
        bucket = (Str){ host.p, (size_t)(dot - host.p) };
    else if (str_starts(host, S("s3.")) || str_starts(host, S("s3-")))
        str_cut(path, '/', &bucket, &key);
    if (!is_bucket_name(bucket))
        return false;
    *uri = str(arena_printf(a, "s3://%.*s%s%.*s", STR(bucket), key.n ? "/" : "", STR(key)));
    return true;
}

/* ---- what an HTTP address is for */

static const char model_words[] = "predict predictions infer inference invocations score scoring classify generate generate_stream embed "
                                  "embeddings completions chat rerank transcriptions detect recommend rank";
static const char model_hosts[] = "api.openai.com api.anthropic.com api.cohere. api.mistral.ai api-inference.huggingface.co "
                                  "generativelanguage.googleapis.com .inference.ml.azure.com runtime.sagemaker. bedrock-runtime. "
                                  ".openai.azure.com aiplatform.googleapis.com api.together.xyz api.groq.com api.deepseek.com";
static const char model_names[] = "model_url model_endpoint model_server llm_url llm_base llm_endpoint llm_host openai_base openai_api_base "
                                  "inference_url inference_endpoint predict_url prediction_url scoring_url scoring_uri embedding_url "
                                  "embeddings_url triton_url ollama_host ollama_base ollama_url tgi_url vllm_url serving_url tf_serving "
                                  "model_api model-url model-endpoint modelurl llmurl inferenceurl predicturl";
static const char data_exts[] = "csv tsv parquet jsonl npy npz arrow feather safetensors gguf onnx pt pth ckpt h5 keras tflite pkl joblib";
static const char data_names[] = "data_url dataset_url train_url training_url dataset_uri data_uri download_url dataurl dataseturl "
                                 "corpus_url weights_url checkpoint_url model_weights";

static bool is_model_path(Str path)
{
    Str one, rest = path;
    if (has_word(path, "v1/models/ v2/models/ api/generate api/chat openai/deployments/ :predict :generatecontent"))
        return true;
    for (bool more = true; more;) {
        more = str_cut(rest, '/', &one, &rest);
        if (is_one_of(one, model_words))
            return true;
    }
    return false;
}

/* The key, variable or argument in front of the address: MODEL_URL=, "model_url": , model_url = . */
static Str key_before(Str before)
{
    size_t end = before.n;
    while (end > 0 && !isalnum((unsigned char)before.p[end - 1]) && before.p[end - 1] != '\n' && before.n - end < 16)
        end--;
    size_t begin = end;
    while (begin > 0 && (isalnum((unsigned char)before.p[begin - 1]) || is_in(before.p[begin - 1], "_-")))
        begin--;
    return (Str){ before.p + begin, end - begin };
}

static bool is_data_path(Str path, Str host, Str before)
{
    bool fetches;
    Str  last = path_last(path), ext = path_ext(last);
    if (is_one_of(ext, "gz xz zst bz2 zip")) {
        Str inner = { last.p, last.n - ext.n - 1 };
        ext = is_one_of(path_ext(inner), data_exts) || has_word(last, "-ubyte data train corpus") ? S("csv") : ext;
    }
    if (is_one_of(ext, data_exts) || (has_word(host, "huggingface.co") && has_word(path, "/resolve/ datasets/")))
        return true;
    Use use = use_of(before, S(""), &fetches);
    bool table = memmem(before.p, before.n, "read_", 5) != NULL && use == USE_READ;
    return table || has_word(key_before(before), data_names);
}

static AddressKind judge_http(Address *ad, Str before)
{
    if (ad->host.n == 0 || has_word(ad->host, "github.com/ schemas. json-schema.org w3.org"))
        return ADDRESS_NONE;
    if (is_data_path(ad->path, ad->host, before))
        return ad->why = "data over HTTP", ADDRESS_DATA;
    if (is_model_path(ad->path) || has_word(ad->host, model_hosts) || has_word(key_before(before), model_names))
        return ad->why = "model over HTTP", ADDRESS_MODEL;
    return ADDRESS_NONE;
}

/* ---- one address */

static AddressKind judge_sql(Arena *a, Str scheme, Address *ad)
{
    Str base, driver, rest = str_from(ad->uri, scheme.n + 3);
    str_cut(scheme, '+', &base, &driver);
    if (!is_one_of(base, "postgres postgresql mysql mariadb mssql oracle snowflake redshift bigquery sqlite") || rest.n == 0)
        return ADDRESS_NONE;
    if (has_word(rest, ":memory") || (is_one_of(base, "sqlite") && str_trim(rest).n < 2))
        return ADDRESS_NONE;
    ad->uri = str(arena_printf(a, "%.*s://%.*s", STR(base), STR(rest)));
    return ad->why = "database", ADDRESS_SQL;
}

static AddressKind judge_address(Arena *a, Str before, Address *ad)
{
    const char *sep = memmem(ad->uri.p, ad->uri.n, "://", 3);
    Str         scheme = { ad->uri.p, (size_t)(sep - ad->uri.p) }, rest = str_from(ad->uri, scheme.n + 3);
    if (str_starts(scheme, S("jdbc:")))
        return ad->why = "database", rest.n && !has_word(rest, ":memory") ? ADDRESS_SQL : ADDRESS_NONE;
    if (is_one_of(scheme, "s3 s3a s3n")) {
        ad->uri = str(arena_printf(a, "s3://%.*s", STR(rest)));
        return ad->why = "S3 address", ADDRESS_S3;
    }
    if (!is_one_of(scheme, "http https"))
        return judge_sql(a, scheme, ad);
    str_cut(rest, '/', &ad->host, &ad->path);
    if (s3_over_http(a, ad->host, ad->path, &ad->uri))
        return ad->why = "S3 address", ADDRESS_S3;
    return judge_http(ad, before);
}

static AddressKind judge_arn(Arena *a, Str text, Address *ad, size_t *used)
{
    Str name = str_from(text, sizeof "arn:aws:s3:::" - 1);
    name.n = address_len(name);
    *used = sizeof "arn:aws:s3:::" - 1 + name.n;
    ad->uri = str(arena_printf(a, "s3://%.*s", STR(name)));
    return ad->why = "S3 resource name", name.n > 2 ? ADDRESS_S3 : ADDRESS_NONE;
}

static bool is_scheme_char(char c) { return isalnum((unsigned char)c) || c == '+' || c == '.' || c == '-'; }

/* The start of the scheme in front of "://" at `sep`. */
static size_t scheme_start(Str text, size_t sep, size_t floor)
{
    size_t i = sep;
    while (i > floor && is_scheme_char(text.p[i - 1]))
        i--;
    while (i < sep && !isalpha((unsigned char)text.p[i]))
        i++;
    return i;
}

bool next_address(Arena *a, Str text, Str before, size_t *at, Address *out)
{
    for (size_t i = *at; i < text.n; i++) {
        Str    rest = str_from(text, i);
        bool   jdbc = str_starts(rest, S("jdbc:")), arn = str_starts(rest, S("arn:aws:s3:::")), url = str_starts(rest, S("://"));
        size_t begin = url ? scheme_start(text, i, *at) : i, used = 1;
        if ((!jdbc && !arn && !url) || (url && begin == i))
            continue;
        *out = (Address){ .at = begin };
        if (!arn)
            out->uri = cut_address(a, str_from(text, begin), &used);
        /* a line of configuration is its own context: KEY=address */
        Str context = before.n ? before : (Str){ text.p, begin };
        if (arn)
            out->kind = judge_arn(a, rest, out, &used);
        else if (out->uri.p != NULL)
            out->kind = judge_address(a, context, out);
        *at = begin + used > i ? begin + used : i + 1;
        if (out->kind != ADDRESS_NONE)
            return true;
        i = *at - 1;
    }
    *at = text.n;
    return false;
}

/* ---- parts */

/* A host that only the system itself can resolve or reach: its model server, not somebody else's service. */
static bool is_inside(Str host)
{
    Str name, port;
    str_cut(host, ':', &name, &port);
    if (memchr(name.p, '.', name.n) == NULL || str_starts(name, S("127.")) || str_starts(name, S("10.")) || str_starts(name, S("192.168.")))
        return true;
    return str_ends(name, S(".svc")) || str_ends(name, S(".local")) || str_ends(name, S(".internal")) || str_starts(name, S("0.0.0.0"));
}

static Found *http_part(Scan *s, const Address *ad, Str file, uint64_t line)
{
    if (ad->kind == ADDRESS_MODEL && is_inside(ad->host)) {
        const char *scheme = str_starts(ad->uri, S("https://")) ? "https" : "http";
        bool        base = !is_model_path(ad->path) && ad->path.n && ad->path.p[ad->path.n - 1] != '/';
        return endpoint_part(s, text_of(s, "/%.*s%s", STR(ad->path), base ? "/" : ""), text_of(s, "%s://%.*s", scheme, STR(ad->host)),
                             file, line, "model server named in code or configuration");
    }
    Found *f = found_part(s, "sources", ad->uri, file, line, ad->why);
    if (f != NULL)
        f->kind = S("http"), f->uri = keep_str(s, ad->uri);
    return f;
}

Found *address_part(Scan *s, const Address *ad, Str file, uint64_t line)
{
    if (ad->kind == ADDRESS_S3) {
        Str bucket, key;
        str_cut(str_from(ad->uri, 5), '/', &bucket, &key);
        return bucket_part(s, bucket, key, file, line, ad->why);
    }
    if (ad->kind != ADDRESS_SQL)
        return http_part(s, ad, file, line);
    Found *f = found_part(s, "sources", ad->uri, file, line, ad->why);
    if (f != NULL)
        f->kind = S("sql"), f->uri = keep_str(s, ad->uri);
    return f;
}
