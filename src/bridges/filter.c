/* SPDX-License-Identifier: MIT */
#include "bridges/filter.h"

#include <errno.h>
#include <fnmatch.h>
#include <string.h>

#include "common/log.h"

#define REPLACEMENT "\xef\xbf\xbd" /* U+FFFD */
/* A source that makes up ever new names must not fill memory, or the log. */
#define REMEMBERED_MAX 256
#define SHOWN_MAX 64

static const char *const reserved_names[] = {
	"PATH", "IFS", "ENV", "BASH_ENV", "SHELL", "HOME", "TERM",
};
/* What init says about jobs; reserved too, unless init is the source. */
static const char *const job_names[] = {
	"JOB", "INSTANCE", "RESULT", "PROCESS", "EXIT_STATUS", "EXIT_SIGNAL",
};
static const char *const reserved_beginnings[] = { "LD_", "UPSTART_", "DBUS_" };

void
filter_deinit(struct filter *filter)
{
	map_deinit(&filter->told);
	filter->remembered = 0;
}

/* -- names -------------------------------------------------------------------- */

static bool
is_letter(char c)
{
	return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || c == '_';
}

static bool
is_name(struct span name, bool dots)
{
	if (name.n == 0 || !is_letter(name.p[0]))
		return false;
	for (size_t i = 1; i < name.n; i++) {
		char c = name.p[i];

		if (!is_letter(c) && !(c >= '0' && c <= '9') && !(dots && (c == '.' || c == '-')))
			return false;
	}
	return true;
}

static bool
is_one_of(struct span name, const char *const *names, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		if (span_is(name, names[i]))
			return true;
	}
	return false;
}

static bool
is_reserved(const struct filter *filter, struct span name)
{
	for (size_t i = 0; i < ARRAY_SIZE(reserved_beginnings); i++) {
		size_t n = strlen(reserved_beginnings[i]);

		if (name.n >= n && memcmp(name.p, reserved_beginnings[i], n) == 0)
			return true;
	}
	return is_one_of(name, reserved_names, ARRAY_SIZE(reserved_names)) ||
	       (!(filter->flags & FILTER_JOBS) && is_one_of(name, job_names, ARRAY_SIZE(job_names)));
}

static bool
matches_any(char *const *globs, const char *name)
{
	for (; globs && *globs; globs++) {
		if (fnmatch(*globs, name, 0) == 0)
			return true;
	}
	return false;
}

enum filter_verdict
filter_name(const struct filter *filter, struct span name)
{
	char *text auto_free = NULL;

	if (filter->deny || filter->allow) {
		text = span_dup(name);
		/* Without memory nothing can be told apart: better lose a variable than let a denied one pass. */
		if (!text || matches_any(filter->deny, text))
			return FILTER_DENIED;
		if (name.n > 0 && matches_any(filter->allow, text))
			return FILTER_PASS;
	}
	if (!is_name(name, filter->flags & FILTER_DOTS))
		return FILTER_ODD;
	return is_reserved(filter, name) ? FILTER_RESERVED : FILTER_PASS;
}

/* -- values ------------------------------------------------------------------- */

unsigned
filter_value(const struct filter *filter, struct span value, struct strbuf *out)
{
	struct span bad = filter->flags & FILTER_STRIP ? SPAN("_") : SPAN(REPLACEMENT);
	size_t written = 0;
	unsigned change = 0;

	while (value.n > 0) {
		struct span piece = { value.p, span_utf8(value) };
		size_t taken = piece.n > 0 ? piece.n : 1;

		if (piece.n == 0 || *value.p == '\0') {
			change |= FILTER_REPAIRED;
			piece = piece.n == 0 ? bad : (struct span) { "", 0 };
		}
		if (written + piece.n > FILTER_VALUE_MAX)
			return change | FILTER_CUT;
		strbuf_addn(out, piece.p, piece.n);
		written += piece.n;
		value.p += taken;
		value.n -= taken;
	}
	return change;
}

