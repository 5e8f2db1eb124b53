/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * What all bridges share (bridges.md section 1).
 *
 * A bridge is an ordinary program that turns notices from the outside world into events of an init. This part has its
 * command line, the connection to init that comes back by itself, the picture of which jobs ask for what, the queue of
 * events on their way, what a daemon does, and the loop. A bridge adds where the notices come from:
 *
 *	struct mine {
 *		struct bridge_options common; // first
 *		bool always;
 *	};
 *	static const struct bridge_program program = { … };
 *	int main(int argc, char **argv) { struct mine mine = { 0 }; return bridge_main(argc, argv, &program, &mine); }
 *
 * Everything runs in one thread, from the loop. A bridge ends with status 0 on SIGTERM, and with 1 when it cannot start
 * or init does not come back within 10 s.
 */

#include <event2/event.h>

#include "bridges/filter.h"
#include "bridges/peer.h"
#include "bridges/terms.h"
#include "initctl/tool.h"

struct bridge;

/* What the command line says to all bridges; OPTION offsets count from this structure's beginning. */
struct bridge_options {
	bool user;
	bool daemon;
	const char *ready; /* borrowed, as all here */
	const char *queue;
};

/* --daemon, --ready, --queue: every bridge takes them. */
extern const struct option_spec bridge_options_common[];
/* --user: for bridges that serve the system and sessions. */
extern const struct option_spec bridge_options_user[];

struct bridge_program {
	const struct tool_help *help;
	bool session_only; /* always as with --user */
	unsigned filter;   /* enum filter_flags */

	/*
	 * Make what the notices come from; called after init has been reached. `data` is what bridge_main() was given,
	 * its options read. 0, or a negative errno with a text for the user; then the program ends.
	 */
	int (*open)(struct bridge *bridge, void *data, struct error *err);
	/* Undo it; also called when open failed. */
	void (*close)(struct bridge *bridge, void *data);
	bool details; /* the terms of `while`, and names and files of the jobs are wanted, too */

	/* The jobs ask for something else than before; the first time: this is what they ask for. May be NULL. */
	void (*jobs_changed)(struct bridge *bridge, void *data);
	/* An event of init is over. May be NULL. */
	void (*event)(struct bridge *bridge, void *data, const char *name, char *const *env);
	/* Init is there, for the first time or again. May be NULL. */
	void (*up)(struct bridge *bridge, void *data);
};

/* The whole program. Returns the exit status. */
int bridge_main(int argc, char **argv, const struct bridge_program *program, void *data);

/* ---- for the bridge's own part; borrowed, all of them ---- */

struct event_base *bridge_base(struct bridge *bridge);
const struct terms *bridge_terms(const struct bridge *bridge);
/* The filter that bridge_emit() uses; `deny` and `allow` are the program's to set. */
struct filter *bridge_filter(struct bridge *bridge);

/* The bridge is not called ready until each hold is released; only before it is. The jobs hold it, too. */
void bridge_hold(struct bridge *bridge);
void bridge_release(struct bridge *bridge);

/*
 * Queue the event for init, which is not waited for: `env` is filtered; the name is repaired like a value. When there
 * is no room it is dropped, which is logged.
 */
void bridge_emit(struct bridge *bridge, const char *name, char *const *env);

/*
 * The same for an event that is the answer to a condition: its values are compared as they are written there, and only
 * the job or instance at the object path `only` may take it. An init that knows no such thing gets a plain event.
 */
void bridge_emit_to(struct bridge *bridge, const char *name, char *const *env, const char *only);

/* Call init; see peer_call(). */
int must_check bridge_call(struct bridge *bridge, DBusMessage *message, peer_reply_fn reply, void *data,
			   void (*release)(void *data));
/* Its D-Bus address; borrowed. */
const char *bridge_address(const struct bridge *bridge);

/* End the program with this status once the present turn of the loop is over. The reason should have been logged. */
void bridge_end(struct bridge *bridge, int status);
