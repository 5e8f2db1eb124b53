/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * Writing words so that they read back as they are (D29).
 */

#include "common/str.h"

/* As an argument of a stanza. */
void quote_word(struct strbuf *b, const char *word);
/* As an event's name, or a state's: "and" and "or" are no operators then, nor are a `while`'s "not" and "none". */
void quote_event(struct strbuf *b, const char *word, bool of_states);
/* As an event's argument: of KEY=VALUE only the value gets quotes, if the key allows. */
void quote_event_argument(struct strbuf *b, const char *word, bool of_states);
