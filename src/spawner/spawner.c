/* SPDX-License-Identifier: MIT */
#include "spawner/spawner.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <time.h>

#include "common/env.h"
#include "common/log.h"
#include "common/private.h"
#include "system/spawn.h"

#define STATUS_FD 0 /* places of a spawn request's descriptors */
#define GATE_FD 1
#define JOB_FDS 2

/* Descriptors a spawn may need: two that the child and its terminal are known by, copies of both until init has taken
 * the answer, and one or two in between. */
#define HEADROOM 6

#define INIT_GONE_WAIT_MS 2000 /* how long a dying init may take from closing the link to being dead */
#define INIT_GONE_STEP_MS 10
#define SHORT_WAIT_MS 100
#define NO_MEMORY_WAIT_MS 100
#define NO_MEMORY_TRIES 20 /* then it ends: another may find more */

int
spawner_init(struct spawner *s, struct ipc *ipc, const struct rlimit *nofile)
{
	*s = (struct spawner){ .ipc = ipc, .init = getppid(), .init_pidfd = -1, .nofile = *nofile };
	s->answers = answers_new();
	if (s->answers == NULL) {
		s->ipc = ipc_free(s->ipc);
		return -ENOMEM;
	}
	s->init_pidfd = spawn_pidfd_open(s->init);
	s->init_started = children_start_time(s->init);
	/* Most have this one; what jobs are told is right. */
	s->session = str_printf(PRIVATE_SESSION "%u/%d", (unsigned) getuid(), (int) s->init);
	return 0;
}

void
spawner_deinit(struct spawner *s)
{
	s->ipc = ipc_free(s->ipc);
	ipc_message_deinit(&s->held);
	s->answers = answers_free(s->answers);
	children_deinit(&s->children);
	free(s->session);
	s->session = NULL;
	if (s->init_pidfd >= 0)
		(void) close(s->init_pidfd);
	s->init_pidfd = -1;
}

/* In a session the spawner ends the jobs when init is gone: it must know them. */
static bool
keeps_children(const struct spawner *s)
{
	return s->mode != MODE_SYSTEM;
}

/* Wait for memory. False: that has taken too long. */
static bool
wait_for_memory(unsigned *tries)
{
	if (++*tries > NO_MEMORY_TRIES)
		return false;
	(void) poll(NULL, 0, NO_MEMORY_WAIT_MS);
	return true;
}

/* Send what there is to say about a process. The descriptors stay the caller's; -1: none. */
static int
send_answer(struct spawner *s, const struct answer *a, int pidfd, int pty)
{
	struct msg_spawned m = { .process = a->process, .pid = a->pid, .step = a->step, .error = a->error };
	unsigned tries = 0;
	int fds[2];
	size_t n = 0;
	int r;

	if (pidfd >= 0) {
		m.flags |= SPAWNED_HAS_PIDFD;
		fds[n++] = pidfd;
	}
	if (pty >= 0) {
		m.flags |= SPAWNED_HAS_PTY;
		fds[n++] = pty;
	}
	if (a->outside)
		m.flags |= SPAWNED_OUTSIDE;
	/* The process is there, and init must hear of it. */
	do
		r = msg_send_kept(s->ipc, MSG_SPAWNED, &m, fds, n);
	while (r == -ENOMEM && wait_for_memory(&tries));
	return r == -ENOMEM ? -ENOBUFS : r; /* no use in handling the request again */
}

/*
 * The old answer again. Without descriptors: the first message, which init hasn't acknowledged or it would not
 * ask, still holds them; and a pid looked up now might be another's if init has reaped ours meanwhile.
 */
static int
repeat_answer(struct spawner *s, const struct answer *known)
{
	log_debug("request for process %llu is known: pid %d", (unsigned long long) known->process, (int) known->pid);
	return send_answer(s, known, -1, -1);
}

static const char *
name_of(const struct msg_spawn *msg)
{
	return msg->name != NULL ? msg->name : "job";
}

