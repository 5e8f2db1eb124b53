/* SPDX-License-Identifier: MIT */
#include "init/spawn.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <utlist.h>

#include "common/env.h"
#include "common/error.h"
#include "init/brain.h"
#include "init/fdtable.h"
#include "init/logs.h"
#include "init/proc.h"
#include "init/servants.h"
#include "init/spawn_request.h"
#include "init/state.h"
#include "init/strays.h"
#include "init/tracer.h"
#include "init/word.h"
#include "system/clock.h"
#include "system/process.h"
#include "system/spawn.h"
#include "system/spawn_status.h"

#define ASKED_MAX 64 /* more wait here, where they cost no descriptors */
#define ASKED_LOW 32 /* then more are asked for */
#define KILLED_MAX 2 /* so many spawners a request may take with it */
#define TRIES_MAX 20 /* of a request for which something was lacking */
#define RETRY (100 * USEC_PER_MSEC)

static void watch_again(struct init *init);

static void
retry_cb(void *data)
{
	watch_again(data);
	spawn_pump(data);
}

int
spawns_init(struct init *init)
{
	init->spawns = calloc(1, sizeof(*init->spawns));
	if (init->spawns == NULL)
		return -ENOMEM;
	init->spawns->retry = loop_timer_new(init->loop, retry_cb, init);
	return init->spawns->retry != NULL ? 0 : -ENOMEM;
}

static void
answer_free(struct spawns *s, struct local_answer *a)
{
	DL_DELETE(s->answers, a);
	fd_close(&a->fds[0]);
	fd_close(&a->fds[1]);
	free(a);
}

void
spawns_deinit(struct init *init)
{
	struct local_answer *a, *next_answer;
	struct proc *p, *next;

	if (init->spawns == NULL)
		return;
	DL_FOREACH_SAFE(init->spawns->list, p, next)
		proc_free(p);
	DL_FOREACH_SAFE(init->spawns->answers, a, next_answer)
		answer_free(init->spawns, a);
	map_deinit(&init->spawns->by_id);
	map_deinit(&init->spawns->by_pid);
	(void) loop_timer_free(init->spawns->retry);
	free(init->spawns);
	init->spawns = NULL;
}

/* -- asking ------------------------------------------------------------------------ */

int
spawn_effect(struct init *init, const struct effect *e)
{
	struct proc *p = map_get_id(&init->spawns->by_id, e->spawn.process);

	/* After a re-exec: known, and asked for again by spawns_start(). */
	if (p == NULL) {
		p = proc_new(init, e->spawn.process, e->id);
		if (p == NULL)
			return -ENOMEM;
		proc_set_stage(p, STAGE_QUEUED);
	}
	p->effect = e->id;
	if (p->name == NULL)
		p->name = spawn_display(&e->spawn);
	spawn_pump(init);
	return 0;
}

static int
open_pipes(struct proc *p)
{
	int status[2], gate[2];

	if (p->status_r >= 0)
		return 0; /* those of before the re-exec */
	/* A socket, because what the child says can be looked at there and left. */
	if (socketpair(AF_UNIX, SOCK_STREAM, 0, status) < 0)
		return -errno;
	if (pipe(gate) < 0) {
		int error = errno;

		(void) close(status[0]);
		(void) close(status[1]);
		return -error;
	}
	p->status_r = status[0];
	p->status_w = status[1];
	p->gate_r = gate[0];
	p->gate_w = gate[1];
	for (int i = 0; i < 2; i++) {
		process_set_cloexec(status[i], true);
		process_set_cloexec(gate[i], true);
	}
	(void) fcntl(p->status_r, F_SETFL, O_NONBLOCK);
	return 0;
}

