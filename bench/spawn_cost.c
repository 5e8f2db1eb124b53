/* SPDX-License-Identifier: MIT */
/*
 * What a spawn costs: through upstart-spawner and by fork in a process as big as an init may be.
 *
 *   spawn_cost SPAWNER [COUNT [MEGABYTES]]
 *
 * For each way, microseconds per process: "made" = from the request to the known pid, "done" = until it has exec'd
 * /bin/true and is reaped; "init" is the processor time of init itself, which is what keeps it from other work.
 * One at a time, then a burst of all at once.
 */
#include "measure.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#include "common/msg.h"
#include "job/class.h"
#include "system/spawn.h"
#include "system/spawn_status.h"

#define COUNT 1000
#define BURST 200

static struct ipc *ipc;

static double
now_us(void)
{
	return now() * 1e6;
}

static double
own_cpu_us(void)
{
	return processor_time() * 1e6;
}

static void
report(const char *name, int count, double made, double done, double cpu)
{
	printf("%-22s made %7.0f us   done %7.0f us   init %7.0f us\n", name, made / count, done / count, cpu / count);
}

static pid_t
start_spawner(const char *path)
{
	struct msg_hello hello = { .mode = MODE_SYSTEM, .generation = 1 };
	int pair[2];
	pid_t pid;

	if (ipc_pair(pair) < 0)
		die("ipc_pair: %s", strerror(errno));
	pid = fork();
	if (pid == 0) {
		(void) fcntl(pair[1], F_SETFD, 0);
		if (pair[1] != IPC_SERVANT_FD)
			(void) dup2(pair[1], IPC_SERVANT_FD);
		(void) execl(path, path, (char *) NULL);
		_exit(126);
	}
	(void) close(pair[1]);
	ipc = ipc_new(pair[0]);
	if (pid < 0 || ipc == NULL || msg_send(ipc, MSG_HELLO, 0, &hello, NULL, 0) < 0)
		die("%s: %s", path, strerror(errno));
	return pid;
}

struct spawned {
	pid_t pid;
	int pidfd, pty, gate, status;
};

static struct msg_spawn
request(bool log)
{
	static char *argv[] = { (char *) "/bin/true", NULL };
	static char *env[] = { (char *) "PATH=/usr/bin:/bin", (char *) "UPSTART_JOB=bench", NULL };
	static uint64_t next;

	return (struct msg_spawn){
		.process = ++next,
		.name = (char *) "bench main",
		.argv = argv,
		.env = env,
		.console = log ? CONSOLE_LOG : CONSOLE_NONE,
		.umask = 022,
		.nice = JOB_NICE_UNSET,
		.oom_score_adj = JOB_OOM_UNSET,
	};
}

/* The pipes of one process; its ends in ends[]. */
static void
open_pipes(struct spawned *s, int *ends)
{
	int status[2], gate[2];

	if (pipe2(status, O_CLOEXEC) < 0 || pipe2(gate, O_CLOEXEC) < 0)
		die("pipe: %s", strerror(errno));
	s->status = status[0];
	s->gate = gate[1];
	ends[0] = status[1];
	ends[1] = gate[0];
}

static void
send_request(struct spawned *s, bool log)
{
	struct msg_spawn msg = request(log);
	int ends[2];

	open_pipes(s, ends);
	if (msg_send(ipc, MSG_SPAWN, msg.process, &msg, ends, 2) < 0)
		die("send: %s", strerror(errno));
	(void) close(ends[0]);
	(void) close(ends[1]);
}

static void
receive_answer(struct spawned *s)
{
	struct msg_spawned answer;
	struct msg_ack ack;
	struct ipc_message m;
	size_t at = 0;

	while (ipc_receive(ipc, &m) == 0) {
		struct pollfd p = { .fd = ipc_fd(ipc), .events = POLLIN | (ipc_wants_write(ipc) ? POLLOUT : 0) };

		(void) poll(&p, 1, -1);
		if (ipc_flush(ipc) < 0)
			die("flush: %s", strerror(errno));
	}
	if (msg_decode(&m, &answer) < 0 || answer.pid <= 0)
		die("answer: %s", strerror(errno));
	s->pid = answer.pid;
	s->pidfd = answer.flags & SPAWNED_HAS_PIDFD ? steal_fd(&m.fds[at++]) : -1;
	s->pty = answer.flags & SPAWNED_HAS_PTY ? steal_fd(&m.fds[at++]) : -1;
	ack.upto = m.id;
	if (msg_send(ipc, MSG_ACK, 0, &ack, NULL, 0) < 0)
		die("ack: %s", strerror(errno));
	ipc_message_deinit(&m);
}

