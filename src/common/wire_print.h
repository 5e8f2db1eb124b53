/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * Encoded values as text that people can read: JSON but for bytes that are no UTF-8.
 */

#include "common/wire.h"

/* Append one value, which is consumed from `in`. */
void wire_print(struct strbuf *b, struct wire_in *in);
