/* SPDX-License-Identifier: MIT */
/*
 * Calls that start a job once its `while` holds. Until then they wait for the record of the instance (struct want);
 * when it is started, by whatever, they wait for the instance as any other start. When it is not armed any more, or
 * never will run, they get an error.
 *
 * Such a wait is for states, not for an instance, and so no edge of the graph of wait.c. One that its own caller stands
 * in the way of, because what is waited for follows the caller, directly or through others, is not made: the call goes
 * on at once, with a warning.
 */
#include "core/binding.h"

#include "common/log.h"
#include "common/msg.h"

#include <errno.h>
#include <utlist.h>

#define AWAIT_REQUEST 0
#define AWAIT_TOKEN 1
#define AWAIT_PROCESS 2 /* who asks */
#define AWAIT_WORDS 3

/* -- circles ------------------------------------------------------------------------- */

/* Add the jobs that `slot` follows to `seen`, as numbers; *found becomes `slot` if one is `wanted`. 0 or -ENOMEM. */
static int
add_followed(const struct core *core, const struct slot *slot, struct u64v *seen, const struct slot **found,
	     const struct slot *wanted)
{
	const struct condition *cond = follow_condition(slot);

	for (int i = 0; cond != NULL && i < cond->n_leaves; i++) {
		int node = cond->leaves[i];
		const struct slot *other = state_job(core, scope_root(slot->name), cond->nodes[node].name);

		if (other == NULL || binding_is_negated(cond, node))
			continue;
		if (other == wanted)
			*found = slot;
		if (!u64v_has(seen, (uintptr_t) other) && u64v_add(seen, (uintptr_t) other) < 0)
			return -ENOMEM;
	}
	return 0;
}

/* Who follows the caller among `slot` and those that it follows, from one to the next; NULL: nobody. */
static const struct slot *
find_follower(struct core *core, const struct slot *slot, const struct slot *caller)
{
	struct u64v seen = { 0 };
	const struct slot *found = NULL;
	int r = u64v_add(&seen, (uintptr_t) slot);

	for (size_t i = 0; r == 0 && found == NULL && i < seen.n; i++)
		r = add_followed(core, (const struct slot *) (uintptr_t) seen.p[i], &seen, &found, caller);
	core_oom(core, r);
	u64v_deinit(&seen);
	return found;
}

/* Would the caller wait for what waits for it to be up? Told if so. */
static bool
closes_circle(struct core *core, const struct slot *slot, const struct job *caller)
{
	char display[JOB_DISPLAY_MAX];
	const struct slot *follower;

	if (caller == NULL || caller->up)
		return false;
	follower = find_follower(core, slot, caller->slot);
	if (follower == NULL)
		return false;
	core_log(core, LOG_LEVEL_WARN, "A call by %s does not wait until %s is ready, which waits for it: %s follows it",
		 job_display(caller, display, sizeof(display)), slot->name, follower->name);
	return true;
}

/* -- waiting ------------------------------------------------------------------------------- */

void
await_restore(struct core *core, struct want *want)
{
	if (want->awaiting.n > 0)
		DL_APPEND2(core->awaited, want, await_prev, await_next);
}

/* The calls, which are the caller's to see to and free. */
static struct u64v
take_calls(struct core *core, struct want *want)
{
	struct u64v calls = want->awaiting;

	if (calls.n > 0)
		DL_DELETE2(core->awaited, want, await_prev, await_next);
	want->awaiting = (struct u64v) { 0 };
	return calls;
}

int
await_ready(struct core *core, const struct slot *slot, struct want *want, const struct asker *who)
{
	const uint64_t words[AWAIT_WORDS] = { who->request, who->token, who->process };
	size_t n = want->awaiting.n;

	if (closes_circle(core, slot, map_get_id(&core->process_to_job, who->process)))
		return 1;
	for (size_t i = 0; i < AWAIT_WORDS; i++)
		if (u64v_add(&want->awaiting, words[i]) < 0) {
			want->awaiting.n = n;
			return -ENOMEM;
		}
	if (n == 0)
		await_restore(core, want);
	return 0;
}

void
await_started(struct core *core, struct job *job)
{
	struct want *want = job->slot->n_wants > 0 ? want_get(job->slot, job->name) : NULL;
	struct u64v calls;

	if (want == NULL || want->awaiting.n == 0)
		return;
	calls = take_calls(core, want);
	for (size_t i = 0; i + AWAIT_WORDS <= calls.n; i += AWAIT_WORDS) {
		const uint64_t *call = &calls.p[i];
		const struct asker who = { call[AWAIT_REQUEST], call[AWAIT_TOKEN], call[AWAIT_PROCESS] };
		int r = job_wait_request(core, job, JOB_START, &who);

		core_oom(core, r);
		if (r > 0)
			request_answer(core, who.request, who.token, NULL, NULL, job->slot->name, job->name);
	}
	u64v_deinit(&calls);
}

void
await_in_vain(struct core *core, struct want *want, const char *error, const char *text)
{
	struct u64v calls = take_calls(core, want);

	for (size_t i = 0; i + AWAIT_WORDS <= calls.n; i += AWAIT_WORDS)
		request_answer(core, calls.p[i + AWAIT_REQUEST], calls.p[i + AWAIT_TOKEN], error, text, NULL, NULL);
	u64v_deinit(&calls);
}

void
await_none(struct core *core, struct slot *slot, const char *error, const char *text)
{
	struct want *want;

	DL_FOREACH(slot->wants, want)
		await_in_vain(core, want, error, text);
}

/* In the order of their first calls: none in the list is without one. */
static int
compare_first(const struct want *a, const struct want *b)
{
	const uint64_t *x = a->awaiting.p, *y = b->awaiting.p;

	if (x == NULL || y == NULL)
		return (y == NULL) - (x == NULL);
	if (x[AWAIT_REQUEST] != y[AWAIT_REQUEST])
		return x[AWAIT_REQUEST] < y[AWAIT_REQUEST] ? -1 : 1;
	return (x[AWAIT_TOKEN] > y[AWAIT_TOKEN]) - (x[AWAIT_TOKEN] < y[AWAIT_TOKEN]);
}

void
await_no_more(struct core *core)
{
	/* The order of the list is another one after a snapshot. */
	DL_SORT2(core->awaited, compare_first, await_prev, await_next);
	while (core->awaited != NULL)
		await_in_vain(core, core->awaited, ERR_CONDITION_NOT_MET, "The way down began before its 'while' held");
}

size_t
await_count(const struct want *want)
{
	return want->awaiting.n / AWAIT_WORDS;
}

void
await_forget_requests(struct core *core)
{
	struct want *want;

	DL_FOREACH2(core->awaited, want, await_next)
		for (size_t i = 0; i + AWAIT_WORDS <= want->awaiting.n; i += AWAIT_WORDS)
			want->awaiting.p[i + AWAIT_REQUEST] = 0;
}
