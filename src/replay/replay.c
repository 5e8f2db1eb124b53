/* SPDX-License-Identifier: MIT */
#include "replay/replay.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "common/wire_print.h"
#include "core/core.h"
#include "core/explain.h"
#include "init/definitions.h"
#include "init/record.h"

#define STOP 1 /* a callback's result: far enough */

struct replay {
	const struct replay_options *options;
	struct definitions *definitions;
	struct record_config config;
	struct core *core;
	uint64_t inputs, effects;
	uint64_t before;     /* the last effect before the last input */
	struct strbuf steps; /* events that had their turn in it */
	bool bad;
	bool reported; /* it is a crash report */
};

static void fault(struct replay *r, const char *fmt, ...) printf_like(2, 3);

static void
fault(struct replay *r, const char *fmt, ...)
{
	va_list args;

	r->bad = true;
	va_start(args, fmt);
	(void) fprintf(stderr, "upstart-replay: ");
	(void) vfprintf(stderr, fmt, args);
	(void) fprintf(stderr, "\n");
	va_end(args);
}

/* -- the core -------------------------------------------------------------------------- */

static void
step_cb(const struct core *core, const struct core_step *step, void *data)
{
	struct replay *r = data;
	struct core_event event;

	if (step->type != CORE_STEP_HANDLED || core_event(core, step->event, &event) < 0)
		return;
	strbuf_addf(&r->steps, "  event %s", event.name);
	for (size_t i = 0; event.env != NULL && event.env[i] != NULL; i++)
		strbuf_addf(&r->steps, " %s", event.env[i]);
	strbuf_addc(&r->steps, '\n');
}

static struct core_config
core_config_of(struct replay *r)
{
	return (struct core_config){
		.own_env = r->config.own_env,
		.job_env = r->config.job_env,
		.session_address = r->config.session_address,
		.log_level = r->config.log_level,
		.policies = r->config.policies,
		.awake = r->config.awake,
		.resolve = definitions_resolve,
		.resolve_data = r->definitions,
		.step = r->options->print ? step_cb : NULL,
		.step_data = r,
	};
}

static int
make_core(struct replay *r)
{
	const struct core_config config = core_config_of(r);

	if (r->core == NULL)
		r->core = core_new(&config);
	return r->core != NULL ? 0 : -ENOMEM;
}

/* The recording goes on after a re-exec or a crash, with what init held then. It should be what is held here. */
static int
take_core(struct replay *r, const void *p, size_t n)
{
	const struct core_config config = core_config_of(r);
	auto_strbuf struct strbuf own = STRBUF_INIT;
	struct core *core = NULL;
	int result = core_load(p, n, &config, &core);

	if (result < 0)
		return result;
	if (r->core != NULL) {
		core_save(r->core, &own);
		if (own.failed || own.len != n || memcmp(own.p, p, n) != 0)
			(void) fprintf(stderr,
				       "upstart-replay: after input %" PRIu64
				       ": init went on with another state; following it\n",
				       core_seq(r->core));
	}
	(void) core_free(r->core);
	r->core = core;
	return 0;
}

/* -- printing ----------------------------------------------------------------------------- */

/* Print encoded values, each on a line of its own. */
static void
print_all(const char *lead, const void *p, size_t n)
{
	struct wire_in in;

	wire_in_init(&in, p, n);
	while (in.p < in.end && !in.bad) {
		auto_strbuf struct strbuf b = STRBUF_INIT;

		wire_print(&b, &in);
		(void) printf("%s%s\n", lead, b.failed || in.bad ? "?" : b.p);
	}
}

/* Before it is applied: it may be the last that can be. */
static void
print_input(const struct replay *r, const struct input *in)
{
	auto_strbuf struct strbuf b = STRBUF_INIT;

	if (!r->options->print)
		return;
	input_pack(&b, in);
	print_all("", b.p, b.len);
	(void) fflush(stdout);
}

static void
print_step(struct replay *r)
{
	auto_strbuf struct strbuf effects = STRBUF_INIT;

	if (!r->options->print)
		return;
	if (r->steps.len > 0)
		(void) fputs(r->steps.p, stdout);
	record_pack_effects(&effects, r->core, r->before);
	print_all("    ", effects.p, effects.len);
}

static void
print_instance(const struct core_instance *view)
{
	(void) printf("%s%s%s%s %s/%s", view->job, *view->name ? " (" : "", view->name, *view->name ? ")" : "",
		      job_goal_name(view->goal), job_state_name(view->state));
	for (size_t i = 0; i < view->n_processes; i++)
		(void) printf(", %s process %d", process_kind_name(view->processes[i].kind), view->processes[i].pid);
	(void) printf("\n");
}

/* All that there is: instances, and the events that wait. */
static int
print_state(const struct replay *r)
{
	auto_strv char **jobs = core_class_names(r->core);
	struct u64v ids = { 0 };
	int result = jobs != NULL ? core_events(r->core, &ids) : -ENOMEM;

	for (size_t i = 0; result == 0 && jobs[i] != NULL; i++) {
		auto_strv char **names = core_instance_names(r->core, jobs[i]);
		struct core_instance view;

		for (size_t k = 0; names != NULL && names[k] != NULL; k++)
			if (core_instance(r->core, jobs[i], names[k], &view) == 0)
				print_instance(&view);
	}
	for (size_t i = 0; result == 0 && i < ids.n; i++) {
		struct core_event event;

		if (core_event(r->core, ids.p[i], &event) < 0)
			continue;
		(void) printf("event %s", event.name);
		for (size_t k = 0; event.env != NULL && event.env[k] != NULL; k++)
			(void) printf(" %s", event.env[k]);
		(void) printf("%s\n", event.handled ? ", held" : "");
	}
	u64v_deinit(&ids);
	return result;
}

