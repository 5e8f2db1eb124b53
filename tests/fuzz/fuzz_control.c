/* SPDX-License-Identifier: MIT */
/*
 * What clients send to upstart-control: whatever it is, init gets well-formed requests that the caller may make, every
 * request that init has answered has ended, and what the client gets is D-Bus.
 *
 * Stage: the code of the servant, with init at the other end of its link and a client at the other end of its socket, all
 * in this process. The first byte says how init runs. Then there are steps: a message as bytes (libdbus reads it, as it does
 * with what comes over a wire), sent by the client or come over a bus from some user; a message made of the tables'
 * names and of values from the bytes; an answer of init, with any text that job files could bring in; a notice; a new image of init.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <utlist.h>

#include "bus/library.h"
#include "common/error.h"
#include "common/log.h"
#include "control/bus.h"
#include "control/call.h"
#include "control/dispatch.h"
#include "control/link.h"
#include "control/peer.h"
#include "control/request.h"
#include "control/table.h"

#define TURNS 64       /* of the loop, until all that a step leads to has happened */
#define WAITING_MAX 64 /* unanswered requests that are remembered */
#define STEPS_MAX 48
#define STRANGER 4711

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
DBusConnection *__real_dbus_connection_open_private(const char *address, DBusError *error);
DBusConnection *__wrap_dbus_connection_open_private(const char *address, DBusError *error);

#define must(cond)                                                                                                     \
	do {                                                                                                           \
		if (!(cond)) {                                                                                         \
			(void) fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #cond);                              \
			abort();                                                                                       \
		}                                                                                                      \
	} while (0)

static struct stage {
	struct control control;
	struct ipc *init; /* init's end of the link */
	DBusConnection *client;
	char address[64];
	uint64_t effect;
	struct {
		uint64_t number;
		bool query;
	} waiting[WAITING_MAX];
	size_t n_waiting;
} stage;

struct bytes {
	const uint8_t *p;
	size_t n;
};

static unsigned
take(struct bytes *in)
{
	if (in->n == 0)
		return 0;
	in->n--;
	return *in->p++;
}

/* A string of up to 15 bytes, or a long one. Owned. */
static char *
take_text(struct bytes *in, bool ascii)
{
	unsigned n = take(in);
	size_t len = n & 15;
	char *text;

	if (n == 255) {
		text = malloc(5001);
		must(text != NULL);
		memset(text, 'x', 5000);
		text[5000] = '\0';
		return text;
	}
	if (len > in->n)
		len = in->n;
	text = calloc(1, len + 1);
	must(text != NULL);
	for (size_t i = 0; i < len; i++) {
		text[i] = (char) (ascii ? take(in) & 0x7f : take(in));
		text[i] = (char) (text[i] == '\0' ? '=' : text[i]);
	}
	return text;
}

static char **
take_texts(struct bytes *in)
{
	unsigned n = take(in) % 6;
	char **v = NULL;

	for (unsigned i = 0; i < n; i++)
		must(strv_take(&v, take_text(in, false)) == 0);
	return v;
}

/* -- init's part -------------------------------------------------------------- */

/* Only those who run as init may ask for these. */
static bool
is_guarded(uint32_t action)
{
	switch (action) {
	case REQUEST_EMIT:
	case REQUEST_RELOAD_CONFIG:
	case REQUEST_SET_ENV:
	case REQUEST_UNSET_ENV:
	case REQUEST_RESET_ENV:
	case REQUEST_GET_ENV:
	case REQUEST_LIST_ENV:
	case REQUEST_SET_LOG_PRIORITY:
	case REQUEST_NOTIFY_DISK:
	case REQUEST_END_SESSION:
	case REQUEST_REEXEC:
	case REQUEST_BUS_ADDRESS:
	case REQUEST_GET_STATE:
	case REQUEST_GET_SNAPSHOT:
	case REQUEST_GET_FAULTS:
	case REQUEST_EXPLAIN:
	case REQUEST_GET_WAITS:
	case REQUEST_STATE_SET:
	case REQUEST_STATE_CLEAR:
	case REQUEST_STATE_REPLACE:
	case REQUEST_GET_STATES:
	case REQUEST_GET_OBJECTS:
		return true;
	default:
		return false;
	}
}

