/* SPDX-License-Identifier: MIT */
/*
 * By inotify: one descriptor for all roots. A watched directory is a node; the kernel's watch
 * number is per inode, so several nodes (the same directory in two roots, an ancestor of two) may share
 * one, and all nodes ask for the same kinds of news.
 *
 * Whenever directories come, go or move, or the kernel's queue overflows, the nodes of the root are
 * built again (also when the mode of one changes, which may now be readable): first all watches are added, then the
 * ones not seen again are dropped, then the listener is told to rescan. Nothing that happens in between is lost, since
 * it either happens before the rescan or is told by a watch that is already there.
 */
#include "system/watch.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <utlist.h>

#include "common/str.h"
#include "system/clock.h"

#define NEWS                                                                                                           \
	(IN_CREATE | IN_CLOSE_WRITE | IN_MOVED_TO | IN_MOVED_FROM | IN_DELETE | IN_DELETE_SELF | IN_MOVE_SELF |        \
	 IN_ATTRIB | IN_ONLYDIR | IN_EXCL_UNLINK)
#define MAX_DEPTH 64
#define RETRY (USEC_PER_SEC * 5) /* after a fault such as no memory or no watches left */

struct node {
	struct node *prev, *next;
	int wd;
	unsigned generation;
	char *path; /* owned */
	char *only; /* owned: this node is about that name alone (an ancestor, or a file's directory); NULL: all */
};

struct root {
	struct root *prev, *next;
	unsigned number;
	unsigned generation;
	bool file;
	bool present;
	bool broken;  /* the last build was not complete */
	bool rebuild; /* wanted at the end of this turn */
	char *path;   /* owned */
	struct node *nodes;
};

struct watch {
	int fd;
	struct loop_fd *source;
	struct loop_timer *retry;
	struct root *roots;
	watch_enter_fn enter;
	watch_fn fn;
	void *data; /* borrowed */
};

static void
node_free(struct root *root, struct node *node)
{
	DL_DELETE(root->nodes, node);
	free(node->path);
	free(node->only);
	free(node);
}

static bool
wd_is_used(const struct watch *watch, int wd)
{
	const struct root *root;
	const struct node *node;

	DL_FOREACH(watch->roots, root)
		DL_FOREACH(root->nodes, node)
			if (node->wd == wd)
				return true;
	return false;
}

static void
node_drop(struct watch *watch, struct root *root, struct node *node)
{
	int wd = node->wd;

	node_free(root, node);
	if (!wd_is_used(watch, wd))
		(void) inotify_rm_watch(watch->fd, wd);
}

static struct node *
node_find(struct root *root, const char *path)
{
	struct node *node;

	DL_FOREACH(root->nodes, node)
		if (strcmp(node->path, path) == 0)
			return node;
	return NULL;
}

/* Is that no fault of a directory on the way? It may vanish meanwhile, or be closed to us. */
static bool
is_passed_over(int error)
{
	return error == ENOENT || error == ENOTDIR || error == EACCES;
}

/* Watch one directory; -ENOENT and -ENOTDIR when it is not there. */
static int
node_add(struct watch *watch, struct root *root, const char *path, const char *only)
{
	int wd = inotify_add_watch(watch->fd, path, NEWS);
	struct node *node;

	if (wd < 0)
		return -errno;
	node = node_find(root, path);
	if (node != NULL && node->wd != wd) {
		node_drop(watch, root, node);
		node = NULL;
	}
	if (node == NULL) {
		node = calloc(1, sizeof(*node));
		if (node == NULL)
			return -ENOMEM;
		node->wd = wd;
		node->path = strdup(path);
		DL_APPEND(root->nodes, node);
	}
	free(node->only);
	node->only = only != NULL ? strdup(only) : NULL;
	node->generation = root->generation;
	if (node->path == NULL || (only != NULL && node->only == NULL)) {
		node_drop(watch, root, node);
		return -ENOMEM;
	}
	return 0;
}

