/* SPDX-License-Identifier: MIT */
/*
 * The definition of a job: its life, its defaults, comparing two, and the
 * environment it gives.
 */
#include "job/class.h"

#include <errno.h>
#include <signal.h>
#include <string.h>

/* The spawner's messages carry these indices: names are only ever added at the end. */
const char *const job_limit_names[JOB_LIMIT_COUNT] = {
	"core",	 "cpu", "data",	  "fsize",	"memlock", "msgqueue", "nice",	 "nofile",
	"nproc", "rss", "rtprio", "sigpending", "stack",   "locks",    "rttime", "as",
};

static const char *const process_names[PROCESS_KIND_COUNT] = {
#define X(id, name) [PROCESS_##id] = name,
	PROCESS_KINDS(X)
#undef X
};

static const char *const console_names[] = {
	[CONSOLE_UNSET] = "unset",   [CONSOLE_NONE] = "none",	[CONSOLE_LOG] = "log",
	[CONSOLE_OUTPUT] = "output", [CONSOLE_OWNER] = "owner",
};

static const char *const expect_names[] = {
	[EXPECT_NONE] = "none",	    [EXPECT_STOP] = "stop", [EXPECT_FORK] = "fork",
	[EXPECT_DAEMON] = "daemon", [EXPECT_EXIT] = "exit", [EXPECT_PIDFILE] = "pidfile",
	[EXPECT_NOTIFY] = "notify", [EXPECT_FD] = "fd",	    [EXPECT_LISTEN] = "listen",
};

static const char *const kill_names[] = { [KILL_GROUP] = "group", [KILL_TREE] = "tree" };

/* The entry of a table of names, "unknown" beyond it. */
static const char *
name_at(const char *const *names, size_t n, unsigned i)
{
	return i < n ? names[i] : "unknown";
}

/* The index of `name` in names[first…n), or n. */
static size_t
index_of(const char *const *names, size_t first, size_t n, struct span name)
{
	size_t i = first;

	while (i < n && !span_is(name, names[i]))
		i++;
	return i;
}

const char *
process_kind_name(enum process_kind kind)
{
	return name_at(process_names, ARRAY_SIZE(process_names), kind);
}

const char *
console_mode_name(enum console_mode mode)
{
	return name_at(console_names, ARRAY_SIZE(console_names), mode);
}

bool
console_mode_from_name(struct span name, enum console_mode *mode)
{
	size_t i = index_of(console_names, CONSOLE_NONE, ARRAY_SIZE(console_names), name);

	if (i == ARRAY_SIZE(console_names))
		return false;
	*mode = (enum console_mode) i;
	return true;
}

const char *
expect_mode_name(enum expect_mode mode)
{
	return name_at(expect_names, ARRAY_SIZE(expect_names), mode);
}

bool
expect_mode_from_name(struct span name, enum expect_mode *mode)
{
	size_t i = index_of(expect_names, 0, ARRAY_SIZE(expect_names), name);

	if (i == ARRAY_SIZE(expect_names))
		return false;
	*mode = (enum expect_mode) i;
	return true;
}

const char *
kill_mode_name(enum kill_mode mode)
{
	return name_at(kill_names, ARRAY_SIZE(kill_names), mode);
}

struct job_class *
job_class_new(const char *name)
{
	struct job_class *cls = calloc(1, sizeof(*cls));

	if (cls == NULL)
		return NULL;
	cls->refs = 1;
	cls->name = strdup(name);
	cls->instance = strdup("");
	cls->respawn_limit = JOB_RESPAWN_LIMIT_DEFAULT;
	cls->respawn_interval = JOB_RESPAWN_INTERVAL_DEFAULT;
	cls->kill_timeout = JOB_KILL_TIMEOUT_DEFAULT;
	cls->kill_signal = SIGTERM;
	cls->reload_signal = SIGHUP;
	cls->expect_timeout = JOB_EXPECT_TIMEOUT_UNSET;
	cls->log = (struct job_log){ .max_size = LOG_UNSET, .max_age = LOG_UNSET, .keep = LOG_UNSET };
	cls->umask = JOB_UMASK_UNSET;
	cls->nice = JOB_NICE_UNSET;
	cls->oom_score_adj = JOB_OOM_UNSET;
	if (cls->name == NULL || cls->instance == NULL)
		return job_class_unref(cls);
	return cls;
}

