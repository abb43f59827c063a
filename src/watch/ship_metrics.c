/* ship_metrics.c - what the cursor files say, for Prometheus.  Label values are names of sinks, so they are few. */
#include "watch/ship.h"

static const struct {
    const char *name, *type, *help;
} families[] = {
    { "moat_sink_sent_total", "counter", "Events that the receiver has." },
    { "moat_sink_retried_total", "counter", "Events that had to be sent again." },
    { "moat_sink_dead_total", "counter", "Events written to the dead letters." },
    { "moat_sink_lost_total", "counter", "Events that had left the spool before they were shipped." },
    { "moat_sink_queue_age_seconds", "gauge", "Age of the oldest event that is not shipped." },
    { "moat_sink_up", "gauge", "1 when the receiver takes events, 0 when it does not or its settings are wrong." },
};

static double value_of(size_t family, const ShipStatus *s, int64_t now_ns)
{
    const double values[] = { (double)s->sent, (double)s->retried, (double)s->dead, (double)s->lost,
                              s->oldest_ns > 0 && now_ns > s->oldest_ns ? (double)(now_ns - s->oldest_ns) / 1e9 : 0,
                              s->state == SHIP_OK };
    return values[family];
}

void ship_metrics(Arena *a, const Pipeline *p, Clock clock, Buf *out)
{
    int64_t now_ns = clock_ns(clock);
    for (size_t f = 0; f < len_of(families) && p->sink_count > 0; f++) {
        buf_printf(out, "# HELP %s %s\n# TYPE %s %s\n", families[f].name, families[f].help, families[f].name, families[f].type);
        for (size_t i = 0; i < p->sink_count; i++) {
            char       number[NUMBER_TEXT];
            ShipStatus s = { 0 };
            if (!ship_status(a, p, p->sinks[i].part.name, &s))
                continue;                              /* it was never started */
            number_text(value_of(f, &s, now_ns), number);
            buf_printf(out, "%s{sink=\"%.*s\"} %s\n", families[f].name, STR(p->sinks[i].part.name), number);
        }
    }
}
