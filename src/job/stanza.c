/* SPDX-License-Identifier: MIT */
/*
 * The stanzas of job files: how each is read (job-language.md sections 2, 3 and 10). The
 * table at the end is the one place that lists them.
 */
#include "job/stanza.h"

#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <string.h>

#include "job/expression.h"
#include "job/print.h"
#include "job/signals.h"

#define SPAN_NONE ((struct span) { NULL, 0 })

/*
 * The list of cases (language-cases.tsv) holds signal names in lower case and `limit rttime` for
 * errors; section 11 (D40) wants them accepted. Job files are held to the list, which is what
 * decides whether a file may be moved between versions.
 */
static const bool accept_new_spellings = false;

/* helpers */

static void *
member(struct parser *p, const struct stanza *s)
{
	return (char *) p->cls + s->member;
}

/* A fault about an argument; releases it. */
static int
bad_word(struct parser *p, enum parse_fault_kind kind, struct word *w)
{
	int r = lexer_fault(&p->lex, kind, w->at, w->raw);

	word_deinit(w);
	return r;
}

/* A whole number: optional sign, digits of the base, nothing after; false if it is none or too large. */
static bool
parse_long(const char *text, int base, long *value)
{
	char *end;

	errno = 0;
	*value = strtol(text, &end, base);
	return end != text && *end == '\0' && errno == 0;
}

/* Read a number in [min, max], else report `kind`. */
static int
read_number(struct parser *p, int base, long min, long max, enum parse_fault_kind kind, long *value)
{
	struct word w;
	int r = lexer_argument(&p->lex, false, &w);

	if (r < 0)
		return r;
	if (!parse_long(w.text, base, value) || *value < min || *value > max)
		return bad_word(p, kind, &w);
	word_deinit(&w);
	return 0;
}

/* Seconds; more than fit (136 years) are as good as that. */
static int
read_seconds(struct parser *p, uint32_t *seconds)
{
	long value;
	int r = read_number(p, 10, 0, LONG_MAX, FAULT_ILLEGAL_INTERVAL, &value);

	if (r < 0)
		return r;
	*seconds = (unsigned long) value > UINT32_MAX ? UINT32_MAX : (uint32_t) value;
	return 0;
}

/* generic stanzas */

static int
parse_text(struct parser *p, const struct stanza *s, const struct stanza *outer)
{
	char **text = member(p, s);
	struct word w;
	int r = lexer_argument(&p->lex, (s->flags & STANZA_EMPTY_OK) != 0, &w);

	if (r < 0)
		return r;
	free(*text);
	*text = steal(&w.text);
	return lexer_line_end(&p->lex);
}

/* The end of a stanza without arguments. */
static int
keyword_end(struct parser *p, const struct stanza *s)
{
	if ((s->flags & STANZA_MORE) == 0 || lexer_at_line_end(&p->lex))
		return lexer_line_end(&p->lex);
	return lexer_warn(&p->lex, FAULT_TEXT_AFTER_KEYWORD, lexer_place(&p->lex), span_of(s->name));
}

static int
parse_flag(struct parser *p, const struct stanza *s, const struct stanza *outer)
{
	*(bool *) member(p, s) = true;
	return keyword_end(p, s);
}

/* Is this word of `export` or `env` one that will do nothing? (D32) */
static int
warn_useless(struct parser *p, const struct stanza *s, const struct word *w)
{
	if (s->member == offsetof(struct job_class, export) && strchr(w->text, '=') != NULL)
		return lexer_warn(&p->lex, FAULT_EXPORT_WITH_VALUE, w->at, w->raw);
	if (s->member == offsetof(struct job_class, env) && *w->text == '=')
		return lexer_warn(&p->lex, FAULT_ENV_WITHOUT_NAME, w->at, w->raw);
	return 0;
}

