/* SPDX-License-Identifier: MIT */
#include "init/query.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "common/log_file.h"
#include "common/record_text.h"
#include "common/scope.h"
#include "core/explain.h"
#include "init/brood.h"
#include "init/dump.h"
#include "init/explain.h"
#include "init/history.h"
#include "init/logs.h"
#include "init/proc.h"
#include "init/scopes.h"
#include "init/sources.h"

int
query_refuse(struct msg_reply *reply, const char *name, const char *fmt, ...)
{
	char text[ERROR_TEXT_MAX];
	va_list args;

	va_start(args, fmt);
	if (vsnprintf(text, sizeof(text), fmt, args) < 0)
		text[0] = '\0';
	va_end(args);
	reply->error = strdup(name);
	reply->text = strdup(text);
	return reply->error != NULL && reply->text != NULL ? 0 : -ENOMEM;
}

/* The class a query is about. 0, 1: refused, -ENOMEM. */
static int
find_class(const struct init *init, const struct msg_request *m, const struct job_class **cls, struct msg_reply *reply)
{
	*cls = m->job != NULL ? core_class(init->core, m->job) : NULL;
	if (*cls != NULL)
		return 0;
	return query_refuse(reply, ERR_GONE, "%s", m->job != NULL ? m->job : "") < 0 ? -ENOMEM : 1;
}

static int
get_job(struct init *init, const struct msg_request *m, struct msg_reply *reply)
{
	if (m->job == NULL || *m->job == '\0')
		return query_refuse(reply, ERR_INVALID_ARGS, "Name may not be empty string");
	if (core_class(init->core, m->job) == NULL)
		return query_refuse(reply, ERR_UNKNOWN_JOB, "Unknown job: %s", scope_plain(m->job));
	reply->job = strdup(m->job);
	return reply->job != NULL ? 0 : -ENOMEM;
}

static int
get_jobs(struct init *init, const struct msg_request *m, struct msg_reply *reply)
{
	char **names = core_class_names(init->core);
	size_t n = 0;

	/* Those of the caller's session alone. */
	for (size_t i = 0; names != NULL && names[i] != NULL; i++) {
		if (scope_equal(scope_root(names[i]), scope_of(m->root)))
			names[n++] = names[i];
		else
			free(names[i]);
	}
	if (names != NULL)
		names[n] = NULL;
	reply->list = names;
	return names != NULL ? 0 : -ENOMEM;
}

static int
get_instance(struct init *init, const struct msg_request *m, struct msg_reply *reply)
{
	struct error err = ERROR_INIT;
	struct core_instance view;
	const struct job_class *cls;
	auto_free char *name = NULL;
	int r = find_class(init, m, &cls, reply);

	if (r != 0)
		return r < 0 ? r : 0;
	r = core_instance_name(init->core, m->job, m->env, &name, &err);
	if (r == -ENOMEM)
		return r;
	if (r < 0)
		return query_refuse(reply, err.name != NULL ? err.name : ERR_FAILED, "%s", err.text);
	if (core_instance(init->core, m->job, name, &view) < 0)
		return query_refuse(reply, ERR_UNKNOWN_INSTANCE, "Unknown instance: %s", name);
	reply->instance = steal(&name);
	return 0;
}

static int
get_instance_by_name(struct init *init, const struct msg_request *m, struct msg_reply *reply)
{
	const char *name = m->instance != NULL ? m->instance : "";
	struct core_instance view;
	const struct job_class *cls;
	int r = find_class(init, m, &cls, reply);

	if (r != 0)
		return r < 0 ? r : 0;
	if (core_instance(init->core, m->job, name, &view) < 0)
		return query_refuse(reply, ERR_UNKNOWN_INSTANCE, "Unknown instance: %s", name);
	reply->instance = strdup(name);
	return reply->instance != NULL ? 0 : -ENOMEM;
}

static int
get_instances(struct init *init, const struct msg_request *m, struct msg_reply *reply)
{
	const struct job_class *cls;
	int r = find_class(init, m, &cls, reply);

	if (r != 0)
		return r < 0 ? r : 0;
	reply->list = core_instance_names(init->core, m->job);
	return reply->list != NULL ? 0 : -ENOMEM;
}

/* -- properties ------------------------------------------------------------------------------- */

static int
copy(char **to, const char *from)
{
	*to = strdup(from != NULL ? from : "");
	return *to != NULL ? 0 : -ENOMEM;
}

/* One node: how many strings it has, and those. */
static int
add_node(char ***list, const struct condition_node *node)
{
	static const char *const operators[] = {
		[CONDITION_AND] = "/AND",
		[CONDITION_OR] = "/OR",
		[CONDITION_NOT] = "/NOT",
	};

	if (node->type != CONDITION_MATCH)
		return strv_add(list, "1") < 0 || strv_add(list, operators[node->type]) < 0 ? -ENOMEM : 0;
	if (strv_take(list, str_printf("%zu", strv_len(node->args) + 1)) < 0 || strv_add(list, node->name) < 0)
		return -ENOMEM;
	return strv_extend(list, node->args);
}

