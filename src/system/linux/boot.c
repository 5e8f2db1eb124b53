/* SPDX-License-Identifier: MIT */
/*
 * Boot of a Linux machine, or of a PID namespace: the steps of runtime.md 14.1, in their order.
 */
#include "system/boot.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/kd.h>
#include <linux/reboot.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <termios.h>

#include "common/log.h"
#include "common/str.h"
#include "system/mounts.h"

#define FIRST_PID_NAMESPACE 0xEFFFFFFCu /* its inode, fixed by the kernel */

struct device {
	const char *path;
	mode_t mode;
	unsigned major, minor;
};

static const struct device devices[] = {
	{ "/dev/null", 0666, 1, 3 },
	{ "/dev/tty", 0666, 5, 0 },
	{ "/dev/console", 0600, 5, 1 },
	{ "/dev/kmsg", 0600, 1, 11 },
};

static const struct device ptmx = { "/dev/ptmx", 0666, 5, 2 };

static void
make_device(const struct device *d)
{
	if (mknod(d->path, S_IFCHR | d->mode, makedev(d->major, d->minor)) < 0 && errno != EEXIST)
		log_warn("Unable to create device: %s: %s", d->path, strerror(errno));
}

static void
mount_unless(const char *type, const char *path, unsigned long flags, const char *options)
{
	if (mounts_has(path))
		return;
	if (mount(type, path, type, flags, options) < 0)
		log_warn("Unable to mount %s filesystem: %s", path, strerror(errno));
}

/* Control groups for jobs, where a kernel has them and nobody has mounted any. Without them jobs are no worse off. */
static void
mount_groups(void)
{
	static const char path[] = "/sys/fs/cgroup";

	if (!mounts_has(path) && mount("cgroup2", path, "cgroup2", MS_NODEV | MS_NOEXEC | MS_NOSUID, NULL) < 0)
		log_debug("No control groups at %s: %s", path, strerror(errno));
}

/* The group that may write records of logins. Only the local file is asked: others could take their time. */
static gid_t
login_group(void)
{
	FILE *file = fopen("/etc/group", "re");
	char *line = NULL;
	size_t size = 0;
	unsigned gid = 0;

	while (file != NULL && getline(&line, &size, file) >= 0)
		if (sscanf(line, "utmp:%*[^:]:%u:", &gid) == 1 || sscanf(line, "utmp::%u:", &gid) == 1)
			break;
	free(line);
	if (file != NULL)
		(void) fclose(file);
	return gid;
}

/* What lay there on the disk is of another boot. The tools write records only where a file for them is. */
static void
mount_run(void)
{
	static const char utmp[] = "/run/utmp";
	int fd;

	if (mounts_has("/run"))
		return;
	(void) mkdir("/run", 0755);
	if (mount("tmpfs", "/run", "tmpfs", MS_NODEV | MS_NOSUID, "mode=0755,size=20%") < 0) {
		log_warn("Unable to mount /run filesystem: %s", strerror(errno));
		return;
	}
	fd = open(utmp, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0664);
	if (fd < 0 || fchown(fd, 0, login_group()) < 0)
		log_warn("Unable to make %s: %s", utmp, strerror(errno));
	if (fd >= 0)
		(void) close(fd);
}

static void
prepare_devices(void)
{
	struct stat st;
	bool has_ptmx =
	    stat(ptmx.path, &st) == 0 && S_ISCHR(st.st_mode) && st.st_rdev == makedev(ptmx.major, ptmx.minor);
	bool has_pts = stat("/dev/pts", &st) == 0 && S_ISDIR(st.st_mode);

	if (!has_ptmx || !has_pts) {
		/* Busy: an earlier program of this boot, or the kernel, has mounted it. */
		if (mount("none", "/dev", "devtmpfs", MS_NOEXEC | MS_NOSUID, NULL) < 0 && errno != EBUSY)
			log_warn("Unable to mount /dev filesystem: %s", strerror(errno));
		make_device(&ptmx);
		if (mkdir("/dev/pts", 0755) < 0 && errno != EEXIST)
			log_warn("Unable to create /dev/pts: %s", strerror(errno));
	}
	mount_unless("devpts", "/dev/pts", MS_NOEXEC | MS_NOSUID, "gid=5,mode=0620");
	for (size_t i = 0; i < ARRAY_SIZE(devices); i++)
		make_device(&devices[i]);
}

