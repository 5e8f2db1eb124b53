/* SPDX-License-Identifier: MIT */
#include "init/faults.h"

#include <string.h>

#define SHOWN_MAX 10 /* errors of one file */

void
faults_deinit(struct faults *faults)
{
	free(faults->first);
	faults->first = NULL;
	faults->shown = strv_free(faults->shown);
}

/* "PATH:LINE:COLUMN: MESSAGE: WORD", the line and a caret; owned; NULL when out of memory. */
static char *
show(const struct parse_issue *issue, struct span text)
{
	auto_free char *head = parse_issue_text_long(issue);
	auto_free char *excerpt = parse_issue_excerpt(issue, text);

	if (head == NULL || excerpt == NULL)
		return NULL;
	excerpt[strlen(excerpt) - 1] = '\0';
	return str_printf("%s\n%s", head, excerpt);
}

void
faults_add(struct faults *faults, const struct parse_report *report, const struct parse_source *conf,
	   const struct parse_source *override)
{
	size_t n = 0;

	for (size_t i = 0; i < report->n && n < SHOWN_MAX; i++) {
		const struct parse_issue *issue = &report->issues[i];
		bool in_override = override != NULL && strcmp(issue->path, override->path) == 0;

		/* A condition that may never come true is of interest to those who ask, though the file counts. */
		if (issue->warning && strcmp(issue->id, "UNBOUND_VARIABLE") != 0)
			continue;
		n++;
		if (faults->first == NULL && !issue->warning)
			faults->first = parse_issue_text(issue);
		if (strv_take(&faults->shown, show(issue, in_override ? override->text : conf->text)) < 0)
			return;
	}
}

void
faults_add_unreadable(struct faults *faults, const char *path, const char *why)
{
	auto_free char *text = str_printf("%s: %s", path, why);

	if (text == NULL)
		return;
	(void) !strv_add(&faults->shown, text);
	if (faults->first == NULL)
		faults->first = steal(&text);
}
