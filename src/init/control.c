/* SPDX-License-Identifier: MIT */
#include "init/control.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>
#include <utlist.h>

#include "common/scope.h"
#include "init/brain.h"
#include "init/condemn.h"
#include "init/crash.h"
#include "init/fdtable.h"
#include "init/owed.h"
#include "init/query.h"
#include "init/reexec.h"
#include "init/scopes.h"
#include "init/servants.h"
#include "init/sources.h"
#include "init/state.h"
#include "system/clock.h"

#define PATIENCE (2 * USEC_PER_SEC) /* for a process whose pid is about to be known */
#define HELD_MAX 4096
#define RETRY (100 * USEC_PER_MSEC) /* of answers for which there was no memory */

/* A query that waits. */
struct held {
	struct held *prev, *next;
	struct msg_request m;
	usec_t deadline;
};

struct clients {
	struct held *held;
	size_t n_held;
	struct loop_timer *timer; /* the deadline of the first */
	struct u64v flushes;	  /* requests that wait for the logger */
	bool part_lost;		  /* of the answer that is being given */
};

static void
timer_cb(void *data)
{
	clients_turn(data, false);
}

int
clients_init(struct init *init)
{
	init->clients = calloc(1, sizeof(*init->clients));
	if (init->clients == NULL)
		return -ENOMEM;
	init->clients->timer = loop_timer_new(init->loop, timer_cb, init);
	return init->clients->timer != NULL ? 0 : -ENOMEM;
}

static void
held_free(struct clients *c, struct held *h)
{
	DL_DELETE(c->held, h);
	c->n_held--;
	wire_free_struct(msg_schema(MSG_QUERY), &h->m);
	free(h);
}

void
clients_deinit(struct init *init)
{
	struct held *h, *next;

	if (init->clients == NULL)
		return;
	DL_FOREACH_SAFE(init->clients->held, h, next)
		held_free(init->clients, h);
	(void) loop_timer_free(init->clients->timer);
	u64v_deinit(&init->clients->flushes);
	owed_deinit(init);
	free(init->clients);
	init->clients = NULL;
}

/* -- answers given here ------------------------------------------------------------------ */

static void
send_reply(struct init *init, const struct msg_reply *reply)
{
	(void) owed_give(init, reply, -1);
}

static int
succeed(struct init *init, const struct msg_request *m)
{
	const struct msg_reply reply = { .request = m->request };

	owed_add(init, m->request, NULL, NULL);
	send_reply(init, &reply);
	return 0;
}

static int
refuse(struct init *init, const struct msg_request *m, const char *error, const char *text)
{
	const struct msg_reply reply = {
		.request = m->request,
		.error = (char *) (uintptr_t) error,
		.text = (char *) (uintptr_t) text,
	};

	/* control itself asks its queries again. */
	if (m->action <= REQUEST_LAST_CHANGE)
		owed_add(init, m->request, error, text);
	send_reply(init, &reply);
	return 0;
}

#define LEFT_OUT "The request was left out: "

void
clients_refuse(struct init *init, const struct msg_request *m)
{
	(void) refuse(init, m, ERR_FAILED, LEFT_OUT CONDEMN_CRASHED " over it");
}

static void
refuse_all(struct init *init, struct u64v *requests, const char *text)
{
	for (size_t i = 0; i < requests->n; i++) {
		const struct msg_request m = { .request = requests->p[i] };

		(void) refuse(init, &m, ERR_FAILED, text);
	}
	u64v_deinit(requests);
}

void
clients_refuse_left_out(struct init *init)
{
	refuse_all(init, &init->state.refused_crashed, LEFT_OUT CONDEMN_CRASHED " over it");
	refuse_all(init, &init->state.refused_broken, LEFT_OUT CONDEMN_BROKEN " over it");
}

/* -- requests ------------------------------------------------------------------------------- */

