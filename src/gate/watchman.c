/* watchman.c - what the detector saw, as JSON; see watchman.h. */
#include "gate/watchman.h"
#include "format/json.h"

Str watched_text(const Watched *w, char *out, size_t size)
{
    int n = 0;
    if (w == NULL)
        return (Str){ 0 };
    n = snprintf(out, size, "{\"level\":\"%s\",\"client\":\"%s\",\"together\":\"%s\",\"rows\":%" PRIu64 ",\"unseen\":%" PRIu64 ",\"near\":%.4g,\"far\":%.4g,\"odd\":%.4g,\"hit\":%s",
                 detect_level_name(w->worst.level), detect_level_name(w->worst.client), detect_level_name(w->worst.together), w->rows, w->unseen,
                 w->worst.near, w->worst.far, w->worst.odd, w->worst.hit ? "true" : "false");
    for (unsigned f = 0, first = 1; f < DETECT_FAMILIES && n > 0 && (size_t)n < size; f++)
        if (w->worst.families >> f & 1)
            n += snprintf(out + n, size - (size_t)n, "%s\"%s\"", first ? ",\"families\":[" : ",", detect_family_name((DetectFamily)f)), first = 0;
    if (n > 0 && (size_t)n < size && w->worst.families != 0)
        n += snprintf(out + n, size - (size_t)n, "]");
    if (n > 0 && (size_t)n < size)
        n += snprintf(out + n, size - (size_t)n, "}");
    return n > 0 && (size_t)n < size ? (Str){ out, (size_t)n } : (Str){ 0 };
}
