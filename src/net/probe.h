/* probe.h - is somebody there? */
#ifndef PROBE_H
#define PROBE_H
#include "base/base.h"

/* True when a TCP connection to "host:port" or "[v6]:port" is accepted within the time. */
bool net_answers(Str address, int timeout_ms);

#endif
