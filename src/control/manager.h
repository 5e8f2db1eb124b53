/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * Methods of the manager object, and of Peer (control.md section 4). Each takes over the call (call.h).
 */

#include "control/call.h"

void manager_reload_configuration(struct call *call);
void manager_get_job_by_name(struct call *call);
void manager_get_all_jobs(struct call *call);
void manager_get_configuration_faults(struct call *call);
void manager_get_state(struct call *call);
void manager_get_waits(struct call *call);
void manager_get_history(struct call *call);
void manager_get_snapshot(struct call *call);
void manager_explain(struct call *call);
void manager_restart(struct call *call);
void manager_get_env(struct call *call);
void manager_set_env(struct call *call);
void manager_set_env_list(struct call *call);
void manager_unset_env(struct call *call);
void manager_unset_env_list(struct call *call);
void manager_list_env(struct call *call);
void manager_reset_env(struct call *call);
void manager_get_log_path(struct call *call);
void manager_notify_disk_writeable(struct call *call);
void manager_notify_dbus_address(struct call *call);
void manager_notify_cgroup_manager_address(struct call *call);
void manager_end_session(struct call *call);

void peer_ping(struct call *call);
void peer_get_machine_id(struct call *call);
