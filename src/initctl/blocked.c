/* SPDX-License-Identifier: MIT */
#include "initctl/blocked.h"

#include "initctl/json.h"
#include "initctl/waits.h"

static void
add_clients(struct strbuf *b, const json_t *object)
{
	long long n = json_count_of(object, "clients");

	if (n > 0)
		strbuf_addf(b, n > 1 ? ", %lld clients wait for it" : ", %lld client waits for it", n);
}

static void
add_instance(struct strbuf *b, const json_t *instance)
{
	waits_add_place(b, instance);
	if (json_object_get(instance, "since") != NULL) {
		strbuf_add(b, " for ");
		waits_add_time(b, json_object_get(instance, "since"));
	}
	add_clients(b, instance);
	strbuf_addc(b, '\n');
	waits_add_waits(b, instance, 1);
}

/* Those that an instance waits for are shown with it. */
static void
add_event(struct strbuf *b, const json_t *event)
{
	if (json_object_get(event, "waiting") != NULL)
		return;
	strbuf_add(b, "event ");
	waits_add_event(b, event);
	add_clients(b, event);
	strbuf_addc(b, '\n');
	waits_add_holders(b, event, 1);
}

int
blocked_show(struct initctl *ctl)
{
	struct upstart_error err = UPSTART_ERROR_INIT;
	struct strbuf b auto_strbuf = STRBUF_INIT;
	char *text auto_free = NULL;
	json_t *root = NULL;
	const json_t *one;
	size_t i;
	int r = upstart_waits(ctl->upstart, &text, &err);

	if (waits_read(ctl, r, text, &err, &root) != EXIT_SUCCESS)
		return EXIT_FAILURE;
	if (ctl->json)
		return json_show(&ctl->tool, root);
	json_array_foreach(json_object_get(root, "instances"), i, one) add_instance(&b, one);
	json_array_foreach(json_object_get(root, "events"), i, one) add_event(&b, one);
	if (json_count_of(root, "more_events") > 0)
		strbuf_addf(&b, "%lld more events\n", json_count_of(root, "more_events"));
	json_decref(root);
	if (b.failed)
		tool_nomem();
	tool_print(&ctl->tool, "%s", b.p != NULL ? b.p : "");
	return EXIT_SUCCESS;
}