static bool
is_directory(int dir, const struct dirent *entry)
{
	struct stat st;

	if (entry->d_type != DT_UNKNOWN)
		return entry->d_type == DT_DIR;
	return fstatat(dir, entry->d_name, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISDIR(st.st_mode);
}

/* Watch a directory and those below it. */
static int
tree_add(struct watch *watch, struct root *root, const char *path, int depth)
{
	const struct dirent *entry;
	int r = node_add(watch, root, path, NULL);
	DIR *dir;

	if (r < 0)
		return depth > 0 && is_passed_over(-r) ? 0 : r;
	if (depth == MAX_DEPTH)
		return 0;
	dir = opendir(path);
	if (dir == NULL)
		return is_passed_over(errno) ? 0 : -errno;
	while ((entry = readdir(dir)) != NULL) {
		auto_free char *below = NULL;

		if (!is_directory(dirfd(dir), entry) || !watch->enter(entry->d_name))
			continue;
		below = str_printf("%s/%s", path, entry->d_name);
		r = below != NULL ? tree_add(watch, root, below, depth + 1) : -ENOMEM;
		if (r < 0)
			break;
	}
	(void) closedir(dir);
	return r < 0 ? r : 0;
}

/* Watch the nearest directory above `path` that is there and can be watched, for the next name on the way. */
static int
ancestor_add(struct watch *watch, struct root *root, const char *path)
{
	auto_free char *up = strdup(path);
	char *slash;
	int r;

	if (up == NULL)
		return -ENOMEM;
	while ((slash = strrchr(up, '/')) != NULL) {
		auto_free char *only = strdup(slash + 1);

		if (only == NULL)
			return -ENOMEM;
		*slash = '\0';
		if (*only == '\0')
			continue; /* doubled or trailing */
		r = node_add(watch, root, *up == '\0' ? "/" : up, only);
		if (r == 0 || !is_passed_over(-r))
			return r;
	}
	/* A relative path begins where init was started. */
	return path[0] != '/' && *up != '\0' ? node_add(watch, root, ".", up) : -ENOENT;
}

static int
root_build(struct watch *watch, struct root *root)
{
	struct node *node, *next;
	bool closed;
	int r;

	root->generation++;
	root->rebuild = false;
	r = root->file ? -ENOENT : tree_add(watch, root, root->path, 0);
	root->present = r == 0;
	closed = r == -EACCES;
	if (closed) /* where it lies one can hear that its mode has changed */
		r = ancestor_add(watch, root, root->path);
	/* Between the attempt and the ancestor's watch it may have come: look once more. */
	for (int i = 0; (r == -ENOENT || r == -ENOTDIR) && i < 3; i++) {
		r = ancestor_add(watch, root, root->path);
		if (r < 0 || root->file)
			break;
		if (access(root->path, F_OK) == 0) {
			r = tree_add(watch, root, root->path, 0);
			root->present = r == 0;
		}
	}
	root->broken = r < 0;
	if (root->broken && watch->retry != NULL && !loop_timer_is_set(watch->retry))
		loop_timer_set(watch->retry, clock_now() + RETRY);
	DL_FOREACH_SAFE(root->nodes, node, next)
		if (node->generation != root->generation && !root->broken)
			node_drop(watch, root, node);
	return closed ? -EACCES : r;
}

/* -- news --------------------------------------------------------------------- */

/*
 * Is a file that has just appeared complete? One made by open() tells again when its writer closes it; a
 * link does not.
 */
static bool
created_is_complete(const char *path)
{
	struct stat st;

	return lstat(path, &st) == 0 && (S_ISLNK(st.st_mode) || (S_ISREG(st.st_mode) && st.st_nlink > 1));
}

static void
handle_node(struct watch *watch, struct root *root, const struct node *node, const struct inotify_event *e)
{
	auto_free char *path = NULL;

	if ((e->mask & (IN_DELETE_SELF | IN_MOVE_SELF | IN_IGNORED | IN_UNMOUNT)) != 0) {
		root->rebuild = true;
		return;
	}
	if ((e->mask & IN_ATTRIB) != 0 && (e->mask & IN_ISDIR) == 0)
		return;
	if (e->len == 0 || (node->only != NULL && strcmp(node->only, e->name) != 0))
		return;
	if ((e->mask & IN_ISDIR) != 0 && node->only == NULL) {
		root->rebuild = root->rebuild || watch->enter(e->name);
		return;
	}
	path = str_printf("%s/%s", strcmp(node->path, "/") == 0 ? "" : node->path, e->name);
	if (path == NULL || (node->only != NULL && (!root->file || strcmp(path, root->path) != 0))) {
		root->rebuild = true;
		return;
	}
	if ((e->mask & IN_CREATE) != 0 && !created_is_complete(path))
		return;
	watch->fn(WATCH_FILE, root->number, path, watch->data);
}

static void
handle(struct watch *watch, const struct inotify_event *e)
{
	struct root *root;
	struct node *node, *next;

	DL_FOREACH(watch->roots, root) {
		if ((e->mask & IN_Q_OVERFLOW) != 0) {
			root->rebuild = true;
			continue;
		}
		DL_FOREACH_SAFE(root->nodes, node, next) {
			if (node->wd != e->wd)
				continue;
			handle_node(watch, root, node, e);
			if ((e->mask & IN_IGNORED) != 0)
				node_free(root, node);
		}
	}
}

static void
rebuild_all(struct watch *watch)
{
	struct root *root;

	DL_FOREACH(watch->roots, root) {
		if (!root->rebuild)
			continue;
		(void) !root_build(watch, root);
		watch->fn(WATCH_RESCAN, root->number, NULL, watch->data);
	}
}

static void
read_cb(unsigned events, void *data)
{
	_Alignas(struct inotify_event) char buffer[16384];
	struct watch *watch = data;
	ssize_t n;

	(void) events;
	/* One bufferful a turn: others come in between, however fast files change. */
	n = read(watch->fd, buffer, sizeof(buffer));
	for (const char *p = buffer; n > 0 && p < buffer + n;) {
		const struct inotify_event *e = (const void *) p;

		handle(watch, e);
		p += sizeof(*e) + e->len;
	}
	rebuild_all(watch);
}

static void
retry_cb(void *data)
{
	struct watch *watch = data;
	struct root *root;

	DL_FOREACH(watch->roots, root)
		root->rebuild = root->rebuild || root->broken;
	rebuild_all(watch);
}

/* -- making ------------------------------------------------------------------- */

int
watch_new(struct loop *loop, watch_enter_fn enter, watch_fn fn, void *data, struct watch **made)
{
	struct watch *watch = calloc(1, sizeof(*watch));

	*made = NULL;
	if (watch == NULL)
		return -ENOMEM;
	watch->enter = enter;
	watch->fn = fn;
	watch->data = data;
	watch->fd = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
	if (watch->fd < 0) {
		int error = errno;

		free(watch);
		return -error;
	}
	watch->source = loop_fd_new(loop, watch->fd, LOOP_READ, read_cb, watch);
	watch->retry = loop_timer_new(loop, retry_cb, watch);
	if (watch->source == NULL || watch->retry == NULL) {
		(void) watch_free(watch);
		return -ENOMEM;
	}
	*made = watch;
	return 0;
}

struct watch *
watch_free(struct watch *watch)
{
	struct root *root, *next_root;
	struct node *node, *next;

	if (watch == NULL)
		return NULL;
	DL_FOREACH_SAFE(watch->roots, root, next_root) {
		DL_FOREACH_SAFE(root->nodes, node, next)
			node_free(root, node);
		DL_DELETE(watch->roots, root);
		free(root->path);
		free(root);
	}
	(void) loop_fd_free(watch->source);
	(void) loop_timer_free(watch->retry);
	(void) close(watch->fd);
	free(watch);
	return NULL;
}

int
watch_add(struct watch *watch, unsigned number, const char *path, bool file)
{
	struct root *root;

	DL_FOREACH(watch->roots, root)
		if (root->number == number)
			return root_build(watch, root);
	root = calloc(1, sizeof(*root));
	if (root == NULL)
		return -ENOMEM;
	root->number = number;
	root->file = file;
	root->path = strdup(path);
	if (root->path == NULL) {
		free(root);
		return -ENOMEM;
	}
	DL_APPEND(watch->roots, root);
	return root_build(watch, root);
}
