/* SPDX-License-Identifier: MIT */
#include "rig.h"

#include "schedule/civil.h"
#include "unit.h"

/* The smallest file there is: a type, no change, and the rule. Returns its size. */
static size_t
make_file(unsigned char bytes[512], const char *rule)
{
	unsigned char *p = bytes;

	memset(bytes, 0, 512);
	for (int i = 0; i < 2; i++) {
		memcpy(p, "TZif2", 5);
		p[39] = 1; /* types */
		p[43] = 4; /* characters */
		memcpy(p + 44 + 6, "LMT", 4);
		p += 44 + 6 + 4;
	}
	p += sprintf((char *) p, "\n%s\n", rule);
	return (size_t) (p - bytes);
}

struct zone *
rig_zone(const char *rule)
{
	unsigned char bytes[512];
	size_t size = make_file(bytes, rule);
	struct zone *zone = NULL;

	if (zone_parse(&zone, bytes, size) < 0)
		fail_msg("not a rule: %s", rule);
	return zone;
}

int64_t
rig_local(const char *text)
{
	struct civil c = { 0 };

	assert_int_equal(sscanf(text, "%d-%d-%d %d:%d:%d", &c.year, &c.month, &c.day, &c.hour, &c.minute, &c.second), 6);
	return civil_seconds(&c);
}
