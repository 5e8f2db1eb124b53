/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * A program's own messages. One level, one sink; sentences a user can act on,
 * without prefix or newline. errno is preserved.
 */

#include <stdbool.h>

#include "common/macros.h"

enum log_level {
	LOG_LEVEL_DEBUG,
	LOG_LEVEL_INFO,
	LOG_LEVEL_MESSAGE, /* the default threshold */
	LOG_LEVEL_WARN,
	LOG_LEVEL_ERROR,
	LOG_LEVEL_FATAL,
	LOG_LEVEL_COUNT
};

/* "debug" … "fatal"; log_level_from_name returns false when there is no such level. */
const char *log_level_name(enum log_level level);
bool log_level_from_name(const char *name, enum log_level *level);

typedef void (*log_sink_fn)(enum log_level level, const char *text, void *data);

/* Who writes: default is stderr as "PROGRAM: TEXT". NULL restores it. */
void log_set_sink(log_sink_fn sink, void *data);
void log_set_program(const char *name); /* borrowed for ever */
void log_set_level(enum log_level level);
enum log_level log_get_level(void);

/* One line: bytes that are no printable UTF-8 are written as \n or \xhh, so that no name can forge a message. */
void log_write(enum log_level level, const char *fmt, ...) printf_like(2, 3);

#define log_debug(...) log_write(LOG_LEVEL_DEBUG, __VA_ARGS__)
#define log_info(...) log_write(LOG_LEVEL_INFO, __VA_ARGS__)
#define log_message(...) log_write(LOG_LEVEL_MESSAGE, __VA_ARGS__)
#define log_warn(...) log_write(LOG_LEVEL_WARN, __VA_ARGS__)
#define log_error(...) log_write(LOG_LEVEL_ERROR, __VA_ARGS__)
