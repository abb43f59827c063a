/* knn_tile.h - the inner loop of knn.c: products of a few rows with a panel of others, the panel feature by feature. */
#ifndef KNN_TILE_H
#define KNN_TILE_H
#include "base/base.h"

enum { KNN_ROWS = 4, KNN_PANEL = 16 };

/* out[i * stride + j] = sum over f of x[i][f] * panel[f * KNN_PANEL + j], in float and in the order of f. */
typedef void KnnTile(const float *const x[static KNN_ROWS], const float *panel, size_t n, float *out, size_t stride);
KnnTile knn_tile_plain, knn_tile_avx2;

#endif
