/* SPDX-License-Identifier: MIT */
/*
 * Who is left behind by whom. A control group says it for sure, and so does a session as long as one that was known in
 * it has not been reaped. Who has neither is known by the environment that he was started with, if he is of the same
 * user as the one who ended: others could pretend.
 */
#include "init/adoption.h"

#include <errno.h>

#include "common/error.h"
#include "common/scope.h"
#include "init/brain.h"
#include "init/brood.h"
#include "init/down.h"
#include "init/hook_leavings.h"
#include "init/proc.h"
#include "init/servants.h"
#include "system/children.h"
#include "system/clock.h"
#include "system/process.h"
#include "system/started_with.h"
#include "system/trace.h"

#define PATIENCE (500 * USEC_PER_MSEC) /* with one that has ended, while something about others is not clear */
#define DOUBTS_MAX 5		       /* of one family that were not cleared in that time; then there is no more */
#define LOOKS_MAX 3		       /* each time */
#define WANT_PATIENCE (20 * USEC_PER_SEC) /* the same, while no child can be made that looks */
#define AT_ONCE 16		       /* children that look for us */
#define PAUSE (50 * USEC_PER_MSEC)     /* before the same is asked again */

/* One of a family, or several that have ended: whoever may have been left by any of them. */
struct leaver {
	struct init *init;
	struct proc *p; /* borrowed: whose family; NULL: there is nobody of interest */
	pid_t pid;	/* of one of them */
	uint64_t began; /* when the eldest did */
	struct u64v users;
	bool patient;  /* somebody may be asked about */
	bool in_doubt; /* about somebody: it is not told yet whose he is, or he is about to execute a program */
	bool in_want;  /* no child could be made that looks */
	int ended;     /* how many of the family have ended meanwhile */
};

/* -- by the environment ---------------------------------------------------------------------- */

/* Who is asked about: rows of these in adoption.asked. SINCE: when it was tried or answered last, as clock_now() has it. */
enum { ROW_PID, ROW_BEGAN, ROW_CHILD, ROW_ANSWER, ROW_SINCE, ROW_WORDS };

static void
set_answer(uint64_t *row, enum started_with answer)
{
	row[ROW_ANSWER] = answer;
	row[ROW_SINCE] = clock_now();
	if (answer != STARTED_NOT_TOLD)
		row[ROW_CHILD] = 0;
}

bool
adoption_exited(struct init *init, pid_t pid, int status)
{
	struct u64v *asked = &init->adoption.asked;

	for (size_t i = 0; i < asked->n; i += ROW_WORDS)
		if (asked->p[i + ROW_CHILD] == (uint64_t) pid) {
			set_answer(asked->p + i, started_with_status(status));
			return true;
		}
	return false;
}

/* Begin anew, with somebody else or nobody. */
static void
forget(struct init *init)
{
	struct u64v *asked = &init->adoption.asked;

	for (size_t i = 0; i < asked->n; i += ROW_WORDS)
		if (asked->p[i + ROW_CHILD] != 0)
			started_with_drop((pid_t) asked->p[i + ROW_CHILD]);
	u64v_deinit(asked);
	init->adoption.leaver = 0;
	init->adoption.process = 0;
	init->adoption.until = 0;
}

bool
adoption_holds(const struct init *init)
{
	return init->adoption.leaver != 0 && core_is_followed(init->core, init->adoption.leaver);
}

void
adoption_deinit(struct init *init)
{
	forget(init);
}

static uint64_t *
find_row(struct u64v *asked, pid_t pid, uint64_t began)
{
	for (size_t i = 0; i < asked->n; i += ROW_WORDS)
		if (asked->p[i + ROW_PID] == (uint64_t) pid && asked->p[i + ROW_BEGAN] == began)
			return asked->p + i;
	return NULL;
}

/* A new one, not asked about; NULL: out of memory. */
static uint64_t *
add_row(struct u64v *asked, pid_t pid, uint64_t began)
{
	const uint64_t words[ROW_WORDS] = { (uint64_t) pid, began, 0, STARTED_UNKNOWN, 0 };
	size_t before = asked->n;

	for (size_t i = 0; i < ROW_WORDS; i++)
		if (u64v_add(asked, words[i]) < 0) {
			asked->n = before;
			return NULL;
		}
	return asked->p + before;
}

static size_t
count_children(const struct u64v *asked)
{
	size_t n = 0;

	for (size_t i = 0; i < asked->n; i += ROW_WORDS)
		n += asked->p[i + ROW_CHILD] != 0 ? 1 : 0;
	return n;
}

/* Not known, and it is time to ask: each child that ends would be a reason to ask at once. */
static bool
is_due(const struct leaver *l, const uint64_t *row)
{
	return row[ROW_ANSWER] == STARTED_UNKNOWN && l->patient && !l->in_want &&
	       (row[ROW_SINCE] == 0 || clock_now() >= row[ROW_SINCE] + PAUSE);
}

