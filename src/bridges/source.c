/* SPDX-License-Identifier: MIT */
/*
 * On a bus anybody may send a signal to our unique name and claim to be the init, so only the owner of the name is
 * listened to: it is asked for when we come, and followed by NameOwnerChanged, which comes in order with all else.
 *
 * Which signals reach us is a set of match rules, kept equal to what is wanted: one for each event name, or a single
 * one for all if there are many. A bus without interest in it sends us nothing.
 */
#include "bridges/source.h"

#include <errno.h>
#include <string.h>

#include "bridges/peer.h"
#include "common/log.h"

#define BUS_NAME "com.ubuntu.Upstart"
#define NARROW_MAX 64 /* match rules of event names; a bus allows some hundreds to a connection */

#define RULE_OWNER \
	"type='signal',sender='" DBUS_SERVICE_DBUS "',path='" DBUS_PATH_DBUS "',interface='" DBUS_INTERFACE_DBUS "'," \
	"member='NameOwnerChanged',arg0='" BUS_NAME "'"
#define RULE_SIGNAL \
	"type='signal',sender='" BUS_NAME "',path='" MANAGER_PATH "',interface='" MANAGER_INTERFACE "',member='%s'"

struct source {
	const struct source_ops *ops; /* borrowed */
	void *data;                   /* borrowed: theirs */
	struct peer *peer;            /* owned */
	bool bus;
	bool settled;
	char *owner;             /* owned: unique name of the init on the bus; NULL: none */
	struct source_want want; /* owned */
	char **rules;            /* owned: those the bus has from us */
};

static void
settle(struct source *source)
{
	if (source->settled)
		return;
	source->settled = true;
	source->ops->settled(source->data);
}

/* -- match rules -------------------------------------------------------------- */

/* A rule for the event `name`, which may have any character. NULL: out of memory. */
static char *
event_rule(const char *name)
{
	struct strbuf rule auto_strbuf = STRBUF_INIT;

	strbuf_addf(&rule, RULE_SIGNAL, "EventEmitted");
	if (name) {
		strbuf_add(&rule, ",arg0='");
		for (; *name; name++) {
			if (*name == '\'')
				strbuf_add(&rule, "'\\''");
			else
				strbuf_addc(&rule, *name);
		}
		strbuf_addc(&rule, '\'');
	}
	return strbuf_steal(&rule);
}

/* The rules for what is wanted. 0 or -ENOMEM. */
static int
wanted_rules(const struct source_want *want, char ***rules)
{
	bool narrow = !want->all && strv_len(want->names) <= NARROW_MAX;
	int r = 0;

	if (!narrow)
		r = strv_take(rules, event_rule(NULL));
	for (size_t i = 0; narrow && r == 0 && want->names && want->names[i]; i++)
		r = strv_take(rules, event_rule(want->names[i]));
	if (r == 0 && (want->all || want->restarted))
		r = strv_take(rules, str_printf(RULE_SIGNAL, "Restarted"));
	return r;
}

static DBusMessage *
bus_call(const char *member, const char *argument)
{
	DBusMessage *message =
	    dbus_message_new_method_call(DBUS_SERVICE_DBUS, DBUS_PATH_DBUS, DBUS_INTERFACE_DBUS, member);

	if (message && !dbus_message_append_args(message, DBUS_TYPE_STRING, &argument, DBUS_TYPE_INVALID)) {
		dbus_message_unref(message);
		return NULL;
	}
	return message;
}

static void
rule_cb(void *data, DBusMessage *reply)
{
	char buffer[ERROR_TEXT_MAX];
	const char *error = peer_error_text(reply, buffer);

	if (error)
		log_warn("The bus does not take what we want to hear: %s", error);
}

static int
rule_send(struct source *source, const char *member, const char *rule)
{
	int r;

	log_debug("%s %s", member, rule);
	r = peer_call(source->peer, bus_call(member, rule), rule_cb, source, NULL);
	if (r < 0 && r != -ENOTCONN)
		log_error("Unable to tell the bus what we want to hear: %s", strerror(-r));
	return r;
}

/* Make the bus' rules those for what is wanted: first the new ones, so that nothing is missed in between. */
static void
update_rules(struct source *source)
{
	char **rules auto_strv = NULL;

	if (!source->bus || !peer_is_up(source->peer))
		return;
	if (wanted_rules(&source->want, &rules) < 0) {
		log_error("Out of memory: what the jobs want to hear is as before");
		return;
	}
	for (size_t i = 0; rules && rules[i]; i++) {
		if (!strv_has(source->rules, rules[i]) && rule_send(source, "AddMatch", rules[i]) < 0)
			return;
	}
	for (size_t i = 0; source->rules && source->rules[i]; i++) {
		if (!strv_has(rules, source->rules[i]) && rule_send(source, "RemoveMatch", source->rules[i]) < 0)
			return;
	}
	(void) strv_free(source->rules);
	source->rules = steal(&rules);
}

