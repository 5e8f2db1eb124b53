/* SPDX-License-Identifier: MIT
 *
 * /init of the archive in memory with which bench/boot starts a machine. It finds the disk, makes it the root, leaves a
 * child there, and becomes the init that is measured. The child looks a hundred times a second which services answer,
 * and when all of them do, or after GIVE_UP_MS, it says on the second serial line when each did, what memory the init
 * has, and turns the machine off.
 *
 * Times are those of CLOCK_BOOTTIME since the moment before the exec of the init. Nothing of an init is known here:
 * what it is that runs besides the services is found by what is left. Linked statically; it is the same program on all
 * roots.
 */

#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#define ARRAY_LEN(a) (sizeof(a) / sizeof((a)[0]))

enum {
	LOOK_MS = 10,
	GETTY_LOOKS = 5, /* /proc is read whole only each fifth time: it costs what it measures */
	GIVE_UP_MS = 120000,
	REST_MS = 5000, /* after the last service, until what was only needed to boot has ended */
};

static const char disk[] = "/dev/pmem0";

/* What both sides of the fork know. */
struct begun {
	double at;	  /* ms, CLOCK_BOOTTIME */
	double busy;	  /* ms that processors have worked */
	unsigned disk_id; /* of the disk, major << 8 | minor */
};

static double
now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_BOOTTIME, &t);
	return (double) t.tv_sec * 1000 + (double) t.tv_nsec / 1e6;
}

static void
pause_ms(long ms)
{
	struct timespec t = { ms / 1000, ms % 1000 * 1000000 };

	nanosleep(&t, NULL);
}

/* Read what is in a file, at most `size` - 1 bytes; the number of bytes, or -1. */
static ssize_t
read_file(const char *path, char *text, size_t size)
{
	size_t have = 0;
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return -1;
	while (have < size - 1) {
		ssize_t n = read(fd, text + have, size - 1 - have);

		if (n <= 0)
			break;
		have += (size_t) n;
	}
	close(fd);
	text[have] = '\0';
	return (ssize_t) have;
}

/* Milliseconds that all processors have worked since the kernel started. */
static double
busy_ms(void)
{
	char text[512];
	unsigned long long user, nice_, system_, idle, wait_, irq, soft;

	if (read_file("/proc/stat", text, sizeof(text)) < 0 ||
	    sscanf(text, "cpu %llu %llu %llu %llu %llu %llu %llu", &user, &nice_, &system_, &idle, &wait_, &irq,
		   &soft) != 7)
		return 0;
	return (double) (user + nice_ + system_ + irq + soft) * 1000 / (double) sysconf(_SC_CLK_TCK);
}

/* ---- the services ---- */

