/* verify.h - the two halves of data_verify(): the store, and the files that lie where the dataset lives. */
#ifndef VERIFY_H
#define VERIFY_H
#include "data/head.h"
#include "data/rules.h"
#include "data/stored.h"

typedef struct Verify {
    Arena            *arena;
    const DataVerify *how;
    History           h;
    Members           members;
    Store            *store;
    Tree              tree;
    Findings         *findings;
    DataVerified     *result;
} Verify;

/* False: out of memory. */
bool verify_store(Verify *v, Err *e);
bool verify_files(Verify *v, Err *e);

#endif
