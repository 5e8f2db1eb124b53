/* SPDX-License-Identifier: MIT */
/*
 * The stanzas of job files: how each is read (job-language.md sections 2, 3 and 10). The
 * table at the end is the one place that lists them.
 */
#include "job/stanza.h"

#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "job/argument.h"
#include "job/attribute.h"
#include "job/block.h"
#include "job/expression.h"
#include "job/hint.h"
#include "job/namespace.h"
#include "job/print.h"
#include "job/signals.h"
#include "job/supervise.h"

#define SPAN_NONE ((struct span){ NULL, 0 })

/* generic stanzas */

static void *
member(struct parser *p, const struct stanza *s)
{
	return (char *) p->cls + s->member;
}

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
	if (s->member == offsetof(struct job_class, instance))
		p->variables.instance = (struct variable_place){ p->lex.path, w.at, -1, -1 };
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

/* Is this word of `export` or `env` one that will do nothing? (D32) What is exported may be set further down. */
static int
warn_useless(struct parser *p, const struct stanza *s, const struct word *w)
{
	if (s->member == offsetof(struct job_class, export)) {
		int r = exports_add(&p->export_places, p->lex.path, w->at);

		if (r < 0 || strchr(w->text, '=') == NULL)
			return r;
		return lexer_warn(&p->lex, FAULT_EXPORT_WITH_VALUE, w->at, w->raw);
	}
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
parse_import(struct parser *p, const struct stanza *s, const struct stanza *outer)
{
	return read_words(p, s, &p->import, true);
}

static int
parse_tmpfiles(struct parser *p, const struct stanza *s, const struct stanza *outer)
{
	return read_words(p, s, &p->tmpfiles, true);
}

static int
parse_readonly(struct parser *p, const struct stanza *s, const struct stanza *outer)
{
	return read_words(p, s, &p->readonly, true);
}

static int
parse_hidden(struct parser *p, const struct stanza *s, const struct stanza *outer)
{
	return read_words(p, s, &p->hidden, true);
}

static int
parse_env(struct parser *p, const struct stanza *s, const struct stanza *outer)
{
	return read_words(p, s, &p->env, false);
}

/* processes */

/* A file that gives a process two commands may not know that only one of them is run. An override does. */
static int
warn_replaced(struct parser *p, const struct stanza *s, enum process_kind kind)
{
	bool again = p->has_command[kind];

	p->has_command[kind] = true;
	return again ? lexer_warn(&p->lex, FAULT_COMMAND_REPLACED, p->keyword_at, span_of(s->name)) : 0;
}

static int
parse_exec(struct parser *p, const struct stanza *s, const struct stanza *outer)
{
	struct job_process *process = &p->cls->process[outer->value];

	if (warn_replaced(p, s, (enum process_kind) outer->value) < 0)
		return -ENOMEM;
	process->script = false;
	return lexer_command(&p->lex, &process->command);
}

/* `setuid` and `setgid` of a hook. */
static int
parse_hook_user(struct parser *p, const struct stanza *s, const struct stanza *outer)
{
	struct job_process *process = &p->cls->process[outer->value];
	int r = argument_text(p, strcmp(s->name, "setuid") == 0 ? &process->setuid : &process->setgid);

	return r < 0 ? r : lexer_line_end(&p->lex);
}

static int
parse_script(struct parser *p, const struct stanza *s, const struct stanza *outer)
{
	struct job_process *process = &p->cls->process[outer->value];

	if (warn_replaced(p, s, (enum process_kind) outer->value) < 0)
		return -ENOMEM;
	process->script = true;
	return block_read(&p->lex, p->keyword_at, &process->command);
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
	if (outer->member == offsetof(struct job_class, start_on))
		p->cls->manual = false;
	return expression_read(&p->lex, false, member(p, outer), NULL);
}

static int
parse_while(struct parser *p, const struct stanza *s, const struct stanza *outer)
{
	return expression_read(&p->lex, true, member(p, s), &p->variables);
}

/* Forget the `start on` read so far; a later one counts again. */
static int
parse_manual(struct parser *p, const struct stanza *s, const struct stanza *outer)
{
	p->cls->start_on = condition_free(p->cls->start_on);
	p->cls->manual = true;
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
	return JOB_ACCEPT_NEW_SPELLINGS || !has_lower_case(name) ? signal_from_name(name) : 0;
}

/* No number that can be, and no name: that of a signal may be meant that is written a little differently. */
static int
signal_fault(struct parser *p, enum parse_fault_kind kind, struct word *w, const char *range)
{
	size_t n;
	const char *const *names = signal_names(&n);
	auto_free char *upper = strdup(w->text);
	auto_free char *hint = NULL;
	struct parse_fault fault = { .kind = kind, .at = w->at, .word = w->raw };
	int r = upper != NULL ? 0 : -ENOMEM;

	for (char *c = upper; c != NULL && *c != '\0'; c++)
		if (*c >= 'a' && *c <= 'z')
			*c = (char) (*c - 'a' + 'A');
	if (r == 0)
		r = hint_of(span_of(strncmp(upper, "SIG", 3) == 0 ? upper + 3 : upper), names, n, &hint);
	fault.hint = hint != NULL ? hint : range;
	if (r == 0)
		r = lexer_fault_hint(&p->lex, &fault);
	word_deinit(w);
	return r;
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
	if (number == 0 && !(argument_to_long(w.text, 10, &number) && signal_is_valid(number)))
		return signal_fault(p, FAULT_ILLEGAL_SIGNAL, &w, "expected a name such as TERM, or 1 to 64");
	word_deinit(&w);
	*(int *) member(p, s) = (int) number;
	return lexer_line_end(&p->lex);
}

static int
parse_kill_timeout(struct parser *p, const struct stanza *s, const struct stanza *outer)
{
	int r = argument_seconds(p, &p->cls->kill_timeout);

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
	else if (!argument_to_long(w.text, 10, &status) || status < 0 || status > INT_MAX)
		return signal_fault(p, FAULT_ILLEGAL_EXIT, &w, "expected 0 to 255, or a signal such as TERM");
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

	inert_note(&p->inert, INERT_RESPAWN_LIMIT, p->lex.path, p->keyword_at);
	r = lexer_argument(&p->lex, false, &w);
	if (r < 0)
		return r;
	if (strcmp(w.text, "unlimited") == 0) {
		word_deinit(&w);
		p->cls->respawn_limit = 0;
		p->cls->respawn_interval = 0;
		return lexer_line_end(&p->lex);
	}
	if (!argument_to_long(w.text, 10, &count) || count < 0 || count > INT_MAX)
		return argument_fault(p, FAULT_ILLEGAL_LIMIT, &w);
	word_deinit(&w);
	p->cls->respawn_limit = (uint32_t) count;
	r = argument_seconds(p, &p->cls->respawn_interval);
	return r < 0 ? r : lexer_line_end(&p->lex);
}

/* SECONDS [MAX]: without MAX the delay does not grow. */
static int
parse_respawn_delay(struct parser *p, const struct stanza *s, const struct stanza *outer)
{
	uint32_t delay, max;
	struct place at;
	int r;

	inert_note(&p->inert, INERT_RESPAWN_DELAY, p->lex.path, p->keyword_at);
	r = argument_seconds(p, &delay);
	if (r < 0)
		return r;
	max = delay;
	at = lexer_place(&p->lex);
	if (!lexer_at_line_end(&p->lex))
		r = argument_seconds(p, &max);
	if (r < 0)
		return r;
	if (max < delay)
		return lexer_fault_message(&p->lex, FAULT_ILLEGAL_INTERVAL, at, SPAN_NONE,
					   "Illegal interval, the longest delay is shorter than the first");
	p->cls->respawn_delay = delay;
	p->cls->respawn_delay_max = max;
	return lexer_line_end(&p->lex);
}

/* the table */

#define MEMBER(name) offsetof(struct job_class, name)

static const struct stanza process_stanzas[] = {
	{ "exec", parse_exec, print_process, .usage = "COMMAND", .doc = "the command to run" },
	{ "script", parse_script, .flags = STANZA_BLOCK, .usage = "",
	  .doc = "the lines up to 'end script', for /bin/sh -e" },
	{ "setuid", parse_hook_user, print_hook_user, .usage = "USER", .doc = "run it as this user, not as the job's" },
	{ "setgid", parse_hook_user, print_hook_user, .usage = "GROUP",
	  .doc = "run it as this group, not as the job's" },
	{ 0 },
};

static const struct stanza user_stanzas[] = {
	{ "environment", parse_flag, print_flag, .member = MEMBER(user_environment), .usage = "",
	  .doc = "set HOME, USER, LOGNAME and SHELL to what is known of the user the process runs as" },
	{ 0 },
};

static const struct stanza condition_stanzas[] = {
	{ "on", parse_condition, print_condition, .usage = "EXPRESSION", .doc = "the events that do it" },
	{ 0 },
};

static const struct stanza respawn_stanzas[] = {
	{ "limit", parse_respawn_limit, print_respawn_limit, .usage = "COUNT INTERVAL | unlimited",
	  .doc = "how often in how many seconds" },
	{ "delay", parse_respawn_delay, print_respawn_delay, .usage = "SECONDS [MAX]",
	  .doc = "wait before each respawn, doubling up to MAX" },
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
	{ "timeout", parse_kill_timeout, print_kill_timeout, .usage = "SECONDS",
	  .doc = "the time until SIGKILL follows" },
	{ "mode", parse_kill_mode, print_kill_mode, .usage = "group | tree",
	  .doc = "what is killed: the process group, or all that descend from the job" },
	{ 0 },
};

static const struct stanza reload_stanzas[] = {
	{ "signal", parse_signal, print_signal, .member = MEMBER(reload_signal), .value = SIGHUP, .usage = "SIGNAL",
	  .doc = "the signal of initctl reload" },
	{ 0 },
};

static const struct stanza apparmor_stanzas[] = {
	{ "load", parse_apparmor_load, print_apparmor_load, .usage = "PATH",
	  .doc = "load this profile before the start" },
	{ "switch", parse_text, print_text, .member = MEMBER(apparmor_switch), .usage = "PROFILE",
	  .doc = "run the main process in this profile" },
	{ 0 },
};

static const struct stanza log_stanzas[] = {
	{ "max-size", parse_log_size, print_log_number, .member = MEMBER(log.max_size), .usage = "BYTES",
	  .doc = "begin a new log file at this size; K, M, G may follow; 0: never" },
	{ "max-age", parse_log_age, print_log_number, .member = MEMBER(log.max_age), .usage = "SECONDS",
	  .doc = "begin a new log file after this time; m, h, d, w may follow; 0: never" },
	{ "keep", parse_log_keep, print_log_number, .member = MEMBER(log.keep), .usage = "COUNT",
	  .doc = "how many old log files stay" },
	{ "compress", parse_log_compress, print_log_compress, .usage = "none | zstd",
	  .doc = "how old log files are compressed" },
	{ "format", parse_log_format, print_log_format, .usage = "plain | time | json",
	  .doc = "lines as they are, with the time before them, or as JSON" },
	{ "forward", parse_log_forward, print_log_forward, .usage = "none | syslog | journald",
	  .doc = "who else gets the lines" },
	{ 0 },
};

static const struct stanza namespace_stanzas[] = {
	{ "join", parse_namespace_join, .usage = "net NAME [create]", .doc = "join a named network namespace" },
	{ "share", parse_namespace_share, .usage = "JOB [INSTANCE]", .doc = "join the namespaces of a running job" },
	{ "optional", parse_namespace_optional, .usage = "KIND...",
	  .doc = "new namespaces, or none where they can't be made" },
	{ 0 },
};

static const struct stanza time_stanzas[] = {
	{ "offset", parse_time_offset, print_time_offset, .flags = STANZA_NOT_YET, .usage = "SECONDS",
	  .doc = "what clocks of a time namespace add" },
	{ 0 },
};

static const struct stanza stanzas[] = {
	{ "description", parse_text, print_text, .member = MEMBER(description), .flags = STANZA_EMPTY_OK,
	  .usage = "TEXT", .doc = "what the job is" },
	{ "author", parse_text, print_text, .member = MEMBER(author), .flags = STANZA_EMPTY_OK, .usage = "TEXT",
	  .doc = "who wrote the job file" },
	{ "version", parse_text, print_text, .member = MEMBER(version), .flags = STANZA_EMPTY_OK, .usage = "TEXT",
	  .doc = "the version of the job file" },
	{ "usage", parse_text, print_text, .member = MEMBER(usage), .flags = STANZA_EMPTY_OK, .usage = "TEXT",
	  .doc = "the variables the job wants, for initctl usage" },
	{ "start", .sub = condition_stanzas, .member = MEMBER(start_on), .doc = "start the job" },
	{ "stop", .sub = condition_stanzas, .member = MEMBER(stop_on), .doc = "stop the job" },
	{ "while", parse_while, print_condition, .member = MEMBER(while_on), .usage = "EXPRESSION | none",
	  .doc = "run the job as long as these states hold" },
	{ "manual", parse_manual, print_flag, .member = MEMBER(manual), .flags = STANZA_MORE, .usage = "",
	  .doc = "forget any 'start on' above" },
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
	{ "import", parse_import, print_words, .member = MEMBER(import), .usage = "KEY...",
	  .doc = "with the import policy, variables of events and requests that enter the job" },
	{ "tmpfiles", parse_tmpfiles, print_words, .member = MEMBER(tmpfiles), .usage = "PATH...",
	  .doc = "files of tmpfiles.d(5) to apply before pre-start" },
	{ "expect", parse_expect, print_expect,
	  .usage =
	      "none | stop | fork | daemon | exit | pidfile PATH | notify | fd N | listen ADDRESS | timeout SECONDS",
	  .doc = "how the main process says that it is ready" },
	{ "watchdog", parse_watchdog, print_watchdog, .usage = "SECONDS",
	  .doc = "how often a job with 'expect notify' says that it lives" },
	{ "respawn", parse_flag, print_flag, .sub = respawn_stanzas, .member = MEMBER(respawn), .usage = "",
	  .doc = "start the main process again when it fails" },
	{ "normal", .sub = normal_stanzas, .doc = "what is no failure" },
	{ "kill", .sub = kill_stanzas, .doc = "how the job is stopped" },
	{ "reload", .sub = reload_stanzas, .doc = "how the job is told to reload" },
	{ "console", parse_console, print_console, .usage = "none | log | output | owner",
	  .doc = "where input and output of the processes go" },
	{ "log", .sub = log_stanzas, .doc = "the log file of 'console log'" },
	{ "umask", parse_umask, print_umask, .usage = "OCTAL", .doc = "file creation mask" },
	{ "nice", parse_nice, print_nice, .usage = "-20...19", .doc = "scheduling priority" },
	{ "oom", parse_oom, print_oom, .usage = "-17...15 | never | score -1000...1000 | score never",
	  .doc = "how ready the kernel is to kill the job when memory runs out" },
	{ "limit", parse_limit, print_limit, .usage = "RESOURCE SOFT HARD",
	  .doc = "a resource limit; a number or 'unlimited'" },
	{ "chroot", parse_text, print_text, .member = MEMBER(chroot), .usage = "DIRECTORY", .doc = "root directory" },
	{ "chdir", parse_text, print_text, .member = MEMBER(chdir), .usage = "DIRECTORY", .doc = "working directory" },
	{ "setuid", parse_text, print_text, .member = MEMBER(setuid), .usage = "USER", .doc = "user to run as" },
	{ "setgid", parse_text, print_text, .member = MEMBER(setgid), .usage = "GROUP", .doc = "group to run as" },
	{ "user", .sub = user_stanzas, .doc = "what processes get from their user" },
	{ "cgroup", parse_cgroup, print_cgroup, .flags = STANZA_NOT_YET,
	  .usage = "CONTROLLER [NAME] [KEY VALUE] | delegate [USER] | optional",
	  .doc = "a control group and a setting of it" },
	{ "namespace", parse_namespace, print_namespace, .sub = namespace_stanzas,
	  .flags = STANZA_WORDS | STANZA_NOT_YET, .usage = "user|cgroup|ipc|uts|net|mount|pid [bare]|time...",
	  .doc = "namespaces of the job's own" },
	{ "hostname", parse_text, print_text, .member = MEMBER(isolation.hostname), .flags = STANZA_NOT_YET,
	  .usage = "NAME", .doc = "host name in a uts namespace" },
	{ "mount", parse_mount, print_mount, .flags = STANZA_NOT_YET, .usage = "SOURCE TARGET [TYPE] [OPTIONS]",
	  .doc = "mount this in a mount namespace" },
	{ "private", parse_private, print_private, .flags = STANZA_NOT_YET, .usage = "tmp | dev | proc...",
	  .doc = "fresh ones in a mount namespace" },
	{ "readonly", parse_readonly, print_words, .member = MEMBER(isolation.readonly), .flags = STANZA_NOT_YET,
	  .usage = "PATH...", .doc = "can only be read in a mount namespace" },
	{ "hidden", parse_hidden, print_words, .member = MEMBER(isolation.hidden), .flags = STANZA_NOT_YET,
	  .usage = "PATH...", .doc = "can't be seen in a mount namespace" },
	{ "idmap", parse_idmap, print_idmap, .flags = STANZA_NOT_YET, .usage = "UIDS GIDS",
	  .doc = "the map of a user namespace, each \"INSIDE OUTSIDE COUNT\"" },
	{ "time", .sub = time_stanzas, .doc = "clocks of a time namespace" },
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

/* The line is that of what follows the keyword (1.6). */
static int
unknown_keyword(struct parser *p, const struct stanza *table, const struct word *w)
{
	const struct parse_fault fault = {
		.kind = FAULT_UNKNOWN_STANZA, .line = p->lex.line, .at = w->at, .word = w->raw
	};
	const char *names[ARRAY_SIZE(stanzas)];
	size_t n = 0;

	while (table[n].name != NULL) {
		names[n] = table[n].name;
		n++;
	}
	return lexer_fault_names(&p->lex, &fault, names, n);
}

/* Read a keyword of `table`. */
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
		return unknown_keyword(p, table, &w);
	return 0;
}

/* Read the words behind `outer`: those of a row of its own, or arguments. */
static int
read_inner(struct parser *p, const struct stanza *outer, const struct stanza **inner)
{
	struct lexer_mark mark = lexer_mark(&p->lex);
	struct word w;
	int r;

	if ((outer->flags & STANZA_WORDS) == 0 || outer->parse == NULL)
		return read_keyword(p, outer->sub, inner);
	r = lexer_keyword(&p->lex, &w);
	if (r < 0)
		return r;
	*inner = stanza_find(outer->sub, w.raw);
	if (*inner == NULL) {
		lexer_return(&p->lex, &mark);
		*inner = outer;
	}
	return 0;
}

static int
warn_not_yet(struct parser *p, struct place at, const struct stanza *inner, const struct stanza *outer)
{
	char keywords[64];

	(void) snprintf(keywords, sizeof(keywords), "%s%s%s", outer->name, inner != outer ? " " : "",
			inner != outer ? inner->name : "");
	return lexer_warn(&p->lex, FAULT_NOT_YET, at, span_of(keywords));
}

int
stanza_read(struct parser *p, const struct stanza **found)
{
	const struct stanza *outer = NULL;
	const struct stanza *inner;
	struct place at;
	int r = read_keyword(p, stanzas, &outer);

	*found = inner = outer;
	at = p->keyword_at;
	if (r < 0)
		return r;
	if (outer->sub != NULL && (outer->parse == NULL || !lexer_at_line_end(&p->lex))) {
		if (lexer_at_line_end(&p->lex))
			return lexer_fault(&p->lex, FAULT_EXPECTED_TOKEN, lexer_place(&p->lex), SPAN_NONE);
		r = read_inner(p, outer, &inner);
	}
	if (r == 0 && inner->parse != NULL)
		r = inner->parse(p, inner, outer);
	if (r == 0 && ((inner->flags | outer->flags) & STANZA_NOT_YET) != 0)
		r = warn_not_yet(p, at, inner, outer);
	return r;
}
