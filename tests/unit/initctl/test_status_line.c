/* SPDX-License-Identifier: MIT */
#include "initctl/status_line.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define PROCESS(kind, pid) { (char *) (kind), (pid) }
#define NO_PROCESS { NULL, 0 }

static void
assert_line(const char *instance_name, const char *goal, const char *state, struct upstart_process *processes,
	    const char *expected)
{
	struct upstart_instance instance = { (char *) instance_name, (char *) goal, (char *) state, processes, 0, NULL };
	char *text auto_free = NULL;

	while (processes[instance.process_count].kind)
		instance.process_count++;
	text = status_line_format("db", &instance);
	assert_string_equal(text, expected);
}

#define PROCESSES(...) ((struct upstart_process[]) { __VA_ARGS__, NO_PROCESS })
#define NONE ((struct upstart_process[]) { NO_PROCESS })

static void
test_without_instance_it_waits(void **state)
{
	char *text auto_free = status_line_format("net/eth", NULL);

	assert_string_equal(text, "net/eth stop/waiting\n");
}

static void
test_processes_are_shown_by_kind(void **state)
{
	assert_line("", "start", "running", PROCESSES(PROCESS("main", 812)), "db start/running, process 812\n");
	assert_line("c1", "start", "running", PROCESSES(PROCESS("main", 9)), "db (c1) start/running, process 9\n");
	assert_line("", "start", "running", NONE, "db start/running\n");
	assert_line("", "start", "pre-start", PROCESSES(PROCESS("pre-start", 3)), "db start/pre-start, process 3\n");
	assert_line("", "stop", "post-stop", PROCESSES(PROCESS("post-stop", 4)), "db stop/post-stop, process 4\n");
	assert_line("", "start", "security", PROCESSES(PROCESS("security", 5)),
		    "db start/security, (security) process 5\n");
	assert_line("", "start", "post-start", PROCESSES(PROCESS("post-start", 7)),
		    "db start/post-start, (post-start) process 7\n");
	assert_line("", "start", "post-start", PROCESSES(PROCESS("main", 10), PROCESS("post-start", 11)),
		    "db start/post-start, process 10\n\tpost-start process 11\n");
	assert_line("", "stop", "pre-stop",
		    PROCESSES(PROCESS("main", 10), PROCESS("post-start", 11), PROCESS("pre-stop", 12)),
		    "db stop/pre-stop, process 10\n\tpost-start process 11\n\tpre-stop process 12\n");
}

static void
test_quarantine_is_shown_on_a_line_of_its_own(void **state)
{
	struct upstart_process main_process = PROCESS("main", 7);
	struct upstart_instance instance = { (char *) "", (char *) "stop", (char *) "running", &main_process, 1,
					     (char *) "init crashed twice" };
	char *text auto_free = status_line_format("db", &instance);

	assert_string_equal(text, "db stop/running, process 7\n\tquarantined until `initctl reset': init crashed twice\n");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_without_instance_it_waits),
		cmocka_unit_test(test_processes_are_shown_by_kind),
		cmocka_unit_test(test_quarantine_is_shown_on_a_line_of_its_own),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
