/* SPDX-License-Identifier: MIT */
/*
 * init: the brain. Parses job files, decides (core), and leaves the work to its servants.
 */
#include <string.h>

#include "init/brain.h"
#include "init/control.h"
#include "init/crash.h"
#include "init/reaper.h"
#include "init/reexec.h"
#include "init/servants.h"
#include "init/session.h"
#include "init/setup.h"
#include "init/shutdown.h"
#include "init/spawn.h"
#include "init/state.h"
#include "init/strays.h"
#include "init/tracer.h"

#define FAILURE_PAUSE (100 * 1000) /* microseconds, before what failed is tried again */

/* One turn of the loop: hear what there is, then everything that is done once a turn, in its order. */
static void
turn(struct init *init)
{
	strays_begin_turn(init);
	if (loop_run_once(init->loop, init->children_due ? 0 : UINT64_MAX) < 0)
		(void) usleep(FAILURE_PAUSE);
	reaper_turn(init);
	tracer_turn(init);
	spawn_turn(init);
	strays_turn(init);
	brain_turn(init);
	clients_turn(init, false);
	servants_turn(init);
	state_turn(init);
	shutdown_turn(init);
	if (brain_mend(init) < 0)
		reexec_begin(init);
	reexec_turn(init);
	session_turn(init);
	crash_turn(init);
}

int
main(int argc, char **argv)
{
	static struct init init;
	int status = setup_options(&init, argc, argv);
	int r;

	if (status != SETUP_GO_ON)
		return status;
	while ((r = setup_surroundings(&init, argc, argv)) < 0 || (r = setup_machine(&init)) < 0) {
		log_write(LOG_LEVEL_FATAL, "Unable to start: %s", strerror(-r));
		if (getpid() != 1 && !init.again)
			return 1;
		/* The kernel would panic if process 1 left, and an image that follows another has jobs to look after. */
		(void) usleep(FAILURE_PAUSE);
	}
	setup_work(&init);
	while (init.phase != PHASE_GONE)
		turn(&init);
	status = init.exit_status;
	setup_deinit(&init);
	return status;
}