static int
flatten(char ***list, const struct condition *cond)
{
	for (int i = 0; cond != NULL && i < cond->n_nodes; i++)
		if (add_node(list, &cond->nodes[i]) < 0)
			return -ENOMEM;
	return 0;
}

/* Where it is from, and what there is now. */
static int
job_file(const struct init *init, const struct job_class *cls, struct msg_reply *reply)
{
	static const char *const successors[] = {
		[CORE_SUCCESSOR_NONE] = "",
		[CORE_SUCCESSOR_CHANGED] = "changed",
		[CORE_SUCCESSOR_DELETED] = "deleted",
	};

	return copy(&reply->path, cls->path) < 0 || copy(&reply->fault, sources_fault(init, cls->name)) < 0 ||
		       copy(&reply->successor, successors[core_class_successor(init->core, cls->name)]) < 0
		   ? -ENOMEM
		   : 0;
}

static int
job_properties(struct init *init, const struct msg_request *m, struct msg_reply *reply)
{
	const struct job_class *cls;
	int r = find_class(init, m, &cls, reply);

	if (r != 0)
		return r < 0 ? r : 0;
	if (copy(&reply->job, cls->name) < 0 || copy(&reply->description, cls->description) < 0 ||
	    copy(&reply->author, cls->author) < 0 || copy(&reply->version, cls->version) < 0 ||
	    copy(&reply->usage, cls->usage) < 0 || flatten(&reply->start_on, cls->start_on) < 0 ||
	    flatten(&reply->stop_on, cls->stop_on) < 0 || strv_dup(&reply->emits, cls->emits) < 0 ||
	    flatten(&reply->while_on, core_while(init->core, cls->name)) < 0 ||
	    strv_dup(&reply->exports, cls->export) < 0 || copy(&reply->template, cls->instance) < 0)
		return -ENOMEM;
	return job_file(init, cls, reply);
}

/* How main is followed, and where the instance's processes are. */
static int
tracking(const struct init *init, const struct core_instance *view, struct msg_reply *reply)
{
	const char *followed = "";
	auto_free char *group = NULL;

	for (size_t i = 0; i < view->n_processes; i++) {
		const struct proc *p = map_get_id(&init->spawns->by_id, view->processes[i].process);

		if (p == NULL || p->pid <= 0)
			continue;
		if (view->processes[i].kind == PROCESS_MAIN)
			followed = view->followed == CORE_FOLLOWED_TRACED    ? "ptrace"
				   : view->followed == CORE_FOLLOWED_ADOPTED ? "adoption"
				   : p->end != NULL			     ? "pidfd"
									     : "child";
		if (group == NULL && brood_group(init, p->brood, &group) < 0)
			return -ENOMEM;
	}
	return copy(&reply->followed, followed) < 0 || copy(&reply->group, group) < 0 ? -ENOMEM : 0;
}

static int
instance_properties(struct init *init, const struct msg_request *m, struct msg_reply *reply)
{
	const char *name = m->instance != NULL ? m->instance : "";
	struct core_instance view;

	if (m->job == NULL || core_instance(init->core, m->job, name, &view) < 0)
		return query_refuse(reply, ERR_GONE, "%s", name);
	if (copy(&reply->instance, view.name) < 0 || copy(&reply->goal, job_goal_name(view.goal)) < 0 ||
	    copy(&reply->state, job_state_name(view.state)) < 0 || copy(&reply->quarantine, view.quarantine) < 0 ||
	    copy(&reply->doing, core_doing_name(view.doing)) < 0 || copy(&reply->status, view.status) < 0)
		return -ENOMEM;
	for (size_t i = 0; i < view.n_processes; i++)
		if (view.processes[i].pid > 0 &&
		    (strv_add(&reply->processes, process_kind_name(view.processes[i].kind)) < 0 ||
		     strv_take(&reply->processes, str_printf("%d", (int) view.processes[i].pid)) < 0))
			return -ENOMEM;
	if (tracking(init, &view, reply) < 0)
		return -ENOMEM;
	/* A process whose pid is not known yet would look like none. */
	return view.settling ? -EAGAIN : 0;
}

