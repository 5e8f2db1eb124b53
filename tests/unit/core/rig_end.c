/* SPDX-License-Identifier: MIT */
/* The ends of instances and of tests (rig.h). */
#include "rig.h"

/* -- leftovers ------------------------------------------------------------------ */

static void
sweep_cb(const struct core_sweep *sweep, void *data)
{
	*(struct input_strays *) data = (struct input_strays){ sweep->job_id, sweep->sweep };
}

void
rig_swept(struct rig *r)
{
	struct input in = { .type = INPUT_STRAYS };

	core_each_sweep(r->core, sweep_cb, &in.strays);
	assert_true(in.strays.sweep != 0);
	assert_int_equal(rig_apply(r, &in), 0);
}

/* -- the end -------------------------------------------------------------------- */

int
rig_teardown(void **state)
{
	struct rig *r = *state;
	char why[256];

	if (core_check(r->core, why, sizeof(why)) < 0)
		fail_msg("%s", why);
	(void) rig_free(r);
	return 0;
}
