/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "unit.h"

#include <pthread.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "base/loop.h"

struct pipe_end {
	struct loop_source source;
	struct loop *loop;
	struct pipe_end *other;
	unsigned calls;
};

static void ready(struct loop_source *source, uint32_t events)
{
	struct pipe_end *end = source->opaque;

	end->calls++;
	/* Take both out at once: the other one must not be called although it is in the same batch. */
	loop_remove(end->loop, &end->source);
	loop_remove(end->loop, &end->other->source);
	loop_stop(end->loop);
}

static void test_a_removed_source_is_not_called(void **state)
{
	struct loop *loop;
	struct pipe_end ends[2] = { 0 };
	int fds[2][2];

	assert_int_equal(loop_create(&loop), 0);
	for (int i = 0; i < 2; i++) {
		assert_int_equal(pipe(fds[i]), 0);
		assert_int_equal(write(fds[i][1], "x", 1), 1);
		ends[i] = (struct pipe_end){ { fds[i][0], ready, &ends[i] }, loop, &ends[1 - i], 0 };
		assert_int_equal(loop_add(loop, &ends[i].source, EPOLLIN), 0);
	}
	assert_int_equal(loop_run(loop), 0);
	assert_int_equal(ends[0].calls + ends[1].calls, 1);
	for (int i = 0; i < 2; i++) {
		close(fds[i][0]);
		close(fds[i][1]);
	}
	loop_destroy(loop);
}

struct order {
	struct loop *loop;
	unsigned next;
	unsigned wrong;
};

struct step {
	struct order *order;
	unsigned number;
};

static void take_step(void *opaque)
{
	struct step *step = opaque;

	if (step->order->next++ != step->number)
		step->order->wrong++;
	if (step->number == 99)
		loop_stop(step->order->loop);
}

static void *post_all(void *opaque)
{
	struct step *steps = opaque;

	for (unsigned i = 0; i < 100; i++)
		loop_post(steps[i].order->loop, take_step, &steps[i]);
	return NULL;
}

static void test_posted_work_runs_in_order(void **state)
{
	struct order order = { 0 };
	struct step steps[100];
	pthread_t thread;

	assert_int_equal(loop_create(&order.loop), 0);
	for (unsigned i = 0; i < 100; i++)
		steps[i] = (struct step){ &order, i };
	assert_int_equal(pthread_create(&thread, NULL, post_all, steps), 0);
	assert_int_equal(loop_run(order.loop), 0);
	pthread_join(thread, NULL);
	assert_int_equal(order.next, 100);
	assert_int_equal(order.wrong, 0);
	loop_destroy(order.loop);
}

static void test_unrun_work_is_not_leaked(void **state)
{
	struct order order = { 0 };
	struct step step = { &order, 0 };

	assert_int_equal(loop_create(&order.loop), 0);
	assert_int_equal(loop_post(order.loop, take_step, &step), 0);
	loop_destroy(order.loop);
	assert_int_equal(order.next, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_removed_source_is_not_called),
		cmocka_unit_test(test_posted_work_runs_in_order),
		cmocka_unit_test(test_unrun_work_is_not_leaked),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
