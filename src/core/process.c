/* SPDX-License-Identifier: MIT */
/*
 * The processes of an instance: asked for, made, running, ended (runtime.md sections 7, 9, 12).
 * A slot of job->process is live from the moment the process is asked for.
 */
#include "core/internal.h"

#include "core/past.h"

#include "common/invariant.h"
#include "common/log.h"
#include "common/msg.h"
#include "job/signals.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

bool
process_live(const struct job *job, enum process_kind kind)
{
	return job->process[kind].id != 0;
}

const char *
signal_text(int signal, char *buf, size_t size)
{
	const char *name = signal_name(signal);

	if (name != NULL)
		return name;
	(void) snprintf(buf, size, "%d", signal);
	return buf;
}

/* Everything a process of that kind sees, in the order of runtime.md 4.3. */
static int
environment(const struct core *core, const struct job *job, enum process_kind kind, char ***env)
{
	if (strv_dup(env, job->env) < 0)
		return -ENOMEM;
	if ((kind == PROCESS_PRE_STOP || kind == PROCESS_POST_STOP) && env_merge(env, job->stop_env) < 0)
		return -ENOMEM;
	if (job_add_names(job->slot, job->name, env) < 0)
		return -ENOMEM;
	if (core->config.session_address != NULL)
		return env_set_value(env, "UPSTART_SESSION", core->config.session_address);
	return 0;
}



static int
descriptors(const struct job *job, struct u64v *fds)
{
	for (size_t i = 0; i < job->fds.n; i++)
		if (u64v_add(fds, job->fds.p[i]) < 0 || u64v_add(fds, JOB_FD(i)) < 0)
			return -ENOMEM;
	return 0;
}

/* A new main process has said nothing yet. */
static void
begin_main(struct core *core, struct job *job)
{
	job->main_since = core->now;
	job->watchdog = job->cls->watchdog * USEC_PER_SEC;
	job->bitten = false;
	job->doing = CORE_DOING_NOTHING;
	free(job->status_text);
	job->status_text = NULL;
}

void
process_spawn(struct core *core, struct job *job, enum process_kind kind)
{
	struct process *p = &job->process[kind];
	struct effect *e;
	uint64_t id;

	if (job->cls->process[kind].command == NULL)
		return;
	invariant(p->id == 0, core->broken = true; return);
	id = core_new_id(core);
	e = effect_add(core, EFFECT_SPAWN);
	if (e == NULL)
		return;
	p->id = id;
	p->pid = 0;
	p->exec_done = false;
	p->asked = e;
	if (kind == PROCESS_MAIN)
		begin_main(core, job);
	job->mainless = job->mainless && kind != PROCESS_MAIN;
	core->spawns_open++;
	e->spawn.process = p->id;
	e->spawn.class_id = job->cls->id;
	e->spawn.kind = kind;
	e->spawn.job = strdup(job->slot->name);
	e->spawn.instance = strdup(job->name);
	if (map_put_id(&core->process_to_job, p->id, job) < 0 || e->spawn.job == NULL || e->spawn.instance == NULL ||
	    environment(core, job, kind, &e->spawn.env) < 0 || descriptors(job, &e->spawn.fds) < 0)
		core->oom = true;
}

struct job *
process_owner(const struct core *core, uint64_t process, enum process_kind *kind)
{
	struct job *job = map_get_id(&core->process_to_job, process);

	for (size_t i = 0; job != NULL && i < PROCESS_KIND_COUNT; i++)
		if (job->process[i].id == process) {
			*kind = (enum process_kind) i;
			return job;
		}
	return NULL;
}

struct job *
process_owner_of_pid(const struct core *core, int32_t pid, enum process_kind *kind)
{
	struct job *job = map_get_id(&core->pid_to_process, (uint64_t) pid);

	for (size_t i = 0; job != NULL && i < PROCESS_KIND_COUNT; i++)
		if (job->process[i].pid == pid) {
			*kind = (enum process_kind) i;
			return job;
		}
	return NULL;
}