/* Take the answer, or ask, unless that has been done, or too many are at it. */
static void
ask(struct leaver *l, uint64_t *row)
{
	struct core_process_job owner;
	pid_t child;

	if (row[ROW_CHILD] != 0)
		set_answer(row, started_with_answer((pid_t) row[ROW_CHILD]));
	if (!is_due(l, row) || count_children(&l->init->adoption.asked) >= AT_ONCE)
		return;
	if (core_process_job_of(l->init->core, l->p->id, &owner) < 0) {
		set_answer(row, STARTED_WITHOUT);
		return;
	}
	const struct started_variable variables[] = { { "UPSTART_JOB", scope_plain(owner.job) },
						      { "UPSTART_INSTANCE", owner.instance } };
	child = started_with_ask((pid_t) row[ROW_PID], variables, ARRAY_SIZE(variables));
	if (child < 0) {
		l->in_want = true;
		return;
	}
	row[ROW_CHILD] = (uint64_t) child;
	set_answer(row, STARTED_NOT_TOLD);
}

/* Is that one of a user of the leaver's? 1, 0, or a negative errno that is a want. */
static int
has_user(const struct leaver *l, pid_t pid)
{
	uid_t uid;
	int r = l->users.n > 0 ? process_user(pid, &uid) : -ESRCH;

	return r == 0 ? u64v_has(&l->users, uid) : error_is_want(r) ? r : 0;
}

/* 1, 0 (which is in doubt as long as it is not known), or a negative errno that is a want. */
static int
has_environment(struct leaver *l, pid_t pid, uint64_t began)
{
	struct u64v *asked = &l->init->adoption.asked;
	uint64_t *row;
	int r = has_user(l, pid);

	if (r <= 0)
		return r;
	row = find_row(asked, pid, began);
	if (row == NULL)
		row = add_row(asked, pid, began);
	if (row == NULL)
		return -ENOMEM;
	ask(l, row);
	l->in_doubt = l->in_doubt || row[ROW_ANSWER] == STARTED_UNKNOWN || row[ROW_ANSWER] == STARTED_NOT_TOLD;
	return row[ROW_ANSWER] == STARTED_WITH;
}

/* -- by the session ---------------------------------------------------------------------------- */

struct search {
	uint64_t process;
	pid_t session;
	bool found;
};

static void
search_cb(const struct core_member *m, void *data)
{
	struct search *s = data;

	s->found = s->found || (m->process == s->process && m->session == s->session);
}

static bool
has_session(const struct leaver *l, pid_t session)
{
	struct search s = { l->p->id, session, false };

	if (session > 0)
		core_each_member(l->init->core, search_cb, &s);
	return s.found;
}

/* -- all in all ---------------------------------------------------------------------------------- */

bool
adoption_is_helper(const struct init *init, pid_t pid)
{
	const struct u64v *asked = &init->adoption.asked;

	for (size_t i = 0; i < asked->n; i += ROW_WORDS)
		if (asked->p[i + ROW_CHILD] == (uint64_t) pid)
			return true;
	return servants_has(init, pid) || pid == init->report_pid || pid == init->last.pid || pid == init->trial.pid ||
	       down_has(init, pid);
}

/* A hook's session is its own: whoever is in it comes from the hook, also while that runs. */
static bool
is_of_hook(const struct init *init, pid_t session)
{
	const struct proc *p = map_get_id(&init->spawns->by_pid, (uint64_t) session);

	return p != NULL && proc_is_hook(p);
}

/*
 * May that child of init's have come from the one that has ended? What an earlier life has left behind began before it,
 * and what hooks have left is known. *began is when he did. 1, 0, or a negative errno that is a want.
 */
static int
may_be_left(const struct leaver *l, pid_t pid, uint64_t *began)
{
	struct trace_brief brief;
	int r = trace_look_briefly(pid, &brief);

	if (r < 0)
		return error_is_want(r) ? r : 0;
	*began = brief.began;
	return brief.began >= l->began && !is_of_hook(l->init, brief.session) &&
	       !hook_leavings_has(l->init, l->p->id, pid, brief.began);
}

/* 1, 0, or a negative errno that is a want. One that has ended has no environment any more: its user has to do. */
static int
was_left(struct leaver *l, pid_t pid, uint64_t began, const struct trace_task *task)
{
	const struct brood *b = l->p->brood;

	if (b != NULL && b->leaf != NULL && !b->outside)
		return brood_has_in_group(l->init, b, pid);
	if (has_session(l, task->session))
		return 1;
	return task->dead ? has_user(l, pid) : has_environment(l, pid, began);
}

