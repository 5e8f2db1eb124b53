/* SPDX-License-Identifier: MIT */
/*
 * The bench. See rig.h.
 */
#include "rig.h"

#include <errno.h>
#include <signal.h>

#include "common/log.h"
#include "common/msg.h"
#include "common/scope.h"
#include "job/parse.h"
#include "job/signals.h"

static char *own_env[] = { (char *) "PATH=/own", (char *) "OWN=of init", NULL };
static char *job_env[] = { (char *) "PATH=/bin", (char *) "TERM=linux", NULL };

static struct job_class *
resolve(uint64_t id, void *data)
{
	struct rig *r = data;

	return id > 0 && id <= r->n_classes ? job_class_ref(r->classes[id - 1]) : NULL;
}

static struct rig *
make(char *address, uint32_t policies)
{
	struct rig *r = calloc(1, sizeof(*r));
	struct input in = { .type = INPUT_CONTROL, .control = { true } };

	r->config = (struct core_config) {
		.own_env = own_env,
		.job_env = job_env,
		.session_address = address,
		.log_level = LOG_LEVEL_MESSAGE,
		.policies = policies,
		.resolve = resolve,
		.resolve_data = r,
	};
	r->core = core_new(&r->config);
	assert_non_null(r->core);
	r->now = 1000 * USEC_PER_SEC;
	r->last_pid = 100;
	r->shown = RIG_ALL;
	(void) rig_apply(r, &in);
	return r;
}

struct rig *
rig_new(void)
{
	return make(NULL, 0);
}

struct rig *
rig_new_session(void)
{
	return make((char *) "unix:abstract=/test", 0);
}

struct rig *
rig_new_with(uint32_t policies)
{
	return make(NULL, policies);
}

struct rig *
rig_free(struct rig *r)
{
	for (size_t i = 0; i < r->n_procs; i++) {
		free(r->procs[i].job);
		(void) strv_free(r->procs[i].env);
		u64v_deinit(&r->procs[i].fds);
	}
	for (size_t i = 0; i < r->n_rules; i++) {
		free(r->rules[i].job);
		free(r->rules[i].what);
	}
	(void) core_free(r->core);
	for (size_t i = 0; i < r->n_classes; i++)
		(void) job_class_unref(r->classes[i]);
	free(r->classes);
	free(r->procs);
	free(r->timers);
	free(r->rules);
	strbuf_deinit(&r->lines);
	free(r);
	return NULL;
}

void
rig_show(struct rig *r, uint32_t effects)
{
	r->shown = effects;
	rig_forget(r);
}

/* -- effects as lines ------------------------------------------------------------------ */

static void
add_notify(struct rig *r, const struct effect_notify *n)
{
	const char *name = n->instance != NULL && n->instance[0] != '\0' ? n->instance : "_";
	auto_strbuf struct strbuf env = STRBUF_INIT;

	for (size_t i = 0; n->env != NULL && n->env[i] != NULL; i++)
		strbuf_addf(&env, strchr(n->env[i], ' ') != NULL ? "%s'%s'" : "%s%s", i > 0 ? " " : "", n->env[i]);
	switch (n->type) {
	case NOTIFY_JOB_ADDED:
	case NOTIFY_JOB_REMOVED:
		strbuf_addf(&r->lines, "sig manager %s <job %s>",
			    n->type == NOTIFY_JOB_ADDED ? "JobAdded" : "JobRemoved", n->job);
		break;
	case NOTIFY_INSTANCE_ADDED:
	case NOTIFY_INSTANCE_REMOVED:
		strbuf_addf(&r->lines, "sig job %s %s <job %s instance %s>", n->job,
			    n->type == NOTIFY_INSTANCE_ADDED ? "InstanceAdded" : "InstanceRemoved", n->job, name);
		break;
	case NOTIFY_GOAL_CHANGED:
		strbuf_addf(&r->lines, "sig job %s instance %s GoalChanged %s", n->job, name, n->text);
		break;
	case NOTIFY_STATE_CHANGED:
		strbuf_addf(&r->lines, "sig job %s instance %s StateChanged %s", n->job, name, n->text);
		break;
	case NOTIFY_FAILED:
		strbuf_addf(&r->lines, "sig job %s instance %s Failed %d", n->job, name, n->value);
		break;
	case NOTIFY_STATE_SET:
	case NOTIFY_STATE_CLEARED:
	case NOTIFY_EVENT_EMITTED:
		strbuf_addf(&r->lines, "sig manager%s%s %s %s [%s]", n->job != NULL ? " in " : "",
			    n->job != NULL ? n->job : "",
			    n->type == NOTIFY_EVENT_EMITTED ? "EventEmitted"
			    : n->type == NOTIFY_STATE_SET   ? "StateSet"
							    : "StateCleared",
			    n->text, env.p != NULL ? env.p : "");
		break;
	case NOTIFY_EVENT_QUEUED:
		strbuf_addf(&r->lines, "sig manager%s%s EventQueued %s [%s]", n->job != NULL ? " in " : "",
			    n->job != NULL ? n->job : "", n->text, env.p != NULL ? env.p : "");
		break;
	default:
		fail_msg("a signal of unknown type %u", n->type);
	}
}

