/* SPDX-License-Identifier: MIT */
/*
 * Stanzas about how a job is watched over: expect, watchdog, kill mode, log.
 */
#include "job/supervise.h"

#include <inttypes.h>
#include <string.h>

#include "common/listener.h"
#include "job/argument.h"
#include "job/quote.h"

/* Descriptors a daemon may be told to report on: the standard ones and the script's are taken. */
#define EXPECT_FD_MIN 3
#define EXPECT_FD_MAX 1023
#define SCRIPT_FD 9

static int
read_expect_timeout(struct parser *p)
{
	uint32_t seconds;
	int r;

	inert_note(&p->inert, INERT_EXPECT_TIMEOUT, p->lex.path, p->keyword_at);
	r = argument_seconds(p, &seconds);
	if (r < 0)
		return r;
	p->cls->expect_timeout = seconds < JOB_EXPECT_TIMEOUT_UNSET ? seconds : JOB_EXPECT_TIMEOUT_UNSET - 1;
	return lexer_line_end(&p->lex);
}

/* With variables it is known at the start only whether it is one. */
static int
read_listener(struct parser *p)
{
	struct listener listener;
	struct word w;
	int r = lexer_argument(&p->lex, false, &w);

	if (r < 0)
		return r;
	if (strchr(w.text, '$') == NULL && !listener_read(w.text, &listener))
		return argument_fault_message(p, FAULT_ILLEGAL_LIMIT, &w,
					      "Illegal address, expected [tcp:|tcp4:|tcp6:]PORT, a path or @NAME");
	p->cls->expect_path = steal(&w.text);
	word_deinit(&w);
	return 0;
}

/* What follows the mode. */
static int
read_expect_argument(struct parser *p, enum expect_mode mode)
{
	struct word w;
	long fd;
	int r;

	if (mode == EXPECT_LISTEN)
		return read_listener(p);
	if (mode == EXPECT_PIDFILE)
		return argument_text(p, &p->cls->expect_path);
	if (mode != EXPECT_FD)
		return 0;
	r = lexer_argument(&p->lex, false, &w);
	if (r < 0)
		return r;
	if (!argument_to_long(w.text, 10, &fd) || fd < EXPECT_FD_MIN || fd > EXPECT_FD_MAX || fd == SCRIPT_FD)
		return argument_fault_message(p, FAULT_ILLEGAL_LIMIT, &w,
					      "Illegal descriptor, expected 3 to 1023 but not 9");
	word_deinit(&w);
	p->cls->expect_fd = (int) fd;
	return 0;
}

static int
expect_fault(struct parser *p, struct word *w)
{
	const char *names[EXPECT_LISTEN + 2] = { [EXPECT_LISTEN + 1] = "timeout" };

	for (size_t i = 0; i <= EXPECT_LISTEN; i++)
		names[i] = expect_mode_name((enum expect_mode) i);
	return argument_fault_names(p, FAULT_UNKNOWN_STANZA, w, names, ARRAY_SIZE(names));
}

int
parse_expect(struct parser *p, const struct stanza *s, const struct stanza *outer)
{
	struct job_class *cls = p->cls;
	enum expect_mode mode;
	struct word w;
	int r = lexer_argument(&p->lex, false, &w);

	if (r < 0)
		return r;
	if (strcmp(w.text, "timeout") == 0) {
		word_deinit(&w);
		return read_expect_timeout(p);
	}
	if (!expect_mode_from_name(span_of(w.text), &mode))
		return expect_fault(p, &w);
	word_deinit(&w);
	free(cls->expect_path);
	cls->expect_path = NULL;
	cls->expect_fd = 0;
	r = read_expect_argument(p, mode);
	if (r < 0)
		return r;
	cls->readiness = mode;
	cls->expect = mode;
	return lexer_line_end(&p->lex);
}

int
parse_watchdog(struct parser *p, const struct stanza *s, const struct stanza *outer)
{
	int r;

	inert_note(&p->inert, INERT_WATCHDOG, p->lex.path, p->keyword_at);
	r = argument_seconds(p, &p->cls->watchdog);
	return r < 0 ? r : lexer_line_end(&p->lex);
}

int
parse_kill_mode(struct parser *p, const struct stanza *s, const struct stanza *outer)
{
	const char *const names[] = { kill_mode_name(KILL_GROUP), kill_mode_name(KILL_TREE) };
	unsigned mode;
	int r = argument_choice(p, names, 0, ARRAY_SIZE(names), "Unknown kill mode, expected group or tree", &mode);

	if (r < 0)
		return r;
	p->cls->kill_mode = (enum kill_mode) mode;
	return lexer_line_end(&p->lex);
}

/* the log file */

static const char *const compress_names[] = {
	[LOG_COMPRESS_UNSET] = "", [LOG_COMPRESS_NONE] = "none", [LOG_COMPRESS_ZSTD] = "zstd"
};
static const char *const format_names[] = {
	[LOG_FORMAT_UNSET] = "", [LOG_FORMAT_PLAIN] = "plain", [LOG_FORMAT_TIME] = "time", [LOG_FORMAT_JSON] = "json"
};
static const char *const forward_names[] = {
	[LOG_FORWARD_UNSET] = "",
	[LOG_FORWARD_NONE] = "none",
	[LOG_FORWARD_SYSLOG] = "syslog",
	[LOG_FORWARD_JOURNALD] = "journald",
};