/* The terminal as people expect it to be. */
static void
reset_terminal(int fd)
{
	struct termios t;

	if (tcgetattr(fd, &t) < 0)
		return;
	t.c_cflag &= CBAUD | CBAUDEX | CSIZE | CSTOPB | PARENB | PARODD;
	t.c_cflag |= HUPCL | CLOCAL | CREAD;
	t.c_cc[VINTR] = 'C' - '@';
	t.c_cc[VQUIT] = '\\' - '@';
	t.c_cc[VERASE] = 0x7f;
	t.c_cc[VKILL] = 'X' - '@';
	t.c_cc[VEOF] = 'D' - '@';
	t.c_cc[VSTART] = 'Q' - '@';
	t.c_cc[VSTOP] = 'S' - '@';
	t.c_cc[VSUSP] = 'Z' - '@';
	t.c_iflag = IGNPAR | ICRNL | IXON | IXANY;
	t.c_oflag = OPOST | ONLCR;
	t.c_lflag = ISIG | ICANON | ECHO | ECHOCTL | ECHOPRT | ECHOKE;
	(void) tcsetattr(fd, TCSANOW, &t);
	(void) tcflush(fd, TCIOFLUSH);
}

/* Descriptors 0-2 to one file; never waits for a line that is not ready. 0 or a negative errno. */
static int
open_on_standard(const char *path)
{
	int fd = open(path, O_RDWR | O_NOCTTY | O_NONBLOCK);
	int flags;

	if (fd < 0)
		return -errno;
	flags = fcntl(fd, F_GETFL);
	(void) fcntl(fd, F_SETFL, flags & ~O_NONBLOCK);
	for (int i = STDIN_FILENO; i <= STDERR_FILENO; i++)
		if (fd != i)
			(void) dup2(fd, i);
	if (fd > STDERR_FILENO)
		(void) close(fd);
	return 0;
}

static void
prepare_console(bool again)
{
	int r = open_on_standard("/dev/console");

	if (r < 0) {
		log_warn("Unable to initialize console, will try /dev/null: %s", strerror(-r));
		(void) !open_on_standard("/dev/null");
	} else if (!again) {
		reset_terminal(STDIN_FILENO);
	}
}

void
boot_prepare(bool again, bool groups)
{
	(void) setsid();
	(void) umask(0);
	prepare_devices();
	prepare_console(again);
	(void) setenv("PATH", BOOT_PATH, 1);
	if (chdir("/") < 0)
		log_warn("Unable to change to the root directory: %s", strerror(errno));
	mount_unless("proc", "/proc", MS_NODEV | MS_NOEXEC | MS_NOSUID, NULL);
	mount_unless("sysfs", "/sys", MS_NODEV | MS_NOEXEC | MS_NOSUID, NULL);
	if (groups && !again)
		mount_groups();
	if (!again && boot_owns_machine())
		mount_run();
	/* Ctrl-Alt-Del and Alt-Up as signals to us. In a container neither is ours to ask for. */
	(void) reboot(RB_DISABLE_CAD);
	(void) ioctl(STDIN_FILENO, KDSIGACCEPT, SIGWINCH);
}

void
boot_leave_console(void)
{
	(void) !open_on_standard("/dev/null");
}

bool
boot_owns_machine(void)
{
	struct stat st;

	if (stat("/proc/self/ns/pid", &st) == 0)
		return st.st_ino == FIRST_PID_NAMESPACE;
	/* A kernel that knows no PID namespaces. */
	return errno == ENOENT && stat("/proc/self", &st) == 0;
}

int
boot_end(enum boot_end how, const char *argument)
{
	long r;

	if (how == BOOT_END_RESTART && argument != NULL) /* libc's reboot() has none */
		r = syscall(SYS_reboot, LINUX_REBOOT_MAGIC1, LINUX_REBOOT_MAGIC2, LINUX_REBOOT_CMD_RESTART2, argument);
	else
		r = reboot(how == BOOT_END_RESTART ? RB_AUTOBOOT : how == BOOT_END_HALT ? RB_HALT_SYSTEM : RB_POWER_OFF);
	return r < 0 ? -errno : -EIO;
}

const char *
boot_log_path(void)
{
	return "/dev/kmsg";
}
