/* SPDX-License-Identifier: MIT */
#include <string.h>

#include "initctl/commands.h"
#include "initctl/why.h"

/* Who is called "JOB" or, as status prints it, "JOB (INSTANCE)". */
struct listener {
	char *job;	/* owned */
	char *instance; /* owned; NULL: the job is meant */
};

static void
listener_deinit(struct listener *l)
{
	free(l->job);
	free(l->instance);
}

static struct listener
listener_of(const char *name)
{
	size_t n = strlen(name);
	const char *open = n > 0 && name[n - 1] == ')' ? strstr(name, " (") : NULL;
	struct listener l = { 0 };

	if (!open) {
		l.job = tool_must(strdup(name));
		return l;
	}
	l.job = tool_must(strndup(name, (size_t) (open - name)));
	l.instance = tool_must(strndup(open + 2, n - (size_t) (open - name) - 3));
	return l;
}

/* Its object path, owned; NULL: it is not there, which has been said. */
static char *
path_of(struct initctl *ctl, const struct listener *l)
{
	struct upstart_error err = UPSTART_ERROR_INIT;
	char *path = NULL, *instance = NULL;

	if (upstart_get_job(ctl->upstart, l->job, &path, &err) < 0) {
		bool unknown = upstart_error_is(&err, UPSTART_ERROR_UNKNOWN_JOB);

		(void) initctl_failed(ctl, &err);
		if (unknown)
			why_unknown_job(ctl, l->job);
		return NULL;
	}
	if (!l->instance)
		return path;
	if (upstart_job_instance_by_name(ctl->upstart, path, l->instance, &instance, &err) < 0)
		(void) initctl_failed(ctl, &err);
	free(path);
	return instance;
}

/* The paths of those who alone are to hear the event, owned. False: one is not there. */
static bool
find_only(struct initctl *ctl, char ***paths)
{
	*paths = NULL;
	for (char **name = ctl->only; name && *name; name++) {
		struct listener l = listener_of(*name);
		char *path = path_of(ctl, &l);

		listener_deinit(&l);
		if (!path)
			return false;
		if (strv_take(paths, path) < 0)
			tool_nomem();
	}
	return true;
}

static int
failed(const struct initctl *ctl, char *const *operands, struct upstart_error *err)
{
	tool_error(&ctl->tool, "%s", err->text);
	why_bad_env(err, operands + 1);
	upstart_error_clear(err);
	return EXIT_FAILURE;
}

static int
emit_with_options(struct initctl *ctl, char *const *operands, struct upstart_error *err)
{
	auto_strv char **only = NULL;
	struct upstart_emit_options options = { .wait = !ctl->no_wait, .literal = ctl->literal };

	if (!find_only(ctl, &only))
		return EXIT_FAILURE;
	options.only = only;
	if (upstart_emit_with_options(ctl->upstart, operands[0], operands + 1, &options, err) < 0)
		return failed(ctl, operands, err);
	return EXIT_SUCCESS;
}

static int
run(struct initctl *ctl, char *const *operands)
{
	struct upstart_error err = UPSTART_ERROR_INIT;

	if (!operands[0])
		return tool_misuse(&ctl->tool, _("missing event name"));
	if (initctl_connect(ctl) != EXIT_SUCCESS)
		return EXIT_FAILURE;
	if (ctl->literal || ctl->only)
		return emit_with_options(ctl, operands, &err);
	if (upstart_emit(ctl->upstart, operands[0], operands + 1, !ctl->no_wait, &err) < 0)
		return failed(ctl, operands, &err);
	return EXIT_SUCCESS;
}

static const struct option_spec options[] = {
	OPTION_NO_WAIT(N_("do not wait for the event to finish")),
	{ 0, "literal", NULL, N_("compare values with conditions as they are written"), OPTION_FLAG,
	  offsetof(struct initctl, literal) },
	{ 0, "only", "JOB", N_("only this job, or 'JOB (INSTANCE)', may hear it"), OPTION_LIST,
	  offsetof(struct initctl, only) },
	OPTIONS_END,
};

const struct command command_emit = {
	.name = "emit",
	.group = GROUP_EVENT,
	.operands = "EVENT [KEY=VALUE]...",
	.summary = N_("Emit an event."),
	.help =
	    N_("Jobs whose conditions wait for EVENT are started or stopped, and get the KEY=VALUE pairs in their "
	       "environment. Returns when all of them are running or, for tasks and stopped jobs, have finished; fails "
	       "if one of them failed.\n"
	       "With --literal a condition matches when its text is the value, letter by letter. With --only, which may be "
	       "given several times, all other jobs are deaf to the event."),
	.options = options,
	.run = run,
};