/* One word, or any number; gathered in the parser's list for the member. */
static int
read_words(struct parser *p, const struct stanza *s, struct strlist *list, bool many)
{
	struct word w;
	int r;

	do {
		r = lexer_argument(&p->lex, false, &w);
		if (r < 0)
			return r;
		r = warn_useless(p, s, &w);
		if (r < 0) {
			word_deinit(&w);
			return r;
		}
		r = strlist_take(list, steal(&w.text));
		if (r < 0)
			return r;
	} while (many && !lexer_at_line_end(&p->lex));
	return lexer_line_end(&p->lex);
}

static int
parse_emits(struct parser *p, const struct stanza *s, const struct stanza *outer)
{
	return read_words(p, s, &p->emits, true);
}

static int
parse_export(struct parser *p, const struct stanza *s, const struct stanza *outer)
{
	return read_words(p, s, &p->export, true);
}

static int
parse_env(struct parser *p, const struct stanza *s, const struct stanza *outer)
{
	return read_words(p, s, &p->env, false);
}

/* processes */

static int
parse_exec(struct parser *p, const struct stanza *s, const struct stanza *outer)
{
	struct job_process *process = &p->cls->process[outer->value];

	process->script = false;
	return lexer_command(&p->lex, &process->command);
}

static int
parse_script(struct parser *p, const struct stanza *s, const struct stanza *outer)
{
	struct job_process *process = &p->cls->process[outer->value];

	process->script = true;
	return lexer_block(&p->lex, p->keyword_at, &process->command);
}

/* The security slot holds the command that loads the profile; the path is pasted into it as text. */
static int
parse_apparmor_load(struct parser *p, const struct stanza *s, const struct stanza *outer)
{
	struct job_process *process = &p->cls->process[PROCESS_SECURITY];
	char *command;
	struct word w;
	int r = lexer_argument(&p->lex, false, &w);

	if (r < 0)
		return r;
	command = str_printf("%s%s", APPARMOR_PARSER, w.text);
	word_deinit(&w);
	if (command == NULL)
		return -ENOMEM;
	free(process->command);
	process->command = command;
	return lexer_line_end(&p->lex);
}

/* events */

static int
parse_condition(struct parser *p, const struct stanza *s, const struct stanza *outer)
{
	return expression_read(&p->lex, member(p, outer));
}

/* Forget the `start on` read so far; a later one counts again. */
static int
parse_manual(struct parser *p, const struct stanza *s, const struct stanza *outer)
{
	p->cls->start_on = condition_free(p->cls->start_on);
	return keyword_end(p, s);
}

/* signals, exits, respawning */

static bool
has_lower_case(const char *text)
{
	while (*text != '\0' && !(*text >= 'a' && *text <= 'z'))
		text++;
	return *text != '\0';
}

/* The signal of that name as job files may write it, or 0. */
static int
signal_of_name(const char *name)
{
	return accept_new_spellings || !has_lower_case(name) ? signal_from_name(name) : 0;
}

static int
parse_signal(struct parser *p, const struct stanza *s, const struct stanza *outer)
{
	struct word w;
	long number;
	int r = lexer_argument(&p->lex, false, &w);

	if (r < 0)
		return r;
	number = signal_of_name(w.text);
	if (number == 0 && !(parse_long(w.text, 10, &number) && signal_is_valid(number)))
		return bad_word(p, FAULT_ILLEGAL_SIGNAL, &w);
	word_deinit(&w);
	*(int *) member(p, s) = (int) number;
	return lexer_line_end(&p->lex);
}

static int
parse_kill_timeout(struct parser *p, const struct stanza *s, const struct stanza *outer)
{
	int r = read_seconds(p, &p->cls->kill_timeout);

	return r < 0 ? r : lexer_line_end(&p->lex);
}

static int
add_exit(struct parser *p, int status)
{
	struct job_class *cls = p->cls;

	if (cls->n_normal_exit == p->exits_cap) {
		size_t cap = p->exits_cap > 0 ? 2 * p->exits_cap : 4;
		int *grown = realloc(cls->normal_exit, cap * sizeof(*grown));

		if (grown == NULL)
			return -ENOMEM;
		cls->normal_exit = grown;
		p->exits_cap = cap;
	}
	cls->normal_exit[cls->n_normal_exit++] = status;
	return 0;
}