static void
answered(struct core *core, struct process *p)
{
	if (p->asked == NULL)
		return;
	outbox_remove(core, p->asked);
	p->asked = NULL;
	core->spawns_open--;
	if (core->spawns_open == 0)
		u64v_deinit(&core->early); /* nobody will ask for those pids any more */
}

void
process_forget(struct core *core, struct job *job, enum process_kind kind)
{
	struct process *p = &job->process[kind];
	struct effect *e;

	if (kind == PROCESS_MAIN) {
		track_end(core, job);
		watchdog_end(core, job);
	}
	answered(core, p);
	call_process_ended(core, p->id);
	map_del_id(&core->process_to_job, p->id);
	if (p->pid > 0)
		map_del_id(&core->pid_to_process, (uint64_t) p->pid);
	e = effect_add(core, EFFECT_ENDED);
	if (e != NULL) {
		e->ended.process = p->id;
		e->ended.pid = p->pid;
	}
	*p = (struct process) { 0 };
}

/* Which process is main may not be known yet: then a signal for it goes to all that may be. */
static void
deliver(struct core *core, struct job *job, enum process_kind kind, int signal)
{
	if (kind == PROCESS_MAIN && track_is_open(job) && job->family->begun)
		track_kill(core, job, signal);
	else
		core_kill(core, &job->process[kind], signal, true);
}

void
process_send(struct core *core, struct job *job, enum process_kind kind, int signal)
{
	const struct process *p = &job->process[kind];
	char display[JOB_DISPLAY_MAX], text[16];

	core_log(core, LOG_LEVEL_INFO, "Sending %s signal to %s %s process (%d)",
		 signal_text(signal, text, sizeof(text)), job_display(job, display, sizeof(display)),
		 process_kind_name(kind), p->pid);
	deliver(core, job, kind, signal);
}

void
process_set_timer(struct core *core, struct job *job, usec_t due)
{
	job->kill_due = due;
	job->kill_timer = core_timer(core, due);
	core_oom(core, map_put_id(&core->timer_to_job, job->kill_timer, job));
}

static void
set_kill_timer(struct core *core, struct job *job)
{
	process_set_timer(core, job, core->now + job->cls->kill_timeout * USEC_PER_SEC);
}

void
process_extend_timer(struct core *core, struct job *job, usec_t due)
{
	if (job->kill_timer == 0 || due <= job->kill_due)
		return;
	process_forget_timer(core, job);
	process_set_timer(core, job, due);
}

/* Tell a process to end, and make it if it does not. */
static void
end_process(struct core *core, struct job *job, enum process_kind kind)
{
	process_send(core, job, kind, job->cls->kill_signal);
	if (job->cls->kill_timeout == 0) {
		process_send(core, job, kind, SIGKILL);
		return;
	}
	/* One that is stopped could not die of it (runtime.md 19, 9). */
	deliver(core, job, kind, SIGCONT);
	set_kill_timer(core, job);
}

void
process_kill_main(struct core *core, struct job *job)
{
	if (job->process[PROCESS_MAIN].pid == 0)
		return; /* its pid is not known yet: process_spawned() comes back here */
	end_process(core, job, PROCESS_MAIN);
}

/* Hooks of the way down are what a stop asks for; those of the way up only keep it waiting. */
static bool
waits_for_hook(const struct job *job)
{
	return (job->state == JOB_SECURITY || job->state == JOB_PRE_START || job->state == JOB_POST_START) &&
	       process_live(job, lifecycle_awaited((enum job_state) job->state));
}

void
process_hurry_hook(struct core *core, struct job *job)
{
	if (waits_for_hook(job) && job->kill_timer == 0)
		set_kill_timer(core, job);
}

void
process_spare_hook(struct core *core, struct job *job)
{
	if (waits_for_hook(job) && !job->hook_told)
		process_forget_timer(core, job);
}

