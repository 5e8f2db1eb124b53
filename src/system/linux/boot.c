/* SPDX-License-Identifier: MIT */
/*
 * Boot of a Linux machine, or of a PID namespace: the steps of runtime.md 14.1, in their order.
 */
#include "system/boot.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/kd.h>
#include <signal.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <termios.h>

#include "common/log.h"
#include "common/str.h"

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

static bool
is_mount_point(const char *path)
{
	auto_free char *up = str_printf("%s/..", path);
	struct stat here, above;

	return up != NULL && stat(path, &here) == 0 && stat(up, &above) == 0 && here.st_dev != above.st_dev;
}

static void
mount_unless(const char *type, const char *path, unsigned long flags, const char *options)
{
	if (is_mount_point(path))
		return;
	if (mount(type, path, type, flags, options) < 0)
		log_warn("Unable to mount %s filesystem: %s", path, strerror(errno));
}

/* Control groups for jobs, where a kernel has them and nobody has mounted any. Without them jobs are no worse off. */
static void
mount_groups(void)
{
	static const char path[] = "/sys/fs/cgroup";

	if (!is_mount_point(path) && mount("cgroup2", path, "cgroup2", MS_NODEV | MS_NOEXEC | MS_NOSUID, NULL) < 0)
		log_debug("No control groups at %s: %s", path, strerror(errno));
}

static void
prepare_devices(void)
{
	struct stat st;
	bool has_ptmx =
	    stat(ptmx.path, &st) == 0 && S_ISCHR(st.st_mode) && st.st_rdev == makedev(ptmx.major, ptmx.minor);
	bool has_pts = stat("/dev/pts", &st) == 0 && S_ISDIR(st.st_mode);

	if (!has_ptmx || !has_pts) {
		if (mount("none", "/dev", "devtmpfs", MS_NOEXEC | MS_NOSUID, NULL) < 0)
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
	/* Ctrl-Alt-Del and Alt-Up as signals to us. In a container neither is ours to ask for. */
	(void) reboot(RB_DISABLE_CAD);
	(void) ioctl(STDIN_FILENO, KDSIGACCEPT, SIGWINCH);
}

void
boot_leave_console(void)
{
	(void) !open_on_standard("/dev/null");
}

const char *
boot_log_path(void)
{
	return "/dev/kmsg";
}
