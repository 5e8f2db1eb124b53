/* SPDX-License-Identifier: MIT */
/*
 * upstart-time-bridge: the clock, for jobs that start on, stop on or run while `time` says so. See time-event(7).
 *
 * It sleeps until the first of its timers is due: no tick, and with nothing to wait for no timer at all.
 */
#include "bridges/time_bridge.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "common/log.h"

/* The clock shows nonsense if it is before this, the release of this program: 2026-11-01. */
#define RELEASE_TIME INT64_C(1793491200)

static const struct option_spec time_bridge_options[] = {
	{ 0, "crontab", "FILE", N_("run what stands in FILE, or in the files of a folder, like cron(8)"), OPTION_LIST,
	  offsetof(struct time_bridge, crontabs) },
	{ 0, "runtime-dir", "DIR", N_("keep what must survive a restart of the bridge here"), OPTION_VALUE,
	  offsetof(struct time_bridge, runtime_dir) },
	{ 0, "state-dir", "DIR", N_("keep what must survive a restart of the machine here"), OPTION_VALUE,
	  offsetof(struct time_bridge, state_dir) },
	{ 0, "user-crontab", "FILE", N_("the same of a file whose name is the user's, with no users in its lines"), OPTION_LIST,
	  offsetof(struct time_bridge, user_crontabs) },
	OPTIONS_END,
};

static const struct option_spec *const tables[] = {
	time_bridge_options, bridge_options_user, bridge_options_common, options_common, NULL,
};

static const struct tool_help help = {
	.command = "",
	.operands = "",
	.summary = N_("Emit the event time for jobs when it is time."),
	.text = N_("What a job waits for it says in its own file, as in `start on time CRON=\"0 3 * * *\"'; time-event(7) has all "
		   "forms."),
	.tables = tables,
};

/* -- the loop ------------------------------------------------------------------ */

static void
arm_clocks(struct time_bridge *tb)
{
	for (unsigned i = 0; i < TIMERS_CLOCKS; i++)
		clocks_arm(tb->clocks, (enum timers_clock) i, timers_next(&tb->timers, (enum timers_clock) i));
}

/* After anything has happened: do what is due, and wait for what is next. */
static void
go_on(struct time_bridge *tb)
{
	struct timers_now now;

	if (!tb->running)
		return;
	clocks_read(&now);
	timers_run(&tb->timers, &now);
	if (tb->windows_changed)
		time_emit_windows(tb);
	if (tb->timers.failed && !tb->unwritable)
		log_warn("Unable to write %s or %s: what happened is not remembered", tb->places.ledger, tb->places.durable);
	tb->unwritable = tb->timers.failed;
	tb->timers.failed = false;
	arm_clocks(tb);
}

static void
due_cb(void *data)
{
	go_on(data);
}

static void
set_cb(void *data)
{
	struct time_bridge *tb = data;
	struct timers_now now;

	log_message("The clock was set");
	clocks_read(&now);
	timers_clock_set(&tb->timers, &now);
	go_on(tb);
}

static void
zone_cb(void *data)
{
	struct time_bridge *tb = data;
	struct error err = ERROR_INIT;
	struct timers_now now;

	log_info("The time zone has changed");
	zones_reload(&tb->zones);
	for (struct timer *timer = tb->timers.list; timer; timer = timer->next)
		timer->zone = zones_get(&tb->zones, timer->schedule.zone, &err);
	clocks_read(&now);
	timers_clock_set(&tb->timers, &now);
	go_on(tb);
}

static const struct clocks_ops clocks_ops = { due_cb, set_cb, zone_cb };

/* -- what timers do --------------------------------------------------------------- */

static void
fire_cb(void *data, struct timer *timer, const struct timers_entry *entry, int64_t scheduled, bool late)
{
	time_emit(data, timer, entry, scheduled, late);
}

static void
skipped_cb(void *data, struct timer *timer, int64_t scheduled)
{
	const struct want *want = timer->data;
	char then[SCHEDULE_TIME_MAX];

	log_message("%s: the machine slept at %s: the run is skipped", want->job,
		    schedule_time(then, timer->zone, scheduled));
}

static void
window_cb(void *data, struct timer *timer)
{
	struct time_bridge *tb = data;

	tb->windows_changed = true;
}

static void
gone_cb(void *data, struct timer *timer)
{
	timer->data = want_free(timer->data);
}

static const struct timers_ops timers_ops = { fire_cb, skipped_cb, window_cb, gone_cb };

/* -- what init tells ----------------------------------------------------------------- */

