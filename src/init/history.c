/* SPDX-License-Identifier: MIT */
#include "init/history.h"

#include "common/json.h"
#include "core/explain.h"
#include "system/clock.h"

static void
put_time(struct strbuf *b, const char *key, usec_t began, usec_t at)
{
	if (at == 0)
		json_put_null(b, key);
	else
		json_put_seconds(b, key, at > began ? at - began : 0);
}

static void
put_number(struct strbuf *b, const char *key, uint64_t number)
{
	if (number == 0)
		json_put_null(b, key);
	else
		json_put_number(b, key, (int64_t) number);
}

static const char *
failed_text(const struct core_run *run)
{
	if (!run->failed)
		return NULL;
	if (run->failed_kind == CORE_FAILED_RESPAWN)
		return "respawn";
	return process_kind_name((enum process_kind) run->failed_kind);
}

static void
put_run(struct strbuf *b, const struct core_run *run, usec_t began)
{
	static const char *const whys[] = {
		[CORE_RUN_UNKNOWN] = "unknown", [CORE_RUN_EVENT] = "event",	[CORE_RUN_WHILE] = "while",
		[CORE_RUN_REQUEST] = "request", [CORE_RUN_RESPAWN] = "respawn",
	};

	json_begin_object(b, NULL);
	json_put_number(b, "run", (int64_t) run->number);
	json_put_string(b, "job", run->job);
	json_put_string(b, "instance", run->instance);
	json_put_bool(b, "task", run->task);
	json_put_string(b, "why", run->why < CORE_RUN_WHY_COUNT ? whys[run->why] : whys[CORE_RUN_UNKNOWN]);
	put_number(b, "by", run->by);
	json_put_string(b, "event", run->event);
	put_number(b, "event_id", run->event_id);
	put_time(b, "event_at", began, run->event_at);
	put_time(b, "asked", began, run->asked);
	put_time(b, "starting", began, run->starting);
	put_number(b, "starting_event", run->starting_event);
	put_time(b, "begun", began, run->begun);
	put_time(b, "main", began, run->main);
	put_time(b, "main_ready", began, run->main_ready);
	put_time(b, "ready", began, run->ready);
	put_time(b, "stopping", began, run->stopping);
	put_time(b, "gone", began, run->gone);
	json_put_string(b, "failed", failed_text(run));
	json_end_object(b);
}

char *
history_json(struct init *init)
{
	struct strbuf b = STRBUF_INIT;
	struct core_history history;

	core_history(init->core, &history);
	json_begin_object(&b, NULL);
	json_put_seconds(&b, "began", history.began);
	put_time(&b, "startup", history.began, history.startup);
	put_time(&b, "now", history.began, clock_now());
	json_put_number(&b, "dropped", (int64_t) history.dropped);
	json_begin_array(&b, "runs");
	for (const struct core_run *run = history.runs; run != NULL; run = run->next)
		put_run(&b, run, history.began);
	json_end_array(&b);
	json_end_object(&b);
	if (!b.failed)
		return strbuf_steal(&b);
	strbuf_deinit(&b);
	return NULL;
}
