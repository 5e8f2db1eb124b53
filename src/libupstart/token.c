/* SPDX-License-Identifier: MIT */
#include "libupstart/client.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

int
client_token(char token[TOKEN_SIZE], struct upstart_error *err)
{
	unsigned char bytes[TOKEN_BYTES];

	if (getentropy(bytes, sizeof(bytes)) < 0)
		return client_error(err, -errno, DBUS_ERROR_FAILED, strerror(errno));
	for (size_t i = 0; i < sizeof(bytes); i++)
		(void) snprintf(token + 2 * i, 3, "%02x", (unsigned int) bytes[i]);
	return 0;
}
