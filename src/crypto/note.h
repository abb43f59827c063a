/* note.h - C2SP signed notes, and the two things that logs say with them: checkpoints and proof files.
 *
 * A note is text, an empty line, and lines "— NAME BASE64(key id || signature)" (c2sp.org/signed-note).  A checkpoint is a
 * note whose text is origin, size and root of a Merkle tree (c2sp.org/tlog-checkpoint).  A proof file shows that one
 * record lies in a checkpointed tree, to anybody, offline (c2sp.org/tlog-proof).  Other people's tools read all three.
 *
 * A reader brings the verifier keys that it knows.  Signatures of others are skipped; one known key whose signature
 * fails rejects the note, and so does a note that no known key signed.
 *
 * Trusted: the keys brought along.  Not trusted: every byte of the note. */
#ifndef NOTE_H
#define NOTE_H
#include "crypto/key.h"
#include "crypto/merkle.h"

enum { NOTE_LIMIT = 64 << 10, NOTE_SIGNATURES = 64, PROOF_LIMIT = 256 << 10 };

/* How a key signs: the bytes are those of signed-note.md. */
typedef enum { NOTE_ED25519 = 1, NOTE_ECDSA = 2, NOTE_COSIGNATURE = 4 } NoteType;

typedef struct Verifier {                              /* a key that a reader knows, under the name it signs with */
    Str        name;
    NoteType   type;
    const Key *key;
} Verifier;

/* A signing key under a name: Ed25519 or ECDSA by its kind. */
Verifier verifier_of(Str name, const Key *key);
/* Four bytes that, with the name, say which key made a signature. */
void note_key_id(const Verifier *v, uint8_t out[static 4]);
/* "NAME+hex(key id)+base64(type || key)", how verifier keys are handed around. */
bool verifier_put(const Verifier *v, Buf *out);
/* The name is borrowed from the text; the key is owned by the caller: key_free(*key).  Ed25519 and cosignature keys. */
bool verifier_parse(Str text, Verifier *out, Key **key, Err *e);

bool note_name_ok(Str name);                           /* not empty, UTF-8, without blanks, '+' and controls */

typedef struct Note {                                  /* borrowed from the bytes that were read */
    Str      text;                                     /* what is signed, final newline included */
    uint64_t verified;                                 /* bit i: known[i] signed it              */
} Note;
/* E_FORMAT when it is no note, E_CRYPTO when a known signature fails or none is there.  At most 64 known keys. */
bool note_open(Str note, const Verifier *known, size_t n, Note *out, Err *e);
/* Appends the signed note; `text` must end with a newline. */
bool note_sign(Str text, const Verifier *signer, Buf *note, Err *e);

typedef struct Checkpoint {
    Str      origin;
    uint64_t size;
    Digest   root;
} Checkpoint;
/* Reads a note's text; extension lines are allowed and skipped. */
bool checkpoint_parse(Str text, Checkpoint *out, Err *e);
/* Opens the note with `signer` under the origin's own name, and with each of `witnesses`, all of which must have cosigned.
 * `origin` must be the note's when it is not empty. */
bool checkpoint_open(Str note, Str origin, const Key *signer, const Verifier *witnesses, size_t n, Checkpoint *out, Err *e);
bool checkpoint_sign(const Checkpoint *c, const Key *signer, Buf *note, Err *e);
/* What a note claims, without any key: for messages and for finding out which key to fetch. */
bool checkpoint_peek(Str note, Checkpoint *out, Err *e);

typedef struct Proof {
    Str      extra;                                    /* the base64 text, not authenticated; empty: none */
    uint64_t index;
    Digest   path[MERKLE_PROOF_MAX];
    size_t   len;
    Str      checkpoint;                               /* the signed note */
} Proof;
bool proof_parse(Str text, Proof *out, Err *e);        /* borrows from text */
bool proof_put(const Proof *p, Buf *out);
/* That `leaf` lies at p->index of the tree whose (opened and trusted) checkpoint is c. */
bool proof_ok(const Proof *p, const Digest *leaf, const Checkpoint *c);

#endif
