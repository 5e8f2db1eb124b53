/* SPDX-License-Identifier: MIT */
#include "unit.h"

#include "common/json.h"
#include "failalloc.h"

#include <errno.h>

static void
write_all(struct strbuf *b)
{
	char one[] = "a", none[] = "";
	char *list[] = { one, none, NULL };

	json_begin_object(b, NULL);
	json_put_string(b, "text", "say \"\\hi\"\n\x7f");
	json_put_string(b, "no utf-8 \xff", "caf\xc3\xa9 \xff\xc3");
	json_put_string(b, "none", NULL);
	json_put_number(b, "least", INT64_MIN);
	json_put_bool(b, "yes", true);
	json_put_bool(b, "no", false);
	json_put_strings(b, "list", list);
	json_put_strings(b, "empty", NULL);
	json_put_seconds(b, "time", 1500000);
	json_begin_array(b, "deep");
	json_begin_object(b, NULL);
	json_end_object(b);
	json_begin_array(b, NULL);
	json_put_number(b, NULL, 1);
	json_put_null(b, NULL);
	json_put_string(b, NULL, "[");
	json_put_number(b, NULL, 2);
	json_end_array(b);
	json_end_array(b);
	json_end_object(b);
}

static void
test_json_of_all_kinds_is_written(void **state)
{
	auto_strbuf struct strbuf b = STRBUF_INIT;

	(void) state;
	write_all(&b);
	assert_false(b.failed);
	assert_string_equal(
	    b.p, "{\"text\":\"say \\\"\\\\hi\\\"\\u000a\\u007f\","
		 "\"no utf-8 \\ufffd\":\"caf\xc3\xa9 \\ufffd\\ufffd\",\"none\":null,"
		 "\"least\":-9223372036854775808,\"yes\":true,\"no\":false,\"list\":[\"a\",\"\"],\"empty\":[],"
		 "\"time\":1.500000,\"deep\":[{},[1,null,\"[\",2]]}");
}

static int
write_or_fail(void *data)
{
	struct strbuf b = STRBUF_INIT;
	int r;

	(void) data;
	write_all(&b);
	r = b.failed ? -ENOMEM : 0;
	strbuf_deinit(&b);
	return r;
}

static void
test_json_without_memory_says_so(void **state)
{
	(void) state;
	assert_true(failalloc_each(write_or_fail, NULL) > 1);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_json_of_all_kinds_is_written),
		cmocka_unit_test(test_json_without_memory_says_so),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
