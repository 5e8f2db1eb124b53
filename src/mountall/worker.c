/* SPDX-License-Identifier: MIT */
#include "mountall/worker.h"

#include <errno.h>
#include <fcntl.h>
#include <libmount.h>
#include <signal.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>

#include "common/folder.h"
#include "common/log.h"
#include "common/str.h"
#include "libupstart/upstart.h"
#include "mountall/fstab.h"

/* The bits of fsck's exit status. */
#define FSCK_REBOOT 2
#define FSCK_LEFT 4
#define FSCK_TROUBLE (8 | 16 | 128)
#define NOT_FOUND 127 /* as a shell says it */

struct worker {
	const struct mount_entry *e;
	const struct worker_options *options;
	struct worker_report *report;
	struct upstart *conn; /* owned; NULL: none */
};

static void
report(struct worker_report *r, enum worker_step step)
{
	struct timespec t;

	(void) clock_gettime(CLOCK_MONOTONIC, &t);
	r->since = (usec_t) t.tv_sec * USEC_PER_SEC + (usec_t) t.tv_nsec / 1000;
	r->step = step;
}

/* -- events -------------------------------------------------------------------------- */

/* Returns when all that the event starts is up, and all that it stops is gone. */
static void
emit(struct worker *w, const char *event)
{
	struct upstart_error err = UPSTART_ERROR_INIT;
	char **env auto_strv = NULL;
	auto_free char *options = NULL;

	if (w->conn == NULL)
		return;
	options = mount_options_public(w->e->options);
	if (options == NULL)
		return;
	if (strv_take(&env, str_printf("DEVICE=%s", w->e->source)) < 0 ||
	    strv_take(&env, str_printf("MOUNTPOINT=%s", w->e->target)) < 0 ||
	    strv_take(&env, str_printf("TYPE=%s", w->e->type)) < 0 ||
	    strv_take(&env, str_printf("OPTIONS=%s", options)) < 0)
		return;
	if (upstart_emit(w->conn, event, env, true, &err) < 0 && !upstart_error_is(&err, UPSTART_ERROR_EVENT_FAILED))
		log_warn("Unable to tell init of %s %s: %s", event, w->e->target, err.text);
	upstart_error_clear(&err);
}

/* -- programs ------------------------------------------------------------------------------ */

