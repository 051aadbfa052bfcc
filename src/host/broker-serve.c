/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The broker's process: answers the VM process's requests one after the other.
 *
 * It was forked before any thread and any guest memory, keeps the rights handfast was started with, and
 * holds nothing of its parent but the folder it was started in and the place that messages go to, as its
 * standard error: when the VM process was killed, nobody else is left to say what went wrong. What it
 * opens for the VM it closes once sent. It leaves when the socket ends, which the kernel sees to
 * however the VM process dies, and meanwhile ignores the signals that a terminal sends to everybody in
 * it, because it may be in the middle of giving a device back.
 *
 * A VM process that comes to its end asks for its managed devices to be given back (BROKER_GIVE_BACK) and
 * waits for the answer. When the socket ends without that, the process died, and may still be dying: its
 * socket is closed before its devices are. So the broker waits for its end, and then gives back.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <libgen.h>
#include <linux/close_range.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/io.h"
#include "base/log.h"
#include "base/sysfs.h"
#include "base/text.h"
#include "host/broker-priv.h"
#include "host/check-priv.h"
#include "host/memlock-priv.h"
#include "host/node-priv.h"
#include "host/nofile-priv.h"
#include "host/process-priv.h"
#include "host/regions-priv.h"

#define HOLDERS_SHOWN 8
#define GROUP_LOOKS   10 /* at a group that somebody has, */
#define GROUP_LOOK_NS 20000000

struct server {
	const struct host *host;
	pid_t vm;  /* who asked last */
	int vm_fd; /* tells its end; -1 */
	struct managed managed;
};

static int open_kvm(const struct host *host, int *ret_fd)
{
	char path[PATH_MAX];
	int fd = open(sysfs_path(path, "%s/kvm", host->dev), O_RDWR | O_CLOEXEC);

	if (fd < 0) {
		(void)check_kvm_denied(host, path, errno);
		return error_tried("use the kernel's KVM");
	}
	*ret_fd = fd;
	return 0;
}

/* Cuts path down to the first folder on its way that exists. */
static void existing_folder(char path[PATH_MAX])
{
	struct stat status;

	do {
		const char *up = dirname(path); /* cuts path itself, or is a text of its own */

		if (up != path)
			(void)text_copy(path, PATH_MAX, up);
	} while (stat(path, &status) && strcmp(path, "/") != 0 && strcmp(path, ".") != 0);
}

/* Which folder on the way to path is missing or closed to us. */
static int explain_path(const char *path, int errnum)
{
	char copy[PATH_MAX], parent[PATH_MAX], here[PATH_MAX];

	(void)text_copy(copy, sizeof(copy), path);
	(void)text_copy(parent, sizeof(parent), dirname(copy));
	if (errnum == EACCES && access(parent, X_OK) == 0)
		return node_unreadable(path);
	(void)text_copy(copy, sizeof(copy), path);
	existing_folder(copy);
	if (errnum == ENOENT && strcmp(copy, parent) != 0)
		error_set(errnum, "the folder %s does not exist", parent);
	else
		error_sys(errnum, "%s", path);
	if (errnum == ENOENT && path[0] != '/' && getcwd(here, sizeof(here)))
		error_add("the path counts from %s", here);
	return error_try("ls -l %s    (shows what there is)", copy);
}

/* What a file that cannot be read from beginning to end is. */
static const char *kind_of(mode_t mode)
{
	switch (mode & S_IFMT) {
	case S_IFDIR:
		return "a folder";
	case S_IFIFO:
		return "a pipe";
	case S_IFSOCK:
		return "a socket";
	case S_IFCHR:
		return "a character device";
	default:
		return "of a strange kind";
	}
}

static int open_regular(const char *path, int *ret_fd)
{
	/* Without O_NONBLOCK, opening a pipe that nobody writes to would never come back. */
	auto_fd int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	struct stat status;

	if (fd < 0)
		return explain_path(path, errno);
	if (fstat(fd, &status))
		return error_sys(errno, "%s", path);
	if (!S_ISREG(status.st_mode) && !S_ISBLK(status.st_mode)) {
		bool folder = S_ISDIR(status.st_mode);

		error_set(folder ? EISDIR : EINVAL, "it is %s, not a file or a block device",
			  kind_of(status.st_mode));
		if (folder)
			return error_try("ls -l %s    (shows what is in it)", path);
		if (S_ISFIFO(status.st_mode))
			return error_try("cat %s > FILE, and give FILE", path);
		return error_try("name a file, or a disk's node");
	}
	if (fcntl(fd, F_SETFL, 0))
		return error_sys(errno, "%s", path);
	*ret_fd = fd_steal(&fd);
	return 0;
}