static void
add_reply(struct rig *r, const struct effect_reply *reply)
{
	const char *prefix = ERR_PREFIX;
	size_t n = strlen(prefix);

	strbuf_addf(&r->lines, "reply %llu ", (unsigned long long) reply->request);
	if (reply->error == NULL) {
		strbuf_add(&r->lines, "ok");
		if (reply->job != NULL)
			strbuf_addf(&r->lines, " %s", reply->job);
		if (reply->instance != NULL && reply->instance[0] != '\0')
			strbuf_addf(&r->lines, "/%s", reply->instance);
	} else {
		strbuf_addf(&r->lines, "error %s: %s",
			    strncmp(reply->error, prefix, n) == 0 ? reply->error + n : reply->error, reply->text);
	}
}

static struct rig_proc *
proc_by_id(struct rig *r, uint64_t id)
{
	for (size_t i = 0; i < r->n_procs; i++)
		if (r->procs[i].id == id)
			return &r->procs[i];
	fail_msg("there is no process %llu", (unsigned long long) id);
	return NULL;
}

static void
take_spawn(struct rig *r, const struct effect_spawn *s)
{
	struct rig_proc *p;

	r->procs = realloc(r->procs, (r->n_procs + 1) * sizeof(*p));
	p = &r->procs[r->n_procs++];
	*p = (struct rig_proc) { .id = s->process, .kind = (enum process_kind) s->kind };
	p->job = s->instance[0] != '\0' ? str_printf("%s/%s", s->job, s->instance) : strdup(s->job);
	assert_int_equal(strv_dup(&p->env, s->env), 0);
	for (size_t i = 0; i < s->fds.n; i++)
		assert_int_equal(u64v_add(&p->fds, s->fds.p[i]), 0);
	strbuf_addf(&r->lines, "spawn %s %s", p->job, process_kind_name(p->kind));
}

static void
take_timer(struct rig *r, const struct effect_timer *t)
{
	for (size_t i = 0; i < r->n_timers; i++)
		if (r->timers[i].id == t->timer) {
			r->timers[i] = r->timers[--r->n_timers];
			break;
		}
	if (t->due == 0) {
		strbuf_add(&r->lines, "timer off");
		return;
	}
	r->timers = realloc(r->timers, (r->n_timers + 1) * sizeof(*r->timers));
	r->timers[r->n_timers++] = (struct rig_timer) { t->timer, t->due };
	strbuf_addf(&r->lines, "timer %llu", (unsigned long long) ((t->due - r->now) / USEC_PER_SEC));
}

/* The pid of a member of a family, and back. */
#define MEMBER_STEP 1000

static int32_t
pid_of_member(const struct rig_proc *p, int number)
{
	return p->first + (number - 1) * MEMBER_STEP;
}

static int
member_of_pid(const struct rig_proc *p, int32_t pid)
{
	assert_int_equal((pid - p->first) % MEMBER_STEP, 0);
	return 1 + (pid - p->first) / MEMBER_STEP;
}

static void
take_kill(struct rig *r, const struct effect_kill *k)
{
	const struct rig_proc *p = proc_by_id(r, k->process);

	if (k->pid != p->pid) {
		assert_false(k->group);
		strbuf_addf(&r->lines, "kill %s %d %s alone", p->job, member_of_pid(p, k->pid),
			    signal_name(k->signal) ? signal_name(k->signal) : "?");
		return;
	}
	strbuf_addf(&r->lines, "kill %s %s %s%s", p->job, process_kind_name(p->kind),
		    signal_name(k->signal) ? signal_name(k->signal) : "?", k->group ? "" : " alone");
}