/* A token is its user's: another's that is the same by chance or design is another. 0 or -ENOMEM. */
static int
copy_token(char **to, const struct msg_request *m)
{
	*to = m->token != NULL ? str_printf("%d:%s", (int) m->uid, m->token) : NULL;
	return m->token != NULL && *to == NULL ? -ENOMEM : 0;
}

/*
 * The session of who asks. Processes of jobs lead sessions of their own: that tells which job's process it is, or was
 * started by. One that has ended meanwhile, or has left that session, is taken for anybody.
 */
static int32_t
caller_of(const struct msg_request *m)
{
	pid_t session = m->pid > 0 ? getsid(m->pid) : 0;

	return session > 0 ? session : 0;
}

/* Feed what is complete (r is 0). 0, or a negative errno. */
static int
feed(struct init *init, uint64_t number, struct input *in, int r)
{
	if (r == 0)
		return brain_feed_from(init, SERVANT_CONTROL, number, in);
	input_free(in);
	return r;
}

static int
feed_or_refuse(struct init *init, const struct msg_request *m, uint64_t number, struct input *in, int r)
{
	return feed(init, number, in, r) == 0 ? 0 : refuse(init, m, ERR_NO_MEMORY, "Out of Memory");
}

/* Take what came along into the table. 0 or a negative errno; what is in *handles then is the caller's to close. */
static int
take_files(struct init *init, struct files *files, struct u64v *handles)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < files->n; i++) {
		uint64_t handle = 0;

		r = fdtable_add(init, steal_fd(&files->p[i]), &handle);
		if (r == 0)
			r = u64v_add(handles, handle);
		if (r < 0)
			fdtable_close(init, handle);
	}
	return r;
}

static int
fill_emit(struct input_emit *emit, const struct msg_request *m, const struct u64v *files)
{
	for (size_t i = 1; i < files->n; i++)
		if (u64v_add(&emit->fds, files->p[i]) < 0)
			return -ENOMEM;
	emit->fd = files->n > 0 ? files->p[0] : 0;
	emit->request = m->request;
	emit->wait = m->wait;
	emit->caller = caller_of(m);
	emit->literal = m->literal;
	emit->only = m->only;
	if (str_copy(&emit->name, m->name) < 0 || str_copy(&emit->root, m->root) < 0 ||
	    copy_token(&emit->token, m) < 0 || strv_dup(&emit->env, m->env) < 0 ||
	    strv_dup(&emit->classes, m->classes) < 0 || strv_dup(&emit->instances, m->instances) < 0)
		return -ENOMEM;
	return 0;
}

static int
do_emit(struct init *init, const struct msg_request *m, struct files *files, uint64_t number)
{
	struct input in = { .type = INPUT_EMIT };
	struct u64v handles = { 0 };
	int r = take_files(init, files, &handles);

	if (r == 0)
		r = fill_emit(&in.emit, m, &handles);
	r = feed(init, number, &in, r);
	/* The input is gone when it is refused, and nobody else knows them. */
	for (size_t i = 0; r != 0 && i < handles.n; i++)
		fdtable_close(init, handles.p[i]);
	u64v_deinit(&handles);
	return r == 0 ? 0 : refuse(init, m, ERR_NO_MEMORY, "Out of Memory");
}

static int
do_job(struct init *init, const struct msg_request *m, struct files *files, uint64_t number)
{
	static const enum request_kind kinds[] = {
		[REQUEST_JOB_START] = JOB_START,
		[REQUEST_JOB_STOP] = JOB_STOP,
		[REQUEST_JOB_RESTART] = JOB_RESTART,
		[REQUEST_INSTANCE_START] = INSTANCE_START,
		[REQUEST_INSTANCE_STOP] = INSTANCE_STOP,
		[REQUEST_INSTANCE_RESTART] = INSTANCE_RESTART,
		[REQUEST_INSTANCE_RELOAD] = INSTANCE_RELOAD,
		[REQUEST_JOB_RESET] = JOB_RESET,
		[REQUEST_INSTANCE_RESET] = INSTANCE_RESET,
	};
	struct input in = { .type = INPUT_REQUEST };
	int r = 0;

	(void) files;
	if (m->job == NULL)
		return refuse(init, m, ERR_GONE, NULL);
	in.request.request = m->request;
	in.request.kind = kinds[m->action];
	in.request.wait = m->wait;
	in.request.caller = caller_of(m);
	in.request.when_ready = (m->options & REQUEST_OPTION_WHEN_READY) != 0;
	if (str_copy(&in.request.job, m->job) < 0 || str_copy(&in.request.instance, m->instance) < 0 ||
	    copy_token(&in.request.token, m) < 0 || strv_dup(&in.request.env, m->env) < 0)
		r = -ENOMEM;
	return feed_or_refuse(init, m, number, &in, r);
}