static int
tell(const struct leaver *l, pid_t pid, const struct trace_task *task)
{
	struct input in = { .type = INPUT_FAMILY };

	in.family.what = FAMILY_NEWS_FORKED;
	in.family.process = l->p->id;
	in.family.other = pid;
	in.family.session = task->session;
	in.family.group = task->group;
	return brain_feed(l->init, &in);
}

/* 0 or a negative errno. */
static int
look_at(struct leaver *l, pid_t pid)
{
	struct trace_task task;
	uint64_t began;
	int r;

	if (core_process_of_pid(l->init->core, pid) != 0 || adoption_is_helper(l->init, pid))
		return 0;
	r = trace_look(pid, &task);
	if (r < 0)
		return error_is_want(r) ? r : 0;
	if (task.parent != getpid())
		return 0;
	r = may_be_left(l, pid, &began);
	if (r == 1)
		r = was_left(l, pid, began, &task);
	if (r <= 0)
		return r;
	if (!task.dead)
		return tell(l, pid, &task);
	l->ended++;
	return 0;
}

/* 0 or a negative errno. */
static int
look_for_left(struct leaver *l)
{
	struct u64v pids = { 0 };
	int r = children_list(&pids);

	l->in_doubt = false;
	l->ended = 0;
	for (size_t i = 0; r == 0 && i < pids.n; i++)
		r = look_at(l, (pid_t) pids.p[i]);
	u64v_deinit(&pids);
	return r;
}

/*
 * One that ended during a look has left somebody who was not in the list yet: look again. Somebody may go on making
 * such for ever, so soon that is a doubt like others. 0 or a negative errno.
 */
static int
look_until_quiet(struct leaver *l)
{
	int r, before = 0;

	for (int i = 0; i < LOOKS_MAX; i++) {
		r = look_for_left(l);
		if (r < 0 || l->ended <= before)
			return r;
		before = l->ended;
	}
	l->in_doubt = true;
	return 0;
}

/* Who ends, unless it is traced, or of another family than those before. 0, or a negative errno that is a want. */
static int
leaver_add(struct leaver *l, pid_t pid)
{
	struct proc *p = map_get_id(&l->init->spawns->by_id, core_process_of_pid(l->init->core, pid));
	struct trace_brief brief = { 0 };
	struct trace_task task;
	uid_t uid;
	int r;

	if (p == NULL || !core_is_followed(l->init->core, pid) || (l->p != NULL && l->p != p))
		return 0;
	r = trace_look(pid, &task);
	if (r == 0)
		r = trace_look_briefly(pid, &brief);
	if (r < 0)
		return error_is_want(r) ? r : 0;
	/* Of one who is traced all is known. */
	if (task.tracer == getpid())
		return 0;
	r = process_user(pid, &uid);
	if (r == 0 && !u64v_has(&l->users, uid))
		r = u64v_add(&l->users, uid);
	if (error_is_want(r))
		return r;
	l->began = l->p == NULL || brief.began < l->began ? brief.began : l->began;
	l->p = p;
	l->pid = pid;
	return 0;
}

/* What is not clear after a look is waited for: so long. The time that the look has taken does not count. */
static bool
may_wait(struct leaver *l)
{
	usec_t now = clock_now();

	if (!l->in_doubt || !l->patient)
		return false;
	if (l->init->adoption.until == 0) {
		l->init->adoption.until = now + PATIENCE;
		l->init->adoption.until_able = now + WANT_PATIENCE;
	}
	if (l->in_want && now < l->init->adoption.until_able)
		l->init->adoption.until = now + PATIENCE;
	return now < l->init->adoption.until;
}

/*
 * What has been asked is kept as long as it is about the same family: a look goes on where the last one was, whoever of
 * it ends. 0 or a negative errno.
 */
static int
leaver_look(struct leaver *l)
{
	struct init *init = l->init;
	int r;

	if (init->adoption.process != l->p->id)
		forget(init);
	init->adoption.process = l->p->id;
	init->adoption.leaver = l->pid;
	l->patient = l->p->doubts < DOUBTS_MAX;
	r = look_until_quiet(l);
	if (r == 0 && may_wait(l))
		return -EAGAIN;
	l->p->doubts += r == 0 && l->in_doubt ? 1 : 0;
	if (r == 0)
		forget(init);
	return r;
}

int
adoption_before_ends(struct init *init, const struct u64v *pids)
{
	struct leaver l = { .init = init };
	int r = 0;

	for (size_t i = 0; r == 0 && i < pids->n; i++)
		r = leaver_add(&l, (pid_t) pids->p[i]);
	if (r == 0 && l.p != NULL)
		r = leaver_look(&l);
	u64v_deinit(&l.users);
	return r;
}

int
adoption_before_end(struct init *init, pid_t pid)
{
	uint64_t one = (uint64_t) pid;

	return adoption_before_ends(init, &(struct u64v){ .p = &one, .n = 1 });
}
