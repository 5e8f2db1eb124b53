/* SPDX-License-Identifier: MIT */
/*
 * Recorded runs of the original, played again: the core must send the same signals in the same order and answer alike.
 *
 * A trace is a text file, one step per line; what follows a step is expected before the next one:
 *
 *   job NAME … end                  a definition, its lines indented by a tab
 *   process JOB KIND WHAT [once]    what those processes do (rig.h)
 *   grouped                         signals are compared object by object
 *   [as ID] do start|stop|restart JOB [K=V]…    [as ID] do emit [--no-wait] EVENT [K=V]…
 *   end JOB[/INSTANCE] KIND exit N | signal NAME
 *   time SECONDS                    the clock goes on     timer    the next timer fires
 *   sig …                           this signal is sent
 *   answer ID|- ok | error TEXT     that request (-: the last one) has been answered so
 *   waits ID|-                      it has not been answered
 *   # …                             a remark
 */
#include "rig.h"

#include <dirent.h>
#include <errno.h>

#include "common/log.h"
#include "common/msg.h"
#include "job/signals.h"

#define REQUESTS_MAX 256

struct player {
	struct rig *rig;
	const char *path;
	unsigned line;
	bool grouped;
	struct strbuf expected;	     /* signals since the last step */
	char *names[REQUESTS_MAX];   /* owned: who asked request n; NULL: nobody special */
	char *answers[REQUESTS_MAX]; /* owned: "ok" or "error TEXT" */
};

/* Words of a line, 'single quoted' ones whole. */
static char **
words_of(const char *line)
{
	char **v = NULL;

	while (*line != '\0') {
		char quote = *line == '\'' ? '\'' : ' ';
		size_t n;

		line += quote == '\'';
		n = strcspn(line, quote == '\'' ? "'" : " ");
		if (n > 0 || quote == '\'')
			assert_int_equal(strv_take(&v, span_dup((struct span) { line, n })), 0);
		line += n;
		line += *line == '\'';
		line += strspn(line, " ");
	}
	return v;
}

/* Split what the bench wrote: signals stay, answers are noted. */
static void
take_lines(struct player *p, struct strbuf *signals)
{
	const char *text = p->rig->lines.p != NULL ? p->rig->lines.p : "";

	while (*text != '\0') {
		size_t n = strcspn(text, "\n");

		/* An answer's text may have more lines: "Usage: …". */
		while (strncmp(text, "reply ", 6) == 0 && text[n] == '\n' && strncmp(text + n + 1, "Usage: ", 7) == 0)
			n += 1 + strcspn(text + n + 1, "\n");
		if (strncmp(text, "reply ", 6) == 0) {
			char *end;
			unsigned long id = strtoul(text + 6, &end, 10);
			auto_free char *answer = span_dup((struct span) { end + 1, n - (size_t) (end + 1 - text) });
			char *colon = strstr(answer, ": ");

			assert_true(id < REQUESTS_MAX);
			assert_null(p->answers[id]);
			if (strncmp(answer, "error ", 6) == 0 && colon != NULL)
				p->answers[id] = str_printf("error %s", colon + 2);
			else
				p->answers[id] = strdup("ok");
		} else if (strncmp(text, "sig manager Job", 15) != 0) {
			strbuf_addn(signals, text, n + 1);
		}
		text += n + 1;
	}
	rig_forget(p->rig);
}

/* What a signal line speaks of: an object, or all events of one instance. Owned by the caller. */
static char *
object_of(const char *line)
{
	static const char *const members[] = { " GoalChanged", " StateChanged", " Failed", " EventEmitted",
					       " Instance" };
	const char *job = strstr(line, "[JOB="), *instance = strstr(line, "INSTANCE=");

	if (job == NULL)
		job = strstr(line, " JOB=");
	if (strncmp(line, "sig manager EventEmitted", 24) == 0 && job != NULL)
		return str_printf("manager %.*s %.*s", (int) strcspn(job + 5, " ]"), job + 5,
				  instance != NULL ? (int) strcspn(instance + 9, " ]") : 0,
				  instance != NULL ? instance + 9 : "");
	for (size_t i = 0; i < ARRAY_SIZE(members); i++) {
		const char *end = strstr(line, members[i]);

		if (end != NULL)
			return str_printf("%.*s", (int) (end - line - 4), line + 4);
	}
	return strdup(line + 4);
}