int
parse_log_size(struct parser *p, const struct stanza *s, const struct stanza *outer)
{
	int r = argument_size(p, &p->cls->log.max_size);

	return r < 0 ? r : lexer_line_end(&p->lex);
}

int
parse_log_age(struct parser *p, const struct stanza *s, const struct stanza *outer)
{
	int r = argument_time(p, &p->cls->log.max_age);

	return r < 0 ? r : lexer_line_end(&p->lex);
}

int
parse_log_keep(struct parser *p, const struct stanza *s, const struct stanza *outer)
{
	long count;
	int r;

	inert_note(&p->inert, INERT_LOG_KEEP, p->lex.path, p->keyword_at);
	r = argument_number(p, 10, 0, INT32_MAX, FAULT_ILLEGAL_LIMIT, &count);
	if (r < 0)
		return r;
	p->cls->log.keep = (uint64_t) count;
	return lexer_line_end(&p->lex);
}

int
parse_log_compress(struct parser *p, const struct stanza *s, const struct stanza *outer)
{
	unsigned i;
	int r;

	inert_note(&p->inert, INERT_LOG_COMPRESS, p->lex.path, p->keyword_at);
	r = argument_choice(p, compress_names, LOG_COMPRESS_NONE, ARRAY_SIZE(compress_names),
			    "Unknown compression, expected none or zstd", &i);
	if (r < 0)
		return r;
	p->cls->log.compress = (enum log_compress) i;
	return lexer_line_end(&p->lex);
}

int
parse_log_format(struct parser *p, const struct stanza *s, const struct stanza *outer)
{
	unsigned i;
	int r = argument_choice(p, format_names, LOG_FORMAT_PLAIN, ARRAY_SIZE(format_names),
				"Unknown format, expected plain, time or json", &i);

	if (r < 0)
		return r;
	p->cls->log.format = (enum log_format) i;
	return lexer_line_end(&p->lex);
}

int
parse_log_forward(struct parser *p, const struct stanza *s, const struct stanza *outer)
{
	unsigned i;
	int r = argument_choice(p, forward_names, LOG_FORWARD_NONE, ARRAY_SIZE(forward_names),
				"Unknown receiver, expected none, syslog or journald", &i);

	if (r < 0)
		return r;
	p->cls->log.forward = (enum log_forward) i;
	return lexer_line_end(&p->lex);
}

/* writing */

void
print_expect(struct strbuf *b, const struct job_class *cls, const struct stanza *s, const struct stanza *outer)
{
	if (cls->readiness != EXPECT_NONE) {
		strbuf_addf(b, "%s %s", s->name, expect_mode_name(cls->readiness));
		if (cls->expect_path != NULL) {
			strbuf_addc(b, ' ');
			quote_word(b, cls->expect_path);
		}
		if (cls->readiness == EXPECT_FD)
			strbuf_addf(b, " %d", cls->expect_fd);
		strbuf_addc(b, '\n');
	}
	if (cls->expect_timeout != JOB_EXPECT_TIMEOUT_UNSET)
		strbuf_addf(b, "%s timeout %" PRIu32 "\n", s->name, cls->expect_timeout);
}

void
print_watchdog(struct strbuf *b, const struct job_class *cls, const struct stanza *s, const struct stanza *outer)
{
	if (cls->watchdog != 0)
		strbuf_addf(b, "%s %" PRIu32 "\n", s->name, cls->watchdog);
}

void
print_kill_mode(struct strbuf *b, const struct job_class *cls, const struct stanza *s, const struct stanza *outer)
{
	if (cls->kill_mode != KILL_GROUP)
		strbuf_addf(b, "%s %s %s\n", outer->name, s->name, kill_mode_name(cls->kill_mode));
}

void
print_log_number(struct strbuf *b, const struct job_class *cls, const struct stanza *s, const struct stanza *outer)
{
	uint64_t value = *(const uint64_t *) (const void *) ((const char *) cls + s->member);

	if (value != LOG_UNSET)
		strbuf_addf(b, "%s %s %" PRIu64 "\n", outer->name, s->name, value);
}

static void
print_log_word(struct strbuf *b, const struct stanza *s, const struct stanza *outer, const char *word)
{
	if (*word != '\0')
		strbuf_addf(b, "%s %s %s\n", outer->name, s->name, word);
}

void
print_log_compress(struct strbuf *b, const struct job_class *cls, const struct stanza *s, const struct stanza *outer)
{
	print_log_word(b, s, outer, compress_names[cls->log.compress]);
}

void
print_log_format(struct strbuf *b, const struct job_class *cls, const struct stanza *s, const struct stanza *outer)
{
	print_log_word(b, s, outer, format_names[cls->log.format]);
}

void
print_log_forward(struct strbuf *b, const struct job_class *cls, const struct stanza *s, const struct stanza *outer)
{
	print_log_word(b, s, outer, forward_names[cls->log.forward]);
}