/* One STATUS or SIGNAL of `normal exit`. */
static int
read_exit(struct parser *p)
{
	struct word w;
	long status;
	int number;
	int r = lexer_argument(&p->lex, false, &w);

	if (r < 0)
		return r;
	number = signal_of_name(w.text);
	if (number != 0)
		status = JOB_EXIT_SIGNAL(number);
	else if (!parse_long(w.text, 10, &status) || status < 0 || status > INT_MAX)
		return bad_word(p, FAULT_ILLEGAL_EXIT, &w);
	else if (status > 255)
		r = lexer_warn(&p->lex, FAULT_EXIT_OUT_OF_RANGE, w.at, w.raw);
	word_deinit(&w);
	return r < 0 ? r : add_exit(p, (int) status);
}

static int
parse_normal_exit(struct parser *p, const struct stanza *s, const struct stanza *outer)
{
	int r;

	do
		r = read_exit(p);
	while (r == 0 && !lexer_at_line_end(&p->lex));
	return r < 0 ? r : lexer_line_end(&p->lex);
}

static int
parse_respawn_limit(struct parser *p, const struct stanza *s, const struct stanza *outer)
{
	struct word w;
	long count;
	int r;

	p->respawn_limit_path = p->lex.path;
	p->respawn_limit_at = p->keyword_at;
	r = lexer_argument(&p->lex, false, &w);
	if (r < 0)
		return r;
	if (strcmp(w.text, "unlimited") == 0) {
		word_deinit(&w);
		p->cls->respawn_limit = 0;
		p->cls->respawn_interval = 0;
		return lexer_line_end(&p->lex);
	}
	if (!parse_long(w.text, 10, &count) || count < 0 || count > INT_MAX)
		return bad_word(p, FAULT_ILLEGAL_LIMIT, &w);
	word_deinit(&w);
	p->cls->respawn_limit = (uint32_t) count;
	r = read_seconds(p, &p->cls->respawn_interval);
	return r < 0 ? r : lexer_line_end(&p->lex);
}

/* attributes of processes */

static int
parse_console(struct parser *p, const struct stanza *s, const struct stanza *outer)
{
	struct word w;
	int r = lexer_argument(&p->lex, false, &w);

	if (r < 0)
		return r;
	if (!console_mode_from_name(span_of(w.text), &p->cls->console))
		return bad_word(p, FAULT_UNKNOWN_STANZA, &w);
	word_deinit(&w);
	return lexer_line_end(&p->lex);
}

static int
parse_expect(struct parser *p, const struct stanza *s, const struct stanza *outer)
{
	struct word w;
	int r = lexer_argument(&p->lex, false, &w);

	if (r < 0)
		return r;
	if (!expect_mode_from_name(span_of(w.text), &p->cls->expect))
		return bad_word(p, FAULT_UNKNOWN_STANZA, &w);
	word_deinit(&w);
	return lexer_line_end(&p->lex);
}

static int
parse_umask(struct parser *p, const struct stanza *s, const struct stanza *outer)
{
	long value;
	int r = read_number(p, 8, 0, 0777, FAULT_ILLEGAL_UMASK, &value);

	if (r < 0)
		return r;
	p->cls->umask = (uint32_t) value;
	return lexer_line_end(&p->lex);
}

static int
parse_nice(struct parser *p, const struct stanza *s, const struct stanza *outer)
{
	long value;
	int r = read_number(p, 10, -20, 19, FAULT_ILLEGAL_NICE, &value);

	if (r < 0)
		return r;
	p->cls->nice = (int) value;
	return lexer_line_end(&p->lex);
}

/* The score that the kernel makes of an old oom adjustment. */
static int
oom_score_of_adjustment(long adjustment)
{
	return (int) (adjustment * 1000 / (adjustment < 0 ? 17 : 15));
}