/* It could not even be asked for. 0, or a negative errno: tell the core later. */
static int
fail(struct proc *p, enum spawn_step step, int error)
{
	struct input in = { .type = INPUT_SPAWN_FAILED };
	struct init *init = p->init;
	uint64_t id = p->id;
	int r;

	in.spawn_failed.process = p->id;
	in.spawn_failed.step = step;
	in.spawn_failed.error = error;
	r = brain_feed(init, &in);
	if (r < 0)
		return r;
	/* The core's EFFECT_ENDED has freed it already, unless the input waits its turn. */
	p = map_get_id(&init->spawns->by_id, id);
	if (p != NULL) {
		proc_set_stage(p, STAGE_RUNNING);
		proc_close_pipes(p);
	}
	return 0;
}

/* A request that can't be made for lack of something is made later. */
static void
pump_later(struct init *init)
{
	if (!loop_timer_is_set(init->spawns->retry))
		loop_timer_set(init->spawns->retry, clock_now() + RETRY);
}

/* Make the process here. The answer waits its turn (spawn_turn()). 0 or -ENOMEM. */
static int
ask_local(struct proc *p, const struct msg_spawn *msg, const int *fds, size_t n_fds)
{
	struct local_answer *a = calloc(1, sizeof(*a));
	struct spawn_result result;

	if (a == NULL)
		return -ENOMEM;
	/* A failure is part of the answer. */
	(void) !spawn_local(msg, fds[0], fds[1], fds + 2, n_fds - 2, &result);
	a->m = (struct msg_spawned){ p->id, result.pid, result.step, result.error, 0 };
	a->fds[0] = a->fds[1] = -1;
	if (result.pidfd >= 0) {
		a->m.flags |= SPAWNED_HAS_PIDFD;
		a->fds[a->n_fds++] = steal_fd(&result.pidfd);
	}
	if (result.outside)
		a->m.flags |= SPAWNED_OUTSIDE;
	if (result.pty >= 0) {
		a->m.flags |= SPAWNED_HAS_PTY;
		a->fds[a->n_fds++] = steal_fd(&result.pty);
	}
	DL_APPEND(p->init->spawns->answers, a);
	return 0;
}

void
spawn_turn(struct init *init)
{
	struct local_answer *a;

	while ((a = init->spawns->answers) != NULL) {
		if (spawn_answered(init, &a->m, a->fds, a->n_fds, 0) < 0) {
			pump_later(init);
			return;
		}
		answer_free(init->spawns, a);
	}
}

static int
send_request(struct proc *p, const struct msg_spawn *msg, const int *fds, size_t n_fds)
{
	struct init *init = p->init;
	int r;

	p->local = servants_hopeless(init, SERVANT_SPAWNER);
	/* Noted first: a successor asks again with the very pipes that the process has, if it has been made. */
	proc_note(p);
	if (p->local)
		r = ask_local(p, msg, fds, n_fds);
	else
		r = servants_send(init, SERVANT_SPAWNER, MSG_SPAWN, p->effect, msg, fds, n_fds);
	if (r < 0)
		return r;
	proc_set_stage(p, STAGE_ASKED);
	return 0;
}

/* Count a want; is it worth another try? */
static bool
may_wait(struct proc *p, int r)
{
	if (p->tries == 0)
		log_warn("Temporary process spawn error: %s (%s)", strerror(-r), p->name);
	return ++p->tries < TRIES_MAX;
}

/* Something was lacking: a few times that is a reason to wait, then the job is told. As for a request below. */
static int
lacked(struct proc *p, int r)
{
	return may_wait(p, r) ? r : fail(p, SPAWN_CLONE, -r);
}

/* What it says that it is ready on, if it does. What can't be had fails the start. As for a request. */
static int
add_word(struct proc *p, const struct job_class *cls, struct msg_spawn *msg, int *fds, size_t *n_fds)
{
	int r = word_prepare(p, cls, msg, fds, n_fds);

	return r == 0 || error_is_want(r) ? r : fail(p, SPAWN_READINESS, -r);
}