static int open_file(const struct broker_request *request, int *ret_fd)
{
	int error = open_regular(request->path, ret_fd);

	return error ? error_tried("open the %s %s", request->what, request->path) : 0;
}

static int device_check(const struct server *server, const struct broker_request *request,
			struct broker_device *ret_device)
{
	const struct check_scope scope = {
		.vm = server->vm,
		.bound = server->managed.list,
		.bound_count = server->managed.bound ? 0 : server->managed.count,
		.has_token = request->has_token,
	};

	return broker_answer_check(server->host, &request->id, &scope, ret_device);
}

static int bind_one(struct server *server, const struct broker_request *request, struct broker_answer *answer)
{
	const struct check_scope scope = {
		.vm = server->vm,
		.bound = &request->id.bdf,
		.bound_count = 1,
		.has_token = request->has_token,
	};
	int error = broker_answer_check(server->host, &request->id, &scope, &answer->device);

	if (!error)
		error = managed_bind_one(&server->managed, server->host, request->id.bdf, &answer->moved);
	managed_names(&server->managed, answer->text, sizeof(answer->text));
	return error;
}

static int open_container(const struct host *host, int *ret_fd)
{
	char path[PATH_MAX];
	int fd = open(sysfs_path(path, "%s/vfio/vfio", host->dev), O_RDWR | O_CLOEXEC);

	if (fd >= 0) {
		*ret_fd = fd;
		return 0;
	}
	(void)check_container_denied(path, errno);
	return error_tried("open %s", path);
}

/* The kernel lets one process at a time open a group. */
static int group_busy(const struct host *host, const char *path)
{
	struct process holders[HOLDERS_SHOWN];
	char names[512];
	size_t count = process_holders(host, path, 0, holders, HOLDERS_SHOWN);

	if (count)
		error_set(EBUSY, "it is in use by %s", process_names(holders, count, names, sizeof(names)));
	else
		error_set(EBUSY,
			  "it is in use by a process that cannot be seen from here (another user's, or "
			  "outside this container)");
	return error_try("end that virtual machine first");
}

static int group_missing(uint32_t group)
{
	error_set(ENOENT, "no device of IOMMU group %u is bound to vfio-pci", group);
	return error_try("handfast list    (shows the groups and their drivers)");
}

/* Another program may only look whether the group can be opened, and let go of it at once. */
static int open_once_free(const char *path)
{
	const struct timespec pause = { .tv_nsec = GROUP_LOOK_NS };
	int fd = open(path, O_RDWR | O_CLOEXEC);

	for (unsigned i = 0; fd < 0 && errno == EBUSY && i < GROUP_LOOKS; i++) {
		(void)nanosleep(&pause, NULL);
		fd = open(path, O_RDWR | O_CLOEXEC);
	}
	return fd;
}

static int open_group(const struct host *host, uint32_t group, int *ret_fd)
{
	char path[PATH_MAX];
	int fd = open_once_free(sysfs_path(path, "%s/vfio/%u", host->dev, group));

	if (fd >= 0) {
		*ret_fd = fd;
		return 0;
	}
	if (errno == EBUSY)
		group_busy(host, path);
	else if (errno == EACCES || errno == EPERM)
		node_denied(path, errno);
	else if (errno == ENOENT)
		group_missing(group);
	else
		error_sys(errno, "%s", path);
	return error_tried("open %s", path);
}

static uint64_t meminfo(const char *text, const char *key)
{
	const char *line = strstr(text, key);

	return line ? strtoull(line + strlen(key), NULL, 10) * 1024 : 0;
}

static int memory(const struct host *host, uint64_t *ret_total, uint64_t *ret_available)
{
	char path[PATH_MAX];
	auto_free char *text = NULL;
	int error = sysfs_read_file(sysfs_path(path, "%s/meminfo", host->proc), &text, NULL);

	if (error)
		return error_tried("find out how much memory this host has");
	*ret_total = meminfo(text, "MemTotal:");
	*ret_available = meminfo(text, "MemAvailable:");
	return 0;
}

static int allow_memlock(const struct host *host, pid_t vm, uint64_t bytes)
{
	char size[32];
	int error = memlock_allow(host, vm, bytes);

	return error ? error_tried("lock %s of guest memory", text_size(bytes, size, sizeof(size))) : 0;
}

static int give_back_one(struct server *server, const struct broker_request *request,
			 struct broker_answer *answer)
{
	int error = managed_give_back_one(&server->managed, server->host, request->id.bdf, answer->driver,
					  sizeof(answer->driver));

	managed_pay(&server->managed, server->host);
	managed_names(&server->managed, answer->text, sizeof(answer->text));
	return error;
}

