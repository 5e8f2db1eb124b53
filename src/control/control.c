/* SPDX-License-Identifier: MIT */
/*
 * The life of the servant: limits and descriptors, serving from the first HELLO, and the orderly end.
 */
#include "control/control.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

#include "common/log.h"
#include "control/bus.h"
#include "control/call.h"
#include "control/link.h"
#include "control/peer.h"
#include "control/sandbox.h"
#include "control/words.h"

#define FLUSH_USEC USEC_PER_SEC
#define FD_ASIDE 32    /* where descriptors wait while 3, 4 … are put in order */
#define FD_RESERVE 64  /* descriptors kept for everything that is not a client, at least, */
#define FD_BUS 384     /* and, where there are many, for those that come over a bus */
#define FD_LIMIT 16384 /* no more are asked for */

/* Replace *fd by a copy at FD_ASIDE or above. */
static int
move_aside(int *fd)
{
	int copy = fcntl(*fd, F_DUPFD_CLOEXEC, FD_ASIDE);

	if (copy < 0)
		return -errno;
	(void) close(*fd);
	*fd = copy;
	return 0;
}

/*
 * Listening sockets have to lie at 3, 4 … for libdbus to find them, so the link goes elsewhere.
 * Returns the link's descriptor or a negative errno.
 */
static int
arrange_descriptors(struct options *options)
{
	int link = IPC_SERVANT_FD;
	int r;

	if (options->n_listen_fds == 0)
		return link;
	r = move_aside(&link);
	for (size_t i = 0; r == 0 && i < options->n_listen_fds; i++)
		r = move_aside(&options->listen_fds[i]);
	for (size_t i = 0; r == 0 && i < options->n_listen_fds; i++) {
		int place = IPC_SERVANT_FD + (int) i;

		if (dup2(options->listen_fds[i], place) < 0)
			return -errno;
		(void) close(options->listen_fds[i]);
		(void) fcntl(place, F_SETFD, FD_CLOEXEC);
		options->listen_fds[i] = place;
	}
	return r < 0 ? r : link;
}

/* As many clients as the limit on descriptors lets in. */
static size_t
raise_limits(void)
{
	struct rlimit limit;
	size_t reserve;

	if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
		return FD_RESERVE;
	if (limit.rlim_cur < FD_LIMIT) {
		limit.rlim_cur = limit.rlim_max < FD_LIMIT ? limit.rlim_max : FD_LIMIT;
		(void) setrlimit(RLIMIT_NOFILE, &limit);
		(void) getrlimit(RLIMIT_NOFILE, &limit);
	}
	reserve = limit.rlim_cur / 4 < FD_BUS ? (size_t) limit.rlim_cur / 4 : FD_BUS;
	if (reserve < FD_RESERVE)
		reserve = FD_RESERVE;
	return limit.rlim_cur > 2 * reserve ? (size_t) limit.rlim_cur - reserve : reserve;
}

usec_t
control_now(void)
{
	struct timespec ts;

	(void) clock_gettime(CLOCK_MONOTONIC, &ts);
	return (usec_t) ts.tv_sec * USEC_PER_SEC + (usec_t) ts.tv_nsec / 1000;
}

void
control_serve(struct control *control)
{
	control->serving = true;
	if (control->options.mode != MODE_SESSION)
		peer_listen(control);
	bus_start(control);
	if (!control->options.no_sandbox)
		sandbox_enter(control->options.mode == MODE_SYSTEM);
}

void
control_end(struct control *control)
{
	if (control->ending)
		return;
	control->ending = true;
	peer_stop_listening(control);
	while (control->calls != NULL) {
		struct call *call = control->calls;

		if (call->message != NULL)
			call_error(call, DBUS_ERROR_NO_REPLY, "Upstart is ending");
		else
			call_free(call);
	}
	peer_flush_all(control, FLUSH_USEC);
	(void) event_base_loopbreak(control->base);
}

int
control_init(struct control *control)
{
	struct event_config *config = event_config_new();
	int link = arrange_descriptors(&control->options);

	if (config != NULL) {
		(void) event_config_set_flag(config, EVENT_BASE_FLAG_IGNORE_ENV | EVENT_BASE_FLAG_NOLOCK);
		control->base = event_base_new_with_config(config);
		event_config_free(config);
	}
	control->program = strdup("init");
	control->uid = getuid();
	control->pid1 =
	    control->options.mode == MODE_SYSTEM || (control->options.mode == MODE_SESSION && getppid() == 1);
	control->trusting = control->options.mode == MODE_USER || (control->uid != 0 && getppid() != 1);
	control->max_peers = raise_limits();
	if (link < 0)
		return link;
	if (control->base == NULL || control->program == NULL || bus_init(control) < 0)
		return -ENOMEM;
	return link_open(control, link);
}

void
control_deinit(struct control *control)
{
	peer_stop_listening(control);
	while (control->calls != NULL)
		call_free(control->calls);
	bus_deinit(control);
	while (control->peers != NULL)
		peer_free(control->peers);
	words_deinit(control);
	link_close(control);
	map_deinit(&control->by_number);
	if (control->base != NULL)
		event_base_free(control->base);
	log_set_sink(NULL, NULL);
	log_set_program("upstart-control");
	free(control->program);
	dbus_shutdown();
}
