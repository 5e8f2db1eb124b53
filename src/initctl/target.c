/* SPDX-License-Identifier: MIT */
#include "initctl/target.h"

#include "initctl/why.h"

void
target_deinit(struct target *target)
{
	free(target->job_path);
	free(target->instance_path);
	*target = (struct target) TARGET_INIT;
}

int
target_find(struct target *target, struct initctl *ctl, char *const *operands)
{
	struct upstart_error err = UPSTART_ERROR_INIT;

	if (operands[0]) {
		target->job = operands[0];
		target->env = operands + 1;
	} else {
		target->job = getenv("UPSTART_JOB");
		target->instance = getenv("UPSTART_INSTANCE");
		if (!target->job || !target->instance)
			return tool_misuse(&ctl->tool, _("missing job name"));
	}
	if (initctl_connect(ctl) != EXIT_SUCCESS)
		return EXIT_FAILURE;
	if (upstart_get_job(ctl->upstart, target->job, &target->job_path, &err) < 0) {
		bool unknown = upstart_error_is(&err, UPSTART_ERROR_UNKNOWN_JOB);
		int status = initctl_failed(ctl, &err);

		if (unknown)
			why_unknown_job(ctl, target->job);
		return status;
	}
	if (target->instance && upstart_job_instance_by_name(ctl->upstart, target->job_path, target->instance,
							     &target->instance_path, &err) < 0)
		return initctl_failed(ctl, &err);
	return EXIT_SUCCESS;
}

int
target_find_instance(struct target *target, struct initctl *ctl, struct upstart_error *err)
{
	if (target->instance_path)
		return 0;
	return upstart_job_instance(ctl->upstart, target->job_path, target->env, &target->instance_path, err);
}

int
target_environment(struct initctl *ctl, const char **job, const char **instance)
{
	*job = ctl->global ? NULL : getenv("UPSTART_JOB");
	*instance = *job ? getenv("UPSTART_INSTANCE") : NULL;
	if (*job && !*instance)
		return tool_misuse(&ctl->tool, _("missing job name"));
	return EXIT_SUCCESS;
}
