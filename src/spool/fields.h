/* fields.h - a payload as rows: one table writes, reads and documents the JSON object of one kind of frame.
 *
 * Members come in the order of the table; empty texts and zero numbers mean "not known" and are left out. */
#ifndef FIELDS_H
#define FIELDS_H
#include "format/json.h"

typedef enum { FIELD_TEXT, FIELD_NUMBER, FIELD_RAW } FieldKind;      /* Str; uint64_t; Str that is JSON already */
typedef struct Field {
    const char *name;
    Str         key;                                   /* as it stands in the payload: "name": */
    FieldKind   kind;
    size_t      offset;                                /* in the struct                        */
    const char *meaning;
} Field;
#define FIELD(type, name, kind, meaning) { #name, { "\"" #name "\":", sizeof #name + 2 }, kind, offsetof(type, name), meaning }

/* Appends the object to b; false only when out of memory. */
bool fields_put(Buf *b, const Field *rows, size_t n, const void *v);
/* Reads it back (texts in the arena) into a struct of `size` bytes; false with *e when it is no such object. */
bool fields_get(Arena *a, Str payload, const Field *rows, size_t n, size_t size, void *out, Err *e);
void fields_text(Buf *out, const Field *rows, size_t n);

#endif
