/* finding - the one result type of every check.
 *
 * A Rule says what can be wrong and what to do; a Finding says that it is, where.  Trades export `const Rule[]`
 * tables and push Findings into a list; nobody registers anything at run time.  A Finding's id is a digest of rule,
 * subject and place, so waivers and comparisons survive reordering.
 *
 * How to add one more: a row in the trade's rule table and the line that raises it. */
#ifndef FINDING_H
#define FINDING_H
#include "format/json.h"

typedef enum { SEV_INFO, SEV_LOW, SEV_MEDIUM, SEV_HIGH, SEV_CRITICAL } Severity;
enum { SEVERITIES = 5 };
typedef enum { STATE_FAIL, STATE_UNKNOWN } FindingState;

typedef struct Rule {
    const char *id;                                    /* "MOAT-M001"                                  */
    Severity    severity;
    const char *title;                                 /* "pickle calls a function on load"            */
    const char *why;                                   /* one or two sentences                         */
    const char *fix;                                   /* something to type or do                      */
    const char *refs;                                  /* blank-separated: "AML.T0010 ML06 CWE-502"    */
} Rule;

typedef struct Place {                                 /* 0 means not known; inner empty likewise      */
    Str      inner;                                    /* member of a container                        */
    uint64_t byte;                                     /* 1 + offset                                   */
    uint64_t line, column, row;                        /* 1-based                                      */
} Place;

typedef struct Finding {
    const Rule  *rule;
    Severity     severity;                             /* the rule's unless raised or lowered          */
    FindingState state;
    Str          part;                                 /* "models.scorer"; may be empty                */
    Str          subject;                              /* "models/a.pkl"                               */
    Place        at;
    Str          message;                              /* one line                                     */
    Str          fix;                                  /* the rule's unless more exact                 */
    Str          evidence;                             /* a JSON object or empty                       */
    char         id[33];                               /* filled by finding_add                        */
} Finding;

typedef struct Findings Findings;                      /* a list that lives in an arena */
Findings      *findings_new(Arena *a);
/* Copies texts into the arena.  `f.severity` is taken as given; use finding_of() to start from a rule. */
bool           finding_add(Findings *l, Finding f);
Finding        finding_of(const Rule *r, Str part, Str subject);
size_t         findings_count(const Findings *l);
const Finding *findings_at(const Findings *l, size_t i);
size_t         findings_at_or_above(const Findings *l, Severity s);   /* state fail only */
void           findings_sort(Findings *l);             /* severity down, then part, subject, place, id */

const char *severity_name(Severity s);                 /* "info" .. "critical" */
bool        severity_parse(Str s, Severity *out);

/* The contract of design.md: the members "findings" and "counts" of an open object. */
void findings_json(const Findings *l, JsonOut *w);
/* For people: "models/a.pkl: HIGH  message    MOAT-M001" and the indented place and fix. */
void findings_text(const Findings *l, FILE *f, bool colour);

#endif
