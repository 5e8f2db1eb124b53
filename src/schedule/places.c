/* SPDX-License-Identifier: MIT */
#include "schedule/places.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "common/str.h"
#include "schedule/ledger.h"

#define RUNTIME "/run/upstart/time"
#define STATE "/var/lib/upstart/time"
#define FILE_NAME "timers"

/* The number at the end of a session's address; 0: there is none. */
static int
session_pid(const char *session)
{
	size_t end = strcspn(session, ",;"), start = end;
	int pid = 0;

	while (start > 0 && session[start - 1] >= '0' && session[start - 1] <= '9')
		start--;
	if (start == end || end - start > 9)
		return 0;
	for (; start < end; start++)
		pid = pid * 10 + (session[start] - '0');
	return pid;
}

/* The first line of a file; "" if it can't be read. */
static void
read_word(const char *path, char *buffer, size_t size)
{
	FILE *file = fopen(path, "re");

	if (!file || !fgets(buffer, (int) size, file))
		buffer[0] = '\0';
	buffer[strcspn(buffer, "\n")] = '\0';
	if (file)
		(void) fclose(file);
}

/* When the process was started, in ticks since the machine was; 0: it is not known. */
static uint64_t
start_of(int pid)
{
	char path[32], line[1024];
	const char *p;
	uint64_t ticks = 0;

	(void) snprintf(path, sizeof(path), "/proc/%d/stat", pid);
	read_word(path, line, sizeof(line));
	/* The name may have any character, and ends with the last ')'. Then the 22nd field counts from the third. */
	p = strrchr(line, ')');
	for (unsigned i = 2; p && i < 22; i++) {
		p = strchr(p + 1, ' ');
	}
	if (p)
		(void) sscanf(p, " %" SCNu64, &ticks);
	return ticks;
}

static void
find_boot(struct places *places, const char *session)
{
	int pid = session ? session_pid(session) : 1;
	uint64_t ticks = pid > 0 ? start_of(pid) : 0;
	long rate = sysconf(_SC_CLK_TCK);
	char id[64], text[128];

	read_word("/proc/sys/kernel/random/boot_id", id, sizeof(id));
	(void) snprintf(text, sizeof(text), "%s %d %" PRIu64, id, pid, ticks);
	(void) snprintf(places->boot, sizeof(places->boot), "%016" PRIx64, ledger_id(text));
	if (rate > 0)
		places->started = ticks * (USEC_PER_SEC / (usec_t) rate);
}

static const char *
absolute(const char *name)
{
	const char *path = getenv(name);

	return path && path[0] == '/' ? path : NULL;
}

static char *
session_state(void)
{
	const char *state = absolute("XDG_STATE_HOME"), *home = absolute("HOME");

	if (state)
		return str_printf("%s/upstart/time/" FILE_NAME, state);
	return str_printf("%s/.local/state/upstart/time/" FILE_NAME, home);
}

static int
find_usual(struct places *places, const char *session, struct error *err)
{
	const char *runtime = absolute("XDG_RUNTIME_DIR");

	if ((!places->ledger || !places->jobs) && session && !runtime)
		return error_set(err, -ENOENT, NULL, "XDG_RUNTIME_DIR isn't set in environment");
	if (!places->durable && session && !absolute("XDG_STATE_HOME") && !absolute("HOME"))
		return error_set(err, -ENOENT, NULL, "Neither XDG_STATE_HOME nor HOME is set in environment");
	if (!places->ledger)
		places->ledger = session ? str_printf("%s/upstart/time-%d/" FILE_NAME, runtime, session_pid(session))
					 : strdup(RUNTIME "/" FILE_NAME);
	if (!places->durable)
		places->durable = session ? session_state() : strdup(STATE "/" FILE_NAME);
	if (!places->jobs)
		places->jobs = session ? PLACES_SESSION_JOBS(runtime, session_pid(session)) : strdup(PLACES_JOBS);
	return places->ledger && places->durable && places->jobs ? 0 : error_nomem(err);
}

int
places_find(struct places *places, const char *session, const char *runtime_dir, const char *state_dir, struct error *err)
{
	int r = 0;

	*places = (struct places) { 0 };
	if (runtime_dir)
		places->ledger = str_printf("%s/" FILE_NAME, runtime_dir);
	if (runtime_dir)
		places->jobs = str_printf("%s/jobs", runtime_dir);
	if (state_dir)
		places->durable = str_printf("%s/" FILE_NAME, state_dir);
	if ((runtime_dir && (!places->ledger || !places->jobs)) || (state_dir && !places->durable))
		r = error_nomem(err);
	if (r == 0)
		r = find_usual(places, session, err);
	if (r < 0)
		places_deinit(places);
	else
		find_boot(places, session);
	return r;
}

void
places_deinit(struct places *places)
{
	free(places->ledger);
	free(places->durable);
	free(places->jobs);
	*places = (struct places) { 0 };
}

char *
places_key(const char *job, const char *condition, char *const *words)
{
	struct strbuf key auto_strbuf = STRBUF_INIT;
	bool window = strcmp(condition, "while") == 0;

	strbuf_addf(&key, "%s\x1f%s", window ? "" : job, condition);
	for (; words && *words; words++)
		strbuf_addf(&key, "\x1f%s", *words);
	return strbuf_steal(&key);
}
