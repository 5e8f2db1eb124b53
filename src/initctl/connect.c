/* SPDX-License-Identifier: MIT */
/*
 * Which init is meant.
 */
#include "initctl/initctl.h"
#include "initctl/commands.h"

const struct option_spec options_global[] = {
	{ 0, "user", NULL, N_("use the init of this session, named by $UPSTART_SESSION"), OPTION_FLAG,
	  offsetof(struct initctl, user) },
	{ 0, "session", NULL, N_("use the D-Bus session bus"), OPTION_FLAG, offsetof(struct initctl, session) },
	{ 0, "system", NULL, N_("use the D-Bus system bus"), OPTION_FLAG, offsetof(struct initctl, system) },
	{ 0, "dest", "NAME", N_("name of init on the bus"), OPTION_VALUE, offsetof(struct initctl, dest) },
	OPTIONS_END,
};

const struct option_spec options_none[] = { OPTIONS_END };
const struct option_spec options_json[] = { OPTION_JSON, OPTIONS_END };

bool
initctl_is_user(const struct initctl *ctl)
{
	const char *address = getenv("UPSTART_SESSION");

	return ctl->user || (address && *address && !ctl->system && !ctl->session);
}

static int
connected(struct initctl *ctl, int r, struct upstart_error *err, const char *to_what)
{
	if (r == 0)
		return EXIT_SUCCESS;
	tool_error(&ctl->tool, _("Unable to connect to %s: %s"), to_what, err->text);
	upstart_error_clear(err);
	return EXIT_FAILURE;
}

int
initctl_connect(struct initctl *ctl)
{
	struct upstart_error err = UPSTART_ERROR_INIT;
	const char *address = NULL;
	int r;

	if (initctl_is_user(ctl)) {
		address = getenv("UPSTART_SESSION");
		if (!address) {
			tool_error(&ctl->tool, _("UPSTART_SESSION isn't set in the environment. "
						 "Unable to locate the Upstart instance."));
			return EXIT_FAILURE;
		}
	} else if (ctl->system || ctl->session || getuid() != 0) {
		enum upstart_transport bus = ctl->session && !ctl->system ? UPSTART_SESSION_BUS : UPSTART_SYSTEM_BUS;

		r = upstart_connect(&ctl->upstart, bus, ctl->dest, &err);
		return connected(ctl, r, &err, bus == UPSTART_SESSION_BUS ? _("session bus") : _("system bus"));
	} else if (ctl->dest) {
		return tool_misuse(&ctl->tool, _("--dest given without --system"));
	}
	r = upstart_connect(&ctl->upstart, UPSTART_PRIVATE, address, &err);
	return connected(ctl, r, &err, "Upstart");
}

int
initctl_failed(const struct initctl *ctl, struct upstart_error *err)
{
	tool_error(&ctl->tool, "%s", err->text);
	upstart_error_clear(err);
	return EXIT_FAILURE;
}
