/* SPDX-License-Identifier: MIT */
#include "bridges/daemon.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <syslog.h>

#include "common/log.h"
#include "common/str.h"

#define SYSLOG_SOCKET "/dev/log"
#define KERNEL_LOG "/dev/kmsg"

/* -- the pid file ------------------------------------------------------------- */

/* The number at the end of unix:abstract=/com/ubuntu/upstart-session/UID/PID[,…]. */
static struct span
session_number(const char *address)
{
	size_t end = strcspn(address, ",;"), start;

	for (start = end; start > 0 && address[start - 1] >= '0' && address[start - 1] <= '9'; start--)
		;
	if (start == 0 || address[start - 1] != '/')
		start = end;
	return (struct span) { address + start, end - start };
}

int
daemon_pid_path(char **path, const char *program, const char *session, struct error *err)
{
	const char *dir = getenv("XDG_RUNTIME_DIR");
	struct span number;

	if (!session) {
		*path = str_printf("/var/run/%s.pid", program);
		return *path ? 0 : error_nomem(err);
	}
	number = session_number(session);
	if (number.n == 0 || number.n > 10)
		return error_set(err, -EINVAL, NULL, "Invalid value for UPSTART_SESSION");
	if (!dir || dir[0] != '/')
		dir = getenv("HOME");
	if (!dir || dir[0] != '/')
		return error_set(err, -EINVAL, NULL, "Neither XDG_RUNTIME_DIR nor HOME says where the pid file goes");
	*path = str_printf("%s/%s.%.*s.pid", dir, program, (int) number.n, number.p);
	return *path ? 0 : error_nomem(err);
}

/* Written aside and renamed: a reader never sees half a number. */
static int
write_pid(const char *path, pid_t pid)
{
	char *beside auto_free = str_printf("%s.%d", path, (int) getpid());
	char text[32];
	int fd auto_close = -1;
	int n = snprintf(text, sizeof(text), "%d\n", (int) pid);

	if (!beside)
		return -ENOMEM;
	fd = open(beside, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0644);
	if (fd < 0)
		return -errno;
	if (write(fd, text, (size_t) n) != n || fchmod(fd, 0644) < 0 || rename(beside, path) < 0) {
		int r = errno ? -errno : -EIO;

		(void) unlink(beside);
		return r;
	}
	return 0;
}

/* -- the log ------------------------------------------------------------------ */

static const int priorities[LOG_LEVEL_COUNT] = {
	[LOG_LEVEL_DEBUG] = LOG_DEBUG, [LOG_LEVEL_INFO] = LOG_INFO, [LOG_LEVEL_MESSAGE] = LOG_NOTICE,
	[LOG_LEVEL_WARN] = LOG_WARNING, [LOG_LEVEL_ERROR] = LOG_ERR, [LOG_LEVEL_FATAL] = LOG_CRIT,
};

/* Where messages go while there is no syslog; kept for the life of the process. */
struct fallback {
	const char *program;
	int fd; /* -1: nowhere */
	bool kernel;
};

static void
write_log(enum log_level level, const char *text, void *data)
{
	const struct fallback *fallback = data;
	int priority = priorities[level < LOG_LEVEL_COUNT ? level : LOG_LEVEL_FATAL];
	char line[2304];
	int n;

	if (fallback->fd < 0 || access(SYSLOG_SOCKET, W_OK) == 0) {
		syslog(priority, "%s", text);
		return;
	}
	if (fallback->kernel)
		n = snprintf(line, sizeof(line), "<%d>%s[%d]: %s\n", LOG_DAEMON | priority, fallback->program,
			     (int) getpid(), text);
	else
		n = snprintf(line, sizeof(line), "%s: %s\n", fallback->program, text);
	if (n >= (int) sizeof(line))
		n = (int) sizeof(line) - 1;
	if (n > 0)
		(void) !write(fallback->fd, line, (size_t) n);
}