static int
do_reload(struct init *init, const struct msg_request *m, struct files *files, uint64_t number)
{
	(void) files;
	(void) number;
	sources_reload(init);
	return succeed(init, m);
}

static int
do_log_priority(struct init *init, const struct msg_request *m, struct files *files, uint64_t number)
{
	struct input in = { .type = INPUT_LOG_LEVEL };
	enum log_level level;

	(void) files;
	(void) number; /* taken only when the answer is owed: done twice it is the same */
	if (m->name == NULL || !log_level_from_name(m->name, &level))
		return refuse(init, m, ERR_INVALID_ARGS, "The log priority given was not recognised");
	in.log_level.level = (int32_t) level;
	if (brain_feed(init, &in) < 0)
		return refuse(init, m, ERR_NO_MEMORY, "Out of Memory");
	init->level = level;
	log_set_level(level);
	STATE_NOTE(init, NOTE_LEVEL, 0, NULL, (uint64_t) level);
	return succeed(init, m);
}

static int
do_reexec(struct init *init, const struct msg_request *m, struct files *files, uint64_t number)
{
	(void) files;
	(void) number;
	if (init->phase >= PHASE_LEAVING)
		return succeed(init, m); /* as ever: nobody minds any more */
	if (!owed_promise(init, m->request))
		return refuse(init, m, ERR_NO_MEMORY, "Out of Memory");
	reexec_begin(init);
	return 0;
}

static int
do_end_session(struct init *init, const struct msg_request *m, struct files *files, uint64_t number)
{
	const struct msg_reply reply = { .request = m->request };
	struct input in = { .type = INPUT_SESSION_END };

	(void) files;
	if (!init_is_session(init))
		return succeed(init, m);
	if (str_copy(&in.session_end.type, "logout") < 0)
		return refuse(init, m, ERR_NO_MEMORY, "Out of Memory");
	/* Noted before: a crash after it would cost the answer. */
	owed_add(init, m->request, NULL, NULL);
	if (brain_feed_from(init, SERVANT_CONTROL, number, &in) < 0)
		return refuse(init, m, ERR_NO_MEMORY, "Out of Memory");
	send_reply(init, &reply);
	return 0;
}

static int
do_env(struct init *init, const struct msg_request *m, struct files *files, uint64_t number)
{
	struct input in = { .type = INPUT_SET_ENV };
	int r = 0;

	(void) files;
	if (init_is_system(init))
		return refuse(init, m, ERR_PERMISSION_DENIED, "Not permissible to modify PID 1 job environment");
	in.set_env.request = m->request;
	in.set_env.action = m->action == REQUEST_SET_ENV     ? ENV_SET
			    : m->action == REQUEST_UNSET_ENV ? ENV_UNSET
							     : ENV_RESET;
	in.set_env.replace = m->replace;
	if (str_copy(&in.set_env.job, m->job) < 0 || str_copy(&in.set_env.instance, m->instance) < 0 ||
	    strv_dup(&in.set_env.env, m->env) < 0)
		r = -ENOMEM;
	return feed_or_refuse(init, m, number, &in, r);
}