struct job_class *
job_class_ref(struct job_class *cls)
{
	cls->refs++;
	return cls;
}

static void
class_free(struct job_class *cls)
{
	char *const strings[] = {
		cls->name,	  cls->path,
		cls->description, cls->author,
		cls->version,	  cls->usage,
		cls->instance,	  cls->chroot,
		cls->chdir,	  cls->setuid,
		cls->setgid,	  cls->apparmor_switch,
		cls->expect_path, cls->cgroup_delegate_user,
	};

	for (size_t i = 0; i < ARRAY_SIZE(strings); i++)
		free(strings[i]);
	(void) condition_free(cls->start_on);
	(void) condition_free(cls->stop_on);
	(void) condition_free(cls->while_on);
	(void) strv_free(cls->import);
	(void) strv_free(cls->tmpfiles);
	isolation_deinit(&cls->isolation);
	(void) strv_free(cls->emits);
	(void) strv_free(cls->env);
	(void) strv_free(cls->export);
	for (size_t i = 0; i < PROCESS_KIND_COUNT; i++) {
		free(cls->process[i].command);
		free(cls->process[i].setuid);
		free(cls->process[i].setgid);
	}
	free(cls->normal_exit);
	for (size_t i = 0; i < cls->n_cgroups; i++) {
		free(cls->cgroups[i].controller);
		free(cls->cgroups[i].name);
		free(cls->cgroups[i].key);
		free(cls->cgroups[i].value);
	}
	free(cls->cgroups);
	free(cls);
}

struct job_class *
job_class_unref(struct job_class *cls)
{
	if (cls != NULL && --cls->refs == 0)
		class_free(cls);
	return NULL;
}

/* comparing */

static bool
text_equal(const char *a, const char *b)
{
	return (a == NULL || b == NULL) ? a == b : strcmp(a, b) == 0;
}

static bool
texts_equal(const struct job_class *a, const struct job_class *b)
{
	return text_equal(a->description, b->description) && text_equal(a->author, b->author) &&
	       text_equal(a->version, b->version) && text_equal(a->usage, b->usage) &&
	       text_equal(a->instance, b->instance) && text_equal(a->chroot, b->chroot) &&
	       text_equal(a->chdir, b->chdir) && text_equal(a->setuid, b->setuid) && text_equal(a->setgid, b->setgid) &&
	       text_equal(a->apparmor_switch, b->apparmor_switch) && text_equal(a->expect_path, b->expect_path) &&
	       text_equal(a->cgroup_delegate_user, b->cgroup_delegate_user);
}

static bool
values_equal(const struct job_class *a, const struct job_class *b)
{
	return a->expect == b->expect && a->readiness == b->readiness && a->expect_fd == b->expect_fd &&
	       a->expect_timeout == b->expect_timeout && a->watchdog == b->watchdog && a->kill_mode == b->kill_mode &&
	       a->cgroup_optional == b->cgroup_optional && a->cgroup_delegate == b->cgroup_delegate &&
	       a->task == b->task && a->manual == b->manual && a->respawn == b->respawn &&
	       a->respawn_limit == b->respawn_limit && a->respawn_interval == b->respawn_interval &&
	       a->respawn_delay == b->respawn_delay && a->respawn_delay_max == b->respawn_delay_max &&
	       a->kill_timeout == b->kill_timeout && a->kill_signal == b->kill_signal &&
	       a->reload_signal == b->reload_signal && a->console == b->console && a->umask == b->umask &&
	       a->nice == b->nice && a->oom_score_adj == b->oom_score_adj && a->debug == b->debug &&
	       a->user_environment == b->user_environment;
}

static bool
conditions_equal(const struct condition *a, const struct condition *b)
{
	return (a == NULL || b == NULL) ? a == b : condition_equal(a, b);
}

static bool
processes_equal(const struct job_class *a, const struct job_class *b)
{
	for (size_t i = 0; i < PROCESS_KIND_COUNT; i++)
		if (!text_equal(a->process[i].command, b->process[i].command) ||
		    a->process[i].script != b->process[i].script ||
		    !text_equal(a->process[i].setuid, b->process[i].setuid) ||
		    !text_equal(a->process[i].setgid, b->process[i].setgid))
			return false;
	return true;
}

