/* SPDX-License-Identifier: MIT */
#include "system/spawn_status.h"

#include <errno.h>
#include <string.h>

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