/* Ask for one process. 0, or a negative errno: try again later. */
static int
ask(struct proc *p, const struct effect_spawn *e)
{
	struct init *init = p->init;
	const struct job_class *cls = definitions_class(init->definitions, e->class_id);
	struct msg_spawn msg = { 0 };
	int fds[IPC_MAX_FDS];
	size_t n_fds = 2;
	int r;

	if (!servants_hopeless(init, SERVANT_SPAWNER) && !servants_present(init, SERVANT_SPAWNER))
		return -ENOTCONN;
	if (cls == NULL)
		return fail(p, SPAWN_EXEC, ENOENT);
	r = open_pipes(p);
	if (r < 0)
		return lacked(p, r);
	fds[0] = p->status_w;
	fds[1] = p->gate_r;
	r = spawn_request_fill(init, e, cls, p->name, &msg, fds, &n_fds);
	if (r == -EINVAL)
		r = fail(p, SPAWN_SECURITY, EINVAL);
	else if (r == 0)
		r = e->kind == PROCESS_MAIN ? add_word(p, cls, &msg, fds, &n_fds) : 0;
	if (r == 0 && p->stage == STAGE_QUEUED)
		r = strays_group(p, e, cls, &msg.cgroup);
	if (r == 0 && p->stage == STAGE_QUEUED)
		r = send_request(p, &msg, fds, n_fds);
	p->paused = (msg.flags & SPAWN_FLAG_DEBUG) != 0;
	wire_free_struct(msg_schema(MSG_SPAWN), &msg);
	return error_is_want(r) ? lacked(p, r) : r;
}

/* One of the queue. `*e` is a place in the outbox from which the search goes on. 0, or a negative errno: later. */
static int
pump_one(struct proc *p, const struct effect **e)
{
	while (*e != NULL && (*e)->id < p->effect)
		*e = (*e)->next;
	if (*e == NULL || (*e)->id != p->effect)
		*e = core_outbox(p->init->core, p->effect - 1);
	if (*e == NULL || (*e)->id != p->effect || (*e)->type != EFFECT_SPAWN) {
		/* The core has given it up meanwhile. */
		proc_note_gone(p->init, p->id);
		proc_free(p);
		return 0;
	}
	return p->failed != 0 ? fail(p, SPAWN_SERVANT, p->failed) : ask(p, &(*e)->spawn);
}

/* A request that a spawner may have died over is asked for alone: then it is known. */
static bool
may_ask(const struct spawns *s)
{
	return s->suspects_asked == 0 && s->asked < (s->queue->suspect ? 1 : ASKED_MAX);
}

void
spawn_pump(struct init *init)
{
	struct spawns *s = init->spawns;
	bool busy = init->brain.busy;
	const struct effect *e = NULL;
	int r = 0;

	if (s->queue == NULL || init->state.loading || init->phase >= PHASE_REEXEC)
		return;
	/* What comes of it is not applied before we are done: the outbox and the queue are ours. */
	init->brain.busy = true;
	while (r == 0 && s->queue != NULL && may_ask(s))
		r = pump_one(s->queue, &e);
	init->brain.busy = busy;
	if (r < 0 && r != -ENOTCONN)
		pump_later(init);
	if (!busy)
		brain_deliver(init);
}

/* -- answers ------------------------------------------------------------------------- */

static void status_cb(unsigned events, void *data);

void
spawn_watch_later(struct init *init)
{
	init->spawns->unwatched = true;
	pump_later(init);
}

/* Hear of what its status pipe says; when that fails for want of memory, a little later. */
static void
watch(struct proc *p)
{
	p->source = loop_fd_new(p->init->loop, p->status_r, LOOP_READ, status_cb, p);
	if (p->source != NULL)
		return;
	spawn_watch_later(p->init);
}

/* Of "web main", that of "web". */
static size_t
job_name_length(const struct proc *p)
{
	const char *kind = strrchr(p->name, ' ');

	return kind != NULL ? (size_t) (kind - p->name) : strlen(p->name);
}

/* Its pid is journaled and the core knows it: let it run. */
static void
open_gate(struct proc *p)
{
	static const char byte = 'g';

	tracer_begin(p);
	(void) !write(p->gate_w, &byte, 1);
	proc_set_stage(p, STAGE_SETUP);
	proc_close_far_ends(p);
	watch(p);
	word_listen(p);
}

