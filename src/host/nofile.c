/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "host/nofile-priv.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <sys/resource.h>

#include "base/error.h"
#include "host/node-priv.h"

static int nofile_denied(uint64_t need, uint64_t have)
{
	char user[96];

	node_user(user, sizeof(user));
	error_set(EPERM,
		  "each of a device's interrupt vectors is an open file: with %" PRIu64
		  " of those in all none is missing, and the limit is %" PRIu64 " for %s",
		  need, have, user);
	user[strcspn(user, " ")] = '\0';
	error_try("prlimit --nofile=%" PRIu64 ":%" PRIu64
		  " --pid PID    (as root; PID: the shell it starts from)",
		  need, need);
	error_try("LimitNOFILE=%" PRIu64 "    (in the service's systemd unit)", need);
	return error_try("%s - nofile %" PRIu64 "    (in /etc/security/limits.conf; from the next login on)",
			 user, need);
}

int nofile_allow(pid_t pid, uint64_t count)
{
	struct rlimit limit, raised;

	if (prlimit(pid, RLIMIT_NOFILE, NULL, &limit))
		return error_sys(errno, "the limit of open files of process %d", (int)pid);
	if (limit.rlim_cur >= count)
		return 0;
	raised = (struct rlimit){ .rlim_cur = count, .rlim_max = limit.rlim_max };
	if (limit.rlim_max < count)
		raised.rlim_max = count;
	if (prlimit(pid, RLIMIT_NOFILE, &raised, NULL) == 0)
		return 0;
	if (errno != EPERM)
		return error_sys(errno, "raise the limit of open files of process %d", (int)pid);
	return nofile_denied(count, limit.rlim_max);
}
