/* event.h - what events say: one for each request, whatever became of it, and one for each change of an alert.
 *
 * The payload of a frame is one JSON object with the members of its table in event.c, in that order; empty texts and
 * zero numbers that mean "not known" are left out.  Members are only ever added. */
#ifndef EVENT_H
#define EVENT_H
#include "format/json.h"

typedef struct Event {
    Str      request;                                  /* id of the request, hex                             */
    Str      endpoint;                                 /* "endpoints.predict"; empty: no route matched       */
    Str      model;                                    /* SHA-256 of the model file behind it, hex           */
    Str      key;                                      /* public id of the API key                           */
    Str      address;                                  /* client address                                     */
    Str      method;
    uint64_t status;                                   /* what the client got                                */
    Str      verdict;                                  /* pass | refuse | fail                               */
    Str      reason;                                   /* why: the reason code's name                        */
    uint64_t checks;                                   /* bitmask of the checks that ran (gate/gate.h)       */
    uint64_t cost;                                     /* units charged to the limits                        */
    uint64_t bytes_in, bytes_out;
    uint64_t upstream_us, total_us;                    /* time waiting for the model; time in all            */
    Str      prediction;                               /* released answer as JSON, when the policy keeps it  */
    Str      computed;                                 /* the same as the model computed it                  */
    uint64_t instances;                                /* rows in the request, when features are recorded    */
    Str      detector;                                 /* what the query detector saw, as JSON             */
    Str      features;                                 /* the first of them as JSON: an array or an object   */
} Event;

/* The payload of a SPOOL_ALERT frame: written when an alert begins, worsens or ends, by whoever judges. */
typedef struct AlertEvent {
    Str id;                                            /* the same through all states: digest of rule, part, subject */
    Str state;                                         /* firing | update | resolved                         */
    Str rule, severity;                                /* "MOAT-W001"; as in finding.h                       */
    Str part, subject;
    Str title, message, fix;
    Str technique;                                     /* "AML.T0024.002"; empty when it is no attack        */
    Str value, threshold;                              /* numbers as JSON                                    */
    Str since;                                         /* RFC 3339                                           */
} AlertEvent;

/* The payload of a SPOOL_LABEL frame: what a prediction should have been, told later. */
typedef struct LabelEvent {
    Str request;                                       /* id of the request, hex     */
    Str y;                                             /* class or value, as written */
} LabelEvent;
bool label_event_put(Buf *b, const LabelEvent *v);
bool label_event_get(Arena *a, Str payload, LabelEvent *out, Err *e);

/* Appends the object to b; false only when out of memory. */
bool alert_event_put(Buf *b, const AlertEvent *v);
/* Reads it back (texts in the arena); false with *e when it is not an alert. */
bool alert_event_get(Arena *a, Str payload, AlertEvent *out, Err *e);

/* Appends the object to b; false only when out of memory. */
bool event_put(Buf *b, const Event *v);
/* Reads it back (texts in the arena); false with *e when it is not an event. */
bool event_get(Arena *a, Str payload, Event *out, Err *e);

/* base32 (RFC 4648 s6, lower case, unpadded) of producer and seq: the same on every retry. */
enum { EVENT_ID = 40 };
void event_id(const uint8_t producer[static 16], uint64_t seq, char out[static EVENT_ID]);
/* The members and their meaning, for doc/records.md's neighbour doc/events.md. */
void event_text(Buf *out);

#endif
