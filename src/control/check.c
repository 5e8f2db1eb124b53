/* SPDX-License-Identifier: MIT */
#include "control/check.h"

#include "common/error.h"
#include "control/table.h"

bool
check_is_allowed(const struct call *call)
{
	const struct control *control = call->control;

	return control->trusting || (call->uid != -1 && (uid_t) call->uid == control->uid);
}

bool
check_caller(struct call *call)
{
	if (check_is_allowed(call))
		return true;
	call_error(call, ERR_PERMISSION_DENIED, "You do not have permission to %s", call->method->denied);
	return false;
}

bool
check_modify_env(struct call *call)
{
	if (!check_caller(call))
		return false;
	if (!call->control->pid1)
		return true;
	call_error(call, ERR_PERMISSION_DENIED, "Not permissible to modify PID 1 job environment");
	return false;
}

bool
check_notify_bus(struct call *call)
{
	if (!call->control->pid1)
		return check_caller(call);
	call_error(call, ERR_PERMISSION_DENIED, "Not permissible to notify D-Bus address for PID 1");
	return false;
}

bool
check_end_session(struct call *call)
{
	if (!call->control->pid1)
		return check_caller(call);
	call_return(call);
	return false;
}
