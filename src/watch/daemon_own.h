/* daemon_own.h - the daemon's insides; not for others. */
#ifndef DAEMON_OWN_H
#define DAEMON_OWN_H
#include "watch/daemon.h"

enum { PRODUCERS_MAX = 1024 };

typedef struct OpenWindow {
    struct OpenWindow *next;
    Arena             *arena;
    size_t             monitor;
    Window            *w;
    bool               changed;                        /* since it was last stored */
} OpenWindow;

typedef struct Reading {                               /* one producer */
    char         folder[256];
    char         key[256 + 2 * SPOOL_PRODUCER + 2];     /* folder and producer: a folder that was made anew is another one */
    SpoolReader *reader;
    SpoolGaps    gaps;                                 /* counted so far */
} Reading;

struct Daemon {
    const Monitors *monitors;
    Clock           clock;
    FILE           *log;
    char            spool_dir[512];
    State          *state;
    Ledger         *ledger;
    Spool          *alerts;
    Reading        *producer;
    size_t          producers;
    OpenWindow     *windows;
    DaemonCounters  count;
    bool            stale;                             /* memory is not what the state says: read it again first */
    int64_t         newest, watermark, keep_ns, expired;   /* watermark: what lies before it by the lateness is closed */
};

/* daemon_windows.c */
int64_t     window_start(const Monitor *m, int64_t time);
OpenWindow *window_find(Daemon *d, size_t monitor, int64_t start);     /* NULL when none is open */
OpenWindow *window_open(Daemon *d, size_t monitor, int64_t start, Err *e);
void        window_close(Daemon *d, OpenWindow *w);
void        windows_drop(Daemon *d);
bool        windows_put(Daemon *d, Err *e);            /* those that changed, into the state              */
bool        windows_load(Daemon *d, Err *e);           /* instead of those in memory: what the state has */

#endif
