/* SPDX-License-Identifier: MIT */
#include "init/brood.h"

#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <utlist.h>

#include "common/error.h"
#include "init/proc.h"
#include "init/servants.h"
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

/* A witness, and how its process is seen. What is new has not begun its session yet, but its number is its own. */
static bool
is_true(const uint64_t *witness, pid_t session, uint64_t began)
{
	return began == witness[2] && (witness[0] == witness[1] || session == (pid_t) witness[0]);
}

/* Is that session the brood's, now? 1 or 0, or a negative errno that is a want. */
static int
has_session(const struct brood *b, pid_t session)
{
	struct trace_brief brief;
	int r = 0;

	for (size_t i = 0; i + WITNESS_WORDS <= b->sessions.n; i += WITNESS_WORDS) {
		const uint64_t *witness = b->sessions.p + i;
		int found = witness[0] == (uint64_t) session ? trace_look_briefly((pid_t) witness[1], &brief) : -ESRCH;

		if (found == 0 && is_true(witness, brief.session, brief.began))
			return 1;
		r = error_is_want(found) ? found : r;
	}
	return r;
}

/* Append those that were when the table was made. 0 or -ENOMEM. */
static int
list_sessions(const struct brood *b, const struct proctable *table, struct u64v *sessions)
{
	struct proctable_row row;
	int r = 0;

	for (size_t i = 0; r == 0 && i + WITNESS_WORDS <= b->sessions.n; i += WITNESS_WORDS) {
		const uint64_t *witness = b->sessions.p + i;

		if (!u64v_has(sessions, witness[0]) && proctable_find(table, (pid_t) witness[1], &row) &&
		    is_true(witness, row.session, row.began))
			r = u64v_add(sessions, witness[0]);
	}
	return r;
}

/* One more that was seen in a session, unless there are enough. 0 or -ENOMEM. */
static int
add_witness(struct u64v *v, pid_t session, pid_t pid, uint64_t began)
{
	size_t n = 0;

	for (size_t i = 0; i + WITNESS_WORDS <= v->n; i += WITNESS_WORDS) {
		if (v->p[i] == (uint64_t) session && v->p[i + 1] == (uint64_t) pid)
			return 0;
		n += v->p[i] == (uint64_t) session ? 1 : 0;
	}
	if (session <= 0 || n >= WITNESSES_MAX || v->n >= SESSIONS_MAX * WITNESS_WORDS)
		return 0;
	if (u64v_add(v, (uint64_t) session) < 0)
		return -ENOMEM;
	if (u64v_add(v, (uint64_t) pid) < 0 || u64v_add(v, began) < 0) {
		v->n -= v->n % WITNESS_WORDS;
		return -ENOMEM;
	}
	return 0;
}

/* Mark all who live in one of those sessions. 0 or -ENOMEM. */
static int
mark_sessions(const struct proctable *table, const struct u64v *sessions, struct map *marked)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < proctable_count(table); i++) {
		struct proctable_row row = proctable_row(table, i);

		if (!row.dead && u64v_has(sessions, (uint64_t) row.session))
			r = map_put_id(marked, (uint64_t) row.pid, marked);
	}
	return r;
}

/* Those whose parents are in the brood are, too. 1: somebody is new; 0; -ENOMEM. */
static int
mark_children(const struct proctable *table, struct map *marked)
{
	bool more = false;

	for (size_t i = 0; i < proctable_count(table); i++) {
		struct proctable_row row = proctable_row(table, i);

		if (row.dead || map_get_id(marked, (uint64_t) row.pid) != NULL ||
		    map_get_id(marked, (uint64_t) row.parent) == NULL)
			continue;
		if (map_put_id(marked, (uint64_t) row.pid, marked) < 0)
			return -ENOMEM;
		more = true;
	}
	return more ? 1 : 0;
}

/* Append who is in the brood by session or parents. 0 or -ENOMEM. */
static int
walk(const struct brood *b, const struct proctable *table, struct u64v *pids)
{
	struct map marked = MAP_INIT;
	struct u64v sessions = { 0 };
	int r = list_sessions(b, table, &sessions);

	if (r == 0)
		r = mark_sessions(table, &sessions, &marked);
	if (r == 0 && map_count(&marked) > 0)
		do
			r = mark_children(table, &marked);
		while (r == 1);
	for (size_t i = 0; r == 0 && i < proctable_count(table); i++) {
		pid_t pid = proctable_row(table, i).pid;

		if (map_get_id(&marked, (uint64_t) pid) != NULL && pid != getpid() && !u64v_has(pids, (uint64_t) pid))
			r = u64v_add(pids, (uint64_t) pid);
	}
	u64v_deinit(&sessions);
	map_deinit(&marked);
	return r;
}

/* Only who is known by a session is looked for in the table. */
static bool
needs_table(const struct brood *b)
{
	return b->sessions.n > 0;
}

/* brood_members(), with a table that is there if it is needed. */
static int
members(const struct init *init, const struct brood *b, struct u64v *pids)
{
	int r = b->leaf != NULL ? cgroup_members(init->strays->base, b->leaf, pids) : 0;

	return r == 0 && needs_table(b) ? walk(b, &init->strays->table, pids) : r;
}

int
brood_members(struct init *init, const struct brood *b, struct u64v *pids)
{
	int r = needs_table(b) ? proctable_need(&init->strays->table) : 0;

	return r == 0 ? members(init, b, pids) : r;
}

