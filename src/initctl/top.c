/* SPDX-License-Identifier: MIT */
/*
 * initctl top: what the processes of each instance use. An instance's processes are those init knows, all that descend
 * from them, and what is still in a session that one of them leads: jobs' processes lead sessions of their own.
 */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

#include "common/map.h"
#include "common/str.h"
#include "initctl/commands.h"
#include "initctl/instances.h"
#include "initctl/json.h"
#include "initctl/procs.h"

#define DELAY_DEFAULT 2.0
#define DELAY_MAX 86400.0
#define ANCESTORS_MAX 256
#define HEAD_LINES 2
#define PERCENT 100.0
#define SCREEN_BEGIN "\033[?1049h\033[?25l\033[?7l" /* another screen, no cursor, long lines are cut */
#define SCREEN_END "\033[?7h\033[?25h\033[?1049l"

/* An instance and what it uses. */
struct row {
	char *job;			   /* owned */
	struct upstart_instance *instance; /* owned */
	size_t processes;
	usec_t cpu;
	double share; /* of one processor: 1 is all of it */
	uint64_t memory;
};

struct rows {
	struct row *row; /* owned */
	size_t n;
};

static void
rows_deinit(struct rows *rows)
{
	for (size_t i = 0; i < rows->n; i++) {
		free(rows->row[i].job);
		upstart_instance_free(rows->row[i].instance);
	}
	free(rows->row);
	*rows = (struct rows){ 0 };
}

/* -- what there is ---------------------------------------------------------------- */

/* The instances of one job. 0 or a negative errno. */
static int
add_job(struct initctl *ctl, struct rows *rows, const char *path, struct upstart_error *err)
{
	struct instances instances auto_instances = INSTANCES_INIT;
	char *name auto_free = NULL;
	int r = instances_read(&instances, ctl->upstart, path, err);

	if (r == 0 && instances.n > 0)
		r = upstart_job_name(ctl->upstart, path, &name, err);
	if (r < 0 && upstart_error_is(err, UPSTART_ERROR_GONE)) {
		upstart_error_clear(err);
		return 0;
	}
	for (size_t i = 0; r == 0 && i < instances.n; i++) {
		struct row *grown = reallocarray(rows->row, rows->n + 1, sizeof(*grown));

		if (!grown)
			tool_nomem();
		rows->row = grown;
		rows->row[rows->n++] = (struct row){ .job = tool_must(strdup(name)), .instance = instances.p[i] };
		instances.p[i] = NULL;
	}
	return r;
}

/* The row of the nearest ancestor that init knows, or of the leader of the session; NULL: it is no job's. */
static struct row *
owner_of(const struct map *known, const struct procs *procs, const struct proc *proc)
{
	const struct proc *up = procs_find(procs, proc->parent);
	struct row *row = map_get_id(known, (uint64_t) proc->pid);

	for (int i = 0; up && !row && i < ANCESTORS_MAX; i++) {
		row = map_get_id(known, (uint64_t) up->pid);
		up = procs_find(procs, up->parent);
	}
	return row ? row : map_get_id(known, (uint64_t) proc->session);
}

/* How much of a processor it has used since `before`, or, if it was not there or there is no before, ever. */
static double
share_of(const struct proc *proc, const struct procs *now, const struct procs *before)
{
	const struct proc *old = before->n > 0 ? procs_find(before, proc->pid) : NULL;
	usec_t since = before->n > 0 ? before->now : proc->start, used = proc->cpu;

	if (old && old->start == proc->start)
		used = used > old->cpu ? used - old->cpu : 0;
	return now->now > since ? (double) used / (double) (now->now - since) : 0;
}

static void
count(struct rows *rows, const struct procs *now, const struct procs *before)
{
	struct map known = MAP_INIT;

	for (size_t i = 0; i < rows->n; i++) {
		const struct upstart_instance *instance = rows->row[i].instance;

		for (size_t j = 0; j < instance->process_count; j++)
			if (map_put_id(&known, (uint64_t) instance->processes[j].pid, &rows->row[i]) < 0)
				tool_nomem();
	}
	for (size_t i = 0; i < now->n; i++) {
		struct row *row = owner_of(&known, now, &now->p[i]);

		if (!row)
			continue;
		row->processes++;
		row->cpu += now->p[i].cpu;
		row->memory += now->p[i].memory;
		row->share += share_of(&now->p[i], now, before);
	}
	map_deinit(&known);
}

