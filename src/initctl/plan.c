/* SPDX-License-Identifier: MIT */
/*
 * init hands over a sealed copy of what it knows, and upstart-plan, which this becomes, plays it through. init itself
 * has nothing to do with it any more.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "common/str.h"
#include "initctl/commands.h"

#define PROGRAM "upstart-plan"

/* Where it lies, seen from the folder of initctl: as init finds its servants (init/servant_exec.c), or the build tree.
 */
static const char *const places[] = {
	"/../libexec/upstart/" PROGRAM,	   "/../lib/upstart/" PROGRAM,	   "/../usr/libexec/upstart/" PROGRAM,
	"/../../libexec/upstart/" PROGRAM, "/../usr/lib/upstart/" PROGRAM, "/../plan/" PROGRAM,
};

/* The folder of the running program; owned; NULL: unknown. */
static char *
own_folder(void)
{
	char path[4096];
	ssize_t n = readlink("/proc/self/exe", path, sizeof(path) - 1);

	if (n <= 0 || (size_t) n >= sizeof(path) - 1)
		return NULL;
	path[n] = '\0';
	*strrchr(path, '/') = '\0';
	return tool_must(strdup(path));
}

/* Owned; where it was installed to when it is nowhere near. */
static char *
find_program(void)
{
	char *folder auto_free = own_folder();

	for (size_t i = 0; folder && i < ARRAY_SIZE(places); i++) {
		char *path = tool_must(str_printf("%s%s", folder, places[i]));

		if (access(path, X_OK) == 0)
			return path;
		free(path);
	}
	return tool_must(strdup(UPSTART_LIBEXECDIR "/" PROGRAM));
}

static void
add(char ***argv, char *word)
{
	if (!word || strv_take(argv, word) < 0)
		tool_nomem();
}

/* Become the program that tells; returns only to say why that was impossible. */
static int
become(const struct initctl *ctl, char **argv, char *const *operands)
{
	if (ctl->boot)
		add(&argv, strdup("--boot"));
	if (ctl->emits)
		add(&argv, strdup("--emits"));
	if (ctl->json)
		add(&argv, strdup("--json"));
	if (ctl->tool.level == TOOL_QUIET)
		add(&argv, strdup("--quiet"));
	if (ctl->tool.level >= TOOL_VERBOSE)
		add(&argv, strdup("--verbose"));
	add(&argv, strdup("--"));
	if (strv_extend(&argv, operands) < 0)
		tool_nomem();
	(void) execv(argv[0], argv);
	tool_error(&ctl->tool, "%s: %s", argv[0], strerror(errno));
	strv_free(argv);
	return EXIT_FAILURE;
}

/* What init knows, in a file that outlives execve. -1 after saying why not. */
static int
take_snapshot(struct initctl *ctl)
{
	struct upstart_error err = UPSTART_ERROR_INIT;
	int fd = -1;

	if (initctl_connect(ctl) != EXIT_SUCCESS)
		return -1;
	if (upstart_snapshot(ctl->upstart, &fd, &err) < 0) {
		if (upstart_error_is(&err, UPSTART_ERROR_GONE))
			tool_error(&ctl->tool, _("This init is too old to tell"));
		else
			tool_error(&ctl->tool, "%s", err.text);
		upstart_error_clear(&err);
		return -1;
	}
	if (fcntl(fd, F_SETFD, 0) == 0)
		return fd;
	tool_error(&ctl->tool, "%s", strerror(errno));
	(void) close(fd);
	return -1;
}

static int
run(struct initctl *ctl, char *const *operands)
{
	char **argv = NULL;
	int fd;

	if (ctl->boot && operands[0])
		return tool_misuse(&ctl->tool, _("unexpected operand: %s"), operands[0]);
	if (!ctl->boot && ctl->confdir)
		return tool_misuse(&ctl->tool, _("--confdir given without --boot"));
	if (!ctl->boot && !operands[0])
		return tool_misuse(&ctl->tool, _("missing event name"));
	add(&argv, find_program());
	add(&argv, str_printf("--program=%s", ctl->tool.name));
	if (ctl->confdir) {
		add(&argv, str_printf("--confdir=%s", ctl->confdir));
		return become(ctl, argv, operands);
	}
	fd = take_snapshot(ctl);
	if (fd < 0) {
		strv_free(argv);
		return EXIT_FAILURE;
	}
	add(&argv, str_printf("--snapshot-fd=%d", fd));
	return become(ctl, argv, operands);
}

static const struct option_spec options[] = {
	{ 0, "boot", NULL, N_("of the start of the system"), OPTION_FLAG, offsetof(struct initctl, boot) },
	{ 0, "confdir", "DIR", N_("with --boot: of job files in this directory; no init is asked"), OPTION_VALUE,
	  offsetof(struct initctl, confdir) },
	{ 0, "emits", NULL, N_("assume that processes emit the events that their jobs say they emit"), OPTION_FLAG,
	  offsetof(struct initctl, emits) },
	OPTION_JSON,
	OPTIONS_END,
};

const struct command command_plan = {
	.name = "plan",
	.group = GROUP_EVENT,
	.operands = "EVENT|start JOB|stop JOB|restart JOB [KEY=VALUE]...",
	.summary = N_("Tell what an event or a command would do."),
	.help = N_(
	    "Shows what would start and stop, in order, and what would wait for what, without doing any of it. It is "
	    "assumed that services run until they are stopped, and that everything else ends well.\n"
	    "\n"
	    "For root and the owner of a session."),
	.options = options,
	.run = run,
};