static int
do_state(struct init *init, const struct msg_request *m, struct files *files, uint64_t number)
{
	static const enum state_action actions[] = {
		[REQUEST_STATE_SET] = STATE_SET,
		[REQUEST_STATE_CLEAR] = STATE_CLEAR,
		[REQUEST_STATE_REPLACE] = STATE_REPLACE,
		[REQUEST_STATE_ENDED] = STATE_CONNECTION_ENDED,
	};
	struct input in = { .type = INPUT_STATE };
	int r = 0;

	(void) files;
	in.state.request = m->request;
	in.state.action = actions[m->action];
	in.state.all = (m->options & REQUEST_OPTION_ALL) != 0;
	in.state.wait = m->wait;
	in.state.bound = (m->options & REQUEST_OPTION_BOUND) != 0;
	in.state.administrator = (m->options & REQUEST_OPTION_ADMINISTRATOR) != 0;
	in.state.caller = caller_of(m);
	in.state.uid = m->uid;
	if (str_copy(&in.state.name, m->name) < 0 || strv_dup(&in.state.env, m->env) < 0 ||
	    str_copy(&in.state.root, m->root) < 0 || str_copy(&in.state.connection, m->connection) < 0 ||
	    str_copy(&in.state.job, m->job) < 0 || str_copy(&in.state.instance, m->instance) < 0)
		r = -ENOMEM;
	return feed_or_refuse(init, m, number, &in, r);
}

static void
ask_flush(struct init *init, uint64_t request)
{
	const struct msg_log_flush flush = { .request = request };

	/* A logger that is not there now is asked when it comes. */
	(void) !servants_send(init, SERVANT_LOGGER, MSG_LOG_FLUSH, 0, &flush, NULL, 0);
}

static int
do_notify_disk(struct init *init, const struct msg_request *m, struct files *files, uint64_t number)
{
	(void) files;
	(void) number;
	if (servants_hopeless(init, SERVANT_LOGGER))
		return refuse(init, m, ERR_FAILED, "The logger is not running");
	if (u64v_add(&init->clients->flushes, m->request) < 0)
		return refuse(init, m, ERR_NO_MEMORY, "Out of Memory");
	STATE_NOTE(init, NOTE_FLUSH, m->request, NULL, 0);
	ask_flush(init, m->request);
	return 0;
}

static int
do_bus_address(struct init *init, const struct msg_request *m, struct files *files, uint64_t number)
{
	char *address;

	(void) files;
	(void) number;
	if (str_copy(&address, m->name) < 0)
		return refuse(init, m, ERR_NO_MEMORY, "Out of Memory");
	free(init->bus_address);
	init->bus_address = address;
	STATE_NOTE(init, NOTE_BUS, 0, address, 0);
	return succeed(init, m);
}

static int (*const requests[REQUEST_LAST_CHANGE + 1])(struct init *init, const struct msg_request *m,
						      struct files *files, uint64_t number) = {
	[REQUEST_EMIT] = do_emit,
	[REQUEST_JOB_START] = do_job,
	[REQUEST_JOB_STOP] = do_job,
	[REQUEST_JOB_RESTART] = do_job,
	[REQUEST_INSTANCE_START] = do_job,
	[REQUEST_INSTANCE_STOP] = do_job,
	[REQUEST_INSTANCE_RESTART] = do_job,
	[REQUEST_INSTANCE_RELOAD] = do_job,
	[REQUEST_RELOAD_CONFIG] = do_reload,
	[REQUEST_SET_LOG_PRIORITY] = do_log_priority,
	[REQUEST_REEXEC] = do_reexec,
	[REQUEST_END_SESSION] = do_end_session,
	[REQUEST_SET_ENV] = do_env,
	[REQUEST_UNSET_ENV] = do_env,
	[REQUEST_RESET_ENV] = do_env,
	[REQUEST_NOTIFY_DISK] = do_notify_disk,
	[REQUEST_BUS_ADDRESS] = do_bus_address,
	[REQUEST_JOB_RESET] = do_job,
	[REQUEST_INSTANCE_RESET] = do_job,
	[REQUEST_STATE_SET] = do_state,
	[REQUEST_STATE_CLEAR] = do_state,
	[REQUEST_STATE_REPLACE] = do_state,
	[REQUEST_STATE_ENDED] = do_state,
};

