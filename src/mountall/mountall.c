/* SPDX-License-Identifier: MIT */
/*
 * mountall: mounts what fstab(5) names when a machine comes up, in an order in which it can be done, and tells init of each and of
 * all. See mountall(8).
 *
 * This process only decides what is next; each file system has a worker (worker.h), so that one that hangs holds up none that does
 * not lie on it.
 */
#include <errno.h>
#include <fcntl.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/reboot.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <time.h>

#include "common/log.h"
#include "common/str.h"
#include "initctl/tool.h"
#include "mountall/devices.h"
#include "mountall/disks.h"
#include "mountall/fstab.h"
#include "mountall/order.h"
#include "mountall/tell.h"
#include "mountall/worker.h"

#define DEVICE_TIMEOUT 90 /* seconds */
#define MOUNT_TIMEOUT 90
#define PATIENCE (5 * USEC_PER_SEC) /* until it is said what is waited for */
#define TOLD_EACH (60 * USEC_PER_SEC) /* and then again, at the latest */

/* What belongs to an entry while we run; same number. */
struct progress {
	pid_t pid;	/* of the worker; 0: none */
	usec_t since;	/* waits for its device; 0: does not */
	bool said;	/* that it waits */
	usec_t step;	/* of its worker: since when it is at what it is at, as it was when it was looked at last */
	usec_t told;	/* after so long at that it is said what it is at */
	bool held;	/* tried in vain: the next sign of the network is waited for */
};

struct mountall {
	struct tool tool;
	bool no_events;
	bool no_check;
	const char *fstab, *shell, *timeout, *mount_timeout;
	struct worker_options worker;
	struct mounts mounts;
	struct progress *progress; /* owned */
	struct worker_report *reports; /* owned, shared with the workers; same number */
	struct tell *tell;	   /* owned */
	struct disks *disks;	   /* owned */
	int signals, devices;	   /* owned descriptors */
	unsigned changes;	   /* of devices, counted from 1 */
	usec_t limit;		   /* how long a device is waited for, */
	usec_t mount_limit;	   /* and that something is mounted */
	pid_t maintenance;	   /* the shell; 0: none */
	bool told_all;
	bool told_how; /* to go on */
	bool failed;
};

static const struct option_spec options[] = {
	{ 0, "device-timeout", "SECONDS", N_("wait so long for a device to come (90)"), OPTION_VALUE, offsetof(struct mountall, timeout) },
	{ 0, "mount-timeout", "SECONDS", N_("wait so long for a local file system to be mounted (90)"), OPTION_VALUE,
	  offsetof(struct mountall, mount_timeout) },
	{ 0, "fstab", "FILE", N_("what is to be mounted (/etc/fstab)"), OPTION_VALUE, offsetof(struct mountall, fstab) },
	{ 0, "no-events", NULL, N_("do not tell init"), OPTION_FLAG, offsetof(struct mountall, no_events) },
	{ 0, "no-fsck", NULL, N_("do not check file systems"), OPTION_FLAG, offsetof(struct mountall, no_check) },
	{ 0, "force-fsck", NULL, N_("check file systems that look clean, too"), OPTION_FLAG, offsetof(struct mountall, worker.force) },
	{ 0, "fsck-fix", NULL, N_("have fsck mend all it can without asking"), OPTION_FLAG, offsetof(struct mountall, worker.yes) },
	{ 0, "shell", "PROGRAM", N_("run this when somebody must look at it (/sbin/sulogin); empty: go on without"), OPTION_VALUE,
	  offsetof(struct mountall, shell) },
	OPTIONS_END,
};

static const struct option_spec *const tables[] = { options, options_common, NULL };

static const struct tool_help help = {
	.command = "",
	.operands = "",
	.summary = N_("Mount the file systems of the machine, and tell init."),
	.text = N_("Mounts what /etc/fstab names when a machine comes up, each after what it lies on, and checks it before where fstab "
		   "says so. Emits mounting and mounted for each, and virtual-filesystems, local-filesystems, remote-filesystems, "
		   "all-swaps and filesystem when all of a kind are there. Run by the job of the same name."),
	.tables = tables,
};

static usec_t
now(void)
{
	struct timespec t;

	(void) clock_gettime(CLOCK_MONOTONIC, &t);
	return (usec_t) t.tv_sec * USEC_PER_SEC + (usec_t) t.tv_nsec / 1000;
}