/* A new process was made, or not. Remember it, then tell. */
static int
answer_new(struct spawner *s, const struct msg_spawn *msg, struct spawn_result *r)
{
	const struct answer answer = { .process = msg->process, .pid = r->pid, .step = r->step, .error = r->error,
				       .outside = r->outside };
	int error;

	answers_add(s->answers, &answer);
	if (r->pid > 0 && keeps_children(s)) {
		error = children_add(&s->children, r->pid);
		if (error < 0 && error != -ESRCH)
			log_warn("%s: process %d won't be ended with the session: %s", name_of(msg), (int) r->pid,
				 strerror(-error));
	}
	return send_answer(s, &answer, r->pidfd, r->pty);
}

/* Who comes from this job will be known by its session. */
static void
learn_session(struct spawner *s, const struct msg_spawn *msg)
{
	const char *session = env_get(msg->env, "UPSTART_SESSION");
	char *copy;

	if (!keeps_children(s) || session == NULL || (s->session != NULL && strcmp(session, s->session) == 0))
		return;
	copy = strdup(session);
	if (copy == NULL)
		return;
	free(s->session);
	s->session = copy;
}

/* 0, or a negative errno: too few descriptors are left to make a process and to tell of it. */
static int
check_headroom(const struct spawner *s)
{
	int fds[HEADROOM];
	size_t n = 0;
	int r = 0;

	while (n < ARRAY_SIZE(fds) && r == 0) {
		fds[n] = fcntl(ipc_fd(s->ipc), F_DUPFD_CLOEXEC, 0);
		if (fds[n] < 0)
			r = -errno;
		else
			n++;
	}
	while (n > 0)
		(void) close(fds[--n]);
	return r;
}

/* Say that there is no process: init has more running than it takes answers for, or the system is short. */
static int
refuse(struct spawner *s, const struct msg_spawn *msg, int error)
{
	struct spawn_result result = { .pidfd = -1, .pty = -1, .step = SPAWN_CLONE, .error = error };

	log_debug("%s: no process: %s", name_of(msg), strerror(error));
	return answer_new(s, msg, &result);
}

static int
handle_spawn(struct spawner *s, struct ipc_message *m)
{
	struct msg_spawn msg;
	struct spawn_result result;
	const struct answer *known;
	int r = msg_decode(m, &msg);

	if (r < 0)
		return r;
	learn_session(s, &msg);
	known = answers_find(s->answers, msg.process);
	if (known != NULL) {
		r = repeat_answer(s, known);
	} else if (m->lost_fds) {
		r = refuse(s, &msg, EMFILE);
	} else if (m->n_fds < JOB_FDS) {
		r = -EBADMSG;
	} else if ((r = check_headroom(s)) < 0) {
		r = refuse(s, &msg, -r);
	} else {
		const struct spawn_request request = {
			.msg = &msg,
			.status = m->fds[STATUS_FD],
			.gate = m->fds[GATE_FD],
			.fds = m->fds + JOB_FDS,
			.n_fds = m->n_fds - JOB_FDS,
			.nofile = &s->nofile,
		};

		/* A failure is part of the answer. */
		if (spawn_start(&request, SPAWN_SIBLING, &result) < 0)
			log_debug("%s: no process: %s", name_of(&msg), strerror(result.error));
		r = answer_new(s, &msg, &result);
		spawn_result_deinit(&result);
	}
	msg_free(MSG_SPAWN, &msg);
	return r;
}

static int
handle_hello(struct spawner *s, struct ipc_message *m)
{
	struct msg_hello msg;
	int r = msg_decode(m, &msg);

	if (r < 0)
		return r;
	s->mode = (enum init_mode) msg.mode;
	log_set_level((enum log_level) msg.log_level);
	/* A predecessor's children are known from /proc only. */
	if (keeps_children(s) && msg.generation > 1 && s->children.n == 0) {
		r = children_adopt(&s->children, s->init);
		if (r < 0)
			log_warn("unable to find the processes of an earlier spawner: %s", strerror(-r));
	}
	r = ipc_resend(s->ipc, msg.received);
	msg_free(MSG_HELLO, &msg);
	return r;
}

