/* SPDX-License-Identifier: MIT */
#include "harness.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <grp.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>

#define EXIT_CANNOT 77 /* before_exec said no */

static uint64_t
now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t) t.tv_sec * 1000 + (uint64_t) t.tv_nsec / 1000000;
}

/* -- the spawner's process -- */

static _Noreturn void
exec_spawner(int fd, const struct world_options *options)
{
	gid_t gid = (gid_t) options->uid;
	const char *path = getenv("UPSTART_SPAWNER");

	if (options->before_exec != NULL && !options->before_exec())
		_exit(EXIT_CANNOT);
	if (options->uid != 0 && (setgroups(1, &gid) < 0 || setgid(gid) < 0 || setuid(options->uid) < 0))
		_exit(EXIT_CANNOT);
	if (path == NULL)
		_exit(126);
	if (fd == IPC_SERVANT_FD)
		(void) fcntl(fd, F_SETFD, 0);
	else
		(void) dup2(fd, IPC_SERVANT_FD);
	/* A mask and a handler that jobs must not see. */
	(void) signal(SIGHUP, SIG_IGN);
	(void) signal(SIGUSR2, SIG_IGN);
	(void) execl(path, path, (char *) NULL);
	_exit(126);
}

bool
world_start(struct world *w, enum world_kind kind, const struct world_options *options)
{
	static const struct world_options none;
	struct msg_hello hello = { .mode = MODE_SYSTEM, .log_level = LOG_LEVEL_MESSAGE, .generation = 1 };
	int pair[2];

	if (options == NULL)
		options = &none;
	*w = (struct world){ .kind = kind, .next = 1 };
	if (kind == WORLD_LOCAL)
		return true;
	if (!has_spawner())
		skip_because("no spawner on this platform");
	assert_int_equal(ipc_pair(pair), 0);
	w->spawner = fork();
	assert_true(w->spawner >= 0);
	if (w->spawner == 0) {
		(void) close(pair[0]);
		exec_spawner(pair[1], options);
	}
	(void) close(pair[1]);
	w->ipc = ipc_new(pair[0]);
	assert_non_null(w->ipc);
	hello.mode = options->mode;
	if (options->generation > 0)
		hello.generation = options->generation;
	if (msg_send(w->ipc, MSG_HELLO, 0, &hello, NULL, 0) < 0 || options->before_exec != NULL) {
		/* Did it come to its exec? The link ends at once when it did not. */
		struct msg_spawn request = request_for((char *[]){ (char *) "/bin/true", NULL });
		struct pollfd p = { .fd = ipc_fd(w->ipc), .events = POLLIN };
		struct process probe;

		process_request(w, &probe, &request, NULL, 0);
		assert_int_equal(poll(&p, 1, HARNESS_TIMEOUT_MS), 1);
		if (p.revents & POLLHUP) {
			int status = await_child(w->spawner);

			assert_true(WIFEXITED(status) && WEXITSTATUS(status) == EXIT_CANNOT);
			(void) close(probe.status_r);
			(void) close(probe.gate_w);
			w->ipc = ipc_free(w->ipc);
			w->spawner = 0;
			return false;
		}
		process_await_answer(w, &probe);
		process_close_gate(&probe);
		if (probe.pid > 0)
			(void) process_await_end(&probe);
		else
			(void) close(probe.status_r);
	}
	return true;
}

void
world_stop(struct world *w)
{
	struct msg_shutdown m = { 0 };
	int status;

	if (w->kind == WORLD_LOCAL)
		return;
	assert_int_equal(msg_send(w->ipc, MSG_SHUTDOWN, 0, &m, NULL, 0), 0);
	status = await_child(w->spawner);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
	w->ipc = ipc_free(w->ipc);
}

void
world_kill(struct world *w)
{
	assert_int_equal(kill(w->spawner, SIGKILL), 0);
	(void) await_child(w->spawner);
	w->ipc = ipc_free(w->ipc);
}