static struct progress *
progress_of(const struct mountall *all, const struct mount_entry *e)
{
	return &all->progress[e - all->mounts.entries];
}

static struct worker_report *
report_of(const struct mountall *all, const struct mount_entry *e)
{
	return &all->reports[e - all->mounts.entries];
}

/* What it is called in messages. */
static const char *
name_of(const struct mount_entry *e)
{
	return e->kind == MOUNT_SWAP ? e->source : e->target;
}

static void
leave_out(struct mountall *all, struct mount_entry *e)
{
	e->stage = MOUNT_LEFT_OUT;
	all->failed = all->failed || e->needed;
}

/* -- the network --------------------------------------------------------------------- */

/* Is an interface that leads anywhere up, with an address? */
static bool
is_network_up(void)
{
	struct ifaddrs *list;
	bool up = false;

	if (getifaddrs(&list) < 0)
		return false;
	for (const struct ifaddrs *a = list; a != NULL; a = a->ifa_next) {
		if (a->ifa_addr != NULL && (a->ifa_addr->sa_family == AF_INET || a->ifa_addr->sa_family == AF_INET6))
			up = up || ((a->ifa_flags & IFF_UP) != 0 && (a->ifa_flags & IFF_LOOPBACK) == 0);
	}
	freeifaddrs(list);
	return up;
}

/* Of the interface that only leads to ourselves nobody tells us more than of others: it is looked at. */
static void
net_up_cb(void *data)
{
	struct mountall *all = data;

	all->mounts.network = is_network_up();
	for (size_t i = 0; i < all->mounts.count; i++) {
		all->progress[i].held = false;
		/* Without a network no device of it can come: its time begins anew. */
		if (all->mounts.entries[i].kind == MOUNT_REMOTE && !all->mounts.network)
			all->progress[i].since = 0;
	}
}

/* -- when somebody must look -------------------------------------------------------------- */

static void
run_shell(const char *shell)
{
	char *argv[] = { (char *) shell, NULL };
	sigset_t none;
	int fd;

	(void) sigemptyset(&none);
	(void) sigprocmask(SIG_SETMASK, &none, NULL);
	(void) setsid();
	fd = open("/dev/console", O_RDWR);
	if (fd >= 0) {
		(void) ioctl(fd, TIOCSCTTY, 1);
		for (int i = STDIN_FILENO; i <= STDERR_FILENO; i++)
			(void) dup2(fd, i);
	}
	(void) execv(shell, argv);
	log_error("Unable to run %s: %s", shell, strerror(errno));
	_exit(127);
}

static struct mount_entry *
first_broken(struct mountall *all)
{
	for (size_t i = 0; i < all->mounts.count; i++) {
		if (all->mounts.entries[i].stage == MOUNT_BROKEN)
			return &all->mounts.entries[i];
	}
	return NULL;
}

static void
maintain(struct mountall *all)
{
	const struct mount_entry *e = first_broken(all);
	pid_t pid;

	if (e == NULL || all->maintenance != 0)
		return;
	log_error("%s is needed and could not be mounted: it is tried once more when you leave the shell", name_of(e));
	pid = fork();
	if (pid == 0)
		run_shell(all->shell);
	if (pid > 0)
		all->maintenance = pid;
}

/* Somebody has looked: try again what was broken. */
static void
maintained(struct mountall *all)
{
	all->maintenance = 0;
	for (size_t i = 0; i < all->mounts.count; i++) {
		struct mount_entry *e = &all->mounts.entries[i];

		if (e->stage != MOUNT_BROKEN)
			continue;
		e->stage = MOUNT_WAITING;
		e->tried_again = true;
		all->progress[i] = (struct progress) { 0 };
	}
}

/* It could not be mounted. */
static void
give_up(struct mountall *all, struct mount_entry *e)
{
	if (e->needed && !e->tried_again && *all->shell != '\0') {
		e->stage = MOUNT_BROKEN;
		return;
	}
	if (!e->quiet)
		log_warn("%s is left out", name_of(e));
	leave_out(all, e);
}

/* -- workers --------------------------------------------------------------------------------- */

static void
reboot_now(void)
{
	char *argv[] = { (char *) "reboot", (char *) "-f", NULL };

	log_message("fsck has changed the root file system: the machine must begin again");
	sync();
	(void) execvp(argv[0], argv);
	log_error("Unable to reboot: %s", strerror(errno));
}

