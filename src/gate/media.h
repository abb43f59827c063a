/* media.h - what header values and paths may say, before anybody acts on them. */
#ifndef MEDIA_H
#define MEDIA_H
#include "pipeline/pipeline.h"

/* The media type is on the list (lower case), and a charset, when given, is UTF-8: another would make the model server
 * read other text than was checked. */
bool media_listed(Str content_type, const StrList *list);
bool media_is_json(Str content_type);                  /* application/json or .../...+json */
bool encoding_is_identity(Str content_encoding);       /* absent, empty or "identity" */

/* A path that everybody reads alike: no escapes, backslashes, parameters, empty or dot segments, and the same before and
 * after normalisation (nginx matches the one and forwards the other). */
bool path_is_plain(Str raw, Str normalised);

/* The token of "Bearer TOKEN"; empty when it is anything else. */
Str bearer_token(Str authorization);

#endif
