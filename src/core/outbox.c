/* SPDX-License-Identifier: MIT */
/*
 * Making effects, and the outbox that keeps them until they are acknowledged. The outbox is one list in the order of
 * their numbers; beside it those of each target are a list of their own, of which an acknowledgement takes the first:
 * what others have not acknowledged, and what comes later, costs it nothing.
 */
#include "core/internal.h"

#include "common/log.h"
#include "common/msg.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <utlist.h>

struct effect *
effect_add(struct core *core, enum effect_type type)
{
	/* Numbered before memory is asked for: a replay that has more of it must count the same. */
	uint64_t id = ++core->last_effect;
	struct effect *e = calloc(1, sizeof(*e));

	if (e == NULL) {
		core->oom = true;
		return NULL;
	}
	e->id = id;
	e->type = type;
	outbox_append(core, e);
	return e;
}

void
outbox_append(struct core *core, struct effect *e)
{
	DL_APPEND(core->outbox, e);
	DL_APPEND2(core->outbox_of[effect_target_of(e->type)], e, target_prev, target_next);
	core->outbox_count++;
}

void
outbox_remove(struct core *core, struct effect *e)
{
	DL_DELETE(core->outbox, e);
	DL_DELETE2(core->outbox_of[effect_target_of(e->type)], e, target_prev, target_next);
	core->outbox_count--;
	effect_free(e);
	free(e);
}

void
outbox_acknowledge(struct core *core, uint32_t target, uint64_t upto)
{
	if (target >= TARGET_COUNT || target == TARGET_SPAWNER)
		return; /* a SPAWN is answered, not acknowledged */
	while (core->outbox_of[target] != NULL && core->outbox_of[target]->id <= upto) {
		core_visit(core);
		outbox_remove(core, core->outbox_of[target]);
	}
	if (upto > core->acked[target])
		core->acked[target] = upto < core->last_effect ? upto : core->last_effect;
}

void
core_log(struct core *core, int level, const char *fmt, ...)
{
	struct effect *e;
	char text[ERROR_TEXT_MAX + JOB_DISPLAY_MAX];
	va_list args;

	if (level < core->log_level)
		return;
	va_start(args, fmt);
	if (vsnprintf(text, sizeof(text), fmt, args) < 0)
		text[0] = '\0';
	va_end(args);
	e = effect_add(core, EFFECT_LOG);
	if (e == NULL)
		return;
	e->log.level = level;
	e->log.text = core_copy(core, text);
}

void
core_notify(struct core *core, uint32_t type, const struct job *job, const char *job_name, const char *text,
	    char *const *env, int32_t value)
{
	struct effect *e;

	if (!core->control)
		return;
	e = effect_add(core, EFFECT_NOTIFY);
	if (e == NULL)
		return;
	e->notify.type = type;
	e->notify.job = core_copy(core, job != NULL ? job->slot->name : job_name);
	e->notify.instance = core_copy(core, job != NULL ? job->name : NULL);
	e->notify.text = core_copy(core, text);
	core_oom(core, strv_dup(&e->notify.env, env));
	e->notify.value = value;
}

void
core_reply(struct core *core, uint64_t request, const char *error, const char *text, const char *job,
	   const char *instance)
{
	struct effect *e;

	if (request == 0 || !core->control)
		return;
	e = effect_add(core, EFFECT_REPLY);
	if (e == NULL)
		return;
	e->reply.request = request;
	e->reply.error = core_copy(core, error);
	e->reply.text = core_copy(core, text);
	e->reply.job = core_copy(core, job);
	e->reply.instance = core_copy(core, instance);
}

void
core_kill(struct core *core, const struct process *p, int signal, bool group)
{
	struct effect *e = effect_add(core, EFFECT_KILL);

	if (e == NULL)
		return;
	e->kill.process = p->id;
	e->kill.pid = p->pid;
	e->kill.signal = signal;
	e->kill.group = group;
}

void
core_kill_pid(struct core *core, const struct process *p, int32_t pid, int signal)
{
	struct effect *e = effect_add(core, EFFECT_KILL);

	if (e == NULL)
		return;
	e->kill.process = p->id;
	e->kill.pid = pid;
	e->kill.signal = signal;
}

uint64_t
core_timer(struct core *core, usec_t due)
{
	uint64_t id = core_new_id(core);
	struct effect *e = effect_add(core, EFFECT_TIMER);

	if (e == NULL)
		return 0;
	e->timer.timer = id;
	e->timer.due = due > 0 ? due : 1;
	return e->timer.timer;
}

void
core_timer_cancel(struct core *core, uint64_t *timer)
{
	struct effect *e;

	if (*timer == 0)
		return;
	e = effect_add(core, EFFECT_TIMER);
	if (e != NULL)
		e->timer.timer = *timer;
	*timer = 0;
}

static struct fdref *
fd_find(const struct core *core, uint64_t fd)
{
	struct fdref *ref;

	DL_FOREACH(core->fds, ref)
		if (ref->fd == fd)
			return ref;
	return NULL;
}

void
fd_hold(struct core *core, uint64_t fd)
{
	struct fdref *ref = fd_find(core, fd);

	if (fd == 0)
		return;
	if (ref == NULL) {
		ref = calloc(1, sizeof(*ref));
		if (ref == NULL) {
			core->oom = true;
			return;
		}
		ref->fd = fd;
		DL_APPEND(core->fds, ref);
	}
	ref->refs++;
}

void
fd_release(struct core *core, uint64_t fd)
{
	struct fdref *ref = fd_find(core, fd);
	struct effect *e;

	if (ref == NULL || --ref->refs > 0)
		return;
	DL_DELETE(core->fds, ref);
	free(ref);
	e = effect_add(core, EFFECT_CLOSE_FD);
	if (e != NULL)
		e->close_fd.fd = fd;
}
