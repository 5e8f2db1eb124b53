/* SPDX-License-Identifier: MIT */
#include "init/record.h"

#include <errno.h>
#include <fcntl.h>

static const struct wire_field fields[] = {
	WIRE_FIELD(STRV, struct record_config, own_env),	WIRE_FIELD(STRV, struct record_config, job_env),
	WIRE_FIELD(STR, struct record_config, session_address), WIRE_FIELD(I32, struct record_config, log_level),
	WIRE_FIELD(U32, struct record_config, policies),	WIRE_FIELD(BOOL, struct record_config, awake),
};
const struct wire_schema record_config_schema = WIRE_SCHEMA("config", fields);

static const struct wire_field report_fields[] = {
	WIRE_FIELD(STR, struct record_report, what),
	WIRE_FIELD(STR, struct record_report, why),
	WIRE_FIELD(STR, struct record_report, cause),
};
const struct wire_schema record_report_schema = WIRE_SCHEMA("report", report_fields);
static int
pass_over(uint32_t kind, const void *p, size_t n, off_t at, void *data)
{
	(void) kind;
	(void) p;
	(void) n;
	(void) at;
	(void) data;
	return 0;
}

int
record_open(const char *path, bool append, struct journal **j)
{
	auto_close int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOCTTY | (append ? 0 : O_TRUNC), 0600);
	int r;

	*j = NULL;
	if (fd < 0)
		return -errno;
	*j = journal_new(fd, false);
	if (*j == NULL)
		return -ENOMEM;
	(void) steal_fd(&fd); /* the journal has it */
	r = append ? journal_read(*j, pass_over, NULL) : 0;
	if (r == 0 && journal_size(*j) == 0)
		r = journal_begin(*j);
	if (r < 0)
		*j = journal_free(*j);
	return r;
}

int
record_config(struct journal *j, const struct core_config *core)
{
	auto_strbuf struct strbuf b = STRBUF_INIT;
	const struct record_config config = { core->own_env,   core->job_env,  core->session_address,
					      core->log_level, core->policies, core->awake };

	wire_put_struct(&b, &record_config_schema, &config);
	return journal_append(j, RECORD_CONFIG, &b, false, NULL);
}

int
record_core(struct journal *j, const struct core *core)
{
	auto_strbuf struct strbuf b = STRBUF_INIT;

	core_save(core, &b);
	return journal_append(j, RECORD_CORE, &b, false, NULL);
}

int
record_input(struct journal *j, const struct input *in, uint64_t from, uint64_t number)
{
	auto_strbuf struct strbuf b = STRBUF_INIT;

	wire_put_uint(&b, from);
	wire_put_uint(&b, number);
	input_pack(&b, in);
	return journal_append(j, RECORD_INPUT, &b, false, NULL);
}

void
record_pack_effects(struct strbuf *b, const struct core *core, uint64_t since)
{
	for (const struct effect *e = core_outbox(core, since); e != NULL; e = e->next)
		effect_pack(b, e);
}

int
record_effects(struct journal *j, const struct core *core, uint64_t since)
{
	auto_strbuf struct strbuf b = STRBUF_INIT;

	record_pack_effects(&b, core, since);
	return journal_append(j, RECORD_EFFECTS, &b, false, NULL);
}