void
world_drop_link(struct world *w)
{
	w->ipc = ipc_free(w->ipc);
}

/* -- messages and processes -- */

struct msg_spawn
request_for(char **argv)
{
	return (struct msg_spawn){
		.name = (char *) "test main",
		.argv = argv,
		.console = CONSOLE_NONE,
		.umask = 022,
		.nice = JOB_NICE_UNSET,
		.oom_score_adj = JOB_OOM_UNSET,
	};
}

/* The pipes of a request; the ends for the child are put before its descriptors in `all`. */
static size_t
open_pipes(struct process *p, int *all, const int *fds, size_t n_fds)
{
	int status[2], gate[2];

	assert_int_equal(pipe2(status, O_CLOEXEC), 0);
	assert_int_equal(pipe2(gate, O_CLOEXEC), 0);
	p->status_r = status[0];
	p->gate_w = gate[1];
	p->status = (struct spawn_status){ 0 };
	all[0] = status[1];
	all[1] = gate[0];
	for (size_t i = 0; i < n_fds; i++)
		all[2 + i] = fds[i];
	return n_fds + 2;
}

static void
send_request(struct world *w, struct process *p, struct msg_spawn *request, const int *fds, size_t n_fds)
{
	int all[IPC_MAX_FDS];
	size_t n = open_pipes(p, all, fds, n_fds);

	assert_int_equal(msg_send(w->ipc, MSG_SPAWN, 1000 + p->id, request, all, n), 0);
	(void) close(all[0]);
	(void) close(all[1]);
}

void
process_request(struct world *w, struct process *p, struct msg_spawn *request, const int *fds, size_t n_fds)
{
	*p = (struct process){ .id = w->next++, .pidfd = -1, .pty = -1 };
	request->process = p->id;
	send_request(w, p, request, fds, n_fds);
}

void
process_request_again(struct world *w, struct process *p, struct msg_spawn *request)
{
	request->process = p->id;
	send_request(w, p, request, NULL, 0);
}

void
await_message(struct world *w, struct ipc_message *m)
{
	uint64_t deadline = now_ms() + HARNESS_TIMEOUT_MS;
	int r;

	while ((r = ipc_receive(w->ipc, m)) == 0) {
		struct pollfd p = { .fd = ipc_fd(w->ipc), .events = POLLIN };

		assert_true(now_ms() < deadline);
		(void) poll(&p, 1, HARNESS_TIMEOUT_MS);
	}
	assert_int_equal(r, 1);
}

void
await_link_end(struct world *w)
{
	struct ipc_message m;
	int r;

	do {
		struct pollfd p = { .fd = ipc_fd(w->ipc), .events = POLLIN };

		assert_int_equal(poll(&p, 1, HARNESS_TIMEOUT_MS), 1);
		r = ipc_receive(w->ipc, &m);
		if (r == 1)
			ipc_message_deinit(&m);
	} while (r >= 0);
	assert_int_equal(r, -EPIPE);
}

void
process_await_answer(struct world *w, struct process *p)
{
	struct msg_spawned answer;
	struct ipc_message m;
	struct msg_ack ack;
	size_t at = 0;

	await_message(w, &m);
	assert_int_equal(m.type, MSG_SPAWNED);
	assert_int_equal(msg_decode(&m, &answer), 0);
	assert_int_equal(answer.process, p->id);
	p->pid = answer.pid;
	p->step = answer.step;
	p->error = answer.error;
	if (answer.flags & SPAWNED_HAS_PIDFD)
		p->pidfd = steal_fd(&m.fds[at++]);
	if (answer.flags & SPAWNED_HAS_PTY)
		p->pty = steal_fd(&m.fds[at++]);
	assert_int_equal(m.n_fds, at);
	ack.upto = m.id;
	assert_int_equal(msg_send(w->ipc, MSG_ACK, 0, &ack, NULL, 0), 0);
	ipc_message_deinit(&m);
}

