/* SPDX-License-Identifier: MIT */
#include "common/log.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static const char *const level_names[LOG_LEVEL_COUNT] = {
	"debug", "info", "message", "warn", "error", "fatal",
};

/* The one mutable state of a file scope that style allows: the log sink. */
static struct {
	log_sink_fn sink;
	void *data;
	const char *program;
	enum log_level level;
	unsigned lost; /* messages that standard error would not take */
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

/* How many bytes from here on are one printable letter of UTF-8; 0: none is. */
static size_t
letter_size(const unsigned char *p)
{
	size_t n = *p < 0x80 ? 1 : *p < 0xc2 ? 0 : *p < 0xe0 ? 2 : *p < 0xf0 ? 3 : *p < 0xf5 ? 4 : 0;

	if (*p < 0x20 || *p == 0x7f || (*p == 0xc2 && p[1] < 0xa0))
		return 0; /* C0, DEL, C1 */
	for (size_t i = 1; i < n; i++)
		if ((p[i] & 0xc0) != 0x80)
			return 0;
	return n;
}

/*
 * The text without what moves a terminal's cursor or begins another line: names and words of messages come from outside
 * and must not forge messages. Cut where it does not fit.
 */
static void
make_printable(char *to, size_t size, const char *from)
{
	while (*from != '\0') {
		size_t n = letter_size((const unsigned char *) from);
		char escaped[5] = "\\n";

		if (n == 0 && *from != '\n')
			(void) snprintf(escaped, sizeof(escaped), "\\x%02x", (unsigned) (unsigned char) *from);
		if (size <= (n > 0 ? n : strlen(escaped)))
			break;
		if (n > 0)
			memcpy(to, from, n);
		else
			memcpy(to, escaped, strlen(escaped));
		to += n > 0 ? n : strlen(escaped);
		size -= n > 0 ? n : strlen(escaped);
		from += n > 0 ? n : 1;
	}
	*to = '\0';
}

/* One message as one write. A socket is told not to wait; other descriptors wait only if whoever made them wants that.
 */
static void
put_line(const char *text)
{
	char line[2200], lost[64] = "";
	ssize_t r;
	int n;

	if (log_state.lost > 0)
		(void) snprintf(lost, sizeof(lost), "(%u messages were lost) ", log_state.lost);
	n = snprintf(line, sizeof(line), "%s: %s%s\n", log_state.program, lost, text);
	if (n >= (int) sizeof(line))
		n = (int) sizeof(line) - 1;
	r = send(STDERR_FILENO, line, (size_t) n, MSG_DONTWAIT | MSG_NOSIGNAL);
	if (r < 0 && errno != EAGAIN)
		r = write(STDERR_FILENO, line, (size_t) n);
	log_state.lost = r >= 0 ? 0 : errno == EAGAIN ? log_state.lost + 1 : log_state.lost;
}

void
log_write(enum log_level level, const char *fmt, ...)
{
	int saved = errno;
	char raw[2048], text[2048];
	va_list args;

	if (level < log_state.level)
		return;
	va_start(args, fmt);
	if (vsnprintf(raw, sizeof(raw), fmt, args) < 0)
		raw[0] = '\0';
	va_end(args);
	make_printable(text, sizeof(text), raw);
	if (log_state.sink != NULL)
		log_state.sink(level, text, log_state.data);
	else
		put_line(text);
	errno = saved;
}