static void
add_finished(struct strbuf *b, const struct effect_finished *f)
{
	strbuf_addf(b, "finished %d", f->status);
	if (f->level != NULL)
		strbuf_addf(b, " level %s", f->level);
	if (f->halt != NULL)
		strbuf_addf(b, " halt %s", f->halt);
	for (size_t i = 0; f->killed != NULL && f->killed[i] != NULL; i++)
		strbuf_addf(b, "%s%s%s", i == 0 ? " killed [" : "|", f->killed[i], f->killed[i + 1] == NULL ? "]" : "");
	for (size_t i = 0; f->slow != NULL && f->slow[i] != NULL; i++)
		strbuf_addf(b, "%s%s%s", i == 0 ? " slow [" : "|", f->slow[i], f->slow[i + 1] == NULL ? "]" : "");
}

/* Write an effect down, and let the bench know of it. */
static void
take(struct rig *r, const struct effect *e)
{
	size_t before = r->lines.len;
	struct rig_proc *p;

	switch (e->type) {
	case EFFECT_SPAWN:
		take_spawn(r, &e->spawn);
		break;
	case EFFECT_KILL:
		take_kill(r, &e->kill);
		break;
	case EFFECT_TIMER:
		take_timer(r, &e->timer);
		break;
	case EFFECT_LOG:
		strbuf_addf(&r->lines, "log %s %s", log_level_name((enum log_level) e->log.level), e->log.text);
		break;
	case EFFECT_CLOSE_FD:
		strbuf_addf(&r->lines, "close %llu", (unsigned long long) e->close_fd.fd);
		break;
	case EFFECT_ENDED:
		p = proc_by_id(r, e->ended.process);
		p->over = true;
		strbuf_addf(&r->lines, "ended %s %s", p->job, process_kind_name(p->kind));
		break;
	case EFFECT_FINISHED:
		add_finished(&r->lines, &e->finished);
		break;
	case EFFECT_MAIN:
		p = proc_by_id(r, e->main.process);
		p->pid = e->main.pid;
		strbuf_addf(&r->lines, "main %s %d", p->job, member_of_pid(p, p->pid));
		break;
	case EFFECT_RELEASE:
		p = proc_by_id(r, e->release.process);
		strbuf_addf(&r->lines, "release %s", p->job);
		for (size_t i = 0; i < e->release.pids.n; i++)
			strbuf_addf(&r->lines, " %d", member_of_pid(p, (int32_t) e->release.pids.p[i]));
		break;
	case EFFECT_STRAYS:
		strbuf_addf(&r->lines, "strays %s %s%s%s", e->strays.job, signal_name(e->strays.signal),
			    e->strays.session != 0 && !e->strays.alone ? " of a hook" : "", e->strays.sweep != 0 ? " awaited" : "");
		break;
	case EFFECT_REPLY:
		add_reply(r, &e->reply);
		break;
	case EFFECT_NOTIFY:
		add_notify(r, &e->notify);
		break;
	default:
		fail_msg("an effect of unknown type %u", e->type);
	}
	if ((r->shown & 1u << e->type) &&
	    (r->queued || e->type != EFFECT_NOTIFY || e->notify.type != NOTIFY_EVENT_QUEUED)) {
		strbuf_addc(&r->lines, '\n');
	} else {
		r->lines.len = before;
		r->lines.p[before] = '\0';
	}
}

int
rig_apply(struct rig *r, struct input *in)
{
	char why[256];

	in->now = r->now;
	r->result = core_apply(r->core, in);
	input_free(in);
	for (const struct effect *e = core_outbox(r->core, r->seen); e != NULL; e = e->next) {
		assert_true(e->id > r->seen);
		r->seen = e->id;
		take(r, e);
	}
	if (!r->unchecked && core_check(r->core, why, sizeof(why)) < 0)
		fail_msg("core_check: %s", why);
	return r->result;
}

/* -- inputs ---------------------------------------------------------------------------------- */

uint64_t
rig_define(struct rig *r, const char *name, const char *text)
{
	struct input in = { .type = INPUT_DEFINE };
	struct parse_report report = { 0 };
	struct job_class *cls = NULL;
	auto_free char *lines = strdup(text);
	struct parse_source source = { name, { lines, strlen(text) } };

	for (char *p = strchr(lines, ';'); p != NULL && strchr(lines, '\n') == NULL; p = strchr(p, ';'))
		*p = '\n';
	for (char *p = lines; *p != '\0' && strchr(text, '\n') == NULL; p++)
		*p = *p == ';' ? '\n' : *p;
	if (job_parse(name, &source, NULL, &cls, &report) < 0)
		fail_msg("%s does not parse: %s", name, report.n > 0 ? report.issues[0].message : "?");
	parse_report_deinit(&report);
	r->classes = realloc(r->classes, (r->n_classes + 1) * sizeof(struct job_class *));
	r->classes[r->n_classes++] = cls;
	cls->id = r->n_classes;
	in.define.class_id = cls->id;
	assert_int_equal(rig_apply(r, &in), 0);
	return cls->id;
}

