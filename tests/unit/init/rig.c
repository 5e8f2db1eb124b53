/* SPDX-License-Identifier: MIT */
#include "rig.h"

#include "init/brain.h"
#include "init/condemn.h"
#include "init/control.h"
#include "init/fdtable.h"
#include "init/logs.h"
#include "init/own.h"
#include "init/servants.h"
#include "init/sources.h"
#include "init/spawn.h"
#include "init/state.h"
#include "init/strays.h"
#include "init/timers.h"
#include "unit.h"

static void
message_cb(enum log_level level, const char *text, void *data)
{
	struct rig *rig = data;

	if (level >= LOG_LEVEL_WARN) {
		strbuf_add(&rig->messages, text);
		strbuf_addc(&rig->messages, '\n');
	}
}

void
rig_init(struct rig *rig)
{
	struct init *init = &rig->init;
	struct core_config config;

	*rig = (struct rig){ 0 };
	log_set_sink(message_cb, rig);
	init->mode = MODE_USER;
	init->level = LOG_LEVEL_MESSAGE;
	init->listen_fd = init->ring_fd = init->signal_fd = -1;
	init->loop = loop_new();
	init->address = strdup("unix:abstract=/test");
	assert_non_null(init->loop);
	assert_int_equal(brain_init(init), 0);
	assert_int_equal(own_init(init), 0);
	assert_int_equal(timers_init(init), 0);
	assert_int_equal(fdtable_init(init), 0);
	init->options.no_cgroups = true;
	assert_int_equal(strays_init(init), 0);
	assert_int_equal(spawns_init(init), 0);
	assert_int_equal(logs_init(init), 0);
	assert_int_equal(servants_init(init), 0);
	assert_int_equal(clients_init(init), 0);
	assert_int_equal(sources_init(init), 0);
	init->definitions = definitions_new();
	config = state_core_config(init);
	init->core = core_new(&config);
	assert_non_null(init->core);
	assert_int_equal(state_new(init), 0);
}

void
rig_deinit(struct rig *rig)
{
	struct init *init = &rig->init;

	sources_deinit(init);
	clients_deinit(init);
	servants_deinit(init);
	logs_deinit(init);
	spawns_deinit(init);
	strays_deinit(init);
	fdtable_deinit(init);
	timers_deinit(init);
	condemn_deinit(init);
	own_deinit(init);
	brain_deinit(init);
	init->core = core_free(init->core);
	init->definitions = definitions_free(init->definitions);
	init->state.journal = journal_free(init->state.journal);
	init->state.record = journal_free(init->state.record);
	init->loop = loop_free(init->loop);
	free(init->address);
	free(init->bus_address);
	strbuf_deinit(&rig->messages);
	log_set_sink(NULL, NULL);
}

void
rig_turn(struct rig *rig, int ms)
{
	assert_int_equal(loop_run_once(rig->init.loop, (usec_t) ms * USEC_PER_MSEC), 0);
	brain_turn(&rig->init);
	state_turn(&rig->init);
}

const char *
rig_messages(struct rig *rig)
{
	return rig->messages.p != NULL ? rig->messages.p : "";
}

void
rig_forget(struct rig *rig)
{
	strbuf_deinit(&rig->messages);
}
