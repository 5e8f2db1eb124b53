/* SPDX-License-Identifier: MIT */
#include "common/error.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>

int
error_set(struct error *err, int code, const char *name, const char *fmt, ...)
{
	va_list args;

	err->code = code;
	err->name = name;
	va_start(args, fmt);
	if (vsnprintf(err->text, sizeof(err->text), fmt, args) < 0)
		err->text[0] = '\0';
	va_end(args);
	return code;
}

bool
error_is_want(int r)
{
	return r == -ENOMEM || r == -EMFILE || r == -ENFILE || r == -EAGAIN;
}

int
error_of_memfile(int r)
{
	return r == -ENOSPC ? -ENOMEM : r;
}

int
error_nomem(struct error *err)
{
	return error_set(err, -ENOMEM, ERR_NO_MEMORY, "Out of Memory");
}
