/* SPDX-License-Identifier: MIT */
#include "schedule/crontab.h"

#include <errno.h>
#include <string.h>

#include "schedule/schedule.h"

#define SHELL "/bin/sh"
#define FIELDS 5
#define VARIABLES_MAX 256 /* each is looked for among those above it */

struct reading {
	const struct crontab_ops *ops;
	void *data;
	bool users;
	unsigned number;   /* of the line */
	struct span line;  /* all of it */
	struct span rest;  /* what is not read yet */
	char **env;        /* owned */
	char *shell, *zone; /* owned; NULL: the usual ones */
	bool full;          /* that there are too many variables has been told */
};

static bool
is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r';
}

static void
skip(struct span *s, size_t n)
{
	s->p += n;
	s->n -= n;
}

static void
skip_blanks(struct span *s)
{
	while (s->n > 0 && is_blank(s->p[0]))
		skip(s, 1);
}

static struct span
take_word(struct span *s)
{
	struct span word = { s->p, 0 };

	while (word.n < s->n && !is_blank(word.p[word.n]))
		word.n++;
	skip(s, word.n);
	skip_blanks(s);
	return word;
}

static void
drop_trailing_blanks(struct span *s)
{
	while (s->n > 0 && is_blank(s->p[s->n - 1]))
		s->n--;
}

/* The line is passed over. Returns 0: the others go on. */
static int
fault(struct reading *r, const char *at, const char *text)
{
	r->ops->fault(r->data, r->number, (size_t) (at - r->line.p) + 1, text);
	return 0;
}

/* -- NAME = VALUE ------------------------------------------------------------------- */

/* Up to the closing quote, or without quotes up to a blank or '='. False: it is no name. */
static bool
take_name(struct span *s, struct span *name)
{
	char quote = s->n > 0 && (s->p[0] == '"' || s->p[0] == '\'') ? s->p[0] : '\0';
	size_t n = 0;

	if (quote)
		skip(s, 1);
	while (n < s->n && (quote ? s->p[n] != quote : !is_blank(s->p[n]) && s->p[n] != '='))
		n++;
	*name = (struct span) { s->p, n };
	if (n == 0 || (quote && n == s->n))
		return false;
	skip(s, n + (quote ? 1 : 0));
	return true;
}

/* Is it a variable? A schedule never has a '=' in its first two words. */
static bool
split_variable(struct span line, struct span *name, struct span *value)
{
	if (!take_name(&line, name))
		return false;
	skip_blanks(&line);
	if (line.n == 0 || line.p[0] != '=')
		return false;
	skip(&line, 1);
	skip_blanks(&line);
	drop_trailing_blanks(&line);
	if (line.n > 1 && (line.p[0] == '"' || line.p[0] == '\'') && line.p[line.n - 1] == line.p[0]) {
		skip(&line, 1);
		line.n--;
	}
	*value = line;
	return true;
}

static bool
is_shell_name(struct span name)
{
	for (size_t i = 0; i < name.n; i++) {
		char c = name.p[i];

		if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || (c >= '0' && c <= '9' && i > 0)))
			return false;
	}
	return name.n > 0;
}

static int
set_text(char **to, struct span value)
{
	free(*to);
	*to = value.n > 0 ? span_dup(value) : NULL;
	return value.n > 0 && !*to ? -ENOMEM : 0;
}

static int
fault_of_variables(struct reading *r, const char *at)
{
	if (!r->full)
		(void) fault(r, at, "more than 256 variables: those that are new from here on are not set");
	r->full = true;
	return 0;
}

/* The last of a name counts. */
static int
set_variable(struct reading *r, struct span name, struct span value)
{
	char *pair = str_printf("%.*s=%.*s", (int) name.n, name.p, (int) value.n, value.p);

	for (size_t i = 0; pair && r->env && r->env[i]; i++) {
		if (strncmp(r->env[i], pair, name.n + 1) == 0) {
			free(r->env[i]);
			r->env[i] = pair;
			return 0;
		}
	}
	if (pair && strv_len(r->env) == VARIABLES_MAX) {
		free(pair);
		return fault_of_variables(r, name.p);
	}
	return strv_take(&r->env, pair);
}

static int
read_variable(struct reading *r, struct span name, struct span value)
{
	if (span_is(name, "MAILTO") || span_is(name, "MAILFROM")) {
		if (value.n > 0)
			return fault(r, name.p, "no mail is sent: what commands print is in the logs of their jobs");
		return 0;
	}
	if (span_is(name, "CRON_TZ"))
		return value.n == 0 || zone_is_name(value) ? set_text(&r->zone, value)
							   : fault(r, value.p, "this is no time zone");
	if (span_is(name, "SHELL"))
		return set_text(&r->shell, value);
	if (span_is(name, "LOGNAME") || span_is(name, "USER"))
		return fault(r, name.p, "this is the user's, and can't be set");
	if (!is_shell_name(name))
		return fault(r, name.p, "this is no name of a variable");
	return set_variable(r, name, value);
}

/* -- schedules ------------------------------------------------------------------------ */