/* -- records ------------------------------------------------------------------------------- */

static int
apply(struct replay *r, const void *p, size_t n)
{
	struct input input = { 0 };
	struct wire_in in;
	char why[256];
	int result = make_core(r);

	if (result < 0)
		return result;
	wire_in_init(&in, p, n);
	(void) wire_get_uint(&in); /* from which servant */
	(void) wire_get_uint(&in); /* its number */
	result = input_unpack(&in, &input);
	if (result < 0)
		return result;
	r->before = core_last_effect(r->core);
	r->steps.len = 0;
	input.seq = core_seq(r->core) + 1;
	print_input(r, &input);
	result = core_apply(r->core, &input);
	r->inputs++;
	print_step(r);
	if (result < 0 && result != -EINVAL)
		fault(r, "input %" PRIu64 " (%s): %s", input.seq, input_type_name(input.type),
		      result == -ENOTRECOVERABLE ? "an internal rule was broken" : strerror(-result));
	if (r->options->check && core_check(r->core, why, sizeof(why)) < 0)
		fault(r, "after input %" PRIu64 ": %s", input.seq, why);
	input_free(&input);
	return 0;
}

/* The first difference is the one that matters: what follows may follow from it. */
static int
compare(struct replay *r, const void *p, size_t n)
{
	auto_strbuf struct strbuf own = STRBUF_INIT;

	if (r->core == NULL)
		return -EBADMSG;
	record_pack_effects(&own, r->core, r->before);
	if (own.failed)
		return -ENOMEM;
	r->effects += core_last_effect(r->core) - r->before;
	if (own.len == n && (n == 0 || memcmp(own.p, p, n) == 0))
		return 0;
	fault(r, "input %" PRIu64 " leads to other effects than recorded", core_seq(r->core));
	(void) fflush(stderr);
	if (!r->options->quiet) {
		print_all("recorded: ", p, n);
		print_all("now:      ", own.p, own.len);
	}
	return STOP;
}

/* A crash report ends with what init could not do: here it could be done, or we would not have come to this. */
static int
tell_report(struct replay *r, const void *p, size_t n)
{
	struct record_report report = { 0 };
	struct wire_in in;
	int result;

	r->reported = true;
	wire_in_init(&in, p, n);
	result = wire_get_struct(&in, &record_report_schema, &report);
	if (result == 0 && !r->options->quiet)
		(void) printf("report: %s: %s (%s)\n", report.what != NULL ? report.what : "?",
			      report.why != NULL ? report.why : "?", report.cause != NULL ? report.cause : "?");
	wire_free_struct(&record_report_schema, &report);
	return result;
}

static int
record_cb(uint32_t kind, const void *p, size_t n, off_t at, void *data)
{
	struct replay *r = data;
	struct wire_in in;
	int result;

	if (at == 0)
		return kind == RECORD_HEADER ? journal_check_header(p, n) : -EBADMSG;
	switch (kind) {
	case RECORD_CONFIG:
		wire_free_struct(&record_config_schema, &r->config);
		r->config = (struct record_config){ 0 };
		wire_in_init(&in, p, n);
		return wire_get_struct(&in, &record_config_schema, &r->config);
	case RECORD_CORE:
		return take_core(r, p, n);
	case RECORD_DEFINITION:
		result = definitions_restore(r->definitions, p, n);
		return result == -EINVAL ? 0 : result;
	case RECORD_INPUT:
		return r->options->until != 0 && r->core != NULL && core_seq(r->core) >= r->options->until
			   ? STOP
			   : apply(r, p, n);
	case RECORD_EFFECTS:
		return compare(r, p, n);
	case RECORD_REPORT:
		return tell_report(r, p, n);
	default:
		return 0;
	}
}

static int
finish(struct replay *r, int result)
{
	const char *path = r->options->path;

	if (result >= 0 && r->inputs == 0 && !r->reported)
		result = -EBADMSG;
	if (result < 0) {
		fault(r, "%s: %s", path, result == -EBADMSG ? "not a recording of init" : strerror(-result));
		return 1;
	}
	if (r->options->until != 0 && !r->bad && !r->options->quiet && print_state(r) < 0)
		fault(r, "%s", strerror(ENOMEM));
	if (!r->options->quiet && !r->bad)
		(void) printf("%" PRIu64 " inputs, %" PRIu64 " effects as recorded\n", r->inputs, r->effects);
	return r->bad ? 1 : 0;
}

int
replay(const struct replay_options *options)
{
	struct replay r = { .options = options };
	auto_close int fd = open(options->path, O_RDONLY | O_CLOEXEC);
	struct journal *journal;
	int result;

	if (fd < 0) {
		fault(&r, "%s: %s", options->path, strerror(errno));
		return 1;
	}
	journal = journal_new(fd, false);
	if (journal != NULL)
		(void) steal_fd(&fd); /* it has it */
	r.definitions = definitions_new();
	result = journal != NULL && r.definitions != NULL ? journal_read(journal, record_cb, &r) : -ENOMEM;
	result = finish(&r, result);
	r.core = core_free(r.core);
	r.definitions = definitions_free(r.definitions);
	wire_free_struct(&record_config_schema, &r.config);
	strbuf_deinit(&r.steps);
	(void) journal_free(journal);
	return result;
}
