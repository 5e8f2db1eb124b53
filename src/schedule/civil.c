/* SPDX-License-Identifier: MIT */
/*
 * A year is taken to begin in March, so that the leap day is its last; then months are 153 days in five, years 1461 in
 * four, and so on, and no table is needed. 1970-01-01 lies 719468 days after the first of March of the year 0.
 */
#include "schedule/civil.h"

#include <stdbool.h>

#define DAYS_TO_1970 INT64_C(719468)
#define DAYS_PER_ERA INT64_C(146097) /* 400 years */

int64_t
civil_floor_div(int64_t a, int64_t b)
{
	return a / b - (a % b < 0);
}

int64_t
civil_days(int64_t year, int month, int day)
{
	int64_t y = month <= 2 ? year - 1 : year;
	int64_t era = civil_floor_div(y, 400);
	int64_t of_era = y - era * 400;
	int64_t of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;

	return era * DAYS_PER_ERA + of_era * 365 + of_era / 4 - of_era / 100 + of_year - DAYS_TO_1970;
}

int64_t
civil_seconds(const struct civil *c)
{
	return civil_days(c->year, c->month, c->day) * SECONDS_PER_DAY + c->hour * 3600 + c->minute * 60 + c->second;
}

void
civil_from_seconds(struct civil *c, int64_t seconds)
{
	int64_t days = civil_floor_div(seconds, SECONDS_PER_DAY);
	int rest = (int) (seconds - days * SECONDS_PER_DAY);
	int64_t z = days + DAYS_TO_1970;
	int64_t era = civil_floor_div(z, DAYS_PER_ERA);
	int64_t of_era = z - era * DAYS_PER_ERA;
	int64_t year = (of_era - of_era / 1460 + of_era / 36524 - of_era / 146096) / 365;
	int64_t of_year = of_era - (365 * year + year / 4 - year / 100);
	int month = (int) ((5 * of_year + 2) / 153);

	c->day = (int) (of_year - (153 * month + 2) / 5 + 1);
	c->month = month < 10 ? month + 3 : month - 9;
	c->year = (int) (year + era * 400) + (c->month <= 2);
	c->hour = rest / 3600;
	c->minute = rest / 60 % 60;
	c->second = rest % 60;
}

int
civil_weekday(int64_t days)
{
	int64_t d = (days + 3) % 7; /* 1970-01-01 was a Thursday */

	return (int) (d < 0 ? d + 7 : d);
}

int
civil_month_length(int64_t year, int month)
{
	bool leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);

	if (month == 2)
		return leap ? 29 : 28;
	return month == 4 || month == 6 || month == 9 || month == 11 ? 30 : 31;
}
