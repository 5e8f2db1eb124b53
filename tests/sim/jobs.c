/* SPDX-License-Identifier: MIT */
/*
 * Random job files. Jobs start on events, and on what lower-numbered jobs do (so that nothing starts itself for ever,
 * unless the plan allows loops); they stop on anything.
 */
#include "jobs.h"

#include <stdio.h>
#include <string.h>

#include "job/parse.h"

const char *const event_names[EVENT_COUNT] = { "ev-a", "ev-b", "ev-c", "ev-d" };
const char *const foreign_names[FOREIGN_COUNT] = { "door", "net" };

void
store_deinit(struct store *store)
{
	for (size_t i = 0; i < store->n; i++) {
		(void) job_class_unref(store->all[i].cls);
		free(store->all[i].text);
	}
	free(store->all);
	*store = (struct store) { 0 };
}

struct job_class *
store_parse(const char *name, const char *text)
{
	struct parse_source source = { name, span_of(text) };
	struct parse_report report = { 0 };
	struct job_class *cls = NULL;

	if (job_parse(name, &source, NULL, &cls, &report) < 0) {
		for (size_t i = 0; i < report.n; i++)
			(void) fprintf(stderr, "%s:%u: %s\n", name, report.issues[i].line, report.issues[i].message);
		(void) fprintf(stderr, "the parser refuses a generated job:\n%s", text);
	}
	parse_report_deinit(&report);
	return cls;
}

uint64_t
store_add(struct store *store, const char *name, const char *text)
{
	struct definition *grown = realloc(store->all, (store->n + 1) * sizeof(*grown));
	struct job_class *cls;

	if (grown == NULL)
		return 0;
	store->all = grown;
	cls = store_parse(name, text);
	if (cls == NULL)
		return 0;
	cls->id = store->n + 1;
	store->all[store->n] = (struct definition) { cls, strdup(text) };
	store->n++;
	return cls->id;
}

const struct job_class *
store_get(const struct store *store, uint64_t id)
{
	return id > 0 && id <= store->n ? store->all[id - 1].cls : NULL;
}

struct job_class *
store_resolve(uint64_t id, void *data)
{
	struct store *store = data;

	return id > 0 && id <= store->n ? job_class_ref(store->all[id - 1].cls) : NULL;
}

void
job_name(char *buf, size_t size, unsigned index)
{
	(void) snprintf(buf, size, "job%u", index);
}

/* -- conditions --------------------------------------------------------------------- */

/* One leaf. `below`: how many jobs it may speak of. */
static void
write_leaf(struct rng *rng, unsigned below, struct strbuf *b)
{
	static const char *const job_events[] = { "starting", "started", "stopping", "stopped" };
	static const char *const arguments[] = { "", "", "", " K=0", " K=1", " K!=1", " K=*", " K=[02]", " 1" };
	static const char *const results[] = { "", "", "", " RESULT=ok", " RESULT=failed" };

	if (below == 0 || rng_chance(rng, 55)) {
		strbuf_add(b, event_names[rng_below(rng, EVENT_COUNT)]);
		if (rng_chance(rng, 5))
			strbuf_add(b, "/failed");
		strbuf_add(b, arguments[rng_below(rng, ARRAY_SIZE(arguments))]);
	} else {
		unsigned which = rng_below(rng, ARRAY_SIZE(job_events));

		strbuf_addf(b, "%s %sjob%u", job_events[which], rng_chance(rng, 30) ? "JOB=" : "",
			    rng_below(rng, below));
		if (which >= 2)
			strbuf_add(b, results[rng_below(rng, ARRAY_SIZE(results))]);
	}
}

static void
write_condition(struct rng *rng, unsigned below, struct strbuf *b)
{
	unsigned shape = rng_below(rng, 10);

	if (shape >= 7)
		strbuf_addc(b, '(');
	write_leaf(rng, below, b);
	if (shape >= 4) {
		strbuf_add(b, shape % 2 ? " and " : " or ");
		write_leaf(rng, below, b);
	}
	if (shape >= 7) {
		strbuf_add(b, shape == 8 ? ") and " : ") or ");
		write_leaf(rng, below, b);
	}
}

