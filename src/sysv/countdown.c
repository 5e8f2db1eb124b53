/* SPDX-License-Identifier: MIT */
#include "sysv/countdown.h"

#include <errno.h>
#include <limits.h>
#include <string.h>

#include "common/str.h"
#include "initctl/tool.h"

#define SECONDS_PER_MINUTE 60
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

/* The minute of the day that the clock shows. */
static int
shown(time_t when)
{
	struct tm local = { 0 };

	(void) localtime_r(&when, &local);
	return local.tm_hour * MINUTES_PER_HOUR + local.tm_min;
}

/* The minutes from one of the day to another, over midnight if that is how it comes. */
static int
ahead(int from, int to)
{
	return (to - from + MINUTES_PER_DAY) % MINUTES_PER_DAY;
}

/* Does the clock, which showed `last` and then `next`, leave out `wanted`? Set back it shows it again instead. */
static bool
skips(int last, int next, int wanted)
{
	int step = ahead(last, next);

	return step < MINUTES_PER_DAY / 2 && ahead(last, wanted) < step;
}

/*
 * The minutes until the clock shows `wanted`. Asked minute by minute, as days on which clocks are set for the summer
 * and back are not 24 hours long. A time that is skipped then comes with what is shown instead of it.
 */
static int
minutes_until(time_t now, int wanted)
{
	int last = shown(now);

	if (last == wanted)
		return 0;
	for (int minutes = 1; minutes < 2 * MINUTES_PER_DAY; minutes++) {
		int next = shown(now + (time_t) minutes * SECONDS_PER_MINUTE);

		if (next == wanted || skips(last, next, wanted))
			return minutes;
		last = next;
	}
	return MINUTES_PER_DAY;
}

static int
parse_clock(const char *text, time_t now, int *minutes, const char **fault)
{
	int hour, minute;

	if (!read_number(&text, 23, &hour) || *text != ':')
		return refuse(fault, N_("illegal hour value"));
	text++;
	if (!read_number(&text, 59, &minute) || *text)
		return refuse(fault, N_("illegal minute value"));
	*minutes = minutes_until(now, hour * MINUTES_PER_HOUR + minute);
	return 0;
}

int
countdown_parse(const char *text, time_t now, int *minutes, const char **fault)
{
	if (strcmp(text, "now") == 0) {
		*minutes = 0;
		return 0;
	}
	if (strchr(text, ':'))
		return parse_clock(text, now, minutes, fault);
	text += *text == '+';
	/* Seconds are counted with it later. */
	if (!read_number(&text, INT_MAX / SECONDS_PER_MINUTE, minutes) || *text)
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
