/* SPDX-License-Identifier: MIT */
/*
 * A class as text: each row of the stanza table writes its lines, in the order of the
 * table. What is written reads back as the same class; a property test holds it to that.
 */
#include "job/print.h"

#include <inttypes.h>
#include <string.h>

#include "job/quote.h"
#include "job/signals.h"

/* "NAME " or "OUTER NAME ". */
static void
add_keywords(struct strbuf *b, const struct stanza *s, const struct stanza *outer)
{
	if (s != outer)
		strbuf_addf(b, "%s ", outer->name);
	strbuf_addf(b, "%s", s->name);
}

static const void *
member(const struct job_class *cls, const struct stanza *s)
{
	return (const char *) cls + s->member;
}

void
print_text(struct strbuf *b, const struct job_class *cls, const struct stanza *s, const struct stanza *outer)
{
	const char *text = *(char *const *) member(cls, s);

	/* Unset is NULL, but for `instance`, whose default is the empty template. */
	if (text == NULL || (*text == '\0' && s->member == offsetof(struct job_class, instance)))
		return;
	add_keywords(b, s, outer);
	strbuf_addc(b, ' ');
	quote_word(b, text);
	strbuf_addc(b, '\n');
}

void
print_words(struct strbuf *b, const struct job_class *cls, const struct stanza *s, const struct stanza *outer)
{
	char *const *v = *(char **const *) member(cls, s);

	for (size_t i = 0; v != NULL && v[i] != NULL; i++) {
		add_keywords(b, s, outer);
		strbuf_addc(b, ' ');
		quote_word(b, v[i]);
		strbuf_addc(b, '\n');
	}
}

void
print_flag(struct strbuf *b, const struct job_class *cls, const struct stanza *s, const struct stanza *outer)
{
	if (!*(const bool *) member(cls, s))
		return;
	add_keywords(b, s, outer);
	strbuf_addc(b, '\n');
}

void
print_condition(struct strbuf *b, const struct job_class *cls, const struct stanza *s, const struct stanza *outer)
{
	const struct condition *cond = *(struct condition *const *) member(cls, outer);
	auto_free char *text = NULL;

	if (cond == NULL)
		return;
	text = condition_print(cond);
	add_keywords(b, s, outer);
	if (text == NULL)
		b->failed = true;
	else
		strbuf_addf(b, " %s\n", text);
}

void
print_process(struct strbuf *b, const struct job_class *cls, const struct stanza *s, const struct stanza *outer)
{
	const struct job_process *process = &cls->process[outer->value];
	const char *command = process->command;
	size_t n = command != NULL ? strlen(command) : 0;

	if (command == NULL)
		return;
	if (outer->value != PROCESS_MAIN)
		strbuf_addf(b, "%s ", outer->name);
	if (process->script)
		strbuf_addf(b, "script\n%s%send script\n", command, n > 0 && command[n - 1] != '\n' ? "\n" : "");
	else
		strbuf_addf(b, "exec %s\n", command);
}

void
print_hook_user(struct strbuf *b, const struct job_class *cls, const struct stanza *s, const struct stanza *outer)
{
	const struct job_process *process = &cls->process[outer->value];
	const char *name = strcmp(s->name, "setuid") == 0 ? process->setuid : process->setgid;

	if (name == NULL)
		return;
	add_keywords(b, s, outer);
	strbuf_addc(b, ' ');
	quote_word(b, name);
	strbuf_addc(b, '\n');
}

void
print_apparmor_load(struct strbuf *b, const struct job_class *cls, const struct stanza *s, const struct stanza *outer)
{
	const char *command = cls->process[PROCESS_SECURITY].command;

	if (command == NULL || strncmp(command, APPARMOR_PARSER, strlen(APPARMOR_PARSER)) != 0)
		return;
	add_keywords(b, s, outer);
	strbuf_addc(b, ' ');
	quote_word(b, command + strlen(APPARMOR_PARSER));
	strbuf_addc(b, '\n');
}

static void
add_signal(struct strbuf *b, int number)
{
	const char *name = signal_name(number);

	if (name != NULL)
		strbuf_addf(b, " %s", name);
	else
		strbuf_addf(b, " %d", number);
}

void
print_signal(struct strbuf *b, const struct job_class *cls, const struct stanza *s, const struct stanza *outer)
{
	int number = *(const int *) member(cls, s);

	if (number == s->value)
		return;
	add_keywords(b, s, outer);
	add_signal(b, number);
	strbuf_addc(b, '\n');
}

void
print_kill_timeout(struct strbuf *b, const struct job_class *cls, const struct stanza *s, const struct stanza *outer)
{
	if (cls->kill_timeout == JOB_KILL_TIMEOUT_DEFAULT)
		return;
	add_keywords(b, s, outer);
	strbuf_addf(b, " %" PRIu32 "\n", cls->kill_timeout);
}