static int
handle_ack(struct spawner *s, struct ipc_message *m)
{
	struct msg_ack msg;
	int r = msg_decode(m, &msg);

	if (r == 0) {
		ipc_acknowledged(s->ipc, msg.upto);
		msg_free(MSG_ACK, &msg);
	}
	return r;
}

static int
handle_shutdown(struct spawner *s, struct ipc_message *m)
{
	(void) m;
	s->done = true;
	return 0;
}

static const struct {
	uint32_t type;
	int (*handle)(struct spawner *s, struct ipc_message *m);
} handlers[] = {
	{ MSG_HELLO, handle_hello },
	{ MSG_ACK, handle_ack },
	{ MSG_SPAWN, handle_spawn },
	{ MSG_SHUTDOWN, handle_shutdown },
};

static int
dispatch(struct spawner *s, struct ipc_message *m)
{
	for (size_t i = 0; i < ARRAY_SIZE(handlers); i++)
		if (handlers[i].type == m->type)
			return handlers[i].handle(s, m);
	log_warn("a message of type %s is not for the spawner", msg_type_name(m->type));
	return 0;
}

/* Is init dead, or about to be? An init that lives and closes the link wants another spawner, not the end of its jobs.
 */
static bool
init_is_gone(const struct spawner *s)
{
	struct pollfd p = { .fd = s->init_pidfd, .events = POLLIN };

	if (s->init_pidfd >= 0)
		return poll(&p, 1, INIT_GONE_WAIT_MS) > 0;
	for (int waited = 0; getppid() == s->init && waited < INIT_GONE_WAIT_MS; waited += INIT_GONE_STEP_MS) {
		const struct timespec step = { .tv_nsec = INIT_GONE_STEP_MS * 1000000L };

		(void) nanosleep(&step, NULL);
	}
	return getppid() != s->init;
}

static int
link_ended(struct spawner *s)
{
	size_t groups, others;

	if (!keeps_children(s) || !init_is_gone(s))
		return 0;
	children_end(&s->children, s->session, s->init_started, &groups, &others);
	if (groups + others > 0)
		log_message("init is gone: %zu process groups of the session and %zu other processes sent SIGTERM",
			    groups, others);
	return 0;
}

/* Take all messages that are there. 1: go on; 0: the end; or a negative errno. */
static int
take_messages(struct spawner *s)
{
	int r = 1;

	while (s->held.type != 0 || (r = ipc_receive(s->ipc, &s->held)) > 0) {
		r = dispatch(s, &s->held);
		if (r == -ENOMEM && wait_for_memory(&s->tries))
			continue;
		s->tries = 0;
		if (r < 0)
			log_error("unable to handle %s: %s", msg_type_name(s->held.type), strerror(-r));
		ipc_message_deinit(&s->held);
		if (r < 0)
			return r;
		if (s->done)
			return 0;
	}
	if (r == -ENOMEM) {
		(void) poll(NULL, 0, NO_MEMORY_WAIT_MS);
		r = 0;
	}
	return r < 0 ? r : 1;
}

int
spawner_run(struct spawner *s)
{
	for (;;) {
		struct pollfd p = { .fd = ipc_fd(s->ipc), .events = POLLIN };
		int r;

		if (ipc_wants_write(s->ipc))
			p.events |= POLLOUT;
		/* The link can take bytes but lacks something else: no use in waiting for the link. */
		if (poll(&p, 1, ipc_is_short(s->ipc) ? SHORT_WAIT_MS : -1) < 0 && errno != EINTR)
			return -errno;
		r = ipc_flush(s->ipc);
		if (r >= 0)
			r = take_messages(s);
		if (r == -EPIPE)
			return link_ended(s);
		if (r <= 0)
			return r;
	}
}
