/* SPDX-License-Identifier: MIT */
#include "initctl/log_time.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "common/log_file.h"
#include "common/str.h"

#define STAMP_SECONDS ((size_t) 19) /* length of "YYYY-MM-DDTHH:MM:SS" */
#define DAY ((usec_t) 24 * 3600)    /* seconds */

/* Seconds since 1970 of a broken-down time that exists: not of 31 February. */
static bool
to_seconds(struct tm *tm, bool utc, time_t *seconds)
{
	struct tm same = *tm;

	*seconds = utc ? timegm(&same) : mktime(&same);
	return *seconds >= 0 && same.tm_mday == tm->tm_mday && same.tm_mon == tm->tm_mon;
}

/* "HH:MM" or "HH:MM:SS"; how many characters that are, 0: it is no such thing. */
static int
read_clock(const char *text, struct tm *tm)
{
	unsigned hour, minute, second = 0;
	int n = 0, m = 0;

	if (sscanf(text, "%2u:%2u%n", &hour, &minute, &n) < 2 || n != 5)
		return 0;
	if (text[n] == ':' && (sscanf(text + n, ":%2u%n", &second, &m) < 1 || m != 3))
		return 0;
	if (hour > 23 || minute > 59 || second > 60)
		return 0;
	tm->tm_hour = (int) hour;
	tm->tm_min = (int) minute;
	tm->tm_sec = (int) second;
	return n + m;
}

/* "YYYY-MM-DD", then the end, or a blank or T and the time of day; then perhaps Z. */
static bool
read_date(const char *text, usec_t *when)
{
	unsigned year, month, day;
	struct tm tm = { .tm_isdst = -1 };
	time_t seconds;
	bool utc;
	int n = 0;

	if (sscanf(text, "%4u-%2u-%2u%n", &year, &month, &day, &n) < 3 || n != 10 || month < 1 || day < 1 ||
	    month > 12 || day > 31)
		return false;
	tm.tm_year = (int) year - 1900;
	tm.tm_mon = (int) month - 1;
	tm.tm_mday = (int) day;
	text += n;
	if (*text == ' ' || *text == 'T') {
		n = read_clock(text + 1, &tm);
		if (n == 0)
			return false;
		text += 1 + n;
	}
	utc = *text == 'Z';
	if (text[utc ? 1 : 0] != '\0' || !to_seconds(&tm, utc, &seconds))
		return false;
	*when = (usec_t) seconds * USEC_PER_SEC;
	return true;
}

/* A time of the day that `now` is in, `days` before it. */
static bool
at_day(usec_t now, int days, const char *clock, usec_t *when)
{
	time_t seconds = (time_t) (now / USEC_PER_SEC);
	struct tm tm;

	if (localtime_r(&seconds, &tm) == NULL)
		return false;
	tm.tm_hour = tm.tm_min = tm.tm_sec = 0;
	tm.tm_isdst = -1;
	tm.tm_mday -= days;
	if (clock != NULL && clock[read_clock(clock, &tm)] != '\0')
		return false;
	seconds = mktime(&tm);
	*when = (usec_t) seconds * USEC_PER_SEC;
	return seconds >= 0;
}

/* Seconds that a unit stands for, 0: there is no such unit. */
static usec_t
unit_seconds(const char *unit)
{
	static const struct {
		char letter;
		usec_t seconds;
	} units[] = { { 's', 1 }, { 'm', 60 }, { 'h', 3600 }, { 'd', DAY }, { 'w', 7 * DAY } };

	for (size_t i = 0; i < ARRAY_SIZE(units); i++)
		if (unit[0] == units[i].letter && unit[1] == '\0')
			return units[i].seconds;
	return 0;
}

/* "@SECONDS", or a number and a unit. */
static bool
read_number(const char *text, usec_t now, usec_t *when)
{
	bool absolute = *text == '@';
	unsigned long long value;
	usec_t unit;
	char *end;

	text += absolute ? 1 : 0;
	if (*text < '0' || *text > '9')
		return false;
	errno = 0;
	value = strtoull(text, &end, 10);
	unit = absolute ? (*end == '\0' ? 1 : 0) : unit_seconds(end);
	if (errno != 0 || unit == 0 || value > UINT64_MAX / USEC_PER_SEC / unit)
		return false;
	value *= unit * USEC_PER_SEC;
	*when = absolute ? value : value < now ? now - value : 0;
	return true;
}

bool
log_time_parse(const char *text, usec_t now, usec_t *when)
{
	*when = now;
	if (strcmp(text, "now") == 0)
		return true;
	if (strcmp(text, "today") == 0)
		return at_day(now, 0, NULL, when);
	if (strcmp(text, "yesterday") == 0)
		return at_day(now, 1, NULL, when);
	return read_number(text, now, when) || read_date(text, when) ||
	       (strchr(text, ':') != NULL && at_day(now, 0, text, when));
}

bool
log_time_of_line(const char *p, size_t n, usec_t *when)
{
	char text[STAMP_SECONDS + sizeof("Z")];
	usec_t scale = USEC_PER_SEC;
	size_t i = STAMP_SECONDS + 1;

	if (n > sizeof(LOG_JSON_BEGIN) - 1 && memcmp(p, LOG_JSON_BEGIN, sizeof(LOG_JSON_BEGIN) - 1) == 0) {
		p += sizeof(LOG_JSON_BEGIN) - 1;
		n -= sizeof(LOG_JSON_BEGIN) - 1;
	}
	if (n <= i || p[STAMP_SECONDS] != '.' || p[STAMP_SECONDS - sizeof("HH:MM:SS")] != 'T')
		return false;
	memcpy(text, p, STAMP_SECONDS);
	text[STAMP_SECONDS] = 'Z';
	text[STAMP_SECONDS + 1] = '\0';
	if (!read_date(text, when))
		return false;
	for (; i < n && p[i] >= '0' && p[i] <= '9'; i++)
		*when += (usec_t) (p[i] - '0') * (scale /= 10);
	return i > STAMP_SECONDS + 1 && i < n && p[i] == 'Z';
}
