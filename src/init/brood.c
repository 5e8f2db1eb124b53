/* SPDX-License-Identifier: MIT */
#include "init/brood.h"

#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <utlist.h>

#include "init/proc.h"
#include "init/state.h"
#include "job/signals.h"
#include "system/cgroup.h"
#include "system/process.h"
#include "system/spawn.h"
#include "system/trace.h"

#define ANCESTORS_MAX 64
#define WITNESSES_MAX 8	  /* of one session */
#define SESSIONS_MAX 1024 /* witnesses of all of them */
#define TOLD_MAX 8 /* pids in one line */

/* `sessions` behind it; a brood that can't be noted is not there for the next image. */
void
brood_note(struct init *init, const struct brood *b)
{
	char *const list[] = { b->job, b->instance, NULL };
	struct note note = { .kind = NOTE_BROOD, .id = b->id, .text = b->leaf, .list = (char **) (uintptr_t) list };

	if (u64v_add(&note.numbers, (b->outside ? BROOD_OUTSIDE : 0) | (b->killed ? BROOD_KILLED : 0)) < 0)
		return;
	for (size_t i = 0; i < b->sessions.n; i++)
		if (u64v_add(&note.numbers, b->sessions.p[i]) < 0)
			break;
	state_note_list(init, &note);
	u64v_deinit(&note.numbers);
}

/* -- who is in it ---------------------------------------------------------------------------- */

/*
 * A number of a session may be another's once the last who was in it is reaped. So it is known with processes that were
 * seen in it, by pid and start: while one of those is there, living or dead, the number can't be a stranger's.
 */
#define WITNESS_WORDS 3 /* session, pid, start */

static bool
is_dead(pid_t pid)
{
	struct trace_task task;

	return trace_look(pid, &task) < 0 || task.dead;
}

static bool
is_true(const uint64_t *witness)
{
	pid_t pid = (pid_t) witness[1];

	if (trace_began(pid) != witness[2])
		return false;
	/* What is new has not begun its session yet, but its number is its own. */
	return witness[0] == witness[1] || getsid(pid) == (pid_t) witness[0];
}

/* Is that session the brood's, now? */
static bool
has_session(const struct brood *b, pid_t session)
{
	for (size_t i = 0; i + WITNESS_WORDS <= b->sessions.n; i += WITNESS_WORDS)
		if (b->sessions.p[i] == (uint64_t) session && is_true(b->sessions.p + i))
			return true;
	return false;
}

/* Append those that are. 0 or -ENOMEM. */
static int
list_sessions(const struct brood *b, struct u64v *sessions)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i + WITNESS_WORDS <= b->sessions.n; i += WITNESS_WORDS)
		if (!u64v_has(sessions, b->sessions.p[i]) && is_true(b->sessions.p + i))
			r = u64v_add(sessions, b->sessions.p[i]);
	return r;
}

/* One more that was seen in a session, unless there are enough. 0 or -ENOMEM. */
static int
add_witness(struct u64v *v, pid_t session, pid_t pid)
{
	uint64_t began = trace_began(pid);
	size_t n = 0;

	for (size_t i = 0; i + WITNESS_WORDS <= v->n; i += WITNESS_WORDS) {
		if (v->p[i] == (uint64_t) session && v->p[i + 1] == (uint64_t) pid)
			return 0;
		n += v->p[i] == (uint64_t) session ? 1 : 0;
	}
	if (began == 0 || session <= 0 || n >= WITNESSES_MAX || v->n >= SESSIONS_MAX * WITNESS_WORDS)
		return 0;
	if (u64v_add(v, (uint64_t) session) < 0)
		return -ENOMEM;
	if (u64v_add(v, (uint64_t) pid) < 0 || u64v_add(v, began) < 0) {
		v->n -= v->n % WITNESS_WORDS;
		return -ENOMEM;
	}
	return 0;
}

/* One line of the table of all processes. */
#define LOOK_WORDS 3 /* pid, parent, is in the brood */

