/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "../unit.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include "backend.h"

struct fixture {
	struct backend backend;
	char directory[64];
	char path[96];
};

static int start(void **state)
{
	struct fixture *fixture = calloc(1, sizeof(*fixture));

	strcpy(fixture->directory, "/tmp/test-socket-XXXXXX");
	assert_non_null(mkdtemp(fixture->directory));
	snprintf(fixture->path, sizeof(fixture->path), "%s/serial", fixture->directory);
	*state = fixture;
	return 0;
}

static int end(void **state)
{
	struct fixture *fixture = *state;
	char command[128];

	snprintf(command, sizeof(command), "rm -r %s", fixture->directory);
	assert_int_equal(system(command), 0);
	free(fixture);
	return 0;
}

static int client(const char *path)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	strcpy(address.sun_path, path);
	assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	return fd;
}

/* Leaves a socket's name behind, as a process does that was killed. */
static void leave_stale(const char *path)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	strcpy(address.sun_path, path);
	assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	assert_int_equal(listen(fd, 1), 0);
	close(fd);
}

static void one_client_after_the_other(void **state)
{
	struct fixture *fixture = *state;
	struct backend *backend = &fixture->backend;
	struct stat status;
	mode_t mask = umask(0);
	char byte;
	int first, second;

	backend_start(backend, CHARDEV_SOCKET, fixture->path);
	umask(mask);
	assert_string_equal(chardev_path(backend->chardev), fixture->path);
	assert_int_equal(lstat(fixture->path, &status), 0);
	assert_int_equal(status.st_mode & 07777, 0600);

	backend_print(backend, "before anybody came");
	first = client(fixture->path);
	backend_expect_output(backend, first, "before anybody came");
	backend_take(backend, 4);
	assert_int_equal(send(first, "typing", 6, 0), 6);
	backend_expect_input(backend, "typi");
	backend_take(backend, 4);
	backend_expect_input(backend, "ng");

	second = client(fixture->path); /* has to wait */
	backend_print(backend, "for the first");
	backend_expect_output(backend, first, "for the first");
	backend_run(backend, 20);
	assert_int_equal(recv(second, &byte, 1, 0), -1);
	assert_int_equal(errno, EAGAIN);
	close(first);
	backend_run(backend, 20);
	backend_print(backend, "for the second");
	backend_expect_output(backend, second, "for the second");
	close(second);
	backend_run(backend, 20);
	backend_print(backend, "for the third");
	first = client(fixture->path);
	backend_expect_output(backend, first, "for the third");
	backend_print(backend, "last words");
	backend_end(backend);
	assert_int_equal(lstat(fixture->path, &status), -1); /* removed */
	backend_start(backend, CHARDEV_NULL, NULL);
	backend_expect_output(backend, first, "last words");
	backend_end(backend);
	close(first);
}

static void half_closed(void **state)
{
	struct fixture *fixture = *state;
	struct backend *backend = &fixture->backend;
	int fd;

	backend_start(backend, CHARDEV_SOCKET, fixture->path);
	backend_take(backend, 100);
	fd = client(fixture->path);
	assert_int_equal(send(fd, "command\n", 8, 0), 8);
	shutdown(fd, SHUT_WR);
	backend_expect_input(backend, "command\n");
	backend_print(backend, "answer");
	backend_expect_output(backend, fd, "answer");
	close(fd);
	backend_run(backend, 20);
	fd = client(fixture->path);
	backend_print(backend, "hello");
	backend_expect_output(backend, fd, "hello");
	close(fd);
	backend_end(backend);
}

static void leaves_with_input_unread(void **state)
{
	struct fixture *fixture = *state;
	struct backend *backend = &fixture->backend;
	int fd;

	/* The guest reads it later. */
	backend_start(backend, CHARDEV_SOCKET, fixture->path);
	fd = client(fixture->path);
	assert_int_equal(send(fd, "script", 6, 0), 6);
	close(fd);
	backend_run(backend, 20);
	backend_take(backend, 100);
	backend_expect_input(backend, "script");
	/* The guest does not read, and that is in nobody's way. */
	backend->room = 0;
	fd = client(fixture->path);
	assert_int_equal(send(fd, "never read", 10, 0), 10);
	backend_run(backend, 20);
	close(fd);
	backend_run(backend, 20);
	fd = client(fixture->path);
	backend_print(backend, "hello");
	backend_expect_output(backend, fd, "hello");
	assert_int_equal(send(fd, "mine", 4, 0), 4);
	backend_take(backend, 100);
	backend_expect_input(backend, "mine");
	/* Leaves at once, twice over. */
	backend->room = 0;
	close(fd);
	close(client(fixture->path));
	close(client(fixture->path));
	backend_run(backend, 20);
	fd = client(fixture->path);
	backend_print(backend, "again");
	backend_expect_output(backend, fd, "again");
	close(fd);
	backend_end(backend);
}

static void nobody_ever_comes(void **state)
{
	struct fixture *fixture = *state;
	struct backend *backend = &fixture->backend;

	backend_start(backend, CHARDEV_SOCKET, fixture->path);
	for (int i = 0; i < 20000; i++) {
		backend_print(backend, "0123456789");
		assert_true(chardev_writable(backend->chardev));
	}
	assert_int_equal(chardev_dropped(backend->chardev), 200000 - 65536);
	backend_end(backend);
}