/* What follows `oom score`, already read. */
static int
oom_score(struct parser *p, struct word *w)
{
	struct place at = w->at;
	struct span raw = w->raw;
	bool never = strcmp(w->text, "never") == 0;
	bool is_number;
	long value;

	is_number = parse_long(w->text, 10, &value);
	word_deinit(w);
	if (!never && (!is_number || value < -1000 || value > 1000))
		return lexer_fault_message(&p->lex, FAULT_ILLEGAL_OOM, at, raw,
					   "Illegal oom score adjustment, expected -1000 to 1000 or 'never'");
	p->cls->oom_score_adj = never ? -1000 : (int) value;
	return lexer_line_end(&p->lex);
}

static int
parse_oom(struct parser *p, const struct stanza *s, const struct stanza *outer)
{
	struct word w;
	long value;
	int r = lexer_argument(&p->lex, false, &w);

	if (r < 0)
		return r;
	if (strcmp(w.text, "score") == 0) {
		word_deinit(&w);
		r = lexer_argument(&p->lex, false, &w);
		return r < 0 ? r : oom_score(p, &w);
	}
	if (strcmp(w.text, "never") == 0)
		p->cls->oom_score_adj = -1000;
	else if (!parse_long(w.text, 10, &value) || value < -17 || value > 15)
		return bad_word(p, FAULT_ILLEGAL_OOM, &w);
	else
		p->cls->oom_score_adj = oom_score_of_adjustment(value);
	word_deinit(&w);
	return lexer_line_end(&p->lex);
}

/* The index of a resource job files may name, or JOB_LIMIT_COUNT. */
static size_t
limit_index(const char *name)
{
	static const char *const new_names[] = { "locks", "rttime" };
	size_t i = 0;

	for (size_t j = 0; !accept_new_spellings && j < ARRAY_SIZE(new_names); j++)
		if (strcmp(name, new_names[j]) == 0)
			return JOB_LIMIT_COUNT;
	while (i < JOB_LIMIT_COUNT && strcmp(name, job_limit_names[i]) != 0)
		i++;
	return i;
}

/* A limit: `unlimited` or a number, of which a negative one wraps (-1 is unlimited, D23). */
static int
read_limit(struct parser *p, uint64_t *limit)
{
	unsigned long long value = ULLONG_MAX;
	struct word w;
	char *end;
	int r = lexer_argument(&p->lex, false, &w);

	if (r < 0)
		return r;
	if (strcmp(w.text, "unlimited") != 0) {
		errno = 0;
		value = strtoull(w.text, &end, 10);
		if (end == w.text || *end != '\0' || errno != 0)
			return bad_word(p, FAULT_ILLEGAL_LIMIT, &w);
		if (strchr(w.text, '-') != NULL)
			r = lexer_warn(&p->lex, FAULT_LIMIT_NEGATIVE, w.at, w.raw);
	}
	word_deinit(&w);
	*limit = value;
	return r;
}

static int
parse_limit(struct parser *p, const struct stanza *s, const struct stanza *outer)
{
	struct job_limit limit = { .set = true };
	struct word w;
	size_t i;
	int r = lexer_argument(&p->lex, false, &w);

	if (r < 0)
		return r;
	i = limit_index(w.text);
	if (i == JOB_LIMIT_COUNT)
		return bad_word(p, FAULT_UNKNOWN_STANZA, &w);
	word_deinit(&w);
	r = read_limit(p, &limit.soft);
	if (r == 0)
		r = read_limit(p, &limit.hard);
	if (r == 0 && limit.soft > limit.hard)
		r = lexer_warn(&p->lex, FAULT_LIMIT_SOFT_ABOVE_HARD, p->keyword_at, span_of(job_limit_names[i]));
	if (r < 0)
		return r;
	p->cls->limits[i] = limit;
	return lexer_line_end(&p->lex);
}

/* cgroup */

static void
cgroup_deinit(struct job_cgroup *g)
{
	free(g->controller);
	free(g->name);
	free(g->key);
	free(g->value);
	*g = (struct job_cgroup) { 0 };
}

