/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * Errors that a user can cause, made where the knowledge is.
 *
 * Functions return 0 or a negative errno; those whose failure a user must read
 * take a last parameter `struct error *err`, never NULL, and fill it. The text
 * is kept in place, so that reporting "out of memory" needs none.
 */

#include <stdbool.h>

#include "common/macros.h"

#define ERROR_TEXT_MAX 1024

/* Names as clients see them on D-Bus (control.md section 8). */
#define ERR_PREFIX "com.ubuntu.Upstart0_6.Error."
#define ERR_PERMISSION_DENIED ERR_PREFIX "PermissionDenied"
#define ERR_UNKNOWN_JOB ERR_PREFIX "UnknownJob"
#define ERR_UNKNOWN_INSTANCE ERR_PREFIX "UnknownInstance"
#define ERR_UNKNOWN_JOB_INSTANCE ERR_PREFIX "UnknownJobInstance"
#define ERR_ALREADY_STARTED ERR_PREFIX "AlreadyStarted"
#define ERR_ALREADY_STOPPED ERR_PREFIX "AlreadyStopped"
#define ERR_CONDITION_NOT_MET ERR_PREFIX "ConditionNotMet"
#define ERR_JOB_FAILED ERR_PREFIX "JobFailed"
#define ERR_NOT_RUNNING ERR_PREFIX "NotRunning"
#define ERR_EVENT_FAILED ERR_PREFIX "EventFailed"
#define ERR_QUARANTINED ERR_PREFIX "Quarantined"
#define ERR_NOT_QUARANTINED ERR_PREFIX "NotQuarantined"
#define ERR_INVALID_ARGS "org.freedesktop.DBus.Error.InvalidArgs"
#define ERR_LIMITS "org.freedesktop.DBus.Error.LimitsExceeded"
#define ERR_NO_MEMORY "org.freedesktop.DBus.Error.NoMemory"
#define ERR_FAILED "org.freedesktop.DBus.Error.Failed"

struct error {
	int code;         /* negative errno; 0 = no error */
	const char *name; /* static D-Bus error name, or NULL */
	char text[ERROR_TEXT_MAX];
};

#define ERROR_INIT { 0 }

/*
 * Fill `err` and return `code`, so that a caller can write
 * `return error_set(err, -EINVAL, ERR_INVALID_ARGS, "...")`.
 * `name` must be a string constant or NULL. Too long a text is cut.
 */
int error_set(struct error *err, int code, const char *name, const char *fmt, ...) printf_like(4, 5);

/* Is that negative errno a want of memory, descriptors or processes, or of a moment: is another try worth it? */
bool error_is_want(int r);

/* The result of writing to an anonymous file: the kernel calls it a lack of space when it has no memory for that. */
int error_of_memfile(int r);

/* error_set() for -ENOMEM with the catalogue's text. Returns -ENOMEM. */
int error_nomem(struct error *err);
