/* SPDX-License-Identifier: MIT */
#include "libupstart/client.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* What an error says when there is no memory to say it with; never freed. */
static char nomem_name[] = DBUS_ERROR_NO_MEMORY;
static char nomem_text[] = "Out of Memory";

void
upstart_error_clear(struct upstart_error *err)
{
	if (err->name != nomem_name)
		free(err->name);
	if (err->text != nomem_text)
		free(err->text);
	*err = (struct upstart_error) UPSTART_ERROR_INIT;
}

bool
upstart_error_is(const struct upstart_error *err, const char *name)
{
	return err->name && strcmp(err->name, name) == 0;
}

int
client_nomem(struct upstart_error *err)
{
	if (err) {
		upstart_error_clear(err);
		err->name = nomem_name;
		err->text = nomem_text;
	}
	return -ENOMEM;
}

int
client_error(struct upstart_error *err, int code, const char *name, const char *text)
{
	char *new_name, *new_text;

	if (!err)
		return code;
	new_name = strdup(name);
	new_text = strdup(text);
	if (!new_name || !new_text) {
		free(new_name);
		free(new_text);
		return client_nomem(err);
	}
	upstart_error_clear(err);
	err->name = new_name;
	err->text = new_text;
	return code;
}

int
client_error_move(int r, struct upstart_error *ours, struct upstart_error *err)
{
	if (r == 0 || !err) {
		upstart_error_clear(ours);
		if (err)
			upstart_error_clear(err);
		return r;
	}
	upstart_error_clear(err);
	*err = *ours;
	*ours = (struct upstart_error) UPSTART_ERROR_INIT;
	return r;
}

bool
client_fall_back(const struct upstart *u, int r, struct upstart_error *ours, struct upstart_error *err)
{
	/* Sent twice, the first may have been understood: the older way could do it again. */
	if (r == -EREMOTEIO && !u->resent && upstart_error_is(ours, DBUS_ERROR_UNKNOWN_METHOD)) {
		upstart_error_clear(ours);
		return true;
	}
	(void) client_error_move(r, ours, err);
	return false;
}