static void
spawn_here(struct world *w, struct process *p, struct msg_spawn *request, const int *fds, size_t n_fds)
{
	struct spawn_result result;
	int all[IPC_MAX_FDS];
	size_t n;
	int r;

	*p = (struct process){ .id = w->next++, .pidfd = -1, .pty = -1 };
	n = open_pipes(p, all, fds, n_fds);
	r = spawn_local(request, all[0], all[1], all + 2, n - 2, &result);
	assert_int_equal(r, result.pid > 0 ? 0 : -result.error);
	p->pid = result.pid;
	p->pidfd = result.pidfd;
	p->pty = result.pty;
	p->step = result.step;
	p->error = result.error;
	(void) close(all[0]);
	(void) close(all[1]);
}

void
process_spawn(struct world *w, struct process *p, struct msg_spawn *request, const int *fds, size_t n_fds)
{
	if (w->kind == WORLD_LOCAL) {
		spawn_here(w, p, request, fds, n_fds);
		return;
	}
	process_request(w, p, request, fds, n_fds);
	process_await_answer(w, p);
}

void
process_open_gate(struct process *p)
{
	assert_int_equal(write(p->gate_w, "!", 1), 1);
	process_close_gate(p);
}

void
process_close_gate(struct process *p)
{
	if (p->gate_w >= 0)
		(void) close(p->gate_w);
	p->gate_w = -1;
}

enum spawn_outcome
process_await_exec(struct process *p)
{
	enum spawn_outcome outcome = SPAWN_OUTCOME_OPEN;

	(void) fcntl(p->status_r, F_SETFL, O_NONBLOCK);
	while (outcome == SPAWN_OUTCOME_OPEN) {
		struct pollfd poll_status = { .fd = p->status_r, .events = POLLIN };

		assert_int_equal(poll(&poll_status, 1, HARNESS_TIMEOUT_MS), 1);
		outcome = spawn_status_read(&p->status, p->status_r);
	}
	(void) close(p->status_r);
	p->status_r = -1;
	return outcome;
}

int
process_await_end(struct process *p)
{
	int *const fds[] = { &p->pidfd, &p->pty, &p->status_r, &p->gate_w };
	int status = await_child(p->pid);

	for (size_t i = 0; i < ARRAY_SIZE(fds); i++) {
		if (*fds[i] >= 0)
			(void) close(*fds[i]);
		*fds[i] = -1;
	}
	return status;
}

int
await_child(pid_t pid)
{
	uint64_t deadline = now_ms() + HARNESS_TIMEOUT_MS;
	int status = 0;
	pid_t r;

	while ((r = waitpid(pid, &status, WNOHANG)) == 0 || (r < 0 && errno == EINTR)) {
		assert_true(now_ms() < deadline);
		(void) poll(NULL, 0, 1);
	}
	assert_int_equal(r, pid);
	return status;
}

bool
await_gone(pid_t pid)
{
	uint64_t deadline = now_ms() + HARNESS_TIMEOUT_MS;

	while (kill(pid, 0) == 0 && now_ms() < deadline)
		(void) poll(NULL, 0, 1);
	return kill(pid, 0) < 0 && errno == ESRCH;
}

/* -- running something whole -- */

char *
read_all(int fd)
{
	struct strbuf b = STRBUF_INIT;

	for (;;) {
		char piece[4096];
		struct pollfd p = { .fd = fd, .events = POLLIN };
		ssize_t n;

		assert_int_equal(poll(&p, 1, HARNESS_TIMEOUT_MS), 1);
		n = read(fd, piece, sizeof(piece));
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return strbuf_steal(&b);
		strbuf_addn(&b, piece, (size_t) n);
	}
}

