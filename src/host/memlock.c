/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "host/memlock-priv.h"

#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <linux/capability.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/error.h"
#include "base/sysfs.h"
#include "base/text.h"
#include "host/node-priv.h"

/* What a VM has whose command line does not say; a limit below that is in nearly every VM's way. */
#define GUEST_USUAL (UINT64_C(256) << 20)
/* A limit below this is what a login gives by default, not what somebody set for VMs. */
#define LIMIT_MODEST (UINT64_C(1) << 30)

/* What /proc/PID/status says: the effective capabilities, and what is locked already. */
static int read_status(const struct host *host, pid_t pid, uint64_t *ret_capabilities, uint64_t *ret_locked)
{
	char path[PATH_MAX];
	auto_free char *text = NULL;
	const char *line;
	int error = sysfs_read_file(sysfs_path(path, "%s/%d/status", host->proc, (int)pid), &text, NULL);

	if (error)
		return error;
	*ret_capabilities = 0;
	*ret_locked = 0;
	line = strstr(text, "\nCapEff:");
	if (line)
		*ret_capabilities = strtoull(line + strlen("\nCapEff:"), NULL, 16);
	line = strstr(text, "\nVmLck:");
	if (line)
		*ret_locked = strtoull(line + strlen("\nVmLck:"), NULL, 10) * 1024;
	return 0;
}

int memlock_denied(uint64_t need, uint64_t have)
{
	char need_text[32], have_text[32], user[96];
	int error;

	text_size(need, need_text, sizeof(need_text));
	text_size(have, have_text, sizeof(have_text));
	node_user(user, sizeof(user));
	error_set(EPERM,
		  "a device can reach all of the guest's memory, so all of it is locked: that needs %s, "
		  "and the limit on locked memory is %s for %s",
		  need_text, have_text, user);
	user[strcspn(user, " ")] = '\0';
	error_try("prlimit --memlock=%" PRIu64 ":%" PRIu64
		  " --pid PID    (as root; PID: the shell it starts from)",
		  need, need);
	error_try("LimitMEMLOCK=infinity    (in the service's systemd unit)");
	error = error_try("%s - memlock unlimited    (in /etc/security/limits.conf; from the next login on)",
			  user);
	return error;
}

int memlock_allow(const struct host *host, pid_t pid, uint64_t bytes)
{
	uint64_t capabilities, locked, need;
	struct rlimit limit, raised;
	int error = read_status(host, pid, &capabilities, &locked);

	if (error)
		return error_tried("find out what process %d may lock", (int)pid);
	if (capabilities & (UINT64_C(1) << CAP_IPC_LOCK))
		return 0;
	if (prlimit(pid, RLIMIT_MEMLOCK, NULL, &limit))
		return error_sys(errno, "the memory lock limit of process %d", (int)pid);
	need = bytes > UINT64_MAX - locked ? UINT64_MAX : bytes + locked;
	if (limit.rlim_cur == RLIM_INFINITY || limit.rlim_cur >= need)
		return 0;
	raised = (struct rlimit){ .rlim_cur = need, .rlim_max = limit.rlim_max };
	if (limit.rlim_max != RLIM_INFINITY && limit.rlim_max < need)
		raised.rlim_max = need;
	if (prlimit(pid, RLIMIT_MEMLOCK, &raised, NULL) == 0)
		return 0;
	if (errno != EPERM)
		return error_sys(errno, "raise the memory lock limit of process %d", (int)pid);
	return memlock_denied(need, limit.rlim_max);
}

void memlock_check(const struct host *host, struct findings *findings)
{
	uint64_t capabilities = 0, locked;
	struct rlimit limit;
	char have[32], usual[32];

	(void)read_status(host, getpid(), &capabilities, &locked);
	if (getrlimit(RLIMIT_MEMLOCK, &limit))
		return;
	if (limit.rlim_max == RLIM_INFINITY || (capabilities & (UINT64_C(1) << CAP_IPC_LOCK))) {
		findings_ok(findings, "memlock", "guest memory of any size can be locked");
		return;
	}
	text_size(limit.rlim_max, have, sizeof(have));
	if (limit.rlim_max >= LIMIT_MODEST) {
		findings_ok(findings, "memlock", "guests of up to %s can be locked in memory", have);
		return;
	}
	if (limit.rlim_max < GUEST_USUAL) {
		(void)memlock_denied(GUEST_USUAL, limit.rlim_max);
		error_add("%s is what a guest has where -m does not say; the limit is enough for one of up "
			  "to %s",
			  text_size(GUEST_USUAL, usual, sizeof(usual)), have);
		findings_obstacle_error(findings, "memlock");
		return;
	}
	(void)memlock_denied(LIMIT_MODEST, limit.rlim_max);
	findings_warning(findings, "memlock",
			 "only %s can be locked in memory: no guest with a device will be larger", have);
	findings_cure(findings, "%s", error_get()->remedy);
}
