/* scan_box.h - the box that untrusted bytes are parsed in, and the pipe out of it.
 *
 * The worker is a fork that holds descriptors of the files to judge and one pipe.  Entering the box takes everything else away:
 * new privileges, the file system (Landlock, where the kernel has it), memory and time beyond limits, and every system call but
 * those for memory, reading and writing the pipe; any other ends the process at once.  Nothing can be opened in there.
 *
 * The pipe carries frames; whoever reads them trusts no number in them.  A worker that says "clean" is believed: the box keeps what
 * it parses from harming others, not from lying about the very file that took it over.
 *
 *     frame   u32 length of the rest, u8 kind, then
 *       'H'   u32 rule, u8 severity, u64 byte, u32 length and text of inner, message
 *       'R'   u8 verdict, u32 length and text of inner, u32 length and text of format, why
 *       'E'   u8 verdict: the file is done
 *
 * What is said about clean files waits until it is worth a write.  So that a death is blamed on the right file, the worker keeps the
 * number of the file it is at in a page that both see. */
#ifndef SCAN_BOX_H
#define SCAN_BOX_H
#include "model/scan.h"

enum { BOX_FRAME_MAX = 64 << 10, BOX_MEMORY = 1 << 30 };

typedef struct BoxFile {
    int      fd;
    uint64_t size;
    Str      name;
} BoxFile;

typedef struct Box {
    int      out;                                      /* the pipe                                     */
    volatile uint32_t *at;                             /* the shared number of the file being judged   */
    int      parent;                                   /* process that must be alive still          */
    uint64_t largest;                                  /* size of the largest file                     */
    unsigned seconds;                                  /* of CPU, all files together                   */
} Box;

/* Closes all but the pipe and the files, and gives up everything else.  There is no way back. */
bool box_enter(const Box *b, const BoxFile *v, size_t n, Err *e);
/* In the box: judges the files in order and says it on the pipe.  Never returns. */
_Noreturn void box_work(const Box *b, const BoxFile *v, size_t n, bool deep);

#endif