void
process_forget_timer(struct core *core, struct job *job)
{
	map_del_id(&core->timer_to_job, job->kill_timer);
	core_timer_cancel(core, &job->kill_timer);
	job->kill_due = 0;
}

bool
process_timer(struct core *core, uint64_t timer)
{
	struct job *job = map_get_id(&core->timer_to_job, timer);
	enum process_kind kind;

	if (job == NULL || job->kill_timer != timer)
		return false;
	map_del_id(&core->timer_to_job, timer);
	job->kill_timer = 0;
	job->kill_due = 0;
	kind = lifecycle_awaited((enum job_state) job->state);
	if (job->quarantine != NULL) {
		quarantine_timer(core, job);
	} else if (job->state == JOB_KILLED && process_live(job, PROCESS_MAIN)) {
		shutdown_killed(core, job, PROCESS_MAIN);
		process_send(core, job, PROCESS_MAIN, SIGKILL);
		strays_kill(core, job);
	} else if (job->state == JOB_KILLED && job->sweep != 0) {
		strays_timer(core, job);
	} else if (waits_for_hook(job) && job->process[kind].pid == 0) {
		set_kill_timer(core, job);
	} else if (waits_for_hook(job) && job->hook_told) {
		shutdown_killed(core, job, kind);
		process_send(core, job, kind, SIGKILL);
	} else if (waits_for_hook(job)) {
		job->hook_told = true;
		end_process(core, job, kind);
	}
	return true;
}

void
process_become(struct core *core, struct job *job, int32_t pid)
{
	struct process *p = &job->process[PROCESS_MAIN];
	char display[JOB_DISPLAY_MAX];
	struct effect *e;

	if (p->pid == pid)
		return;
	core_log(core, LOG_LEVEL_INFO, "%s main process (%d) became new process (%d)",
		 job_display(job, display, sizeof(display)), p->pid, pid);
	p->pid = pid;
	e = effect_add(core, EFFECT_MAIN);
	if (e == NULL)
		return;
	e->main.process = p->id;
	e->main.pid = pid;
}

/* -- the end of a process ------------------------------------------------------------ */

/* Is a hook running whose end moves the instance on? */
static bool
hook_is_running(const struct job *job)
{
	return (job->state == JOB_POST_START && process_live(job, PROCESS_POST_START)) ||
	       (job->state == JOB_PRE_STOP && process_live(job, PROCESS_PRE_STOP));
}

/* A failure or a normal end of main: the goal is stop from now on. */
static void
main_stops(struct core *core, struct job *job)
{
	enum job_state before = job->state;

	/* In running the change of the goal moves the instance by itself, and in spawned while some of main's family
	 * live. */
	job_change_goal(core, job, GOAL_STOP);
	if (before == JOB_SPAWNED && !process_live(job, PROCESS_MAIN))
		job_advance(core, job);
}

static void
main_respawns(struct core *core, struct job *job)
{
	char display[JOB_DISPLAY_MAX];

	core_log(core, LOG_LEVEL_WARN, "%s main process ended, respawning", job_display(job, display, sizeof(display)));
	if (hook_is_running(job)) {
		job_change_goal(core, job, GOAL_RESPAWN);
	} else if (job->state == JOB_SPAWNED) {
		job_change_goal(core, job, GOAL_RESPAWN);
		job_advance(core, job);
	} else {
		job_advance(core, job);
	}
}

static void
main_fails(struct core *core, struct job *job, uint32_t kind, int32_t status)
{
	job_fail(core, job, kind, status);
	state_ended(core, job, job->failed);
	main_stops(core, job);
}

static void
main_comes_again(struct core *core, struct job *job)
{
	char display[JOB_DISPLAY_MAX];

	if (pace_respawn(core, job)) {
		main_respawns(core, job);
		return;
	}
	core_log(core, LOG_LEVEL_WARN, "%s respawning too fast, stopped", job_display(job, display, sizeof(display)));
	main_fails(core, job, FAILED_RESPAWN, 0);
}

