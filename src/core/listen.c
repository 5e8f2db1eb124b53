/* SPDX-License-Identifier: MIT */
/*
 * Who listens to what: the classes that a state of a name matters to, by their `while`.
 */
#include "core/listen.h"

#include <errno.h>
#include <string.h>
#include <utlist.h>

static struct topic *
topic_of(struct core *core, const char *name)
{
	struct topic *topic = map_get(&core->topics, name);

	if (topic != NULL)
		return topic;
	topic = calloc(1, sizeof(*topic));
	if (topic != NULL)
		topic->name = strdup(name);
	if (topic == NULL || topic->name == NULL || map_put(&core->topics, name, topic) < 0) {
		if (topic != NULL)
			free(topic->name);
		free(topic);
		return NULL;
	}
	DL_APPEND(core->topic_list, topic);
	return topic;
}

void
unlisten(struct core *core, struct slot *slot)
{
	for (size_t i = 0; i < slot->n_followers; i++) {
		struct follower *f = &slot->followers[i];
		struct topic *topic = f->topic;

		DL_DELETE(topic->followers, f);
		if (topic->followers != NULL)
			continue;
		map_del(&core->topics, topic->name);
		DL_DELETE(core->topic_list, topic);
		free(topic->name);
		free(topic);
	}
	free(slot->followers);
	slot->followers = NULL;
	slot->n_followers = 0;
}

/* Room for one more was made. */
static int
follow_topic(struct core *core, struct slot *slot, const char *name)
{
	struct follower *f = &slot->followers[slot->n_followers];
	struct topic *topic = name != NULL ? topic_of(core, name) : NULL;

	if (topic == NULL)
		return -ENOMEM;
	*f = (struct follower){ .topic = topic, .slot = slot };
	DL_APPEND(topic->followers, f);
	slot->n_followers++;
	return 0;
}

/* A name means a job of the same session or, as for everybody, a state that is no job's. */
static int
follow_name(struct core *core, struct slot *slot, const char *name)
{
	struct span root = scope_root(slot->name);
	auto_free char *joined = root.n > 0 ? scope_join(root, name) : NULL;

	if (root.n > 0 && follow_topic(core, slot, joined) < 0)
		return -ENOMEM;
	return follow_topic(core, slot, name);
}

int
listen_to(struct core *core, struct slot *slot, const struct job_class *cls)
{
	const struct condition *cond = cls->while_on;
	size_t n = cond != NULL ? (size_t) cond->n_leaves : 0;
	int r = 0;

	unlisten(core, slot);
	if (n == 0)
		return 0;
	slot->followers = calloc(2 * n + 1, sizeof(*slot->followers));
	if (slot->followers == NULL)
		return -ENOMEM;
	for (size_t i = 0; r == 0 && i < n; i++)
		r = follow_name(core, slot, cond->nodes[cond->leaves[i]].name);
	if (r == 0 && job_class_while_speaks(cls))
		r = follow_topic(core, slot, TOPIC_ENVIRONMENT);
	if (r < 0)
		unlisten(core, slot);
	return r;
}
