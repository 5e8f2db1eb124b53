/* SPDX-License-Identifier: MIT */
#include "init/reexec.h"

#include <errno.h>
#include <string.h>

#include "init/condemn.h"
#include "init/control.h"
#include "init/servants.h"
#include "init/shutdown.h"
#include "init/spawn.h"
#include "init/state.h"
#include "system/clock.h"
#include "system/process.h"

#define DRAIN (1 * USEC_PER_SEC)

static void
drain_cb(void *data)
{
	(void) data; /* that the loop has turned is all it takes */
}

void
reexec_begin(struct init *init)
{
	if (init->phase != PHASE_RUNNING)
		return;
	init->phase = PHASE_REEXEC;
	init->drain_until = clock_now() + DRAIN;
	if (init->phase_timer == NULL)
		init->phase_timer = loop_timer_new(init->loop, drain_cb, init);
	if (init->phase_timer != NULL)
		loop_timer_set(init->phase_timer, init->drain_until);
	else
		init->drain_until = 0;
}

static char **
arguments(const struct init *init)
{
	auto_strv char **first = NULL;

	if (strv_add(&first, "--restart") < 0 || strv_add(&first, "--state-fd") < 0 ||
	    strv_take(&first, str_printf("%d", journal_fd(init->state.journal))) < 0 ||
	    settings_arguments(&init->settings, &first) < 0 || shutdown_arguments(init, &first) < 0)
		return NULL;
	return options_again(init->argv, first);
}

/* Returns only when it failed. */
static void
execute(struct init *init)
{
	auto_strv char **argv = NULL;
	/* A core that is not to be relied on must not be written: the journal knows better. */
	int r = init->brain.spoiled ? 0 : state_snapshot(init);

	/* A snapshot that can't be written is no loss: the journal says the same at greater length. */
	if (r < 0)
		log_debug("No snapshot for the next image: %s", strerror(-r));
	log_info("Performing stateful re-exec");
	argv = arguments(init);
	if (argv == NULL || init->own_path == NULL) {
		log_error("Failed to re-execute %s: %s", init->program, strerror(argv == NULL ? ENOMEM : ENOENT));
		return;
	}
	if (!init->brain.spoiled)
		condemn_forget(init);
	state_keep_descriptors(init, true);
	r = process_exec_again(init->own_path, argv);
	state_keep_descriptors(init, false);
	log_error("Failed to re-execute %s: %s", init->own_path, strerror(-r));
}

void
reexec_turn(struct init *init)
{
	if (init->phase != PHASE_REEXEC)
		return;
	clients_turn(init, true);
	if (!servants_drained(init) && clock_now() < init->drain_until)
		return;
	execute(init);
	/* It failed: on with this image. */
	if (init->phase_timer != NULL)
		loop_timer_cancel(init->phase_timer);
	init->phase = PHASE_RUNNING;
	servants_start(init);
	spawn_pump(init);
	shutdown_continue(init); /* the end has waited for the next image */
}
