/* discover_lex.c - code and configuration cut into what may be evidence: string literals, and lines without their comments.
 *
 * One scanner for all languages, told apart by a row: how comments start, what opens a literal.  A stray quote (in a
 * regular expression, say) costs the rest of its line at most, because plain literals end with it. */
#include "pipeline/discover.h"
#include <ctype.h>

enum { BEFORE_MAX = 400, AFTER_MAX = 32 };

static const Lang langs[] = {
    { "py pyx pyi", "#", NULL, false, "\"'", true },
    { "r jl rb", "#", NULL, false, "\"'", true },
    { "js ts jsx tsx mjs cjs vue svelte", "//", NULL, true, "\"'`", false },
    { "go", "//", NULL, true, "\"`", false },
    { "java kt kts scala groovy cs swift", "//", NULL, true, "\"", true },
    { "rs c h cc cpp hpp cu", "//", NULL, true, "\"", false },
    { "sql", "--", NULL, true, "'", false },
    { "json", NULL, NULL, false, "\"", false },
    { "tf tfvars hcl", "#", "//", true, "\"", false },
    { "sh bash zsh yaml yml toml env properties dockerfile containerfile makefile mk procfile justfile", "#", NULL, false, NULL, false },
    { "ini cfg conf cnf", "#", ";", false, NULL, false },
};

const Lang *lang_of(Str name)
{
    Str ext = path_ext(name);
    if (is_one_of(name, "package-lock.json composer.lock pnpm-lock.yaml package.json tsconfig.json") || str_ends(name, S(".min.js")))
        return NULL;
    if (str_starts(name, S(".env")))
        ext = S("env");
    if (str_starts(name, S("Dockerfile")))
        ext = S("dockerfile");
    if (str_is(name, "config") && ext.n == 0)          /* .dvc/config, .aws/config */
        ext = S("ini");
    for (size_t i = 0; i < len_of(langs); i++)
        if (is_one_of(ext, langs[i].names) || is_one_of(name, langs[i].names))
            return &langs[i];
    return NULL;
}

typedef struct Lex {
    const Lang *l;
    Str         text;
    size_t      at;
    uint64_t    line;
    void (*fn)(void *ctx, const Span *sp);
    void *ctx;
} Lex;

static bool at_word(const Lex *x, const char *word)
{
    size_t n = word ? strlen(word) : 0;
    return n > 0 && x->text.n - x->at >= n && memcmp(x->text.p + x->at, word, n) == 0;
}

static void step(Lex *x, size_t n)
{
    for (; n > 0 && x->at < x->text.n; n--)
        x->line += x->text.p[x->at++] == '\n';
}

/* ---- lines: a comment starts a line or follows a blank, so that http://host/#part stays whole */

static size_t comment_at(const Lang *l, Str line)
{
    bool text = false;
    for (size_t i = 0; i < line.n; i++) {
        Lex  here = { .l = l, .text = line, .at = i };
        bool open = i == 0 || isspace((unsigned char)line.p[i - 1]);
        text ^= line.p[i] == '"' && (i == 0 || line.p[i - 1] != '\\');
        if (!text && open && (at_word(&here, l->line1) || (at_word(&here, l->line2) && str_trim((Str){ line.p, i }).n == 0)))
            return i;
    }
    return line.n;
}

static void lex_lines(Lex *x)
{
    Str line, previous = S(""), rest = x->text;
    for (bool more = rest.n > 0; more; x->line++) {
        more = str_cut(rest, '\n', &line, &rest);
        line.n = comment_at(x->l, line);
        Span sp = { str_trim(line), x->line, S(""), S(""), false };
        if (str_starts(sp.text, S("value:")))          /* of a Kubernetes variable, whose name stands above */
            sp.before = previous;
        if (sp.text.n > 0)
            x->fn(x->ctx, &sp);
        previous = sp.text;
    }
}

/* ---- literals */

static Str before(const Lex *x, size_t at)
{
    size_t from = at > BEFORE_MAX ? at - BEFORE_MAX : 0;
    return (Str){ x->text.p + from, at - from };
}

/* Nothing but blanks between the line's start and `at`: a string that stands alone is documentation. */
static bool starts_statement(const Lex *x, size_t at)
{
    while (at > 0 && (x->text.p[at - 1] == ' ' || x->text.p[at - 1] == '\t'))
        at--;
    if (at == 0)
        return true;
    if (x->text.p[at - 1] != '\n')
        return false;
    while (at > 0 && isspace((unsigned char)x->text.p[at - 1]))
        at--;
    return at == 0 || strchr("([{,=+\\", x->text.p[at - 1]) == NULL;   /* inside a call it is an argument */
}

static void emit(Lex *x, size_t begin, size_t end, uint64_t line, size_t opened)
{
    Str  after = str_from(x->text, end + 1);
    after.n = after.n < AFTER_MAX ? after.n : AFTER_MAX;
    Span sp = { { x->text.p + begin, end - begin }, line, before(x, opened), after, true };
    if (sp.text.n > 0)
        x->fn(x->ctx, &sp);
}

static void long_literal(Lex *x, const char *quote)
{
    size_t   opened = x->at, end;
    uint64_t line = x->line;
    bool     documentation = starts_statement(x, opened);
    step(x, 3);
    size_t begin = x->at;
    while (x->at < x->text.n && !at_word(x, quote))
        step(x, x->text.p[x->at] == '\\' ? 2 : 1);
    end = x->at;
    step(x, 3);
    if (!documentation)
        emit(x, begin, end, line, opened);
}

