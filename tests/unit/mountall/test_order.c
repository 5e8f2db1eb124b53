/* SPDX-License-Identifier: MIT */
/*
 * What is mounted after what, and what is complete when.
 */
#include "mountall/order.h"

#include <errno.h>

#include "unit.h"

#define VIRTUAL(s, t, type_) { .source = s, .target = t, .type = type_, .pseudo = true }
#define BUILT_IN(s, t, type_) { .source = s, .target = t, .type = type_, .pseudo = true, .built_in = true }
#define DISK(s, t, options_) { .source = s, .target = t, .type = "ext4", .options = options_, .pass = 2 }
#define BIND(s, t) { .source = s, .target = t, .type = "none", .options = "bind", .pseudo = true }
#define SWAP(s) { .source = s, .target = "none", .type = "swap", .options = "sw" }

static void
circle_cb(void *data, const struct mount_entry *entry)
{
	(void) entry;
	(*(int *) data)++;
}

/* Number of circles found. */
static int
fill(struct mounts *m, const struct mount_line *lines, size_t n)
{
	int circles = 0;

	*m = (struct mounts) { 0 };
	for (size_t i = 0; i < n; i++)
		assert_int_equal(mounts_add(m, &lines[i]), 0);
	assert_int_equal(mounts_link(m, circle_cb, &circles), 0);
	return circles;
}

#define FILL(m, ...)                                                     \
	__extension__({                                                  \
		const struct mount_line lines_[] = { __VA_ARGS__ };      \
		fill(m, lines_, ARRAY_SIZE(lines_));                     \
	})

static struct mount_entry *
find(struct mounts *m, const char *name)
{
	for (size_t i = 0; i < m->count; i++) {
		struct mount_entry *e = &m->entries[i];

		if (strcmp(e->kind == MOUNT_SWAP ? e->source : e->target, name) == 0)
			return e;
	}
	fail_msg("there is no %s", name);
	return NULL;
}

/* What may begin now, by name with a blank after each, in their order. */
static const char *
ready(struct mounts *m)
{
	static char text[256];
	struct mount_entry *e;
	size_t from = 0;

	text[0] = '\0';
	while ((e = mounts_next(m, from)) != NULL) {
		(void) snprintf(text + strlen(text), sizeof(text) - strlen(text), "%s ",
				e->kind == MOUNT_SWAP ? e->source : e->target);
		from = (size_t) (e - m->entries) + 1;
	}
	return text;
}

static void
be_there(struct mounts *m, const char *name)
{
	struct mount_entry *e = find(m, name);

	assert_int_equal(e->stage, MOUNT_WAITING);
	e->stage = MOUNT_THERE;
}

/* -- order -- */

static void
test_mount_parents_come_first_in_whatever_order_they_stand(void **state)
{
	struct mounts m;

	assert_int_equal(FILL(&m, DISK("/dev/c", "/srv/data/deep", ""), DISK("/dev/b", "/srv//", ""), DISK("/dev/d", "/srvice", ""),
			      DISK("/dev/a", "/", "")),
			 0);
	assert_string_equal(ready(&m), "/ ");
	be_there(&m, "/");
	assert_string_equal(ready(&m), "/srv /srvice ");
	be_there(&m, "/srv");
	assert_string_equal(ready(&m), "/srv/data/deep /srvice ");
	mounts_deinit(&m);
	mounts_deinit(&m);
}

static void
test_mount_kernels_own_come_before_the_root(void **state)
{
	struct mounts m;

	FILL(&m, BUILT_IN("proc", "/proc", "proc"), BUILT_IN("tmpfs", "/run", "tmpfs"), BUILT_IN("tmpfs", "/run/lock", "tmpfs"),
	     DISK("/dev/a", "/", ""), VIRTUAL("tmpfs", "/tmp", "tmpfs"));
	assert_string_equal(ready(&m), "/proc /run ");
	be_there(&m, "/run");
	be_there(&m, "/proc");
	assert_string_equal(ready(&m), "/run/lock ");
	be_there(&m, "/run/lock");
	assert_string_equal(ready(&m), "/ ");
	be_there(&m, "/");
	assert_string_equal(ready(&m), "/tmp ");
	mounts_deinit(&m);
}

