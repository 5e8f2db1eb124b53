/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * The link between the brain and a servant: short typed messages over a
 * socketpair, descriptors travel along.
 *
 * The socket is SOCK_SEQPACKET: a message arrives whole or not at all, so an end that
 * is replaced by exec or by a crash in the middle of anything finds the link in step.
 * A body too long for one packet travels in an anonymous file beside it.
 *
 * Nothing blocks. What the kernel does not take is queued here and goes out with
 * ipc_flush(). A servant numbers what it tells the brain (ipc_send_kept) and keeps it until
 * the brain, having journaled it, acknowledges it; after a HELLO it sends the rest again.
 */

#include <stdbool.h>

#include "common/str.h"

#define IPC_MAX_FDS 16
#define IPC_SERVANT_FD 3 /* where a servant finds its end when it starts */

struct ipc;

struct ipc_message {
	uint32_t type; /* enum msg_type */
	uint64_t id;   /* what it is about: effect id (from init) or message number (from a servant); 0 = none */
	void *body;    /* owned; an encoded map (common/msg.h) */
	size_t len;
	int fds[IPC_MAX_FDS]; /* owned: those the receiver does not take out (steal_fd) are closed by deinit */
	size_t n_fds;
	bool lost_fds; /* there were some, but this process may not open so many: n_fds is 0 */
};

/* A link over `fd`, which it owns from now on and makes non-blocking and close-on-exec. NULL: out of memory, fd is closed. */
struct ipc *ipc_new(int fd);
struct ipc *ipc_free(struct ipc *ipc); /* takes NULL, returns NULL; closes the socket and queued descriptors */
int ipc_fd(const struct ipc *ipc);
/* Give the descriptor back and free the rest (what was queued is lost): before a re-exec. */
int ipc_release_fd(struct ipc *ipc);

/* A connected pair of such sockets, close-on-exec. 0 or a negative errno. */
int must_check ipc_pair(int fds[2]);

/*
 * Send a message now or queue it. The body is copied, descriptors are duplicated when
 * they have to wait, so the caller keeps its own in any case.
 * 0; -EPIPE: the other end is gone; -ENOMEM, -EMFILE…: not sent.
 */
int must_check ipc_send(struct ipc *ipc, uint32_t type, uint64_t id, const struct strbuf *body, const int *fds, size_t n_fds);

/* As ipc_send(), numbered 1, 2, 3 … and kept (with its descriptors) until acknowledged. */
int must_check ipc_send_kept(struct ipc *ipc, uint32_t type, const struct strbuf *body, const int *fds, size_t n_fds);
/* The number of the last message that was kept; 0: none was. */
uint64_t ipc_last_number(const struct ipc *ipc);
/* The other end has everything up to `number`: forget it. */
void ipc_acknowledged(struct ipc *ipc, uint64_t number);
/* Send again what was kept and is above `number` (on MSG_HELLO). 0 or as ipc_send(). */
int must_check ipc_resend(struct ipc *ipc, uint64_t number);
/* Messages kept or queued, and the bytes of those that the kernel has not taken: for tests and limits. */
size_t ipc_backlog(const struct ipc *ipc);
size_t ipc_queued_bytes(const struct ipc *ipc);

/*
 * Try to send what is queued. 1: some is left; 0: nothing left; -EPIPE: the other end is gone, or the link is of no
 * use any more. What is left waits until the socket is writable (ipc_wants_write()), or, when the kernel is short of
 * something (ipc_is_short()), for a while: to wait for the socket would be a busy loop then.
 */
int must_check ipc_flush(struct ipc *ipc);
bool ipc_wants_write(const struct ipc *ipc);
bool ipc_is_short(const struct ipc *ipc);

/*
 * Take one message: 1 and *m filled (ipc_message_deinit() it), 0: none now, -EPIPE: the other end is
 * gone, -EBADMSG: a damaged one was thrown away, call again, -ENOMEM: left in the socket, try later.
 */
int must_check ipc_receive(struct ipc *ipc, struct ipc_message *m);
void ipc_message_deinit(struct ipc_message *m);