/* -- order -------------------------------------------------------------------------- */

static int
compare_name(const void *a, const void *b)
{
	const struct row *x = a, *y = b;
	int r = strcmp(x->job, y->job);

	return r ? r : strcmp(x->instance->name, y->instance->name);
}

/* The greater first. */
#define COMPARE(name, member)                                                                                          \
	static int compare_##name(const void *a, const void *b)                                                        \
	{                                                                                                              \
		const struct row *x = a, *y = b;                                                                       \
                                                                                                                       \
		return x->member > y->member ? -1 : x->member < y->member ? 1 : compare_name(a, b);                    \
	}

COMPARE(cpu, share)
COMPARE(memory, memory)
COMPARE(time, cpu)

static const struct order {
	const char *name;
	char key;
	int (*compare)(const void *a, const void *b);
} orders[] = {
	{ "cpu", 'c', compare_cpu },
	{ "memory", 'm', compare_memory },
	{ "time", 't', compare_time },
	{ "name", 'n', compare_name },
};

/* -- how it is shown ------------------------------------------------------------------ */

static void
add_memory(struct strbuf *b, uint64_t bytes)
{
	static const char units[] = "KMGT";
	double n = (double) bytes / 1024;
	size_t i = 0;

	for (; n >= 1000 && units[i + 1]; i++)
		n /= 1024;
	strbuf_addf(b, n < 100 && i > 0 ? "%7.1f%c" : "%7.0f%c", n, units[i]);
}

static void
add_row(struct strbuf *b, const struct row *row)
{
	const struct upstart_instance *instance = row->instance;
	usec_t hundredths = row->cpu / (USEC_PER_SEC / 100);
	struct strbuf state auto_strbuf = STRBUF_INIT;

	if (instance->process_count > 0)
		strbuf_addf(b, "%7d", instance->processes[0].pid);
	else
		strbuf_addf(b, "%7s", "-");
	strbuf_addf(b, " %5zu %6.1f %6llu:%02llu.%02llu ", row->processes, row->share * PERCENT,
		    (unsigned long long) hundredths / 6000, (unsigned long long) hundredths / 100 % 60,
		    (unsigned long long) hundredths % 100);
	add_memory(b, row->memory);
	strbuf_addf(&state, "%s/%s", instance->goal, instance->state);
	if (state.failed)
		tool_nomem();
	strbuf_addf(b, " %-18s ", state.p);
	tool_add_visible(b, row->job);
	if (*instance->name) {
		strbuf_add(b, " (");
		tool_add_visible(b, instance->name);
		strbuf_addc(b, ')');
	}
	strbuf_addc(b, '\n');
}

/* `lines`: so many fit; 0: all are shown. */
static void
add_rows(struct strbuf *b, const struct rows *rows, size_t lines)
{
	size_t n = lines == 0 || rows->n < lines ? rows->n : lines;

	strbuf_add(b, _("    PID PROCS   %CPU         TIME   MEMORY STATE              JOB\n"));
	for (size_t i = 0; i < n; i++)
		add_row(b, &rows->row[i]);
	if (b->failed)
		tool_nomem();
}

static void
add_summary(struct strbuf *b, const struct rows *rows)
{
	struct row all = { 0 };

	for (size_t i = 0; i < rows->n; i++) {
		all.processes += rows->row[i].processes;
		all.share += rows->row[i].share;
		all.memory += rows->row[i].memory;
	}
	strbuf_addf(b, _("%zu instances, %zu processes, %.1f %% CPU,"), rows->n, all.processes, all.share * PERCENT);
	add_memory(b, all.memory);
	strbuf_addc(b, '\n');
}

static int
show_json(const struct initctl *ctl, const struct rows *rows)
{
	json_t *all = json_array();

	for (size_t i = 0; i < rows->n; i++) {
		const struct row *row = &rows->row[i];
		json_t *object = json_status(row->job, row->instance);

		json_put(object, "process_count", json_integer((json_int_t) row->processes));
		json_put(object, "cpu_percent",
			 json_real((double) (long) (row->share * PERCENT * PERCENT + 0.5) / PERCENT));
		json_put(object, "cpu_seconds", json_real((double) row->cpu / (double) USEC_PER_SEC));
		json_put(object, "memory", json_integer((json_int_t) row->memory));
		if (json_array_append_new(all, object) < 0)
			tool_nomem();
	}
	return json_show(&ctl->tool, all);
}