void
print_respawn_limit(struct strbuf *b, const struct job_class *cls, const struct stanza *s, const struct stanza *outer)
{
	if (cls->respawn_limit == JOB_RESPAWN_LIMIT_DEFAULT && cls->respawn_interval == JOB_RESPAWN_INTERVAL_DEFAULT)
		return;
	add_keywords(b, s, outer);
	if (cls->respawn_limit == 0 && cls->respawn_interval == 0)
		strbuf_add(b, " unlimited\n");
	else
		strbuf_addf(b, " %" PRIu32 " %" PRIu32 "\n", cls->respawn_limit, cls->respawn_interval);
}

void
print_respawn_delay(struct strbuf *b, const struct job_class *cls, const struct stanza *s, const struct stanza *outer)
{
	if (cls->respawn_delay == 0 && cls->respawn_delay_max == 0)
		return;
	add_keywords(b, s, outer);
	strbuf_addf(b, " %" PRIu32, cls->respawn_delay);
	if (cls->respawn_delay_max != cls->respawn_delay)
		strbuf_addf(b, " %" PRIu32, cls->respawn_delay_max);
	strbuf_addc(b, '\n');
}

void
print_normal_exit(struct strbuf *b, const struct job_class *cls, const struct stanza *s, const struct stanza *outer)
{
	if (cls->n_normal_exit == 0)
		return;
	add_keywords(b, s, outer);
	for (size_t i = 0; i < cls->n_normal_exit; i++) {
		int status = cls->normal_exit[i];

		if (status > 255 && status % 256 == 0 && signal_name(status / 256) != NULL)
			add_signal(b, status / 256);
		else
			strbuf_addf(b, " %d", status);
	}
	strbuf_addc(b, '\n');
}

void
print_console(struct strbuf *b, const struct job_class *cls, const struct stanza *s, const struct stanza *outer)
{
	if (cls->console != CONSOLE_UNSET)
		strbuf_addf(b, "%s %s\n", s->name, console_mode_name(cls->console));
}

void
print_umask(struct strbuf *b, const struct job_class *cls, const struct stanza *s, const struct stanza *outer)
{
	if (cls->umask != JOB_UMASK_UNSET)
		strbuf_addf(b, "%s %03" PRIo32 "\n", s->name, cls->umask);
}

void
print_nice(struct strbuf *b, const struct job_class *cls, const struct stanza *s, const struct stanza *outer)
{
	if (cls->nice != JOB_NICE_UNSET)
		strbuf_addf(b, "%s %d\n", s->name, cls->nice);
}

void
print_oom(struct strbuf *b, const struct job_class *cls, const struct stanza *s, const struct stanza *outer)
{
	if (cls->oom_score_adj != JOB_OOM_UNSET)
		strbuf_addf(b, "%s score %d\n", s->name, cls->oom_score_adj);
}

static void
add_limit_value(struct strbuf *b, uint64_t value)
{
	if (value == UINT64_MAX)
		strbuf_add(b, " unlimited");
	else
		strbuf_addf(b, " %" PRIu64, value);
}

void
print_limit(struct strbuf *b, const struct job_class *cls, const struct stanza *s, const struct stanza *outer)
{
	for (size_t i = 0; i < JOB_LIMIT_COUNT; i++) {
		if (!cls->limits[i].set)
			continue;
		strbuf_addf(b, "%s %s", s->name, job_limit_names[i]);
		add_limit_value(b, cls->limits[i].soft);
		add_limit_value(b, cls->limits[i].hard);
		strbuf_addc(b, '\n');
	}
}

void
print_cgroup(struct strbuf *b, const struct job_class *cls, const struct stanza *s, const struct stanza *outer)
{
	if (cls->cgroup_optional)
		strbuf_addf(b, "%s optional\n", s->name);
	if (cls->cgroup_delegate) {
		strbuf_addf(b, "%s delegate", s->name);
		if (cls->cgroup_delegate_user != NULL) {
			strbuf_addc(b, ' ');
			quote_word(b, cls->cgroup_delegate_user);
		}
		strbuf_addc(b, '\n');
	}
	for (size_t i = 0; i < cls->n_cgroups; i++) {
		const struct job_cgroup *g = &cls->cgroups[i];
		const char *const words[] = { g->controller, g->name, g->key, g->key != NULL ? g->value : NULL };

		strbuf_add(b, s->name);
		for (size_t j = 0; j < ARRAY_SIZE(words); j++) {
			if (words[j] == NULL)
				continue;
			strbuf_addc(b, ' ');
			quote_word(b, words[j]);
		}
		strbuf_addc(b, '\n');
	}
}

char *
job_class_print(const struct job_class *cls)
{
	auto_strbuf struct strbuf b = STRBUF_INIT;

	for (const struct stanza *s = job_stanzas(); s->name != NULL; s++) {
		if (s->print != NULL)
			s->print(&b, cls, s, s);
		for (const struct stanza *sub = s->sub; sub != NULL && sub->name != NULL; sub++)
			if (sub->print != NULL)
				sub->print(&b, cls, sub, s);
	}
	return strbuf_steal(&b);
}
