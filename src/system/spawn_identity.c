/* SPDX-License-Identifier: MIT */
#include "system/spawn_identity.h"

#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <string.h>

#include "common/env.h"

#define RECORD_SIZE ((size_t) 1024) /* bytes; doubled as long as a record doesn't fit */
#define RECORD_SIZE_MAX ((size_t) 16 * 1024 * 1024)

void
spawn_identity_deinit(struct spawn_identity *id)
{
	free(steal(&id->user));
	free(steal(&id->home));
	free(steal(&id->shell));
}

/* "No such record" comes in several guises (getpwnam(3)). */
static bool
means_absent(int error)
{
	return error == 0 || error == ENOENT || error == ESRCH || error == EBADF || error == EPERM || error == ENOTDIR;
}

/* A plain decimal number; (id_t) -1 is not one. */
static bool
parse_id(const char *text, id_t *id)
{
	uint64_t v = 0;

	if (*text == '\0')
		return false;
	for (; *text != '\0'; text++) {
		if (*text < '0' || *text > '9')
			return false;
		v = v * 10 + (uint64_t) (*text - '0');
		if (v >= UINT32_MAX)
			return false;
	}
	*id = (id_t) v;
	return true;
}

/* What a record of either kind tells. */
struct record {
	bool found;
	id_t id;
	gid_t primary;
	char *name; /* owned, as all texts */
	char *home, *shell;
};

static void
record_deinit(struct record *r)
{
	free(steal(&r->name));
	free(steal(&r->home));
	free(steal(&r->shell));
}

typedef int (*lookup_fn)(const char *name, id_t id, char *buf, size_t size, struct record *r);

static int
note_user(const struct passwd *found, struct record *r)
{
	if (found == NULL)
		return 0;
	r->found = true;
	r->id = found->pw_uid;
	r->primary = found->pw_gid;
	record_deinit(r);
	r->name = strdup(found->pw_name);
	r->home = strdup(found->pw_dir != NULL ? found->pw_dir : "");
	/* An empty one means the usual one (passwd(5)). */
	r->shell = strdup(found->pw_shell != NULL && *found->pw_shell != '\0' ? found->pw_shell : "/bin/sh");
	return r->name != NULL && r->home != NULL && r->shell != NULL ? 0 : ENOMEM;
}

/* By name, or with a NULL name by number. A positive errno, ERANGE for more room. */
static int
lookup_user(const char *name, id_t id, char *buf, size_t size, struct record *r)
{
	struct passwd entry, *found = NULL;
	int error = name != NULL ? getpwnam_r(name, &entry, buf, size, &found)
				 : getpwuid_r((uid_t) id, &entry, buf, size, &found);

	return error != 0 ? error : note_user(found, r);
}

static int
lookup_group(const char *name, id_t id, char *buf, size_t size, struct record *r)
{
	struct group entry, *found = NULL;
	int error = getgrnam_r(name, &entry, buf, size, &found);

	(void) id;
	if (error == 0 && found != NULL) {
		r->found = true;
		r->id = found->gr_gid;
	}
	return error;
}

/* Run a look-up with as much room as it takes. A positive errno, 0 also when there is no record. */
static int
look_up(lookup_fn lookup, const char *name, id_t id, struct record *r)
{
	for (size_t size = RECORD_SIZE; size <= RECORD_SIZE_MAX; size *= 2) {
		auto_free char *buf = malloc(size);
		int error;

		if (buf == NULL)
			return ENOMEM;
		error = lookup(name, id, buf, size, r);
		if (error == ERANGE)
			continue;
		return means_absent(error) ? 0 : error;
	}
	return ERANGE;
}

static enum spawn_step
find_user(struct spawn_identity *id, const char *user, bool has_group, int *error)
{
	struct record r = { 0 };
	id_t number;

	*error = look_up(lookup_user, user, 0, &r);
	if (*error == 0 && !r.found && parse_id(user, &number)) {
		*error = look_up(lookup_user, NULL, number, &r);
		if (*error == 0 && !r.found && has_group) {
			r.found = true;
			r.id = number;
		}
	}
	id->user = steal(&r.name);
	id->home = steal(&r.home);
	id->shell = steal(&r.shell);
	if (*error != 0)
		return *error == ENOMEM ? SPAWN_ALLOC : SPAWN_GETPWNAM;
	if (!r.found)
		return SPAWN_BAD_SETUID;
	id->has_user = id->has_group = true;
	id->uid = r.id;
	id->gid = r.primary;
	return SPAWN_NONE;
}

