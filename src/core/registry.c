/* SPDX-License-Identifier: MIT */
/*
 * Classes by name. A definition that changes while instances live waits as the successor until
 * the last of them has stopped; deletion is a successor that is nothing (runtime.md section 8).
 */
#include "core/internal.h"

#include "core/past.h"

#include "common/msg.h"

#include <errno.h>
#include <string.h>
#include <utlist.h>

struct slot *
slot_get(const struct core *core, const char *name)
{
	return map_get(&core->slots_by_name, name);
}

struct slot *
slot_make(struct core *core, const char *name)
{
	struct slot *slot = slot_get(core, name);

	if (slot != NULL)
		return slot;
	slot = calloc(1, sizeof(*slot));
	if (slot == NULL)
		return NULL;
	slot->name = strdup(name);
	if (slot->name == NULL || map_put(&core->slots_by_name, name, slot) < 0) {
		free(slot->name);
		free(slot);
		return NULL;
	}
	slot->order = ++core->last_order;
	DL_APPEND(core->slots, slot);
	return slot;
}

void
slot_free(struct core *core, struct slot *slot)
{
	struct job *job, *next;

	DL_FOREACH_SAFE(slot->jobs, job, next)
		job_free(core, job);
	follow_forget(core, slot);
	pace_forget(slot);
	while (slot->ended != NULL) {
		struct ended *ended = slot->ended;

		DL_DELETE(slot->ended, ended);
		(void) ended_free(ended);
	}
	while (slot->pasts != NULL) {
		struct past *past = slot->pasts;

		DL_DELETE(slot->pasts, past);
		(void) past_free(past);
	}
	trigger_deinit(core, &slot->start);
	map_del(&core->slots_by_name, slot->name);
	map_deinit(&slot->by_name);
	DL_DELETE(core->slots, slot);
	slot->cls = job_class_unref(slot->cls);
	slot->successor = job_class_unref(slot->successor);
	free(slot->name);
	free(slot);
}

/* Make `cls` (its reference is taken) the slot's class; held events go over to equal leaves. */
static int
install(struct core *core, struct slot *slot, struct job_class *cls)
{
	struct trigger fresh;

	/* The old condition keeps its events until the new one has them, so that none finishes between. */
	if (trigger_init(core, &fresh, cls->start_on, slot, NULL) < 0) {
		(void) job_class_unref(cls);
		return -ENOMEM;
	}
	trigger_adopt(core, &fresh, &slot->start);
	trigger_deinit(core, &slot->start);
	slot->start = fresh;
	for (int i = 0; cls->start_on != NULL && i < cls->start_on->n_leaves; i++)
		slot->start.listeners[i].trigger = &slot->start;
	if (slot->cls != NULL)
		core_notify(core, NOTIFY_JOB_REMOVED, NULL, slot->name, NULL, NULL, 0);
	else
		foreign_hidden(core, slot->name);
	(void) job_class_unref(slot->cls);
	slot->cls = cls;
	core_notify(core, NOTIFY_JOB_ADDED, NULL, slot->name, NULL, NULL, 0);
	core_oom(core, follow_class(core, slot));
	trigger_look(core, &slot->start); /* what was half of the old condition may be all of the new one */
	return 0;
}

static void
remove_class(struct core *core, struct slot *slot)
{
	auto_free char *name = strdup(slot->name);

	core_notify(core, NOTIFY_JOB_REMOVED, NULL, slot->name, NULL, NULL, 0);
	await_none(core, slot, ERR_UNKNOWN_JOB, "The job is gone");
	slot_free(core, slot);
	if (name != NULL)
		state_known(core, name);
	else
		core->oom = true;
}

int
registry_define(struct core *core, const struct input_define *in)
{
	struct job_class *cls = core->config.resolve != NULL
				    ? core->config.resolve(in->class_id, core->config.resolve_data)
				    : NULL;
	struct slot *slot;
	int r;

	if (cls == NULL)
		return -EINVAL;
	slot = slot_make(core, cls->name);
	if (slot == NULL) {
		(void) job_class_unref(cls);
		return -ENOMEM;
	}
	if (slot->jobs != NULL) {
		(void) job_class_unref(slot->successor);
		/* The definition it runs with has come back: nothing is to be replaced. */
		slot->has_successor = cls->id != slot->cls->id;
		slot->successor = slot->has_successor ? cls : job_class_unref(cls);
		return follow_class(core, slot);
	}
	r = install(core, slot, cls);
	if (r < 0 && slot->cls == NULL)
		slot_free(core, slot);
	return r;
}

int
registry_undefine(struct core *core, const struct input_undefine *in)
{
	struct slot *slot = in->name != NULL ? slot_get(core, in->name) : NULL;

	if (slot == NULL)
		return 0;
	if (slot->jobs == NULL) {
		remove_class(core, slot);
		return 0;
	}
	slot->successor = job_class_unref(slot->successor);
	slot->has_successor = true;
	await_none(core, slot, ERR_UNKNOWN_JOB, "The job is gone");
	return follow_class(core, slot);
}

void
registry_settle(struct core *core, struct slot *slot)
{
	struct job_class *successor = slot->successor;

	if (slot->jobs != NULL || !slot->has_successor)
		return;
	slot->has_successor = false;
	slot->successor = NULL;
	if (successor == NULL)
		remove_class(core, slot);
	else
		core_oom(core, install(core, slot, successor));
}