static int
cgroup_append(struct parser *p, struct job_cgroup *g)
{
	struct job_class *cls = p->cls;

	if (cls->n_cgroups == p->cgroups_cap) {
		size_t cap = p->cgroups_cap > 0 ? 2 * p->cgroups_cap : 4;
		struct job_cgroup *grown = realloc(cls->cgroups, cap * sizeof(*grown));

		if (grown == NULL)
			return -ENOMEM;
		cls->cgroups = grown;
		p->cgroups_cap = cap;
	}
	cls->cgroups[cls->n_cgroups++] = *g;
	*g = (struct job_cgroup) { 0 };
	return 0;
}

/* Add the setting, or replace the value of the one it repeats; takes what *g owns. */
static int
cgroup_merge(struct parser *p, struct job_cgroup *g)
{
	/* Words hold no newline, so this is one key for one setting. */
	auto_free char *id = str_printf("%s\n%s\n%s", g->controller, g->name != NULL ? g->name : "",
					g->key != NULL ? g->key : "");
	struct job_cgroup *known;
	uintptr_t at;

	if (id == NULL)
		return -ENOMEM;
	at = (uintptr_t) map_get(&p->cgroups, id);
	if (at != 0) {
		known = &p->cls->cgroups[at - 1];
		free(known->value);
		known->value = steal(&g->value);
		return 0;
	}
	if (map_put(&p->cgroups, id, (void *) (uintptr_t) (p->cls->n_cgroups + 1)) < 0)
		return -ENOMEM;
	return cgroup_append(p, g);
}

/* CONTROLLER [NAME] [KEY VALUE] from what was read; only VALUE may be empty. */
static int
cgroup_of_words(struct parser *p, struct word *w, size_t n)
{
	struct job_cgroup g = { 0 };
	int r;

	for (size_t i = 0; i < n; i++)
		if (*w[i].text == '\0' && !(n >= 3 && i == n - 1))
			return lexer_fault_message(&p->lex, FAULT_EXPECTED_TOKEN, w[i].at, w[i].raw,
						   "Expected token, not an empty one");
	g.controller = steal(&w[0].text);
	if (n == 2 || n == 4)
		g.name = steal(&w[1].text);
	if (n >= 3) {
		g.key = steal(&w[n - 2].text);
		g.value = steal(&w[n - 1].text);
	}
	r = cgroup_merge(p, &g);
	cgroup_deinit(&g);
	return r;
}

static int
parse_cgroup(struct parser *p, const struct stanza *s, const struct stanza *outer)
{
	struct word w[4] = { 0 };
	size_t n = 0;
	int r;

	do
		r = lexer_argument(&p->lex, true, &w[n]);
	while (r == 0 && ++n < ARRAY_SIZE(w) && !lexer_at_line_end(&p->lex));
	if (r == 0)
		r = cgroup_of_words(p, w, n);
	if (r == 0)
		r = lexer_line_end(&p->lex);
	for (size_t i = 0; i < ARRAY_SIZE(w); i++)
		word_deinit(&w[i]);
	return r;
}

/* the table */

#define MEMBER(name) offsetof(struct job_class, name)

static const struct stanza process_stanzas[] = {
	{ "exec", parse_exec, print_process, .usage = "COMMAND", .doc = "the command to run" },
	{ "script", parse_script, .flags = STANZA_BLOCK, .usage = "", .doc = "the lines up to 'end script', for /bin/sh -e" },
	{ 0 },
};

static const struct stanza condition_stanzas[] = {
	{ "on", parse_condition, print_condition, .usage = "EXPRESSION", .doc = "the events that do it" },
	{ 0 },
};

static const struct stanza respawn_stanzas[] = {
	{ "limit", parse_respawn_limit, print_respawn_limit, .usage = "COUNT INTERVAL | unlimited",
	  .doc = "how often in how many seconds" },
	{ 0 },
};

