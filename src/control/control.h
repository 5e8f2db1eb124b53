/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * The mouth of init: what the files of this room share.
 *
 * A client's method call becomes a struct call (call.h), is checked against the tables (table.h),
 * travels to init over the link (link.h) and is answered when init's reply comes back. Connections
 * are peers (peer.h); one of them may be a message bus (bus.h). Everything hangs from one struct control.
 */

#include <dbus/dbus.h>
#include <event2/event.h>
#include <sys/types.h>

#include "common/map.h"
#include "common/msg.h"

#define BUS_NAME "com.ubuntu.Upstart"

#define MANAGER_PATH "/com/ubuntu/Upstart"
#define JOBS_PATH MANAGER_PATH "/jobs"

#define INTERFACE_MANAGER "com.ubuntu.Upstart0_6"
#define INTERFACE_JOB "com.ubuntu.Upstart0_6.Job"
#define INTERFACE_INSTANCE "com.ubuntu.Upstart0_6.Instance"
#define INTERFACE_MANAGER2 "com.ubuntu.Upstart2"
#define INTERFACE_JOB2 "com.ubuntu.Upstart2.Job"
#define INTERFACE_INSTANCE2 "com.ubuntu.Upstart2.Instance"

#define LISTEN_MAX 4 /* private addresses, and sockets handed over by init */

struct bound;
struct bus;
struct call;
struct link;
struct peer;
struct words;

struct options {
	enum init_mode mode;
	bool no_dbus;
	bool no_sandbox;
	const char *listen[LISTEN_MAX]; /* borrowed: argv */
	size_t n_listen;
	int listen_fds[LISTEN_MAX];
	size_t n_listen_fds;
};

struct control {
	struct options options;
	struct event_base *base; /* owned */
	uid_t uid;		 /* real uid of init, which is ours */
	bool pid1;		 /* init is process 1: some members are refused */
	bool trusting;		 /* callers need no check: control.md 1.5 */
	bool chroot_sessions;	 /* clients in a chroot are told apart */
	bool serving;		 /* the first HELLO has come */
	bool ending;		 /* the last message has come: nothing new is accepted */
	char *program;		 /* owned: what init calls itself */

	struct link *link; /* owned */
	struct bus *bus;   /* owned */
	struct bound *bound; /* owned: connections of the bus whose end is told */
	struct words *words; /* owned list: of the processes that say something */

	bool audience; /* init believes that there are subscribers */

	struct peer *peers; /* owned, oldest first */
	size_t n_peers;
	size_t crowd; /* the most peers there were since memory was given back */
	size_t max_peers;
	bool full; /* the last private client was turned away */
	DBusServer *servers[LISTEN_MAX]; /* refs */
	size_t n_servers;

	struct call *calls; /* owned, oldest first */
	struct map by_number;
	size_t n_calls;
	size_t call_bytes;
	uint64_t counter; /* the last number given; the generation is in its upper half */
};

/* Set up what `options` say and wait for init's HELLO (once the loop runs). 0 or a negative errno; then deinit, too. */
int must_check control_init(struct control *control);
void control_deinit(struct control *control);
/* The first HELLO has come: listen, join the bus, drop what is not needed any more. */
void control_serve(struct control *control);
/* Microseconds of a clock that only goes forward. */
usec_t control_now(void);
/* Answer what is pending, flush for at most a second, and leave the loop. */
void control_end(struct control *control);
