/* SPDX-License-Identifier: MIT */
#include "common/log.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static const char *const level_names[LOG_LEVEL_COUNT] = {
	"debug", "info", "message", "warn", "error", "fatal",
};

/* The one mutable state of a file scope that style allows: the log sink. */
static struct {
	log_sink_fn sink;
	void *data;
	const char *program;
	enum log_level level;
} log_state = { .program = "upstart", .level = LOG_LEVEL_MESSAGE };

const char *
log_level_name(enum log_level level)
{
	return level < LOG_LEVEL_COUNT ? level_names[level] : "unknown";
}

bool
log_level_from_name(const char *name, enum log_level *level)
{
	for (size_t i = 0; i < LOG_LEVEL_COUNT; i++)
		if (strcmp(level_names[i], name) == 0) {
			*level = (enum log_level) i;
			return true;
		}
	return false;
}

void
log_set_sink(log_sink_fn sink, void *data)
{
	log_state.sink = sink;
	log_state.data = data;
}

void
log_set_program(const char *name)
{
	log_state.program = name;
}

void
log_set_level(enum log_level level)
{
	log_state.level = level;
}

enum log_level
log_get_level(void)
{
	return log_state.level;
}

void
log_write(enum log_level level, const char *fmt, ...)
{
	int saved = errno;
	char text[2048];
	va_list args;

	if (level < log_state.level)
		return;
	va_start(args, fmt);
	if (vsnprintf(text, sizeof(text), fmt, args) < 0)
		text[0] = '\0';
	va_end(args);
	if (log_state.sink != NULL)
		log_state.sink(level, text, log_state.data);
	else
		(void) fprintf(stderr, "%s: %s\n", log_state.program, text);
	errno = saved;
}
