/* SPDX-License-Identifier: MIT */
#include "init/second.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "common/private.h"
#include "init/omit.h"
#include "init/servants.h"
#include "system/listen.h"
#include "system/mounts.h"

/* What lies at its place, as far as it can be told apart. */
static void
look(struct second_place *place)
{
	struct stat st;

	*place = (struct second_place) { 0 };
	if (lstat(PRIVATE_RUN_PATH, &st) == 0 && S_ISSOCK(st.st_mode))
		*place = (struct second_place) { st.st_dev, st.st_ino };
}

void
second_open(struct init *init)
{
	const char *address = listen_second_address();

	if (!init_is_system(init) || address == NULL || init->second_fd >= 0)
		return;
	init->second_fd = listen_open(address);
	if (init->second_fd < 0) {
		log_info("Unable to listen at %s: %s", address, strerror(-init->second_fd));
		init->second_fd = -1;
	}
}

/* The number stays, which the journal knows. control gets its sockets at its start: it ends, and another starts. */
static void
replace(struct init *init)
{
	const struct msg_shutdown end = { .why = SHUTDOWN_END };
	int fd = listen_open(listen_second_address());

	if (fd < 0) {
		log_info("Unable to listen at %s: %s", listen_second_address(), strerror(-fd));
		return;
	}
	if (init->second_fd >= 0) {
		(void) dup3(fd, init->second_fd, O_CLOEXEC);
		(void) close(fd);
	} else {
		init->second_fd = fd;
		init->state.damaged = true; /* that there is one is written down */
	}
	log_info("%s is hidden by another file system, and made anew", PRIVATE_RUN_PATH);
	(void) !servants_send(init, SERVANT_CONTROL, MSG_SHUTDOWN, 0, &end, NULL, 0);
}

static void
mounts_cb(unsigned events, void *data)
{
	struct init *init = data;
	struct second_place now;

	(void) events;
	mounts_heard(init->second.fd);
	look(&now);
	if (init->phase >= PHASE_LEAVING || (now.dev == init->second.place.dev && now.ino == init->second.place.ino))
		return;
	omit_write(init);
	replace(init);
	look(&init->second.place);
}

void
second_watch(struct init *init)
{
	init->second.fd = -1;
	if (!init_is_system(init) || listen_second_address() == NULL)
		return;
	look(&init->second.place);
	init->second.fd = mounts_watch();
	if (init->second.fd < 0)
		log_debug("Nobody tells what is mounted over /run: %s", strerror(-init->second.fd));
	else
		init->second.source = loop_fd_new(init->loop, init->second.fd, LOOP_READ, mounts_cb, init);
}

void
second_deinit(struct init *init)
{
	init->second.source = loop_fd_free(init->second.source);
	if (init->second.fd >= 0)
		(void) close(init->second.fd);
	init->second.fd = -1;
}