/* Its slot is free already. */
static void
main_ended(struct core *core, struct job *job, int32_t status)
{
	const struct job_class *cls = job->cls;
	bool unready = job->state == JOB_SPAWNED && cls->expect != EXPECT_NONE;
	bool zero_fails = (core->config.policies & CORE_POLICY_ZERO_EXIT_FAILS) != 0;
	bool abnormal =
	    job->bitten ||
	    ((status != 0 || ((cls->respawn || zero_fails) && !cls->task)) && !job_class_exit_is_normal(cls, status));

	if (job->state == JOB_KILLED) {
		job_advance(core, job);
		return;
	}
	if (job->state == JOB_STOPPING)
		return;
	if (job->state == JOB_PRE_STOP && job->restart)
		return; /* pre-stop ended it itself, on the way to the start that was asked for */
	if (job->goal != GOAL_START) {
		main_stops(core, job);
		return;
	}
	job->cause = 0; /* it did so by itself */
	if (abnormal && cls->respawn && !core->no_respawn)
		main_comes_again(core, job);
	else if (abnormal || unready)
		main_fails(core, job, PROCESS_MAIN, status);
	else {
		follow_stopped(core, job->slot, job->name);
		state_ended(core, job, job->failed);
		main_stops(core, job);
	}
}

void
process_main_failed(struct core *core, struct job *job, int32_t status)
{
	job->cause = 0;
	if (job->cls->respawn && !core->no_respawn)
		main_comes_again(core, job);
	else
		main_fails(core, job, PROCESS_MAIN, status);
}

/* Is a failure of the process that sets the stage one of the job? Without `tmpfiles` it never was (D41). */
static bool
security_matters(const struct core *core, const struct job_class *cls)
{
	return cls->tmpfiles != NULL || (core->config.policies & CORE_POLICY_SECURITY_FAILS) != 0;
}

/* A failure of post-stop ends a restart or respawn that was to follow (runtime.md 19, 34). */
static void
hook_failed(struct core *core, struct job *job, enum process_kind kind, int32_t status)
{
	char display[JOB_DISPLAY_MAX];

	if (kind == PROCESS_POST_STOP && job->goal != GOAL_STOP)
		core_log(core, LOG_LEVEL_WARN, "%s post-stop process failed, not started again",
			 job_display(job, display, sizeof(display)));
	job_fail(core, job, kind, status);
	state_ended(core, job, true);
	job_change_goal(core, job, GOAL_STOP);
}

/* Free the slot of a process that has ended and go on from there. */
static void
process_ended(struct core *core, struct job *job, enum process_kind kind, int32_t status)
{
	bool was_moving = kind == lifecycle_awaited((enum job_state) job->state), was_told = job->hook_told;
	int32_t pid = job->process[kind].pid;

	past_exit(core, job, kind, PAST_ENDED, 0, status);
	if (job->quarantine != NULL) {
		process_forget(core, job, kind);
		quarantine_process_over(core, job);
		return;
	}
	if (was_moving) {
		process_forget_timer(core, job);
		job->hook_told = false;
	}
	process_forget(core, job, kind);
	if (kind == PROCESS_MAIN) {
		job->main_ended = status + 1;
		main_ended(core, job, status);
		return;
	}
	strays_of_hook(core, job, pid);
	if (!was_moving)
		return;
	/* Killed for a stop that was taken back since, it has not done its work. */
	if (status != 0 && (!was_told || job->goal != GOAL_STOP) &&
	    (kind == PROCESS_PRE_START || kind == PROCESS_POST_STOP ||
	     (kind == PROCESS_SECURITY && security_matters(core, job->cls))))
		hook_failed(core, job, kind, status);
	job_advance(core, job);
}

