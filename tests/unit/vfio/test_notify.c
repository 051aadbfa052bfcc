/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the kernel tells of a device: set up when it is made, told while it is on its bus. */
#include "../unit.h"
#include "fake.h"

#include <errno.h>
#include <sys/eventfd.h>

#include "base/error.h"
#include "vfio/pci-priv.h"

static struct fake_device fake;
static struct lock machine;
static struct vfio_handles handles;
static struct pci_bus *root;
static struct pci_function *function;
static void (*then)(struct pci_function *function); /* what is made of a request, besides the story */

static void release(void *opaque, struct vfio_device *device)
{
	story_add("release ");
}

static int reset_bus(void *opaque)
{
	return 1;
}

static const struct vfio_pci_owner owner = { .release = release, .reset_bus = reset_bus };

static void on_error(void *opaque, struct pci_function *which)
{
	assert_ptr_equal(opaque, &handles);
	assert_ptr_equal(which, function);
	story_add("error! ");
}

static void on_request(void *opaque, struct pci_function *which)
{
	assert_ptr_equal(opaque, &handles);
	assert_ptr_equal(which, function);
	story_add("request! ");
	if (then)
		then(which);
}

static int set_up(void **state)
{
	fake_device_init(&fake);
	fake.notice[0] = fake.notice[1] = (struct vfio_irq){ .count = 1, .eventfd = true };
	then = NULL;
	lock_init(&machine);
	assert_int_equal(mem_bus_create(&machine, &handles.mmio), 0);
	assert_int_equal(mem_bus_create(&machine, &handles.pio), 0);
	assert_int_equal(mem_map_create(&machine, NULL, 0, &handles.map), 0);
	assert_int_equal(loop_create(&handles.loop), 0);
	handles.events = (struct vfio_events){ .error = on_error, .request = on_request, .opaque = &handles };
	return pci_bus_create_root(&machine, "pcie.0", &root);
}

static int tear_down(void **state)
{
	pci_bus_destroy(root);
	assert_int_equal(fake.notice_fd[0], -1);
	assert_int_equal(fake.notice_fd[1], -1);
	loop_destroy(handles.loop);
	mem_map_destroy(handles.map);
	mem_bus_destroy(handles.mmio);
	mem_bus_destroy(handles.pio);
	lock_fini(&machine);
	fake_device_fini(&fake);
	return 0;
}

static void make(void)
{
	const struct vfio_pci_options options = { .id = "disk" };

	assert_int_equal(vfio_pci_function_create(&handles, &fake.device, &options, &owner, &function), 0);
}

static void attach(void)
{
	assert_int_equal(pci_bus_attach(root, PCI_DEVFN_OF(3, 0), function), 0);
}

static void stop(void *opaque)
{
	loop_stop(handles.loop);
}

/* All that has come so far. */
static void run(void)
{
	assert_int_equal(loop_post(handles.loop, stop, NULL), 0);
	assert_int_equal(loop_run(handles.loop), 0);
}

static void each_is_told(void **state)
{
	make();
	story_expect("config[4+2]=400 err req ");
	attach();
	run();
	story_expect("");
	eventfd_write(fake.notice_fd[0], 1);
	run();
	story_expect("error! ");
	/* Once, however often it was signalled meanwhile. */
	eventfd_write(fake.notice_fd[1], 1);
	eventfd_write(fake.notice_fd[1], 1);
	run();
	story_expect("request! ");
	eventfd_write(fake.notice_fd[1], 1);
	run();
	story_expect("request! ");
	assert_string_equal(vfio_pci_host_name(function), "0000:01:00.0");
}

static void what_came_before_the_function_had_a_place_is_told_then(void **state)
{
	make();
	eventfd_write(fake.notice_fd[1], 1);
	run();
	story_forget();
	attach();
	run();
	story_expect("request! ");
}

static void nothing_is_told_of_what_has_left(void **state)
{
	make();
	attach();
	eventfd_write(fake.notice_fd[0], 1);
	pci_function_detach(function);
	story_forget();
	run();
	story_expect("");
	function->ops->destroy(function);
	story_expect("config[4+2]=400 err-off req-off release ");
}

static void leave(struct pci_function *which)
{
	pci_function_detach(which);
	which->ops->destroy(which);
}

/* Both at once, and the first to be told takes the function away. */
static void a_request_may_end_the_function(void **state)
{
	make();
	attach();
	then = leave;
	eventfd_write(fake.notice_fd[1], 1);
	run();
	assert_int_equal(fake.notice_fd[1], -1);
}

static void one_that_was_never_attached(void **state)
{
	make();
	function->ops->destroy(function);
	assert_int_equal(fake.notice_fd[0], -1);
}

static void a_device_has_what_it_has(void **state)
{
	fake.notice[0].count = 0; /* no PCI Express: no notice of errors */
	make();
	story_expect("config[4+2]=400 req ");
	attach();
	eventfd_write(fake.notice_fd[1], 1);
	run();
	story_expect("request! ");
}

static void a_device_works_without_notices(void **state)
{
	fake.irq_error = EINVAL;
	make();
	assert_int_equal(fake.notice_fd[0], -1);
	assert_true(fake.notice_fd[1] >= 0);
	attach();
	story_forget();
	eventfd_write(fake.notice_fd[1], 1);
	run();
	story_expect("request! ");
}

int main(void)
{
#define notify_test(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		notify_test(each_is_told),
		notify_test(what_came_before_the_function_had_a_place_is_told_then),
		notify_test(nothing_is_told_of_what_has_left),
		notify_test(a_request_may_end_the_function),
		notify_test(one_that_was_never_attached),
		notify_test(a_device_has_what_it_has),
		notify_test(a_device_works_without_notices),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
