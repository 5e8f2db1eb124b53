/* SPDX-License-Identifier: MIT */
#include "init/word.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <utlist.h>

#include "common/env.h"
#include "common/error.h"
#include "init/brain.h"
#include "init/pidfile.h"
#include "init/proc.h"
#include "init/servants.h"
#include "init/spawn.h"
#include "system/children.h"
#include "system/clock.h"
#include "system/notify.h"
#include "system/process.h"
#include "system/trace.h"

#define ANCESTORS_MAX 64
#define HEAR_MAX (2 * USEC_PER_SEC) /* so long the end of a process waits for control to hear what it said */
#define LONGEST (UINT64_C(365) * 24 * 3600 * USEC_PER_SEC)

/* -- before it runs ----------------------------------------------------------------------- */

static int
open_pipe(struct proc *p)
{
	int fds[2];

	if (p->word >= 0)
		return 0; /* that of before the re-exec, or of a try before */
	if (pipe(fds) < 0)
		return -errno;
	p->word = fds[0];
	p->word_w = fds[1];
	for (size_t i = 0; i < ARRAY_SIZE(fds); i++)
		process_set_cloexec(fds[i], true);
	(void) fcntl(p->word, F_SETFL, O_NONBLOCK);
	return 0;
}

static int
give_descriptor(struct proc *p, int number, struct msg_spawn *msg, int *fds, size_t *n_fds)
{
	int r = open_pipe(p);

	if (r < 0)
		return r;
	for (size_t i = 0; i < msg->fds.n; i++)
		if (msg->fds.p[i] == (uint64_t) number)
			return -EEXIST;
	if (*n_fds >= IPC_MAX_FDS)
		return -E2BIG;
	if (u64v_add(&msg->fds, (uint64_t) number) < 0)
		return -ENOMEM;
	fds[(*n_fds)++] = p->word_w;
	return 0;
}

static int
give_socket(struct proc *p, const struct job_class *cls, struct msg_spawn *msg)
{
	auto_free char *address = NULL;
	auto_free char *period = NULL;

	if (p->word < 0) {
		int fd = notify_socket();

		if (fd < 0)
			return fd;
		p->word = fd;
		p->socket = true;
	}
	address = notify_address(p->word);
	if (address == NULL || env_set_value(&msg->env, "NOTIFY_SOCKET", address) < 0)
		return -ENOMEM;
	if (cls->watchdog == 0)
		return 0;
	msg->flags |= SPAWN_FLAG_WATCHDOG;
	period = str_printf("%" PRIu64, cls->watchdog * USEC_PER_SEC);
	return period == NULL ? -ENOMEM : env_set_value(&msg->env, "WATCHDOG_USEC", period);
}

int
word_prepare(struct proc *p, const struct job_class *cls, struct msg_spawn *msg, int *fds, size_t *n_fds)
{
	if (cls->expect == EXPECT_FD)
		return give_descriptor(p, cls->expect_fd, msg, fds, n_fds);
	p->pidfile = cls->expect == EXPECT_PIDFILE || cls->expect == EXPECT_LISTEN;
	if (p->pidfile)
		return 0; /* its file is watched when it runs */
	return cls->expect == EXPECT_NOTIFY ? give_socket(p, cls, msg) : 0;
}

/* -- `expect fd` --------------------------------------------------------------------------------- */

/* What it has to say is said. Noted before it is closed: the next image would take the number for it. */
static void
close_word(struct proc *p)
{
	int word = steal_fd(&p->word);

	p->hearing = loop_fd_free(p->hearing);
	proc_note(p);
	fd_close(&word);
}

/* Has it been told who is main, or is that not of interest any more? */
static bool
is_settled(const struct proc *p)
{
	return !core_process_is_awaited(p->init->core, p->id);
}

/* The file of a main process has been seen to hold a number. As read_word(). */
static int
read_pidfile(struct proc *p)
{
	struct init *init = p->init;
	struct input in = { .type = INPUT_SAID, .said.process = p->id };
	char buf[256];
	ssize_t n = read(p->word, buf, sizeof(buf) - 1);
	uint64_t id = p->id;
	int r = 0;

	if (n < 0)
		return errno == EAGAIN || errno == EINTR ? 0 : -errno;
	buf[n] = '\0';
	spawn_executed(init, p->pid);
	if (map_get_id(&init->spawns->by_id, id) != p)
		return 0;
	if (n > 0 && !is_settled(p)) {
		in.said.what = SAID_MAIN | SAID_READY;
		in.said.main_pid = pidfile_understand(p, buf);
		/* It will be said again: a refusal is none. */
		if (in.said.main_pid > 0)
			(void) !brain_feed(init, &in);
		p = map_get_id(&init->spawns->by_id, id);
	}
	if (p != NULL && (n == 0 || is_settled(p))) {
		close_word(p);
		spawn_watch_later(init); /* one that has ended too early is made again */
	}
	return r;
}