static void literal(Lex *x, char quote)
{
    size_t   opened = x->at, begin = opened + 1;
    uint64_t line = x->line;
    for (step(x, 1); x->at < x->text.n && x->text.p[x->at] != quote; step(x, 1)) {
        if (x->text.p[x->at] == '\n' && quote != '`')
            return;                                    /* not closed: a stray quote */
        if (x->text.p[x->at] == '\\' && quote != '`' && x->at + 1 < x->text.n)
            step(x, 1);
    }
    if (x->at < x->text.n)
        emit(x, begin, x->at, line, opened);
    step(x, 1);
}

static void line_comment(Lex *x)
{
    const char *end = memchr(x->text.p + x->at, '\n', x->text.n - x->at);
    x->at = end ? (size_t)(end - x->text.p) : x->text.n;
}

static void block_comment(Lex *x)
{
    for (step(x, 2); x->at < x->text.n && !at_word(x, "*/");)
        step(x, 1);
    step(x, 2);
}

static void lex_code(Lex *x)
{
    const Lang *l = x->l;
    while (x->at < x->text.n) {
        char c = x->text.p[x->at];
        if (at_word(x, l->line1) || at_word(x, l->line2))
            line_comment(x);
        else if (l->block && at_word(x, "/*"))
            block_comment(x);
        else if (l->triple && at_word(x, "\"\"\""))
            long_literal(x, "\"\"\"");
        else if (l->triple && at_word(x, "'''"))
            long_literal(x, "'''");
        else if (c != '\0' && strchr(l->quotes, c) != NULL)
            literal(x, c);
        else
            step(x, 1);
    }
}

void lex(const Lang *l, Str text, uint64_t line, void (*fn)(void *ctx, const Span *sp), void *ctx)
{
    Lex x = { l, text, 0, line, fn, ctx };
    if (l->quotes == NULL)
        lex_lines(&x);
    else
        lex_code(&x);
}

/* ---- what the calls around a literal do with it */

static const char readers[] = "read_csv read_table read_parquet read_json read_excel read_feather read_pickle read_hdf read_orc open "
                              "load loadtxt genfromtxt fromfile load_dataset load_model load_state_dict load_weights from_pretrained "
                              "from_file InferenceSession load_learner scan_csv scan_parquet ImageFolder image_dataset_from_directory "
                              "Llama LlamaCpp GPT4All Dataset from_csv from_json make_csv_dataset readFile readFileSync "
                              "createReadStream Open ReadFile read_text CSVLoader TextLoader read_sql connect create_engine Booster "
                              "Interpreter safe_open load_file get_object csv parquet json textFile list_objects_v2 urlopen get post";
static const char writers[] = "to_csv to_parquet to_json to_excel to_feather to_pickle to_hdf dump save savez savez_compressed savetxt "
                              "save_model save_weights save_pretrained save_file export write write_text write_csv write_parquet "
                              "sink_parquet ModelCheckpoint put_object writeFile writeFileSync to_file saveAsTextFile upload_fileobj";
static const char fetchers[] = "urlretrieve download_file download fget_object wget_download snapshot_download hf_hub_download";

static const char showers[] = "print println printf Println Printf log info debug warn warning error exception fatal critical echo "
                             "Error ValueError RuntimeError Exception";

/* The name in front of an opening bracket at `at`; its last component: pd.read_csv -> read_csv. */
static Str callee(Str before, size_t at)
{
    size_t end = at;
    while (end > 0 && (before.p[end - 1] == ' '))
        end--;
    size_t begin = end;
    while (begin > 0 && (isalnum((unsigned char)before.p[begin - 1]) || before.p[begin - 1] == '_'))
        begin--;
    return (Str){ before.p + begin, end - begin };
}

/* The mode behind the name in open("x", "wb"). */
static bool opens_to_write(Str after)
{
    Str rest = str_trim(after);
    if (!str_starts(rest, S(",")))
        return false;
    rest = str_trim(str_from(rest, 1));
    if (str_starts(rest, S("mode=")))
        rest = str_from(rest, 5);
    return rest.n > 1 && (rest.p[0] == '"' || rest.p[0] == '\'') && (rest.p[1] == 'w' || rest.p[1] == 'a' || rest.p[1] == 'x');
}

static Use use_by_name(Str name, Str after, bool *fetches)
{
    *fetches = is_one_of(name, fetchers);
    if (is_one_of(name, showers))
        return USE_SHOW;
    if (*fetches || is_one_of(name, writers))
        return USE_WRITE;
    if (!is_one_of(name, readers))
        return USE_NONE;
    return is_one_of(name, "open Open") && opens_to_write(after) ? USE_WRITE : USE_READ;
}

Use use_of(Str before, Str after, bool *fetches)
{
    int depth = 0;
    Str trimmed = str_trim(before);
    *fetches = false;
    if (str_ends(trimmed, S("help=")) || str_ends(trimmed, S("description=")))
        return USE_SHOW;
    for (size_t i = before.n; i > 0; i--) {
        char c = before.p[i - 1], next = i < before.n ? before.p[i] : ' ';
        depth += c == ')';
        if (c == '(' && depth-- <= 0) {
            Use use = use_by_name(callee(before, i - 1), after, fetches);
            if (use != USE_NONE)
                return use;
            depth = 0;
        }
        if (c == ';' || (c == '\n' && depth <= 0 && !isspace((unsigned char)next) && next != ')'))
            break;                                     /* the statement begins here */
    }
    return USE_NONE;
}