void
rig_undefine(struct rig *r, const char *name)
{
	struct input in = { .type = INPUT_UNDEFINE };

	in.undefine.name = strdup(name);
	(void) rig_apply(r, &in);
}

char **
rig_words(const char *text)
{
	char **v = NULL;

	while (text != NULL && *text != '\0') {
		size_t n = strcspn(text, " ");

		if (n > 0)
			assert_int_equal(strv_take(&v, span_dup((struct span) { text, n })), 0);
		text += n + strspn(text + n, " ");
	}
	return v;
}

uint64_t
rig_ask(struct rig *r, enum request_kind kind, const char *job, const char *instance, const char *env, bool wait)
{
	struct input in = { .type = INPUT_REQUEST };

	in.request.request = ++r->requests;
	in.request.kind = kind;
	in.request.job = strdup(job);
	in.request.instance = instance != NULL ? strdup(instance) : NULL;
	in.request.env = rig_words(env);
	in.request.wait = wait;
	(void) rig_apply(r, &in);
	return r->requests;
}

uint64_t
rig_start(struct rig *r, const char *job, const char *env)
{
	return rig_ask(r, JOB_START, job, NULL, env, true);
}

uint64_t
rig_stop(struct rig *r, const char *job, const char *env)
{
	return rig_ask(r, JOB_STOP, job, NULL, env, true);
}

uint64_t
rig_restart(struct rig *r, const char *job, const char *env)
{
	return rig_ask(r, JOB_RESTART, job, NULL, env, true);
}

uint64_t
rig_emit(struct rig *r, const char *event, const char *env)
{
	struct input in = { .type = INPUT_EMIT };

	in.emit.request = ++r->requests;
	in.emit.name = strdup(event);
	in.emit.env = rig_words(env);
	in.emit.wait = true;
	(void) rig_apply(r, &in);
	return r->requests;
}

/* -- processes ---------------------------------------------------------------------------------- */

struct rig_proc *
rig_proc(struct rig *r, const char *job, const char *kind)
{
	for (size_t i = r->n_procs; i > 0; i--) {
		struct rig_proc *p = &r->procs[i - 1];

		if (!p->over && strcmp(p->job, job) == 0 && strcmp(process_kind_name(p->kind), kind) == 0)
			return p;
	}
	return NULL;
}

static struct rig_proc *
need(struct rig *r, const char *job, const char *kind)
{
	struct rig_proc *p = rig_proc(r, job, kind);

	if (p == NULL)
		fail_msg("%s has no %s process", job, kind);
	return p;
}

static void
made(struct rig *r, struct rig_proc *p)
{
	struct input in = { .type = INPUT_SPAWNED };

	p->pid = p->first = ++r->last_pid;
	in.spawned.process = p->id;
	in.spawned.pid = p->pid;
	(void) rig_apply(r, &in);
}

static void
executed(struct rig *r, struct rig_proc *p)
{
	struct input in = { .type = INPUT_EXEC_DONE };

	p->executed = true;
	in.exec_done.process = p->id;
	(void) rig_apply(r, &in);
}

static void
exited(struct rig *r, struct rig_proc *p, int32_t status)
{
	struct input in = { .type = INPUT_EXITED };

	p->over = true;
	in.exited.pid = p->pid;
	in.exited.status = status;
	(void) rig_apply(r, &in);
}

static void
failed(struct rig *r, struct rig_proc *p, uint32_t step, int32_t error)
{
	struct input in = { .type = INPUT_SPAWN_FAILED };

	p->over = true;
	in.spawn_failed.process = p->id;
	in.spawn_failed.step = step;
	in.spawn_failed.error = error;
	(void) rig_apply(r, &in);
}

void
rig_made(struct rig *r, const char *job, const char *kind)
{
	made(r, need(r, job, kind));
}

void
rig_executed(struct rig *r, const char *job, const char *kind)
{
	executed(r, need(r, job, kind));
}

void
rig_up(struct rig *r, const char *job, const char *kind)
{
	made(r, need(r, job, kind));
	executed(r, need(r, job, kind));
}

