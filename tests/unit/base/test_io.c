/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/io.h"

static void test_full_reads_and_writes(void **state)
{
	static char out[200000], in[sizeof(out)];
	int pair[2];
	pid_t child;

	memset(out, 'x', sizeof(out));
	assert_int_equal(pipe(pair), 0);
	/* More than a pipe takes at once: both sides need many calls. */
	child = fork();
	if (child == 0)
		_exit(io_write_full(pair[1], out, sizeof(out)) ? 1 : 0);
	close(pair[1]);
	assert_int_equal(io_read_full(pair[0], in, sizeof(in)), 0);
	assert_memory_equal(in, out, sizeof(out));
	assert_int_equal(io_read_full(pair[0], in, 1), -ENODATA);
	close(pair[0]);
	assert_int_equal(io_read_full(-1, in, 1), -EBADF);
	assert_int_equal(io_write_full(-1, in, 1), -EBADF);
}

static int count_descriptors(void)
{
	int count = 0;

	for (int fd = 0; fd < 256; fd++) {
		if (fcntl(fd, F_GETFD) >= 0)
			count++;
	}
	return count;
}

static void test_messages_carry_a_descriptor(void **state)
{
	int pair[2], files[2], fd = -2;
	uint32_t number = 42, got = 0;
	char byte = 0;

	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, pair), 0);
	assert_int_equal(pipe(files), 0);
	assert_int_equal(io_send(pair[0], &number, sizeof(number), files[0]), 0);
	assert_int_equal(io_receive(pair[1], &got, sizeof(got), &fd, NULL), 0);
	assert_int_equal(got, 42);
	assert_true(fd >= 0 && fd != files[0]);
	assert_true(fcntl(fd, F_GETFD) & FD_CLOEXEC);
	assert_int_equal(write(files[1], "!", 1), 1);
	assert_int_equal(read(fd, &byte, 1), 1);
	assert_int_equal(byte, '!');
	close(fd);

	assert_int_equal(io_send(pair[0], &number, sizeof(number), -1), 0);
	assert_int_equal(io_receive(pair[1], &got, sizeof(got), &fd, NULL), 0);
	assert_int_equal(fd, -1);
	close(files[0]);
	close(files[1]);
	close(pair[0]);
	close(pair[1]);
}

static void test_descriptors_nobody_wants_are_closed(void **state)
{
	int pair[2], fd = -2, before;
	uint64_t number = 42;
	uint32_t got = 7;

	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, pair), 0);
	before = count_descriptors();
	assert_int_equal(io_send(pair[0], &number, sizeof(number), pair[0]), 0);
	assert_int_equal(io_receive(pair[1], &number, sizeof(number), NULL, NULL), 0);
	assert_int_equal(count_descriptors(), before);
	/* Nor does one stay behind when the message is not what was expected. */
	assert_int_equal(io_send(pair[0], &number, sizeof(number), pair[0]), 0);
	assert_int_equal(io_receive(pair[1], &got, sizeof(got), &fd, NULL), -EPROTO);
	assert_int_equal(fd, -2);
	assert_int_equal(count_descriptors(), before);
	close(pair[0]);
	close(pair[1]);
}

static void test_the_sender_is_vouched_for(void **state)
{
	uint32_t number = 1, got;
	pid_t sender = -1, child;
	int pair[2], on = 1;

	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, pair), 0);
	assert_int_equal(io_send(pair[0], &number, sizeof(number), -1), 0);
	assert_int_equal(io_receive(pair[1], &got, sizeof(got), NULL, &sender), 0);
	assert_int_equal(sender, 0);
	assert_int_equal(setsockopt(pair[1], SOL_SOCKET, SO_PASSCRED, &on, sizeof(on)), 0);
	child = fork();
	if (child == 0)
		_exit(io_send(pair[0], &number, sizeof(number), pair[0]) ? 1 : 0);
	assert_int_equal(io_receive(pair[1], &got, sizeof(got), NULL, &sender), 0);
	assert_int_equal(sender, child);
	close(pair[0]);
	close(pair[1]);
}

static void test_a_closed_end_is_an_error_not_a_signal(void **state)
{
	uint32_t number = 1;
	int pair[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, pair), 0);
	close(pair[1]);
	assert_int_equal(io_send(pair[0], &number, sizeof(number), -1), -EPIPE);
	assert_int_equal(io_receive(pair[0], &number, sizeof(number), NULL, NULL), -EPIPE);
	close(pair[0]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_full_reads_and_writes),
		cmocka_unit_test(test_messages_carry_a_descriptor),
		cmocka_unit_test(test_descriptors_nobody_wants_are_closed),
		cmocka_unit_test(test_the_sender_is_vouched_for),
		cmocka_unit_test(test_a_closed_end_is_an_error_not_a_signal),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