void
process_log_end(struct core *core, const struct job *job, enum process_kind kind, int32_t pid, int32_t status)
{
	char display[JOB_DISPLAY_MAX];
	const char *name = job_display(job, display, sizeof(display));
	int level = job_class_exit_is_normal(job->cls, status) ? LOG_LEVEL_INFO : LOG_LEVEL_WARN;
	int signal = status >> 8;

	if (status == 0)
		core_log(core, LOG_LEVEL_INFO, "%s %s process (%d) exited normally", name, process_kind_name(kind), pid);
	else if (signal == 0)
		core_log(core, level, "%s %s process (%d) terminated with status %d", name, process_kind_name(kind), pid,
			 status);
	else if (signal_name(signal) != NULL)
		core_log(core, level, "%s %s process (%d) killed by %s signal", name, process_kind_name(kind), pid,
			 signal_name(signal));
	else
		core_log(core, level, "%s %s process (%d) killed by signal %d", name, process_kind_name(kind), pid, signal);
}

void
process_over(struct core *core, struct job *job, enum process_kind kind, int32_t pid, int32_t status)
{
	process_log_end(core, job, kind, pid, status);
	process_ended(core, job, kind, status);
}

/* Exits of pids nobody knows yet: pid, status, and how far ids had come when it was told. */
#define EARLY_WORDS 3
#define EARLY_MAX 4096

static void
drop_early(struct core *core, size_t i)
{
	core->early.n -= EARLY_WORDS;
	memmove(&core->early.p[i], &core->early.p[i + EARLY_WORDS], (core->early.n - i) * sizeof(uint64_t));
}

int
process_early_exit(struct core *core, int32_t pid, int32_t status)
{
	const uint64_t words[EARLY_WORDS] = { (uint64_t) pid, (uint64_t) status, core->last_id };
	size_t n = core->early.n;

	if (core->spawns_open == 0)
		return 0; /* nobody will ask */
	if (n >= (size_t) EARLY_MAX * EARLY_WORDS) {
		drop_early(core, 0);
		n = core->early.n;
	}
	for (size_t i = 0; i < EARLY_WORDS; i++)
		if (u64v_add(&core->early, words[i]) < 0) {
			core->early.n = n;
			return -ENOMEM;
		}
	return 0;
}

int
process_exited(struct core *core, const struct input_exited *in)
{
	enum process_kind kind = PROCESS_MAIN;
	struct job *job = map_get_id(&core->pid_to_process, (uint64_t) in->pid);

	if (job == NULL)
		return process_early_exit(core, in->pid, in->status);
	if (track_ended(core, job, in->pid, in->status))
		return 0;
	job = process_owner_of_pid(core, in->pid, &kind);
	if (job != NULL)
		process_over(core, job, kind, in->pid, in->status);
	return 0;
}

/*
 * The status of a pid that ended before it was known as that of `process`; -1: none. An exit that was
 * told before the process was asked for was another's who had the pid.
 */
static int64_t
take_early(struct core *core, int32_t pid, uint64_t process)
{
	int64_t status = -1;

	for (size_t i = 0; i + EARLY_WORDS <= core->early.n;) {
		const uint64_t *e = &core->early.p[i];

		if (e[0] != (uint64_t) pid) {
			i += EARLY_WORDS;
			continue;
		}
		if (e[2] >= process)
			status = (int64_t) e[1];
		drop_early(core, i);
	}
	return status;
}

int64_t
process_identify(struct core *core, struct job *job, enum process_kind kind, int32_t pid)
{
	struct process *p = &job->process[kind];
	int64_t status = take_early(core, pid, p->id);

	p->pid = pid;
	answered(core, p);
	core_oom(core, map_put_id(&core->pid_to_process, (uint64_t) pid, job));
	return status;
}