/* Look what is there. 0, or a negative errno: call again. The process may be gone after that. */
static int
read_word(struct proc *p)
{
	struct init *init = p->init;
	struct input in = { .type = INPUT_SAID, .said.process = p->id };
	char buf[256];
	ssize_t n;
	int r;

	if (p->pidfile)
		return read_pidfile(p);
	n = notify_peek(p->word, buf, sizeof(buf));
	if (n == -EAGAIN || n == -EINTR)
		return 0;
	if (error_is_want((int) n))
		return (int) n;
	if (n > 0 && memchr(buf, '\n', (size_t) n) == NULL) {
		(void) !read(p->word, buf, (size_t) n); /* chatter */
		return 0;
	}
	in.said.what = n > 0 ? SAID_READY : SAID_NOTHING;
	/* That it runs its program is known before that it speaks. */
	spawn_executed(init, p->pid);
	if (map_get_id(&init->spawns->by_id, in.said.process) != p)
		return 0;
	r = brain_feed(init, &in);
	if (r < 0)
		return r;
	p = map_get_id(&init->spawns->by_id, in.said.process);
	if (p != NULL)
		close_word(p);
	return 0;
}

static void
hear_cb(unsigned events, void *data)
{
	struct proc *p = data;

	(void) events;
	if (read_word(p) == 0)
		return;
	/* Refused. It stays readable: to come here again at once would be a busy loop. */
	p->hearing = loop_fd_free(p->hearing);
	spawn_watch_later(p->init);
}

/* -- `expect notify` ---------------------------------------------------------------------------------- */

static void
tell_control(struct proc *p)
{
	const struct msg_listen listen = { .process = p->id };
	int r = servants_send(p->init, SERVANT_CONTROL, MSG_LISTEN, 0, &listen, &p->word, 1);

	/* One that is not there is told when it comes. */
	p->untaught = r < 0 && r != -ENOTCONN;
	if (p->untaught)
		spawn_watch_later(p->init);
}

void
words_control_came(struct init *init)
{
	struct proc *p;

	DL_FOREACH(init->spawns->list, p)
		if (p->socket && p->word >= 0 && p->pid > 0)
			tell_control(p);
}

/* Does it come from the main process, or from one of its session? */
static bool
is_kin(const struct proc *p, pid_t pid)
{
	struct trace_task main, task;

	if (pid <= 0 || trace_look(p->pid, &main) < 0)
		return false;
	task.parent = pid;
	for (int i = 0; i < ANCESTORS_MAX && task.parent > 1 && task.parent != getpid(); i++) {
		if (trace_look(task.parent, &task) < 0)
			return false;
		if (task.process == p->pid || (task.session != 0 && task.session == main.session))
			return true;
	}
	return false;
}

/* Who may send the process a signal, or belongs to it, may speak for it. */
static bool
may_speak(const struct proc *p, const struct msg_said *m)
{
	uid_t uid;

	if (m->uid == 0 || (uid_t) m->uid == getuid() || m->pid == p->pid)
		return true;
	if (process_user(p->pid, &uid) == 0 && uid == (uid_t) m->uid)
		return true;
	return is_kin(p, m->pid);
}

/* The pid of whom it means by MAINPID=; 0 or less: of none. */
static pid_t
main_meant(const struct proc *p, const struct msg_said *m)
{
	pid_t pid = process_outer_pid(m->pid, m->main_pid);

	if (pid != -ESRCH)
		return pid;
	/* Who said it is gone, and with it where the number is from. As main counts, a stranger would be a mistake. */
	pid = process_outer_pid(p->pid, m->main_pid);
	return is_kin(p, pid) ? pid : 0;
}

/* May that one be the main process? Not one of init's own, or of another job's. */
static bool
may_be_main(const struct init *init, const struct proc *p, const struct msg_said *m, pid_t pid)
{
	uid_t uid;

	if (pid <= 1 || pid == getpid() || pid == p->pid || servants_has(init, pid))
		return false;
	if (core_process_of_pid(init->core, pid) != 0 || process_user(pid, &uid) < 0)
		return false;
	return m->uid == 0 || uid == (uid_t) m->uid;
}

/* Warn of it once. */
static void
disbelieve(struct proc *p, const char *what, const struct msg_said *m)
{
	if (!p->disbelieved)
		log_warn("%s: process %d of user %d %s, which is not believed", p->name != NULL ? p->name : "?",
			 (int) m->pid, (int) m->uid, what);
	p->disbelieved = true;
}

/* Who is main now may be another's child. */
static void
hold_main(struct init *init, uint64_t process)
{
	struct proc *p = map_get_id(&init->spawns->by_id, process);

	if (p == NULL)
		return;
	p->unheard = 0; /* that was another's end */
	if (!children_have(p->pid))
		proc_watch_end(p);
}

static uint64_t
at_most(uint64_t usec)
{
	return usec < LONGEST ? usec : LONGEST;
}