static void
test_mount_line_of_fstab_replaces_a_built_in_one(void **state)
{
	struct mounts m;

	FILL(&m, BUILT_IN("tmpfs", "/run", "tmpfs"),
	     { .source = "tmpfs", .target = "/run/", .type = "tmpfs", .options = "size=5m", .pseudo = true });
	assert_int_equal(m.count, 1);
	assert_string_equal(m.entries[0].options, "size=5m");
	assert_false(m.entries[0].built_in);
	mounts_deinit(&m);
}

/* Mount whatever may begin until nothing may; is all there then? */
static bool
comes_to_an_end(struct mounts *m)
{
	struct mount_entry *e;

	while ((e = mounts_next(m, 0)) != NULL)
		e->stage = MOUNT_THERE;
	return mounts_over(m);
}

static void
test_mount_line_for_a_built_in_place_holds_nothing_up(void **state)
{
	struct mounts m;

	FILL(&m, BUILT_IN("tmpfs", "/run", "tmpfs"), BUILT_IN("tmpfs", "/run/lock", "tmpfs"), DISK("/dev/a", "/", ""),
	     VIRTUAL("tmpfs", "/run", "tmpfs"));
	assert_string_equal(ready(&m), "/run ");
	be_there(&m, "/run");
	assert_string_equal(ready(&m), "/run/lock ");
	be_there(&m, "/run/lock");
	assert_string_equal(ready(&m), "/ ");
	mounts_deinit(&m);
}

/* Then the root comes before what lies there, and the two of one place in their order. */
static void
test_mount_built_in_place_on_a_disk_holds_nothing_up(void **state)
{
	static const struct mount_line runs[] = {
		DISK("/dev/b", "/run", ""),
		BIND("/srv/run", "/run"),
		{ .source = "o", .target = "/run", .type = "overlay", .options = "lowerdir=/srv/run", .pseudo = true },
		VIRTUAL("tmpfs", "/run", "tmpfs"),
	};

	for (size_t i = 0; i < ARRAY_SIZE(runs); i++) {
		struct mounts m;

		assert_int_equal(FILL(&m, BUILT_IN("tmpfs", "/run", "tmpfs"), BUILT_IN("tmpfs", "/run/lock", "tmpfs"),
				      DISK("/dev/a", "/", ""), runs[i], DISK("/dev/c", "/run", "")),
				 0);
		assert_true(comes_to_an_end(&m));
		mounts_deinit(&m);
	}
}

static void
test_mount_two_on_one_folder_keep_their_order(void **state)
{
	struct mounts m;

	FILL(&m, DISK("/dev/a", "/mnt", ""), DISK("/dev/b", "/mnt", ""));
	assert_string_equal(ready(&m), "/mnt ");
	m.entries[0].stage = MOUNT_THERE;
	assert_ptr_equal(mounts_next(&m, 0), &m.entries[1]);
	mounts_deinit(&m);
}

static void
test_mount_bind_waits_for_what_its_source_lies_on(void **state)
{
	struct mounts m;

	FILL(&m, BIND("/srv/a/b", "/home"), DISK("/dev/b", "/srv", ""), SWAP("/srv/swap"), SWAP("/dev/c"),
	     { .source = "overlay", .target = "/over", .type = "overlay", .options = "lowerdir=/usr:/low,upperdir=/up/1,workdir=/up/2",
	       .pseudo = true },
	     DISK("/dev/d", "/up", ""), DISK("/dev/e", "/low", ""));
	assert_string_equal(ready(&m), "/srv /dev/c /up /low ");
	be_there(&m, "/srv");
	be_there(&m, "/up");
	assert_string_equal(ready(&m), "/home /srv/swap /dev/c /low ");
	be_there(&m, "/low");
	assert_string_equal(ready(&m), "/home /srv/swap /dev/c /over ");
	assert_int_equal(find(&m, "/home")->kind, MOUNT_LOCAL);
	mounts_deinit(&m);
}