static void
check_request(const struct msg_request *request, bool query)
{
	const struct control *control = &stage.control;

	must(request->action < REQUEST_ACTION_COUNT);
	must(query == (request->action > REQUEST_LAST_CHANGE));
	must(request->request != 0);
	must(request->token == NULL || strlen(request->token) <= REQUEST_TOKEN_MAX);
	if (is_guarded(request->action))
		must(control->trusting || (uid_t) request->uid == control->uid);
	if (control->pid1)
		must(request->action != REQUEST_SET_ENV && request->action != REQUEST_UNSET_ENV &&
		     request->action != REQUEST_RESET_ENV && request->action != REQUEST_BUS_ADDRESS);
	if (request->action != REQUEST_EMIT)
		return;
	must(request->name != NULL && request->name[0] != '\0');
	for (char **v = request->env; v != NULL && *v != NULL; v++)
		must(strchr(*v, '=') != NULL);
}

static void
send_to_control(uint32_t type, uint64_t id, const void *message)
{
	must(msg_send(stage.init, type, id, message, NULL, 0) == 0);
}

static void
hear_request(const struct ipc_message *m)
{
	struct msg_request request;
	bool query = m->type == MSG_QUERY;
	int r = msg_decode(m, &request);

	must(r == 0);
	check_request(&request, query);
	if (!query) {
		struct msg_ack ack = { .upto = m->id };

		send_to_control(MSG_ACK, 0, &ack);
	}
	if (stage.n_waiting < WAITING_MAX) {
		stage.waiting[stage.n_waiting].number = request.request;
		stage.waiting[stage.n_waiting++].query = query;
	} else { /* answered at once */
		char nothing[] = "";
		struct msg_reply reply = { .request = request.request, .value = nothing };

		send_to_control(MSG_REPLY, query ? 0 : ++stage.effect, &reply);
	}
	msg_free(m->type, &request);
}

static bool
hear(void)
{
	struct ipc_message m;
	int r = ipc_receive(stage.init, &m);

	must(r >= 0);
	if (r == 0)
		return false;
	if (m.type == MSG_REQUEST || m.type == MSG_QUERY)
		hear_request(&m);
	else
		must(m.type == MSG_ACK || m.type == MSG_AUDIENCE || m.type == MSG_SAID);
	ipc_message_deinit(&m);
	return true;
}

static const char *const errors[] = { NULL,	       NULL,		ERR_GONE,	     ERR_UNKNOWN_JOB, ERR_INVALID_ARGS,
				      ERR_FAILED, ERR_JOB_FAILED, "not an error name", "" };

/* Answer the request at `i`, with anything. */
static void
answer(size_t i, struct bytes *in)
{
	struct msg_reply reply = { .request = stage.waiting[i].number };
	const char *error = errors[take(in) % ARRAY_SIZE(errors)];
	bool query = stage.waiting[i].query;

	reply.error = error != NULL ? strdup(error) : NULL;
	reply.more = query && in->n > 0 && take(in) % 8 == 0;
	if (in->n > 0) {
		reply.text = take_text(in, false);
		reply.value = take_text(in, false);
		reply.instance = take_text(in, false);
		reply.list = take_texts(in);
	}
	if (in->n > 0) {
		reply.description = take_text(in, false);
		reply.start_on = take_texts(in);
		reply.processes = take_texts(in);
		reply.state = take_text(in, false);
		reply.job = take_text(in, false);
	}
	if (!reply.more || reply.error != NULL)
		stage.waiting[i] = stage.waiting[--stage.n_waiting];
	send_to_control(MSG_REPLY, query ? 0 : ++stage.effect, &reply);
	msg_free(MSG_REPLY, &reply);
}

