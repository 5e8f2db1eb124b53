/* SPDX-License-Identifier: MIT */
/*
 * Snapshots and the inputs after them: any bytes are loaded or refused; what was loaded can be saved, loaded again the
 * same, driven by any inputs, and freed. The first two bytes tell how long the snapshot is; packed inputs follow it.
 */
#include <stdlib.h>
#include <string.h>

#include "core/core.h"
#include "job/parse.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct {
	const char *name, *text;
} jobs[] = {
	{ "web", "start on go or x\nstop on a and b\npost-start exec p\nrespawn\nexpect stop\nexport A\nexec web\n" },
	{ "tty",
	  "instance $N\nstart on a and (c or d)\nkill timeout 9\npre-start exec q\npre-stop exec r\nexec tty\n" },
	{ "hold", "start on starting tty or started web\ntask\npost-stop exec s\nexec hold\n" },
	{ "none", "start on stopping web and stopped tty\nstop on go\n" },
};

static struct job_class *classes[ARRAY_SIZE(jobs)];

static struct job_class *
resolve(uint64_t id, void *data)
{
	return id > 0 && id <= ARRAY_SIZE(classes) ? job_class_ref(classes[id - 1]) : NULL;
}

static void
parse_jobs(void)
{
	for (size_t i = 0; i < ARRAY_SIZE(jobs); i++) {
		struct parse_source source = { jobs[i].name, span_of(jobs[i].text) };
		struct parse_report report = { 0 };

		if (job_parse(jobs[i].name, &source, NULL, &classes[i], &report) < 0)
			abort();
		parse_report_deinit(&report);
		classes[i]->id = i + 1;
	}
}

/* Saved and loaded once more it is the same. */
static void
check_again(const struct core *core, const struct core_config *config)
{
	struct strbuf first = STRBUF_INIT, second = STRBUF_INIT;
	struct core *again = NULL;

	core_save(core, &first);
	if (first.failed || core_load(first.p, first.len, config, &again) < 0)
		abort();
	core_save(again, &second);
	if (first.len != second.len || memcmp(first.p, second.p, first.len) != 0)
		abort();
	(void) core_free(again);
	strbuf_deinit(&first);
	strbuf_deinit(&second);
}

static void
drive(struct core *core, const uint8_t *data, size_t size)
{
	struct wire_in in;

	wire_in_init(&in, data, size);
	for (int i = 0; i < 64 && in.p < in.end; i++) {
		struct input input;

		if (input_unpack(&in, &input) < 0)
			return;
		(void) !core_apply(core, &input);
		input_free(&input);
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct core_config config = { .session_address = (char *) "unix:abstract=/fuzz", .resolve = resolve };
	struct core *core = NULL;
	size_t n;

	if (classes[0] == NULL)
		parse_jobs();
	if (size < 2)
		return 0;
	n = (size_t) data[0] << 8 | data[1];
	data += 2;
	size -= 2;
	if (n > size)
		n = size;
	if (n == 0)
		core = core_new(&config);
	else if (core_load(data, n, &config, &core) < 0)
		return 0;
	check_again(core, &config);
	drive(core, data + n, size - n);
	(void) core_free(core);
	return 0;
}