/* Those whose pipe, or end, could not be watched, or not be told. */
static void
watch_again(struct init *init)
{
	struct proc *p;

	if (!init->spawns->unwatched)
		return;
	init->spawns->unwatched = false;
	DL_FOREACH(init->spawns->list, p) {
		if (p->stage == STAGE_SETUP && p->source == NULL)
			watch(p);
		if (p->untold) {
			p->untold = false;
			proc_watch_end(p);
		}
	}
	word_listen_again(init);
}

/* The spawner could not make it. */
static int
answered_failure(struct init *init, const struct msg_spawned *m, uint64_t number)
{
	struct input in = { .type = INPUT_SPAWN_FAILED };

	in.spawn_failed.process = m->process;
	in.spawn_failed.step = m->step;
	in.spawn_failed.error = m->error;
	return number != 0 ? brain_feed_from(init, SERVANT_SPAWNER, number, &in) : brain_feed(init, &in);
}

static int
answered_pid(struct init *init, const struct msg_spawned *m, uint64_t number)
{
	struct input in = { .type = INPUT_SPAWNED };

	in.spawned.process = m->process;
	in.spawned.pid = m->pid;
	return number != 0 ? brain_feed_from(init, SERVANT_SPAWNER, number, &in) : brain_feed(init, &in);
}

/* The descriptors that came along: *pidfd and *pty, -1 where there is none. */
static void
take_fds(const struct msg_spawned *m, int *fds, size_t n_fds, int *pidfd, int *pty)
{
	size_t i = 0;

	*pidfd = *pty = -1;
	if ((m->flags & SPAWNED_HAS_PIDFD) != 0 && i < n_fds)
		*pidfd = steal_fd(&fds[i++]);
	if ((m->flags & SPAWNED_HAS_PTY) != 0 && i < n_fds)
		*pty = steal_fd(&fds[i]);
}

/* What its output is for is part of the effect, which stays until we have answered it. */
static void
open_log(struct proc *p, int pty)
{
	struct init *init = p->init;
	const struct effect *e = core_outbox(init->core, p->effect - 1);
	const struct job_class *cls;
	struct msg_log_open plan;

	if (e == NULL || e->id != p->effect || e->type != EFFECT_SPAWN) {
		(void) close(pty); /* the core has given it up */
		return;
	}
	cls = definitions_class(init->definitions, e->spawn.class_id);
	if (logs_plan(init, &e->spawn, cls, &plan) < 0) {
		(void) close(pty);
		log_error("Out of memory: the output of %s is lost", p->name);
	} else if (logs_open(init, &plan, p->pid, pty) < 0) {
		log_error("Out of memory: the output of %s is lost", p->name);
	}
	msg_free(MSG_LOG_OPEN, &plan);
}

/* The spawner is believed only as far as it can be right: no process that is something else already. */
static bool
is_plausible(const struct init *init, const struct proc *p, pid_t pid)
{
	const struct proc *other = map_get_id(&init->spawns->by_pid, (uint64_t) pid);

	return pid > 1 && !servants_has(init, pid) && (other == NULL || other == p);
}