/*
 * May it be asked, by somebody from there? True: *scoped is what to go on with, *name what it borrows; the caller's.
 * False: it has been answered.
 */
static bool
admitted(struct init *init, const struct msg_request *m, struct msg_request *scoped, char **name)
{
	auto_free char *text = NULL;
	int verdict = scopes_admit(init, m, name);

	*scoped = *m;
	if (*name != NULL)
		scoped->job = *name;
	switch (verdict) {
	case SCOPE_GO_ON:
		return true;
	case SCOPE_IGNORED:
		(void) succeed(init, m);
		return false;
	case SCOPE_UNKNOWN:
		text = str_printf("Unknown job: %s", m->job);
		(void) refuse(init, m, ERR_UNKNOWN_JOB, text);
		return false;
	case SCOPE_FOREIGN:
		text = str_printf("You do not have permission to modify job: %s", scope_plain(m->job));
		(void) refuse(init, m, ERR_PERMISSION_DENIED, text);
		return false;
	case SCOPE_DENIED:
		(void) refuse(init, m, ERR_PERMISSION_DENIED,
			      m->action == REQUEST_GET_STATE ? "You do not have permission to request state"
			      : m->action == REQUEST_GET_ENV
				  ? "You do not have permission to query job environment"
				  : "You do not have permission to ask this from a chroot session");
		return false;
	default:
		(void) refuse(init, m, ERR_NO_MEMORY, "Out of Memory");
		return false;
	}
}

int
clients_request(struct init *init, const struct msg_request *m, struct files *files, uint64_t number)
{
	auto_free char *name = NULL;
	struct msg_request scoped;

	if (m->action > REQUEST_LAST_CHANGE || requests[m->action] == NULL)
		return refuse(init, m, ERR_FAILED, "Unknown request");
	return admitted(init, m, &scoped, &name) ? requests[m->action](init, &scoped, files, number) : 0;
}

/* -- queries ---------------------------------------------------------------------------------- */

/* The one query whose answer is a file. */
static void
answer_snapshot(struct init *init, const struct msg_request *m)
{
	const struct msg_reply reply = { .request = m->request };
	auto_close int fd = state_copy(init);

	if (fd == -ENOMEM)
		(void) refuse(init, m, ERR_NO_MEMORY, "Out of Memory");
	else if (fd < 0)
		(void) refuse(init, m, ERR_FAILED, strerror(-fd));
	else
		(void) owed_give(init, &reply, fd);
}

static void
send_part(struct init *init, const struct msg_request *m, struct msg_reply *reply)
{
	reply->request = m->request;
	reply->more = true;
	if (!owed_give(init, reply, -1))
		init->clients->part_lost = true;
}

/* The one whose answer has parts: all are sent in one turn, so that they are of one moment. As try_answer(). */
static bool
answer_objects(struct init *init, const struct msg_request *m, bool wait)
{
	const struct msg_reply end = { .request = m->request };

	if (wait && query_objects(init, m, NULL) == -EAGAIN)
		return false;
	init->clients->part_lost = false;
	if (query_objects(init, m, send_part) == -ENOMEM)
		(void) refuse(init, m, ERR_NO_MEMORY, "Out of Memory");
	else if (!init->clients->part_lost) /* else that has ended it */
		send_reply(init, &end);
	return true;
}

/* Answer, unless it has to wait and may. True if it is answered. */
static bool
try_answer(struct init *init, const struct msg_request *m, bool wait)
{
	struct msg_reply reply = { 0 };
	int r;

	if (m->action == REQUEST_GET_OBJECTS)
		return answer_objects(init, m, wait);

	if (m->action == REQUEST_GET_SNAPSHOT) {
		answer_snapshot(init, m);
		return true;
	}
	r = query_answer(init, m, &reply);
	if (r == -EAGAIN && wait) {
		wire_free_struct(msg_schema(MSG_REPLY), &reply);
		return false;
	}
	reply.request = m->request;
	if (r == -ENOMEM)
		(void) refuse(init, m, ERR_NO_MEMORY, "Out of Memory");
	else
		send_reply(init, &reply);
	wire_free_struct(msg_schema(MSG_REPLY), &reply);
	return true;
}

