/* SPDX-License-Identifier: MIT */
#include "bridges/terms.h"

#include <errno.h>
#include <string.h>
#include <utlist.h>

#include "common/env.h"

/* -- lists of terms ----------------------------------------------------------- */

void
term_list_deinit(struct term_list *list)
{
	for (size_t i = 0; i < list->count; i++) {
		free(list->terms[i].event);
		(void) strv_free(list->terms[i].args);
	}
	free(list->terms);
	*list = (struct term_list) { 0 };
}

int
term_list_add(struct term_list *list, enum term_place place, char *const *words)
{
	struct term term = { .place = place };
	struct term *grown;

	if (!words || !words[0] || strcmp(words[0], "/AND") == 0 || strcmp(words[0], "/OR") == 0 ||
	    strcmp(words[0], "/NOT") == 0)
		return 0;
	grown = reallocarray(list->terms, list->count + 1, sizeof(*grown));
	if (!grown)
		return -ENOMEM;
	list->terms = grown;
	term.event = strdup(words[0]);
	if (!term.event || strv_dup(&term.args, words + 1) < 0) {
		free(term.event);
		return -ENOMEM;
	}
	list->terms[list->count++] = term;
	return 0;
}

static bool
term_list_equal(const struct term_list *a, const struct term_list *b)
{
	if (a->count != b->count)
		return false;
	for (size_t i = 0; i < a->count; i++) {
		if (a->terms[i].place != b->terms[i].place || strcmp(a->terms[i].event, b->terms[i].event) != 0 ||
		    !strv_equal(a->terms[i].args, b->terms[i].args))
			return false;
	}
	return true;
}

/* -- jobs --------------------------------------------------------------------- */

static void
job_free(struct terms_job *job)
{
	term_list_deinit(&job->list);
	free(job->path);
	free(job->name);
	free(job->file);
	free(job->instance);
	free(job);
}

void
terms_deinit(struct terms *terms)
{
	struct terms_job *job, *next;

	map_deinit(&terms->by_path);
	DL_FOREACH_SAFE(terms->jobs, job, next)
		job_free(job);
	terms->jobs = NULL;
}

struct terms_job *
terms_get(const struct terms *terms, const char *path)
{
	return map_get(&terms->by_path, path);
}

struct terms_job *
terms_add(struct terms *terms, const char *path)
{
	struct terms_job *job = calloc(1, sizeof(*job));

	if (!job)
		return NULL;
	job->path = strdup(path);
	if (!job->path || map_put(&terms->by_path, path, job) < 0) {
		job_free(job);
		return NULL;
	}
	DL_APPEND(terms->jobs, job);
	return job;
}

void
terms_describe(struct terms_job *job, char **name, char **file, char **instance)
{
	free(job->name);
	free(job->file);
	free(job->instance);
	job->name = steal(name);
	job->file = steal(file);
	job->instance = steal(instance);
}

bool
terms_set(struct terms_job *job, struct term_list *list)
{
	bool same = term_list_equal(&job->list, list);

	term_list_deinit(&job->list);
	job->list = *list;
	*list = (struct term_list) { 0 };
	return !same;
}

bool
terms_remove(struct terms *terms, struct terms_job *job)
{
	bool asked = job->list.count > 0;

	map_del(&terms->by_path, job->path);
	DL_DELETE(terms->jobs, job);
	job_free(job);
	return asked;
}

/* -- arguments ---------------------------------------------------------------- */

void
term_argument_deinit(struct term_argument *argument)
{
	free(argument->name);
	free(argument->value);
	*argument = (struct term_argument) { 0 };
}

/* Find out what the value stands for, replacing it when it has variables. 0 or -ENOMEM. */
static int
argument_expand(struct term_argument *argument, char *const *env)
{
	struct error err = ERROR_INIT;
	char *expanded;
	int r;

	if (strchr(argument->value, '$')) {
		r = env_expand(&expanded, argument->value, env, &err);
		if (r == -ENOMEM)
			return r;
		if (r < 0) {
			argument->kind = TERM_INSTANCE;
			return 0;
		}
		free(argument->value);
		argument->value = expanded;
	}
	argument->kind = strpbrk(argument->value, "*?[\\") ? TERM_ANY : TERM_LITERAL;
	return 0;
}

int
term_argument_read(struct term_argument *argument, const char *word, char *const *env)
{
	const char *equals = strchr(word, '=');
	bool negated = equals && equals > word && equals[-1] == '!';
	int r = 0;

	*argument = (struct term_argument) { .kind = TERM_POSITIONAL };
	argument->value = strdup(equals ? equals + 1 : word);
	if (equals)
		argument->name = span_dup((struct span) { word, (size_t) (equals - word) - negated });
	if (!argument->value || (equals && !argument->name))
		r = -ENOMEM;
	else if (negated)
		argument->kind = TERM_ANY;
	else if (equals)
		r = argument_expand(argument, env);
	if (r < 0)
		term_argument_deinit(argument);
	return r;
}