/* Its exit status; 128 + a signal's number; a negative errno when it can't be run. */
static int
run(char *const *argv)
{
	int status;
	pid_t pid = fork();

	if (pid < 0)
		return -errno;
	if (pid == 0) {
		(void) execvp(argv[0], argv);
		_exit(NOT_FOUND);
	}
	while (waitpid(pid, &status, 0) < 0) {
		if (errno != EINTR)
			return -errno;
	}
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

/* Is there a program that checks this type? */
static bool
has_checker(const char *type)
{
	static const char *const folders[] = { "/sbin", "/usr/sbin", "/usr/local/sbin" };

	if (strcmp(type, "auto") == 0)
		return true;
	for (size_t i = 0; i < ARRAY_SIZE(folders); i++) {
		auto_free char *path = str_printf("%s/fsck.%s", folders[i], type);

		if (path != NULL && access(path, X_OK) == 0)
			return true;
	}
	return false;
}

/* Only what nobody writes to may be checked: a disk that is not mounted, or read-only. */
static bool
is_to_be_checked(const struct worker *w, const char *source, bool mounted)
{
	struct stat st;

	if (!w->options->check || w->e->pass == 0 || w->e->bound || w->e->kind == MOUNT_VIRTUAL)
		return false;
	if (stat(source, &st) < 0 || !S_ISBLK(st.st_mode) || !has_checker(w->e->type))
		return false;
	return !mounted || access(w->e->target, W_OK) < 0;
}

static enum worker_end
check(const struct worker *w, const char *source)
{
	const char *how = w->options->yes ? "-y" : "-a";
	/* -T: no title; -l: not two on one disk at a time. */
	char *argv[] = { (char *) "fsck", (char *) "-T", (char *) "-l", (char *) "-t", w->e->type, (char *) source,
			 (char *) how, w->options->force ? (char *) "-f" : NULL, NULL };
	int status;

	log_info("Checking %s (%s)", w->e->target, source);
	status = run(argv);
	/* Nobody can mend that at a prompt: as with a type that has no checker. */
	if (status == NOT_FOUND) {
		log_warn("%s: %s is not checked, as there is no fsck", w->e->target, source);
		return WORKER_DONE;
	}
	if (status < 0 || status >= 128 || (status & FSCK_TROUBLE) != 0) {
		log_error("%s: %s could not be checked: fsck ended with status %d", w->e->target, source, status);
		return WORKER_UNCLEAN;
	}
	if ((status & FSCK_LEFT) != 0) {
		log_error("%s: there are faults on %s that fsck did not mend", w->e->target, source);
		return WORKER_UNCLEAN;
	}
	return (status & FSCK_REBOOT) != 0 && strcmp(w->e->target, "/") == 0 ? WORKER_REBOOT : WORKER_DONE;
}

/* -- mounting --------------------------------------------------------------------------------- */

static int
set_up(struct libmnt_context *context, const struct mount_entry *e, const char *source, bool again)
{
	int r = mnt_context_set_source(context, source);

	if (r == 0)
		r = mnt_context_set_target(context, e->target);
	if (r == 0 && strcmp(e->type, "auto") != 0 && !e->bound)
		r = mnt_context_set_fstype(context, e->type);
	if (r == 0)
		r = mnt_context_set_options(context, e->options);
	if (r == 0 && again)
		r = mnt_context_append_options(context, "remount");
	return r;
}

static enum worker_end
mount_it(const struct worker *w, const char *source, bool again)
{
	struct libmnt_context *context = mnt_new_context();
	char why[BUFSIZ] = "";
	int r;

	if (context == NULL)
		return WORKER_FAILED;
	if (access(w->e->target, F_OK) < 0) {
		r = folder_make(w->e->target, 0755);
		if (r < 0)
			log_debug("%s: %s", w->e->target, strerror(-r));
	}
	/* Also when it is there, only otherwise. */
	(void) mnt_context_disable_canonicalize(context, 0);
	r = set_up(context, w->e, source, again);
	if (r == 0) {
		r = mnt_context_mount(context);
		r = mnt_context_get_excode(context, r, why, sizeof(why));
		/* With nofail the library also calls it a success when there is no such device. */
		if (r == 0 && mnt_context_get_status(context) != 1)
			r = mnt_context_get_syscall_errno(context) > 0 ? -mnt_context_get_syscall_errno(context) : -ENXIO;
	}
	mnt_free_context(context);
	if (r == 0)
		return WORKER_DONE;
	if (!w->e->quiet)
		log_error("Unable to %smount %s on %s: %s", again ? "re" : "", source, w->e->target,
			  *why != '\0' ? why : strerror(r < 0 ? -r : EINVAL));
	return WORKER_FAILED;
}

static enum worker_end
use_swap(const struct worker *w, const char *source)
{
	bool plain = strcmp(w->e->options, "sw") == 0 || strcmp(w->e->options, "defaults") == 0 || *w->e->options == '\0';
	char *with[] = { (char *) "swapon", (char *) "-o", w->e->options, (char *) source, NULL };
	char *without[] = { (char *) "swapon", (char *) source, NULL };
	int status = run(plain ? without : with);

	if (status == 0)
		return WORKER_DONE;
	log_error("Unable to use %s as swap space: swapon ended with status %d", source, status);
	return WORKER_FAILED;
}

static enum worker_end
work(struct worker *w)
{
	bool mounted = fstab_is_mounted(w->e);
	auto_free char *source = fstab_find_source(w->e);
	enum worker_end end = WORKER_DONE;

	if (source == NULL) {
		log_error("%s: %s is gone again", w->e->target, w->e->source);
		return WORKER_FAILED;
	}
	if (w->e->kind == MOUNT_SWAP)
		report(w->report, WORKER_MOUNTS);
	if (w->e->kind == MOUNT_SWAP)
		return mounted ? WORKER_DONE : use_swap(w, source);
	if (!mounted) {
		report(w->report, WORKER_CALLS);
		emit(w, "mounting");
	}
	if (is_to_be_checked(w, source, mounted)) {
		report(w->report, WORKER_CHECKS);
		end = check(w, source);
	}
	report(w->report, WORKER_MOUNTS);
	/* What init has mounted is as it should be, unless fstab wants it otherwise. */
	if (end == WORKER_DONE && !(mounted && (w->e->built_in || w->e->bound)))
		end = mount_it(w, source, mounted);
	if (end == WORKER_DONE) {
		report(w->report, WORKER_TELLS);
		emit(w, "mounted");
	}
	return end;
}

static int
child(const struct mount_entry *e, const struct worker_options *options, struct worker_report *r)
{
	struct upstart_error err = UPSTART_ERROR_INIT;
	struct worker w = { .e = e, .options = options, .report = r };
	enum worker_end end;
	sigset_t none;

	(void) sigemptyset(&none);
	(void) sigprocmask(SIG_SETMASK, &none, NULL);
	(void) umask(022);
	if (options->events && upstart_connect(&w.conn, UPSTART_PRIVATE, getenv("UPSTART_SESSION"), &err) < 0) {
		log_warn("Unable to tell init of %s: %s", e->target, err.text);
		upstart_error_clear(&err);
	}
	end = work(&w);
	upstart_free(w.conn);
	return (int) end;
}

pid_t
worker_start(const struct mount_entry *e, const struct worker_options *options, struct worker_report *r)
{
	pid_t pid;

	report(r, WORKER_LOOKS);
	pid = fork();
	if (pid == 0)
		_exit(child(e, options, r));
	return pid < 0 ? -errno : pid;
}

/* They are in the group of all of us, so that init's signal reaches them: nobody knows them but the kernel. */
void
worker_kill(pid_t pid)
{
	auto_free char *path = str_printf("/proc/%d/task/%d/children", (int) pid, (int) pid);
	FILE *f;
	int child_pid;

	/* Stopped, it can't have more of them behind our back. */
	(void) kill(pid, SIGSTOP);
	f = path != NULL ? fopen(path, "re") : NULL;
	while (f != NULL && fscanf(f, "%d", &child_pid) == 1)
		worker_kill(child_pid);
	if (f != NULL)
		(void) fclose(f);
	(void) kill(pid, SIGKILL);
}
