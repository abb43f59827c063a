/* discover.c - the words the passes share, and their order.  See discover.h. */
#include "pipeline/discover.h"
#include "base/file.h"
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

bool list_add(Scan *s, List *l, void *item)
{
    if (l->n == l->cap) {
        size_t cap = l->cap ? 2 * l->cap : 32;
        void **v = arena_get(s->arena, cap, sizeof *v);
        if (v == NULL)
            return s->bad = true, false;
        if (l->n)
            memcpy(v, l->v, l->n * sizeof *v);
        l->v = v, l->cap = cap;
    }
    l->v[l->n++] = item;
    return true;
}

Str keep_str(Scan *s, Str v)
{
    Str copy = arena_str(s->arena, v);
    s->bad |= copy.p == NULL;
    return copy.p ? copy : S("");
}

Str text_of(Scan *s, const char *fmt, ...)
{
    char    small[2048];
    va_list ap;
    va_start(ap, fmt);
    int n = vsnprintf(small, sizeof small, fmt, ap);
    va_end(ap);
    return keep_str(s, (Str){ small, n < 0 ? 0 : (size_t)n < sizeof small ? (size_t)n : sizeof small - 1 });
}

Found *found_part(Scan *s, const char *section, Str key, Str file, uint64_t line, const char *why)
{
    Str    id = text_of(s, "%s %.*s", section, STR(key));
    Found *f = dict_get(s->found, id);
    if (f != NULL)
        return f;
    f = arena_get(s->arena, 1, sizeof *f);
    if (f == NULL || !dict_put(s->found, id, f))
        return s->bad = true, NULL;
    *f = (Found){ .section = section, .file = keep_str(s, file), .line = line, .why = text_of(s, "%s", why) };
    return f;
}

void note(Scan *s, Str file, uint64_t line, const char *fmt, ...)
{
    char    text[512];
    va_list ap;
    if (s->notes.n >= NOTES_MAX)
        return;
    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    Str whole = line ? text_of(s, "%.*s:%" PRIu64 ": %s", STR(file), line, text) : text_of(s, "%.*s: %s", STR(file), text);
    Str *kept = arena_get(s->arena, 1, sizeof *kept);
    if (kept == NULL || dict_get(s->noted, whole) != NULL || !dict_put(s->noted, whole, kept))
        return;
    *kept = whole;
    list_add(s, &s->notes, kept);
}

void add_link(Scan *s, Found *from, Found *to)
{
    for (size_t i = 0; i < s->links.n; i++) {
        const Link *l = s->links.v[i];
        if (l->from == from && l->to == to)
            return;
    }
    Link *l = arena_get(s->arena, 1, sizeof *l);
    if (l == NULL)
        s->bad = true;
    else
        *l = (Link){ from, to }, list_add(s, &s->links, l);
}

bool is_one_of(Str word, const char *list)
{
    Str one, rest = str(list);
    for (bool more = true; more;) {
        more = str_cut(rest, ' ', &one, &rest);
        if (one.n == word.n && strncasecmp(one.p, word.p, one.n) == 0)
            return true;
    }
    return false;
}

bool is_in(char c, const char *set) { return c != '\0' && strchr(set, c) != NULL; }

bool has_word(Str text, const char *list)
{
    Str one, rest = str(list);
    for (bool more = true; more;) {
        more = str_cut(rest, ' ', &one, &rest);
        for (size_t i = 0; one.n && i + one.n <= text.n; i++)
            if (strncasecmp(text.p + i, one.p, one.n) == 0)
                return true;
    }
    return false;
}

Str path_last(Str path)
{
    const char *slash = memrchr(path.p, '/', path.n);
    return slash ? str_from(path, (size_t)(slash - path.p) + 1) : path;
}

Str path_parent(Str path)
{
    const char *slash = memrchr(path.p, '/', path.n);
    return (Str){ path.p, slash ? (size_t)(slash - path.p) : 0 };
}

Str path_ext(Str name)
{
    Str         last = path_last(name);
    const char *dot = memrchr(last.p, '.', last.n);
    return dot && dot > last.p ? str_from(last, (size_t)(dot - last.p) + 1) : S("");
}

bool is_data_name(Str name)
{
    return is_one_of(name, "data dataset datasets train training corpus corpora raw processed interim external inputs");
}

bool in_data_folder(Str path)
{
    Str one, rest = path_parent(path);
    for (bool more = rest.n > 0; more;) {
        more = str_cut(rest, '/', &one, &rest);
        if (is_data_name(one))
            return true;
    }
    return false;
}

static bool read_up_to(Arena *a, int fd, size_t limit, Str *out)
{
    struct stat st;
    if (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode))
        return false;
    size_t want = (uint64_t)st.st_size < limit ? (size_t)st.st_size : limit, n = 0;
    char  *p = arena_get(a, want + 1, 1);
    while (p != NULL && n < want) {
        ssize_t got = pread(fd, p + n, want - n, (off_t)n);
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            break;
        n += (size_t)got;
    }
    *out = (Str){ p, n };
    return p != NULL && n == want;
}

bool scan_read(Scan *s, Arena *a, Str path, size_t limit, Str *out)
{
    char        *full = path_join(a, s->root, path);
    defer_fd int fd = full ? open(full, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY) : -1;
    if (fd >= 0 && read_up_to(a, fd, limit, out))
        return true;
    s->skipped++;
    note(s, path, 0, "cannot be read");
    return false;
}

bool scan_begin(Scan *s, Arena *a, const char *root)
{
    *s = (Scan){ .arena = a, .root = root, .paths = dict_new(a), .found = dict_new(a), .by_name = dict_new(a), .noted = dict_new(a),
                 .terraform = dict_new(a) };
    return s->paths && s->found && s->by_name && s->noted && s->terraform;
}

bool pipeline_discover(Arena *a, const char *root, Discovery *out, Err *e)
{
    Scan s;
    *out = (Discovery){ 0 };
    if (!scan_begin(&s, a, root))
        return err_nomem(e);
    if (!walk_tree(&s, e))
        return false;
    for (size_t i = 0; i < s.file_count; i++)
        s.bad |= !dict_put(s.paths, s.files[i].path, &s.files[i]);
    find_candidates(&s);
    fold_folders(&s);
    read_texts(&s);
    link_parts(&s);
    name_parts(&s, out);
    return !s.bad || err_nomem(e);
}