static int dispatch(struct server *server, const struct broker_request *request, struct broker_answer *answer,
		    int *fd)
{
	const struct host *host = server->host;

	switch ((enum broker_verb)request->verb) {
	case BROKER_OPEN_KVM:
		return open_kvm(host, fd);
	case BROKER_OPEN_FILE:
		return open_file(request, fd);
	case BROKER_DEVICE_FIND:
		return broker_answer_find(host, request->path, &answer->id);
	case BROKER_DEVICE_CHECK:
		return device_check(server, request, &answer->device);
	case BROKER_DEVICE_TITLE:
		return broker_answer_title(host, &request->id, answer->text, sizeof(answer->text));
	case BROKER_MANAGE:
		managed_set(&server->managed, request);
		return 0;
	case BROKER_BIND_MANAGED:
		return managed_bind(&server->managed, host, answer->text, sizeof(answer->text));
	case BROKER_BIND_ONE:
		return bind_one(server, request, answer);
	case BROKER_GIVE_BACK:
		return managed_give_back(&server->managed, host);
	case BROKER_GIVE_BACK_ONE:
		return give_back_one(server, request, answer);
	case BROKER_OPEN_CONTAINER:
		return open_container(host, fd);
	case BROKER_OPEN_GROUP:
		return open_group(host, request->group, fd);
	case BROKER_ALLOW_MEMLOCK:
		return allow_memlock(host, server->vm, request->bytes);
	case BROKER_ALLOW_DESCRIPTORS:
		return nofile_allow(server->vm, request->count);
	case BROKER_MEMORY:
		return memory(host, &answer->total, &answer->available);
	case BROKER_RESERVED:
		return regions_of_host(host, answer->ranges, &answer->range_count);
	case BROKER_GROUP_RESERVED:
		return regions_of_group(host, request->group, answer->ranges, &answer->range_count);
	}
	return error_set(EPROTO, "the broker was asked for something it does not know (%u)", request->verb);
}

/* Gives up what was inherited and is not needed. */
static int settle(int socket)
{
	static const int ignored[] = { SIGINT, SIGTERM, SIGHUP, SIGPIPE, SIGQUIT, SIGUSR1, SIGUSR2 };
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);

	if (null < 0)
		return -1;
	for (size_t i = 0; i < sizeof(ignored) / sizeof(ignored[0]); i++)
		(void)signal(ignored[i], SIG_IGN);
	/* First, for it may have any number. */
	if (dup2(log_descriptor(), STDERR_FILENO) < 0)
		return -1;
	log_redirect(STDERR_FILENO);
	(void)setsid();
	(void)prctl(PR_SET_NAME, "handfast-broker");
	if (socket != 3 && dup3(socket, 3, O_CLOEXEC) < 0)
		return -1;
	if (dup2(null, STDIN_FILENO) < 0 || dup2(null, STDOUT_FILENO) < 0)
		return -1;
	close_range(4, ~0U, 0);
	return 3;
}

/* It may be another than the one that forked us: one that became a daemon. */
static void watch_vm(struct server *server, pid_t vm)
{
	if (server->vm == vm)
		return;
	if (server->vm_fd >= 0)
		close(server->vm_fd);
	server->vm = vm;
	server->vm_fd = pidfd_open(vm, 0);
}

/* Nobody asked for it, so there is nobody to tell but the log. */
static void give_back_after_death(struct server *server)
{
	struct pollfd end = { .fd = server->vm_fd, .events = POLLIN };

	if (!managed_has_any(&server->managed))
		return;
	while (server->vm_fd >= 0 && poll(&end, 1, -1) < 0 && errno == EINTR)
		;
	if (managed_give_back(&server->managed, server->host))
		log_failure(error_get());
}

_Noreturn void broker_serve(const struct host *host, int socket)
{
	struct server server = { .host = host, .vm_fd = -1 };
	struct broker_request request;
	struct broker_answer answer;
	pid_t vm;

	socket = settle(socket);
	while (socket >= 0 && io_receive(socket, &request, sizeof(request), NULL, &vm) == 0) {
		int fd = -1, error;

		watch_vm(&server, vm);
		request.what[sizeof(request.what) - 1] = '\0';
		request.path[sizeof(request.path) - 1] = '\0';
		request.id.uuid[sizeof(request.id.uuid) - 1] = '\0';
		memset(&answer, 0, sizeof(answer));
		if (dispatch(&server, &request, &answer, &fd))
			answer.error = *error_get();
		error = io_send(socket, &answer, sizeof(answer), fd);
		if (fd >= 0)
			close(fd);
		if (error && request.verb == BROKER_GIVE_BACK && answer.error.errnum)
			log_failure(&answer.error); /* who asked has waited long enough and left */
		if (error)
			break;
	}
	give_back_after_death(&server);
	_exit(0);
}
