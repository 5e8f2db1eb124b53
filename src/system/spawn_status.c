/* SPDX-License-Identifier: MIT */
#include "system/spawn_status.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>

static enum spawn_outcome
died(struct spawn_status *s)
{
	s->record = (struct spawn_record){ .tag = 'e', .step = SPAWN_SETUP };
	return SPAWN_OUTCOME_FAILED;
}

/* Take one byte; FAILED when it completes a record or can't be part of one. */
static enum spawn_outcome
take(struct spawn_status *s, char byte)
{
	if (s->got == 0 && byte == SPAWN_READY_BYTE && !s->ready) {
		s->ready = true;
		return SPAWN_OUTCOME_OPEN;
	}
	if (s->got == 0 && byte != 'e')
		return died(s);
	((char *) &s->record)[s->got++] = byte;
	if (s->got < sizeof(s->record))
		return SPAWN_OUTCOME_OPEN;
	if (s->record.step == SPAWN_NONE || s->record.step >= SPAWN_STEP_COUNT)
		return died(s);
	return SPAWN_OUTCOME_FAILED;
}

enum spawn_outcome
spawn_status_read(struct spawn_status *s, int fd)
{
	for (;;) {
		char bytes[sizeof(struct spawn_record) + 1];
		ssize_t n = read(fd, bytes, sizeof(bytes));

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
			return SPAWN_OUTCOME_OPEN;
		if (n <= 0)
			return n == 0 && s->ready && s->got == 0 ? SPAWN_OUTCOME_EXECUTED : died(s);
		for (ssize_t i = 0; i < n; i++)
			if (take(s, bytes[i]) == SPAWN_OUTCOME_FAILED)
				return SPAWN_OUTCOME_FAILED;
	}
}

/* What the bytes say that are all there is so far; *whole: they are nothing, the byte, or end with a record. */
static enum spawn_outcome
judge(struct spawn_status *s, const char *bytes, ssize_t n, bool *whole)
{
	ssize_t at = n > 0 && bytes[0] == SPAWN_READY_BYTE ? 1 : 0;

	*whole = n == at || n - at == (ssize_t) sizeof(s->record);
	if (!*whole)
		return SPAWN_OUTCOME_OPEN;
	s->waiting = at == 1;
	s->ready = s->ready || s->waiting;
	s->got = 0;
	for (; at < n; at++)
		if (take(s, bytes[at]) == SPAWN_OUTCOME_FAILED)
			return SPAWN_OUTCOME_FAILED;
	return SPAWN_OUTCOME_OPEN;
}

enum spawn_outcome
spawn_status_peek(struct spawn_status *s, int fd)
{
	char bytes[sizeof(struct spawn_record) + 1];
	enum spawn_outcome outcome;
	ssize_t n;
	bool whole;

	do
		n = recv(fd, bytes, sizeof(bytes), MSG_PEEK | MSG_DONTWAIT);
	while (n < 0 && errno == EINTR);
	if (n <= 0)
		return spawn_status_read(s, fd); /* there is nothing to be taken; or it is a pipe */
	outcome = judge(s, bytes, n, &whole);
	return whole ? outcome : spawn_status_read(s, fd);
}

void
spawn_status_seen(struct spawn_status *s, int fd)
{
	char byte;

	if (s->waiting)
		(void) !recv(fd, &byte, 1, MSG_DONTWAIT);
	s->waiting = false;
}
