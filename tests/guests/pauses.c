/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * pauses SECONDS [PATH [FILE TEXT]]
 *
 * How long the guest is away: on each processor a thread looks at the monotonic clock every millisecond, and
 * the longest time between two looks counts. Says first that it watches, and looks away for a moment, so that
 * what this line costs is over; then the window is open, for SECONDS and until PATH is there. With FILE and
 * TEXT it writes the one to the other half a second later: what a driver's `bind` takes, without a shell at
 * work.
 *
 * Prints "pauses: watching on 2 processors", then "pauses: longest 12.345 ms on processor 1 at 0.512 s,
 * window 3.001 s, there after 0.913 s" (0 without PATH). Status 1 when PATH does not come, or is there
 * already.
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

#define MS	   1000000LL
#define SECOND	   (1000 * MS)
#define SETTLE	   (200 * MS)
#define WRITE_AT   (500 * MS)
#define LOOK_PATH  (50 * MS)
#define DEADLINE   (300 * SECOND)
#define PROCESSORS 64

struct watcher {
	pthread_t thread;
	unsigned processor;
	int64_t longest; /* ns */
	int64_t since;	 /* when that one began */
};

static atomic_llong opened; /* when the window was opened; 0: not yet */
static atomic_bool closed;

static void die(const char *what, int error)
{
	fprintf(stderr, "pauses: %s: %s\n", what, strerror(error));
	exit(2);
}

static int64_t now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * SECOND + t.tv_nsec;
}

static void sleep_until(int64_t when)
{
	struct timespec t = { .tv_sec = when / SECOND, .tv_nsec = when % SECOND };

	while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &t, NULL) == EINTR)
		;
}

static void *watch(void *opaque)
{
	struct watcher *watcher = opaque;
	int64_t last = now();
	bool over = false;

	/* A pause that goes on when the window is closed counts with all its length. */
	while (!over) {
		int64_t look, start = atomic_load(&opened);

		sleep_until(last + MS);
		over = atomic_load(&closed);
		look = now();
		if (start != 0 && look - last > watcher->longest) {
			watcher->longest = look - last;
			watcher->since = last;
		}
		last = look;
	}
	return NULL;
}

static unsigned start(struct watcher *watchers)
{
	unsigned count = 0;
	cpu_set_t allowed;

	if (sched_getaffinity(0, sizeof(allowed), &allowed))
		die("sched_getaffinity", errno);
	for (unsigned i = 0; i < PROCESSORS; i++) {
		pthread_attr_t attributes;
		cpu_set_t one;
		int error;

		if (!CPU_ISSET(i, &allowed))
			continue;
		CPU_ZERO(&one);
		CPU_SET(i, &one);
		pthread_attr_init(&attributes);
		watchers[count].processor = i;
		error = pthread_attr_setaffinity_np(&attributes, sizeof(one), &one);
		if (error == 0)
			error = pthread_create(&watchers[count].thread, &attributes, watch, &watchers[count]);
		if (error)
			die("cannot start a thread", error);
		pthread_attr_destroy(&attributes);
		count++;
	}
	return count;
}

static void put(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);

	if (fd < 0 || write(fd, text, strlen(text)) != (ssize_t)strlen(text))
		die(path, errno);
	close(fd);
}

int main(int argc, char **argv)
{
	struct watcher watchers[PROCESSORS] = { 0 }, *longest = watchers;
	const char *path = argc > 2 ? argv[2] : NULL;
	int64_t begin, length, there = 0;
	unsigned count;

	if (argc != 2 && argc != 3 && argc != 5) {
		fprintf(stderr, "usage: pauses SECONDS [PATH [FILE TEXT]]\n");
		return 2;
	}
	length = (int64_t)(strtod(argv[1], NULL) * (double)SECOND);
	if (path && access(path, F_OK) == 0) {
		printf("pauses: %s is there already\n", path);
		return 1;
	}
	/* Neither a page to be fetched nor a timer put off is what is looked for. */
	if (mlockall(MCL_CURRENT | MCL_FUTURE) || prctl(PR_SET_TIMERSLACK, 1))
		die("cannot prepare", errno);
	count = start(watchers);
	printf("pauses: watching on %u processors\n", count);
	fflush(stdout);
	tcdrain(STDOUT_FILENO);
	sleep_until(now() + SETTLE);

	begin = now();
	atomic_store(&opened, begin);
	if (argc == 5) {
		sleep_until(begin + WRITE_AT);
		put(argv[3], argv[4]);
	}
	for (;;) {
		int64_t past = now() - begin;

		if (path && there == 0 && access(path, F_OK) == 0)
			there = past;
		if ((past >= length && (!path || there != 0)) || past >= DEADLINE)
			break;
		sleep_until(begin + past + LOOK_PATH);
	}
	atomic_store(&closed, true);
	length = now() - begin;
	for (unsigned i = 0; i < count; i++) {
		pthread_join(watchers[i].thread, NULL);
		if (watchers[i].longest > longest->longest)
			longest = &watchers[i];
	}
	if (path && there == 0) {
		printf("pauses: %s has not come\n", path);
		return 1;
	}
	printf("pauses: longest %.3f ms on processor %u at %.3f s, window %.3f s, there after %.3f s\n",
	       (double)longest->longest / MS, longest->processor, (double)(longest->since - begin) / SECOND,
	       (double)length / SECOND, (double)there / SECOND);
	return 0;
}
