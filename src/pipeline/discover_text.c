/* discover_text.c - configuration and code: which addresses they name, and which candidates they read or write. */
#include "pipeline/discover.h"
#include <ctype.h>

/* ---- a candidate by the way it is written in code */

static Str next_component(Str *path)
{
    Str last = path_last(*path);
    *path = path_parent(*path);
    return last;
}

/* How many trailing components agree; *left is what remains of `written`. */
static size_t agreement(Str written, Str path, Str *left)
{
    size_t n = 0;
    while (written.n && path.n) {
        Str w = written, p = path;
        if (!str_eq(next_component(&w), next_component(&p)))
            break;
        written = w, path = p, n++;
    }
    *left = written;
    return n;
}

static Str clean_path(Str t)
{
    if (str_starts(t, S("file://")))
        t = str_from(t, 7);
    while (str_starts(t, S("./")))
        t = str_from(t, 2);
    const char *glob = memchr(t.p, '*', t.n);
    if (glob != NULL)
        t.n = (size_t)(glob - t.p), t = path_parent(t);
    while (t.n > 1 && t.p[t.n - 1] == '/')
        t.n--;
    return t;
}

/* What is left of a written path may be a mount point (/app/data/x), a climb (../data/x) or a template ({root}/x). */
static bool may_be_elsewhere(Str whole, Str left)
{
    return left.n == 0 || whole.p[0] == '/' || memmem(left.p, left.n, "..", 2) || memchr(left.p, '{', left.n) ||
           memchr(left.p, '$', left.n) || memchr(left.p, '%', left.n);
}

Candidate *candidate_of(const Scan *s, Str written, bool weak)
{
    Candidate *best = NULL;
    size_t     score = 0;
    Str        t = clean_path(written), left;
    if (t.n == 0 || t.n > 512)
        return NULL;
    for (Candidate *c = dict_get(s->by_name, path_last(t)); c != NULL; c = c->same_name) {
        size_t n = agreement(t, c->path, &left);
        bool   folder = path_ext(c->path).n == 0, bare = memchr(t.p, '/', t.n) == NULL;
        if (c->test || n == 0 || !may_be_elsewhere(t, left) || (folder && bare && weak))
            continue;
        if (n > score || (n == score && best == NULL))
            best = c, score = n;
        else if (n == score)
            best = NULL;                               /* two that could be meant */
    }
    return best;
}

/* ---- mentions */

static void add_mention(TextFile *t, const Span *sp, size_t column, Use use, Candidate *c, Found *source)
{
    Scan    *s = t->scan;
    Mention *m = arena_get(s->arena, 1, sizeof *m);
    if (m == NULL) {
        s->bad = true;
        return;
    }
    *m = (Mention){ t->file, sp->line, column, use, c, source };
    list_add(s, &s->mentions, m);
    if (c == NULL)
        return;
    c->mentioned |= use != USE_WRITE;
    c->read |= use == USE_READ;
    c->written |= use == USE_WRITE;
    if (c->by.n == 0 && use != USE_WRITE)
        c->by = t->path, c->by_line = sp->line;
}

static bool is_token_end(char c) { return isspace((unsigned char)c) || is_in(c, "\"'`=,;()[]<>|"); }

/* Words of a line of configuration or of a command; the word in front says whether it is an output. */
static void mention_words(TextFile *t, const Span *sp)
{
    Str previous = S("");
    for (size_t i = 0; i < sp->text.n;) {
        size_t begin = i;
        while (i < sp->text.n && !is_token_end(sp->text.p[i]))
            i++;
        Str word = { sp->text.p + begin, i - begin };
        if (word.n > 0 && word.p[word.n - 1] == ':')
            word.n--;
        bool       redirect = str_ends(str_trim((Str){ sp->text.p, begin }), S(">"));
        Candidate *c = word.n > 2 ? candidate_of(t->scan, word, true) : NULL;
        bool       out = redirect || str_is(previous, "-o") || str_is(previous, "-O") || has_word(previous, "out save");
        if (c != NULL)
            add_mention(t, sp, begin, out ? USE_WRITE : USE_MENTION, c, NULL);
        if (word.n > 0)
            previous = word;
        i += i < sp->text.n;
    }
}