int
spawn_answered(struct init *init, const struct msg_spawned *m, int *fds, size_t n_fds, uint64_t number)
{
	struct proc *p = map_get_id(&init->spawns->by_id, m->process);
	int pidfd, pty, r;

	/* Told twice, or given up meanwhile: a gate that closes unopened ends it. */
	if (p == NULL || (p->stage != STAGE_ASKED && (p->stage != STAGE_QUEUED || p->status_r < 0)))
		return 0;
	/* Asked for by the last image: with its pipes open it is the same process. */
	if (p->stage == STAGE_QUEUED)
		proc_set_stage(p, STAGE_ASKED);
	if (m->pid <= 0 && m->step == SPAWN_CLONE && error_is_want(-m->error) && may_wait(p, -m->error)) {
		proc_set_stage(p, STAGE_QUEUED);
		proc_close_pipes(p);
		pump_later(init);
		return 0;
	}
	if (m->pid <= 0)
		return answered_failure(init, m, number);
	if (!is_plausible(init, p, m->pid)) {
		struct msg_spawned refused = *m;

		log_error("The spawner says that %s is process %d, which can't be", p->name, (int) m->pid);
		refused.pid = 0;
		refused.step = SPAWN_SERVANT;
		refused.error = ECHILD;
		return answered_failure(init, &refused, number);
	}
	if (m->step == SPAWN_PTY)
		log_error("Failed to create pty - disabling logging for job");
	/* The log is open before the core can hear of the end. */
	take_fds(m, fds, n_fds, &pidfd, &pty);
	if (pidfd >= 0) { /* else this is the second try */
		int old = p->pidfd;

		p->pidfd = pidfd;
		pidfd = old;
	}
	p->pid = m->pid;
	strays_made(p, (m->flags & SPAWNED_OUTSIDE) != 0);
	if (pty >= 0)
		open_log(p, pty);
	r = map_put_id(&init->spawns->by_pid, (uint64_t) p->pid, p);
	/* A successor that finds the input in the journal finds the descriptors, too. */
	proc_note(p);
	fd_close(&pidfd);
	if (r == 0)
		r = answered_pid(init, m, number);
	if (r < 0)
		return r;
	p = map_get_id(&init->spawns->by_id, m->process);
	if (p == NULL)
		return 0; /* it had ended before we knew it */
	if (p->paused)
		log_info("Pausing %.*s (%d) [pre-exec] for debug", (int) job_name_length(p), p->name, (int) p->pid);
	open_gate(p);
	if (init->spawns->asked <= ASKED_LOW)
		spawn_pump(init);
	return 0;
}

void
spawn_servant_gone(struct init *init, bool innocent)
{
	struct proc *waiting = init->spawns->queue;
	bool alone = init->spawns->asked == 1;
	struct proc *p, *next;

	/* They go in front of those that were not asked for yet, in their order. */
	init->spawns->queue = NULL;
	DL_FOREACH_SAFE(init->spawns->list, p, next) {
		if (p->stage != STAGE_ASKED && (p->stage != STAGE_QUEUED || p->status_r < 0))
			continue;
		if (p->stage == STAGE_ASKED) {
			proc_set_stage(p, STAGE_QUEUED);
			p->suspect = p->suspect || !innocent;
			if (!innocent && alone && ++p->killed >= KILLED_MAX)
				p->failed = EPIPE;
		}
		/* A child that exists nevertheless sees its gate close and exits. */
		proc_close_pipes(p);
	}
	if (waiting != NULL)
		DL_CONCAT2(init->spawns->queue, waiting, queue_prev, queue_next);
}

/* -- the status pipe ------------------------------------------------------------------ */

void
spawn_settled(struct init *init, uint64_t process)
{
	struct proc *p = map_get_id(&init->spawns->by_id, process);

	if (p == NULL)
		return;
	proc_set_stage(p, STAGE_RUNNING);
	proc_close_pipes(p);
}

/* Tell the core what became of it. 0, or a negative errno: later. */
static int
conclude(struct proc *p, enum spawn_outcome outcome)
{
	struct init *init = p->init;
	struct input in = { .type = INPUT_EXEC_DONE };
	uint64_t id = p->id;
	int r;

	if (outcome == SPAWN_OUTCOME_FAILED) {
		in.type = INPUT_SPAWN_FAILED;
		in.spawn_failed.process = id;
		in.spawn_failed.step = p->status.record.step;
		in.spawn_failed.arg = p->status.record.arg;
		in.spawn_failed.error = p->status.record.error;
	} else {
		in.exec_done.process = id;
	}
	r = brain_feed(init, &in);
	if (r < 0)
		return r;
	spawn_settled(init, id); /* unless the core's EFFECT_ENDED has freed it */
	return 0;
}

