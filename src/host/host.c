/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The real machine, and the acts on it that can take long or hang.
 *
 * Theory of operation. A driver's remove() runs inside the write(2) to its unbind attribute, and one
 * that waits for hardware or for a user that never lets go keeps the writer in an uninterruptible
 * sleep. So the write happens in a child that holds nothing of ours (no descriptor, no lock, no
 * terminal), and we wait for its answer on a pipe until the deadline. A child that stays is left
 * behind: it cannot be killed, and its write may still complete; the caller must treat the device as
 * being on its way.
 */
#include "host/host-priv.h"

#include <errno.h>
#include <fcntl.h>
#include <ifaddrs.h>
#include <linux/close_range.h>
#include <net/if.h>
#include <netdb.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/error.h"
#include "base/io.h"
#include "base/sysfs.h"
#include "base/text.h"

#define WRITE_MS  30000
#define SETTLE_MS 300

static uint64_t now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

/* The child gives up everything of ours but `keep`, so that nothing waits for it should it stay. */
static void let_go(int keep)
{
	int null = open("/dev/null", O_RDWR);

	if (null >= 0) {
		dup2(null, STDIN_FILENO);
		dup2(null, STDOUT_FILENO);
		dup2(null, STDERR_FILENO);
	}
	if (keep > 3)
		close_range(3, (unsigned)keep - 1, 0);
	close_range((unsigned)keep + 1, ~0U, 0);
}

_Noreturn static void write_in_child(pid_t parent, int answer, const char *path, const char *text)
{
	struct error record = { 0 };

	/* Should we be killed, a write that has not begun is better not made behind the next command's back.
	 */
	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != parent)
		_exit(1);
	let_go(answer);
	if (sysfs_write_text(path, text))
		record = *error_get();
	_exit(io_write_full(answer, &record, sizeof(record)) ? 1 : 0);
}

/* Waits for a first byte or the end of the file. */
static int wait_readable(int fd, unsigned ms)
{
	uint64_t until = now_ms() + ms;
	struct pollfd poll_fd = { .fd = fd, .events = POLLIN };

	for (;;) {
		uint64_t now = now_ms();
		int ready = poll(&poll_fd, 1, now < until ? (int)(until - now) : 0);

		if (ready > 0)
			return 0;
		if (ready == 0)
			return error_set(ETIMEDOUT, "no answer within %u ms", ms);
		if (errno != EINTR)
			return error_sys(errno, "poll");
	}
}

static void reap(pid_t child)
{
	while (waitpid(child, NULL, 0) < 0 && errno == EINTR)
		;
}

int host_write(const struct host *host, const char *path, const char *text)
{
	int pipe_fds[2], error;
	struct error record;
	pid_t parent = getpid(), child;

	if (pipe2(pipe_fds, O_CLOEXEC))
		return error_sys(errno, "pipe for the write to %s", path);
	child = fork();
	if (child < 0) {
		error = error_sys(errno, "fork for the write to %s", path);
		close(pipe_fds[0]);
		close(pipe_fds[1]);
		return error;
	}
	if (child == 0)
		write_in_child(parent, pipe_fds[1], path, text);
	close(pipe_fds[1]);

	if (wait_readable(pipe_fds[0], host->write_ms)) {
		kill(child, SIGKILL); /* ends a write that merely waits; one stuck in a driver stays */
		error = error_set(ETIMEDOUT, "the write to %s did not come back within %u seconds", path,
				  (host->write_ms + 999) / 1000);
	} else {
		error = io_read_full(pipe_fds[0], &record, sizeof(record));
		if (error)
			error = error_set(EIO, "the process that wrote to %s died", path);
		else if (record.errnum)
			error = error_load(&record);
		reap(child);
	}
	close(pipe_fds[0]);
	return error;
}

int host_load_module(const struct host *host, const char *name)
{
	int status = 0;
	pid_t child = fork();

	if (child < 0)
		return error_sys(errno, "fork for modprobe %s", name);
	if (child == 0) {
		let_go(3);
		close(3);
		execlp("modprobe", "modprobe", "--", name, (char *)NULL);
		execl("/sbin/modprobe", "modprobe", "--", name, (char *)NULL);
		_exit(127);
	}
	while (waitpid(child, &status, 0) < 0) {
		if (errno != EINTR)
			return error_sys(errno, "wait for modprobe %s", name);
	}
	if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
		return 0;
	if (WIFEXITED(status) && WEXITSTATUS(status) == 127)
		return error_set(ENOENT, "modprobe could not be run");
	return error_set(ENOENT, "modprobe %s failed", name);
}

/* Whether the address is one that others may be using. */
static bool is_reachable(const struct sockaddr *address)
{
	if (address->sa_family == AF_INET)
		return true;
	if (address->sa_family == AF_INET6) {
		const struct sockaddr_in6 *in6 = (const struct sockaddr_in6 *)(const void *)address;

		return !IN6_IS_ADDR_LINKLOCAL(&in6->sin6_addr);
	}
	return false;
}

static void host_addresses(const struct host *host, const char *interface, char *ret_text, size_t size)
{
	struct ifaddrs *list = NULL;
	size_t used = 0;

	ret_text[0] = '\0';
	if (getifaddrs(&list))
		return;
	for (struct ifaddrs *item = list; item && used < size; item = item->ifa_next) {
		char number[NI_MAXHOST];
		socklen_t length;

		if (!item->ifa_addr || strcmp(item->ifa_name, interface) != 0 ||
		    !is_reachable(item->ifa_addr))
			continue;
		length = item->ifa_addr->sa_family == AF_INET ? sizeof(struct sockaddr_in)
							      : sizeof(struct sockaddr_in6);
		if (getnameinfo(item->ifa_addr, length, number, sizeof(number), NULL, 0, NI_NUMERICHOST))
			continue;
		used += (size_t)snprintf(ret_text + used, size - used, "%s%s", used ? ", " : "", number);
	}
	freeifaddrs(list);
}

void host_init(struct host *host)
{
	static const struct host_ops real = {
		.write = host_write,
		.load_module = host_load_module,
		.addresses = host_addresses,
	};
	struct utsname kernel = { 0 };

	*host = (struct host){
		.sys = "/sys",
		.proc = "/proc",
		.dev = "/dev",
		.state = "/var/lib/handfast",
		.ssh_connection = getenv("SSH_CONNECTION"),
		.ops = &real,
		.write_ms = WRITE_MS,
		.settle_ms = SETTLE_MS,
	};
	(void)uname(&kernel);
	(void)snprintf(host->modules, sizeof(host->modules), "/lib/modules/%s", kernel.release);
}