static void mention_literal(TextFile *t, const Span *sp, Use use)
{
    if (memchr(sp->text.p, '\n', sp->text.n) != NULL)
        return;
    Candidate *c = candidate_of(t->scan, sp->text, use == USE_NONE);
    /* MODEL = "m.pkl" ... dump(model, MODEL): a file that saves models and loads none writes the one it names */
    bool saved = c != NULL && use == USE_NONE && strcmp(c->section, "models") == 0 && t->saves && !t->loads;
    if (c != NULL)
        add_mention(t, sp, 0, saved ? USE_WRITE : use == USE_NONE ? USE_MENTION : use, c, NULL);
    else if (memchr(sp->text.p, ' ', sp->text.n) != NULL)
        mention_words(t, sp);
}

/* ---- addresses */

/* A sentence that happens to hold an address is no evidence; a command line or a query is. */
static bool is_prose(const Span *sp, size_t at)
{
    static const char commands[] = "aws curl wget gsutil s5cmd rclone dvc mlflow az python python3 sh bash copy unload create select "
                                   "insert load spark-submit docker ollama";
    Str first, rest, line = str_trim(sp->text);
    if (!sp->literal) {
        str_cut(line, ':', &first, &rest);
        return is_one_of(str_trim(first), "description summary title help comment note about");
    }
    str_cut(line, ' ', &first, &rest);
    return rest.n > 0 && at > 0 && !is_one_of(first, commands);
}

static void addresses(TextFile *t, const Span *sp, Use use, bool fetches)
{
    Address ad;
    size_t  at = 0, begin = 0;
    while (next_address(t->arena, sp->text, sp->before, &at, &ad)) {
        bool   prose = is_prose(sp, ad.at);
        Found *f = prose ? NULL : address_part(t->scan, &ad, t->path, sp->line);
        Use    how = fetches ? USE_READ : use == USE_NONE ? USE_MENTION : use;
        if (f != NULL && strcmp(f->section, "sources") == 0)
            add_mention(t, sp, begin, how, NULL, f);
        begin = at;
    }
}

/* ---- buckets named apart from their keys */

static Str trim_end(Str s)
{
    while (s.n && isspace((unsigned char)s.p[s.n - 1]))
        s.n--;
    return s;
}

static const char other_buckets[] = "gcs gs_ google log state buckets";

static bool ends_any(Str s, const char *list)
{
    Str one, rest = str(list);
    for (bool more = true; more;) {
        more = str_cut(rest, ' ', &one, &rest);
        if (str_ends(s, one))
            return true;
    }
    return false;
}

/* bucket="x", BUCKET = "x", {"Bucket": "x"}, .Bucket("x"), download_file("x", ... */
static bool is_bucket_argument(Str before)
{
    if (ends_any(before, ".Bucket( download_file( download_fileobj( get_object("))
        return true;
    if (!ends_any(before, "= :"))
        return false;
    size_t end = before.n - 1;
    while (end > 0 && is_in(before.p[end - 1], " \"':"))
        end--;
    size_t begin = end;
    while (begin > 0 && (isalnum((unsigned char)before.p[begin - 1]) || is_in(before.p[begin - 1], "_-")))
        begin--;
    Str key = { before.p + begin, end - begin };
    return has_word(key, "bucket") && !has_word(key, other_buckets);
}

static void flush_bucket(TextFile *t, Str key)
{
    if (t->bucket.n == 0)
        return;
    Span   sp = { .line = t->bucket_line };
    Found *f = bucket_part(t->scan, t->bucket, key, t->path, t->bucket_line, "bucket named in code or configuration");
    if (f != NULL)
        add_mention(t, &sp, 0, USE_READ, NULL, f);
    t->bucket = S("");
}

static void bucket_literal(TextFile *t, const Span *sp)
{
    Str before = trim_end(sp->before);
    if (t->bucket.n > 0) {
        bool key = ends_any(before, "Key= key= Key: Prefix= Prefix:") || (ends_any(before, ",") && sp->line - t->bucket_line < 3);
        flush_bucket(t, key && memchr(sp->text.p, '{', sp->text.n) == NULL ? sp->text : S(""));
    }
    if (is_bucket_argument(before) && is_bucket_name(sp->text))
        t->bucket = keep_str(t->scan, sp->text), t->bucket_line = sp->line;
}

/* bucket: NAME, S3_BUCKET=NAME, export BUCKET="NAME" */
static void bucket_line(TextFile *t, const Span *sp)
{
    for (size_t i = 0; i < sp->text.n; i++) {
        if (sp->text.p[i] != '=' && sp->text.p[i] != ':')
            continue;
        Str key = { sp->text.p, i }, value = str_trim(str_from(sp->text, i + 1));
        while (value.n > 1 && is_in(value.p[0], "\"'"))
            value = (Str){ value.p + 1, value.n - 2 };
        if (has_word(key, "bucket") && !has_word(key, other_buckets) && is_bucket_name(value) && !has_word(key, " -"))
            t->bucket = keep_str(t->scan, value), t->bucket_line = sp->line, flush_bucket(t, S(""));
        return;
    }
}

