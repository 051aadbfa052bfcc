/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * lab-kick: runs in the lab host and lets every processor interrupt every other one fifty times a second.
 *
 * On a busy machine the emulated processors lose an interrupt now and then. When that was a timer's, the
 * processor sleeps for good ("rcu: Possible timer handling issue on cpu=1"), and all that runs on it.
 * QEMU 10.0 clears a bit of the processor's pending interrupts whenever a nested guest is left (do_vmexit in
 * target/i386/tcg/system/svm_helper.c), neither atomically nor under a lock, so another thread's setting of
 * another bit can get lost; later versions do it by cpu_reset_interrupt(). The interrupt still stands in the
 * local APIC then, and the next one that comes brings it along: so the next one is made to come.
 *
 * A processor that slept for good cannot kick, but is kicked by the others.
 *
 * That is one cause and not the only one: a timer was also seen to die while the lab host booted, before any
 * nested guest ran. lab/run starts such a lab host once more.
 */
#include <pthread.h>
#include <sched.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#define PROCESSORS_MAX 64
#define PERIOD_NS      20000000L

static int events[PROCESSORS_MAX];
static long processors;

static void stay_on(long processor)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET((size_t)processor, &set);
	sched_setaffinity(0, sizeof(set), &set);
}

/* Waking this thread is what interrupts its processor. */
static void *receive(void *opaque)
{
	long processor = (long)opaque;
	uint64_t count;

	stay_on(processor);
	while (read(events[processor], &count, sizeof(count)) == sizeof(count))
		;
	return NULL;
}

static void *kick(void *opaque)
{
	const struct timespec period = { 0, PERIOD_NS };
	const uint64_t one = 1;

	stay_on((long)opaque);
	for (;;) {
		clock_nanosleep(CLOCK_MONOTONIC, 0, &period, NULL);
		for (long other = 0; other < processors; other++) {
			if (other != (long)opaque && write(events[other], &one, sizeof(one)) != sizeof(one))
				return NULL;
		}
	}
}

int main(void)
{
	pthread_t thread;

	processors = sysconf(_SC_NPROCESSORS_ONLN);
	if (processors < 2 || processors > PROCESSORS_MAX)
		return 0; /* nobody to kick, or nobody to be kicked by */
	for (long i = 0; i < processors; i++)
		events[i] = eventfd(0, EFD_CLOEXEC);
	for (long i = 0; i < processors; i++) {
		if (pthread_create(&thread, NULL, receive, (void *)i) ||
		    pthread_create(&thread, NULL, kick, (void *)i))
			return 1;
	}
	for (;;)
		pause();
}
