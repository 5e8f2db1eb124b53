/* SPDX-License-Identifier: MIT */
/*
 * What `namespace` and its companions say: its life, and comparing two.
 */
#include "job/isolation.h"

#include <string.h>

static const char *const kind_names[NAMESPACE_KIND_COUNT] = {
#define X(id, name) [NAMESPACE_##id] = name,
	NAMESPACE_KINDS(X)
#undef X
};

const char *
namespace_kind_name(enum namespace_kind kind)
{
	return (size_t) kind < ARRAY_SIZE(kind_names) ? kind_names[kind] : "unknown";
}

/* its life */

void
mount_deinit(struct job_mount *m)
{
	free(m->source);
	free(m->target);
	free(m->type);
	free(m->options);
	*m = (struct job_mount){ 0 };
}

void
isolation_deinit(struct job_isolation *in)
{
	for (size_t i = 0; i < in->n_mounts; i++)
		mount_deinit(&in->mounts[i]);
	free(in->mounts);
	free(in->join_net);
	free(in->share_job);
	free(in->share_instance);
	free(in->hostname);
	free(in->idmap_uids);
	free(in->idmap_gids);
	(void) strv_free(in->readonly);
	(void) strv_free(in->hidden);
	*in = (struct job_isolation){ 0 };
}

static bool
same(const char *a, const char *b)
{
	return a == NULL || b == NULL ? a == b : strcmp(a, b) == 0;
}

static bool
mounts_equal(const struct job_isolation *a, const struct job_isolation *b)
{
	if (a->n_mounts != b->n_mounts)
		return false;
	for (size_t i = 0; i < a->n_mounts; i++) {
		const struct job_mount *x = &a->mounts[i], *y = &b->mounts[i];

		if (!same(x->source, y->source) || !same(x->target, y->target) || !same(x->type, y->type) ||
		    !same(x->options, y->options))
			return false;
	}
	return true;
}

bool
isolation_equal(const struct job_isolation *a, const struct job_isolation *b)
{
	return a->made == b->made && a->optional == b->optional && a->pid_bare == b->pid_bare &&
	       same(a->join_net, b->join_net) && a->join_create == b->join_create && same(a->share_job, b->share_job) &&
	       same(a->share_instance, b->share_instance) && same(a->hostname, b->hostname) && mounts_equal(a, b) &&
	       a->private == b->private && strv_equal(a->readonly, b->readonly) && strv_equal(a->hidden, b->hidden) &&
	       same(a->idmap_uids, b->idmap_uids) && same(a->idmap_gids, b->idmap_gids) &&
	       a->time_offset_set == b->time_offset_set && a->time_offset == b->time_offset;
}
