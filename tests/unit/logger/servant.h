/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * The test plays init at the other end of the link of a real logger, and holds the terminals.
 */

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>

#include "common/msg.h"
#include "files.h"
#include "tty.h"

#define DEADLINE_MS 60000
#define ENDED_MAX 16384

static const char *program;

struct init {
	struct folder folder;
	struct ipc *ipc;
	pid_t pid;
	int ring;
	uint64_t taken; /* the last numbered message */
	uint64_t acked; /* by the logger */
	bool silent;	/* acknowledge nothing */
	uint64_t ended[ENDED_MAX];
	size_t n_ended;
	struct msg_log_flushed flushed; /* the last one; request 0: none */
};

static inline long
now_ms(void)
{
	struct timespec ts;

	(void) clock_gettime(CLOCK_MONOTONIC, &ts);
	return (long) ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

/* -- playing init ------------------------------------------------------------ */

/* Move `fd` to `number` in a child that is about to exec. */
static inline void
child_place(int fd, int number)
{
	if (fd == number)
		(void) fcntl(fd, F_SETFD, 0);
	else
		(void) dup2(fd, number);
}

static inline void
logger_start(struct init *in)
{
	int pair[2];

	assert_int_equal(ipc_pair(pair), 0);
	in->pid = fork();
	assert_true(in->pid >= 0);
	if (in->pid == 0) {
		int link = fcntl(pair[1], F_DUPFD, 10), ring = fcntl(in->ring, F_DUPFD, 11);

		child_place(link, IPC_SERVANT_FD);
		child_place(ring, IPC_SERVANT_FD + 1);
		for (int fd = IPC_SERVANT_FD + 2; fd < 64; fd++)
			(void) close(fd);
		(void) execl(program, "upstart-logger", "--ring-fd", "4", (char *) NULL);
		_exit(127);
	}
	close(pair[1]);
	in->ipc = ipc_new(pair[0]);
	assert_non_null(in->ipc);
}

static inline void
say_hello(struct init *in)
{
	const struct msg_hello hello = { .received = in->taken, .generation = 1, .log_level = 4 };

	assert_int_equal(msg_send(in->ipc, MSG_HELLO, 0, &hello, NULL, 0), 0);
}

static inline void
send_ack(struct init *in)
{
	const struct msg_ack ack = { .upto = in->taken };

	assert_int_equal(msg_send(in->ipc, MSG_ACK, 0, &ack, NULL, 0), 0);
}

/* Wait for the logger's end; its exit status, or 1000 + signal. */
static inline int
logger_wait(struct init *in)
{
	long end = now_ms() + DEADLINE_MS;
	int status;

	for (;;) {
		pid_t got = waitpid(in->pid, &status, WNOHANG);

		assert_true(got >= 0 && now_ms() < end);
		if (got > 0)
			break;
		(void) poll(NULL, 0, 2);
	}
	in->pid = 0;
	return WIFEXITED(status) ? WEXITSTATUS(status) : 1000 + WTERMSIG(status);
}

static inline void
logger_kill(struct init *in)
{
	assert_int_equal(kill(in->pid, SIGKILL), 0);
	assert_int_equal(logger_wait(in), 1000 + SIGKILL);
	in->ipc = ipc_free(in->ipc);
	in->taken = 0;
}

static inline void
take_message(struct init *in, struct ipc_message *m)
{
	struct msg_log_ended ended;
	struct msg_ack ack;

	switch (m->type) {
	case MSG_LOG_ENDED:
		assert_int_equal(msg_decode(m, &ended), 0);
		assert_true(in->n_ended < ENDED_MAX);
		in->ended[in->n_ended++] = ended.stream;
		break;
	case MSG_LOG_FLUSHED:
		msg_free(MSG_LOG_FLUSHED, &in->flushed);
		assert_int_equal(msg_decode(m, &in->flushed), 0);
		break;
	case MSG_ACK:
		assert_int_equal(msg_decode(m, &ack), 0);
		in->acked = ack.upto;
		return;
	default:
		fail_msg("unexpected message %s", msg_type_name(m->type));
	}
	assert_int_equal(m->id, in->taken + 1);
	in->taken = m->id;
}

/* One turn of init's: what is there, or a short wait. */
static inline void
turn(struct init *in)
{
	struct pollfd p = { ipc_fd(in->ipc), POLLIN, 0 };
	struct ipc_message m;
	uint64_t before = in->taken;
	int r;

	if (ipc_wants_write(in->ipc))
		assert_true(ipc_flush(in->ipc) >= 0);
	(void) poll(&p, 1, 5);
	while ((r = ipc_receive(in->ipc, &m)) == 1) {
		take_message(in, &m);
		ipc_message_deinit(&m);
	}
	assert_int_equal(r, 0);
	if (in->taken != before && !in->silent)
		send_ack(in);
}

#define wait_until(in, condition)                                                                                      \
	do {                                                                                                           \
		long end_ = now_ms() + DEADLINE_MS;                                                                    \
		while (!(condition)) {                                                                                 \
			if (now_ms() >= end_)                                                                          \
				fail_msg("never happened: %s", #condition);                                            \
			turn(in);                                                                                      \
		}                                                                                                      \
	} while (0)

static inline bool
has_ended(const struct init *in, uint64_t id)
{
	for (size_t i = 0; i < in->n_ended; i++)
		if (in->ended[i] == id)
			return true;
	return false;
}

static inline void
send_open(struct init *in, uint64_t id, int master, const char *path)
{
	const struct msg_log_open open = { .stream = id, .path = (char *) (uintptr_t) path };

	assert_int_equal(msg_send(in->ipc, MSG_LOG_OPEN, 0, &open, &master, master >= 0 ? 1 : 0), 0);
}

static inline void
send_finish(struct init *in, uint64_t id)
{
	const struct msg_log_finish finish = { .stream = id };

	assert_int_equal(msg_send(in->ipc, MSG_LOG_FINISH, 0, &finish, NULL, 0), 0);
}

/* Flush and wait for the answer; its error. */
static inline int
flush(struct init *in)
{
	static uint64_t request;
	const struct msg_log_flush message = { .request = ++request };

	assert_int_equal(msg_send(in->ipc, MSG_LOG_FLUSH, 0, &message, NULL, 0), 0);
	wait_until(in, in->flushed.request == request);
	return in->flushed.error;
}

static inline void
shut_down(struct init *in, uint32_t why)
{
	const struct msg_shutdown message = { .why = why };

	assert_int_equal(msg_send(in->ipc, MSG_SHUTDOWN, 0, &message, NULL, 0), 0);
}

/* -- terminals --------------------------------------------------------------- */

/* Write all of it, serving the link meanwhile. */
static inline void
tty_write(struct init *in, int slave, const char *p, size_t n)
{
	int flags = fcntl(slave, F_GETFL);
	long end = now_ms() + DEADLINE_MS;

	assert_int_equal(fcntl(slave, F_SETFL, flags | O_NONBLOCK), 0);
	while (n > 0) {
		ssize_t got = write(slave, p, n);

		if (got > 0) {
			p += got;
			n -= (size_t) got;
			continue;
		}
		assert_true(got < 0 && errno == EAGAIN && now_ms() < end);
		turn(in);
	}
}

static inline void
tty_say(struct init *in, const struct tty *t, const char *text)
{
	tty_write(in, t->slave, text, strlen(text));
}

/* -- fixture ----------------------------------------------------------------- */

static inline int
setup(void **state)
{
	struct init *in = calloc(1, sizeof(*in));
	char template[] = "/tmp/upstart-test-ring-XXXXXX";

	assert_non_null(in);
	folder_make(&in->folder);
	in->ring = mkostemp(template, O_CLOEXEC);
	assert_true(in->ring >= 0);
	assert_int_equal(unlink(template), 0);
	logger_start(in);
	say_hello(in);
	*state = in;
	return 0;
}

static inline int
teardown(void **state)
{
	struct init *in = *state;

	if (in->pid > 0) {
		(void) kill(in->pid, SIGKILL);
		(void) logger_wait(in);
	}
	(void) ipc_free(in->ipc);
	msg_free(MSG_LOG_FLUSHED, &in->flushed);
	close(in->ring);
	folder_remove(&in->folder);
	free(in);
	return 0;
}

static inline const char *
path_of(struct init *in, const char *name)
{
	return folder_path(&in->folder, name);
}
