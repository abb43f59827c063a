/* scan_search.c - bytes that belong to no pickle: does one lie in them?
 *
 * Raw data hold every byte, so a beginning alone means nothing.  What is tried: PROTO followed by an opcode, and a line that
 * imports a name from the deny rows; what counts is what judge_hidden() makes of it. */
#include "model/scan_pickle.h"

static bool is_name_char(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '.';
}

static bool proto_at(Str s, size_t i)
{
    return s.n - i > 3 && (uint8_t)s.p[i] == 0x80 && (uint8_t)s.p[i + 1] <= 5 && pickle_opcode_name((uint8_t)s.p[i + 2]) != NULL;
}

enum { NAME_LONG = 128, LOOKUPS_MAX = 20000 };

/* A line from i on that is a name and nothing else. */
static bool name_line(Str s, size_t i, Str *name)
{
    size_t end = i;
    while (end < s.n && end - i < NAME_LONG && is_name_char(s.p[end]))
        end++;
    *name = (Str){ s.p + i, end - i };
    return end > i && end < s.n && s.p[end] == '\n';
}

/* "cMODULE\nNAME\n" with its first line end at i: where it begins. */
static bool import_at(Str s, size_t i, unsigned *lookups, size_t *at)
{
    Str    name;
    size_t from = i;
    if (s.p[i] != '\n' || !name_line(s, i + 1, &name))
        return false;
    while (from > 0 && i - from < NAME_LONG && is_name_char(s.p[from - 1]))
        from--;
    for (; from + 1 < i && *lookups < LOOKUPS_MAX; from++)
        if ((s.p[from] == 'c' || s.p[from] == 'i') && (*lookups)++ < LOOKUPS_MAX
            && global_judge((Str){ s.p + from + 1, i - from - 1 }, name).tier == TIER_DENY)
            return *at = from, true;
    return false;
}

void search_hidden(Judge *j, Pickle *p, uint64_t from)
{
    Str      s = j->in->bytes;
    size_t   end = s.n - from > SEARCH_BYTES_MAX ? from + SEARCH_BYTES_MAX : s.n;
    unsigned tries = 0, lookups = 0;
    uint64_t followed = 0;
    for (size_t i = from; i < end && tries < SEARCH_TRIES_MAX && followed < SEARCH_BYTES_MAX; i++) {
        size_t at = i;
        if (!proto_at(s, i) && !import_at(s, i, &lookups, &at))
            continue;
        uint64_t to = judge_hidden(j, p, at);
        tries++, followed += pickle_at(p) - at;
        i = to > i ? to - 1 : i;
    }
}
