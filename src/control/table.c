/* SPDX-License-Identifier: MIT */
#include "control/table.h"

#include <string.h>

#include "control/check.h"
#include "control/emit.h"
#include "control/introspect.h"
#include "control/job.h"
#include "control/manager.h"
#include "control/notify.h"
#include "control/objects.h"
#include "control/property.h"
#include "control/state.h"

#define ON(kind) (1u << (kind))
#define ON_OBJECTS (ON(OBJECT_MANAGER) | ON(OBJECT_JOB) | ON(OBJECT_INSTANCE))
#define ON_ALL (ON(OBJECT_NONE) | ON_OBJECTS)

#define MODIFY_ENV "modify job environment"
#define QUERY_ENV "query job environment"

const struct interface interfaces[IFACE_COUNT] = {
	[IFACE_MANAGER] = { INTERFACE_MANAGER, ON(OBJECT_MANAGER), true },
	[IFACE_MANAGER2] = { INTERFACE_MANAGER2, ON(OBJECT_MANAGER), true },
	[IFACE_JOB] = { INTERFACE_JOB, ON(OBJECT_JOB), true },
	[IFACE_JOB2] = { INTERFACE_JOB2, ON(OBJECT_JOB), true },
	[IFACE_INSTANCE] = { INTERFACE_INSTANCE, ON(OBJECT_INSTANCE), true },
	[IFACE_INSTANCE2] = { INTERFACE_INSTANCE2, ON(OBJECT_INSTANCE), true },
	[IFACE_OBJECT_MANAGER] = { "org.freedesktop.DBus.ObjectManager", ON(OBJECT_MANAGER), true },
	[IFACE_PROPERTIES] = { DBUS_INTERFACE_PROPERTIES, ON_OBJECTS, true },
	[IFACE_INTROSPECTABLE] = { DBUS_INTERFACE_INTROSPECTABLE, ON_ALL, true },
	[IFACE_PEER] = { DBUS_INTERFACE_PEER, ON_ALL, false },
};

