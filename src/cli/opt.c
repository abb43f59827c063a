/* opt.c - see opt.h. */
#include "cli/opt.h"
#include <errno.h>

static bool take_int(const Opt *o, const char *value, Err *e)
{
    char *end;
    errno = 0;
    long v = strtol(value, &end, 10);
    if (errno || end == value || *end)
        return err_set(e, E_USAGE, "--%s wants a whole number, not '%s'", o->name, value);
    *(long *)o->to = v;
    return true;
}

static bool take_real(const Opt *o, const char *value, Err *e)
{
    char  *end;
    double v = strtod(value, &end);
    if (end == value || *end || !(v - v == 0))
        return err_set(e, E_USAGE, "--%s wants a number, not '%s'", o->name, value);
    *(double *)o->to = v;
    return true;
}

static bool take_many(const Opt *o, const char *value, Err *e)
{
    OptMany *m = o->to;
    if (m->n == OPT_MANY_MAX)
        return err_set(e, E_USAGE, "--%s may be given %d times", o->name, OPT_MANY_MAX);
    m->v[m->n++] = value;
    return true;
}

static bool take(const Opt *o, const char *value, Err *e)
{
    switch (o->kind) {
    case OPT_FLAG: return *(bool *)o->to = true;
    case OPT_TEXT: return *(const char **)o->to = value, true;
    case OPT_INT:  return take_int(o, value, e);
    case OPT_REAL: return take_real(o, value, e);
    case OPT_MANY: return take_many(o, value, e);
    }
    return false;
}

static const Opt *find(const Opt *o, size_t n, Str word, bool is_long)
{
    for (size_t i = 0; i < n; i++)
        if (is_long ? str_is(word, o[i].name) : o[i].alias && o[i].alias == word.p[0])
            return &o[i];
    return NULL;
}

static bool unknown(const Opt *o, size_t n, const char *arg, Str word, Err *e)
{
    const char *names[64];
    size_t      count = 0;
    for (; count < n && count < len_of(names); count++)
        names[count] = o[count].name;
    err_set(e, E_USAGE, "unknown option '%s'", arg);
    const char *guess = nearest_word(word, names, count);
    return guess ? err_hint(e, "did you mean '--%s'?", guess) : false;
}

/* One option at argv[*i]; a value may be the next argument. */
static bool option(const Opt *o, size_t n, int argc, char **argv, int *i, Err *e)
{
    char *a = argv[*i];
    bool  is_long = a[1] == '-';
    Str   word, inline_value;
    bool  has_value = str_cut(str(a + 1 + is_long), '=', &word, &inline_value) && is_long;
    const Opt *hit = find(o, n, word, is_long);
    if (hit == NULL)
        return unknown(o, n, a, word, e);
    const char *value = has_value ? inline_value.p : !is_long && a[2] ? a + 2 : NULL;
    if (hit->kind == OPT_FLAG && value != NULL)
        return err_set(e, E_USAGE, "--%s takes no value", hit->name);
    if (hit->kind != OPT_FLAG && value == NULL && *i + 1 < argc)
        value = argv[++*i];
    if (hit->kind != OPT_FLAG && value == NULL)
        return err_set(e, E_USAGE, "--%s needs %s", hit->name, hit->arg);
    return take(hit, value, e);
}

bool opt_parse(const Opt *o, size_t n, int *argc, char **argv, Err *e)
{
    int  kept = 0;
    bool open = true;
    for (int i = 0; i < *argc; i++) {
        char *a = argv[i];
        if (open && strcmp(a, "--") == 0)
            open = false;
        else if (!open || a[0] != '-' || a[1] == '\0')
            argv[kept++] = a;
        else if (!option(o, n, *argc, argv, &i, e))
            return false;
    }
    *argc = kept;
    return true;
}

void opt_help(FILE *f, const Opt *o, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        char left[48], alias[5] = "    ";
        if (o[i].alias)
            snprintf(alias, sizeof alias, "-%c, ", o[i].alias);
        snprintf(left, sizeof left, "%s--%s%s%s", alias, o[i].name, o[i].arg ? " " : "", o[i].arg ? o[i].arg : "");
        fprintf(f, "  %-28s %s\n", left, o[i].help);
    }
}