static void stale_socket_is_replaced(void **state)
{
	struct fixture *fixture = *state;
	struct backend *backend = &fixture->backend;
	int fd;

	leave_stale(fixture->path);
	backend_start(backend, CHARDEV_SOCKET, fixture->path);
	fd = client(fixture->path);
	backend_print(backend, "x");
	backend_expect_output(backend, fd, "x");
	close(fd);
	backend_end(backend);
}

static void live_socket_is_refused(void **state)
{
	struct fixture *fixture = *state;
	struct backend *backend = &fixture->backend;
	struct backend second;
	int fd;

	backend_start(backend, CHARDEV_SOCKET, fixture->path);
	backend_print(backend, "for a client");
	assert_int_equal(backend_try(&second, CHARDEV_SOCKET, fixture->path, false), -EADDRINUSE);
	assert_non_null(strstr(error_get()->tried, fixture->path));
	assert_string_equal(error_get()->because, "another process has this socket");
	backend_run(backend, 20); /* the attempt was no client: it took nothing, and the socket is there */
	fd = client(fixture->path);
	backend_expect_output(backend, fd, "for a client");
	close(fd);
	backend_end(backend);
}

static void refusals(void **state)
{
	struct fixture *fixture = *state;
	struct backend *backend = &fixture->backend;
	char path[200];
	int fd = open(fixture->path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);

	close(fd);
	assert_int_equal(backend_try(backend, CHARDEV_SOCKET, fixture->path, false), -EEXIST);
	assert_int_equal(access(fixture->path, F_OK), 0); /* still there */
	memset(path, 'x', sizeof(path));
	path[150] = 0;
	memcpy(path, "/tmp/", 5);
	assert_int_equal(backend_try(backend, CHARDEV_SOCKET, path, false), -ENAMETOOLONG);
	assert_non_null(strstr(error_get()->because, "107 bytes"));
	snprintf(path, sizeof(path), "%s/no/folder", fixture->directory);
	assert_int_equal(backend_try(backend, CHARDEV_SOCKET, path, false), -ENOENT);
}

static void not_ours_to_remove(void **state)
{
	struct fixture *fixture = *state;
	struct backend *backend = &fixture->backend;

	backend_start(backend, CHARDEV_SOCKET, fixture->path);
	assert_int_equal(unlink(fixture->path), 0);
	leave_stale(fixture->path); /* somebody else's, in its place */
	backend_end(backend);
	assert_int_equal(access(fixture->path, F_OK), 0);
}

static void relative_path(void **state)
{
	struct fixture *fixture = *state;
	struct backend *backend = &fixture->backend;
	char before[4096];

	assert_non_null(getcwd(before, sizeof(before)));
	assert_int_equal(chdir(fixture->directory), 0);
	backend_start(backend, CHARDEV_SOCKET, "serial");
	assert_int_equal(chdir("/"), 0); /* as a daemon does */
	assert_string_equal(chardev_path(backend->chardev), fixture->path);
	assert_int_equal(access(fixture->path, F_OK), 0);
	backend_end(backend);
	assert_int_equal(access(fixture->path, F_OK), -1);
	assert_int_equal(chdir(before), 0);
}

static void *connect_later(void *opaque)
{
	usleep(100000);
	return (void *)(intptr_t)client(opaque);
}

static void waits_for_the_first(void **state)
{
	struct fixture *fixture = *state;
	struct backend *backend = &fixture->backend;
	uint64_t begin = now_ms();
	pthread_t thread;
	void *fd;

	pthread_create(&thread, NULL, connect_later, fixture->path);
	/* It may not be there when the client comes; the client is late enough. */
	assert_int_equal(backend_try(backend, CHARDEV_SOCKET, fixture->path, true), 0);
	assert_in_range(now_ms() - begin, 90, 5000);
	pthread_join(thread, &fd);
	backend_print(backend, "hello");
	backend_expect_output(backend, (int)(intptr_t)fd, "hello");
	close((int)(intptr_t)fd);
	backend_end(backend);
}

static void waiting_ends_by_a_signal(void **state)
{
	struct fixture *fixture = *state;
	sigset_t set, pending;
	int number;

	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	pthread_sigmask(SIG_BLOCK, &set, NULL); /* for an event loop's signalfd */
	raise(SIGTERM);
	assert_int_equal(backend_try(&fixture->backend, CHARDEV_SOCKET, fixture->path, true), -EINTR);
	assert_int_equal(access(fixture->path, F_OK), -1); /* nothing is left */
	sigpending(&pending);
	assert_true(sigismember(&pending, SIGTERM)); /* whoever looks for it finds it */
	sigwait(&set, &number);
	pthread_sigmask(SIG_UNBLOCK, &set, NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(one_client_after_the_other, start, end),
		cmocka_unit_test_setup_teardown(half_closed, start, end),
		cmocka_unit_test_setup_teardown(leaves_with_input_unread, start, end),
		cmocka_unit_test_setup_teardown(nobody_ever_comes, start, end),
		cmocka_unit_test_setup_teardown(stale_socket_is_replaced, start, end),
		cmocka_unit_test_setup_teardown(live_socket_is_refused, start, end),
		cmocka_unit_test_setup_teardown(refusals, start, end),
		cmocka_unit_test_setup_teardown(not_ours_to_remove, start, end),
		cmocka_unit_test_setup_teardown(relative_path, start, end),
		cmocka_unit_test_setup_teardown(waits_for_the_first, start, end),
		cmocka_unit_test_setup_teardown(waiting_ends_by_a_signal, start, end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