/* clang-format off */
const struct method methods[] = {
	{ IFACE_MANAGER, "ReloadConfiguration", "", "", "",
	  check_caller, "reload configuration", manager_reload_configuration },
	{ IFACE_MANAGER, "GetJobByName", "s", "o", "name job", NULL, NULL, manager_get_job_by_name },
	{ IFACE_MANAGER, "GetAllJobs", "", "ao", "jobs", NULL, NULL, manager_get_all_jobs },
	{ IFACE_MANAGER, "GetState", "", "s", "state", check_caller, "request state", manager_get_state },
	{ IFACE_MANAGER, "Restart", "", "", "", check_caller, "request restart", manager_restart },
	{ IFACE_MANAGER, "GetEnv", "ass", "s", "job_details name value", check_caller, QUERY_ENV, manager_get_env },
	{ IFACE_MANAGER, "SetEnv", "assb", "", "job_details var replace",
	  check_modify_env, MODIFY_ENV, manager_set_env },
	{ IFACE_MANAGER, "SetEnvList", "asasb", "", "job_details vars replace",
	  check_modify_env, MODIFY_ENV, manager_set_env_list },
	{ IFACE_MANAGER, "UnsetEnv", "ass", "", "job_details name", check_modify_env, MODIFY_ENV, manager_unset_env },
	{ IFACE_MANAGER, "UnsetEnvList", "asas", "", "job_details name",
	  check_modify_env, MODIFY_ENV, manager_unset_env_list },
	{ IFACE_MANAGER, "ListEnv", "as", "as", "job_details env", check_caller, QUERY_ENV, manager_list_env },
	{ IFACE_MANAGER, "ResetEnv", "as", "", "job_details", check_modify_env, MODIFY_ENV, manager_reset_env },
	{ IFACE_MANAGER, "EmitEvent", "sasb", "", "name env wait",
	  check_caller, "emit an event", emit_event },
	{ IFACE_MANAGER, "EmitEventWithFile", "sasbh", "", "name env wait file",
	  check_caller, "emit an event", emit_event_with_file },
	{ IFACE_MANAGER, "NotifyDiskWriteable", "", "", "",
	  check_caller, "notify disk is writeable", manager_notify_disk_writeable },
	{ IFACE_MANAGER, "NotifyDBusAddress", "s", "", "address",
	  check_notify_bus, "notify D-Bus address", manager_notify_dbus_address },
	{ IFACE_MANAGER, "NotifyCGroupManagerAddress", "s", "", "address",
	  check_caller, "notify cgroup manager address", manager_notify_cgroup_manager_address },
	{ IFACE_MANAGER, "EndSession", "", "", "", check_end_session, "end session", manager_end_session },

	{ IFACE_MANAGER2, "GetLogPath", "ss", "s", "job instance path", NULL, NULL, manager_get_log_path },
	{ IFACE_MANAGER2, "EmitEventWithToken", "sasbs", "", "name env wait token",
	  check_caller, "emit an event", emit_event_with_token },
	{ IFACE_MANAGER2, "EmitEventWithOptions", "sasa{sv}", "", "name env options",
	  check_caller, "emit an event", emit_event_with_options },
	{ IFACE_MANAGER2, "Subscribe", "", "", "", NULL, NULL, notify_subscribe },
	{ IFACE_MANAGER2, "GetConfigurationFaults", "s", "as", "job faults",
	  check_caller, "check configuration", manager_get_configuration_faults },
	{ IFACE_MANAGER2, "Explain", "as", "s", "job_details explanation",
	  check_caller, "request state", manager_explain },
	{ IFACE_MANAGER2, "GetWaits", "", "s", "waits", check_caller, "request state", manager_get_waits },
	{ IFACE_MANAGER2, "GetHistory", "", "s", "history", check_caller, "request state", manager_get_history },
	{ IFACE_MANAGER2, "GetSnapshot", "", "h", "snapshot", check_caller, "request state", manager_get_snapshot },

	{ IFACE_MANAGER2, "SetState", "sasa{sv}", "", "name env options", check_caller, "set a state", state_set },
	{ IFACE_MANAGER2, "ClearState", "sasa{sv}", "", "name env options",
	  check_caller, "clear a state", state_clear },
	{ IFACE_MANAGER2, "ReplaceStates", "saasa{sv}", "", "name envs options",
	  check_caller, "set a state", state_replace },
	{ IFACE_MANAGER2, "GetStates", "", "a(sasao)", "states", check_caller, "request state", state_get_all },

	{ IFACE_JOB, "GetInstance", "as", "o", "env instance", NULL, NULL, job_get_instance },
	{ IFACE_JOB, "GetInstanceByName", "s", "o", "name instance", NULL, NULL, job_get_instance_by_name },
	{ IFACE_JOB, "GetAllInstances", "", "ao", "instances", NULL, NULL, job_get_all_instances },
	{ IFACE_JOB, "Start", "asb", "o", "env wait instance", NULL, NULL, job_start },
	{ IFACE_JOB, "Stop", "asb", "", "env wait", NULL, NULL, job_stop },
	{ IFACE_JOB, "Restart", "asb", "o", "env wait instance", NULL, NULL, job_restart },

	{ IFACE_JOB2, "StartWithToken", "asbs", "o", "env wait token instance", NULL, NULL, job_start },
	{ IFACE_JOB2, "StartWhenReady", "asbs", "o", "env wait token instance", NULL, NULL, job_start_when_ready },
	{ IFACE_JOB2, "StopWithToken", "asbs", "", "env wait token", NULL, NULL, job_stop },
	{ IFACE_JOB2, "RestartWithToken", "asbs", "o", "env wait token instance", NULL, NULL, job_restart },
	{ IFACE_JOB2, "ResetWithToken", "asbs", "", "env wait token", NULL, NULL, job_reset },

	{ IFACE_INSTANCE, "Start", "b", "", "wait", NULL, NULL, instance_start },
	{ IFACE_INSTANCE, "Stop", "b", "", "wait", NULL, NULL, instance_stop },
	{ IFACE_INSTANCE, "Restart", "b", "", "wait", NULL, NULL, instance_restart },
	{ IFACE_INSTANCE, "Reload", "", "", "", NULL, NULL, instance_reload },

	{ IFACE_INSTANCE2, "Reset", "b", "", "wait", NULL, NULL, instance_reset },

	{ IFACE_PROPERTIES, "Get", "ss", "v", "interface_name property_name value", NULL, NULL, property_get },
	{ IFACE_PROPERTIES, "Set", "ssv", "", "interface_name property_name value",
	  NULL, "set log priority", property_set },
	{ IFACE_PROPERTIES, "GetAll", "s", "a{sv}", "interface_name properties", NULL, NULL, property_get_all },

	{ IFACE_OBJECT_MANAGER, "GetManagedObjects", "", "a{oa{sa{sv}}}", "objects",
	  check_caller, "request state", objects_get },

	{ IFACE_INTROSPECTABLE, "Introspect", "", "s", "data", NULL, NULL, introspect },

	{ IFACE_PEER, "Ping", "", "", "", NULL, NULL, peer_ping },
	{ IFACE_PEER, "GetMachineId", "", "s", "machine_uuid", NULL, NULL, peer_get_machine_id },
};
/* clang-format on */
const size_t methods_count = ARRAY_SIZE(methods);