/* ---- one span, one file */

static void route_literal(TextFile *t, const Span *sp)
{
    Scan *s = t->scan;
    if (sp->text.p[0] != '/' || sp->text.n < 2 || sp->text.n > 200 || memchr(sp->text.p, ' ', sp->text.n) != NULL)
        return;
    Route *r = arena_get(s->arena, 1, sizeof *r);
    if (r == NULL)
        s->bad = true;
    else
        *r = (Route){ t->file, sp->line, keep_str(s, sp->text) }, list_add(s, &s->routes, r);
}

void text_span(void *text_file, const Span *sp)
{
    TextFile *t = text_file;
    bool      fetches = false;
    Use       use = sp->literal ? use_of(sp->before, sp->after, &fetches) : USE_NONE;
    if (use == USE_SHOW)
        return;
    addresses(t, sp, use, fetches);
    if (!sp->literal) {
        mention_words(t, sp);
        bucket_line(t, sp);
        return;
    }
    if (!t->terraform)
        bucket_literal(t, sp);
    mention_literal(t, sp, use);
    route_literal(t, sp);
}

static void text_begin(TextFile *t, Scan *s, Arena *a, size_t file, Str text)
{
    const FileRow *f = &s->files[file];
    *t = (TextFile){ .scan = s, .arena = a, .file = file, .path = f->path };
    t->terraform = is_one_of(path_ext(f->name), "tf tfvars hcl");
    t->saves = has_word(text, "dump( .save( torch.save save_model save_pretrained save_file .export( save_weights ModelCheckpoint");
    t->loads = has_word(text, ".load( load_model InferenceSession from_pretrained Llama( load_state_dict");
}

static void text_end(TextFile *t) { flush_bucket(t, S("")); }

static bool is_notebook(const FileRow *f) { return is_one_of(path_ext(f->name), "ipynb"); }

static bool may_be_nginx(const FileRow *f)
{
    return is_one_of(path_ext(f->name), "conf nginx") || memmem(f->path.p, f->path.n, "sites-", 6) != NULL;
}

void read_text(Scan *s, size_t file, Arena *a, Str text)
{
    const FileRow *f = &s->files[file];
    const Lang    *l = lang_of(f->name);
    TextFile       t;
    text_begin(&t, s, a, file, text);
    if (is_notebook(f))
        read_notebook(&t, text);
    else if (!(may_be_nginx(f) && read_nginx(s, f, text)) && l != NULL) {
        if (t.terraform)
            read_terraform(s, f, text);
        if (is_one_of(path_ext(f->name), "yaml yml json"))
            read_documents(s, f, text);
        lex(l, text, 1, text_span, &t);
    }
    text_end(&t);
}

static void read_file(Scan *s, size_t i)
{
    const FileRow *f = &s->files[i];
    size_t         limit = is_notebook(f) ? NOTEBOOK_MAX : TEXT_MAX;
    Str            text;
    if (f->test || f->size == 0 || (lang_of(f->name) == NULL && !is_notebook(f) && !may_be_nginx(f)))
        return;
    if (f->size > limit) {
        s->skipped++;
        return;
    }
    defer_arena Arena *a = arena_new(16 * limit);
    if (a == NULL)
        s->bad = true;
    else if (scan_read(s, a, f->path, limit, &text) && memchr(text.p, '\0', text.n) == NULL)
        s->read++, read_text(s, i, a, text);
}

/* Variables may be declared in any file of a folder, so they are read before what uses them. */
static void read_variables(Scan *s)
{
    for (size_t i = 0; i < s->file_count && !s->bad; i++) {
        const FileRow     *f = &s->files[i];
        defer_arena Arena *a = arena_new(2 * TEXT_MAX);
        Str                text;
        if (a != NULL && !f->test && is_one_of(path_ext(f->name), "tf tfvars") && f->size <= TEXT_MAX && scan_read(s, a, f->path, TEXT_MAX, &text))
            terraform_names(s, f, text);
    }
}

void read_texts(Scan *s)
{
    read_variables(s);
    for (size_t i = 0; i < s->file_count && !s->bad; i++)
        read_file(s, i);
}
