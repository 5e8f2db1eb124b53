/* SPDX-License-Identifier: MIT */
#include "init/pidfile.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "common/env.h"
#include "common/listener.h"
#include "init/proc.h"
#include "init/servants.h"
#include "init/spawn_request.h"
#include "job/class.h"
#include "system/clock.h"
#include "system/process.h"
#include "system/spawn.h"
#include "system/spawn_wait.h"

/* Numbers that the core never gives: an answer of the spawner's to it is nobody's. */
#define OWN_ID (UINT64_C(1) << 63)
#define SEARCH_PAUSE (USEC_PER_SEC / 5)

/* Who listens is seen in /proc, by root. */
static void
stay_outside(struct msg_spawn *msg)
{
	char **const all[] = { &msg->root, &msg->chroot, &msg->chdir, &msg->setuid, &msg->setgid };

	for (size_t i = 0; i < ARRAY_SIZE(all); i++) {
		free(*all[i]);
		*all[i] = NULL;
	}
	u64v_deinit(&msg->limits);
}

/* It does what the main process would do up to its program, but for what it has of its own. */
static int
fill(struct proc *p, const struct core_process_job *owner, struct msg_spawn *msg, int *fds, size_t *n_fds)
{
	struct init *init = p->init;
	const struct job_class *cls = definitions_class(init->definitions, owner->class_id);
	const struct effect_spawn e = {
		.process = p->id,
		.class_id = owner->class_id,
		.job = (char *) (uintptr_t) owner->job,
		.instance = (char *) (uintptr_t) owner->instance,
		.kind = PROCESS_MAIN,
		.env = (char **) (uintptr_t) owner->env,
	};
	struct error err = ERROR_INIT;
	struct listener listener;
	char *path = NULL;
	int r;

	if (cls == NULL || cls->expect_path == NULL)
		return -ENOENT;
	r = spawn_request_fill(init, &e, cls, p->name, msg, fds, n_fds);
	if (r < 0)
		return r;
	msg->process = OWN_ID | clock_now();
	msg->flags = (msg->flags & ~(uint32_t) (SPAWN_FLAG_DEBUG | SPAWN_FLAG_USER_ENV)) |
		     (cls->expect == EXPECT_LISTEN ? SPAWN_FLAG_LISTEN : SPAWN_FLAG_PIDFILE);
	if (cls->expect == EXPECT_LISTEN)
		stay_outside(msg);
	msg->console = CONSOLE_NONE;
	free(msg->script);
	free(msg->apparmor_switch);
	msg->script = msg->apparmor_switch = NULL;
	msg->argv = strv_free(msg->argv);
	r = env_expand(&path, cls->expect_path, owner->env, &err);
	if (r < 0)
		return r;
	if (cls->expect == EXPECT_LISTEN && !listener_read(path, &listener)) {
		free(path);
		return -EINVAL;
	}
	return strv_take(&msg->argv, path) < 0 || strv_take(&msg->argv, str_printf("%d", (int) p->pid)) < 0 ||
		       u64v_add(&msg->fds, SPAWN_WAIT_FD) < 0
		   ? -ENOMEM
		   : 0;
}

static int
make_pipe(int fds[2])
{
	if (pipe(fds) < 0)
		return -errno;
	process_set_cloexec(fds[0], true);
	process_set_cloexec(fds[1], true);
	return 0;
}

static int
send(struct init *init, const struct msg_spawn *msg, const int *fds, size_t n_fds)
{
	struct spawn_result result;
	int r;

	if (!servants_hopeless(init, SERVANT_SPAWNER))
		return servants_send(init, SERVANT_SPAWNER, MSG_SPAWN, 0, msg, fds, n_fds);
	r = spawn_local(msg, fds[0], fds[1], fds + 2, n_fds - 2, &result);
	spawn_result_deinit(&result);
	return r;
}

int
pidfile_watch(struct proc *p, int out)
{
	struct msg_spawn msg = { 0 };
	struct core_process_job owner;
	int status[2], gate[2], fds[IPC_MAX_FDS];
	size_t n_fds = 2;
	int r;

	if (core_process_job_of(p->init->core, p->id, &owner) < 0)
		return -ESRCH;
	/* Nobody hears how it fares: when it ends, so does what it tells. */
	r = make_pipe(status);
	if (r < 0)
		return r;
	r = make_pipe(gate);
	if (r == 0) {
		fds[0] = status[1];
		fds[1] = gate[0];
		r = fill(p, &owner, &msg, fds, &n_fds);
		fds[n_fds++] = out;
		if (r == 0 && write(gate[1], "g", 1) != 1)
			r = -EIO;
		if (r == 0)
			r = send(p->init, &msg, fds, n_fds);
		wire_free_struct(msg_schema(MSG_SPAWN), &msg);
		(void) close(gate[0]);
		(void) close(gate[1]);
	}
	(void) close(status[0]);
	(void) close(status[1]);
	return r;
}

/* -- what it tells ------------------------------------------------------------------------- */

struct search {
	const struct proc *p;
	pid_t inner, found;
};

/* Each of the family may be in a PID namespace of its own, and have written what it is called there. */
static void
search_cb(const struct core_member *m, void *data)
{
	struct search *s = data;

	if (m->process == s->p->id && s->found == 0 && process_inner_pid(m->pid) == s->inner)
		s->found = m->pid;
}

static bool
has_file(const struct proc *p)
{
	struct core_process_job owner;
	const struct job_class *cls = NULL;

	if (core_process_job_of(p->init->core, p->id, &owner) == 0)
		cls = definitions_class(p->init->definitions, owner.class_id);
	return cls != NULL && cls->expect == EXPECT_PIDFILE;
}

pid_t
pidfile_understand(struct proc *p, const char *text)
{
	struct search s = { .p = p };
	usec_t now = clock_now();

	for (const char *line = text; *line != '\0'; line += strcspn(line, "\n"), line += *line == '\n' ? 1 : 0) {
		long pid = strtol(line, NULL, 10);

		if (pid <= 0 || pid > INT32_MAX)
			continue;
		if (core_is_member(p->init->core, p->id, (int32_t) pid))
			return (pid_t) pid;
		s.inner = (pid_t) pid; /* of several the newest */
	}
	/* That looks at each of them, so not for every word of one that has much to say: it says it again. */
	if (s.inner == 0 || (p->searched != 0 && now - p->searched < SEARCH_PAUSE) || !has_file(p))
		return 0;
	p->searched = now;
	core_each_member(p->init->core, search_cb, &s);
	return s.found;
}
