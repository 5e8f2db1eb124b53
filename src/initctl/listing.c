/* SPDX-License-Identifier: MIT */
/*
 * Reading the listing: lines to jobs. What the conditions mean beyond their events is not in the text.
 */
#include "initctl/listing.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/str.h"

struct listing_job *
listing_add_job(struct listing *listing, const char *name)
{
	struct listing_job *grown = reallocarray(listing->job, listing->n + 1, sizeof(*grown));

	if (!grown)
		return NULL;
	listing->job = grown;
	grown[listing->n] = (struct listing_job){ .name = strdup(name) };
	return grown[listing->n].name ? &grown[listing->n++] : NULL;
}

/* The text between `start` and `end` as an own string. */
static char *
between(const char *start, const char *end)
{
	return strndup(start, (size_t) (end - start));
}

int
listing_add_leaf(struct listing_leaf **leaves, size_t *n, struct listing_leaf leaf)
{
	struct listing_leaf *grown = reallocarray(*leaves, *n + 1, sizeof(*grown));

	if (!grown || !leaf.event) {
		*leaves = grown ? grown : *leaves;
		free(leaf.event);
		free(leaf.job);
		return -ENOMEM;
	}
	*leaves = grown;
	grown[(*n)++] = leaf;
	return 0;
}

/* "EVENT (job: JOB, env: …)" */
static int
read_leaf(const char *text, struct listing_leaf **leaves, size_t *n)
{
	static const char JOB[] = " (job:", ENV[] = ", env:";
	const char *job = strstr(text, JOB), *env;
	struct listing_leaf leaf = { NULL, NULL };

	if (!job || job == text || text[strlen(text) - 1] != ')')
		return -EINVAL;
	env = strstr(job, ENV);
	if (!env)
		return -EINVAL;
	leaf.event = between(text, job);
	job += strlen(JOB);
	if (*job == ' ' && job + 1 < env) {
		leaf.job = between(job + 1, env);
		if (!leaf.job) {
			free(leaf.event);
			return -ENOMEM;
		}
	} else if (job != env) {
		free(leaf.event);
		return -EINVAL;
	}
	return listing_add_leaf(leaves, n, leaf);
}

/* What stands behind `prefix`; NULL if the line does not begin with it or nothing stands there. */
static const char *
behind(const char *line, const char *prefix)
{
	size_t n = strlen(prefix);

	return strncmp(line, prefix, n) == 0 && line[n] ? line + n : NULL;
}

static int
read_line(struct listing *listing, const char *line)
{
	struct listing_job *job = listing->n ? &listing->job[listing->n - 1] : NULL;
	const char *rest;

	if (line[0] != ' ')
		return listing_add_job(listing, line) ? 0 : -ENOMEM;
	if (!job)
		return -EINVAL;
	rest = behind(line, "  emits ");
	if (rest)
		return strv_add(&job->emits, rest);
	rest = behind(line, "  start on ");
	if (rest)
		return read_leaf(rest, &job->start, &job->n_start);
	rest = behind(line, "  stop on ");
	if (rest)
		return read_leaf(rest, &job->stop, &job->n_stop);
	return -EINVAL;
}

int
listing_read(struct listing *listing, FILE *in, char **line)
{
	char *text auto_free = NULL;
	size_t size = 0;
	ssize_t n;

	errno = 0;
	while ((n = getline(&text, &size, in)) >= 0) {
		int r;

		if (n > 0 && text[n - 1] == '\n')
			text[n - 1] = '\0';
		if (!text[0])
			continue;
		r = read_line(listing, text);
		if (r == -EINVAL)
			*line = steal(&text);
		if (r < 0)
			return r;
	}
	return ferror(in) || errno == ENOMEM ? -(errno ? errno : EIO) : 0;
}

const struct listing_job *
listing_find(const struct listing *listing, const char *name)
{
	for (size_t i = 0; i < listing->n; i++) {
		if (strcmp(listing->job[i].name, name) == 0)
			return &listing->job[i];
	}
	return NULL;
}

static void
free_leaves(struct listing_leaf *leaves, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		free(leaves[i].event);
		free(leaves[i].job);
	}
	free(leaves);
}

void
listing_deinit(struct listing *listing)
{
	for (size_t i = 0; i < listing->n; i++) {
		struct listing_job *job = &listing->job[i];

		free(job->name);
		strv_free(job->emits);
		free_leaves(job->start, job->n_start);
		free_leaves(job->stop, job->n_stop);
		free_leaves(job->terms, job->n_terms);
	}
	free(listing->job);
	*listing = (struct listing) LISTING_INIT;
}