/* All processes that can be seen and live, those in one of the sessions marked. 0 or -ENOMEM. */
static int
list_processes(const struct u64v *sessions, struct u64v *table)
{
	DIR *dir = opendir("/proc");
	const struct dirent *e;
	int r = 0;

	while (dir != NULL && r == 0 && (e = readdir(dir)) != NULL) {
		pid_t pid = (pid_t) strtol(e->d_name, NULL, 10);
		struct trace_task task;

		if (pid <= 1 || trace_look(pid, &task) < 0 || task.dead)
			continue;
		if (u64v_add(table, (uint64_t) pid) < 0 || u64v_add(table, (uint64_t) task.parent) < 0 ||
		    u64v_add(table, u64v_has(sessions, (uint64_t) task.session) ? 1 : 0) < 0)
			r = -ENOMEM;
	}
	if (dir != NULL)
		(void) closedir(dir);
	return r;
}

/* Those whose parents are in the brood are, too. 1: somebody is new; 0; -ENOMEM. */
static int
mark_children(struct u64v *table)
{
	struct map marked = MAP_INIT;
	int r = 0;

	for (size_t i = 0; r == 0 && i + LOOK_WORDS <= table->n; i += LOOK_WORDS)
		if (table->p[i + 2] != 0)
			r = map_put_id(&marked, table->p[i], table);
	for (size_t i = 0; r >= 0 && i + LOOK_WORDS <= table->n; i += LOOK_WORDS)
		if (table->p[i + 2] == 0 && map_get_id(&marked, table->p[i + 1]) != NULL) {
			table->p[i + 2] = 1;
			r = 1;
		}
	map_deinit(&marked);
	return r;
}

/* Append who is in the brood by session or parents. 0 or -ENOMEM. */
static int
walk(const struct brood *b, struct u64v *pids)
{
	struct u64v table = { 0 }, sessions = { 0 };
	int r = list_sessions(b, &sessions);

	if (r == 0 && sessions.n > 0)
		r = list_processes(&sessions, &table);
	if (r == 0)
		do
			r = mark_children(&table);
		while (r == 1);
	for (size_t i = 0; r == 0 && i + LOOK_WORDS <= table.n; i += LOOK_WORDS)
		if (table.p[i + 2] != 0 && (pid_t) table.p[i] != getpid() && !u64v_has(pids, table.p[i]))
			r = u64v_add(pids, table.p[i]);
	u64v_deinit(&sessions);
	u64v_deinit(&table);
	return r;
}

int
brood_members(const struct init *init, const struct brood *b, struct u64v *pids)
{
	int r = b->leaf != NULL ? cgroup_members(init->strays->base, b->leaf, pids) : 0;

	return r == 0 ? walk(b, pids) : r;
}

bool
brood_is_empty(const struct init *init, const struct brood *b)
{
	struct u64v pids = { 0 };
	bool empty = b->leaf == NULL || !cgroup_is_populated(init->strays->base, b->leaf);

	if (empty && b->sessions.n > 0)
		empty = walk(b, &pids) == 0 && pids.n == 0;
	u64v_deinit(&pids);
	return empty;
}

int
brood_group(const struct init *init, const struct brood *b, char **path)
{
	bool has = b != NULL && b->leaf != NULL && !b->outside && init->strays->path != NULL;

	*path = has ? str_printf("%s/%s", init->strays->path, b->leaf) : NULL;
	return has && *path == NULL ? -ENOMEM : 0;
}

bool
brood_has_in_group(const struct init *init, const struct brood *b, pid_t pid)
{
	return b->leaf != NULL && cgroup_has(init->strays->path, b->leaf, pid);
}

int
brood_add(struct init *init, struct brood *b, pid_t pid)
{
	size_t before = b->sessions.n;
	int r = add_witness(&b->sessions, pid, pid);

	if (r == 0 && b->sessions.n != before)
		brood_note(init, b);
	return r;
}

/* From now on those witness for it who are in it, and processes of the instance. 0 or -ENOMEM: it is as it was. */
static int
learn_from(struct init *init, struct brood *b, const struct u64v *pids)
{
	struct u64v now = { 0 }, old;
	const struct proc *p;
	int r = 0;

	if (b->sessions.n == 0)
		return 0;
	DL_FOREACH2(b->procs, p, brood_next)
		if (r == 0 && p->pid > 0 && brood_knows(b, p->pid) && !is_dead(p->pid))
			r = add_witness(&now, p->pid, p->pid);
	/* Sessions that members have begun, too: when their parents end, that is what they are known by. */
	for (size_t i = 0; r == 0 && i < pids->n; i++)
		r = add_witness(&now, getsid((pid_t) pids->p[i]), (pid_t) pids->p[i]);
	if (r == 0 && (now.n != b->sessions.n || memcmp(now.p, b->sessions.p, now.n * sizeof(*now.p)) != 0)) {
		old = b->sessions;
		b->sessions = now;
		now = old;
		brood_note(init, b);
	}
	u64v_deinit(&now);
	return r;
}