static void
notify(struct bytes *in)
{
	struct msg_notify notify = { .type = take(in) % NOTIFY_TYPE_COUNT };

	notify.job = take_text(in, false);
	notify.instance = take_text(in, false);
	notify.text = take_text(in, false);
	notify.env = take_texts(in);
	notify.value = (int32_t) take(in);
	send_to_control(MSG_NOTIFY, ++stage.effect, &notify);
	msg_free(MSG_NOTIFY, &notify);
}

static void
say_hello(bool reexec)
{
	char program[] = "init";
	struct msg_hello hello = { .generation = 1, .program = program, .reexec = reexec, .received = UINT64_MAX };

	hello.log_level = LOG_LEVEL_FATAL;
	hello.chroot_sessions = stage.control.chroot_sessions;
	send_to_control(MSG_HELLO, 0, &hello);
}

/* -- the client --------------------------------------------------------------- */

/* Nothing leaves this process, and no program is started ("unixexec:" is an address, too). */
DBusConnection *
__wrap_dbus_connection_open_private(const char *address, DBusError *error)
{
	if (strcmp(address, stage.address) == 0)
		return __real_dbus_connection_open_private(address, error);
	dbus_set_error_const(error, DBUS_ERROR_NO_SERVER, "There is no bus here");
	return NULL;
}

static void
leave(void)
{
	if (stage.client == NULL)
		return;
	dbus_connection_close(stage.client);
	dbus_connection_unref(stage.client);
	stage.client = NULL;
}

/* Everybody does what there is to do. */
static void
turn(void)
{
	(void) event_base_loop(stage.control.base, EVLOOP_NONBLOCK);
	while (hear())
		;
	if (stage.client == NULL)
		return;
	(void) dbus_connection_read_write(stage.client, 0);
	for (;;) {
		DBusMessage *m = dbus_connection_pop_message(stage.client);

		if (m == NULL)
			break;
		dbus_message_unref(m);
	}
	if (!dbus_connection_get_is_connected(stage.client))
		leave();
}

static bool
is_busy(void)
{
	const struct peer *peer;

	DL_FOREACH(stage.control.peers, peer)
		if (dbus_connection_has_messages_to_send(peer->dbus) ||
		    dbus_connection_get_dispatch_status(peer->dbus) != DBUS_DISPATCH_COMPLETE)
			return true;
	return ipc_wants_write(stage.init) || (stage.client != NULL && dbus_connection_has_messages_to_send(stage.client));
}

static void
turns(void)
{
	for (int i = 0; i < TURNS; i++) {
		turn();
		if (i > 1 && !is_busy())
			break;
	}
}

/* NULL: it was turned away, as one of whom init says nonsense is. */
static struct peer *
connect_client(void)
{
	if (stage.client != NULL && stage.control.peers != NULL)
		return stage.control.peers;
	leave();
	stage.client = dbus_connection_open_private(stage.address, NULL);
	must(stage.client != NULL);
	dbus_connection_set_exit_on_disconnect(stage.client, FALSE);
	for (int i = 0; i < 1000; i++) {
		turn();
		if (stage.client == NULL)
			return NULL;
		if (dbus_connection_get_is_authenticated(stage.client) && stage.control.peers != NULL)
			return stage.control.peers;
	}
	abort();
}

/* From the client itself, or as a message that came over a bus from a user. */
static void
deliver(DBusMessage *message, unsigned how)
{
	static const int32_t users[] = { 0, STRANGER, -1 };
	struct peer *peer = connect_client();

	if (peer == NULL)
		return;
	if (how % 4 == 0)
		(void) dbus_connection_send(stage.client, message, NULL);
	else if (dbus_message_get_type(message) == DBUS_MESSAGE_TYPE_METHOD_CALL)
		must(dispatch_call(peer, message, users[how % 4 - 1], 1));
}