char *
run_and_read(struct world *w, struct msg_spawn *request, int fd, int *status)
{
	uint64_t number = (uint64_t) fd;
	struct process p;
	int out[2];
	char *text;

	assert_int_equal(pipe2(out, O_CLOEXEC), 0);
	request->fds = (struct u64v){ &number, 1 };
	process_spawn(w, &p, request, &out[1], 1);
	request->fds = (struct u64v){ 0 };
	(void) close(out[1]);
	assert_true(p.pid > 0);
	process_open_gate(&p);
	if (process_await_exec(&p) != SPAWN_OUTCOME_EXECUTED) {
		char what[256];

		spawn_step_text(p.status.record.step, p.status.record.arg, p.status.record.error, what, sizeof(what));
		fail_msg("not executed: %s", what);
	}
	text = read_all(out[0]);
	(void) close(out[0]);
	*status = process_await_end(&p);
	return text;
}

#define PROBE_FD 7

char *
run_probe(struct world *w, struct msg_spawn *request)
{
	char *argv[] = { (char *) probe_path(), (char *) "7", NULL };
	char *text;
	int status;

	if (request->argv == NULL)
		request->argv = argv;
	text = run_and_read(w, request, PROBE_FD, &status);
	if (request->argv == argv)
		request->argv = NULL;
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
	return text;
}

const char *
probe_value(const char *output, const char *key)
{
	static char value[8192];
	size_t len = strlen(key);

	for (const char *line = output; line != NULL && *line != '\0';) {
		const char *end = strchr(line, '\n');
		size_t n = end != NULL ? (size_t) (end - line) : strlen(line);

		if (n > len && strncmp(line, key, len) == 0 && line[len] == '=' && n - len <= sizeof(value)) {
			memcpy(value, line + len + 1, n - len - 1);
			value[n - len - 1] = '\0';
			return value;
		}
		line = end != NULL ? end + 1 : NULL;
	}
	return NULL;
}

/* -- surroundings -- */

bool
is_wrapped(void)
{
	const char *preload = getenv("LD_PRELOAD");

	return preload != NULL && strstr(preload, "vgpreload") != NULL;
}

bool
has_spawner(void)
{
	return getenv("UPSTART_SPAWNER") != NULL;
}

bool
is_root(void)
{
	return geteuid() == 0;
}

bool
can_mount(void)
{
	pid_t pid = fork();

	assert_true(pid >= 0);
	if (pid == 0)
		_exit(unshare(CLONE_NEWNS) == 0 ? 0 : 1);
	return await_child(pid) == 0;
}

bool
mounts_are_private(void)
{
	return unshare(CLONE_NEWNS) == 0 && mount("none", "/", "none", MS_REC | MS_PRIVATE, NULL) == 0;
}

bool
bind_over(const char *file, const char *over)
{
	return mount(file, over, "none", MS_BIND, NULL) == 0;
}

const char *
probe_path(void)
{
	const char *path = getenv("UPSTART_SPAWN_PROBE");

	assert_non_null(path);
	return path;
}

char *
folder_new(void)
{
	char *path = strdup("/tmp/spawn-test-XXXXXX");

	assert_non_null(path);
	assert_non_null(mkdtemp(path));
	assert_int_equal(chmod(path, 0755), 0);
	return path;
}

static int
remove_entry(const char *path, const struct stat *st, int type, struct FTW *at)
{
	(void) st;
	(void) type;
	(void) at;
	return remove(path);
}

void
folder_remove(char *path)
{
	(void) nftw(path, remove_entry, 16, FTW_DEPTH | FTW_PHYS | FTW_MOUNT);
	free(path);
}

void
file_write(const char *folder, const char *name, const char *text, unsigned mode)
{
	char path[4096];
	FILE *f;

	(void) snprintf(path, sizeof(path), "%s/%s", folder, name);
	f = fopen(path, "we");
	assert_non_null(f);
	assert_true(fputs(text, f) >= 0);
	assert_int_equal(fclose(f), 0);
	assert_int_equal(chmod(path, mode), 0);
}
