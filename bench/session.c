/* SPDX-License-Identifier: MIT */
#include "session.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define CONNECT_SECONDS 60

void
put_file(const struct bench *b, const char *name, const char *text)
{
	char path[256];
	FILE *f;

	(void) snprintf(path, sizeof(path), "%s/conf/%s", b->dir, name);
	f = fopen(path, "w");
	if (f == NULL || fputs(text, f) == EOF || fclose(f) == EOF)
		die("%s: %s", path, strerror(errno));
}

void
make_dirs(struct bench *b)
{
	static const char *const names[] = { "conf", "log", "run", "home" };
	char path[256];

	(void) snprintf(b->dir, sizeof(b->dir), "/tmp/upstart-bench-XXXXXX");
	if (mkdtemp(b->dir) == NULL)
		die("mkdtemp: %s", strerror(errno));
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		(void) snprintf(path, sizeof(path), "%s/%s", b->dir, names[i]);
		if (mkdir(path, 0700) < 0)
			die("%s: %s", path, strerror(errno));
	}
}

static void
remove_dirs(const struct bench *b)
{
	char command[256];

	(void) snprintf(command, sizeof(command), "rm -rf '%s'", b->dir);
	if (system(command) != 0)
		(void) fprintf(stderr, "bench: %s is left behind\n", b->dir);
}

static void
exec_init(const struct bench *b)
{
	char conf[192], log[192], run[192], home[192];
	char *env[] = { run, home, (char *) "PATH=/usr/sbin:/usr/bin:/sbin:/bin", NULL };

	(void) snprintf(conf, sizeof(conf), "--confdir=%s/conf", b->dir);
	(void) snprintf(log, sizeof(log), "--logdir=%s/log", b->dir);
	(void) snprintf(run, sizeof(run), "XDG_RUNTIME_DIR=%s/run", b->dir);
	(void) snprintf(home, sizeof(home), "HOME=%s/home", b->dir);
	if (freopen("/dev/null", "w", stderr) == NULL) /* a line for each of a thousand killed services */
		_exit(127);
	(void) execle(b->init, "init", "--user", "--no-inherit-env", "--no-startup-event", conf, log, (char *) NULL,
		      env);
	_exit(127);
}

/* The address the session file names, once it is there. */
static bool
read_address(const struct bench *b, char *address, size_t size)
{
	char path[256], line[256];
	FILE *f;
	bool ok;

	(void) snprintf(path, sizeof(path), "%s/run/upstart/sessions/%d.session", b->dir, (int) b->pid);
	f = fopen(path, "r");
	if (f == NULL)
		return false;
	ok = fgets(line, sizeof(line), f) != NULL && strncmp(line, "UPSTART_SESSION=", 16) == 0;
	(void) fclose(f);
	if (!ok)
		return false;
	line[strcspn(line, "\n")] = '\0';
	(void) snprintf(address, size, "%s", line + 16);
	return true;
}

DBusMessage *
method(const char *name)
{
	DBusMessage *m =
	    dbus_message_new_method_call("com.ubuntu.Upstart", "/com/ubuntu/Upstart", "com.ubuntu.Upstart0_6", name);

	if (m == NULL)
		die("out of memory");
	return m;
}

/* Call and wait; the reply is thrown away. */
bool
call(struct bench *b, DBusMessage *m)
{
	DBusError err = DBUS_ERROR_INIT;
	DBusMessage *reply = dbus_connection_send_with_reply_and_block(b->bus, m, DBUS_TIMEOUT_INFINITE, &err);

	dbus_message_unref(m);
	if (reply == NULL) {
		dbus_error_free(&err);
		return false;
	}
	dbus_message_unref(reply);
	return true;
}

DBusMessage *
emit_message(const char *event, bool wait)
{
	DBusMessage *m = method("EmitEvent");
	DBusMessageIter it, array;
	dbus_bool_t flag = wait;

	dbus_message_iter_init_append(m, &it);
	if (!dbus_message_iter_append_basic(&it, DBUS_TYPE_STRING, &event) ||
	    !dbus_message_iter_open_container(&it, DBUS_TYPE_ARRAY, "s", &array) ||
	    !dbus_message_iter_close_container(&it, &array) ||
	    !dbus_message_iter_append_basic(&it, DBUS_TYPE_BOOLEAN, &flag))
		die("out of memory");
	return m;
}

void
start_init(struct bench *b)
{
	char address[256];
	double end = now() + CONNECT_SECONDS;
	struct timespec pause = { 0, 5000000 };

	b->pid = fork();
	if (b->pid < 0)
		die("fork: %s", strerror(errno));
	if (b->pid == 0)
		exec_init(b);
	for (;;) {
		if (now() > end)
			die("init did not come up");
		if (read_address(b, address, sizeof(address))) {
			b->bus = dbus_connection_open_private(address, NULL);
			if (b->bus != NULL) {
				dbus_connection_set_exit_on_disconnect(b->bus, FALSE);
				if (call(b, method("GetAllJobs")))
					return;
				dbus_connection_close(b->bus);
				dbus_connection_unref(b->bus);
			}
		}
		(void) nanosleep(&pause, NULL);
	}
}

void
stop_init(struct bench *b)
{
	int status;

	(void) call(b, method("EndSession"));
	(void) waitpid(b->pid, &status, 0);
	dbus_connection_close(b->bus);
	dbus_connection_unref(b->bus);
	remove_dirs(b);
}
