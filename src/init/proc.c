/* SPDX-License-Identifier: MIT */
#include "init/proc.h"

#include <errno.h>
#include <string.h>
#include <utlist.h>

#include "init/brain.h"
#include "init/fdtable.h"
#include "init/spawn.h"
#include "init/state.h"
#include "init/strays.h"
#include "system/children.h"
#include "system/spawn.h"

#define FLAG_READY 1u /* the byte before execve has been read */
#define FLAG_LOCAL 2u /* made here: nobody remembers the request */
#define FLAG_SUSPECT 4u
#define FLAG_KILLED_SHIFT 8
#define FLAG_SOCKET 8u
#define FLAG_PIDFILE 16u
#define PIPE_ENDS 4

/* What is closed is noted to be so before: the next image would take the number of something else for it. */
static void
close_noted(struct proc *p, int *const which[], size_t n)
{
	int fds[PIPE_ENDS];

	for (size_t i = 0; i < n; i++)
		fds[i] = steal_fd(which[i]);
	proc_note(p);
	for (size_t i = 0; i < n; i++)
		fd_close(&fds[i]);
}

void
proc_close_pipes(struct proc *p)
{
	int *const all[PIPE_ENDS] = { &p->status_r, &p->status_w, &p->gate_r, &p->gate_w };

	p->source = loop_fd_free(p->source);
	p->status = (struct spawn_status){ 0 };
	close_noted(p, all, ARRAY_SIZE(all));
}

void
proc_close_far_ends(struct proc *p)
{
	int *const far[PIPE_ENDS] = { &p->status_w, &p->gate_r, &p->gate_w, &p->word_w };

	close_noted(p, far, ARRAY_SIZE(far));
}

void
proc_set_stage(struct proc *p, enum proc_stage stage)
{
	struct spawns *s = p->init->spawns;

	if (p->stage == STAGE_QUEUED)
		DL_DELETE2(s->queue, p, queue_prev, queue_next);
	s->asked -= p->stage == STAGE_ASKED ? 1 : 0;
	s->suspects_asked -= p->stage == STAGE_ASKED && p->suspect ? 1 : 0;
	p->stage = stage;
	s->asked += p->stage == STAGE_ASKED ? 1 : 0;
	s->suspects_asked += p->stage == STAGE_ASKED && p->suspect ? 1 : 0;
	if (p->stage == STAGE_QUEUED)
		DL_APPEND2(s->queue, p, queue_prev, queue_next);
}

void
proc_free(struct proc *p)
{
	struct spawns *s = p->init->spawns;

	proc_set_stage(p, STAGE_RUNNING);
	map_del_id(&s->by_id, p->id);
	if (p->pid > 0 && map_get_id(&s->by_pid, (uint64_t) p->pid) == p)
		map_del_id(&s->by_pid, (uint64_t) p->pid);
	DL_DELETE(s->list, p);
	p->source = loop_fd_free(p->source);
	fd_close(&p->status_r);
	fd_close(&p->status_w);
	fd_close(&p->gate_r);
	fd_close(&p->gate_w);
	p->hearing = loop_fd_free(p->hearing);
	fd_close(&p->word);
	fd_close(&p->word_w);
	p->end = loop_fd_free(p->end);
	fd_close(&p->pidfd);
	strays_forget(p);
	free(p->name);
	free(p);
}

struct proc *
proc_new(struct init *init, uint64_t id, uint64_t effect)
{
	struct proc *p = calloc(1, sizeof(*p));

	if (p == NULL || map_put_id(&init->spawns->by_id, id, p) < 0) {
		free(p);
		return NULL;
	}
	*p = (struct proc){
		.init = init,
		.id = id,
		.effect = effect,
		.stage = STAGE_RUNNING,
		.pidfd = -1,
		.status_r = -1,
		.status_w = -1,
		.gate_r = -1,
		.gate_w = -1,
		.word = -1,
		.word_w = -1,
	};
	DL_APPEND(init->spawns->list, p);
	return p;
}

void
proc_note(const struct proc *p)
{
	STATE_NOTE(p->init, NOTE_SPAWN, p->id, p->name, (uint64_t) p->pid, NOTE_FD(p->status_r), NOTE_FD(p->status_w),
		   NOTE_FD(p->gate_r), NOTE_FD(p->gate_w), NOTE_FD(p->pidfd),
		   (p->status.ready ? FLAG_READY : 0) | (p->local ? FLAG_LOCAL : 0) | (p->suspect ? FLAG_SUSPECT : 0) |
		       (p->socket ? FLAG_SOCKET : 0) | (p->pidfile ? FLAG_PIDFILE : 0) | (uint64_t) p->killed << FLAG_KILLED_SHIFT,
		   p->effect, NOTE_FD(p->word), NOTE_FD(p->word_w), strays_number(p));
}

void
proc_note_gone(struct init *init, uint64_t id)
{
	STATE_NOTE(init, NOTE_SPAWN_GONE, id, NULL, 0);
}

/* -- another process ------------------------------------------------------------------------ */

static void
set_pid(struct proc *p, pid_t pid)
{
	struct spawns *s = p->init->spawns;

	if (p->pid > 0 && map_get_id(&s->by_pid, (uint64_t) p->pid) == p)
		map_del_id(&s->by_pid, (uint64_t) p->pid);
	p->pid = pid;
	if (map_put_id(&s->by_pid, (uint64_t) pid, p) < 0)
		log_error("Out of memory: process %d is not looked after", (int) pid);
}

