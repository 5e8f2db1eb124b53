/* SPDX-License-Identifier: MIT */
#include "init/effects.h"

#include <errno.h>
#include <signal.h>
#include <string.h>

#include "init/fdtable.h"
#include "init/logs.h"
#include "init/proc.h"
#include "init/servants.h"
#include "init/session.h"
#include "init/shutdown.h"
#include "init/spawn.h"
#include "init/strays.h"
#include "init/timers.h"
#include "init/tracer.h"
#include "job/signals.h"
#include "system/process.h"

/*
 * The group of a process, if it is its own and not ours or a servant's (before its setsid() a child is still in the
 * group of whoever made it); else 0.
 */
static pid_t
own_group_of(const struct init *init, pid_t pid)
{
	pid_t group = getpgid(pid);

	if (group <= 1 || group == getpgrp())
		return 0;
	for (int i = 0; i < SERVANT_COUNT; i++)
		if (init->servants[i].pid != 0 && group == getpgid(init->servants[i].pid))
			return 0;
	return group;
}

static int
carry_out_kill(struct init *init, const struct effect_kill *e)
{
	pid_t group = e->group ? own_group_of(init, e->pid) : 0;
	const char *name = signal_name(e->signal);
	int pidfd = proc_pidfd(init, e->process, e->pid);
	int r;

	/* The core may not know of an end (condemn.c): the number may be another's by now. */
	if (!proc_is_known(init, e->process))
		return 0;
	/*
	 * Nor is the number safe where another reaps the process, as with a daemon whose parent lives: if it is still there
	 * now, it was when its group was asked for.
	 */
	if (group != 0 && pidfd >= 0 && process_signal(e->pid, pidfd, 0) < 0)
		return 0;
	if (group != 0)
		r = kill(-group, e->signal) < 0 ? -errno : 0;
	else
		r = process_signal(e->pid, pidfd, e->signal);
	if (r < 0 && r != -ESRCH)
		log_warn("Failed to send %s signal to %s process (%d): %s", name != NULL ? name : "a",
			 proc_name(init, e->process), (int) e->pid, strerror(-r));
	return 0;
}

int
effect_local(struct init *init, const struct effect *e)
{
	switch (e->type) {
	case EFFECT_KILL:
		return carry_out_kill(init, &e->kill);
	case EFFECT_TIMER:
		return timers_set(init, e->timer.timer, e->timer.due);
	case EFFECT_LOG:
		log_write((enum log_level) e->log.level, "%s", e->log.text != NULL ? e->log.text : "Out of memory");
		return 0;
	case EFFECT_CLOSE_FD:
		fdtable_close(init, e->close_fd.fd);
		return 0;
	case EFFECT_ENDED:
		logs_finish(init, e->ended.process);
		spawn_ended(init, e->ended.process);
		return 0;
	case EFFECT_MAIN:
		proc_become(init, e->main.process, e->main.pid);
		return 0;
	case EFFECT_RELEASE:
		tracer_release(init, &e->release);
		return 0;
	case EFFECT_STRAYS:
		return strays_effect(init, &e->strays);
	case EFFECT_FINISHED:
		if (init_is_session(init))
			session_leave(init, e->finished.status);
		else
			shutdown_finish(init, &e->finished);
		return 0;
	default:
		return 0;
	}
}

int
effect_control(struct init *init, const struct effect *e)
{
	int r;

	if (e->type == EFFECT_REPLY) {
		struct msg_reply reply = {
			.request = e->reply.request,
			.error = e->reply.error,
			.text = e->reply.text,
			.job = e->reply.job,
			.instance = e->reply.instance,
		};

		r = servants_send(init, SERVANT_CONTROL, MSG_REPLY, e->id, &reply, NULL, 0);
	} else if (e->notify.type == NOTIFY_EVENT_QUEUED && init->servants[SERVANT_CONTROL].deaf) {
		r = 0; /* the acknowledgement of any later one covers it */
	} else {
		struct msg_notify notify = {
			.type = e->notify.type,
			.job = e->notify.job,
			.instance = e->notify.instance,
			.text = e->notify.text,
			.env = e->notify.env,
			.value = e->notify.value,
		};

		r = servants_send(init, SERVANT_CONTROL, MSG_NOTIFY, e->id, &notify, NULL, 0);
	}
	/* Without control there is nobody to tell; the core hears of its end and drops the rest. */
	return r == -ENOTCONN ? 0 : r;
}