bool
brood_knows(const struct brood *b, pid_t pid)
{
	for (size_t i = 0; i + WITNESS_WORDS <= b->sessions.n; i += WITNESS_WORDS)
		if (b->sessions.p[i + 1] == (uint64_t) pid)
			return true;
	return false;
}

int
brood_learn(struct init *init, struct brood *b)
{
	struct u64v pids = { 0 };
	int r = walk(b, &pids);

	if (r == 0)
		r = learn_from(init, b, &pids);
	u64v_deinit(&pids);
	return r;
}

const char *
brood_display(const struct brood *b, char *buf, size_t size)
{
	if (*b->instance == '\0')
		return b->job;
	(void) snprintf(buf, size, "%s (%s)", b->job, b->instance);
	return buf;
}

void
brood_tell(const struct init *init, const struct brood *b, const char *who)
{
	auto_strbuf struct strbuf text = STRBUF_INIT;
	struct u64v pids = { 0 };

	if (brood_members(init, b, &pids) == 0 && pids.n > 0) {
		for (size_t i = 0; i < pids.n && i < TOLD_MAX; i++)
			strbuf_addf(&text, "%s%" PRIu64, i > 0 ? ", " : "", pids.p[i]);
		if (!text.failed)
			log_info("%s has left %zu %s behind: %s%s", who, pids.n, pids.n == 1 ? "process" : "processes",
				 text.p, pids.n > TOLD_MAX ? ", ..." : "");
	}
	u64v_deinit(&pids);
}

/* -- signals -------------------------------------------------------------------------------------------- */

/* Is that process in a group of one of the instance's own, or is it one of init's? Those get their signals by themselves. */
static bool
is_known(const struct init *init, const struct brood *b, pid_t pid)
{
	pid_t group = getpgid(pid);
	const struct proc *p;

	if (pid == getpid() || core_process_of_pid(init->core, pid) != 0)
		return true;
	for (int i = 0; i < SERVANT_COUNT; i++)
		if (init->servants[i].pid == pid)
			return true;
	DL_FOREACH2(b->procs, p, brood_next)
		if (p->pid > 0 && group > 0 && getpgid(p->pid) == group)
			return true;
	return false;
}

/* Is it still who was found? Its pidfd is open: the number can't become another's now. */
static bool
is_same(const struct init *init, const struct brood *b, pid_t pid)
{
	struct trace_task task, parent;

	if (brood_has_in_group(init, b, pid))
		return true;
	if (b->sessions.n == 0 || trace_look(pid, &task) < 0)
		return false;
	for (int i = 0; i < ANCESTORS_MAX; i++) {
		if (has_session(b, task.session))
			return true;
		if (task.parent <= 1 || task.parent == getpid() || trace_look(task.parent, &parent) < 0)
			return false;
		task = parent;
	}
	return false;
}

static void
signal_one(struct init *init, const struct brood *b, pid_t pid, int number)
{
	const char *name = signal_name(number);
	int pidfd = spawn_pidfd_open(pid);
	char buf[256];

	if (pidfd == -ESRCH || !is_same(init, b, pid)) {
		if (pidfd >= 0)
			(void) close(pidfd);
		return;
	}
	if (process_signal(pid, pidfd >= 0 ? pidfd : -1, number) == 0 && number != SIGCONT)
		log_info("Sending %s signal to process %d, which %s has left behind", name != NULL ? name : "a", (int) pid,
			 brood_display(b, buf, sizeof(buf)));
	if (pidfd >= 0)
		(void) close(pidfd);
}

int
brood_signal(struct init *init, struct brood *b, pid_t session, int number)
{
	struct u64v pids = { 0 };
	int r = brood_members(init, b, &pids);

	if (r == 0)
		r = learn_from(init, b, &pids);
	for (size_t i = 0; r == 0 && i < pids.n; i++) {
		pid_t pid = (pid_t) pids.p[i];

		if (!is_known(init, b, pid) && (session == 0 || getsid(pid) == session))
			signal_one(init, b, pid, number);
	}
	u64v_deinit(&pids);
	return r;
}
