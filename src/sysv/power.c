/* SPDX-License-Identifier: MIT */
#include "sysv/power.h"

#include <errno.h>
#include <linux/reboot.h>
#include <sys/reboot.h>
#include <sys/syscall.h>
#include <unistd.h>

int
power_act(enum power power, const char *argument)
{
	int r = 0;

	/* Whatever happens now, the keys shall help. */
	(void) reboot(RB_ENABLE_CAD);
	switch (power) {
	case POWER_REBOOT:
		/* libc's reboot() has no argument. */
		if (argument)
			r = (int) syscall(SYS_reboot, LINUX_REBOOT_MAGIC1, LINUX_REBOOT_MAGIC2,
					  LINUX_REBOOT_CMD_RESTART2, argument);
		else
			r = reboot(RB_AUTOBOOT);
		break;
	case POWER_HALT:
		r = reboot(RB_HALT_SYSTEM);
		break;
	case POWER_OFF:
		r = reboot(RB_POWER_OFF);
		break;
	}
	r = r < 0 ? -errno : -EIO;
	(void) reboot(RB_DISABLE_CAD);
	return r;
}