static void
worker_ended(struct mountall *all, struct mount_entry *e, int status)
{
	enum worker_end end = WIFEXITED(status) ? (enum worker_end) WEXITSTATUS(status) : WORKER_FAILED;

	progress_of(all, e)->pid = 0;
	if (!WIFEXITED(status))
		log_error("%s: its worker was killed by signal %d", name_of(e), WTERMSIG(status));
	if (end == WORKER_REBOOT)
		reboot_now();
	if (end == WORKER_DONE) {
		e->stage = MOUNT_THERE;
	} else if (e->kind == MOUNT_REMOTE && end == WORKER_FAILED) {
		/* The server may not be within reach yet. */
		e->stage = MOUNT_WAITING;
		progress_of(all, e)->held = true;
		log_message("%s is tried again when another network interface is up", name_of(e));
	} else {
		give_up(all, e);
	}
}

static void
reap(struct mountall *all)
{
	int status;
	pid_t pid;

	while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
		if (pid == all->maintenance)
			maintained(all);
		if (disks_ended(all->disks, pid))
			continue;
		for (size_t i = 0; i < all->mounts.count; i++) {
			if (all->progress[i].pid == pid)
				worker_ended(all, &all->mounts.entries[i], status);
		}
	}
}

/* How long a device is waited for. Disks that are being asked get the time to answer, unless they are dead. */
static usec_t
device_limit(const struct mountall *all, usec_t t)
{
	return all->limit < PATIENCE && disks_are_asked(all->disks, t) ? PATIENCE : all->limit;
}

static void
give_up_device(struct mountall *all, struct mount_entry *e)
{
	progress_of(all, e)->since = 0;
	give_up(all, e);
}

static void
wait_for_device(struct mountall *all, struct mount_entry *e)
{
	struct progress *p = progress_of(all, e);
	usec_t t = now();

	if (p->since == 0)
		p->since = t;
	if (!p->said && t - p->since >= PATIENCE) {
		log_message("Waiting for %s (%s), for %llu s at most", e->source, name_of(e),
			    (unsigned long long) (all->limit / USEC_PER_SEC));
		p->said = true;
	}
	if (t - p->since < device_limit(all, t))
		return;
	log_error("%s: %s did not come within %llu s", name_of(e), e->source, (unsigned long long) (all->limit / USEC_PER_SEC));
	give_up_device(all, e);
}

/* A device without the name that udev gives it: the disks are asked themselves. */
static bool
have_disks(struct mountall *all, struct mount_entry *e)
{
	const char *path;

	disks_ask(all->disks, all->changes, now());
	path = disks_find(all->disks, e->source);
	free(e->device);
	e->device = path != NULL ? strdup(path) : NULL;
	return e->device != NULL;
}

static bool
has_device(struct mountall *all, struct mount_entry *e)
{
	int r = fstab_look(e);

	return r == -EAGAIN ? have_disks(all, e) : r > 0;
}

static void
begin(struct mountall *all, struct mount_entry *e)
{
	pid_t pid;

	if (!has_device(all, e)) {
		wait_for_device(all, e);
		return;
	}
	pid = worker_start(e, &all->worker, report_of(all, e));
	if (pid < 0) {
		log_error("%s: %s", name_of(e), strerror((int) -pid));
		give_up(all, e);
		return;
	}
	progress_of(all, e)->since = 0;
	progress_of(all, e)->said = false;
	progress_of(all, e)->pid = pid;
	e->stage = MOUNT_BUSY;
}

/* -- workers that take long ------------------------------------------------------------------- */

/*
 * How long it may be at what it is at; 0: as long as it likes. A check of a big disk takes hours, what jobs do is theirs, and a
 * server may be waited for; but who only mounts what is here, and does not come back, will not.
 */
static usec_t
limit_of_step(const struct mountall *all, const struct mount_entry *e, enum worker_step step)
{
	return e->kind != MOUNT_REMOTE && (step == WORKER_LOOKS || step == WORKER_MOUNTS) ? all->mount_limit : 0;
}

/* What it was at is over for us. */
static void
drop_worker(struct mountall *all, struct mount_entry *e)
{
	worker_kill(progress_of(all, e)->pid);
	progress_of(all, e)->pid = 0;
	if (report_of(all, e)->step == WORKER_TELLS)
		e->stage = MOUNT_THERE;
	else
		give_up(all, e);
}