static void
jobs_changed(struct bridge *bridge, void *data)
{
	struct time_bridge *tb = data;

	time_wants_update(tb);
	log_debug("%zu timers", map_count(&tb->timers.by_key));
	tb->running = true;
	go_on(tb);
	tb->timers.settled = tb->timers.settled || time_crontab_is_known(tb->crontab);
}

/* File systems are there now that were not: records of times before may be, too. */
static void
read_durable(struct time_bridge *tb)
{
	struct timers_now now;

	if (tb->durable.changed != 0 || ledger_reread(&tb->durable) < 0 || tb->durable.changed == 0)
		return;
	clocks_read(&now);
	timers_recall(&tb->timers, &now);
}

static void
event_cb(struct bridge *bridge, void *data, const char *name, char *const *env)
{
	struct time_bridge *tb = data;

	if (strcmp(name, SCHEDULE_EVENT) == 0)
		return;
	/* Also while it is not known yet what the jobs ask for: it comes but once. */
	if (strcmp(name, "filesystem") == 0) {
		read_durable(tb);
		time_crontab_mounted(tb->crontab);
	}
	if (!tb->running)
		return;
	time_wants_event(tb, name, env);
	time_emit_pending(tb, name, env);
	go_on(tb);
}

static void
up_cb(struct bridge *bridge, void *data)
{
	struct time_bridge *tb = data;

	if (tb->running)
		time_emit_windows(tb);
}

/* -- life -------------------------------------------------------------------------------- */

static void
read_machine(char buffer[40])
{
	FILE *file = fopen("/etc/machine-id", "re");

	if (!file || !fgets(buffer, 40, file))
		(void) gethostname(buffer, 40);
	buffer[39] = '\0';
	buffer[strcspn(buffer, "\n")] = '\0';
	if (file)
		(void) fclose(file);
}

static int
open_ledger(struct ledger *ledger, const char *path, const char *boot, bool durable, struct error *err)
{
	int r = ledger_open(ledger, path, boot, durable);

	if (r == -ENOMEM)
		return error_nomem(err);
	if (r < 0)
		log_warn("Unable to read %s: %s", path, strerror(-r));
	return 0;
}

static int
bridge_open(struct bridge *bridge, void *data, struct error *err)
{
	static char everything[] = "*";
	static char *allow[] = { everything, NULL };
	struct time_bridge *tb = data;
	struct timers_now now;
	int r;

	tb->bridge = bridge;
	tb->ledger.fd = tb->durable.fd = -1;
	/* What we send is what a job file of this init says. */
	bridge_filter(bridge)->allow = allow;
	r = places_find(&tb->places, tb->common.user ? bridge_address(bridge) : NULL, tb->runtime_dir, tb->state_dir, err);
	if (r == 0)
		r = open_ledger(&tb->ledger, tb->places.ledger, tb->places.boot, false, err);
	if (r == 0)
		r = open_ledger(&tb->durable, tb->places.durable, tb->places.boot, true, err);
	if (r < 0)
		return r;
	read_machine(tb->machine);
	clocks_read(&now);
	timers_init(&tb->timers, &timers_ops, tb, &tb->ledger, &tb->durable, &now);
	tb->timers.started = tb->places.started;
	tb->timers.plausible = tb->durable.changed > RELEASE_TIME ? tb->durable.changed : RELEASE_TIME;
	tb->clocks = clocks_new(bridge_base(bridge), &clocks_ops, tb, err);
	if (tb->clocks)
		tb->crontab = time_crontab_new(tb, err);
	return tb->crontab ? 0 : err->code;
}

static void
bridge_close(struct bridge *bridge, void *data)
{
	struct time_bridge *tb = data;

	tb->closing = true;
	tb->running = false;
	tb->crontab = time_crontab_free(tb->crontab);
	tb->clocks = clocks_free(tb->clocks);
	timers_deinit(&tb->timers);
	zones_deinit(&tb->zones);
	ledger_close(&tb->ledger);
	ledger_close(&tb->durable);
	places_deinit(&tb->places);
	tb->faults = strv_free(tb->faults);
}

static const struct bridge_program program = {
	.help = &help,
	.filter = FILTER_DOTS | FILTER_JOBS,
	.details = true,
	.open = bridge_open,
	.close = bridge_close,
	.jobs_changed = jobs_changed,
	.event = event_cb,
	.up = up_cb,
};

int
main(int argc, char **argv)
{
	struct time_bridge tb = { 0 };

	int status = bridge_main(argc, argv, &program, &tb);

	(void) strv_free(tb.crontabs);
	(void) strv_free(tb.user_crontabs);
	return status;
}
