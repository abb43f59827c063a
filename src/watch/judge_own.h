/* judge_own.h - what the files of judge.h share; not for others. */
#ifndef JUDGE_OWN_H
#define JUDGE_OWN_H
#include "watch/judge.h"

void judge_verdict(const Monitor *m, Judged *j);       /* breach and clear of the value */
bool judge_finish(Arena *a, Judged *j, const Buf *details, Buf *message, Err *e);

#endif
