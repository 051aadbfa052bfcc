/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "qmp/fds-priv.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/error.h"

void qmp_fd_drop(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

void qmp_fds_fini(struct qmp_fds *fds)
{
	for (unsigned i = 0; i < fds->count; i++) {
		free(fds->list[i].name);
		close(fds->list[i].fd);
	}
	fds->count = 0;
}

static struct qmp_fd *find(struct qmp_fds *fds, const char *name)
{
	for (unsigned i = 0; i < fds->count; i++) {
		if (strcmp(fds->list[i].name, name) == 0)
			return &fds->list[i];
	}
	return NULL;
}

int qmp_fds_add(struct qmp_fds *fds, const char *name, int fd)
{
	struct qmp_fd *same = find(fds, name), *place;

	if (same) {
		close(same->fd);
		same->fd = fd;
		return 0;
	}
	if (fds->count == QMP_FDS_MAX) {
		close(fd);
		error_set(EMFILE, "%d file descriptors wait to be used already", QMP_FDS_MAX);
		return error_try("closefd those that nobody uses");
	}
	place = &fds->list[fds->count];
	place->name = strdup(name);
	if (!place->name) {
		close(fd);
		return error_sys(ENOMEM, "a file descriptor's name");
	}
	place->fd = fd;
	fds->count++;
	return 0;
}

int qmp_fds_take(struct qmp_fds *fds, const char *name)
{
	struct qmp_fd *found = find(fds, name);
	int fd;

	if (!found)
		return error_set(ENOENT, "File descriptor named '%s' not found", name);
	fd = found->fd;
	free(found->name);
	*found = fds->list[--fds->count];
	return fd;
}

ssize_t qmp_fds_receive(int socket, void *ret_data, size_t size, int *fd)
{
	union {
		struct cmsghdr header;
		char room[CMSG_SPACE(sizeof(int))];
	} control;
	struct iovec data = { ret_data, size };
	/* The length, unlike the room, is that of a single descriptor: what there is no length for, the
	 * kernel closes. */
	struct msghdr message = {
		.msg_iov = &data,
		.msg_iovlen = 1,
		.msg_control = &control,
		.msg_controllen = CMSG_LEN(sizeof(int)),
	};
	ssize_t received = recvmsg(socket, &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
	const struct cmsghdr *header = received < 0 ? NULL : CMSG_FIRSTHDR(&message);

	if (header && header->cmsg_level == SOL_SOCKET && header->cmsg_type == SCM_RIGHTS &&
	    header->cmsg_len == CMSG_LEN(sizeof(int))) {
		qmp_fd_drop(fd);
		memcpy(fd, CMSG_DATA(header), sizeof(*fd));
	}
	return received;
}