/* -- who the init is ---------------------------------------------------------- */

/* "" or NULL: nobody. */
static void
set_owner(struct source *source, const char *owner)
{
	if (source->owner && owner && strcmp(source->owner, owner) == 0)
		return;
	free(source->owner);
	source->owner = owner && *owner ? strdup(owner) : NULL;
	if (source->owner)
		log_info("The system's init is %s", source->owner);
	else
		log_info("The system's init is not on the bus");
}

static void
owner_cb(void *data, DBusMessage *reply)
{
	struct source *source = data;
	const char *owner = NULL;

	if (!dbus_message_get_args(reply, NULL, DBUS_TYPE_STRING, &owner, DBUS_TYPE_INVALID))
		owner = NULL; /* an error: nobody has the name */
	set_owner(source, owner);
	settle(source);
}

static bool
is_from_init(const struct source *source, DBusMessage *message)
{
	return !source->bus || (source->owner && dbus_message_has_sender(message, source->owner));
}

static void
name_changed(struct source *source, DBusMessage *message)
{
	const char *name, *before, *after;

	if (dbus_message_has_sender(message, DBUS_SERVICE_DBUS) &&
	    dbus_message_get_args(message, NULL, DBUS_TYPE_STRING, &name, DBUS_TYPE_STRING, &before, DBUS_TYPE_STRING,
				  &after, DBUS_TYPE_INVALID) &&
	    strcmp(name, BUS_NAME) == 0)
		set_owner(source, after);
}

/* -- the connection ----------------------------------------------------------- */

static void
event_emitted(struct source *source, DBusMessage *message)
{
	const char *name;
	char **env;
	int count;

	if (!dbus_message_get_args(message, NULL, DBUS_TYPE_STRING, &name, DBUS_TYPE_ARRAY, DBUS_TYPE_STRING, &env,
				   &count, DBUS_TYPE_INVALID))
		return;
	source->ops->event(source->data, name, env);
	dbus_free_string_array(env);
}

static void
signal_cb(void *data, DBusMessage *message)
{
	struct source *source = data;

	if (source->bus && dbus_message_is_signal(message, DBUS_INTERFACE_DBUS, "NameOwnerChanged")) {
		name_changed(source, message);
		return;
	}
	if (!dbus_message_has_path(message, MANAGER_PATH) || !is_from_init(source, message))
		return;
	if (dbus_message_is_signal(message, MANAGER_INTERFACE, "EventEmitted"))
		event_emitted(source, message);
	else if (dbus_message_is_signal(message, MANAGER_INTERFACE, "Restarted"))
		source->ops->restarted(source->data);
}

static void
up_cb(void *data)
{
	struct source *source = data;

	if (!source->bus) {
		settle(source);
		return;
	}
	if (rule_send(source, "AddMatch", RULE_OWNER) < 0)
		return;
	update_rules(source);
	if (peer_call(source->peer, bus_call("GetNameOwner", BUS_NAME), owner_cb, source, NULL) < 0)
		log_error("Unable to ask who the system's init is");
}

static void
down_cb(void *data, bool was_up)
{
	struct source *source = data;

	source->rules = strv_free(source->rules);
	free(steal(&source->owner));
	if (!was_up && !source->settled)
		log_warn("The system's init does not let us in yet");
	settle(source);
}

static const struct peer_ops peer_ops = { .up = up_cb, .down = down_cb, .signal = signal_cb };

void
source_set_want(struct source *source, struct source_want *want)
{
	(void) strv_free(source->want.names);
	source->want = *want;
	*want = (struct source_want) { 0 };
	update_rules(source);
}

int
source_start(struct source *source, struct error *err)
{
	int r = peer_connect(source->peer, err);

	if (r == -EINVAL || r == -ENOMEM)
		return r;
	if (r < 0) {
		log_warn("Unable to connect to the system's init yet: %s", err->text);
		peer_retry(source->peer);
		settle(source);
	}
	return 0;
}

struct source *
source_new(struct event_base *base, const char *address, const struct source_ops *ops, void *data)
{
	struct source *source = calloc(1, sizeof(*source));

	if (!source)
		return NULL;
	source->ops = ops;
	source->data = data;
	source->bus = !address;
	source->peer = peer_new(base, address ? PEER_PRIVATE : PEER_SYSTEM_BUS, address,
				address ? "the system's init" : "the system bus", 0, &peer_ops, source);
	return source->peer ? source : source_free(source);
}

struct source *
source_free(struct source *source)
{
	if (!source)
		return NULL;
	(void) peer_free(source->peer);
	free(source->owner);
	(void) strv_free(source->want.names);
	(void) strv_free(source->rules);
	free(source);
	return NULL;
}