/* One object; fn NULL: only look whether it can be told. */
static int
tell_object(struct init *init, const struct msg_request *m, char *job, char *instance, query_object_fn fn)
{
	const struct msg_request about = { .request = m->request, .job = job, .instance = instance };
	struct msg_reply reply = { 0 };
	int r = instance != NULL ? instance_properties(init, &about, &reply) : job_properties(init, &about, &reply);

	if (r == -EAGAIN && fn != NULL)
		r = 0; /* it has been waited for long enough */
	if (r == 0 && fn != NULL && instance != NULL)
		r = copy(&reply.job, job);
	if (r == 0 && fn != NULL && reply.error == NULL)
		fn(init, m, &reply);
	wire_free_struct(msg_schema(MSG_REPLY), &reply);
	return r;
}

static int
tell_instances(struct init *init, const struct msg_request *m, char *job, query_object_fn fn)
{
	auto_strv char **names = core_instance_names(init->core, job);
	int r = names != NULL ? 0 : -ENOMEM;

	for (size_t i = 0; r == 0 && names[i] != NULL; i++)
		r = tell_object(init, m, job, names[i], fn);
	return r;
}

int
query_objects(struct init *init, const struct msg_request *m, query_object_fn fn)
{
	struct msg_reply jobs = { 0 };
	int r = get_jobs(init, m, &jobs);

	for (size_t i = 0; r == 0 && jobs.list[i] != NULL; i++) {
		if (fn != NULL)
			r = tell_object(init, m, jobs.list[i], NULL, fn);
		if (r == 0)
			r = tell_instances(init, m, jobs.list[i], fn);
	}
	wire_free_struct(msg_schema(MSG_REPLY), &jobs);
	return r;
}

/* -- the rest ------------------------------------------------------------------------------------ */

static int
get_log_priority(struct init *init, const struct msg_request *m, struct msg_reply *reply)
{
	(void) m;
	if (copy(&reply->degraded, init->brain.degraded) < 0)
		return -ENOMEM;
	return copy(&reply->value, log_level_name(init->level));
}

static int
get_state(struct init *init, const struct msg_request *m, struct msg_reply *reply)
{
	(void) m;
	reply->value = dump_state(init);
	return reply->value != NULL ? 0 : -ENOMEM;
}

static int
get_faults(struct init *init, const struct msg_request *m, struct msg_reply *reply)
{
	struct span root = scope_of(m->root);
	bool all = m->name == NULL || *m->name == '\0';
	auto_free char *name = all ? NULL : scope_join(root, m->name);

	if (all || name != NULL)
		reply->list = sources_faults(init, root, name);
	return reply->list != NULL ? 0 : -ENOMEM;
}

static int
explain(struct init *init, const struct msg_request *m, struct msg_reply *reply)
{
	const char *job = m->job != NULL ? m->job : "", *fault;

	if (*job == '\0')
		return query_refuse(reply, ERR_INVALID_ARGS, "Name may not be empty string");
	if (core_class(init->core, job) == NULL) {
		fault = sources_fault(init, job);
		return query_refuse(reply, ERR_UNKNOWN_JOB, "Unknown job: %s%s%s", job,
				    fault != NULL ? "\nIts file is refused: " : "", fault != NULL ? fault : "");
	}
	reply->value = explain_job(init, job, m->instance);
	return reply->value != NULL ? 0 : -ENOMEM;
}

static int
get_waits(struct init *init, const struct msg_request *m, struct msg_reply *reply)
{
	(void) m;
	reply->value = explain_waits(init);
	return reply->value != NULL ? 0 : -ENOMEM;
}

static int
get_history(struct init *init, const struct msg_request *m, struct msg_reply *reply)
{
	(void) m;
	reply->value = history_json(init);
	return reply->value != NULL ? 0 : -ENOMEM;
}

static void
add_state(const struct core_state *state, void *data)
{
	struct strbuf *b = data;
	char number[24];

	(void) snprintf(number, sizeof(number), "%zu", strv_len(state->env));
	record_text_add(b, state->name);
	record_text_add(b, number);
	for (size_t i = 0; state->env != NULL && state->env[i] != NULL; i++)
		record_text_add(b, state->env[i]);
	for (size_t i = 0; i < state->n_owners; i++) {
		const struct core_owner *owner = &state->owners[i];

		record_text_add(b, owner->job != NULL ? owner->job : "");
		record_text_add(b, owner->instance != NULL ? owner->instance : "");
	}
	record_text_end(b);
}

static int
get_states(struct init *init, const struct msg_request *m, struct msg_reply *reply)
{
	auto_strbuf struct strbuf b = STRBUF_INIT;

	if (core_each_state(init->core, scope_of(m->root), add_state, &b) < 0)
		return -ENOMEM;
	reply->value = strbuf_steal(&b);
	return reply->value != NULL ? 0 : -ENOMEM;
}