static void
raw_message(struct bytes *in, unsigned how)
{
	size_t len = take(in);
	DBusMessage *message;

	len |= (size_t) take(in) << 8;
	len = len < in->n ? len : in->n;
	message = dbus_message_demarshal((const char *) in->p, (int) len, NULL);
	in->p += len;
	in->n -= len;
	if (message == NULL)
		return;
	if (dbus_message_get_serial(message) != 0)
		deliver(message, how);
	dbus_message_unref(message);
}

/* -- messages made of names from the tables ----------------------------------- */

static const char *const paths[] = { MANAGER_PATH, JOBS_PATH "/web", JOBS_PATH "/web/_",	    JOBS_PATH, "/",
				     "/com",	   JOBS_PATH "/_2fsrv_2froot/web", JOBS_PATH "/web/a_2fb/c", JOBS_PATH "/w_5" };
static const char *const variants[] = { "s", "b", "as", "u", "i", "o", "aas", "a{sv}", "(si)", "v" };

static void put_values(DBusMessageIter *to, DBusSignatureIter *type, struct bytes *in, int depth);

static void
put_one(DBusMessageIter *to, DBusSignatureIter *type, struct bytes *in, int depth)
{
	int kind = dbus_signature_iter_get_current_type(type);
	dbus_uint64_t number = take(in);
	DBusSignatureIter below;
	DBusMessageIter inside;
	char *text = NULL;
	int fd = 2;

	switch (kind) {
	case DBUS_TYPE_STRING:
		text = take_text(in, true);
		must(dbus_message_iter_append_basic(to, kind, &text));
		break;
	case DBUS_TYPE_OBJECT_PATH:
		text = strdup(paths[number % ARRAY_SIZE(paths)]);
		must(dbus_message_iter_append_basic(to, kind, &text));
		break;
	case DBUS_TYPE_UNIX_FD:
		must(dbus_message_iter_append_basic(to, kind, &fd));
		break;
	case DBUS_TYPE_BOOLEAN:
		number %= 2;
		must(dbus_message_iter_append_basic(to, kind, &number));
		break;
	case DBUS_TYPE_ARRAY: {
		char *element;

		dbus_signature_iter_recurse(type, &below);
		element = dbus_signature_iter_get_signature(&below);
		must(dbus_message_iter_open_container(to, kind, element, &inside));
		for (number %= 5; number > 0; number--)
			put_one(&inside, &below, in, depth + 1);
		must(dbus_message_iter_close_container(to, &inside));
		dbus_free(element);
		break;
	}
	case DBUS_TYPE_STRUCT:
	case DBUS_TYPE_DICT_ENTRY:
		dbus_signature_iter_recurse(type, &below);
		must(dbus_message_iter_open_container(to, kind, NULL, &inside));
		put_values(&inside, &below, in, depth + 1);
		must(dbus_message_iter_close_container(to, &inside));
		break;
	case DBUS_TYPE_VARIANT: {
		const char *what = depth > 4 ? "s" : variants[number % ARRAY_SIZE(variants)];

		dbus_signature_iter_init(&below, what);
		must(dbus_message_iter_open_container(to, kind, what, &inside));
		put_values(&inside, &below, in, depth + 1);
		must(dbus_message_iter_close_container(to, &inside));
		break;
	}
	default: /* the other numbers */
		must(dbus_message_iter_append_basic(to, kind, &number));
		break;
	}
	free(text);
}

static void
put_values(DBusMessageIter *to, DBusSignatureIter *type, struct bytes *in, int depth)
{
	do
		put_one(to, type, in, depth);
	while (dbus_signature_iter_next(type));
}