void
rig_exit(struct rig *r, const char *job, const char *kind, int32_t status)
{
	exited(r, need(r, job, kind), status);
}

void
rig_fail(struct rig *r, const char *job, const char *kind, uint32_t step, int32_t error)
{
	failed(r, need(r, job, kind), step, error);
}

static size_t
next_timer(const struct rig *r)
{
	size_t next = 0;

	for (size_t i = 1; i < r->n_timers; i++)
		if (r->timers[i].due < r->timers[next].due)
			next = i;
	return next;
}

void
rig_pass(struct rig *r, usec_t time)
{
	usec_t until = r->now + time;

	while (r->n_timers > 0 && r->timers[next_timer(r)].due <= until)
		(void) rig_timer(r);
	r->now = until;
}

bool
rig_timer(struct rig *r)
{
	struct input in = { .type = INPUT_TIMER };
	size_t next;

	if (r->n_timers == 0)
		return false;
	next = next_timer(r);
	if (r->timers[next].due > r->now)
		r->now = r->timers[next].due;
	in.timer.timer = r->timers[next].id;
	r->timers[next] = r->timers[--r->n_timers];
	(void) rig_apply(r, &in);
	return true;
}

void
rig_wait(struct rig *r, usec_t time)
{
	r->now += time;
}

/* -- families ---------------------------------------------------------------------------------------- */

static int32_t
status_of(const char *text)
{
	if (*text == '\0')
		return 0;
	return *text >= '0' && *text <= '9' ? atoi(text) : JOB_EXIT_SIGNAL(signal_from_name(text));
}

static void
family_word(struct rig *r, const char *job, const char *word)
{
	struct input in = { .type = INPUT_FAMILY };
	const struct rig_proc *p;
	char *rest;
	long number;

	if (*word == '+') {
		rig_pass(r, (usec_t) (atof(word + 1) * USEC_PER_SEC));
		return;
	}
	p = need(r, job, "main");
	if (*word == '~') {
		in.family = (struct input_family) { .process = p->id, .what = FAMILY_NEWS_ADOPTED };
		(void) rig_apply(r, &in);
		return;
	}
	number = *word == '?' ? 0 : strtol(word, &rest, 10);
	if (*word == '?')
		rest = (char *) (uintptr_t) word + 1;
	in.family.process = p->id;
	in.family.pid = number > 0 ? pid_of_member(p, (int) number) : 0;
	switch (*rest) {
	case '>':
		in.family.what = FAMILY_NEWS_FORKED;
		in.family.other = pid_of_member(p, atoi(rest + 1));
		break;
	case '!':
		in.family.what = FAMILY_NEWS_EXECUTED;
		break;
	case 's':
	case 'g':
		in.family.what = FAMILY_NEWS_GROUPED;
		in.family.session = *rest == 's' ? in.family.pid : p->first;
		in.family.group = in.family.pid;
		break;
	case '.':
		in = (struct input){ .type = INPUT_EXITED };
		in.exited.pid = pid_of_member(p, (int) number);
		in.exited.status = status_of(rest + 1);
		break;
	default:
		fail_msg("what is \"%s\"?", word);
	}
	(void) rig_apply(r, &in);
}

void
rig_family(struct rig *r, const char *job, const char *script)
{
	auto_strv char **words = rig_words(script);

	for (size_t i = 0; words != NULL && words[i] != NULL; i++)
		family_word(r, job, words[i]);
}

int
rig_main(struct rig *r, const char *job)
{
	const struct rig_proc *p = need(r, job, "main");

	return member_of_pid(p, p->pid);
}

/* -- processes that do as they are told ------------------------------------------------------------ */

void
rig_rule(struct rig *r, const char *job, const char *kind, const char *what, bool once)
{
	enum process_kind k = PROCESS_MAIN;

	while (k < PROCESS_KIND_COUNT && strcmp(process_kind_name(k), kind) != 0)
		k++;
	assert_true(k < PROCESS_KIND_COUNT);
	r->rules = realloc(r->rules, (r->n_rules + 1) * sizeof(*r->rules));
	r->rules[r->n_rules++] = (struct rig_rule) { strdup(job), k, strdup(what), once };
}

/* The job's part of "web" or "tty/1", or of "/root//tty/1". */
static size_t
name_length(const char *job)
{
	return (size_t) (scope_plain(job) - job) + strcspn(scope_plain(job), "/");
}