/* As try_answer(). */
static bool
answer(struct init *init, const struct msg_request *m, bool wait)
{
	bool answered;

	if (crash_condemned(CRASH_QUERY(m->request)) > 0) {
		log_error("A query made init crash twice and is left out");
		clients_refuse(init, m);
		return true;
	}
	crash_in_hand(CRASH_QUERY(m->request));
	crash_at("QUERY");
	answered = try_answer(init, m, wait);
	crash_in_hand(0);
	return answered;
}

void
clients_query(struct init *init, const struct msg_request *m)
{
	struct clients *c = init->clients;
	auto_free char *name = NULL;
	struct msg_request scoped;
	struct held *h;

	if (!admitted(init, m, &scoped, &name) || answer(init, &scoped, c->n_held < HELD_MAX))
		return;
	h = calloc(1, sizeof(*h));
	if (h == NULL || wire_copy_struct(msg_schema(MSG_QUERY), &h->m, &scoped) < 0) {
		free(h);
		(void) answer(init, &scoped, false);
		return;
	}
	h->deadline = clock_now() + PATIENCE;
	DL_APPEND(c->held, h);
	c->n_held++;
}

void
clients_turn(struct init *init, bool all)
{
	struct clients *c = init->clients;
	struct held *h, *next;
	usec_t now = c->held != NULL ? clock_now() : 0;

	DL_FOREACH_SAFE(c->held, h, next)
		if (answer(init, &h->m, !all && now < h->deadline))
			held_free(c, h);
	if (owed_turn(init))
		loop_timer_set(c->timer, clock_now() + RETRY);
	else if (c->held != NULL && !loop_timer_is_set(c->timer))
		loop_timer_set(c->timer, c->held->deadline);
}

/* -- the logger's answers ------------------------------------------------------------------------ */

void
clients_flushed(struct init *init, const struct msg_log_flushed *m)
{
	struct u64v *v = &init->clients->flushes;
	const struct msg_request asked = { .request = m->request };
	auto_free char *text = NULL;

	for (size_t i = 0; i < v->n; i++) {
		if (v->p[i] != m->request)
			continue;
		v->p[i] = v->p[--v->n];
		if (m->error != 0)
			text = str_printf("%s: %s", m->path != NULL ? m->path : "log", strerror(m->error));
		(void) (m->error == 0 ? succeed(init, &asked) : refuse(init, &asked, ERR_FAILED, text));
		STATE_NOTE(init, NOTE_FLUSH_GONE, m->request, NULL, 0);
		return;
	}
}

void
clients_logger_came(struct init *init)
{
	for (size_t i = 0; i < init->clients->flushes.n; i++)
		ask_flush(init, init->clients->flushes.p[i]);
}

void
clients_control_gone(struct init *init)
{
	struct held *h, *next;

	DL_FOREACH_SAFE(init->clients->held, h, next)
		held_free(init->clients, h);
	for (size_t i = 0; i < init->clients->flushes.n; i++)
		STATE_NOTE(init, NOTE_FLUSH_GONE, init->clients->flushes.p[i], NULL, 0);
	u64v_deinit(&init->clients->flushes);
	owed_forget(init);
}

void
clients_save(struct init *init)
{
	for (size_t i = 0; i < init->clients->flushes.n; i++)
		STATE_NOTE(init, NOTE_FLUSH, init->clients->flushes.p[i], NULL, 0);
}

int
clients_load(struct init *init, const struct note *note)
{
	struct u64v *v = &init->clients->flushes;

	if (note->kind == NOTE_FLUSH)
		return u64v_add(v, note->id);
	for (size_t i = 0; i < v->n; i++)
		if (v->p[i] == note->id)
			v->p[i] = v->p[--v->n];
	return 0;
}