void
leaf_example(const struct condition_node *node, char ***env)
{
	bool named_job = false;
	char pair[128];

	for (size_t i = 0; node->args != NULL && node->args[i] != NULL; i++) {
		const char *arg = node->args[i], *eq = strchr(arg, '=');

		if (eq == NULL) {
			(void) snprintf(pair, sizeof(pair), "%s=%s", strncmp(arg, "job", 3) == 0 ? "JOB" : "K", arg);
		} else if (eq > arg && eq[-1] == '!') {
			(void) snprintf(pair, sizeof(pair), "%.*s=other", (int) (eq - arg - 1), arg);
		} else {
			(void) snprintf(pair, sizeof(pair), "%.*s=%s", (int) (eq - arg), arg,
					strcmp(eq, "=*") == 0	   ? "x"
					: strcmp(eq, "=[02]") == 0 ? "2"
								   : eq + 1);
		}
		named_job = named_job || strncmp(pair, "JOB=", 4) == 0;
		if (env_set(env, pair) < 0)
			return;
		if (named_job && strv_len(*env) == 1 && env_set(env, "INSTANCE=") < 0)
			return;
	}
}

/* A term of a `while`: what another job does, or somebody outside says. */
static void
write_term(struct rng *rng, unsigned below, struct strbuf *b)
{
	static const char *const ends[] = { "", "", "", "", "/done", "/failed" };
	static const char *const matches[] = { "", "", "", " K=*", " K=1", " INSTANCE=" };

	if (rng_chance(rng, 25))
		strbuf_add(b, "not ");
	if (rng_chance(rng, 8)) {
		strbuf_add(b, rng_chance(rng, 50) ? "runlevel [2345]" : "runlevel RUNLEVEL=2");
		return;
	}
	if (rng_chance(rng, 10)) {
		strbuf_addf(b, "%s%s", foreign_names[rng_below(rng, FOREIGN_COUNT)],
			    rng_chance(rng, 40) ? "" : rng_chance(rng, 50) ? " K=*" : " K=1");
		return;
	}
	strbuf_addf(b, "job%u%s%s", rng_below(rng, below), ends[rng_below(rng, ARRAY_SIZE(ends))],
		    matches[rng_below(rng, ARRAY_SIZE(matches))]);
}

static void
write_while(struct rng *rng, unsigned below, struct strbuf *b)
{
	if (below == 0)
		return;
	strbuf_add(b, "while ");
	write_term(rng, below, b);
	while (rng_chance(rng, 40)) {
		strbuf_add(b, rng_chance(rng, 60) ? " and " : " or ");
		write_term(rng, below, b);
	}
	strbuf_addc(b, '\n');
	if (rng_chance(rng, 10))
		strbuf_add(b, "manual\n");
}

/* -- whole files -------------------------------------------------------------------- */

static void
write_conditions(struct rng *rng, const struct job_plan *plan, unsigned index, struct strbuf *b)
{
	bool follows = rng_chance(rng, 30);

	if (follows)
		write_while(rng, plan->loops ? plan->n_jobs : index, b);
	if (rng_chance(rng, follows ? 25 : 75)) {
		strbuf_add(b, "start on ");
		write_condition(rng, plan->loops ? plan->n_jobs : index, b);
		strbuf_addc(b, '\n');
	}
	if (rng_chance(rng, 50)) {
		strbuf_add(b, "stop on ");
		write_condition(rng, plan->n_jobs, b);
		strbuf_addc(b, '\n');
	}
}