static void
made_message(struct bytes *in, unsigned how)
{
	const struct method *method = &methods[take(in) % methods_count];
	unsigned odd = take(in);
	unsigned kinds = interfaces[method->interface].kinds;
	size_t usual = kinds == 1u << OBJECT_MANAGER ? 0 : kinds == 1u << OBJECT_JOB ? 1 : kinds == 1u << OBJECT_INSTANCE ? 2 : odd / 4 % 3;
	const char *path = paths[odd % 4 == 0 ? take(in) % ARRAY_SIZE(paths) : usual];
	const char *interface = odd % 8 == 1 ? NULL : interfaces[odd % 16 == 2 ? take(in) % IFACE_COUNT : method->interface].name;
	const char *signature = odd % 32 == 3 ? variants[take(in) % ARRAY_SIZE(variants)] : method->in;
	DBusMessage *message = dbus_message_new_method_call(NULL, path, interface, method->name);
	DBusSignatureIter type;
	DBusMessageIter to;

	must(message != NULL);
	dbus_message_set_no_reply(message, odd > 240);
	dbus_message_iter_init_append(message, &to);
	if (signature[0] != '\0') {
		dbus_signature_iter_init(&type, signature);
		put_values(&to, &type, in, 0);
	}
	if (how % 4 != 0) /* else the connection numbers it */
		dbus_message_set_serial(message, 1 + take(in));
	deliver(message, how);
	dbus_message_unref(message);
}

/* -- one input ---------------------------------------------------------------- */

static void
step(struct bytes *in)
{
	unsigned what = take(in), how = what / 8;

	switch (what % 8) {
	case 0:
	case 1:
		raw_message(in, how);
		break;
	case 2:
	case 3:
		made_message(in, how);
		break;
	case 4:
	case 5:
		if (stage.n_waiting > 0)
			answer(how % stage.n_waiting, in);
		break;
	case 6:
		if (how % 4 == 0)
			say_hello(how % 8 == 0);
		else
			notify(in);
		break;
	default:
		if (how % 8 == 0)
			leave(); /* whatever it waits for */
		break;
	}
	turns();
}

static void
say_nothing(enum log_level level, const char *text, void *data)
{
}

int
LLVMFuzzerInitialize(int *argc, char ***argv)
{
	struct control *control = &stage.control;
	int fds[2];

	library_prepare();
	(void) setenv("DBUS_FATAL_WARNINGS", "1", 1); /* here what libdbus complains of is a fault */
	log_set_sink(say_nothing, NULL);
	(void) snprintf(stage.address, sizeof(stage.address), "unix:abstract=/upstart-fuzz-%ld", (long) getpid());
	must(ipc_pair(fds) == 0);
	stage.init = ipc_new(fds[0]);
	control->options = (struct options){ .mode = MODE_USER, .no_sandbox = true, .listen = { stage.address }, .n_listen = 1 };
	control->base = event_base_new();
	control->program = strdup("init");
	control->uid = getuid();
	control->max_peers = 8;
	must(stage.init != NULL && control->base != NULL && control->program != NULL);
	must(bus_init(control) == 0 && link_open(control, fds[1]) == 0);
	control->serving = true;
	peer_listen(control);
	must(control->n_servers == 1);
	return 0;
}

/* Each input begins without calls and with the same init. */
static void
begin(unsigned how)
{
	struct control *control = &stage.control;

	control->options.mode = (enum init_mode) (how % 3);
	control->pid1 = control->options.mode == MODE_SYSTEM;
	control->trusting = control->options.mode == MODE_USER;
	if (control->chroot_sessions != (how % 8 == 7))
		leave();
	turns();
	control->chroot_sessions = how % 8 == 7;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct bytes in = { data, size }, nothing = { NULL, 0 };

	begin(take(&in));
	for (int i = 0; i < STEPS_MAX && in.n > 0; i++)
		step(&in);
	for (int i = 0; i < 1000 && stage.n_waiting > 0; i++) {
		while (stage.n_waiting > 0)
			answer(stage.n_waiting - 1, &nothing);
		turns();
	}
	must(stage.n_waiting == 0);
	must(stage.control.calls == NULL && stage.control.n_calls == 0 && stage.control.call_bytes == 0);
	return 0;
}
