/* SPDX-License-Identifier: MIT */
/*
 * The parent's side of making a process: check the request, open the pty, clone. Everything
 * that may block or fail for reasons of the job is left to the child (spawn_child.c).
 */
#include "system/spawn.h"

#include <errno.h>
#include <limits.h>
#include <signal.h>

#include "job/class.h"
#include "system/spawn_child.h"
#include "system/spawn_pty.h"

void
spawn_result_deinit(struct spawn_result *r)
{
	if (r->pidfd >= 0)
		(void) close(r->pidfd);
	if (r->pty >= 0)
		(void) close(r->pty);
	r->pidfd = r->pty = -1;
}

/* Are these numbers that descriptors of a job may have? */
static bool
numbers_are_valid(const struct u64v *numbers, size_t n_fds)
{
	if (numbers->n != n_fds || n_fds > SPAWN_MAX_FDS)
		return false;
	for (size_t i = 0; i < n_fds; i++) {
		uint64_t number = numbers->p[i];

		if (number <= STDERR_FILENO || number == SPAWN_SCRIPT_FD || number >= INT_MAX)
			return false;
		for (size_t j = 0; j < i; j++)
			if (numbers->p[j] == number)
				return false;
	}
	return true;
}

static int
fail(struct spawn_result *r, enum spawn_step step, int error)
{
	spawn_result_deinit(r);
	r->pid = 0;
	r->step = step;
	r->error = error;
	return -error;
}

int
spawn_start(const struct spawn_request *request, enum spawn_parent parent, struct spawn_result *r)
{
	sigset_t all, before;
	int error;

	*r = (struct spawn_result) SPAWN_RESULT_INIT;
	if (!numbers_are_valid(&request->msg->fds, request->n_fds))
		return fail(r, SPAWN_DUP, EINVAL);
	if (request->msg->console == CONSOLE_LOG) {
		r->pty = spawn_pty_open();
		if (r->pty < 0) {
			/* Early at boot there is no devpts, and `log` is everybody's default: go on without. */
			r->step = SPAWN_PTY;
			r->error = -r->pty;
			r->pty = -1;
		}
	}
	/* The child may not run a handler of its maker's before it has reset them. */
	(void) sigfillset(&all);
	(void) sigprocmask(SIG_SETMASK, &all, &before);
	r->pid = spawn_clone(parent, request->msg->cgroup, &r->pidfd, &r->outside);
	if (r->pid == 0)
		spawn_child_run(request, r->pty);
	error = errno;
	(void) sigprocmask(SIG_SETMASK, &before, NULL);
	return r->pid < 0 ? fail(r, SPAWN_CLONE, error) : 0;
}

int
spawn_local(const struct msg_spawn *msg, int status_w, int gate_r, const int *fds, size_t n, struct spawn_result *r)
{
	const struct spawn_request request = { .msg = msg, .status = status_w, .gate = gate_r, .fds = fds, .n_fds = n };

	return spawn_start(&request, SPAWN_CHILD, r);
}
