/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * The tables that say what there is on D-Bus: interfaces, methods, signals, properties (control.md T1).
 *
 * Dispatch, property access and introspection all read them and nothing else. The files in dbus/ say the same for
 * people; a test compares.
 */

#include "control/call.h"

enum interface_id {
	IFACE_MANAGER,
	IFACE_MANAGER2,
	IFACE_JOB,
	IFACE_JOB2,
	IFACE_INSTANCE,
	IFACE_INSTANCE2,
	IFACE_PROPERTIES, /* those from here on say nothing of what an object is */
	IFACE_OBJECT_MANAGER,
	IFACE_INTROSPECTABLE,
	IFACE_PEER,
	IFACE_COUNT
};

struct interface {
	const char *name;
	unsigned kinds; /* bit per enum object_kind whose objects have it */
	bool listed;	/* in introspection */
};

struct method {
	enum interface_id interface;
	const char *name;
	const char *in, *out; /* signatures */
	const char *args;     /* the names of all arguments, `in` first, a blank between */
	/* Whether the caller may; if not it has answered. NULL: whoever reaches us may. */
	bool (*check)(struct call *call);
	const char *denied; /* for `check`: "You do not have permission to …" */
	void (*handle)(struct call *call);
};

struct signal {
	enum interface_id interface;
	const char *name;
	const char *signature;
	const char *args;
};

struct property {
	enum interface_id interface;
	const char *name;
	const char *type;
	bool writable;
	/* Append the value; the reply is what init said of the object. False: out of memory. */
	bool (*put)(DBusMessageIter *it, const struct call *call, const struct msg_reply *reply);
};

extern const struct interface interfaces[IFACE_COUNT];
extern const struct method methods[];
extern const size_t methods_count;
extern const struct signal signals[];
extern const size_t signals_count;
extern const struct property properties[];
extern const size_t properties_count;

/* Whether objects of that kind have the interface. */
bool table_has(enum object_kind kind, enum interface_id interface);
/* The method of an object; interface NULL: the first of that name. NULL: there is none. */
const struct method *table_method(enum object_kind kind, const char *interface, const char *name);
/* The property of an object; interface "": any. NULL: there is none. */
const struct property *table_property(enum object_kind kind, const char *interface, const char *name);
