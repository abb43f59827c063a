/* ship.h - events out of the spool into the sinks, each at least once.
 *
 *     ship_source.c  the spool of all producers as one stream, and the cursor     ship_item.c  a frame as an event in a format
 *     ship_dead.c    events that no retry can deliver                             ship.c       batches, backoff, the loop
 *
 * The spool is the only buffer.  A sink's cursor (.moat/ship/NAME.json) says what is shipped; it is written, atomically,
 * only after the receiver has everything before it, so a crash at any moment ships again and never skips; the event's id is the
 * same then.  What can be retried is retried for ever, with random waits that double; what cannot is written to
 * .moat/ship/NAME.dead.jsonl, synced, before the cursor passes it.  Each sink has its own thread, cursor and connection: one
 * that is down holds up nothing but itself.  The spool does not wait either: when its cap removes what a sink had not
 * shipped, the gap in seq is counted as lost and said.
 *
 * Trusted: the settings and the folder's owner.  Not trusted: the spool's bytes, the receivers. */
#ifndef SHIP_H
#define SHIP_H
#include "pipeline/pipeline.h"
#include "spool/spool.h"
#include "watch/sink.h"

typedef enum { SHIP_OK, SHIP_WAITING, SHIP_STOPPED } ShipState;      /* waiting: the receiver does not take it now */

typedef struct ShipStatus {                            /* what the cursor file says besides the cursors */
    ShipState state;
    uint64_t  sent, retried, dead, lost;               /* events, since the cursor file began           */
    int64_t   oldest_ns;                               /* time of the oldest event not shipped; 0: none */
    int64_t   written_ns;
    char      error[400];                              /* of WAITING and STOPPED                        */
} ShipStatus;

typedef struct ShipJob {
    const Pipeline    *pipeline;
    const Named       *sink;                           /* its declaration                               */
    Clock              clock;
    bool               once;                           /* ship what is there, then end                  */
    bool               dead_letter;                    /* ship the dead letters again instead           */
    const atomic_bool *stop;                           /* set: end soon                                 */
    void             (*say)(void *ctx, const char *sink, const char *line);     /* from any thread; NULL: silent */
    void              *ctx;
    ShipStatus         status;                         /* out                                           */
} ShipJob;

/* Until told to stop, or once.  False with *e: wrong settings, a receiver that refuses them, a full disk under the dead
 * letters, or (once) a receiver that takes nothing.  E_DENIED when another process ships to this sink. */
bool ship_run(ShipJob *job, Err *e);

/* ---- for --explain and metrics */

/* Settings of a declared sink; texts in the arena.  False: no such kind, or a value that does not fit. */
bool ship_conf(Arena *a, const Pipeline *p, const Named *n, const SinkKind **kind, SinkConf *out, Err *e);
/* What the cursor file says; false when there is none yet. */
bool ship_status(Arena *a, const Pipeline *p, Str sink, ShipStatus *out);
/* Events in the spool behind the cursor, counted up to `limit`. */
uint64_t ship_backlog(Arena *a, const Pipeline *p, Str sink, uint64_t limit);
/* Prometheus text: moat_sink_{sent,retried,dead,lost}_total, moat_sink_queue_age_seconds, moat_sink_up. */
void ship_metrics(Arena *a, const Pipeline *p, Clock clock, Buf *out);

/* ---- between the files of the shipper */

typedef struct ShipSource ShipSource;
/* Reads the cursor file when there is one.  Owned: ship_source_close(). */
ShipSource *ship_source_open(const char *spool, const char *cursor, ShipStatus *status, Err *e);
void        ship_source_close(ShipSource *s);          /* NULL is fine */
/* The next frame of any producer; `producer` and `id` belong to the source. */
SpoolRead ship_source_next(ShipSource *s, SpoolFrame *f, const char **producer, const uint8_t **id, Err *e);
void      ship_source_commit(ShipSource *s);           /* what was read is shipped */
bool      ship_source_save(ShipSource *s, const char *sink, ShipStatus *status, int64_t now_ns, Err *e);
uint64_t  ship_source_lost(const ShipSource *s);       /* frames that were gone before they were read */

/* Fills an item from a frame; one that is no event comes out DEAD.  False only when out of memory. */
bool ship_item(Arena *a, const Sink *s, const Pipeline *p, const SpoolFrame *f, const char *producer, const uint8_t *id, ShipItem *out);
/* The same of a dead letter's members. */
bool ship_item_again(Arena *a, const Sink *s, const Pipeline *p, const Json *line, ShipItem *out);

/* Appends the items that are DEAD, synced; on false the file is as it was. */
bool ship_dead_append(const char *path, ShipItem *v, size_t n, Clock clock, Err *e);
/* Moves NAME.dead.jsonl out of the writers' way to be read; a file that an earlier replay left comes first.  *path is NULL
 * when there is nothing. */
bool ship_dead_take(Arena *a, const char *path, char **out, Err *e);

#endif
