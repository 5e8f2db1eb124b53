/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * What processes of jobs say of themselves (sd_notify(3)): init hands over their notification sockets, datagrams go
 * back to it as messages. Who may say what is init's to judge.
 */

#include "control/control.h"

/* Hear what comes in on a copy of `fd`, for that process; a socket it had before is given up. */
void words_listen(struct control *control, uint64_t process, int fd);
void words_end(struct control *control, uint64_t process);
/* Init has all messages up to that number: more may be told. */
void words_acknowledged(struct control *control, uint64_t upto);
/* What that one says there is thrown away for a while. */
void words_disbelieve(struct control *control, const struct msg_disbelieved *m);
void words_deinit(struct control *control);

/*
 * What a datagram says: true, and *said filled but for who sent it (said->status is the caller's), if there is
 * anything in it for init. *barrier: it asks for its descriptor to be closed when all before it has been heard.
 */
bool words_parse(const char *text, size_t n, struct msg_said *said, bool *barrier);