static void
write_processes(struct rng *rng, bool task, struct strbuf *b)
{
	static const char *const hooks[] = { "pre-start", "post-start", "pre-stop", "post-stop" };
	static const char *const forking[] = { "fork", "daemon", "exit", "pidfile /run/x", "listen 80" };
	unsigned main_percent = task ? 95 : 85;

	if (rng_chance(rng, main_percent))
		strbuf_add(b, "exec /bin/main\n");
	for (size_t i = 0; i < ARRAY_SIZE(hooks); i++)
		if (rng_chance(rng, 30))
			strbuf_addf(b, "%s exec /bin/hook\n", hooks[i]);
	if (rng_chance(rng, 10))
		strbuf_add(b, rng_chance(rng, 50) ? "apparmor load /etc/profile\n" : "tmpfiles /etc/tmpfiles.d/x.conf\n");
	if (rng_chance(rng, 20))
		strbuf_add(b, "expect stop\n");
	else if (rng_chance(rng, 30))
		strbuf_addf(b, "expect %s\n", forking[rng_below(rng, ARRAY_SIZE(forking))]);
	else if (rng_chance(rng, 30))
		strbuf_add(b, rng_chance(rng, 50) ? "expect fd 3\n" : "expect notify\nwatchdog 5\n");
	if (rng_chance(rng, 10))
		strbuf_addf(b, "expect timeout %u\n", rng_below(rng, 5));
}

static void
write_manners(struct rng *rng, struct strbuf *b)
{
	static const char *const exits[] = { "0", "1", "0 TERM", "TERM KILL", "3 7" };

	if (rng_chance(rng, 40))
		strbuf_add(b, "respawn\n");
	if (rng_chance(rng, 30))
		strbuf_addf(b, "respawn limit %u %u\n", rng_below(rng, 4), 1 + rng_below(rng, 10));
	else if (rng_chance(rng, 10))
		strbuf_add(b, "respawn limit unlimited\n");
	if (rng_chance(rng, 15))
		strbuf_addf(b, "respawn delay %u %u\n", rng_below(rng, 3), 2 + rng_below(rng, 10));
	if (rng_chance(rng, 25))
		strbuf_addf(b, "normal exit %s\n", exits[rng_below(rng, ARRAY_SIZE(exits))]);
	if (rng_chance(rng, 40))
		strbuf_addf(b, "kill timeout %u\n", rng_below(rng, 4));
	if (rng_chance(rng, 20))
		strbuf_add(b, "kill signal INT\n");
	if (rng_chance(rng, 20))
		strbuf_add(b, "kill mode tree\n");
	if (rng_chance(rng, 20))
		strbuf_add(b, "reload signal USR1\n");
}

static void
write_environment(struct rng *rng, struct strbuf *b)
{
	static const char *const templates[] = { "$K", "${K:-none}", "$K-$L", "${L}", "fixed" };

	if (rng_chance(rng, 30))
		strbuf_addf(b, "env L=%u\n", rng_below(rng, 3));
	if (rng_chance(rng, 15))
		strbuf_add(b, "env OWN\n");
	if (rng_chance(rng, 30))
		strbuf_add(b, "export K L NOT_THERE JOB\n");
	if (rng_chance(rng, 25))
		strbuf_addf(b, "instance %s\n", templates[rng_below(rng, ARRAY_SIZE(templates))]);
	if (rng_chance(rng, 10))
		strbuf_add(b, rng_chance(rng, 50) ? "import K\n" : "import K L JOB INSTANCE\n");
	if (rng_chance(rng, 15))
		strbuf_add(b, "usage \"K=number\"\n");
}

/* The shortest circles: a task that starts itself, and two that contradict themselves together. */
static bool
write_circle(unsigned index, struct strbuf *b)
{
	static const char *const texts[] = {
		"start on stopped job0 or ev-a\ntask\nexec /bin/main\n",
		"while not job2\nexec /bin/main\n",
		"while job1\nexec /bin/main\n",
	};

	if (index >= ARRAY_SIZE(texts))
		return false;
	strbuf_add(b, texts[index]);
	return true;
}

void
job_write(struct rng *rng, const struct job_plan *plan, unsigned index, struct strbuf *b)
{
	bool task = rng_chance(rng, 25);

	if (plan->loops && rng_chance(rng, 70) && write_circle(index, b))
		return;
	write_conditions(rng, plan, index, b);
	if (task)
		strbuf_add(b, "task\n");
	write_processes(rng, task, b);
	write_manners(rng, b);
	write_environment(rng, b);
}