static void
spawn_here(struct spawned *s, bool log)
{
	struct msg_spawn msg = request(log);
	struct spawn_result r;
	int ends[2];

	open_pipes(s, ends);
	if (spawn_local(&msg, ends[0], ends[1], NULL, 0, &r) < 0)
		die("fork: %s", strerror(errno));
	(void) close(ends[0]);
	(void) close(ends[1]);
	s->pid = r.pid;
	s->pidfd = r.pidfd;
	s->pty = r.pty;
}

static void
run(struct spawned *s)
{
	struct spawn_status status = { 0 };

	if (write(s->gate, "!", 1) != 1 || spawn_status_read(&status, s->status) != SPAWN_OUTCOME_EXECUTED)
		die("exec: %s", strerror(errno));
	(void) waitpid(s->pid, NULL, 0);
	(void) close(s->gate);
	(void) close(s->status);
	if (s->pidfd >= 0)
		(void) close(s->pidfd);
	if (s->pty >= 0)
		(void) close(s->pty);
}

static void
measure(const char *name, bool local, bool log, int count)
{
	double made = 0, start = now_us(), cpu = own_cpu_us();

	for (int i = 0; i < count; i++) {
		struct spawned s;
		double before = now_us();

		if (local) {
			spawn_here(&s, log);
		} else {
			send_request(&s, log);
			receive_answer(&s);
		}
		made += now_us() - before;
		run(&s);
	}
	report(name, count, made, now_us() - start, own_cpu_us() - cpu);
}

static void
measure_burst(const char *name, bool local)
{
	static struct spawned s[BURST];
	double start = now_us(), cpu = own_cpu_us(), made;

	for (int i = 0; i < BURST; i++) {
		if (local)
			spawn_here(&s[i], false);
		else
			send_request(&s[i], false);
	}
	for (int i = 0; i < BURST && !local; i++)
		receive_answer(&s[i]);
	made = now_us() - start;
	for (int i = 0; i < BURST; i++)
		run(&s[i]);
	report(name, BURST, made, now_us() - start, own_cpu_us() - cpu);
}

int
main(int argc, char **argv)
{
	int count = argc > 2 ? atoi(argv[2]) : COUNT;
	size_t size = (argc > 3 ? (size_t) atoi(argv[3]) : 64) << 20;
	struct msg_shutdown end = { 0 };
	struct rlimit limit;
	pid_t spawner;
	char *ballast;

	if (argc < 2 || count <= 0) {
		(void) fprintf(stderr, "usage: spawn_cost SPAWNER [COUNT [MEGABYTES]]\n");
		return 2;
	}
	if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
		limit.rlim_cur = limit.rlim_max;
		(void) setrlimit(RLIMIT_NOFILE, &limit);
	}
	spawner = start_spawner(argv[1]);
	measure("spawner", false, false, count);
	measure("spawner, console log", false, true, count);
	measure_burst("spawner, burst", false);
	measure("fork in small init", true, false, count);
	ballast = malloc(size);
	if (ballast == NULL)
		die("malloc: %s", strerror(errno));
	memset(ballast, 1, size);
	printf("with %zu MB of memory in init:\n", size >> 20);
	measure("spawner", false, false, count);
	measure("fork in init", true, false, count);
	measure_burst("spawner, burst", false);
	measure_burst("fork in init, burst", true);
	free(ballast);
	if (msg_send(ipc, MSG_SHUTDOWN, 0, &end, NULL, 0) < 0)
		die("shutdown: %s", strerror(errno));
	(void) waitpid(spawner, NULL, 0);
	ipc = ipc_free(ipc);
	return 0;
}
