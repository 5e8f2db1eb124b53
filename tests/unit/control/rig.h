/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * A stage for upstart-control: the test plays init on one side of it and the clients on the other, in one
 * thread. Every wait has a deadline and fails the test when it passes.
 */

#include <dbus/dbus.h>
#include <sys/types.h>

#include "common/msg.h"

#define RIG_CLIENTS_MAX 1200
#define RIG_WORDS_MAX 64

/* A message control sent to init, decoded. */
struct said {
	struct said *prev, *next;
	uint32_t type;
	uint64_t id;
	struct msg_request request; /* of MSG_REQUEST, MSG_QUERY */
	struct msg_ack ack;	    /* of MSG_ACK */
	int fds[IPC_MAX_FDS];
	size_t n_fds;
};

/* A signal a client got. */
struct heard {
	struct heard *prev, *next;
	DBusConnection *client; /* borrowed */
	DBusMessage *message;	/* ref */
};

struct rig {
	pid_t pid;	 /* control; 0 when it has been reaped */
	int status;	 /* its wait status then */
	struct ipc *ipc; /* init's end */
	char address[128];
	struct said *said;
	struct heard *heard;
	struct msg_said words[RIG_WORDS_MAX]; /* what processes said */
	int word_fds[RIG_WORDS_MAX];	      /* owned; what came with it, or -1 */
	size_t n_words;
	DBusConnection *clients[RIG_CLIENTS_MAX];
	size_t n_clients;
	uint64_t effect;   /* the last effect id given */
	uint64_t received; /* the highest message number control sent */
	uint64_t acked;	   /* control's last ACK */
	unsigned audiences; /* how often control said who listens, and what it said last */
	bool subscribers;
	bool silent;	   /* init acknowledges nothing */
	bool spying;	   /* calls that clients see (a monitor does) count as signals */
};

/* The descriptor limit of the next control, 0: ours. */
extern unsigned rig_nofile;

/*
 * Start control in a mode ("system", "user", "session") with more arguments (NULL-terminated, may be NULL) and say
 * HELLO. `env`: more variables for it. The private address is the rig's own.
 */
void rig_start(struct rig *rig, const char *mode, const char *const *args, const char *const *env);
/* Everything but the HELLO; listen_fd: hand a listening socket over. */
void rig_launch(struct rig *rig, const char *mode, const char *const *args, const char *const *env, bool listen_fd);
void rig_hello(struct rig *rig, const struct msg_hello *hello);
/* Say SHUTDOWN, wait for the end, check that it was an orderly one, free all. */
void rig_stop(struct rig *rig);
/* Wait for control to end by itself. */
void rig_wait_exit(struct rig *rig);

/* Let everybody do one step; false when the deadline of `begun` has passed. */
bool rig_turn(struct rig *rig);
/* Turn until cond holds; fails the test after a while. */
#define rig_until(rig, cond)                                                                                           \
	do {                                                                                                           \
		rig_deadline_start();                                                                                  \
		while (!(cond))                                                                                        \
			if (!rig_turn(rig))                                                                            \
				fail_msg("%s:%d: waited in vain for %s", __FILE__, __LINE__, #cond);                   \
	} while (0)
void rig_deadline_start(void);

/* The next message of an action (MSG_REQUEST or MSG_QUERY); the caller gives it to said_free(). */
struct said *rig_expect(struct rig *rig, enum request_action action);
/* True if control has said something that was not asked for yet. */
bool rig_has_said(const struct rig *rig);
void said_free(struct said *said);
/* Answer it: with an effect id if it was a request. Fills in the number. */
void rig_reply(struct rig *rig, const struct said *said, struct msg_reply *reply);
void rig_reply_file(struct rig *rig, const struct said *said, int fd); /* of a query, with a descriptor */
void rig_reply_error(struct rig *rig, const struct said *said, const char *error, const char *text);
void rig_reply_ok(struct rig *rig, const struct said *said);
void rig_send(struct rig *rig, uint32_t type, uint64_t id, const void *obj);
void rig_notify(struct rig *rig, const struct msg_notify *notify);

/* Clients. */
DBusConnection *rig_client(struct rig *rig);
/* Serve a connection made otherwise (takes its reference). */
void rig_adopt(struct rig *rig, DBusConnection *client);
void rig_client_close(struct rig *rig, DBusConnection *client);
/*
 * A call with arguments by signature: s: const char *, b: int, as: char *const *, h: int, v: const char * (a string),
 * i: int. The interface may be NULL.
 */
DBusMessage *rig_message(const char *path, const char *interface, const char *member, const char *signature, ...);
/* Send (the message's reference is taken). */
DBusPendingCall *rig_call(DBusConnection *client, DBusMessage *message);
/* Wait for the answer; the pending call is released. */
DBusMessage *rig_answer(struct rig *rig, DBusPendingCall *pending);
/* Wait for a signal of that name on a client; those before it are thrown away. */
DBusMessage *rig_signal(struct rig *rig, DBusConnection *client, const char *member);

/* Checks; all release the message. */
void rig_is_error(DBusMessage *m, const char *name, const char *text);
void rig_is_empty(DBusMessage *m);
void rig_is_string(DBusMessage *m, const char *signature, const char *text); /* s or o */