const struct signal signals[] = {
	{ IFACE_MANAGER, "JobAdded", "o", "job" },
	{ IFACE_MANAGER, "JobRemoved", "o", "job" },
	{ IFACE_MANAGER, "EventEmitted", "sas", "name env" },
	{ IFACE_MANAGER, "Restarted", "", "" },
	{ IFACE_MANAGER2, "StateSet", "sas", "name env" },
	{ IFACE_MANAGER2, "StateCleared", "sas", "name env" },
	{ IFACE_MANAGER2, "EventQueued", "sas", "name env" },
	{ IFACE_JOB, "InstanceAdded", "o", "instance" },
	{ IFACE_JOB, "InstanceRemoved", "o", "instance" },
	{ IFACE_INSTANCE, "GoalChanged", "s", "goal" },
	{ IFACE_INSTANCE, "StateChanged", "s", "state" },
	{ IFACE_INSTANCE, "Failed", "i", "status" },
	{ IFACE_PROPERTIES, "PropertiesChanged", "sa{sv}as", "interface_name changed_properties invalidated_properties" },
	{ IFACE_OBJECT_MANAGER, "InterfacesAdded", "oa{sa{sv}}", "object interfaces" },
	{ IFACE_OBJECT_MANAGER, "InterfacesRemoved", "oas", "object interfaces" },
};
const size_t signals_count = ARRAY_SIZE(signals);

const struct property properties[] = {
	{ IFACE_MANAGER, "version", "s", false, property_put_version },
	{ IFACE_MANAGER, "log_priority", "s", true, property_put_log_priority },
	{ IFACE_MANAGER2, "degraded", "s", false, property_put_degraded },
	{ IFACE_JOB, "name", "s", false, property_put_job_name },
	{ IFACE_JOB, "description", "s", false, property_put_description },
	{ IFACE_JOB, "author", "s", false, property_put_author },
	{ IFACE_JOB, "version", "s", false, property_put_job_version },
	{ IFACE_JOB, "usage", "s", false, property_put_usage },
	{ IFACE_JOB, "start_on", "aas", false, property_put_start_on },
	{ IFACE_JOB, "stop_on", "aas", false, property_put_stop_on },
	{ IFACE_JOB, "emits", "as", false, property_put_emits },
	{ IFACE_JOB2, "while", "aas", false, property_put_while },
	{ IFACE_JOB2, "export", "as", false, property_put_export },
	{ IFACE_JOB2, "instance", "s", false, property_put_template },
	{ IFACE_JOB2, "path", "s", false, property_put_path },
	{ IFACE_JOB2, "fault", "s", false, property_put_fault },
	{ IFACE_JOB2, "successor", "s", false, property_put_successor },
	{ IFACE_INSTANCE, "name", "s", false, property_put_instance_name },
	{ IFACE_INSTANCE, "goal", "s", false, property_put_goal },
	{ IFACE_INSTANCE, "state", "s", false, property_put_state },
	{ IFACE_INSTANCE, "processes", "a(si)", false, property_put_processes },
	{ IFACE_INSTANCE2, "quarantine", "s", false, property_put_quarantine },
	{ IFACE_INSTANCE2, "doing", "s", false, property_put_doing },
	{ IFACE_INSTANCE2, "status", "s", false, property_put_status },
	{ IFACE_INSTANCE2, "followed", "s", false, property_put_followed },
	{ IFACE_INSTANCE2, "group", "s", false, property_put_group },
};
const size_t properties_count = ARRAY_SIZE(properties);

bool
table_has(enum object_kind kind, enum interface_id interface)
{
	return interfaces[interface].kinds & ON(kind);
}

const struct method *
table_method(enum object_kind kind, const char *interface, const char *name)
{
	for (const struct method *m = methods; m < methods + ARRAY_SIZE(methods); m++)
		if (table_has(kind, m->interface) && strcmp(m->name, name) == 0 &&
		    (interface == NULL || strcmp(interfaces[m->interface].name, interface) == 0))
			return m;
	return NULL;
}

const struct property *
table_property(enum object_kind kind, const char *interface, const char *name)
{
	for (const struct property *p = properties; p < properties + ARRAY_SIZE(properties); p++)
		if (table_has(kind, p->interface) && strcmp(p->name, name) == 0 &&
		    (interface[0] == '\0' || strcmp(interfaces[p->interface].name, interface) == 0))
			return p;
	return NULL;
}
