/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A line that KVM cannot unmask by itself: the thread in between. */
#include "../unit.h"
#include "fake.h"

#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "vfio/relay-priv.h"

static struct fake_device fake;
static struct vfio_relay *relay;

static int setup(void **state)
{
	fake_device_init(&fake);
	assert_int_equal(vfio_relay_create(&fake.device, &relay), 0);
	vfio_relay_on(relay);
	return 0;
}

static int teardown(void **state)
{
	vfio_relay_off(relay);
	vfio_relay_destroy(relay);
	fake_device_fini(&fake);
	return 0;
}

/* What the device does when it pulls its line, which is masked from then on. */
static void pull(void)
{
	assert_int_equal(eventfd_write(relay->device_fd, 1), 0);
}

static void acknowledge(void)
{
	assert_int_equal(eventfd_write(relay->resample_fd, 1), 0);
}

/* The guest's line has been pulled, within a time that only a broken one takes. */
static void expect_pulled(void)
{
	struct pollfd line = { .fd = relay->line_fd, .events = POLLIN };
	eventfd_t count;

	assert_int_equal(poll(&line, 1, 10000), 1);
	assert_int_equal(eventfd_read(relay->line_fd, &count), 0);
	assert_int_equal(count, 1);
}

static void expect_not_pulled(void)
{
	struct pollfd line = { .fd = relay->line_fd, .events = POLLIN };

	assert_int_equal(poll(&line, 1, 20), 0);
}

static void expect_unmasks(unsigned count)
{
	for (unsigned i = 0; i < 1000 && atomic_load(&fake.unmasks) != count; i++)
		usleep(10000);
	assert_int_equal(atomic_load(&fake.unmasks), count);
}

/* Until the thread has taken what was signalled. */
static void settle(int fd)
{
	struct pollfd signalled = { .fd = fd, .events = POLLIN };

	for (unsigned i = 0; i < 1000 && poll(&signalled, 1, 0) != 0; i++)
		usleep(10000);
	pthread_mutex_lock(&relay->lock);
	pthread_mutex_unlock(&relay->lock);
	usleep(20000);
}

static void test_pulled_and_acknowledged(void **state)
{
	for (unsigned i = 1; i <= 3; i++) {
		pull();
		expect_pulled();
		expect_unmasks(i - 1);
		acknowledge();
		expect_unmasks(i);
	}
	/* Another device of that line was acknowledged. */
	acknowledge();
	settle(relay->resample_fd);
	expect_unmasks(3);
	expect_not_pulled();
}

/* The guest sees to the cause, and another one comes meanwhile: it is not lost. */
static void test_pulled_again_before_the_end(void **state)
{
	pull();
	expect_pulled();
	vfio_relay_touched(relay);
	assert_int_equal(atomic_load(&fake.unmasks), 1);
	vfio_relay_touched(relay); /* unmasked already */
	assert_int_equal(atomic_load(&fake.unmasks), 1);
	pull();
	settle(relay->device_fd);
	expect_not_pulled();
	acknowledge();
	expect_pulled();
	expect_unmasks(2);
	acknowledge();
	settle(relay->resample_fd);
	expect_not_pulled();
	expect_unmasks(2);
}

static void test_off_and_on(void **state)
{
	pull();
	settle(relay->device_fd);
	vfio_relay_off(relay);
	pull();
	settle(relay->device_fd);
	acknowledge();
	settle(relay->resample_fd);
	vfio_relay_touched(relay);
	expect_not_pulled();
	expect_unmasks(0);
	vfio_relay_on(relay);
	expect_not_pulled();
	pull();
	expect_pulled();
	acknowledge();
	expect_unmasks(1);
}

/* A device with much to say, and two processors that look at it. */
static void *touch(void *opaque)
{
	for (unsigned i = 0; i < 20000; i++)
		vfio_relay_touched(relay);
	return NULL;
}

static void test_from_many_threads(void **state)
{
	pthread_t threads[2];

	for (unsigned i = 0; i < 2; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, touch, NULL), 0);
	for (unsigned i = 0; i < 4; i++) {
		pull();
		expect_pulled();
		acknowledge();
		expect_unmasks(i + 1);
		settle(relay->resample_fd);
	}
	for (unsigned i = 0; i < 2; i++)
		assert_int_equal(pthread_join(threads[i], NULL), 0);
	expect_unmasks(4);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_pulled_and_acknowledged, setup, teardown),
		cmocka_unit_test_setup_teardown(test_pulled_again_before_the_end, setup, teardown),
		cmocka_unit_test_setup_teardown(test_off_and_on, setup, teardown),
		cmocka_unit_test_setup_teardown(test_from_many_threads, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
