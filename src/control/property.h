/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * org.freedesktop.DBus.Properties, and the values of the property table's rows.
 */

#include "control/call.h"

void property_get(struct call *call);
void property_set(struct call *call);
void property_get_all(struct call *call);

/*
 * Append a{sv}: all properties of an object that `interface` has ("": any). `reply` is what init said of it. False: out
 * of memory.
 */
bool property_put_all(DBusMessageIter *it, const struct call *call, const struct object *object, const char *interface,
		      const struct msg_reply *reply);

/* Append one value; false: out of memory. */
bool property_put_version(DBusMessageIter *it, const struct call *call, const struct msg_reply *reply);
bool property_put_degraded(DBusMessageIter *it, const struct call *call, const struct msg_reply *reply);
bool property_put_log_priority(DBusMessageIter *it, const struct call *call, const struct msg_reply *reply);
bool property_put_job_name(DBusMessageIter *it, const struct call *call, const struct msg_reply *reply);
bool property_put_description(DBusMessageIter *it, const struct call *call, const struct msg_reply *reply);
bool property_put_author(DBusMessageIter *it, const struct call *call, const struct msg_reply *reply);
bool property_put_job_version(DBusMessageIter *it, const struct call *call, const struct msg_reply *reply);
bool property_put_usage(DBusMessageIter *it, const struct call *call, const struct msg_reply *reply);
bool property_put_start_on(DBusMessageIter *it, const struct call *call, const struct msg_reply *reply);
bool property_put_stop_on(DBusMessageIter *it, const struct call *call, const struct msg_reply *reply);
bool property_put_emits(DBusMessageIter *it, const struct call *call, const struct msg_reply *reply);
bool property_put_path(DBusMessageIter *it, const struct call *call, const struct msg_reply *reply);
bool property_put_fault(DBusMessageIter *it, const struct call *call, const struct msg_reply *reply);
bool property_put_successor(DBusMessageIter *it, const struct call *call, const struct msg_reply *reply);
bool property_put_while(DBusMessageIter *it, const struct call *call, const struct msg_reply *reply);
bool property_put_export(DBusMessageIter *it, const struct call *call, const struct msg_reply *reply);
bool property_put_template(DBusMessageIter *it, const struct call *call, const struct msg_reply *reply);
bool property_put_instance_name(DBusMessageIter *it, const struct call *call, const struct msg_reply *reply);
bool property_put_goal(DBusMessageIter *it, const struct call *call, const struct msg_reply *reply);
bool property_put_state(DBusMessageIter *it, const struct call *call, const struct msg_reply *reply);
bool property_put_processes(DBusMessageIter *it, const struct call *call, const struct msg_reply *reply);
bool property_put_quarantine(DBusMessageIter *it, const struct call *call, const struct msg_reply *reply);
bool property_put_doing(DBusMessageIter *it, const struct call *call, const struct msg_reply *reply);
bool property_put_status(DBusMessageIter *it, const struct call *call, const struct msg_reply *reply);
bool property_put_followed(DBusMessageIter *it, const struct call *call, const struct msg_reply *reply);
bool property_put_group(DBusMessageIter *it, const struct call *call, const struct msg_reply *reply);
