/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Prints the frequency of this machine's time-stamp counter in kHz: ticks counted over a third of a second
 * of the raw monotonic clock.
 */
#include <stdint.h>
#include <stdio.h>
#include <time.h>
#include <x86intrin.h>

static int64_t raw_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC_RAW, &now);
	return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

int main(void)
{
	int64_t start = raw_ns(), end = start;
	uint64_t first = __rdtsc(), last = first;

	while (end - start < 333000000) {
		end = raw_ns();
		last = __rdtsc();
	}
	printf("%.0f\n", (double)(last - first) * 1e6 / (double)(end - start));
	return 0;
}