bool
brood_is_empty(struct init *init, const struct brood *b)
{
	struct u64v pids = { 0 };
	int r = b->leaf != NULL ? cgroup_is_populated(init->strays->base, b->leaf) : 0;
	/* What can't be seen for a want may be there. */
	bool empty = r == 0 || (r < 0 && !error_is_want(r));

	if (empty && needs_table(b))
		empty = proctable_need(&init->strays->table) == 0 && walk(b, &init->strays->table, &pids) == 0 &&
			pids.n == 0;
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

int
brood_has_in_group(const struct init *init, const struct brood *b, pid_t pid)
{
	return b->leaf != NULL ? cgroup_has(init->strays->path, b->leaf, pid) : 0;
}

int
brood_add(struct init *init, struct brood *b, pid_t pid)
{
	size_t before = b->sessions.n;
	struct trace_brief brief;
	int r = trace_look_briefly(pid, &brief);

	if (r < 0)
		return error_is_want(r) ? r : 0;
	r = add_witness(&b->sessions, pid, pid, brief.began);
	if (r == 0 && b->sessions.n != before)
		brood_note(init, b);
	return r;
}

/* Processes of the instance that live go on to witness. 0, or a negative errno that is a want. */
static int
keep_witnesses(const struct brood *b, struct u64v *witnesses)
{
	struct trace_brief brief;
	const struct proc *p;

	DL_FOREACH2(b->procs, p, brood_next) {
		int r = p->pid > 0 && brood_knows(b, p->pid) ? trace_look_briefly(p->pid, &brief) : -ESRCH;

		if (r == 0 && !brief.dead)
			r = add_witness(witnesses, p->pid, p->pid, brief.began);
		if (r < 0 && error_is_want(r))
			return r;
	}
	return 0;
}

/*
 * From now on those witness for it who are in it, and processes of the instance. 0, or a negative errno that is a want:
 * it is as it was.
 */
static int
learn_from(struct init *init, struct brood *b, const struct u64v *pids)
{
	struct u64v now = { 0 }, old;
	struct proctable_row row;
	int r;

	if (!needs_table(b))
		return 0;
	r = keep_witnesses(b, &now);
	/* Sessions that members have begun, too: when their parents end, that is what they are known by. */
	for (size_t i = 0; r == 0 && i < pids->n; i++)
		if (proctable_find(&init->strays->table, (pid_t) pids->p[i], &row))
			r = add_witness(&now, row.session, row.pid, row.began);
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
brood_learn(struct init *init, struct brood *b, pid_t ended)
{
	struct proctable *table = &init->strays->table;
	struct u64v pids = { 0 };
	struct proctable_row row;
	int r = 0;

	/* While it was alive it may have made others that a table of then does not show. */
	if (!table->known || !proctable_find(table, ended, &row) || !row.dead)
		r = proctable_read(table);
	if (r == 0)
		r = walk(b, table, &pids);
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
brood_tell(struct init *init, const struct brood *b, const char *who)
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

	if (pid == getpid() || core_process_of_pid(init->core, pid) != 0 || servants_has(init, pid))
		return true;
	DL_FOREACH2(b->procs, p, brood_next)
		if (p->pid > 0 && group > 0 && getpgid(p->pid) == group)
			return true;
	return false;
}

/*
 * Is it still who was found? Its pidfd is open: the number can't become another's now. 1 or 0, or a negative errno that
 * is a want.
 */
static int
is_same(const struct init *init, const struct brood *b, pid_t pid)
{
	struct trace_brief brief;
	int r = brood_has_in_group(init, b, pid);

	if (r != 0)
		return r;
	for (int i = 0; i < ANCESTORS_MAX && needs_table(b); i++) {
		r = trace_look_briefly(pid, &brief);
		if (r < 0)
			return error_is_want(r) ? r : 0;
		r = has_session(b, brief.session);
		if (r != 0)
			return r;
		if (brief.parent <= 1 || brief.parent == getpid())
			return 0;
		pid = brief.parent;
	}
	return 0;
}

/* 0, or a negative errno that is a want. */
static int
signal_one(struct init *init, const struct brood *b, pid_t pid, int number)
{
	const char *name = signal_name(number);
	int pidfd = spawn_pidfd_open(pid);
	char buf[256];
	int r = pidfd == -ESRCH ? 0 : is_same(init, b, pid);

	if (r == 1 && process_signal(pid, pidfd >= 0 ? pidfd : -1, number) == 0 && number != SIGCONT)
		log_info("Sending %s signal to process %d, which %s has left behind", name != NULL ? name : "a", (int) pid,
			 brood_display(b, buf, sizeof(buf)));
	if (pidfd >= 0)
		(void) close(pidfd);
	return r < 0 ? r : 0;
}

int
brood_signal(struct init *init, struct brood *b, pid_t session, int number)
{
	struct u64v pids = { 0 };
	/* Who was made since another looked is to get it as well. */
	int r = needs_table(b) ? proctable_read(&init->strays->table) : 0;

	if (r == 0)
		r = members(init, b, &pids);
	if (r == 0)
		r = learn_from(init, b, &pids);
	for (size_t i = 0, n = r == 0 ? pids.n : 0; i < n; i++) {
		pid_t pid = (pid_t) pids.p[i];
		int lacking = 0;

		if (!is_known(init, b, pid) && (session == 0 || getsid(pid) == session))
			lacking = signal_one(init, b, pid, number);
		r = lacking < 0 ? lacking : r;
	}
	u64v_deinit(&pids);
	return r;
}
