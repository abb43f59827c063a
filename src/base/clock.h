/* clock.h - time is an argument: whoever needs it is handed a Clock, so a test can stand still. */
#ifndef CLOCK_H
#define CLOCK_H
#include "base/base.h"

typedef struct Clock {
    int64_t (*read)(void *ctx);                        /* nanoseconds since 1970-01-01T00:00:00Z */
    void *ctx;
} Clock;

Clock   clock_system(void);
Clock   clock_fixed(int64_t *ns);                      /* reads *ns each time; the test moves it */
int64_t clock_ns(Clock c);

enum { TIME_TEXT = 32 };
/* RFC 3339 in UTC with milliseconds: "2026-01-31T09:30:00.250Z". */
void time_text(int64_t ns, char out[static TIME_TEXT]);
/* Accepts RFC 3339 date-times ("Z" or an offset, fraction optional) and bare dates (midnight UTC). */
bool time_parse(Str s, int64_t *ns);
/* "90s", "15m", "24h", "30d", "2w", "250ms" to nanoseconds. */
bool duration_parse(Str s, int64_t *ns);

#endif
