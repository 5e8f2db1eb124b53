/* SPDX-License-Identifier: MIT */
/*
 * last-shutdown: reads the record that process 1 has left on the disk (init/last.h): lines of a word and a text.
 */
#include "initctl/commands.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "common/str.h"
#include "initctl/json.h"

#define RECORD "/var/log/upstart/last-shutdown"

struct record {
	time_t began, ended, off; /* 0: not told */
	char *level, *halt;	  /* owned */
	char **slow, **killed, **failed, **left; /* owned */
};

static void
record_deinit(struct record *r)
{
	free(r->level);
	free(r->halt);
	r->slow = strv_free(r->slow);
	r->killed = strv_free(r->killed);
	r->failed = strv_free(r->failed);
	r->left = strv_free(r->left);
}

static void
keep(char **to, const char *text)
{
	free(*to);
	*to = tool_must(strdup(text));
}

static void
take(struct record *r, const char *word, const char *text)
{
	int status = 0;

	/* Words that are not known are of a later release. */
	if (strcmp(word, "began") == 0)
		r->began = (time_t) strtoll(text, NULL, 10);
	else if (strcmp(word, "ended") == 0)
		r->ended = (time_t) strtoll(text, NULL, 10);
	else if (strcmp(word, "off") == 0)
		r->off = (time_t) strtoll(text, NULL, 10);
	else if (strcmp(word, "level") == 0)
		keep(&r->level, text);
	else if (strcmp(word, "halt") == 0)
		keep(&r->halt, text);
	else if (strcmp(word, "slow") == 0)
		status = strv_add(&r->slow, text);
	else if (strcmp(word, "killed") == 0)
		status = strv_add(&r->killed, text);
	else if (strcmp(word, "failed") == 0)
		status = strv_add(&r->failed, text);
	else if (strcmp(word, "left") == 0)
		status = strv_add(&r->left, text);
	if (status < 0)
		tool_nomem();
}

/* 0 or a negative errno; -EBADMSG: it is no such record. */
static int
record_read(struct record *r, const char *path)
{
	FILE *file = fopen(path, "re");
	char *line = NULL;
	size_t size = 0;

	if (!file)
		return -errno;
	while (getline(&line, &size, file) >= 0) {
		char *text;

		line[strcspn(line, "\n")] = '\0';
		text = strchr(line, ' ');
		if (!text)
			continue;
		*text++ = '\0';
		take(r, line, text);
	}
	free(line);
	(void) fclose(file);
	return r->began > 0 ? 0 : -EBADMSG;
}

static const char *
what(const struct record *r)
{
	if (r->level && strcmp(r->level, "6") == 0)
		return "reboot";
	return r->halt && strcmp(r->halt, "HALT") == 0 ? "halt" : "poweroff";
}

/* "NAME: REST" into its two parts; `rest` is borrowed. */
static char *
split(const char *text, const char **rest)
{
	const char *colon = strstr(text, ": ");

	*rest = colon ? colon + 2 : "";
	return tool_must(span_dup((struct span) { text, colon ? (size_t) (colon - text) : strlen(text) }));
}

static json_t *
pairs(char *const *texts, const char *first, const char *second)
{
	json_t *array = json_array();

	for (size_t i = 0; texts && texts[i]; i++) {
		const char *rest;
		char *name auto_free = split(texts[i], &rest);
		json_t *item = json_object();

		json_put(item, first, json_text(name));
		if (strcmp(second, "seconds") == 0)
			json_put(item, second, json_integer(strtoll(rest, NULL, 10)));
		else
			json_put(item, second, json_text(rest));
		if (json_array_append_new(array, item) < 0)
			tool_nomem();
	}
	return array;
}

/* For people, or with its zone for programs. */
static void
print_time(char text[64], bool people, time_t when)
{
	struct tm tm;

	text[0] = '\0';
	if (!localtime_r(&when, &tm))
		return;
	if (people)
		(void) strftime(text, 64, "%Y-%m-%d %H:%M:%S", &tm);
	else
		(void) strftime(text, 64, "%Y-%m-%dT%H:%M:%S%z", &tm);
}

static int
show_json(const struct initctl *ctl, const struct record *r)
{
	json_t *object = json_object();
	char began[64], ended[64], off[64];

	print_time(began, false, r->began);
	print_time(ended, false, r->ended);
	print_time(off, false, r->off);
	json_put(object, "began", json_text(began));
	json_put(object, "ended", r->ended > 0 ? json_text(ended) : json_null());
	json_put(object, "called_off", r->off > 0 ? json_text(off) : json_null());
	json_put(object, "runlevel", json_text(r->level ? r->level : "0"));
	json_put(object, "action", json_text(what(r)));
	json_put(object, "slow", pairs(r->slow, "what", "seconds"));
	json_put(object, "killed", pairs(r->killed, "what", "why"));
	json_put(object, "failed", pairs(r->failed, "what", "why"));
	json_put(object, "left", pairs(r->left, "path", "why"));
	return json_show(&ctl->tool, object);
}

static void
show_list(const struct initctl *ctl, const char *title, char *const *texts)
{
	if (!texts || !texts[0])
		return;
	tool_print(&ctl->tool, "%s\n", title);
	for (size_t i = 0; texts[i]; i++)
		tool_print(&ctl->tool, "  %s\n", texts[i]);
}

static int
run(struct initctl *ctl, char *const *operands)
{
	const char *path = operands[0] ? operands[0] : RECORD;
	struct record record = { 0 };
	int r = record_read(&record, path);
	char began[64];

	if (r < 0) {
		tool_error(&ctl->tool, r == -ENOENT ? _("No shutdown is on record: %s: %s") : _("Unable to read %s: %s"), path,
			   r == -EBADMSG ? _("it is no record of a shutdown") : strerror(-r));
		record_deinit(&record);
		return EXIT_FAILURE;
	}
	if (ctl->json) {
		r = show_json(ctl, &record);
		record_deinit(&record);
		return r;
	}
	print_time(began, true, record.began);
	if (record.off > 0)
		tool_print(&ctl->tool, _("%s: %s, called off after %lld s\n"), began, what(&record),
			   (long long) (record.off - record.began));
	else if (record.ended > 0)
		tool_print(&ctl->tool, _("%s: %s, in %lld s\n"), began, what(&record), (long long) (record.ended - record.began));
	else
		tool_print(&ctl->tool, _("%s: %s, which init has not ended itself\n"), began, what(&record));
	show_list(ctl, _("Waited for:"), record.slow);
	show_list(ctl, _("Killed:"), record.killed);
	show_list(ctl, _("Failed:"), record.failed);
	show_list(ctl, _("Not unmounted:"), record.left);
	record_deinit(&record);
	return EXIT_SUCCESS;
}

const struct command command_last_shutdown = {
	.name = "last-shutdown",
	.group = GROUP_OTHER,
	.operands = "[FILE]",
	.summary = N_("Show how the machine last went down."),
	.help = N_("When it began, how long it took, which processes were waited for and how long, what had to be killed, and "
		   "what could not be unmounted. Process 1 of a machine writes that to " RECORD
		   ", or to FILE where its --logdir is another. It is there while the machine goes down, too. What the scripts "
		   "of a runlevel have ended init knows no more about."),
	.options = options_json,
	.run = run,
};