/* The lines by object, in their order within each. */
static char *
group(const char *text)
{
	auto_strv char **lines = NULL;
	auto_strv char **objects = NULL;
	struct strbuf b = STRBUF_INIT;
	size_t n = 0;

	for (; *text != '\0'; n++) {
		size_t len = strcspn(text, "\n");

		assert_int_equal(strv_take(&lines, span_dup((struct span) { text, len })), 0);
		assert_int_equal(strv_take(&objects, object_of(lines[n])), 0);
		text += len + 1;
	}
	/* An insertion sort: few lines, and equal ones must keep their order. */
	for (size_t i = 1; i < n; i++)
		for (size_t k = i; k > 0 && strcmp(objects[k - 1], objects[k]) > 0; k--) {
			char *line = lines[k], *object = objects[k];

			lines[k] = lines[k - 1];
			objects[k] = objects[k - 1];
			lines[k - 1] = line;
			objects[k - 1] = object;
		}
	for (size_t i = 0; i < n; i++)
		strbuf_addf(&b, "%s\n", lines[i]);
	return strbuf_steal(&b);
}

/* A step is over: what it brought is what the lines after it say. */
static void
settle_accounts(struct player *p)
{
	auto_strbuf struct strbuf signals = STRBUF_INIT;
	auto_free char *expected = NULL, *got = NULL;

	take_lines(p, &signals);
	expected = p->grouped ? group(p->expected.p ? p->expected.p : "") : strdup(p->expected.p ? p->expected.p : "");
	got = p->grouped ? group(signals.p ? signals.p : "") : strdup(signals.p ? signals.p : "");
	if (strcmp(expected, got) != 0)
		fail_msg("%s: before line %u\n--- expected\n%s--- got\n%s---", p->path, p->line, expected, got);
	strbuf_deinit(&p->expected);
}

static unsigned long
request_named(struct player *p, const char *name)
{
	if (strcmp(name, "-") == 0)
		return p->rig->requests;
	for (unsigned long i = REQUESTS_MAX; i-- > 0;)
		if (p->names[i] != NULL && strcmp(p->names[i], name) == 0)
			return i;
	fail_msg("%s:%u: nobody is called %s", p->path, p->line, name);
	return 0;
}

static void
step_do(struct player *p, char **words)
{
	struct input in = { 0 };
	bool wait = true;
	size_t i = 2;

	if (words[1] != NULL && strcmp(words[1], "--no-wait") == 0) {
		wait = false;
		words++;
	}
	if (words[1] == NULL)
		fail_msg("%s:%u: nothing to do", p->path, p->line);
	in.type = INPUT_REQUEST;
	if (strcmp(words[wait ? 0 : -1], "emit") == 0) {
		in.type = INPUT_EMIT;
		in.emit.request = ++p->rig->requests;
		in.emit.name = strdup(words[1]);
		in.emit.wait = wait;
		for (; words[i] != NULL; i++)
			assert_int_equal(strv_add(&in.emit.env, words[i]), 0);
	} else {
		const char *verb = words[wait ? 0 : -1];

		in.request.request = ++p->rig->requests;
		in.request.kind = strcmp(verb, "start") == 0  ? JOB_START
				  : strcmp(verb, "stop") == 0 ? JOB_STOP
							      : JOB_RESTART;
		in.request.job = strdup(words[1]);
		in.request.wait = wait;
		for (; words[i] != NULL; i++)
			assert_int_equal(strv_add(&in.request.env, words[i]), 0);
	}
	assert_true(p->rig->requests < REQUESTS_MAX);
	assert_int_equal(rig_apply(p->rig, &in), 0);
	rig_settle(p->rig);
}

static void
step_end(struct player *p, char **words)
{
	int32_t status;

	if (strv_len(words) != 5)
		fail_msg("%s:%u: not understood", p->path, p->line);
	status = strcmp(words[3], "exit") == 0 ? atoi(words[4]) : JOB_EXIT_SIGNAL(signal_from_name(words[4]));
	rig_exit(p->rig, words[1], words[2], status);
	rig_settle(p->rig);
}

static void
check_answer(struct player *p, char **words, const char *line)
{
	unsigned long id = request_named(p, words[1]);
	const char *expected = line + strlen(words[0]) + 1 + strlen(words[1]) + 1;
	auto_strbuf struct strbuf kept = STRBUF_INIT;

	take_lines(p, &kept);
	strbuf_addn(&p->rig->lines, kept.p ? kept.p : "", kept.len);
	if (strcmp(words[0], "waits") == 0 ? p->answers[id] != NULL
					   : p->answers[id] == NULL || strcmp(p->answers[id], expected) != 0)
		fail_msg("%s:%u: %s; the answer is: %s", p->path, p->line, line,
			 p->answers[id] ? p->answers[id] : "(none yet)");
}