static const struct stanza normal_stanzas[] = {
	{ "exit", parse_normal_exit, print_normal_exit, .usage = "STATUS|SIGNAL...",
	  .doc = "ends that are no failure and no reason to respawn" },
	{ 0 },
};

static const struct stanza kill_stanzas[] = {
	{ "signal", parse_signal, print_signal, .member = MEMBER(kill_signal), .value = SIGTERM, .usage = "SIGNAL",
	  .doc = "the signal that ends the job" },
	{ "timeout", parse_kill_timeout, print_kill_timeout, .usage = "SECONDS", .doc = "the time until SIGKILL follows" },
	{ 0 },
};

static const struct stanza reload_stanzas[] = {
	{ "signal", parse_signal, print_signal, .member = MEMBER(reload_signal), .value = SIGHUP, .usage = "SIGNAL",
	  .doc = "the signal of initctl reload" },
	{ 0 },
};

static const struct stanza apparmor_stanzas[] = {
	{ "load", parse_apparmor_load, print_apparmor_load, .usage = "PATH", .doc = "load this profile before the start" },
	{ "switch", parse_text, print_text, .member = MEMBER(apparmor_switch), .usage = "PROFILE",
	  .doc = "run the main process in this profile" },
	{ 0 },
};

static const struct stanza stanzas[] = {
	{ "description", parse_text, print_text, .member = MEMBER(description), .flags = STANZA_EMPTY_OK, .usage = "TEXT",
	  .doc = "what the job is" },
	{ "author", parse_text, print_text, .member = MEMBER(author), .flags = STANZA_EMPTY_OK, .usage = "TEXT",
	  .doc = "who wrote the job file" },
	{ "version", parse_text, print_text, .member = MEMBER(version), .flags = STANZA_EMPTY_OK, .usage = "TEXT",
	  .doc = "the version of the job file" },
	{ "usage", parse_text, print_text, .member = MEMBER(usage), .flags = STANZA_EMPTY_OK, .usage = "TEXT",
	  .doc = "the variables the job wants, for initctl usage" },
	{ "start", .sub = condition_stanzas, .member = MEMBER(start_on), .doc = "start the job" },
	{ "stop", .sub = condition_stanzas, .member = MEMBER(stop_on), .doc = "stop the job" },
	{ "manual", parse_manual, .flags = STANZA_MORE, .usage = "", .doc = "forget any 'start on' above" },
	{ "emits", parse_emits, print_words, .member = MEMBER(emits), .usage = "EVENT...",
	  .doc = "events the job emits, for documentation" },
	{ "task", parse_flag, print_flag, .member = MEMBER(task), .usage = "",
	  .doc = "a start is complete when the job has finished" },
	{ "instance", parse_text, print_text, .member = MEMBER(instance), .flags = STANZA_EMPTY_OK, .usage = "TEMPLATE",
	  .doc = "several instances, told apart by this name" },
	{ "env", parse_env, print_words, .member = MEMBER(env), .usage = "KEY[=VALUE]",
	  .doc = "a variable for the job's processes" },
	{ "export", parse_export, print_words, .member = MEMBER(export), .usage = "KEY...",
	  .doc = "variables the job's events carry" },
	{ "expect", parse_expect, print_expect, .usage = "none | stop | fork | daemon",
	  .doc = "how the main process says that it is ready" },
	{ "respawn", parse_flag, print_flag, .sub = respawn_stanzas, .member = MEMBER(respawn), .usage = "",
	  .doc = "start the main process again when it fails" },
	{ "normal", .sub = normal_stanzas, .doc = "what is no failure" },
	{ "kill", .sub = kill_stanzas, .doc = "how the job is stopped" },
	{ "reload", .sub = reload_stanzas, .doc = "how the job is told to reload" },
	{ "console", parse_console, print_console, .usage = "none | log | output | owner",
	  .doc = "where input and output of the processes go" },
	{ "umask", parse_umask, print_umask, .usage = "OCTAL", .doc = "file creation mask" },
	{ "nice", parse_nice, print_nice, .usage = "-20...19", .doc = "scheduling priority" },
	{ "oom", parse_oom, print_oom, .usage = "-17...15 | never | score -1000...1000 | score never",
	  .doc = "how ready the kernel is to kill the job when memory runs out" },
	{ "limit", parse_limit, print_limit, .usage = "RESOURCE SOFT HARD", .doc = "a resource limit; a number or 'unlimited'" },
	{ "chroot", parse_text, print_text, .member = MEMBER(chroot), .usage = "DIRECTORY", .doc = "root directory" },
	{ "chdir", parse_text, print_text, .member = MEMBER(chdir), .usage = "DIRECTORY", .doc = "working directory" },
	{ "setuid", parse_text, print_text, .member = MEMBER(setuid), .usage = "USER", .doc = "user to run as" },
	{ "setgid", parse_text, print_text, .member = MEMBER(setgid), .usage = "GROUP", .doc = "group to run as" },
	{ "cgroup", parse_cgroup, print_cgroup, .usage = "CONTROLLER [NAME] [KEY VALUE]",
	  .doc = "a control group and a setting of it" },
	{ "apparmor", .sub = apparmor_stanzas, .doc = "AppArmor profiles" },
	{ "debug", parse_flag, print_flag, .member = MEMBER(debug), .flags = STANZA_MORE, .usage = "",
	  .doc = "with init --debug, stop each process before it is executed" },
	{ "pre-start", .sub = process_stanzas, .value = PROCESS_PRE_START, .flags = STANZA_BLOCK,
	  .doc = "before the main process" },
	{ "exec", parse_exec, print_process, .value = PROCESS_MAIN, .usage = "COMMAND", .doc = "the main process" },
	{ "script", parse_script, .value = PROCESS_MAIN, .flags = STANZA_BLOCK, .usage = "",
	  .doc = "the main process: the lines up to 'end script', for /bin/sh -e" },
	{ "post-start", .sub = process_stanzas, .value = PROCESS_POST_START, .flags = STANZA_BLOCK,
	  .doc = "when the main process runs" },
	{ "pre-stop", .sub = process_stanzas, .value = PROCESS_PRE_STOP, .flags = STANZA_BLOCK,
	  .doc = "before the main process is stopped" },
	{ "post-stop", .sub = process_stanzas, .value = PROCESS_POST_STOP, .flags = STANZA_BLOCK,
	  .doc = "after the main process has ended" },
	{ 0 },
};