static void
tell_step(struct mountall *all, const struct mount_entry *e, usec_t spent)
{
	enum worker_step step = report_of(all, e)->step;
	usec_t limit = limit_of_step(all, e, step);
	auto_free char *what = NULL, *of = NULL, *how = NULL;

	if (step == WORKER_CALLS || step == WORKER_TELLS)
		what = str_printf("jobs that start on %s %s", step == WORKER_CALLS ? "mounting" : "mounted", name_of(e));
	else if (step == WORKER_CHECKS)
		what = str_printf("the check of %s (%s)", name_of(e), e->source);
	else if (e->kind == MOUNT_SWAP)
		what = str_printf("%s to be used as swap space", e->source);
	else
		what = str_printf("%s (%s) to be mounted", name_of(e), e->source);
	if (limit != 0)
		of = str_printf(" of %llu", (unsigned long long) (limit / USEC_PER_SEC));
	if (!all->told_how)
		how = str_printf("; Alt-Up on the keyboard, or kill -USR2 %d, goes on without it", (int) getpid());
	if (what == NULL)
		return;
	log_message("Waiting for %s: %llu%s s%s", what, (unsigned long long) (spent / USEC_PER_SEC), of != NULL ? of : "",
		    how != NULL ? how : "");
	all->told_how = true;
}

/* Say what holds the boot up, ever less often, and end it when that makes no sense any more. */
static void
look_at_worker(struct mountall *all, struct mount_entry *e)
{
	struct progress *p = progress_of(all, e);
	usec_t since = report_of(all, e)->since, spent = now() - since;
	usec_t limit = limit_of_step(all, e, report_of(all, e)->step);

	if (p->step != since) {
		p->step = since;
		p->told = PATIENCE;
		p->said = false;
	}
	if (limit != 0 && spent >= limit) {
		log_error("%s: %s was not %s within %llu s", name_of(e), e->source, e->kind == MOUNT_SWAP ? "used" : "mounted",
			  (unsigned long long) (limit / USEC_PER_SEC));
		drop_worker(all, e);
	} else if (e->needed && spent >= p->told) {
		tell_step(all, e, spent);
		p->said = true;
		p->told += p->told < TOLD_EACH ? p->told : TOLD_EACH;
	}
}

static void
look_at_workers(struct mountall *all)
{
	for (size_t i = 0; i < all->mounts.count; i++) {
		if (all->mounts.entries[i].stage == MOUNT_BUSY)
			look_at_worker(all, &all->mounts.entries[i]);
	}
}

/* When it must be looked at again. */
static usec_t
due_of_worker(const struct mountall *all, const struct mount_entry *e)
{
	const struct progress *p = progress_of(all, e);
	usec_t since = report_of(all, e)->since, limit = limit_of_step(all, e, report_of(all, e)->step);
	usec_t told = p->step == since ? p->told : PATIENCE;

	if (limit == 0 || (e->needed && told < limit))
		return since + told;
	return since + limit;
}

/* Somebody has read what is waited for, and does not want to. */
static void
skip_cb(void *data)
{
	struct mountall *all = data;

	for (size_t i = 0; i < all->mounts.count; i++) {
		struct mount_entry *e = &all->mounts.entries[i];
		const struct progress *p = &all->progress[i];

		if (!p->said || (e->stage != MOUNT_BUSY && p->since == 0))
			continue;
		log_message("%s is not waited for, as was asked for", name_of(e));
		if (e->stage == MOUNT_BUSY)
			drop_worker(all, e);
		else
			give_up_device(all, e);
	}
}

/* -- what is next -------------------------------------------------------------------------------- */

/* Begin all that can be. What is left out may let others be left out, which comes to an end as each is so only once. */
static void
go_on(struct mountall *all)
{
	struct mount_entry *e;
	size_t from = 0;

	look_at_workers(all);
	devices_watch(all->devices);
	while ((e = mounts_next(&all->mounts, from)) != NULL) {
		const struct mount_entry *lacks = mounts_lacks(&all->mounts, e);

		from = (size_t) (e - all->mounts.entries) + 1;
		if (lacks != NULL) {
			log_warn("%s is left out, as %s is not there", name_of(e), name_of(lacks));
			leave_out(all, e);
			from = 0;
		} else if (!progress_of(all, e)->held) {
			begin(all, e);
			if (e->stage == MOUNT_LEFT_OUT)
				from = 0;
		}
	}
	maintain(all);
}

/* -- what is complete --------------------------------------------------------------------------- */

