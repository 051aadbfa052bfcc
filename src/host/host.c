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
#include "host/progress-priv.h"

#define WRITE_MS  30000
#define SETTLE_MS 300

#define LOOK_MS		 100  /* between two looks at the time and at signals */
#define INTERRUPTIBLE_MS 1000 /* so long a write is let be, whatever Ctrl-C says */

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

_Noreturn static void run_child(pid_t parent, int answer, int (*work)(const void *opaque), const void *opaque)
{
	struct error record = { 0 };

	/* Should we be killed, a write that has not begun is better not made behind the next command's back.
	 */
	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != parent)
		_exit(1);
	let_go(answer);
	if (work(opaque))
		record = *error_get();
	_exit(io_write_full(answer, &record, sizeof(record)) ? 1 : 0);
}

static const int held_signals[] = { SIGINT, SIGTERM, SIGHUP };

void host_hold_signals(sigset_t *ret_before)
{
	sigset_t held;

	sigemptyset(&held);
	for (size_t i = 0; i < sizeof(held_signals) / sizeof(held_signals[0]); i++) {
		struct sigaction now;

		/* One that is ignored would be kept as pending if it were blocked. */
		if (sigaction(held_signals[i], NULL, &now) == 0 && now.sa_handler != SIG_IGN)
			sigaddset(&held, held_signals[i]);
	}
	(void)sigprocmask(SIG_BLOCK, &held, ret_before);
}

void host_release_signals(const sigset_t *before)
{
	(void)sigprocmask(SIG_SETMASK, before, NULL);
}

/* Takes a signal off that is held back: it has had its effect then. */
static bool was_interrupted(void)
{
	const struct timespec none = { 0 };
	sigset_t pending, held;
	bool any = false;

	sigemptyset(&held);
	if (sigpending(&pending))
		return false;
	for (size_t i = 0; i < sizeof(held_signals) / sizeof(held_signals[0]); i++) {
		if (!sigismember(&pending, held_signals[i]))
			continue;
		sigaddset(&held, held_signals[i]);
		any = true;
	}
	return any && sigtimedwait(&held, NULL, &none) > 0;
}

/* Waits for a first byte or the end of the file. */
static int wait_readable(const struct host *host, int fd, unsigned ms)
{
	uint64_t started = progress_clock_ms(), elapsed = 0;
	struct pollfd poll_fd = { .fd = fd, .events = POLLIN };

	for (;;) {
		uint64_t left = ms ? ms - elapsed : LOOK_MS;
		int ready = poll(&poll_fd, 1, (int)(left < LOOK_MS ? left : LOOK_MS));

		if (ready > 0 || (ready < 0 && errno != EINTR)) {
			progress_done(host->progress);
			return ready > 0 ? 0 : error_sys(errno, "poll");
		}
		elapsed = progress_clock_ms() - started;
		if (ms && elapsed >= ms) {
			progress_done(host->progress);
			return error_set(ETIMEDOUT, "did not come back within %u seconds", (ms + 999) / 1000);
		}
		if (elapsed >= INTERRUPTIBLE_MS && was_interrupted()) {
			progress_done(host->progress);
			return error_set(ETIMEDOUT, "was not waited for any longer: interrupted");
		}
		progress_tick(host->progress, elapsed);
	}
}

static void reap(pid_t child, int *ret_status)
{
	while (waitpid(child, ret_status, 0) < 0 && errno == EINTR)
		;
}

int host_in_child(const struct host *host, unsigned ms, int (*work)(const void *opaque), const void *opaque,
		  pid_t *ret_child)
{
	int pipe_fds[2], error;
	struct error record;
	pid_t parent = getpid(), child;

	if (pipe2(pipe_fds, O_CLOEXEC))
		return error_sys(errno, "pipe");
	child = fork();
	if (child < 0) {
		error = error_sys(errno, "fork");
		close(pipe_fds[0]);
		close(pipe_fds[1]);
		return error;
	}
	if (child == 0)
		run_child(parent, pipe_fds[1], work, opaque);
	close(pipe_fds[1]);

	error = wait_readable(host, pipe_fds[0], ms);
	if (error) {
		kill(child, SIGKILL); /* ends what merely waits; what is stuck in a driver stays */
		*ret_child = child;
	} else {
		error = io_read_full(pipe_fds[0], &record, sizeof(record));
		if (error)
			error = error_set(EIO, "the process died");
		else if (record.errnum)
			error = error_load(&record);
		reap(child, NULL);
	}
	close(pipe_fds[0]);
	return error;
}

struct write_work {
	const char *path, *text;
};

static int work_write(const void *opaque)
{
	const struct write_work *work = opaque;

	return sysfs_write_text(work->path, work->text);
}

int host_write(const struct host *host, const char *path, const char *text, pid_t *ret_writer)
{
	const struct write_work work = { path, text };
	pid_t writer = 0;
	int error = host_in_child(host, host->write_ms, work_write, &work, &writer);

	if (writer) {
		const struct error why = *error_get();

		*ret_writer = writer;
		return error_set(ETIMEDOUT, "the write to %s %s", path, why.because);
	}
	return error;
}

/* The pipe's end is open in modprobe as long as it runs. */
_Noreturn static void run_modprobe(int running, const char *name)
{
	sigset_t none;

	let_go(running);
	(void)fcntl(running, F_SETFD, 0);
	sigemptyset(&none);
	(void)sigprocmask(SIG_SETMASK, &none, NULL);
	execlp("modprobe", "modprobe", "--", name, (char *)NULL);
	execl("/sbin/modprobe", "modprobe", "--", name, (char *)NULL);
	_exit(127);
}

int host_load_module(const struct host *host, const char *name)
{
	int pipe_fds[2], status = 0, error;
	pid_t child;

	if (pipe2(pipe_fds, O_CLOEXEC))
		return error_sys(errno, "pipe for modprobe %s", name);
	child = fork();
	if (child == 0)
		run_modprobe(pipe_fds[1], name);
	close(pipe_fds[1]);
	error = child < 0 ? error_sys(errno, "fork for modprobe %s", name)
			  : wait_readable(host, pipe_fds[0], host->write_ms);
	close(pipe_fds[0]);
	if (error) {
		const struct error why = *error_get();

		return error_set(why.errnum, "modprobe %s %s", name, why.because);
	}
	reap(child, &status);
	if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
		return 0;
	if (WIFEXITED(status) && WEXITSTATUS(status) == 127)
		return error_set(ENOENT, "modprobe could not be run");
	return error_set(ENOENT, "modprobe %s failed", name);
}

int host_own(const struct host *host, const char *path, uid_t user)
{
	return chown(path, user, (gid_t)-1) ? error_sys(errno, "%s", path) : 0;
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
		.own = host_own,
		.addresses = host_addresses,
	};
	struct utsname kernel = { 0 };

	*host = (struct host){
		.sys = "/sys",
		.proc = "/proc",
		.dev = "/dev",
		.root = "",
		.state = "/var/lib/handfast",
		.ssh_connection = getenv("SSH_CONNECTION"),
		.run = "/run",
		.ops = &real,
		.write_ms = WRITE_MS,
		.settle_ms = SETTLE_MS,
	};
	(void)uname(&kernel);
	(void)snprintf(host->modules, sizeof(host->modules), "/lib/modules/%s", kernel.release);
}