/* The environment a query is about. 0, 1: refused, -ENOMEM. */
static int
find_env(struct init *init, const struct msg_request *m, char *const **env, struct msg_reply *reply)
{
	struct core_instance view;
	int r;

	if (m->job == NULL) {
		*env = core_job_env(init->core);
		return 0;
	}
	if (core_class(init->core, m->job) == NULL) {
		r = query_refuse(reply, ERR_UNKNOWN_JOB, "Unknown job: %s", scope_plain(m->job));
		return r < 0 ? r : 1;
	}
	if (m->instance == NULL || core_instance(init->core, m->job, m->instance, &view) < 0) {
		r = query_refuse(reply, ERR_UNKNOWN_JOB_INSTANCE, "Unknown instance: %s of job %s",
				 m->instance != NULL ? m->instance : "(null)", scope_plain(m->job));
		return r < 0 ? r : 1;
	}
	*env = view.env;
	return 0;
}

static int
get_env(struct init *init, const struct msg_request *m, struct msg_reply *reply)
{
	char *const *env;
	const char *value;
	int r;

	if (m->name == NULL || *m->name == '\0')
		return query_refuse(reply, ERR_INVALID_ARGS, "Variable may not be empty string");
	r = find_env(init, m, &env, reply);
	if (r != 0)
		return r < 0 ? r : 0;
	value = env_get(env, m->name);
	if (value == NULL)
		return query_refuse(reply, ERR_INVALID_ARGS, "No such variable: %s", m->name);
	return copy(&reply->value, value);
}

static int
list_env(struct init *init, const struct msg_request *m, struct msg_reply *reply)
{
	char *const *env;
	int r = find_env(init, m, &env, reply);

	if (r != 0)
		return r < 0 ? r : 0;
	return strv_dup(&reply->list, env);
}

/* Where the output of an instance is written, which need not be there (any more). Whoever may read the file reads it.
 */
static int
log_path(struct init *init, const struct msg_request *m, struct msg_reply *reply)
{
	auto_free char *path = NULL;
	auto_free char *name = NULL;

	if (m->job == NULL || core_class(init->core, m->job) == NULL)
		return query_refuse(reply, ERR_UNKNOWN_JOB, "Unknown job: %s",
				    m->job != NULL ? scope_plain(m->job) : "");
	if (init->log_dir == NULL)
		return query_refuse(reply, ERR_FAILED, "The output of jobs is not logged");
	path = logs_path(init->log_dir, m->job, m->instance);
	name = path != NULL ? log_name(path) : NULL;
	/* As seen from where it is asked. */
	reply->value = name != NULL ? strdup(name + scope_root(m->job).n) : NULL;
	return reply->value != NULL ? 0 : -ENOMEM;
}

static int
get_root(struct init *init, const struct msg_request *m, struct msg_reply *reply)
{
	auto_free char *root = NULL;
	int r = scopes_are_on(init) && m->pid > 0 ? scopes_root_of(m->pid, &root) : 0;

	if (r == -ESRCH)
		return copy(&reply->value, "?");
	if (r == -EPERM)
		return query_refuse(reply, ERR_PERMISSION_DENIED, "Process %d is another user's", (int) m->pid);
	/* It may have left before what it asks for is looked at. */
	if (root != NULL && !sources_add_session(init, root))
		return -ENOMEM;
	return r < 0 ? r : copy(&reply->value, root);
}

static const struct {
	uint32_t action;
	int (*fn)(struct init *init, const struct msg_request *m, struct msg_reply *reply);
} queries[] = {
	{ REQUEST_GET_JOB, get_job },
	{ REQUEST_GET_JOBS, get_jobs },
	{ REQUEST_GET_INSTANCE, get_instance },
	{ REQUEST_GET_INSTANCE_BY_NAME, get_instance_by_name },
	{ REQUEST_GET_INSTANCES, get_instances },
	{ REQUEST_JOB_PROPERTIES, job_properties },
	{ REQUEST_INSTANCE_PROPERTIES, instance_properties },
	{ REQUEST_GET_LOG_PRIORITY, get_log_priority },
	{ REQUEST_GET_STATE, get_state },
	{ REQUEST_GET_ENV, get_env },
	{ REQUEST_LIST_ENV, list_env },
	{ REQUEST_GET_FAULTS, get_faults },
	{ REQUEST_LOG_PATH, log_path },
	{ REQUEST_EXPLAIN, explain },
	{ REQUEST_GET_WAITS, get_waits },
	{ REQUEST_GET_HISTORY, get_history },
	{ REQUEST_GET_STATES, get_states },
	{ REQUEST_GET_ROOT, get_root },
};

int
query_answer(struct init *init, const struct msg_request *m, struct msg_reply *reply)
{
	for (size_t i = 0; i < ARRAY_SIZE(queries); i++)
		if (queries[i].action == m->action)
			return queries[i].fn(init, m, reply);
	return query_refuse(reply, ERR_FAILED, "Unknown query");
}