static void
test_mount_circle_is_told_and_left_out(void **state)
{
	struct mounts m;

	assert_int_equal(FILL(&m, BIND("/b/x", "/a"), BIND("/a/x", "/b"), BIND("/c/below", "/c")), 1);
	assert_int_equal(find(&m, "/b")->stage, MOUNT_LEFT_OUT);
	assert_string_equal(ready(&m), "/a /c ");
	mounts_deinit(&m);
}

/* Every folder lies in all above it: what is seen once is not gone through again. */
static void
test_mount_deep_tree_is_ordered_in_no_time(void **state)
{
	char path[256] = "";
	struct mounts m = { 0 };
	int circles = 0;

	for (int i = 0; i < 60; i++) {
		struct mount_line line = BIND("/nowhere", path);

		(void) snprintf(path + strlen(path), sizeof(path) - strlen(path), "/%d", i % 10);
		line.source = path;
		assert_int_equal(mounts_add(&m, &line), 0);
	}
	assert_int_equal(mounts_link(&m, circle_cb, &circles), 0);
	assert_int_equal(circles, 0);
	assert_string_equal(ready(&m), "/0 ");
	mounts_deinit(&m);
}

/* -- what counts -- */

static void
test_mount_noauto_ignore_and_no_folder_are_left_out(void **state)
{
	struct mounts m;

	FILL(&m, DISK("/dev/a", "/a", "ro,noauto"), { .source = "/dev/b", .target = "/b", .type = "ignore" }, DISK("/dev/c", "none", ""),
	     DISK("/dev/d", "/d", "noautomatic"));
	assert_string_equal(ready(&m), "/d ");
	mounts_deinit(&m);
}

static void
test_mount_kinds_are_complete_each_for_itself(void **state)
{
	struct mounts m;

	FILL(&m, VIRTUAL("proc", "/proc", "proc"), DISK("/dev/a", "/", ""), DISK("/dev/b", "/opt", "nofail"),
	     DISK("/dev/c", "/old", "ro,nobootwait"), SWAP("/dev/s"), { .source = "h:/x", .target = "/net", .type = "nfs", .net = true });
	be_there(&m, "/");
	be_there(&m, "/proc");
	assert_true(mounts_settled(&m, MOUNT_VIRTUAL));
	assert_true(mounts_settled(&m, MOUNT_LOCAL));
	assert_false(mounts_settled(&m, MOUNT_SWAP));
	assert_false(mounts_settled(&m, MOUNT_REMOTE));
	be_there(&m, "/dev/s");
	assert_true(mounts_settled(&m, MOUNT_SWAP));
	find(&m, "/net")->stage = MOUNT_LEFT_OUT;
	assert_true(mounts_settled(&m, MOUNT_REMOTE));
	assert_false(mounts_over(&m));
	be_there(&m, "/opt");
	be_there(&m, "/old");
	assert_true(mounts_over(&m));
	assert_string_equal(find(&m, "/old")->options, "ro");
	mounts_deinit(&m);
}

static void
test_mount_remote_waits_for_the_network_and_so_does_what_lies_on_it(void **state)
{
	struct mounts m;

	FILL(&m, DISK("/dev/a", "/", ""), { .source = "h:/x", .target = "/net", .type = "nfs", .net = true },
	     DISK("/net/image", "/deep", "loop"), DISK("/dev/i", "/iscsi", "_netdev"));
	be_there(&m, "/");
	assert_int_equal(find(&m, "/deep")->kind, MOUNT_REMOTE);
	assert_int_equal(find(&m, "/iscsi")->kind, MOUNT_REMOTE);
	assert_string_equal(ready(&m), "");
	m.network = true;
	assert_string_equal(ready(&m), "/net /iscsi ");
	mounts_deinit(&m);
}