void
proc_become(struct init *init, uint64_t process, pid_t pid)
{
	struct proc *p = map_get_id(&init->spawns->by_id, process);
	int old, pidfd;

	if (p == NULL || (p->pid == pid && p->pidfd >= 0))
		return;
	p->end = loop_fd_free(p->end);
	old = steal_fd(&p->pidfd);
	set_pid(p, pid);
	proc_note(p); /* before it is closed, as above */
	fd_close(&old);
	/* As long as it is not reaped, and the core would know, the number is nobody else's. */
	pidfd = spawn_pidfd_open(pid);
	p->pidfd = pidfd >= 0 ? pidfd : -1;
	proc_note(p);
}

static void
end_cb(unsigned events, void *data)
{
	struct proc *p = data;
	struct input in = { .type = INPUT_EXITED };

	(void) events;
	if (children_have(p->pid)) { /* it has become ours: how it ended will be told */
		p->end = loop_fd_free(p->end);
		return;
	}
	log_info("%s process (%d) has ended; only its parent knows how", p->name != NULL ? p->name : "?", (int) p->pid);
	in.exited.pid = p->pid;
	if (brain_feed(p->init, &in) == 0)
		return;
	/* Refused. The descriptor stays readable: to come here again at once would be a busy loop. */
	p->end = loop_fd_free(p->end);
	p->untold = true;
	spawn_watch_later(p->init);
}

void
proc_watch_end(struct proc *p)
{
	if (p->end == NULL && p->pidfd >= 0)
		p->end = loop_fd_new(p->init->loop, p->pidfd, LOOP_READ, end_cb, p);
	if (p->end == NULL)
		log_warn("%s process (%d) is another's child: its end will not be noticed",
			 p->name != NULL ? p->name : "?", (int) p->pid);
}

/* -- looking in ------------------------------------------------------------------------- */

int
proc_pidfd(const struct init *init, uint64_t process, pid_t pid)
{
	const struct proc *p = map_get_id(&init->spawns->by_id, process);

	return p != NULL && p->pid == pid ? p->pidfd : -1;
}

bool
proc_is_hook(const struct proc *p)
{
	const char *kind = p->name != NULL ? strrchr(p->name, ' ') : NULL;

	return kind != NULL && strcmp(kind + 1, process_kind_name(PROCESS_MAIN)) != 0;
}

bool
proc_is_known(const struct init *init, uint64_t process)
{
	return map_get_id(&init->spawns->by_id, process) != NULL;
}

const char *
proc_name(const struct init *init, uint64_t process)
{
	const struct proc *p = map_get_id(&init->spawns->by_id, process);

	return p != NULL && p->name != NULL ? p->name : "?";
}

/* -- over a re-exec ------------------------------------------------------------------------ */

void
procs_save(struct init *init)
{
	const struct proc *p;

	DL_FOREACH(init->spawns->list, p)
		proc_note(p);
}

/* Forget a process without closing what may be another's descriptors now. */
static void
forget(struct proc *p)
{
	p->pidfd = p->status_r = p->status_w = p->gate_r = p->gate_w = p->word = p->word_w = -1;
	proc_free(p);
}

int
procs_load(struct init *init, const struct note *n)
{
	struct proc *p = map_get_id(&init->spawns->by_id, n->id);
	uint64_t flags = note_number(n, 6);

	if (p != NULL)
		forget(p);
	if (n->kind == NOTE_SPAWN_GONE)
		return 0;
	p = proc_new(init, n->id, note_number(n, 7));
	if (p == NULL)
		return -ENOMEM;
	p->pid = (pid_t) note_number(n, 0);
	p->status_r = note_fd(n, 1);
	p->status_w = note_fd(n, 2);
	p->gate_r = note_fd(n, 3);
	p->gate_w = note_fd(n, 4);
	p->pidfd = note_fd(n, 5);
	p->status.ready = (flags & FLAG_READY) != 0;
	p->local = (flags & FLAG_LOCAL) != 0;
	p->socket = (flags & FLAG_SOCKET) != 0;
	p->pidfile = (flags & FLAG_PIDFILE) != 0;
	p->word = note_fd(n, 8);
	p->word_w = note_fd(n, 9);
	strays_attach(p, note_number(n, 10));
	p->suspect = (flags & FLAG_SUSPECT) != 0;
	p->killed = (unsigned) (flags >> FLAG_KILLED_SHIFT);
	p->name = n->text != NULL ? strdup(n->text) : NULL;
	if (p->pid > 0 && map_put_id(&init->spawns->by_pid, (uint64_t) p->pid, p) < 0)
		return -ENOMEM;
	if (p->status_w >= 0)
		proc_set_stage(p, STAGE_ASKED);
	else if (p->status_r >= 0)
		proc_set_stage(p, STAGE_SETUP);
	else if (p->pid == 0)
		proc_set_stage(p, STAGE_QUEUED);
	return 0;
}

void
procs_each(const struct init *init, void (*fn)(int fd, void *data), void *data)
{
	const struct proc *p;

	DL_FOREACH(init->spawns->list, p) {
		const int fds[] = { p->pidfd, p->status_r, p->status_w, p->gate_r, p->gate_w, p->word, p->word_w };

		for (size_t i = 0; i < ARRAY_SIZE(fds); i++)
			if (fds[i] >= 0)
				fn(fds[i], data);
	}
}