/* Connect, say `say` and wait, over as many calls as it takes, until the answer begins with `answer`. */
static bool
answers(int *fd, bool *said, const struct sockaddr *to, socklen_t size, const char *say, size_t say_size,
	const char *answer)
{
	char text[64];
	ssize_t n;

	if (*fd < 0) {
		*fd = socket(to->sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
		*said = false;
	}
	if (*fd < 0)
		return false;
	if (!*said) {
		if (connect(*fd, to, size) < 0 && errno != EISCONN) {
			if (errno != EINPROGRESS && errno != EALREADY) {
				close(*fd);
				*fd = -1;
			}
			return false;
		}
		if (say_size > 0 && send(*fd, say, say_size, MSG_NOSIGNAL) != (ssize_t) say_size)
			return false;
		*said = true;
	}
	n = recv(*fd, text, sizeof(text) - 1, 0);
	if (n < 0 && errno == EAGAIN)
		return false;
	close(*fd);
	*fd = -1;
	return n > 0 && strncmp(text, answer, strlen(answer)) == 0;
}

static bool
dbus_is_up(const struct begun *begun)
{
	static int fd = -1;
	static bool said;
	static const struct sockaddr_un bus = { .sun_family = AF_UNIX, .sun_path = "/run/dbus/system_bus_socket" };
	static const char hello[] = "\0AUTH EXTERNAL 30\r\n";

	(void) begun;
	return answers(&fd, &said, (const struct sockaddr *) &bus, sizeof(bus), hello, sizeof(hello) - 1, "OK ");
}

static bool
ssh_is_up(const struct begun *begun)
{
	static int fd = -1;
	static bool said;
	struct sockaddr_in port = { .sin_family = AF_INET,
				    .sin_port = htons(22),
				    .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };

	(void) begun;
	return answers(&fd, &said, (const struct sockaddr *) &port, sizeof(port), NULL, 0, "SSH-");
}

/* It writes that it has started when it has opened all its inputs. */
static bool
rsyslog_is_up(const struct begun *begun)
{
	static char text[1 << 18];

	(void) begun;
	return read_file("/var/log/syslog", text, sizeof(text)) > 0 && strstr(text, "] start") != NULL;
}

/* The pid file is written, and locked, just before the first look at the tables. */
static bool
cron_is_up(const struct begun *begun)
{
	char text[16];

	(void) begun;
	return read_file("/run/crond.pid", text, sizeof(text)) > 0;
}

/* All devices that were there before have their names, the disk among them. */
static bool
udev_is_up(const struct begun *begun)
{
	char path[64];

	snprintf(path, sizeof(path), "/run/udev/data/b%u:%u", begun->disk_id >> 8, begun->disk_id & 0xff);
	return access(path, F_OK) == 0;
}

/* Is this a getty that has opened the serial line and waits for a name? */
static bool
is_waiting_getty(int pid)
{
	char path[64], text[512];
	ssize_t n;
	long call;

	snprintf(path, sizeof(path), "/proc/%d/comm", pid);
	if (pid <= 0 || read_file(path, text, sizeof(text)) < 0 || strstr(text, "getty") == NULL)
		return false;
	snprintf(path, sizeof(path), "/proc/%d/fd/0", pid);
	n = readlink(path, text, sizeof(text) - 1);
	if (n < 0)
		return false;
	text[n] = '\0';
	snprintf(path, sizeof(path), "/proc/%d/syscall", pid);
	if (strcmp(text, "/dev/ttyS0") != 0 || read_file(path, text, sizeof(text)) < 0 ||
	    sscanf(text, "%ld", &call) != 1)
		return false;
	return call == SYS_read || call == SYS_select || call == SYS_pselect6 || call == SYS_poll || call == SYS_ppoll;
}

static bool
getty_is_up(const struct begun *begun)
{
	static int looks;
	bool found = false;
	struct dirent *entry;
	DIR *dir;

	(void) begun;
	if (looks++ % GETTY_LOOKS != 0 || (dir = opendir("/proc")) == NULL)
		return false;
	while (!found && (entry = readdir(dir)) != NULL)
		found = is_waiting_getty(atoi(entry->d_name));
	closedir(dir);
	return found;
}

static const struct service {
	const char *name;
	bool (*is_up)(const struct begun *begun);
} services[] = {
	{ "udev", udev_is_up }, { "rsyslog", rsyslog_is_up }, { "dbus", dbus_is_up },
	{ "cron", cron_is_up }, { "ssh", ssh_is_up },	      { "getty", getty_is_up },
};

/* ---- memory ---- */

/* Print name, program and memory in KiB of each process of user space but this one. */
static void
say_processes(FILE *out)
{
	struct dirent *entry;
	const char *comma = "";
	DIR *dir = opendir("/proc");

	while (dir != NULL && (entry = readdir(dir)) != NULL) {
		char path[64], text[1024], exe[256], name[64];
		const char *pss, *rss;
		int pid = atoi(entry->d_name);
		ssize_t n;

		if (pid <= 0 || pid == getpid())
			continue;
		snprintf(path, sizeof(path), "/proc/%d/exe", pid);
		n = readlink(path, exe, sizeof(exe) - 1);
		if (n <= 0)
			continue; /* of the kernel */
		exe[n] = '\0';
		snprintf(path, sizeof(path), "/proc/%d/comm", pid);
		if (read_file(path, name, sizeof(name)) < 0)
			continue;
		name[strcspn(name, "\n")] = '\0';
		snprintf(path, sizeof(path), "/proc/%d/smaps_rollup", pid);
		if (read_file(path, text, sizeof(text)) < 0 || (pss = strstr(text, "\nPss:")) == NULL ||
		    (rss = strstr(text, "\nRss:")) == NULL)
			continue;
		fprintf(out, "%s{\"pid\": %d, \"name\": \"%s\", \"exe\": \"%s\", \"pss\": %ld, \"rss\": %ld}", comma,
			pid, name, exe, strtol(pss + 5, NULL, 10), strtol(rss + 5, NULL, 10));
		comma = ", ";
	}
	if (dir != NULL)
		closedir(dir);
}

/* ---- the two sides ---- */

static void
watch(const struct begun *begun, FILE *out)
{
	double up[ARRAY_LEN(services)] = { 0 };
	size_t missing = ARRAY_LEN(services);
	double busy;
	char text[4096];
	const char *forks;

	while (missing > 0 && now_ms() - begun->at < GIVE_UP_MS) {
		for (size_t i = 0; i < ARRAY_LEN(services); i++) {
			if (up[i] == 0 && services[i].is_up(begun)) {
				up[i] = now_ms() - begun->at;
				missing--;
			}
		}
		if (missing > 0)
			pause_ms(LOOK_MS);
	}
	busy = busy_ms() - begun->busy;
	forks = read_file("/proc/stat", text, sizeof(text)) > 0 ? strstr(text, "\nprocesses ") : NULL;
	fprintf(out, "{\"busy\": %.0f, \"forks\": %ld, \"services\": {", busy,
		forks != NULL ? strtol(forks + 11, NULL, 10) : 0L);
	for (size_t i = 0; i < ARRAY_LEN(services); i++)
		fprintf(out, "%s\"%s\": %.0f", i > 0 ? ", " : "", services[i].name, up[i]);
	pause_ms(REST_MS);
	fprintf(out, "}, \"processes\": [");
	say_processes(out);
	fprintf(out, "]}\n");
	fflush(out);
	fsync(fileno(out));
	pause_ms(200); /* the line is slow */
	reboot(RB_POWER_OFF);
	_exit(0);
}

static void
fail(const char *what)
{
	fprintf(stderr, "boot_probe: %s: %s\n", what, strerror(errno));
	reboot(RB_POWER_OFF);
}

/* Load /modules/NN-NAME.ko, in the order of their numbers. */
static void
load_modules(void)
{
	struct dirent **entries;
	int n = scandir("/modules", &entries, NULL, alphasort);

	for (int i = 0; i < n; i++) {
		char path[512];
		int fd;

		snprintf(path, sizeof(path), "/modules/%s", entries[i]->d_name);
		fd = open(path, O_RDONLY | O_CLOEXEC);
		if (entries[i]->d_name[0] != '.' && syscall(SYS_finit_module, fd, "", 0) < 0 && errno != EEXIST)
			fail(path);
		close(fd);
	}
}

int
main(void)
{
	struct begun *begun = mmap(NULL, sizeof(*begun), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	struct stat st;
	FILE *out;
	pid_t child;

	if (getpid() != 1) {
		fprintf(stderr, "boot_probe: this is the first program of a machine, see bench/boot\n");
		return 2;
	}
	mount("dev", "/dev", "devtmpfs", 0, NULL);
	mount("proc", "/proc", "proc", 0, NULL);
	if (begun == MAP_FAILED || freopen("/dev/console", "w", stderr) == NULL)
		fail("/dev/console");
	load_modules();
	while (stat(disk, &st) < 0)
		pause_ms(1);
	begun->disk_id = major(st.st_rdev) << 8 | minor(st.st_rdev);
	if (mount(disk, "/root", "ext4", MS_RDONLY, NULL) < 0)
		fail("mount /root");
	out = fopen("/dev/ttyS1", "we");
	if (out == NULL)
		fail("/dev/ttyS1");
	begun->busy = busy_ms();
	umount("/proc");
	if (mount("/dev", "/root/dev", NULL, MS_MOVE, NULL) < 0 || chdir("/root") < 0 ||
	    mount(".", "/", NULL, MS_MOVE, NULL) < 0 || chroot(".") < 0 || chdir("/") < 0)
		fail("the new root");
	child = fork();
	if (child == 0) {
		setsid();
		while (begun->at == 0)
			pause_ms(1);
		watch(begun, out);
	}
	fclose(stderr);
	(void) !freopen("/dev/console", "r", stdin);
	(void) !freopen("/dev/console", "w", stdout);
	(void) !dup2(1, 2);
	begun->at = now_ms();
	execl("/sbin/init", "/sbin/init", NULL);
	fail("/sbin/init");
	return 1;
}