/* What this process is to do; a rule for once is used up. Borrowed until the next rule is added. */
static const char *
rule_for(struct rig *r, const struct rig_proc *p, bool use)
{
	size_t n = name_length(p->job);
	const char *what = NULL;
	const struct job_class *cls = NULL;

	for (size_t i = 0; i < r->n_rules; i++) {
		struct rig_rule *rule = &r->rules[i];

		if (rule->kind != p->kind || strlen(rule->job) != n || strncmp(rule->job, p->job, n) != 0)
			continue;
		what = rule->what;
		if (!rule->once || rule->what[0] == '\0')
			continue;
		if (use) { /* used up: the text stays until the bench goes */
			rule->once = false;
			rule->kind = PROCESS_KIND_COUNT;
		}
		return what;
	}
	if (what != NULL)
		return what;
	for (size_t i = 0; i < r->n_classes; i++)
		if (strlen(r->classes[i]->name) == n && strncmp(r->classes[i]->name, p->job, n) == 0)
			cls = r->classes[i];
	return p->kind == PROCESS_MAIN && !(cls != NULL && cls->task) ? "runs" : "exit 0";
}

/* Has a kill signal been sent to it? Looks at the outbox: nothing is acknowledged on the bench. */
static int
signal_sent(struct rig *r, const struct rig_proc *p)
{
	int got = 0;

	for (const struct effect *e = core_outbox(r->core, 0); e != NULL; e = e->next)
		if (e->type == EFFECT_KILL && e->kill.process == p->id && e->kill.signal != SIGCONT && e->kill.group &&
		    (got == 0 || e->kill.signal == SIGKILL))
			got = e->kill.signal;
	return got;
}

/* One step of one process; false if it stays as it is. */
static bool
move(struct rig *r, struct rig_proc *p)
{
	const char *what = rule_for(r, p, false);
	int signal;

	if (p->over)
		return false;
	if (p->pid == 0) {
		made(r, p);
	} else if (!p->executed && strcmp(what, "missing") == 0) {
		(void) rule_for(r, p, true);
		failed(r, p, SPAWN_EXEC, ENOENT);
	} else if (!p->executed) {
		executed(r, p);
	} else if ((signal = signal_sent(r, p)) != 0 && (signal == SIGKILL || strcmp(what, "ignores") != 0)) {
		exited(r, p, JOB_EXIT_SIGNAL(signal));
	} else if (strncmp(what, "exit ", 5) == 0) {
		(void) rule_for(r, p, true);
		exited(r, p, atoi(what + 5));
	} else if (strncmp(what, "signal ", 7) == 0) {
		(void) rule_for(r, p, true);
		exited(r, p, JOB_EXIT_SIGNAL(signal_from_name(what + 7)));
	} else {
		return false;
	}
	return true;
}

void
rig_settle(struct rig *r)
{
	bool moved = true;

	for (unsigned round = 0; moved; round++) {
		moved = false;
		if (round > 1000)
			fail_msg("it does not come to rest");
		for (size_t i = 0; i < r->n_procs; i++)
			moved = move(r, &r->procs[i]) || moved;
	}
}

/* -- looking ------------------------------------------------------------------------------------- */

void
rig_forget(struct rig *r)
{
	strbuf_deinit(&r->lines);
}

void
rig_expect(struct rig *r, const char *expected)
{
	const char *lines = r->lines.p != NULL ? r->lines.p : "";

	if (strcmp(lines, expected) != 0)
		fail_msg("\n--- expected\n%s--- got\n%s---", expected, lines);
	rig_forget(r);
}

void
rig_assert_state(struct rig *r, const char *job, const char *expected)
{
	size_t n = name_length(job);
	auto_free char *name = span_dup((struct span) { job, n });
	struct core_instance view;
	char text[64] = "none";

	if (core_instance(r->core, name, job[n] == '/' ? job + n + 1 : "", &view) == 0)
		(void) snprintf(text, sizeof(text), "%s/%s", job_goal_name(view.goal), job_state_name(view.state));
	assert_string_equal(text, expected);
}

void
rig_assert_env(struct rig *r, const char *job, const char *kind, const char *key, const char *value)
{
	const char *got = env_get(need(r, job, kind)->env, key);

	if (value == NULL && got != NULL)
		fail_msg("%s is %s, and should not be there", key, got);
	if (value != NULL && (got == NULL || strcmp(got, value) != 0))
		fail_msg("%s is %s, not %s", key, got != NULL ? got : "not there", value);
}
