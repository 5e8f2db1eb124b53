/* SPDX-License-Identifier: MIT */
#include "init/rlimits.h"

#include <string.h>
#include <sys/resource.h>

#include "common/log.h"
#include "system/process.h"

/* A snapshot of some thousand jobs has a few MB. */
#define FILE_SIZE_WANTED ((rlim_t) 64 * 1024 * 1024)

static const struct {
	const char *name;
	int resource;
	enum note_kind note;
} raised[RAISED_COUNT] = {
	[RAISED_NOFILE] = { "nofile", RLIMIT_NOFILE, NOTE_NOFILE },
	[RAISED_FSIZE] = { "fsize", RLIMIT_FSIZE, NOTE_FSIZE },
};

void
limits_raise(struct init *init)
{
	struct rlimit now;

	init->limits[RAISED_NOFILE].known = process_raise_nofile(&init->limits[RAISED_NOFILE].given) == 0;
	init->limits[RAISED_FSIZE].known = process_raise_fsize(&init->limits[RAISED_FSIZE].given) == 0;
	if (getrlimit(RLIMIT_FSIZE, &now) == 0 && now.rlim_cur < FILE_SIZE_WANTED)
		log_warn("Files may have %llu bytes here (limit fsize): with many jobs that is too little for init",
			 (unsigned long long) now.rlim_cur);
}

void
limits_give_back(const struct init *init)
{
	for (size_t i = 0; i < RAISED_COUNT; i++)
		if (init->limits[i].known)
			(void) setrlimit(raised[i].resource, &init->limits[i].given);
}

const struct rlimit *
limits_given(const struct init *init, const char *name)
{
	for (size_t i = 0; i < RAISED_COUNT; i++)
		if (init->limits[i].known && strcmp(raised[i].name, name) == 0)
			return &init->limits[i].given;
	return NULL;
}

void
limits_save(struct init *init)
{
	for (size_t i = 0; i < RAISED_COUNT; i++)
		if (init->limits[i].known)
			STATE_NOTE(init, raised[i].note, 0, NULL, init->limits[i].given.rlim_cur,
				   init->limits[i].given.rlim_max);
}

int
limits_load(struct init *init, const struct note *note)
{
	/* What this image was given had been raised by the last one. */
	for (size_t i = 0; i < RAISED_COUNT; i++)
		if (note->kind == (uint32_t) raised[i].note)
			init->limits[i] = (struct raised_limit){
				.given = { note_number(note, 0), note_number(note, 1) }, .known = true };
	return 0;
}
