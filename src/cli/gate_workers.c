/* gate_workers.c - see gate_workers.h. */
#include "cli/gate_workers.h"
#include "base/file.h"
#include <unistd.h>

enum { STEP_MS = 20, TAKE_OVER_MS = 10000 };

GateWorkers gate_workers(pid_t master)
{
    GateWorkers w = { 0 };
    char        path[64];
    long        pid;
    snprintf(path, sizeof path, "/proc/%d/task/%d/children", (int)master, (int)master);
    defer_file FILE *f = fopen(path, "re");
    while (f != NULL && w.n < len_of(w.v) && fscanf(f, "%ld", &pid) == 1)
        w.v[w.n++] = (pid_t)pid;
    return w;
}

/* nginx renames a worker that no longer accepts: "nginx: worker process is shutting down". */
static bool accepts(pid_t worker)
{
    char   path[64], title[256] = "";
    size_t n = 0;
    snprintf(path, sizeof path, "/proc/%d/cmdline", (int)worker);
    defer_file FILE *f = fopen(path, "re");
    if (f != NULL)
        n = fread(title, 1, sizeof title - 1, f);
    return n > 0 && strstr(title, "shutting down") == NULL;
}

static bool has(const GateWorkers *w, pid_t pid)
{
    for (size_t i = 0; i < w->n; i++)
        if (w->v[i] == pid)
            return true;
    return false;
}

bool gate_taken_over(pid_t master, const GateWorkers *before)
{
    for (unsigned ms = 0; ms < TAKE_OVER_MS; ms += STEP_MS) {
        bool        fresh = false, left = false;
        GateWorkers now = gate_workers(master);
        for (size_t i = 0; i < now.n; i++) {
            bool old = has(before, now.v[i]);
            fresh = fresh || !old;
            left = left || (old && accepts(now.v[i]));
        }
        if ((fresh && !left) || now.n == 0)
            return true;
        usleep(STEP_MS * 1000);
    }
    return false;
}