/* -- events ------------------------------------------------------------------- */

const char *
filter_shown(char buffer[FILTER_SHOWN_SIZE], const char *text)
{
	size_t i;

	for (i = 0; i < SHOWN_MAX && text[i]; i++)
		buffer[i] = text[i];
	if (text[i]) {
		memcpy(buffer + i, "...", 3);
		i += 3;
	}
	buffer[i] = '\0';
	for (char *p = buffer; *p; p++) {
		if (*p < ' ' || *p > '~')
			*p = '?';
	}
	return buffer;
}

/* Is this the first time that there is something to say about `what` of this source? */
static bool
is_news(struct filter *filter, const char *source, const char *what, const char *why)
{
	char *key auto_free = str_printf("%s %s %s", why, source, what);

	if (!key || map_get(&filter->told, key) || filter->remembered >= REMEMBERED_MAX)
		return false;
	if (map_put(&filter->told, key, filter) < 0)
		return false;
	if (++filter->remembered == REMEMBERED_MAX)
		log_warn("Variables were dropped or changed for %d reasons; no more of them are shown", REMEMBERED_MAX);
	return true;
}

/* Say once that something was done to the variable `name` (NULL: to the whole) of `source`. */
static void
tell(struct filter *filter, const char *source, const char *name, const char *what)
{
	char shown_source[FILTER_SHOWN_SIZE], shown_name[FILTER_SHOWN_SIZE];

	if (!is_news(filter, source, name ? name : "", what))
		return;
	if (name)
		log_warn("%s: variable %s %s", filter_shown(shown_source, source), filter_shown(shown_name, name),
			 what);
	else
		log_warn("%s: %s", filter_shown(shown_source, source), what);
}

static const char *
verdict_text(enum filter_verdict verdict)
{
	return verdict == FILTER_ODD ? "dropped: this is not the name of a variable" : "dropped: this name is reserved";
}

/* One variable, if it may pass: appended to *clean, its size added to *size. 0 or -ENOMEM. */
static int
filter_pair(struct filter *filter, const char *source, const char *pair, char ***clean, size_t *size)
{
	struct strbuf out auto_strbuf = STRBUF_INIT;
	const char *equals = strchr(pair, '=');
	struct span name = { pair, equals ? (size_t) (equals - pair) : strlen(pair) };
	char *text auto_free = span_dup(name);
	enum filter_verdict verdict = equals ? filter_name(filter, name) : FILTER_ODD;
	unsigned change;

	if (!text)
		return -ENOMEM;
	if (verdict != FILTER_PASS) {
		if (verdict != FILTER_DENIED)
			tell(filter, source, text, verdict_text(verdict));
		return 0;
	}
	(void) filter_value(filter, name, &out); /* an odd one that is allowed */
	strbuf_addc(&out, '=');
	change = filter_value(filter, span_of(equals + 1), &out);
	if (change & FILTER_REPAIRED)
		tell(filter, source, text, "repaired: it was not UTF-8");
	if (change & FILTER_CUT)
		tell(filter, source, text, "cut: it was too long");
	if (out.failed)
		return -ENOMEM;
	if (*size + out.len > FILTER_EVENT_MAX) {
		tell(filter, source, text, "dropped: all variables together are too long");
		return 0;
	}
	*size += out.len;
	return strv_take(clean, strbuf_steal(&out));
}

int
filter_env(struct filter *filter, const char *source, char *const *env, char ***clean)
{
	char **kept auto_strv = NULL;
	size_t size = 0;

	for (size_t i = 0; env && env[i]; i++) {
		int r;

		if (i == FILTER_VARIABLES_MAX) {
			tell(filter, source, NULL, "too many variables; the last ones are dropped");
			break;
		}
		r = filter_pair(filter, source, env[i], &kept, &size);
		if (r < 0)
			return r;
	}
	*clean = steal(&kept);
	return 0;
}