static void
tell_kind(struct mountall *all, enum mount_kind kind, const char *event)
{
	if (all->mounts.told[kind] || !mounts_settled(&all->mounts, kind))
		return;
	all->mounts.told[kind] = true;
	tell_event(all->tell, event);
}

/* Local ones lie on virtual ones, or jobs that wait for them do; likewise remote ones. */
static void
tell_complete(struct mountall *all)
{
	bool *told = all->mounts.told;

	tell_kind(all, MOUNT_VIRTUAL, "virtual-filesystems");
	if (told[MOUNT_VIRTUAL])
		tell_kind(all, MOUNT_LOCAL, "local-filesystems");
	if (told[MOUNT_LOCAL])
		tell_kind(all, MOUNT_REMOTE, "remote-filesystems");
	tell_kind(all, MOUNT_SWAP, "all-swaps");
	if (all->told_all || !told[MOUNT_REMOTE] || !told[MOUNT_SWAP])
		return;
	all->told_all = true;
	tell_event(all->tell, "filesystem");
}

/* -- the loop --------------------------------------------------------------------------------------- */

/* Milliseconds until something must be said or ended; -1: nothing waits. */
static int
until_next(const struct mountall *all)
{
	usec_t t = now(), next = disks_due(all->disks, t), limit = device_limit(all, t);

	for (size_t i = 0; i < all->mounts.count; i++) {
		const struct progress *p = &all->progress[i];
		usec_t due = p->since + (p->said || limit < PATIENCE ? limit : PATIENCE);

		bool waits = p->since != 0;

		if (all->mounts.entries[i].stage == MOUNT_BUSY) {
			due = due_of_worker(all, &all->mounts.entries[i]);
			waits = true;
		}
		if (waits && (next == 0 || due < next))
			next = due;
	}
	if (next == 0)
		return -1;
	return next <= t ? 0 : (int) ((next - t) / 1000 + 1);
}

static void
read_signals(struct mountall *all)
{
	struct signalfd_siginfo info;

	while (read(all->signals, &info, sizeof(info)) == (ssize_t) sizeof(info)) {
		if (info.ssi_signo == SIGUSR1) {
			net_up_cb(all);
			all->mounts.network = true;
		} else if (info.ssi_signo == SIGUSR2) {
			skip_cb(all);
		}
	}
	reap(all);
}

static void
wait_for_more(struct mountall *all)
{
	struct pollfd fds[] = {
		{ .fd = all->signals, .events = POLLIN },
		{ .fd = all->devices, .events = POLLIN },
		{ .fd = -1 },
	};
	int r;

	fds[2].fd = tell_fd(all->tell, &fds[2].events);
	r = poll(fds, ARRAY_SIZE(fds), until_next(all));
	/* Also when nobody told of any change: what is on a disk may be new. */
	if (r == 0 || fds[1].revents != 0)
		all->changes++;
	if (r <= 0)
		return;
	if (fds[0].revents != 0)
		read_signals(all);
	if (fds[1].revents != 0)
		devices_read(all->devices);
	if (fds[2].revents != 0)
		tell_read(all->tell);
}

static int
loop(struct mountall *all)
{
	for (;;) {
		go_on(all);
		tell_complete(all);
		if (mounts_over(&all->mounts))
			break;
		wait_for_more(all);
	}
	return all->failed ? EXIT_FAILURE : EXIT_SUCCESS;
}

/* -- start ------------------------------------------------------------------------------------------- */

static void
circle_cb(void *data, const struct mount_entry *e)
{
	struct mountall *all = data;

	log_error("%s is left out: %s lies on it, or on what lies on it", e->target, e->source);
	all->failed = all->failed || e->needed;
}

/* What is asked for by the kernel's command line, as with other inits. */
static void
read_words(struct mountall *all)
{
	auto_free char *line = NULL;
	size_t size = 0;
	FILE *f = fopen("/proc/cmdline", "re");
	char *rest, *word;

	if (f == NULL)
		return;
	if (getline(&line, &size, f) > 0) {
		line[strcspn(line, "\n")] = '\0';
		for (word = strtok_r(line, " ", &rest); word != NULL; word = strtok_r(NULL, " ", &rest)) {
			if (strcmp(word, "forcefsck") == 0 || strcmp(word, "fsck.mode=force") == 0)
				all->worker.force = true;
			else if (strcmp(word, "fastboot") == 0 || strcmp(word, "fsck.mode=skip") == 0)
				all->no_check = true;
			else if (strcmp(word, "fsckfix") == 0 || strcmp(word, "fsck.repair=yes") == 0)
				all->worker.yes = true;
		}
	}
	(void) fclose(f);
}

