/* globals.c - see globals.h.  How a name is looked up in the tables. */
#include "model/globals.h"

static bool next_word(Str *rest, char sep, Str *word)
{
    if (rest->n == 0)
        return false;
    str_cut(*rest, sep, word, rest);
    return true;
}

/* The tables are lists of words, read in place. */
static bool has_word(const char *words, Str word)
{
    for (const char *w = words, *end; *w; w = end + (*end == ' ')) {
        end = strchrnul(w, ' ');
        if ((size_t)(end - w) == word.n && memcmp(w, word.p, word.n) == 0)
            return true;
    }
    return false;
}

/* Is one of the dot-separated components of `name` among the words? */
static bool has_component(const char *words, Str name)
{
    for (Str rest = name, c; next_word(&rest, '.', &c);)
        if (has_word(words, c))
            return true;
    return false;
}

static const GlobalRow *find(const GlobalRow *rows, size_t n, Str module, Str name)
{
    for (size_t i = 0; i < n; i++)
        if (has_word(rows[i].module, module) && has_word(rows[i].names, name))
            return &rows[i];
    return NULL;
}

static const GlobalRow *allowed(Str module, Str name)
{
    return str_starts(module, S("sklearn.")) ? find(globals_sklearn, globals_sklearn_len, module, name)
                                             : find(globals_allow, globals_allow_len, module, name);
}

/* Does `full` lie under one of the modules?  What of it lies behind. */
static bool under(Str full, const char *modules, Str *rest)
{
    for (const char *m = modules; *m; m += *m == ' ') {
        const char *end = strchrnul(m, ' ');
        size_t      n = (size_t)(end - m);
        if (*m == full.p[0] && n < full.n && full.p[n] == '.' && memcmp(m, full.p, n) == 0)
            return *rest = str_from(full, n + 1), true;
        m = end;
    }
    return false;
}

static const GlobalRow *denied(Str full)
{
    for (size_t i = 0; i < globals_deny_len; i++) {
        const GlobalRow *r = &globals_deny[i];
        Str              rest;
        if (under(full, r->module, &rest) && (r->names[0] == '*' || has_component(r->names, rest)))
            return r;
    }
    return NULL;
}

/* ---- names as such */

static bool is_odd(Str s)
{
    bool dot = true;
    for (size_t i = 0; i < s.n; i++) {
        char c = s.p[i];
        bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_', digit = c >= '0' && c <= '9';
        if (!letter && !(digit && !dot) && !(c == '.' && !dot))
            return true;
        dot = c == '.';
    }
    return dot;                                        /* empty, or a dot at the end */
}

/* Modules through which an attribute leads anywhere. */
static const char doors[] = "os sys posix nt subprocess builtins importlib pickle marshal shutil socket ctypes io types inspect code runpy "
                            "pty commands functools operator torch numpy multiprocessing threading tempfile pathlib";

static Str without_underscores(Str s)
{
    while (s.n > 0 && s.p[0] == '_')
        s = str_from(s, 1);
    return s;
}

static bool leads_through(Str name)
{
    bool dotted = memchr(name.p, '.', name.n) != NULL;
    for (Str rest = name, c; next_word(&rest, '.', &c);)
        if ((c.n > 4 && str_starts(c, S("__")) && str_ends(c, S("__"))) || (dotted && has_word(doors, without_underscores(c))))
            return true;
    return !dotted && has_word("os sys subprocess builtins pickle marshal importlib posix", name);
}

static const char acting_words[] = "run call main open load loads read_pickle import_module import_string import_from_string import_object resolve resolve_name "
    "locate compile_file create_function builtin_type getattr eval exec interact urlopen urlretrieve fetch fetch_url connect listen "
    "extractall extract unlink remove rmtree rmdir write_text write_bytes write_file read_text readfile from_file load_model load_module load_library "
    "load_config from_pickle apply invoke runcode runsource";
static const char acting_tokens[] = "system popen spawn exec execute eval unpickle subprocess shell runstring cmd command bash powershell wget curl";

/* By its last component, an unknown name says that it runs, opens or loads. */
static bool acts(Str name)
{
    Str last = name, c, token;
    for (Str rest = name; next_word(&rest, '.', &c);)
        last = c;
    last = without_underscores(last);
    if (has_word(acting_words, last))
        return true;
    if (str_starts(last, S("pyx_unpickle_")))          /* how Cython names what makes an object of its classes */
        return false;
    for (Str rest = last; next_word(&rest, '_', &token);)
        if (has_word(acting_tokens, token))
            return true;
    return false;
}

static GlobalVerdict one_spelling(Str module, Str name)
{
    char             room[2 * 4096 + 2];
    GlobalVerdict    v = { .tier = TIER_UNKNOWN, .odd = is_odd(module) || is_odd(name) };
    const GlobalRow *r = allowed(module, name);
    if (r != NULL)
        return (GlobalVerdict){ .tier = r->tier, .row = r };
    int n = snprintf(room, sizeof room, "%.*s.%.*s", STR(module), STR(name));
    v.row = denied((Str){ room, n < 0 ? 0 : (size_t)n < sizeof room ? (size_t)n : sizeof room - 1 });
    v.dotted = leads_through(name);
    v.acts = acts(name);
    if (v.row != NULL || v.dotted)
        v.tier = TIER_DENY;
    return v;
}

/* A name that only Python 2 has is known by what it became; one that both have, by the worse. */
static GlobalVerdict with_python3(GlobalVerdict v, Str module, Str name)
{
    GlobalVerdict w = one_spelling(module, name);
    bool          v_said = v.row != NULL || v.odd;
    if (!v_said && w.tier < TIER_UNKNOWN)
        return w;
    return w.tier > v.tier ? w : v;
}

GlobalVerdict global_judge(Str module, Str name)
{
    GlobalVerdict v = one_spelling(module, name);
    Str           other_module, other_name;
    if (python2_to_3(module, name, &other_module, &other_name))
        v = with_python3(v, other_module, other_name);
    if (v.tier != TIER_DENY && python3_to_2(module, name, &other_module, &other_name)) {
        GlobalVerdict w = one_spelling(other_module, other_name);
        v = w.tier == TIER_DENY && w.row != NULL ? w : v;
    }
    return v;
}

unsigned storage_itemsize(Str module, Str name)
{
    static const struct { const char *names; unsigned bytes; } sizes[] = {
        { "ByteStorage CharStorage BoolStorage QInt8Storage QUInt8Storage QUInt4x2Storage QUInt2x4Storage UntypedStorage _UntypedStorage", 1 },
        { "HalfStorage BFloat16Storage ShortStorage", 2 },
        { "FloatStorage IntStorage QInt32Storage", 4 },
        { "DoubleStorage LongStorage ComplexFloatStorage", 8 },
        { "ComplexDoubleStorage", 16 },
    };
    if (!str_is(module, "torch") && !str_is(module, "torch.storage"))
        return 0;
    for (size_t i = 0; i < len_of(sizes); i++)
        if (has_word(sizes[i].names, name))
            return sizes[i].bytes;
    return 0;
}
