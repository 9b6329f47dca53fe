// The models of a registry, beside the logs.
// SPDX-License-Identifier: Apache-2.0
#ifndef LEAT_BOARD_MODELS_H
#define LEAT_BOARD_MODELS_H

#include "board/board_impl.h"

// Loads what the registry in a directory holds, and follows it.
leat_status leat__models_open(leat_board_models **out, const char *dir, leat_error *err);
void leat__models_close(leat_board_models *models);  // when nothing is asked any more; NULL allowed

#endif
