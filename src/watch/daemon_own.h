/* daemon_own.h - the daemon's insides; for daemon.c alone. */
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
    int64_t         newest, watermark, keep_ns, expired;   /* watermark: what lies before it by the lateness is closed */
};

#endif