static void
log_to_system(const char *program, bool system)
{
	static struct fallback fallback = { .fd = -1 };

	fallback.program = program;
	if (system)
		fallback.fd = open(KERNEL_LOG, O_WRONLY | O_APPEND | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	fallback.kernel = fallback.fd >= 0;
	if (fallback.fd < 0)
		fallback.fd = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
	openlog(program, LOG_PID | LOG_NDELAY, LOG_DAEMON);
	log_set_sink(write_log, &fallback);
}

/* -- two forks ---------------------------------------------------------------- */

static int
null_stdio(void)
{
	int fd = open("/dev/null", O_RDWR | O_CLOEXEC);

	if (fd < 0)
		return -errno;
	for (int i = STDIN_FILENO; i <= STDERR_FILENO; i++) {
		if (dup2(fd, i) < 0) {
			int r = -errno;

			if (fd > STDERR_FILENO)
				(void) close(fd);
			return r;
		}
	}
	if (fd > STDERR_FILENO)
		(void) close(fd);
	return 0;
}

/* The process in between: leader of the new session, parent of the daemon. Returns only in the daemon. */
static void
leader(const char *pid_path, int gate)
{
	pid_t pid;
	int r;

	(void) setsid();
	pid = fork();
	if (pid == 0)
		return;
	if (pid < 0) {
		log_error("Unable to become a daemon: %s", strerror(errno));
		_exit(EXIT_FAILURE);
	}
	r = write_pid(pid_path, pid);
	if (r < 0)
		log_warn("Unable to write the pid file %s: %s", pid_path, strerror(-r));
	(void) close(gate);
	_exit(EXIT_SUCCESS);
}

/* The process that was called: ends as soon as the one in between has. */
static _Noreturn void
wait_for_leader(pid_t pid)
{
	int status;

	while (waitpid(pid, &status, 0) < 0) {
		if (errno != EINTR)
			_exit(EXIT_FAILURE);
	}
	_exit(WIFEXITED(status) ? WEXITSTATUS(status) : EXIT_FAILURE);
}

int
daemon_detach(const char *program, const char *pid_path, bool system, struct error *err)
{
	int gate[2];
	char byte;
	pid_t pid;

	if (pipe2(gate, O_CLOEXEC) < 0)
		return error_set(err, -errno, NULL, "Unable to become a daemon: %s", strerror(errno));
	(void) fflush(NULL);
	pid = fork();
	if (pid < 0) {
		int r = -errno;

		(void) close(gate[0]);
		(void) close(gate[1]);
		return error_set(err, r, NULL, "Unable to become a daemon: %s", strerror(-r));
	}
	if (pid > 0)
		wait_for_leader(pid);
	leader(pid_path, gate[1]);
	/* From here on the daemon; it goes on when the pid file is there. */
	(void) close(gate[1]);
	while (read(gate[0], &byte, 1) < 0 && errno == EINTR)
		;
	(void) close(gate[0]);
	(void) signal(SIGHUP, SIG_IGN);
	(void) umask(0);
	if (chdir("/") < 0)
		log_warn("Unable to change to the root directory: %s", strerror(errno));
	log_to_system(program, system);
	if (null_stdio() < 0)
		log_warn("Unable to leave the terminal: %s", strerror(errno));
	return 0;
}

/* -- being ready -------------------------------------------------------------- */

int
daemon_ready_parse(const char *text, enum daemon_ready *how, int *fd, struct error *err)
{
	char *end;
	long n;

	if (strcmp(text, "stop") == 0) {
		*how = DAEMON_READY_STOP;
		return 0;
	}
	errno = 0;
	n = strtol(text, &end, 10);
	if (errno != 0 || end == text || *end != '\0' || n <= STDERR_FILENO || n > 0xffffff ||
	    fcntl((int) n, F_SETFD, FD_CLOEXEC) < 0)
		return error_set(err, -EINVAL, NULL, "Neither `stop' nor the number of an open descriptor: %s", text);
	*how = DAEMON_READY_FD;
	*fd = (int) n;
	return 0;
}

/* sd_notify(3), without the library. */
static void
notify(const char *path)
{
	static const char message[] = "READY=1";
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	size_t n = strlen(path);
	int fd auto_close = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	if (fd < 0 || (path[0] != '/' && path[0] != '@') || n >= sizeof(address.sun_path)) {
		log_warn("Unable to use NOTIFY_SOCKET");
		return;
	}
	memcpy(address.sun_path, path, n);
	if (path[0] == '@')
		address.sun_path[0] = '\0';
	if (sendto(fd, message, sizeof(message) - 1, MSG_NOSIGNAL, (const struct sockaddr *) &address,
		   (socklen_t) (offsetof(struct sockaddr_un, sun_path) + n)) < 0)
		log_warn("Unable to write to NOTIFY_SOCKET: %s", strerror(errno));
}

void
daemon_ready_tell(enum daemon_ready how, int *fd)
{
	const char *path = getenv("NOTIFY_SOCKET");

	if (path && *path)
		notify(path);
	if (how == DAEMON_READY_FD) {
		if (write(*fd, "\n", 1) != 1)
			log_warn("Unable to tell that we are ready: %s", strerror(errno));
		(void) close(steal_fd(fd));
	} else if (how == DAEMON_READY_STOP) {
		(void) raise(SIGSTOP);
	}
}
