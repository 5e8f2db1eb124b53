/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * Terminals as the spawner makes them for jobs: output is not changed on its way.
 */

#include <fcntl.h>
#include <termios.h>

#include "unit.h"

struct tty {
	int master;
	int slave;
};

static inline struct tty
tty_open(void)
{
	struct tty t;
	struct termios io;

	t.master = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
	assert_true(t.master >= 0);
	assert_int_equal(grantpt(t.master), 0);
	assert_int_equal(unlockpt(t.master), 0);
	t.slave = open(ptsname(t.master), O_RDWR | O_NOCTTY | O_CLOEXEC);
	assert_true(t.slave >= 0);
	assert_int_equal(tcgetattr(t.slave, &io), 0);
	io.c_oflag &= ~(tcflag_t) (ONLCR | OPOST);
	assert_int_equal(tcsetattr(t.slave, TCSANOW, &io), 0);
	return t;
}

static inline void
tty_close(struct tty *t)
{
	if (t->slave >= 0)
		close(t->slave);
	if (t->master >= 0)
		close(t->master);
	*t = (struct tty){ -1, -1 };
}