/* What the child has said. The byte is noted before it is taken, so that no successor misses it. */
static enum spawn_outcome
read_status(struct proc *p)
{
	bool ready = p->status.ready;
	enum spawn_outcome outcome = spawn_status_peek(&p->status, p->status_r);

	if (p->status.ready != ready)
		proc_note(p);
	spawn_status_seen(&p->status, p->status_r);
	return outcome;
}

static void
status_cb(unsigned events, void *data)
{
	struct proc *p = data;
	enum spawn_outcome outcome = read_status(p);

	(void) events;
	if (outcome == SPAWN_OUTCOME_OPEN || conclude(p, outcome) == 0)
		return;
	/* Refused. The pipe stays readable: to come here again at once would be a busy loop. */
	p->source = loop_fd_free(p->source);
	spawn_watch_later(p->init);
}

int
spawn_before_exit(struct init *init, pid_t pid)
{
	struct proc *p = map_get_id(&init->spawns->by_pid, (uint64_t) pid);
	enum spawn_outcome outcome;

	if (p == NULL || p->stage != STAGE_SETUP)
		return 0;
	outcome = read_status(p);
	/* Others may still hold the pipe open, but it can say no more: the byte means that exec came. */
	if (outcome == SPAWN_OUTCOME_OPEN && p->status.ready)
		outcome = SPAWN_OUTCOME_EXECUTED;
	if (outcome == SPAWN_OUTCOME_OPEN) {
		p->status.record = (struct spawn_record){ .step = SPAWN_SETUP };
		outcome = SPAWN_OUTCOME_FAILED;
	}
	return conclude(p, outcome);
}

void
spawn_executed(struct init *init, pid_t pid)
{
	struct proc *p = map_get_id(&init->spawns->by_pid, (uint64_t) pid);

	/* The program has come: the pipe is at its end, unless somebody else holds it open. */
	if (p != NULL && p->stage == STAGE_SETUP && read_status(p) != SPAWN_OUTCOME_FAILED && p->status.ready)
		(void) !conclude(p, SPAWN_OUTCOME_EXECUTED);
}

void
spawn_ended(struct init *init, uint64_t process)
{
	struct proc *p = map_get_id(&init->spawns->by_id, process);

	if (p == NULL)
		return;
	word_end(p);
	strays_ended(p);
	proc_note_gone(init, process);
	proc_free(p);
	if (init->spawns->asked <= ASKED_LOW)
		spawn_pump(init);
}

/* -- looking in ------------------------------------------------------------------------- */

bool
spawn_is_open(const struct init *init)
{
	return init->spawns->asked > 0;
}

/* -- over a re-exec ------------------------------------------------------------------------ */

void
spawns_start(struct init *init)
{
	struct proc *waiting = init->spawns->queue;
	struct proc *p, *next;

	/* What the last image had asked for goes in front: its answers may be on their way. */
	init->spawns->queue = NULL;
	DL_FOREACH_SAFE(init->spawns->list, p, next) {
		if (p->stage == STAGE_QUEUED)
			continue;
		if (!core_process_is_live(init->core, p->id)) {
			proc_note_gone(init, p->id);
			proc_free(p);
		} else if (p->stage == STAGE_ASKED && core_process_of_pid(init->core, p->pid) == p->id && p->pid > 0) {
			/* The crash came between the journal and the gate. */
			open_gate(p);
		} else if (p->stage == STAGE_ASKED) {
			/* Asked for again: with the same pipes where the spawner may know of it, else a child at the
			 * gate goes. */
			proc_set_stage(p, STAGE_QUEUED);
			if (p->local)
				proc_close_pipes(p);
		} else if (p->stage == STAGE_SETUP && core_process_has_executed(init->core, p->id)) {
			/* It came between the journal and the end of the pipes, or another was done in the input's place. */
			spawn_settled(init, p->id);
		} else if (p->stage == STAGE_SETUP) {
			watch(p);
		}
	}
	word_listen_again(init);
	tracer_start(init);
	if (waiting != NULL)
		DL_CONCAT2(init->spawns->queue, waiting, queue_prev, queue_next);
}