static bool
limits_equal(const struct job_class *a, const struct job_class *b)
{
	for (size_t i = 0; i < JOB_LIMIT_COUNT; i++)
		if (a->limits[i].set != b->limits[i].set || a->limits[i].soft != b->limits[i].soft ||
		    a->limits[i].hard != b->limits[i].hard)
			return false;
	return true;
}

static bool
cgroups_equal(const struct job_class *a, const struct job_class *b)
{
	if (a->n_cgroups != b->n_cgroups)
		return false;
	for (size_t i = 0; i < a->n_cgroups; i++) {
		const struct job_cgroup *x = &a->cgroups[i];
		const struct job_cgroup *y = &b->cgroups[i];

		if (!text_equal(x->controller, y->controller) || !text_equal(x->name, y->name) ||
		    !text_equal(x->key, y->key) || !text_equal(x->value, y->value))
			return false;
	}
	return true;
}

static bool
logs_equal(const struct job_log *a, const struct job_log *b)
{
	return a->max_size == b->max_size && a->max_age == b->max_age && a->keep == b->keep &&
	       a->compress == b->compress && a->format == b->format && a->forward == b->forward;
}

static bool
exits_equal(const struct job_class *a, const struct job_class *b)
{
	return a->n_normal_exit == b->n_normal_exit &&
	       (a->n_normal_exit == 0 ||
		memcmp(a->normal_exit, b->normal_exit, a->n_normal_exit * sizeof(*a->normal_exit)) == 0);
}

bool
job_class_equal(const struct job_class *a, const struct job_class *b)
{
	return texts_equal(a, b) && values_equal(a, b) && conditions_equal(a->start_on, b->start_on) &&
	       conditions_equal(a->stop_on, b->stop_on) && conditions_equal(a->while_on, b->while_on) &&
	       logs_equal(&a->log, &b->log) && isolation_equal(&a->isolation, &b->isolation) &&
	       strv_equal(a->import, b->import) && strv_equal(a->tmpfiles, b->tmpfiles) &&
	       strv_equal(a->emits, b->emits) && strv_equal(a->env, b->env) && strv_equal(a->export, b->export) &&
	       processes_equal(a, b) && limits_equal(a, b) && cgroups_equal(a, b) && exits_equal(a, b);
}

/* what it means */

bool
job_class_exit_is_normal(const struct job_class *cls, int status)
{
	for (size_t i = 0; i < cls->n_normal_exit; i++)
		if (cls->normal_exit[i] == status)
			return true;
	return false;
}

/* One `env` stanza over `env`. */
static int
apply_env(char ***env, const char *stanza, char *const *table, char *const *own)
{
	const char *value;

	if (strchr(stanza, '=') != NULL)
		return env_set(env, stanza);
	value = env_get(table, stanza);
	if (value == NULL)
		value = env_get(own, stanza);
	if (value != NULL)
		return env_set_value(env, stanza, value);
	(void) env_unset(env, stanza);
	return 0;
}

bool
job_class_has_instances(const struct job_class *cls)
{
	return strchr(cls->instance, '$') != NULL;
}

bool
job_class_while_speaks(const struct job_class *cls)
{
	const struct condition *cond = cls->while_on;

	if (cond == NULL || job_class_has_instances(cls))
		return cond != NULL;
	for (int i = 0; i < cond->n_leaves; i++) {
		char *const *args = cond->nodes[cond->leaves[i]].args;

		for (; args != NULL && *args != NULL; args++)
			if (strchr(*args, '$') != NULL)
				return true;
	}
	return false;
}

int
job_class_environment(const struct job_class *cls, char *const *table, char *const *own, char ***env)
{
	auto_strv char **made = NULL;

	if (strv_dup(&made, table) < 0)
		return -ENOMEM;
	for (size_t i = 0; cls->env != NULL && cls->env[i] != NULL; i++)
		if (apply_env(&made, cls->env[i], table, own) < 0)
			return -ENOMEM;
	*env = steal(&made);
	return 0;
}
