/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * The Gregorian calendar: days, dates and days of the week, for any year. Pure arithmetic.
 *
 * Local time is counted as the seconds since 1970-01-01 00:00:00 that a clock on the wall would have counted had it
 * never been put forward or back; what instant that is only a zone can tell.
 */

#include <stdint.h>

#define SECONDS_PER_DAY INT64_C(86400)

struct civil {
	int year, month, day; /* month and day count from 1 */
	int hour, minute, second;
};

/* Days from 1970-01-01 to the date; the month may be 13, the day anything. */
int64_t civil_days(int64_t year, int month, int day);
/* Local seconds of the date and time. */
int64_t civil_seconds(const struct civil *c);
void civil_from_seconds(struct civil *c, int64_t seconds);
/* Monday is 0. */
int civil_weekday(int64_t days);
int civil_month_length(int64_t year, int month);
/* Quotient and remainder that round down. */
int64_t civil_floor_div(int64_t a, int64_t b);