static enum spawn_step
find_group(struct spawn_identity *id, const char *group, int *error)
{
	struct record r = { 0 };
	id_t number;

	*error = look_up(lookup_group, group, 0, &r);
	if (*error != 0)
		return *error == ENOMEM ? SPAWN_ALLOC : SPAWN_GETGRNAM;
	if (!r.found && parse_id(group, &number)) {
		r.found = true;
		r.id = number;
	}
	if (!r.found)
		return SPAWN_BAD_SETGID;
	id->has_group = true;
	id->gid = r.id;
	return SPAWN_NONE;
}

/*
 * A name that is there and one that is not: for the second all services that nsswitch.conf names are asked, so that all
 * their modules are loaded. glibc reads no other nsswitch.conf once the root directory has changed.
 */
void
spawn_identity_prepare(void)
{
	static const char *const names[] = { "root", "upstart no such name" };

	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		struct record r = { 0 };
		gid_t groups[1];
		int n = (int) ARRAY_SIZE(groups);

		(void) look_up(lookup_user, names[i], 0, &r);
		record_deinit(&r);
		(void) look_up(lookup_group, names[i], 0, &r);
		(void) getgrouplist(names[i], 0, groups, &n);
	}
}

enum spawn_step
spawn_identity_find(struct spawn_identity *id, const char *user, const char *group, int *error)
{
	enum spawn_step step = SPAWN_NONE;

	*error = 0;
	if (user != NULL)
		step = find_user(id, user, group != NULL, error);
	if (step == SPAWN_NONE && group != NULL)
		step = find_group(id, group, error);
	return step;
}

/* Set NAME=value unless it is set, or value not known. 0 or -ENOMEM. */
static int
add_variable(char ***env, const char *name, const char *value)
{
	if (value == NULL || *value == '\0' || env_get(*env, name) != NULL)
		return 0;
	return env_set_value(env, name, value);
}

enum spawn_step
spawn_identity_environment(struct spawn_identity *id, char ***env, int *error)
{
	*error = 0;
	if (!id->has_user) {
		struct record r = { 0 };

		*error = look_up(lookup_user, NULL, (id_t) geteuid(), &r);
		id->user = steal(&r.name);
		id->home = steal(&r.home);
		id->shell = steal(&r.shell);
		if (*error != 0)
			return *error == ENOMEM ? SPAWN_ALLOC : SPAWN_GETPWUID;
	}
	if (add_variable(env, "HOME", id->home) < 0 || add_variable(env, "USER", id->user) < 0 ||
	    add_variable(env, "LOGNAME", id->user) < 0 || add_variable(env, "SHELL", id->shell) < 0) {
		*error = ENOMEM;
		return SPAWN_ALLOC;
	}
	return SPAWN_NONE;
}

/* Root gives up the supplementary groups it has and takes those of the job's user. */
static int
set_groups(const struct spawn_identity *id)
{
	gid_t gid = id->has_group ? id->gid : 0;

	if (geteuid() != 0)
		return 0;
	if (id->has_user && id->user != NULL)
		return initgroups(id->user, gid);
	if (id->has_user)
		return setgroups(1, &gid);
	if (id->has_group)
		return initgroups("root", gid);
	/* Nothing was asked for: a user namespace that forbids it is no reason to fail. */
	return setgroups(1, &gid) < 0 && errno != EPERM ? -1 : 0;
}

enum spawn_step
spawn_identity_assume(const struct spawn_identity *id, int *error)
{
	enum spawn_step step = SPAWN_NONE;

	if (set_groups(id) < 0)
		step = SPAWN_INITGROUPS;
	else if (id->has_group && setgid(id->gid) < 0)
		step = SPAWN_SETGID;
	else if (id->has_user && setuid(id->uid) < 0)
		step = SPAWN_SETUID;
	*error = step != SPAWN_NONE ? errno : 0;
	return step;
}
