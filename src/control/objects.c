/* SPDX-License-Identifier: MIT */
#include "control/objects.h"

#include <string.h>

#include "common/error.h"
#include "common/log.h"
#include "common/scope.h"
#include "control/libdbus.h"
#include "control/notify.h"
#include "control/peer.h"
#include "control/property.h"
#include "control/request.h"
#include "control/table.h"

/* An answer to GetManagedObjects that is being written: init tells one object after the other. */
struct objects {
	DBusMessage *answer; /* ref; NULL: memory was lacking, there will be none */
	DBusMessageIter it, dict;
};

struct objects *
objects_free(struct objects *objects)
{
	if (objects == NULL)
		return NULL;
	if (objects->answer != NULL) {
		dbus_message_iter_abandon_container(&objects->it, &objects->dict);
		dbus_message_unref(objects->answer);
	}
	free(objects);
	return NULL;
}

/* Interfaces of the kind that say something of an object; Peer and the like are everywhere. */
static bool
is_telling(enum object_kind kind, enum interface_id interface)
{
	return table_has(kind, interface) && interface < IFACE_PROPERTIES;
}

/* a{sa{sv}}: each interface with its properties. False: out of memory. */
static bool
put_interfaces(DBusMessageIter *it, const struct call *call, const struct object *object, const struct msg_reply *reply)
{
	DBusMessageIter dict, entry;

	if (!dbus_message_iter_open_container(it, DBUS_TYPE_ARRAY, "{sa{sv}}", &dict))
		return false;
	for (unsigned i = 0; i < IFACE_COUNT; i++) {
		if (!is_telling(object->kind, i))
			continue;
		if (!dbus_message_iter_open_container(&dict, DBUS_TYPE_DICT_ENTRY, NULL, &entry) ||
		    !dbus_message_iter_append_basic(&entry, DBUS_TYPE_STRING, &interfaces[i].name) ||
		    !property_put_all(&entry, call, object, interfaces[i].name, reply) ||
		    !dbus_message_iter_close_container(&dict, &entry))
			return false;
	}
	return dbus_message_iter_close_container(it, &dict);
}

static char *
path_of(const struct object *object)
{
	return object->kind == OBJECT_JOB ? path_job(object->job) : path_instance(object->job, object->instance);
}

static bool
put_object(DBusMessageIter *dict, const struct call *call, const struct object *object, const struct msg_reply *reply)
{
	auto_free char *path = path_of(object);
	DBusMessageIter entry;

	return path != NULL && dbus_message_iter_open_container(dict, DBUS_TYPE_DICT_ENTRY, NULL, &entry) &&
	       libdbus_put_path(&entry, path) && put_interfaces(&entry, call, object, reply) &&
	       dbus_message_iter_close_container(dict, &entry);
}

/* -- all of them -------------------------------------------------------------- */

/* Begin the answer, anew when init was replaced in the middle of it. */
static void
begin(struct call *call)
{
	struct objects *o;

	call->objects = objects_free(call->objects);
	o = calloc(1, sizeof(*o));
	call->objects = o;
	if (o == NULL)
		return;
	o->answer = call_reply_new(call);
	if (o->answer == NULL)
		return;
	dbus_message_iter_init_append(o->answer, &o->it);
	if (!dbus_message_iter_open_container(&o->it, DBUS_TYPE_ARRAY, "{oa{sa{sv}}}", &o->dict)) {
		dbus_message_unref(o->answer);
		o->answer = NULL;
	}
}

/* One more. The library leaves what lacked memory in the middle as it is: that answer is of no use any more. */
static void
add(struct call *call, const struct msg_reply *reply)
{
	const struct object object = { reply->instance != NULL ? OBJECT_INSTANCE : OBJECT_JOB, reply->job, reply->instance };
	struct objects *o = call->objects;

	if (o == NULL || o->answer == NULL || reply->job == NULL || put_object(&o->dict, call, &object, reply))
		return;
	dbus_message_unref(o->answer);
	o->answer = NULL;
}

static void
finish(struct call *call, const struct msg_reply *reply)
{
	struct objects *o = call->objects;
	DBusMessage *answer = NULL;

	if (o != NULL && o->answer != NULL && dbus_message_iter_close_container(&o->it, &o->dict))
		answer = dbus_message_ref(o->answer);
	if (o != NULL && o->answer != NULL) {
		dbus_message_unref(o->answer);
		o->answer = NULL;
	}
	call_reply(call, answer);
}

void
objects_get(struct call *call)
{
	struct msg_request request = { .action = REQUEST_GET_OBJECTS };

	if (!notify_add_subscriber(call))
		return;
	call->begin = begin;
	call->part = add;
	begin(call);
	call_ask(call, &request, finish, -1);
}

/* -- coming and going --------------------------------------------------------- */

static void
finish_added(struct call *call, const struct msg_reply *reply)
{
	DBusMessage *m = dbus_message_new_signal(MANAGER_PATH, interfaces[IFACE_OBJECT_MANAGER].name, "InterfacesAdded");
	auto_free char *path = path_of(&call->object);
	DBusMessageIter it;

	if (m != NULL) {
		dbus_message_iter_init_append(m, &it);
		if (path == NULL || !libdbus_put_path(&it, path) || !put_interfaces(&it, call, &call->object, reply)) {
			dbus_message_unref(m);
			m = NULL;
		}
	}
	notify_subscribers(call->control, scope_root(call->object.job), m);
	call_free(call);
}

void
objects_added(struct control *control, const char *job, const char *instance)
{
	struct call *call = call_new(control, NULL, NULL);

	if (call == NULL || job == NULL)
		goto fail;
	call->object.kind = instance != NULL ? OBJECT_INSTANCE : OBJECT_JOB;
	call->object.job = strdup(job);
	call->object.instance = instance != NULL ? strdup(instance) : NULL;
	if (call->object.job == NULL || (instance != NULL && call->object.instance == NULL))
		goto fail;
	call->gone = call_free;
	call_require_object(call, finish_added);
	return;
fail:
	if (call != NULL)
		call_free(call);
	log_error("Unable to send a D-Bus signal: Out of Memory");
}

void
objects_removed(struct control *control, const char *job, const char *instance)
{
	const struct object object = { instance != NULL ? OBJECT_INSTANCE : OBJECT_JOB, (char *) (uintptr_t) job,
				       (char *) (uintptr_t) instance };
	DBusMessage *m = dbus_message_new_signal(MANAGER_PATH, interfaces[IFACE_OBJECT_MANAGER].name, "InterfacesRemoved");
	auto_free char *path = job != NULL ? path_of(&object) : NULL;
	char *names[IFACE_COUNT + 1] = { NULL };
	DBusMessageIter it;
	size_t n = 0;

	for (unsigned i = 0; i < IFACE_COUNT; i++)
		if (is_telling(object.kind, i))
			names[n++] = (char *) (uintptr_t) interfaces[i].name;
	if (m != NULL) {
		dbus_message_iter_init_append(m, &it);
		if (path == NULL || !libdbus_put_path(&it, path) || !libdbus_put_strv(&it, names)) {
			dbus_message_unref(m);
			m = NULL;
		}
	}
	notify_subscribers(control, scope_root(job != NULL ? job : ""), m);
}
