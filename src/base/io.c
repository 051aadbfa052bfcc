/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/io.h"

#include <errno.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/error.h"

int io_read_full(int fd, void *ret_data, size_t size)
{
	uint8_t *to = ret_data;

	while (size) {
		ssize_t got = read(fd, to, size);

		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return error_sys(errno, "read");
		if (got == 0)
			return error_set(ENODATA, "the file ends %zu bytes too early", size);
		to += got;
		size -= (size_t)got;
	}
	return 0;
}

int io_write_full(int fd, const void *data, size_t size)
{
	const uint8_t *from = data;

	while (size) {
		ssize_t put = write(fd, from, size);

		if (put < 0 && errno == EINTR)
			continue;
		if (put < 0)
			return error_sys(errno, "write");
		from += put;
		size -= (size_t)put;
	}
	return 0;
}

int io_send(int socket, const void *data, size_t size, int fd)
{
	struct iovec part = { .iov_base = (void *)(uintptr_t)data, .iov_len = size };
	union {
		char bytes[CMSG_SPACE(sizeof(int))];
		struct cmsghdr align;
	} control = { 0 };
	struct msghdr message = { .msg_iov = &part, .msg_iovlen = 1 };
	ssize_t put;

	if (fd >= 0) {
		struct cmsghdr *header;

		message.msg_control = control.bytes;
		message.msg_controllen = sizeof(control.bytes);
		header = CMSG_FIRSTHDR(&message);
		header->cmsg_level = SOL_SOCKET;
		header->cmsg_type = SCM_RIGHTS;
		header->cmsg_len = CMSG_LEN(sizeof(int));
		memcpy(CMSG_DATA(header), &fd, sizeof(int));
	}
	do {
		put = sendmsg(socket, &message, MSG_NOSIGNAL);
	} while (put < 0 && errno == EINTR);
	if (put < 0)
		return error_sys(errno, "send");
	if ((size_t)put != size)
		return error_set(EPROTO, "%zd of %zu bytes were sent", put, size);
	return 0;
}

/* Takes what came beside the bytes: at most one descriptor, and who sent it. */
static void take_control(struct msghdr *message, int *fd, pid_t *sender)
{
	struct cmsghdr *header;

	for (header = CMSG_FIRSTHDR(message); header; header = CMSG_NXTHDR(message, header)) {
		if (header->cmsg_level != SOL_SOCKET)
			continue;
		if (header->cmsg_type == SCM_RIGHTS && header->cmsg_len >= CMSG_LEN(sizeof(int))) {
			memcpy(fd, CMSG_DATA(header), sizeof(int));
		} else if (header->cmsg_type == SCM_CREDENTIALS) {
			struct ucred from;

			memcpy(&from, CMSG_DATA(header), sizeof(from));
			*sender = from.pid;
		}
	}
}

int io_receive(int socket, void *ret_data, size_t size, int *ret_fd, pid_t *ret_sender)
{
	struct iovec part = { .iov_base = ret_data, .iov_len = size };
	union {
		char bytes[CMSG_SPACE(sizeof(int)) + CMSG_SPACE(sizeof(struct ucred))];
		struct cmsghdr align;
	} control = { 0 };
	struct msghdr message = {
		.msg_iov = &part,
		.msg_iovlen = 1,
		.msg_control = control.bytes,
		.msg_controllen = sizeof(control.bytes),
	};
	pid_t sender = 0;
	int fd = -1;
	ssize_t got;

	do {
		got = recvmsg(socket, &message, MSG_CMSG_CLOEXEC);
	} while (got < 0 && errno == EINTR);
	if (got < 0)
		return error_sys(errno, "receive");
	take_control(&message, &fd, &sender);
	if ((size_t)got != size || (message.msg_flags & MSG_TRUNC)) {
		if (fd >= 0)
			close(fd);
		return got == 0 ? error_set(EPIPE, "the other end is closed")
				: error_set(EPROTO, "a message of %zd bytes, not %zu", got, size);
	}
	if (ret_fd)
		*ret_fd = fd;
	else if (fd >= 0)
		close(fd);
	if (ret_sender)
		*ret_sender = sender;
	return 0;
}