/* -- again and again -------------------------------------------------------------------- */

struct top {
	struct initctl *ctl;
	const struct order *order;
	struct procs before;
	double delay;	    /* seconds */
	unsigned long left; /* pictures to show; 0: until somebody says so */
	bool screen;
	sigset_t mask; /* while it waits: a new size of the window that came before is not missed */
};

/* The terminal as it was; `on_screen`: it is not so now. */
static struct termios terminal;
static volatile sig_atomic_t on_screen;

/* Put the terminal in order. A signal handler may do all this. */
static void
leave_screen(void)
{
	if (!on_screen)
		return;
	(void) !write(STDOUT_FILENO, SCREEN_END, strlen(SCREEN_END));
	(void) tcsetattr(STDIN_FILENO, TCSANOW, &terminal);
	on_screen = 0;
}

/* At any time: init may not answer for long, and there is nothing else to undo. */
static void
end_cb(int number unused)
{
	leave_screen();
	_exit(EXIT_SUCCESS);
}

static void
resize_cb(int number unused)
{
}

/* Take one picture and show it. Exit status. */
static int
show(struct top *top)
{
	struct upstart_error err = UPSTART_ERROR_INIT;
	struct strbuf b auto_strbuf = STRBUF_INIT;
	struct procs now = PROCS_INIT;
	char **jobs auto_strv = NULL;
	struct rows rows = { 0 };
	struct winsize size = { 0 };
	int r = upstart_get_jobs(top->ctl->upstart, &jobs, &err), status = EXIT_SUCCESS;

	for (size_t i = 0; r == 0 && jobs[i]; i++)
		r = add_job(top->ctl, &rows, jobs[i], &err);
	if (r < 0) {
		leave_screen();
		rows_deinit(&rows);
		return initctl_failed(top->ctl, &err);
	}
	r = procs_read(&now);
	if (r < 0) {
		leave_screen();
		tool_error(&top->ctl->tool, _("Unable to see what processes use: %s"), strerror(-r));
		status = EXIT_FAILURE;
	} else {
		count(&rows, &now, &top->before);
		if (rows.n > 0)
			qsort(rows.row, rows.n, sizeof(*rows.row), top->order->compare);
		if (top->ctl->json) {
			status = show_json(top->ctl, &rows);
		} else if (top->screen) {
			(void) ioctl(STDOUT_FILENO, TIOCGWINSZ, &size);
			strbuf_add(&b, "\033[H\033[2J");
			add_summary(&b, &rows);
			add_rows(&b, &rows, size.ws_row > HEAD_LINES + 1 ? size.ws_row - HEAD_LINES - 1U : 0);
		} else {
			add_rows(&b, &rows, 0);
		}
		tool_print(&top->ctl->tool, "%s", b.p ? b.p : "");
		(void) fflush(stdout);
	}
	procs_deinit(&top->before);
	top->before = now;
	rows_deinit(&rows);
	return status;
}

/* Until it is time for the next picture. False: it is time to end. */
static bool
pause_for_keys(struct top *top)
{
	struct pollfd fd = { .fd = top->screen ? STDIN_FILENO : -1, .events = POLLIN };
	struct timespec delay = { .tv_sec = (time_t) top->delay };
	char key;

	delay.tv_nsec = (long) ((top->delay - (double) delay.tv_sec) * USEC_PER_SEC) * 1000;
	if (ppoll(&fd, 1, &delay, &top->mask) <= 0)
		return true; /* time is over, or the window has another size */
	if (read(STDIN_FILENO, &key, 1) != 1 || key == 'q' || key == 'Q')
		return false;
	for (size_t i = 0; i < ARRAY_SIZE(orders); i++)
		if (orders[i].key == key)
			top->order = &orders[i];
	return true;
}

static int
watch(struct top *top)
{
	int status;

	do
		status = show(top);
	while (status == EXIT_SUCCESS && !ferror(stdout) && (top->left == 0 || --top->left > 0) && pause_for_keys(top));
	return status;
}

static const int endings[] = { SIGHUP, SIGINT, SIGQUIT, SIGTERM };