int
word_said(struct init *init, const struct msg_said *m, uint64_t number)
{
	struct input in = { .type = INPUT_SAID };
	struct proc *p = map_get_id(&init->spawns->by_id, m->process);
	int r;

	if (p == NULL || !p->socket || p->pid <= 0)
		return 0; /* it has ended */
	if (!may_speak(p, m)) {
		const struct msg_disbelieved stranger = { .process = p->id, .pid = m->pid, .uid = m->uid };

		disbelieve(p, "speaks for it", m);
		/* If he goes on he is to cost no more than it takes to throw it away. */
		(void) !servants_send(init, SERVANT_CONTROL, MSG_DISBELIEVED, 0, &stranger, NULL, 0);
		return 0;
	}
	in.said.process = m->process;
	in.said.what = m->what;
	in.said.main_pid = m->main_pid;
	in.said.watchdog = at_most(m->watchdog);
	in.said.extend = at_most(m->extend);
	if ((m->what & SAID_MAIN) != 0 && m->main_pid > 0)
		in.said.main_pid = main_meant(p, m);
	if ((m->what & SAID_MAIN) != 0 && !may_be_main(init, p, m, in.said.main_pid)) {
		if (in.said.main_pid != p->pid)
			disbelieve(p, "names a main process that can't be", m);
		in.said.what &= ~(uint32_t) SAID_MAIN;
	}
	if (in.said.what == 0)
		return 0;
	spawn_executed(init, p->pid);
	if (str_copy(&in.said.status, m->status) < 0) {
		input_free(&in);
		return -ENOMEM;
	}
	r = brain_feed_from(init, SERVANT_CONTROL, number, &in);
	if (r == 0 && (m->what & SAID_MAIN) != 0)
		hold_main(init, m->process);
	return r;
}

/* -- both --------------------------------------------------------------------------------------------- */

/* Have its file watched by somebody. */
static void
watch_pidfile(struct proc *p)
{
	struct input in = { .type = INPUT_SAID, .said = { .process = p->id, .what = SAID_NOTHING } };
	int word_w, r = open_pipe(p);

	if (r == 0) {
		r = pidfile_watch(p, p->word_w);
		word_w = steal_fd(&p->word_w);
		proc_note(p);
		fd_close(&word_w);
	}
	if (r == 0)
		return;
	log_debug("The file of %s can't be watched for now: %s", p->name != NULL ? p->name : "?", strerror(-r));
	close_word(p);
	/* Not heard before its program runs: then it is said again. */
	spawn_watch_later(p->init);
	if (r == -EINVAL)
		(void) !brain_feed(p->init, &in);
}

void
word_listen(struct proc *p)
{
	if (p->pidfile && p->hearing == NULL && !is_settled(p)) {
		uint64_t id = p->id;
		struct init *init = p->init;

		close_word(p); /* whoever may watch already ends */
		watch_pidfile(p);
		if (map_get_id(&init->spawns->by_id, id) != p)
			return;
	}
	if (p->word < 0)
		return;
	if (p->socket) {
		tell_control(p);
		return;
	}
	if (p->hearing == NULL)
		p->hearing = loop_fd_new(p->init->loop, p->word, LOOP_READ, hear_cb, p);
	if (p->hearing == NULL)
		spawn_watch_later(p->init);
}

void
word_listen_again(struct init *init)
{
	struct proc *p;

	DL_FOREACH(init->spawns->list, p)
		if (p->pid > 0 && p->stage >= STAGE_SETUP && (p->socket ? p->untaught : p->hearing == NULL))
			word_listen(p);
}

void
word_end(struct proc *p)
{
	const struct msg_listen listen = { .process = p->id };

	/* A message that gets lost costs control a descriptor, until the next one comes. */
	if (p->socket && p->word >= 0)
		(void) !servants_send(p->init, SERVANT_CONTROL, MSG_LISTEN_END, 0, &listen, NULL, 0);
}

/* Has control heard all that was sent? It tells before it takes a datagram away. */
static bool
is_heard(struct proc *p)
{
	usec_t now = clock_now();

	if (!notify_is_unread(p->word) || servants_hopeless(p->init, SERVANT_CONTROL))
		return true;
	p->unheard = p->unheard != 0 ? p->unheard : now;
	return now - p->unheard >= HEAR_MAX;
}

bool
word_holds(const struct init *init, pid_t pid)
{
	const struct proc *p = map_get_id(&init->spawns->by_pid, (uint64_t) pid);

	return p != NULL && p->unheard != 0;
}

int
word_before_end(struct init *init, pid_t pid)
{
	struct proc *p = map_get_id(&init->spawns->by_pid, (uint64_t) pid);

	if (p == NULL || p->word < 0 || p->stage < STAGE_SETUP)
		return 0;
	if (!p->socket)
		return read_word(p);
	if (!is_heard(p))
		return -EAGAIN;
	servants_listen(init, SERVANT_CONTROL);
	return 0;
}
