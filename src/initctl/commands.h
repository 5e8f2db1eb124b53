/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * Every command there is, in the order of `initctl help`: the only list of them. Each is a `const struct command` in
 * the file of its name.
 */

#include "initctl/initctl.h"

/* clang-format off */
#define COMMANDS(X)                   \
	X(start)                      \
	X(stop)                       \
	X(restart)                    \
	X(reload)                     \
	X(reset)                      \
	X(status)                     \
	X(list)                       \
	X(tree)                       \
	X(top)                        \
	X(explain)                    \
	X(list_timers)                \
	X(log)                        \
	X(emit)                       \
	X(plan)                       \
	X(monitor)                    \
	X(set_state)                  \
	X(clear_state)                \
	X(list_states)                \
	X(get_env)                    \
	X(set_env)                    \
	X(unset_env)                  \
	X(list_env)                   \
	X(reset_env)                  \
	X(reload_configuration)       \
	X(version)                    \
	X(last_shutdown)              \
	X(log_priority)               \
	X(show_config)                \
	X(check_config)               \
	X(graph)                      \
	X(chart)                      \
	X(report)                     \
	X(usage)                      \
	X(notify_disk_writeable)      \
	X(notify_dbus_address)        \
	X(notify_cgroup_manager_address) \
	X(list_sessions)              \
	X(help)
/* clang-format on */

#define X(name) extern const struct command command_##name;
COMMANDS(X)
#undef X

/* -n of the commands that wait; -g of those about the environment. */
#define OPTION_NO_WAIT(text) \
	{ 'n', "no-wait", NULL, text, OPTION_FLAG, offsetof(struct initctl, no_wait) }
#define OPTION_GLOBAL(text) \
	{ 'g', "global", NULL, text, OPTION_FLAG, offsetof(struct initctl, global) }
#define OPTION_JSON \
	{ 0, "json", NULL, N_("print JSON"), OPTION_FLAG, offsetof(struct initctl, json) }