int
process_spawned(struct core *core, const struct input_spawned *in)
{
	enum process_kind kind = PROCESS_MAIN;
	struct job *job = process_owner(core, in->process, &kind);
	char display[JOB_DISPLAY_MAX];
	int64_t status;

	if (job == NULL || job->process[kind].pid != 0 || in->pid <= 0)
		return 0; /* told twice */
	status = process_identify(core, job, kind, in->pid);
	core_log(core, LOG_LEVEL_INFO, "%s %s process (%d)", job_display(job, display, sizeof(display)),
		 process_kind_name(kind), in->pid);
	if (status >= 0) {
		process_over(core, job, kind, in->pid, (int32_t) status);
		return 0;
	}
	if (job->quarantine != NULL) {
		quarantine_process_known(core, job, kind);
		return 0;
	}
	if (kind == PROCESS_MAIN && track_wants(job->cls))
		track_begin(core, job);
	if (kind == PROCESS_MAIN && job->state == JOB_KILLED)
		process_kill_main(core, job);
	return 0;
}

int
process_spawn_failed(struct core *core, const struct input_spawn_failed *in)
{
	enum process_kind kind = PROCESS_MAIN;
	struct job *job = process_owner(core, in->process, &kind);
	char display[JOB_DISPLAY_MAX], text[256];
	enum job_state state;
	bool by_stop;

	if (job == NULL)
		return 0;
	state = job->state;
	/* A stop that came before its program did: that is no failure. */
	by_stop = in->step == SPAWN_SETUP && job->process[kind].pid != 0 &&
		  ((kind == PROCESS_MAIN && state == JOB_KILLED) || (kind == lifecycle_awaited(state) && job->hook_told));
	spawn_step_text(in->step, in->arg, in->error, text, sizeof(text));
	if (!by_stop) {
		core_log(core, LOG_LEVEL_WARN, "Failed to spawn %s %s process: %s",
			 job_display(job, display, sizeof(display)), process_kind_name(kind), text);
		past_exit(core, job, kind, in->step, in->arg, in->error);
	}
	if (job->quarantine != NULL) {
		process_forget(core, job, kind);
		quarantine_process_over(core, job);
		return 0;
	}
	if (kind == lifecycle_awaited(state)) {
		process_forget_timer(core, job);
		job->hook_told = false;
	}
	process_forget(core, job, kind);
	if (!by_stop && kind != PROCESS_POST_START && kind != PROCESS_PRE_STOP)
		hook_failed(core, job, kind, -1);
	/* Only where the process was what the instance waited for. */
	if (job->state == (uint32_t) state && kind == lifecycle_awaited(state))
		job_advance(core, job);
	return 0;
}

int
process_exec_done(struct core *core, const struct input_exec_done *in)
{
	enum process_kind kind = PROCESS_MAIN;
	struct job *job = process_owner(core, in->process, &kind);

	if (job == NULL || job->process[kind].exec_done)
		return 0;
	job->process[kind].exec_done = true;
	if (job->quarantine != NULL)
		return 0;
	if (kind == PROCESS_MAIN && job->family != NULL && job->family->plan.told && job->state == JOB_SPAWNED)
		ready_expect(core, job);
	if (kind == PROCESS_MAIN && job->family != NULL)
		track_executed(core, job);
	else if (kind != PROCESS_MAIN || job->state != JOB_SPAWNED)
		return 0;
	else if (!ready_is_told(job->cls) || job->goal == GOAL_STOP)
		job_advance(core, job);
	else
		ready_expect(core, job);
	return 0;
}

int
process_stopped(struct core *core, const struct input_stopped *in)
{
	enum process_kind kind = PROCESS_MAIN;
	struct job *job = process_owner_of_pid(core, in->pid, &kind);
	char display[JOB_DISPLAY_MAX], text[32];

	if (job == NULL)
		return 0;
	core_log(core, LOG_LEVEL_INFO, "%s %s process (%d) %s by %s signal", job_display(job, display, sizeof(display)),
		 process_kind_name(kind), in->pid, in->continued ? "continued" : "stopped",
		 signal_text(in->signal, text, sizeof(text)));
	if (job->quarantine == NULL && kind == PROCESS_MAIN && job->state == JOB_SPAWNED && job->cls->expect == EXPECT_STOP &&
	    in->signal == SIGSTOP && !in->continued) {
		core_kill(core, &job->process[kind], SIGCONT, false);
		job_advance(core, job);
	}
	return 0;
}