/* The same on a screen of its own; the terminal is as it was afterwards. */
static int
watch_on_screen(struct top *top)
{
	const struct sigaction end = { .sa_handler = end_cb }, resize = { .sa_handler = resize_cb };
	struct termios raw;
	sigset_t resized;
	int status;

	if (tcgetattr(STDIN_FILENO, &terminal) < 0) {
		tool_error(&top->ctl->tool, "%s", strerror(errno));
		return EXIT_FAILURE;
	}
	(void) sigemptyset(&resized);
	(void) sigaddset(&resized, SIGWINCH);
	(void) sigprocmask(SIG_BLOCK, &resized, NULL);
	(void) sigaction(SIGWINCH, &resize, NULL);
	for (size_t i = 0; i < ARRAY_SIZE(endings); i++)
		(void) sigaction(endings[i], &end, NULL);
	tool_undo_at_nomem(leave_screen);
	on_screen = 1;
	raw = terminal;
	raw.c_lflag &= ~(tcflag_t) (ICANON | ECHO);
	raw.c_cc[VSUSP] = _POSIX_VDISABLE; /* nobody would put the screen in order */
	(void) tcsetattr(STDIN_FILENO, TCSADRAIN, &raw);
	(void) fputs(SCREEN_BEGIN, stdout);
	(void) fflush(stdout);
	status = watch(top);
	leave_screen();
	return status;
}

/* -- the command ---------------------------------------------------------------------------- */

/* EXIT_SUCCESS, or EXIT_FAILURE after saying what is wrong. */
static int
read_options(struct top *top)
{
	const struct initctl *ctl = top->ctl;
	char *end = NULL;

	top->order = &orders[0];
	for (size_t i = 0; ctl->sort && strcmp(top->order->name, ctl->sort) != 0; top->order = &orders[i])
		if (++i == ARRAY_SIZE(orders))
			return tool_misuse(&ctl->tool, _("invalid order: %s"), ctl->sort);
	top->delay = DELAY_DEFAULT;
	if (ctl->delay) {
		top->delay = strtod(ctl->delay, &end);
		if (end == ctl->delay || *end || !(top->delay >= 0.1 && top->delay <= DELAY_MAX))
			return tool_misuse(&ctl->tool, _("invalid delay: %s"), ctl->delay);
	}
	if (ctl->count) {
		top->left = strtoul(ctl->count, &end, 10);
		if (end == ctl->count || *end || top->left == 0)
			return tool_misuse(&ctl->tool, _("invalid count: %s"), ctl->count);
	}
	return EXIT_SUCCESS;
}

static int
run(struct initctl *ctl, char *const *operands unused)
{
	struct top top = { .ctl = ctl };
	int status = read_options(&top);

	if (status != EXIT_SUCCESS)
		return status;
	if (initctl_connect(ctl) != EXIT_SUCCESS)
		return EXIT_FAILURE;
	top.screen = !ctl->json && ctl->tool.level != TOOL_QUIET && isatty(STDIN_FILENO) && isatty(STDOUT_FILENO);
	if (!top.screen && !ctl->count)
		top.left = 1;
	(void) sigprocmask(SIG_SETMASK, NULL, &top.mask);
	(void) sigdelset(&top.mask, SIGWINCH);
	status = top.screen ? watch_on_screen(&top) : watch(&top);
	procs_deinit(&top.before);
	return status;
}

static const struct option_spec options[] = {
	{ 'd', "delay", "SECONDS", N_("time between two pictures (default: 2)"), OPTION_VALUE,
	  offsetof(struct initctl, delay) },
	{ 'n', "count", "N", N_("end after so many pictures"), OPTION_VALUE, offsetof(struct initctl, count) },
	{ 's', "sort", "ORDER", N_("by cpu, memory, time or name (default: cpu)"), OPTION_VALUE,
	  offsetof(struct initctl, sort) },
	OPTION_JSON,
	OPTIONS_END,
};

const struct command command_top = {
	.name = "top",
	.group = GROUP_JOB,
	.operands = "",
	.summary = N_("Show what the processes of jobs use, over and over."),
	.help =
	    N_("One line for each instance: its first process, how many it has with all their children, how much of "
	       "a processor they use, what they have used, and their memory. On a terminal it is a picture that is "
	       "renewed until q is pressed; c, m, t and n change the order. Elsewhere it is shown once, and the use "
	       "of the processor is then that since the processes began."),
	.options = options,
	.run = run,
};
