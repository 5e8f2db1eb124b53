/* SPDX-License-Identifier: MIT */
#include "job/inert.h"

#include <errno.h>

void
inert_note(struct inert *inert, enum inert_stanza stanza, const char *path, struct place at)
{
	inert->seen[stanza].path = path;
	inert->seen[stanza].at = at;
}

static bool
respawns(const struct job_class *cls)
{
	return cls->respawn;
}

static bool
is_notified(const struct job_class *cls)
{
	return cls->readiness == EXPECT_NOTIFY;
}

static bool
expects(const struct job_class *cls)
{
	return cls->readiness != EXPECT_NONE;
}

/* 0 is as good as not said. */
static bool
rotates(const struct job_class *cls)
{
	return (cls->log.max_size != LOG_UNSET && cls->log.max_size != 0) ||
	       (cls->log.max_age != LOG_UNSET && cls->log.max_age != 0);
}

static const struct {
	enum parse_fault_kind kind;
	bool (*has_effect)(const struct job_class *cls);
} stanzas[] = {
	[INERT_RESPAWN_LIMIT] = { FAULT_RESPAWN_LIMIT_INERT, respawns },
	[INERT_RESPAWN_DELAY] = { FAULT_RESPAWN_DELAY_INERT, respawns },
	[INERT_WATCHDOG] = { FAULT_WATCHDOG_INERT, is_notified },
	[INERT_EXPECT_TIMEOUT] = { FAULT_EXPECT_TIMEOUT_INERT, expects },
	[INERT_LOG_KEEP] = { FAULT_LOG_KEEP_INERT, rotates },
	[INERT_LOG_COMPRESS] = { FAULT_LOG_COMPRESS_INERT, rotates },
};

int
inert_check(const struct inert *inert, const struct job_class *cls, struct parse_report *report)
{
	for (size_t i = 0; i < ARRAY_SIZE(stanzas); i++) {
		const struct parse_fault fault = { .kind = stanzas[i].kind, .at = inert->seen[i].at };

		if (inert->seen[i].path != NULL && !stanzas[i].has_effect(cls) &&
		    report_add(report, inert->seen[i].path, &fault) < 0)
			return -ENOMEM;
	}
	return 0;
}
