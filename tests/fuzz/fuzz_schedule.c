/* SPDX-License-Identifier: MIT */
/*
 * The words of a `time` condition, one a line, the first byte choosing event or state; a file of a zone, which
 * begins with "TZif"; and a crontab, which begins with "#", or with "##" if its lines have users. Whatever is taken
 * must have a next time that lies ahead, and keep to it.
 */
#include <errno.h>
#include <string.h>

#include "schedule/crontab.h"
#include "schedule/schedule.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
check(bool ok)
{
	if (!ok)
		__builtin_trap();
}

static void
ask_zone(const struct zone *zone)
{
	static const int64_t times[] = { INT64_MIN / 2, -4000000000, 0, 1711846799, 1711846800, 4102444800, 253402300799 };

	for (size_t i = 0; i < ARRAY_SIZE(times); i++) {
		struct zone_span span;
		int64_t first;

		zone_at(zone, times[i], &span);
		check(span.from <= times[i] && times[i] < span.until);
		if (zone_instants(zone, times[i] + span.offset, &first) > 0)
			check(first <= times[i]);
	}
}

static void
ask_schedule(const struct schedule *s, const struct zone *zone)
{
	int64_t t = 1711750000, next;

	if (s->kind == SCHEDULE_EVERY || s->kind == SCHEDULE_AFTER)
		return;
	for (unsigned i = 0; i < 4; i++, t = next) {
		next = schedule_next(s, zone, t);
		check(next > t);
		if (next == CALENDAR_NEVER)
			break;
		/* There is nothing in between. */
		check(schedule_next(s, zone, t + (next - t) / 2) == next || (next - t) / 2 == next - t);
	}
	if (s->kind == SCHEDULE_BETWEEN) {
		(void) schedule_window(s, zone, t, &next);
		check(next > t);
	}
}

static void
read_words(char *text, const struct zone *zone)
{
	struct schedule_error why = { 0 };
	struct schedule s;
	char *words[64];
	size_t n = 0;
	bool state = *text == 's';
	int r;

	for (char *p = text + (*text != '\0'), *word; n < 63 && (word = strsep(&p, "\n")) != NULL;)
		words[n++] = word;
	words[n] = NULL;
	r = schedule_read(&s, words, state, &why);
	check(r == 0 || r == -EINVAL);
	if (r < 0) {
		check(why.text[0] != '\0' && why.word <= n);
		check(why.word == n ? why.offset == 0 : why.offset <= strlen(words[why.word]));
		return;
	}
	ask_schedule(&s, zone);
	schedule_deinit(&s);
}

/* -- crontabs ---------------------------------------------------------------------- */

struct seen {
	const uint8_t *data;
	size_t size;
	unsigned line;
};

static int
entry_cb(void *data, const struct crontab_entry *entry)
{
	struct seen *seen = data;
	struct schedule_error why = { 0 };
	struct schedule s;

	check(entry->line > seen->line && entry->command[0] != '\0' && strchr(entry->command, '\n') == NULL);
	seen->line = entry->line;
	check(schedule_read(&s, entry->words, false, &why) == 0);
	schedule_deinit(&s);
	return 0;
}

static void
fault_cb(void *data, unsigned line, size_t column, const char *text)
{
	const struct seen *seen = data;

	check(line > 0 && column > 0 && column <= seen->size + 1 && text[0] != '\0');
}

static void
read_crontab(const uint8_t *data, size_t size)
{
	static const struct crontab_ops ops = { entry_cb, fault_cb };
	struct seen seen = { data, size, 0 };

	check(crontab_read((struct span) { (const char *) data, size }, size > 1 && data[1] == '#', &ops, &seen) == 0);
}

/* Asia/Kolkata is simple enough to be written here. */
static struct zone *
some_zone(void)
{
	static struct zone *zone;

	if (!zone)
		zone = zone_fixed(19800);
	check(zone != NULL);
	return zone;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct zone *zone = NULL;
	char *text;

	if (size >= 4 && memcmp(data, "TZif", 4) == 0) {
		if (zone_parse(&zone, data, size) == 0)
			ask_zone(zone);
		(void) zone_free(zone);
		return 0;
	}
	if (size > 0 && data[0] == '#') {
		read_crontab(data, size);
		return 0;
	}
	text = malloc(size + 1);
	check(text != NULL);
	memcpy(text, data, size);
	text[size] = '\0';
	read_words(text, some_zone());
	free(text);
	return 0;
}