static void
test_mount_what_lies_on_a_missing_one_lacks_it(void **state)
{
	struct mounts m;

	FILL(&m, DISK("/dev/a", "/", ""), DISK("/dev/b", "/srv", "nofail"), DISK("/dev/c", "/srv/data", ""),
	     { .source = "x", .target = "/new", .type = "x", .pseudo = true, .quiet = true }, DISK("/dev/d", "/new/deep", ""));
	find(&m, "/")->stage = MOUNT_LEFT_OUT;
	assert_null(mounts_lacks(&m, find(&m, "/srv")));
	find(&m, "/srv")->stage = MOUNT_LEFT_OUT;
	assert_ptr_equal(mounts_lacks(&m, find(&m, "/srv/data")), find(&m, "/srv"));
	find(&m, "/new")->stage = MOUNT_LEFT_OUT;
	assert_null(mounts_lacks(&m, find(&m, "/new/deep")));
	mounts_deinit(&m);
}

/* -- options -- */

static void
test_mount_option_is_found_as_a_whole_word(void **state)
{
	static const char options[] = "rw,xnoauto,a=1,aa=\"x,y\",size=";
	size_t n;

	assert_null(mount_option(options, "noauto", &n));
	assert_string_equal(mount_option(options, "size", &n), "");
	assert_int_equal(n, 0);
	assert_memory_equal(mount_option(options, "a", &n), "1", 1);
	assert_int_equal(n, 1);
	assert_memory_equal(mount_option(options, "aa", &n), "\"x,y\"", 5);
	assert_int_equal(n, 5);
	assert_null(mount_option(options, "y\"", &n));
	assert_null(mount_option("", "a", &n));
}

static void
test_mount_passwords_are_not_told(void **state)
{
	char *text = mount_options_public("ro,password=a=b,user=x,pass=\"c,d\",passwd=,passive=1,password2=z");

	assert_string_equal(text, "ro,password=***,user=x,pass=***,passwd=,passive=1,password2=***");
	free(text);
	text = mount_options_public("");
	assert_string_equal(text, "");
	free(text);
}

static int
play(void *data)
{
	static const struct mount_line lines[] = { BIND("/srv/a", "/home"), DISK("/dev/b", "/srv", "nobootwait,ro"), SWAP("/srv/s"),
						   DISK("/dev/a", "/", "") };
	struct mounts m = { 0 };
	int circles, r = 0;

	for (size_t i = 0; r == 0 && i < ARRAY_SIZE(lines); i++)
		r = mounts_add(&m, &lines[i]);
	if (r == 0)
		r = mounts_link(&m, circle_cb, &circles);
	mounts_deinit(&m);
	return r;
}

static void
test_mount_without_memory_leaves_nothing_behind(void **state)
{
	assert_true(failalloc_each(play, NULL) > 16);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_mount_parents_come_first_in_whatever_order_they_stand),
		cmocka_unit_test(test_mount_kernels_own_come_before_the_root),
		cmocka_unit_test(test_mount_line_of_fstab_replaces_a_built_in_one),
		cmocka_unit_test(test_mount_line_for_a_built_in_place_holds_nothing_up),
		cmocka_unit_test(test_mount_built_in_place_on_a_disk_holds_nothing_up),
		cmocka_unit_test(test_mount_two_on_one_folder_keep_their_order),
		cmocka_unit_test(test_mount_bind_waits_for_what_its_source_lies_on),
		cmocka_unit_test(test_mount_circle_is_told_and_left_out),
		cmocka_unit_test(test_mount_deep_tree_is_ordered_in_no_time),
		cmocka_unit_test(test_mount_noauto_ignore_and_no_folder_are_left_out),
		cmocka_unit_test(test_mount_kinds_are_complete_each_for_itself),
		cmocka_unit_test(test_mount_remote_waits_for_the_network_and_so_does_what_lies_on_it),
		cmocka_unit_test(test_mount_what_lies_on_a_missing_one_lacks_it),
		cmocka_unit_test(test_mount_option_is_found_as_a_whole_word),
		cmocka_unit_test(test_mount_passwords_are_not_told),
		cmocka_unit_test(test_mount_without_memory_leaves_nothing_behind),
	};

	return cmocka_run_group_tests_name("mountall-order", tests, NULL, NULL);
}