/* Five fields or one word, and what stands behind them; false: there are not enough. */
static bool
take_schedule(struct reading *r, struct span *schedule)
{
	const char *begin = r->rest.p;
	bool shortcut = r->rest.n > 0 && r->rest.p[0] == '@';
	struct span last = { begin, 0 };

	for (unsigned i = 0; i < (shortcut ? 1 : FIELDS); i++) {
		last = take_word(&r->rest);
		if (last.n == 0)
			return false;
	}
	*schedule = (struct span) { begin, (size_t) (last.p + last.n - begin) };
	return true;
}

/* CRON=…, and TZ=… where that means something. */
static int
schedule_words(const struct reading *r, struct span schedule, char ***words)
{
	int error = strv_take(words, str_printf("CRON=%.*s", (int) schedule.n, schedule.p));

	if (error == 0 && r->zone && !span_is(schedule, "@reboot"))
		error = strv_take(words, str_printf("TZ=%s", r->zone));
	return error;
}

static size_t
count(struct span text, char c)
{
	size_t n = 0;

	for (size_t i = 0; i < text.n; i++)
		n += text.p[i] == c;
	return n;
}

/* What stands before the first '%' is the command, what is between the others are lines that it reads. */
static int
split_command(struct span text, char **command, char ***input)
{
	struct strbuf b auto_strbuf = STRBUF_INIT;
	size_t lines = 0;

	/* Room for all at once: a line may have nothing but '%'. */
	*input = calloc(count(text, '%') + 1, sizeof(**input));
	for (size_t i = 0; i < text.n && *input && !b.failed; i++) {
		if (text.p[i] == '\\' && i + 1 < text.n && text.p[i + 1] == '%') {
			strbuf_addc(&b, '%');
			i++;
		} else if (text.p[i] != '%') {
			strbuf_addc(&b, text.p[i]);
		} else if (!*command) {
			*command = strbuf_steal(&b);
			if (!*command)
				return -ENOMEM;
		} else if (!((*input)[lines++] = strbuf_steal(&b))) {
			return -ENOMEM;
		}
	}
	if (!*input || b.failed)
		return -ENOMEM;
	if (*command) {
		(*input)[lines] = strbuf_steal(&b);
		return (*input)[lines] ? 0 : -ENOMEM;
	}
	*command = strbuf_steal(&b);
	*input = strv_free(*input);
	return *command ? 0 : -ENOMEM;
}

static int
tell_entry(struct reading *r, char **words, struct span user, struct span text)
{
	char *name auto_free = user.p ? span_dup(user) : NULL;
	char *command auto_free = NULL;
	char **input auto_strv = NULL;
	struct crontab_entry entry = { .line = r->number, .words = words, .env = r->env };

	if ((user.p && !name) || split_command(text, &command, &input) < 0)
		return -ENOMEM;
	if (!command[0])
		return fault(r, text.p, "a command is missing");
	entry.user = name;
	entry.command = command;
	entry.input = input;
	entry.shell = r->shell ? r->shell : SHELL;
	return r->ops->entry(r->data, &entry);
}

/* Most of all it is not a sixth field. */
static bool
is_user(struct span name)
{
	for (size_t i = 0; i < name.n; i++) {
		char c = name.p[i];

		if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
		      (i > 0 && (c == '-' || c == '.' || c == '$')) || (unsigned char) c >= 0x80))
			return false;
	}
	return name.n > 0;
}

static int
read_entry(struct reading *r)
{
	struct span schedule, user = { NULL, 0 };
	struct schedule_error why = { 0 };
	char **words auto_strv = NULL;
	struct schedule read;
	int error;

	if (!take_schedule(r, &schedule))
		return fault(r, r->rest.p, "five fields of a time are needed, or @daily and the like");
	error = schedule_words(r, schedule, &words);
	if (error < 0)
		return error;
	error = schedule_read(&read, words, false, &why);
	if (error == -EINVAL)
		return fault(r, schedule.p + (why.word == 0 && why.offset >= strlen("CRON=") ? why.offset - strlen("CRON=") : 0),
			     why.text);
	if (error < 0)
		return error;
	schedule_deinit(&read);
	if (r->users) {
		user = take_word(&r->rest);
		if (user.n == 0)
			return fault(r, user.p, "a user is missing");
		if (!is_user(user))
			return fault(r, user.p, "this is no name of a user");
	}
	if (r->rest.n == 0)
		return fault(r, r->rest.p, "a command is missing");
	return tell_entry(r, words, user, r->rest);
}

static int
read_line(struct reading *r)
{
	struct span name, value;

	r->rest = r->line;
	skip_blanks(&r->rest);
	drop_trailing_blanks(&r->rest);
	if (r->rest.n == 0 || r->rest.p[0] == '#')
		return 0;
	if (memchr(r->rest.p, '\0', r->rest.n))
		return fault(r, r->rest.p, "this is no text");
	if (split_variable(r->rest, &name, &value))
		return read_variable(r, name, value);
	return read_entry(r);
}

int
crontab_read(struct span text, bool users, const struct crontab_ops *ops, void *data)
{
	struct reading r = { .ops = ops, .data = data, .users = users };
	int error = 0;

	while (text.n > 0 && error == 0) {
		const char *end = memchr(text.p, '\n', text.n);

		r.number++;
		r.line = (struct span) { text.p, end ? (size_t) (end - text.p) : text.n };
		skip(&text, end ? r.line.n + 1 : r.line.n);
		error = read_line(&r);
	}
	(void) strv_free(r.env);
	free(r.shell);
	free(r.zone);
	return error;
}
