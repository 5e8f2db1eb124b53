/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * The three servants: started, heard, started again when they die. init goes on without any of them.
 */

#include "init/init.h"

int must_check servants_init(struct init *init);
void servants_deinit(struct init *init);

/* Start those that are not running; say hello to those that outlived the last image. */
void servants_start(struct init *init);

/* Send a message; 0 or a negative errno: -ENOTCONN when the servant is not there. */
int must_check servants_send(struct init *init, enum servant_id id, uint32_t type, uint64_t effect, const void *obj,
			     const int *fds, size_t n_fds);

/* Is that process one of them? */
static inline bool
servants_has(const struct init *init, pid_t pid)
{
	for (int i = 0; i < SERVANT_COUNT; i++)
		if (init->servants[i].pid == pid)
			return true;
	return false;
}

bool servants_present(const struct init *init, enum servant_id id);
/* It is there, and the kernel has taken all that it is to be told. */
bool servants_told(const struct init *init, enum servant_id id);
/* It keeps dying, or there is none on this platform: do without it for now. */
bool servants_hopeless(const struct init *init, enum servant_id id);

/* A child ended. True if it was a servant: it is dealt with. */
bool servants_exited(struct init *init, pid_t pid, int status);
/* Hear now what a servant has said already. */
void servants_listen(struct init *init, enum servant_id id);
/* At the end of each turn: acknowledge what is journaled. */
void servants_turn(struct init *init);
/* True when everything that was to be sent is with the kernel. */
bool servants_drained(struct init *init);
/* Tell all to finish; nothing is started again. */
void servants_shutdown(struct init *init);
bool servants_all_gone(const struct init *init);
/* The level of the log, or the bus, has changed: tell. */
void servants_say_hello(struct init *init, enum servant_id id);
void servants_join_bus(struct init *init, uint32_t what);