/* One line that is neither part of a definition nor expectation. */
static void
step(struct player *p, const char *line)
{
	auto_strv char **words = words_of(line);
	char **verb = words;

	settle_accounts(p);
	if (strcmp(words[0], "as") == 0) {
		p->names[p->rig->requests + 1] = strdup(words[1]);
		verb += 2;
	}
	if (strcmp(verb[0], "do") == 0)
		step_do(p, verb + 1);
	else if (strcmp(verb[0], "end") == 0)
		step_end(p, verb);
	else if (strcmp(verb[0], "time") == 0)
		rig_wait(p->rig, (usec_t) atoi(verb[1]) * USEC_PER_SEC);
	else if (strcmp(verb[0], "timer") == 0) {
		assert_true(rig_timer(p->rig));
		rig_settle(p->rig);
	} else
		fail_msg("%s:%u: not understood: %s", p->path, p->line, line);
}

static void
read_job(struct player *p, FILE *f, const char *name)
{
	auto_strbuf struct strbuf text = STRBUF_INIT;
	char line[1024];

	while (fgets(line, sizeof(line), f) != NULL && line[0] == '\t') {
		p->line++;
		strbuf_add(&text, line + 1);
	}
	p->line++;
	strbuf_addc(&text, '\n');
	(void) rig_define(p->rig, name, text.p);
}

static void
play_line(struct player *p, FILE *f, char *line)
{
	line[strcspn(line, "\n")] = '\0';
	if (line[0] == '\0' || line[0] == '#')
		return;
	if (strncmp(line, "job ", 4) == 0) {
		read_job(p, f, line + 4);
	} else if (strcmp(line, "grouped") == 0) {
		p->grouped = true;
	} else if (strncmp(line, "sig ", 4) == 0) {
		strbuf_addf(&p->expected, "%s\n", line);
	} else if (strncmp(line, "process ", 8) == 0) {
		auto_strv char **w = words_of(line);
		bool once = strcmp(w[strv_len(w) - 1], "once") == 0;
		auto_free char *what = strv_len(w) - once > 4 ? str_printf("%s %s", w[3], w[4]) : strdup(w[3]);

		rig_rule(p->rig, w[1], w[2], what, once);
	} else if (strncmp(line, "answer ", 7) == 0 || strncmp(line, "waits ", 6) == 0) {
		auto_strv char **w = words_of(line);

		check_answer(p, w, line);
	} else {
		step(p, line);
	}
}

static void
test_trace_gives_the_recorded_signals(void **state)
{
	const char *path = *state;
	struct player p = { .rig = rig_new(), .path = strrchr(path, '/') + 1 };
	FILE *f = fopen(path, "re");
	char line[1024];

	assert_non_null(f);
	rig_show(p.rig, RIG_SIGNALS | RIG_REPLIES);
	while (fgets(line, sizeof(line), f) != NULL) {
		p.line++;
		play_line(&p, f, line);
	}
	settle_accounts(&p);
	(void) fclose(f);
	for (size_t i = 0; i < REQUESTS_MAX; i++) {
		free(p.names[i]);
		free(p.answers[i]);
	}
	(void) rig_free(p.rig);
}

static int
is_trace(const struct dirent *d)
{
	const char *dot = strrchr(d->d_name, '.');

	return dot != NULL && strcmp(dot, ".trace") == 0;
}

int
main(int argc, char **argv)
{
	struct dirent **names = NULL;
	int n = argc == 2 ? scandir(argv[1], &names, is_trace, alphasort) : -1, r;
	struct CMUnitTest *tests;

	if (n <= 0) {
		(void) fprintf(stderr, "usage: test_traces FOLDER\n");
		return 2;
	}
	tests = calloc((size_t) n, sizeof(*tests));
	for (int i = 0; tests != NULL && i < n; i++) {
		tests[i].name = names[i]->d_name;
		tests[i].test_func = test_trace_gives_the_recorded_signals;
		tests[i].initial_state = str_printf("%s/%s", argv[1], names[i]->d_name);
	}
	r = _cmocka_run_group_tests("traces", tests, (size_t) n, NULL, NULL);
	for (int i = 0; i < n; i++) {
		free(tests[i].initial_state);
		free(names[i]);
	}
	free(names);
	free(tests);
	return r;
}
