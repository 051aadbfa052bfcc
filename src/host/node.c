/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "host/node-priv.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "base/text.h"

#define NAME_SIZE 64

/* Names as the system's databases have them, numbers where they have none. */
static void user_name(uid_t uid, char name[NAME_SIZE])
{
	const struct passwd *user = getpwuid(uid);

	if (!user || !text_copy(name, NAME_SIZE, user->pw_name))
		(void)snprintf(name, NAME_SIZE, "%u", (unsigned)uid);
}

static void group_name(gid_t gid, char name[NAME_SIZE])
{
	const struct group *group = getgrgid(gid);

	if (!group || !text_copy(name, NAME_SIZE, group->gr_name))
		(void)snprintf(name, NAME_SIZE, "%u", (unsigned)gid);
}

const char *node_user(char *ret_text, size_t size)
{
	char name[NAME_SIZE];

	user_name(geteuid(), name);
	(void)snprintf(ret_text, size, "%s (uid %u)", name, (unsigned)geteuid());
	return ret_text;
}

/* Owner and mode would let us. */
static int deny_beyond_mode(const char *path)
{
	error_add("the mode would allow it: a container's device rules or a security module forbid it");
	return error_try("run on the host, or let the container have %s", path);
}

int node_denied(const char *path, int errnum)
{
	char user[NAME_SIZE + 32], name[NAME_SIZE], owner[NAME_SIZE], group[NAME_SIZE];
	struct stat status;
	int error;

	node_user(user, sizeof(user));
	user_name(geteuid(), name);
	if (stat(path, &status))
		return error_sys(errno, "%s may not be opened by %s, nor its folder be looked at", path,
				 user);
	user_name(status.st_uid, owner);
	group_name(status.st_gid, group);

	error = error_set(errnum, "%s may not be opened by %s: it belongs to %s:%s with mode %04o", path,
			  user, owner, group, (unsigned)status.st_mode & 07777);
	if (status.st_uid == geteuid() && (status.st_mode & 0600) != 0600)
		error = error_try("chmod u+rw %s", path);
	else if (geteuid() == 0 || status.st_uid == geteuid())
		error = deny_beyond_mode(path);
	else if (status.st_gid != 0 && (status.st_mode & 0060) == 0060)
		error = error_try("usermod -aG %s %s    (as root; it counts from the next login on)", group,
				  name);
	else
		error = error_try("chown %s %s    (as root)", name, path);
	return error;
}

int node_unreadable(const char *path)
{
	char user[NAME_SIZE + 32], owner[NAME_SIZE], group[NAME_SIZE];
	struct stat status;

	node_user(user, sizeof(user));
	if (stat(path, &status))
		return error_sys(errno, "%s", path);
	user_name(status.st_uid, owner);
	group_name(status.st_gid, group);
	error_set(EACCES, "%s may not read it: it belongs to %s:%s with mode %04o", user, owner, group,
		  (unsigned)status.st_mode & 07777);
	return error_try("chmod a+r %s", path);
}

int node_check(const char *path)
{
	if (faccessat(AT_FDCWD, path, R_OK | W_OK, AT_EACCESS) == 0)
		return 0;
	if (errno == EACCES || errno == EPERM)
		return node_denied(path, errno);
	return error_sys(errno, "%s", path);
}