static int
prepare(struct mountall *all, struct error *err)
{
	sigset_t set;
	int r;

	(void) sigemptyset(&set);
	(void) sigaddset(&set, SIGCHLD);
	(void) sigaddset(&set, SIGUSR1);
	(void) sigaddset(&set, SIGUSR2);
	(void) sigprocmask(SIG_BLOCK, &set, NULL);
	all->signals = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	if (all->signals < 0)
		return error_set(err, -errno, NULL, "%s", strerror(errno));
	all->devices = devices_open();
	r = fstab_read(&all->mounts, all->fstab, err);
	if (r == 0 && mounts_link(&all->mounts, circle_cb, all) < 0)
		r = error_nomem(err);
	if (r < 0)
		return r;
	all->progress = calloc(all->mounts.count + 1, sizeof(*all->progress));
	all->reports = mmap(NULL, (all->mounts.count + 1) * sizeof(*all->reports), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS,
			    -1, 0);
	if (all->progress == NULL || all->reports == MAP_FAILED)
		return error_nomem(err);
	all->disks = disks_new();
	if (all->disks == NULL)
		return error_nomem(err);
	all->worker.events = !all->no_events;
	read_words(all);
	all->worker.check = !all->no_check;
	if (!all->no_events)
		all->tell = tell_new(net_up_cb, skip_cb, all);
	all->mounts.network = is_network_up();
	return 0;
}

static int
set_limit(struct mountall *all, const char *text, usec_t otherwise, usec_t *limit)
{
	char *end;
	unsigned long n;

	*limit = otherwise * USEC_PER_SEC;
	if (text == NULL)
		return EXIT_SUCCESS;
	errno = 0;
	n = strtoul(text, &end, 10);
	if (errno != 0 || end == text || *end != '\0' || n > 86400)
		return tool_misuse(&all->tool, _("this is no number of seconds: %s"), text);
	*limit = n * USEC_PER_SEC;
	return EXIT_SUCCESS;
}

static int
run(struct mountall *all)
{
	struct error err = ERROR_INIT;

	if (set_limit(all, all->timeout, DEVICE_TIMEOUT, &all->limit) != EXIT_SUCCESS ||
	    set_limit(all, all->mount_timeout, MOUNT_TIMEOUT, &all->mount_limit) != EXIT_SUCCESS)
		return EXIT_FAILURE;
	if (geteuid() != 0) {
		tool_error(&all->tool, _("Need to be root"));
		return EXIT_FAILURE;
	}
	log_set_program(all->tool.name);
	log_set_level(all->tool.level == TOOL_QUIET ? LOG_LEVEL_ERROR
		      : all->tool.level == TOOL_NORMAL ? LOG_LEVEL_MESSAGE
		      : all->tool.level == TOOL_VERBOSE ? LOG_LEVEL_INFO
							: LOG_LEVEL_DEBUG);
	if (prepare(all, &err) < 0) {
		tool_error(&all->tool, "%s", err.text);
		return EXIT_FAILURE;
	}
	return loop(all);
}

int
main(int argc, char **argv)
{
	struct mountall all = { .fstab = "/etc/fstab", .shell = "/sbin/sulogin", .signals = -1, .devices = -1, .changes = 1 };
	struct options_scan scan;
	enum options_result r;
	const char *word;
	int status;

	tool_init(&all.tool, argv[0]);
	if (!options_init(&scan, argc, argv))
		tool_nomem();
	r = options_next(&scan, tables, &all, &word);
	all.tool.level = scan.level;
	if (r == OPTIONS_HELP)
		status = tool_help(&all.tool, &help);
	else if (r == OPTIONS_VERSION)
		status = tool_version(&all.tool);
	else if (r == OPTIONS_INVALID)
		status = tool_invalid_option(&all.tool, &scan);
	else if (r == OPTIONS_OPERAND)
		status = tool_misuse(&all.tool, _("nothing is expected here: %s"), word);
	else
		status = run(&all);
	options_deinit(&scan);
	mounts_deinit(&all.mounts);
	free(all.progress);
	tell_free(all.tell);
	disks_free(all.disks);
	fd_close(&all.signals);
	fd_close(&all.devices);
	return tool_finish(&all.tool, status);
}
