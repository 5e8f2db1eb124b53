/* SPDX-License-Identifier: MIT */
#include "sysv/countdown.h"

#include <errno.h>
#include <limits.h>
#include <string.h>

#include "common/str.h"
#include "initctl/tool.h"

#define MINUTES_PER_HOUR 60
#define MINUTES_PER_DAY (24 * MINUTES_PER_HOUR)
#define BAR_LOGINS_BELOW 6

/* Digits alone, as far as *text has them; false without any, or when it is more than `max`. */
static bool
read_number(const char **text, int max, int *value)
{
	const char *p = *text;

	for (*value = 0; *p >= '0' && *p <= '9'; p++) {
		if (*value > (max - (*p - '0')) / 10)
			return false;
		*value = *value * 10 + (*p - '0');
	}
	if (p == *text)
		return false;
	*text = p;
	return true;
}

static int
refuse(const char **fault, const char *why)
{
	*fault = why;
	return -EINVAL;
}

static int
parse_clock(const char *text, const struct tm *now, int *minutes, const char **fault)
{
	int hour, minute, left;

	if (!read_number(&text, 23, &hour) || *text != ':')
		return refuse(fault, N_("illegal hour value"));
	text++;
	if (!read_number(&text, 59, &minute) || *text)
		return refuse(fault, N_("illegal minute value"));
	left = (hour - now->tm_hour) * MINUTES_PER_HOUR + minute - now->tm_min;
	*minutes = left < 0 ? left + MINUTES_PER_DAY : left;
	return 0;
}

int
countdown_parse(const char *text, const struct tm *now, int *minutes, const char **fault)
{
	if (strcmp(text, "now") == 0) {
		*minutes = 0;
		return 0;
	}
	if (strchr(text, ':'))
		return parse_clock(text, now, minutes, fault);
	text += *text == '+';
	/* Seconds are counted with it later. */
	if (!read_number(&text, INT_MAX / 60, minutes) || *text)
		return refuse(fault, N_("illegal time value"));
	return 0;
}

bool
countdown_is_told(int minutes)
{
	return minutes < 10 || (minutes < 60 && minutes % 15 == 0) || (minutes < 180 && minutes % 30 == 0) ||
	       minutes % 60 == 0;
}

bool
countdown_bars_logins(int minutes)
{
	return minutes < BAR_LOGINS_BELOW;
}

char *
countdown_warning(const char *what, int minutes, const char *message)
{
	const char *end = *message ? "\r\n" : "";

	if (minutes == 0)
		return str_printf(_("\rThe system is going down for %s NOW!\r\n%s%s"), what, message, end);
	return str_printf(ngettext("\rThe system is going down for %s in %d minute!\r\n%s%s",
				   "\rThe system is going down for %s in %d minutes!\r\n%s%s", (unsigned long) minutes),
			  what, minutes, message, end);
}
