/* SPDX-License-Identifier: MIT */
#include "init/reaper.h"

#include <errno.h>
#include <string.h>

#include "init/adoption.h"
#include "init/brain.h"
#include "init/down.h"
#include "init/hook_leavings.h"
#include "init/last.h"
#include "init/proc.h"
#include "init/reexec.h"
#include "init/report.h"
#include "init/servants.h"
#include "init/spawn.h"
#include "init/strays.h"
#include "init/tracer.h"
#include "init/word.h"
#include "system/children.h"
#include "system/clock.h"

#define RETRY (100 * USEC_PER_MSEC)
#define CHILDREN_PER_TURN 256

static void
retry_cb(void *data)
{
	struct init *init = data;

	init->children_due = true;
}

int
reaper_init(struct init *init)
{
	init->children_retry = loop_timer_new(init->loop, retry_cb, init);
	init->children_due = true; /* those of before the exec */
	return init->children_retry != NULL ? 0 : -ENOMEM;
}

void
reaper_deinit(struct init *init)
{
	adoption_deinit(init);
	hook_leavings_deinit(init);
	init->children_retry = loop_timer_free(init->children_retry);
}

/* 0: it may be taken; a negative errno: look again later. */
static int
ended(struct init *init, const struct child_event *c)
{
	struct input in = { .type = INPUT_EXITED };
	int r;

	if (servants_exited(init, c->pid, c->status) || reexec_exited(init, c->pid, c->status) ||
	    report_exited(init, c->pid, c->status) ||
	    last_exited(init, c->pid) || down_exited(init, c->pid, c->status) ||
	    adoption_exited(init, c->pid, c->status))
		return 0;
	/* That it ran its program is known before that it ended. */
	r = spawn_before_exit(init, c->pid);
	if (r == 0)
		r = strays_before_end(init, c->pid);
	if (r == 0)
		r = word_before_end(init, c->pid);
	if (r == 0)
		r = tracer_before_end(init, c->pid);
	if (r == 0)
		r = hook_leavings_before_end(init, c->pid);
	if (r < 0)
		return r;
	/* A core that is about to be read again may not know its own. */
	if (init->brain.spoiled)
		return -EAGAIN;
	/* A stranger is nobody's business, unless it may be one whose pid has not been told yet. */
	if (core_process_of_pid(init->core, c->pid) == 0 && !spawn_is_open(init))
		return 0;
	in.exited.pid = c->pid;
	in.exited.status = c->status;
	return brain_feed(init, &in);
}

static int
stopped(struct init *init, const struct child_event *c)
{
	struct input in = { .type = INPUT_STOPPED };

	if (init->brain.spoiled)
		return -EAGAIN;
	if (core_process_of_pid(init->core, c->pid) == 0)
		return 0;
	in.stopped.pid = c->pid;
	in.stopped.signal = c->status;
	in.stopped.continued = c->news == CHILD_CONTINUED;
	return brain_feed(init, &in);
}

/* 0: it may be taken; a negative errno: look again later. */
static int
heard(struct init *init, const struct child_event *c)
{
	return c->news == CHILD_ENDED	  ? ended(init, c)
	       : c->news == CHILD_TRAPPED ? tracer_stopped(init, c)
					  : stopped(init, c);
}

/* It has been heard. */
static void
take(struct init *init, struct child_event *c)
{
	/* A trapped one goes on again. */
	if (c->news != CHILD_TRAPPED && children_take(c))
		tracer_let_go(init, c);
}

/* May its end have to do with an adoption? What hooks leave and what main processes leave looks alike. */
static bool
is_held(const struct init *init, pid_t pid)
{
	const struct proc *p = map_get_id(&init->spawns->by_pid, (uint64_t) pid);

	if (!adoption_holds(init))
		return false;
	return core_is_followed(init->core, pid) || (p != NULL && proc_is_hook(p));
}

/* While one end is held back, take all stops. */
static void
pass_by_for_stops(struct init *init)
{
	struct child_event c;

	for (int i = 0; i < CHILDREN_PER_TURN; i++) {
		if (children_peek_stop(&c) != 1 || heard(init, &c) < 0)
			return;
		take(init, &c);
	}
}

/* The same for ends that have nothing to do with it. Of the others nothing is lost. */
static void
pass_by_for_ends(struct init *init)
{
	struct u64v pids = { 0 };
	struct child_event c;
	int taken = 0;

	if (children_list(&pids) == 0)
		for (size_t i = 0; i < pids.n && taken < CHILDREN_PER_TURN; i++)
			if (!is_held(init, (pid_t) pids.p[i]) && children_peek_end((pid_t) pids.p[i], &c) == 1 &&
			    heard(init, &c) == 0) {
				taken++;
				take(init, &c);
			}
	u64v_deinit(&pids);
}

void
reaper_turn(struct init *init)
{
	struct child_event c = { 0 };

	if (!init->children_due)
		return;
	for (int i = 0; i < CHILDREN_PER_TURN; i++) {
		int r = children_peek(&c, !core_follows(init->core));

		if (r == 1)
			r = heard(init, &c);
		else if (r == 0) {
			init->children_due = false;
			return;
		}
		if (r < 0) {
			log_debug("Children are looked at again later: %s", strerror(-r));
			init->children_due = false;
			if (adoption_holds(init) || word_holds(init, c.pid)) {
				pass_by_for_stops(init);
				pass_by_for_ends(init);
			}
			loop_timer_set(init->children_retry, clock_now() + RETRY);
			return;
		}
		take(init, &c);
	}
	/* There may be more: the loop does not sleep. */
}
