/* SPDX-License-Identifier: MIT */
/*
 * upstart-replay: apply the inputs of a recording (init --record FILE) to a core and print what it does.
 */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "core/core.h"
#include "init/definitions.h"
#include "init/journal.h"
#include "init/record.h"
#include "replay/print.h"

#define EXIT_USAGE 2

struct replay {
	struct definitions *definitions;
	struct record_config config;
	struct core *core;
	bool quiet, check;
	uint64_t inputs;
	bool broken;
};

static const char usage[] = "Usage: upstart-replay [OPTION]... FILE\n"
			    "Apply the inputs that `init --record FILE' has written, and print what they lead to.\n"
			    "\n"
			    "      --check     check after each input that everything is as it must be\n"
			    "  -q, --quiet     print faults only\n"
			    "      --help      display this help and exit\n"
			    "      --version   output version information and exit\n";

static int
make_core(struct replay *r)
{
	const struct core_config config = {
		.own_env = r->config.own_env,
		.job_env = r->config.job_env,
		.session_address = r->config.session_address,
		.log_level = r->config.log_level,
		.policies = r->config.policies,
		.awake = r->config.awake,
		.resolve = definitions_resolve,
		.resolve_data = r->definitions,
	};

	if (r->core == NULL)
		r->core = core_new(&config);
	return r->core != NULL ? 0 : -ENOMEM;
}

/* Print an encoded input or effect: "{lead}{value}". */
static void
print(const char *lead, const struct strbuf *packed)
{
	auto_strbuf struct strbuf b = STRBUF_INIT;
	struct wire_in in;

	wire_in_init(&in, packed->p, packed->len);
	print_value(&b, &in);
	(void) printf("%s%s\n", lead, b.failed || in.bad ? "?" : b.p);
}

static void
print_step(const struct replay *r, const struct input *in, uint64_t before)
{
	auto_strbuf struct strbuf b = STRBUF_INIT;

	if (r->quiet)
		return;
	input_pack(&b, in);
	print("", &b);
	for (const struct effect *e = core_outbox(r->core, before); e != NULL; e = e->next) {
		b.len = 0;
		effect_pack(&b, e);
		print("    ", &b);
	}
}

/* Apply one input. 0 or a negative errno: no sense in going on. */
static int
apply(struct replay *r, const void *p, size_t n)
{
	struct input input = { 0 };
	struct wire_in in;
	uint64_t before;
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
	before = core_last_effect(r->core);
	result = core_apply(r->core, &input);
	r->inputs++;
	print_step(r, &input, before);
	if (result < 0 && result != -EINVAL) {
		(void) fprintf(stderr, "upstart-replay: input %" PRIu64 " (%s): %s\n", input.seq,
			       input_type_name(input.type),
			       result == -ENOTRECOVERABLE ? "an internal rule was broken" : strerror(-result));
		r->broken = true;
	}
	if (r->check && core_check(r->core, why, sizeof(why)) < 0) {
		(void) fprintf(stderr, "upstart-replay: after input %" PRIu64 ": %s\n", input.seq, why);
		r->broken = true;
	}
	input_free(&input);
	return 0;
}

static int
record_cb(uint32_t kind, const void *p, size_t n, off_t at, void *data)
{
	struct replay *r = data;
	struct wire_in in;
	int result;

	if (at == 0 && kind != RECORD_HEADER)
		return -EBADMSG;
	switch (kind) {
	case RECORD_CONFIG:
		wire_in_init(&in, p, n);
		return wire_get_struct(&in, &record_config_schema, &r->config);
	case RECORD_DEFINITION:
		result = definitions_restore(r->definitions, p, n);
		return result == -EINVAL ? 0 : result;
	case RECORD_INPUT:
		return apply(r, p, n);
	default:
		return 0;
	}
}

static int
replay(struct replay *r, const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	struct journal *journal;
	int result;

	if (fd < 0) {
		(void) fprintf(stderr, "upstart-replay: %s: %s\n", path, strerror(errno));
		return 1;
	}
	journal = journal_new(fd, false);
	r->definitions = definitions_new();
	result = journal != NULL && r->definitions != NULL ? journal_read(journal, record_cb, r) : -ENOMEM;
	if (result == 0 && r->inputs == 0)
		result = -EBADMSG;
	if (result < 0)
		(void) fprintf(stderr, "upstart-replay: %s: %s\n", path,
			       result == -EBADMSG ? "not a recording of init" : strerror(-result));
	else if (!r->quiet)
		(void) printf("%" PRIu64 " inputs\n", r->inputs);
	r->core = core_free(r->core);
	r->definitions = definitions_free(r->definitions);
	wire_free_struct(&record_config_schema, &r->config);
	(void) journal_free(journal);
	return result < 0 || r->broken ? 1 : 0;
}

int
main(int argc, char **argv)
{
	static const struct option longs[] = {
		{ "check", no_argument, NULL, 'c' },
		{ "quiet", no_argument, NULL, 'q' },
		{ "help", no_argument, NULL, 'h' },
		{ "version", no_argument, NULL, 'V' },
		{ 0 },
	};
	struct replay r = { 0 };
	int c;

	while ((c = getopt_long(argc, argv, "q", longs, NULL)) != -1)
		switch (c) {
		case 'c':
			r.check = true;
			break;
		case 'q':
			r.quiet = true;
			break;
		case 'h':
			(void) fputs(usage, stdout);
			return 0;
		case 'V':
			(void) puts("upstart-replay (upstart " UPSTART_VERSION ")");
			return 0;
		default:
			(void) fputs("Try `upstart-replay --help' for more information.\n", stderr);
			return EXIT_USAGE;
		}
	if (optind != argc - 1) {
		(void) fputs(usage, stderr);
		return EXIT_USAGE;
	}
	return replay(&r, argv[optind]);
}
