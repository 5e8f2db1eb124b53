/* SPDX-License-Identifier: MIT */
#include "init/servant_state.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>

#include "init/servant_exec.h"
#include "init/state.h"
#include "system/clock.h"

void
servant_note(const struct servant *s)
{
	STATE_NOTE(s->init, NOTE_SERVANT, s->id, NULL, s->ipc != NULL ? NOTE_FD(ipc_fd(s->ipc)) : 0, (uint64_t) s->pid,
		   s->generation, s->received);
}

void
servants_save(struct init *init)
{
	for (int i = 0; i < SERVANT_COUNT; i++)
		servant_note(&init->servants[i]);
}

int
servants_load(struct init *init, const struct note *n)
{
	struct servant *s;

	if (n->id >= SERVANT_COUNT)
		return 0;
	s = &init->servants[n->id];
	if (n->kind == NOTE_RECEIVED) {
		s->received = note_number(n, 0);
		return 0;
	}
	s->loaded_fd = note_fd(n, 0);
	s->pid = (pid_t) note_number(n, 1);
	s->generation = note_number(n, 2);
	s->received = note_number(n, 3);
	s->started = clock_now();
	return 0;
}

/* 0; its link may be none. Or -ENOMEM. */
static int
open_link(struct servant *s)
{
	int fd = steal_fd(&s->loaded_fd);
	auto_close int spare = fd >= 0 ? fcntl(fd, F_DUPFD_CLOEXEC, 0) : -1;

	s->ipc = fd >= 0 ? ipc_new(fd) : NULL;
	if (s->ipc != NULL || spare < 0)
		return 0;
	/* It was closed, and is needed by whoever tries again. */
	(void) dup2(spare, fd);
	return -ENOMEM;
}

int
servants_loaded(struct init *init)
{
	for (int i = 0; i < SERVANT_COUNT; i++) {
		struct servant *s = &init->servants[i];
		int r = open_link(s);

		if (r < 0)
			return r;
		if (s->ipc != NULL || s->pid <= 0)
			continue;
		log_warn("The link to %s is lost", servant_name(s->id));
		(void) kill(s->pid, SIGKILL); /* it may be stopped and not see the end of the link */
	}
	return 0;
}

void
servants_each(const struct init *init, void (*fn)(int fd, void *data), void *data)
{
	for (int i = 0; i < SERVANT_COUNT; i++)
		if (init->servants[i].ipc != NULL)
			fn(ipc_fd(init->servants[i].ipc), data);
}
