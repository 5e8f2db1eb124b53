/* SPDX-License-Identifier: MIT */
#include "init/session.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "common/env.h"
#include "common/folder.h"
#include "init/down.h"
#include "init/last.h"
#include "init/reexec.h"
#include "init/servant_exec.h"
#include "init/servants.h"
#include "system/clock.h"
#include "system/listen.h"

#define FAREWELL (2 * USEC_PER_SEC) /* for the servants' last words */
#define FAREWELL_SYSTEM (10 * USEC_PER_SEC)
#define TICK USEC_PER_SEC

/*
 * Never through what somebody else has put there, and whole at once: what lies there may be of another session with
 * that pid, or our own of before a re-exec, which others read meanwhile. A name that does not end in .session is
 * ignored.
 */
static int
write_file(const char *path, const char *text)
{
	auto_free char *draft = str_printf("%s.new", path);
	size_t n = strlen(text);
	int fd, r = 0;

	if (draft == NULL)
		return -ENOMEM;
	(void) unlink(draft);
	fd = open(draft, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0644);
	if (fd < 0)
		return -errno;
	if (write(fd, text, n) != (ssize_t) n)
		r = -EIO;
	(void) close(fd);
	if (r == 0 && rename(draft, path) < 0)
		r = -errno;
	if (r < 0)
		(void) unlink(draft);
	return r;
}

void
session_announce(struct init *init)
{
	const char *dir = env_get(init->own_env, "XDG_RUNTIME_DIR");
	auto_free char *folder = NULL;
	auto_free char *text = NULL;
	int r;

	if (init->address == NULL)
		return;
	if (dir == NULL || *dir != '/') {
		log_warn("XDG_RUNTIME_DIR is %s%s: `initctl list-sessions' will not show this session",
			 dir == NULL ? "not set" : "no absolute path: ", dir != NULL ? dir : "");
		return;
	}
	folder = str_printf("%s/upstart/sessions", dir);
	text = str_printf("UPSTART_SESSION=%s\n", init->address);
	if (folder != NULL)
		init->session_file = str_printf("%s/%d.session", folder, (int) getpid());
	if (text == NULL || init->session_file == NULL) {
		log_error("unable to create session file: %s", strerror(ENOMEM));
		return;
	}
	r = folder_make(folder, 0700);
	if (r == 0)
		r = write_file(init->session_file, text);
	if (r < 0)
		log_error("unable to %s session file: %s", r == -EIO ? "write" : "create", init->session_file);
}

/* All servants have: a machine is unmounted and ended, another init leaves. */
static void
gone(struct init *init)
{
	if (init->phase != PHASE_LEAVING)
		return;
	if (init->phase_timer != NULL)
		loop_timer_cancel(init->phase_timer);
	if (init_is_machine(init))
		down_begin(init);
	else
		init->phase = PHASE_GONE;
}

static usec_t
farewell_of(const struct init *init)
{
	return init_is_system(init) ? FAREWELL_SYSTEM : FAREWELL;
}

/* Whoever goes down with a machine or a container is watched. */
static void
tell(const struct init *init, usec_t now)
{
	unsigned seconds = (unsigned) ((now - init->left_at) / USEC_PER_SEC);

	for (int i = 0; init_is_system(init) && i < SERVANT_COUNT; i++)
		if (init->servants[i].pid != 0)
			log_message("waiting for %s: %u of %u s", servant_name((enum servant_id) i), seconds,
				    (unsigned) (farewell_of(init) / USEC_PER_SEC));
}

static void
farewell_cb(void *data)
{
	struct init *init = data;
	usec_t now = clock_now();

	if (now < init->left_at + farewell_of(init)) {
		tell(init, now);
		loop_timer_set(init->phase_timer, now + TICK);
		return;
	}
	if (init_is_system(init))
		log_warn("The servants take too long: they are ended");
	gone(init);
}

void
session_leave(struct init *init, int status)
{
	if (init->phase >= PHASE_LEAVING)
		return;
	reexec_forget(init);
	init->phase = PHASE_LEAVING;
	init->left_at = clock_now();
	init->exit_status = status;
	if (init->session_file != NULL)
		(void) unlink(init->session_file);
	if (init->address != NULL)
		listen_remove(init->address);
	if (init->phase_timer != NULL)
		loop_timer_cancel(init->phase_timer);
	init->phase_timer = loop_timer_free(init->phase_timer);
	init->phase_timer = loop_timer_new(init->loop, farewell_cb, init);
	if (init->phase_timer == NULL)
		gone(init);
	else
		loop_timer_set(init->phase_timer, init->left_at + TICK);
}

void
session_hurry(struct init *init)
{
	if (init->phase != PHASE_LEAVING || !init->shutdown_told)
		return;
	log_message("The servants are not waited for, as was asked for");
	gone(init);
}

void
session_turn(struct init *init)
{
	if (init->phase != PHASE_LEAVING)
		return;
	/* What the core had to say in the same breath has been sent by now. */
	if (!init->shutdown_told) {
		init->shutdown_told = true;
		servants_shutdown(init);
	}
	if (servants_all_gone(init) && last_is_written(init))
		gone(init);
}
