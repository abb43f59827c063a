/* scan_names.c - see scan_names.h. */
#include "model/scan_names.h"

static bool slash(char c) { return c == '/' || c == '\\'; }

static bool absolute(Str s)
{
    bool letter = s.n >= 2 && s.p[1] == ':' && ((s.p[0] >= 'a' && s.p[0] <= 'z') || (s.p[0] >= 'A' && s.p[0] <= 'Z'));
    return s.n != 0 && (slash(s.p[0]) || letter);
}

/* How many folders deep the walk ends; negative as soon as it was outside. */
static long depth_after(Str s, long depth)
{
    for (size_t at = 0; at < s.n && depth >= 0;) {
        size_t n = 0;
        while (at + n < s.n && !slash(s.p[at + n]))
            n++;
        bool up = n == 2 && s.p[at] == '.' && s.p[at + 1] == '.', stay = n == 0 || (n == 1 && s.p[at] == '.');
        depth += up ? -1 : stay ? 0 : 1;
        at += n + 1;
    }
    return depth;
}

static bool has_up(Str s)
{
    for (size_t i = 0; i + 2 <= s.n; i++)
        if (s.p[i] == '.' && s.p[i + 1] == '.' && (i == 0 || slash(s.p[i - 1])) && (i + 2 == s.n || slash(s.p[i + 2])))
            return true;
    return false;
}

const char *name_leaves(Str name)
{
    return memchr(name.p ? name.p : "", '\0', name.n) != NULL ? "holds a NUL" : absolute(name) ? "is absolute" : has_up(name) ? "holds .." : NULL;
}

const char *link_leaves(Str name, Str target)
{
    long depth = depth_after(name, 0) - 1;
    if (absolute(target))
        return "is absolute";
    return depth_after(target, depth < 0 ? 0 : depth) < 0 ? "lies outside" : NULL;
}
