/* SPDX-License-Identifier: MIT */
#include "bus/library.h"

#include <dbus/dbus.h>
#include <signal.h>
#include <stdlib.h>
#ifdef __GLIBC__
#include <malloc.h>
#endif

#include "common/log.h"

void
library_prepare(void)
{
	/* Should a check fail in spite of all care: a message on stderr, and on we go. */
	if (setenv("DBUS_FATAL_WARNINGS", "0", 1) < 0)
		log_warn("Unable to make the D-Bus library lenient");
	/* It sets SIGPIPE behind our back otherwise; we want it ignored in any case. */
	dbus_connection_set_change_sigpipe(FALSE);
	(void) signal(SIGPIPE, SIG_IGN);
}

void
library_trim(void)
{
#ifdef __GLIBC__
	(void) malloc_trim(0);
#endif
}