const struct stanza *
job_stanzas(void)
{
	return stanzas;
}

const struct stanza *
stanza_find(const struct stanza *table, struct span name)
{
	for (; table->name != NULL; table++)
		if (span_is(name, table->name))
			return table;
	return NULL;
}

/* Read a keyword of `table`. The line of an unknown one is that of what follows it (1.6). */
static int
read_keyword(struct parser *p, const struct stanza *table, const struct stanza **found)
{
	struct word w;
	int r = lexer_keyword(&p->lex, &w);

	if (r < 0)
		return r;
	p->keyword_at = w.at;
	*found = stanza_find(table, w.raw);
	if (*found == NULL)
		return lexer_fault_line(&p->lex, FAULT_UNKNOWN_STANZA, p->lex.line, w.at, w.raw);
	return 0;
}

int
stanza_read(struct parser *p, const struct stanza **found)
{
	const struct stanza *outer = NULL;
	const struct stanza *inner;
	int r = read_keyword(p, stanzas, &outer);

	*found = outer;
	if (r < 0)
		return r;
	if (outer->sub == NULL || (outer->parse != NULL && lexer_at_line_end(&p->lex)))
		return outer->parse(p, outer, outer);
	if (lexer_at_line_end(&p->lex))
		return lexer_fault(&p->lex, FAULT_EXPECTED_TOKEN, lexer_place(&p->lex), SPAN_NONE);
	r = read_keyword(p, outer->sub, &inner);
	return r < 0 ? r : inner->parse(p, inner, outer);
}
