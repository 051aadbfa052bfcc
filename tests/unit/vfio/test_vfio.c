/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The VM's side: what is opened and closed when. Its callees in the room are made up. */
#include "../unit.h"
#include "fake.h"

#include <errno.h>
#include <linux/vfio.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>

#include "base/error.h"
#include "vfio/dma-priv.h"
#include "vfio/kernel-device-priv.h"
#include "vfio/p2p-priv.h"
#include "vfio/pci-priv.h"
#include "vfio/type1-priv.h"

static struct {
	int check, memlock, type1, attach, dma, p2p, device, function; /* errno */
	int members, bus, files;
	int attach_once;
	int group, ranges; /* what the guest's memory runs into */
} fails;

static struct vfio *vfio;

/* What vfio_pci_function_create() was given, by order. */
static struct {
	struct vfio_device *device;
	void (*release)(void *opaque, struct vfio_device *device);
	int (*reset_bus)(void *opaque);
	void *opaque;
} made[8];
static unsigned made_count;

static int result(int errnum, const char *word)
{
	story_add("%s%s ", word, errnum ? "!" : "");
	return errnum ? error_set(errnum, "%s fails", word) : 0;
}

int broker_device_check(struct broker *broker, const struct host_id *id, bool has_token,
			struct broker_device *ret_device)
{
	*ret_device = (struct broker_device){
		.id = *id, .group = 1, .vendor = 0x8086, .device = 0x10d3, .reset_method = "pm"
	};
	return result(fails.check, "check") ? error_tried("assign 0000:01:00.0") : 0; /* as the broker does */
}

const char *broker_device_title(struct broker *broker, const struct host_id *id, char *ret_text, size_t size)
{
	char text[HOST_ID_TEXT_SIZE];

	snprintf(ret_text, size, "%s (8086:10d3 82574L)", host_id_format(id, text));
	return ret_text;
}

int broker_allow_memlock(struct broker *broker, uint64_t bytes)
{
	assert_int_equal(bytes, 4096);
	return result(fails.memlock, "memlock");
}

/* A device with so many vectors. */
static unsigned vectors;

int broker_allow_descriptors(struct broker *broker, uint64_t count)
{
	story_add("files%llu ", (unsigned long long)count);
	return fails.files ? error_set(fails.files, "the limit is 300") : 0;
}

static int space_attach(struct vfio_iospace *space, const struct broker_device *which, const char *vf_token,
			int *ret_device_fd)
{
	int once = fails.attach_once;

	*ret_device_fd = 100 + which->id.bdf.bus;
	fails.attach_once = 0;
	return result(once ? once : fails.attach, "attach");
}

static void space_close(struct vfio_iospace *space, int device_fd)
{
	story_add("close%d ", device_fd);
}

static void space_detach(struct vfio_iospace *space, int device_fd)
{
	story_add("detach%d ", device_fd);
}

static void space_destroy(struct vfio_iospace *space)
{
	story_add("space- ");
}

/* Buses 1 and 2 are reset together, and something on bus 9 that nobody opened. */
static int space_reset_members(struct vfio_iospace *space, int device_fd,
			       struct vfio_reset_members *ret_members)
{
	assert_in_range(device_fd, 101, 102);
	ret_members->count = 3;
	ret_members->list[0] = (struct bdf){ .bus = 1 };
	ret_members->list[1] = (struct bdf){ .bus = 9 };
	ret_members->list[2] = (struct bdf){ .bus = 2 };
	return fails.members ? error_set(fails.members, "somebody else's") : 0;
}

static int space_reset_bus(struct vfio_iospace *space, int device_fd)
{
	return result(fails.bus, "bus");
}

static void space_usage(struct vfio_iospace *space, struct vfio_iospace_usage *ret_usage)
{
	*ret_usage = (struct vfio_iospace_usage){ .mappings = 3, .limit = 65535 };
}

static const struct vfio_iospace_ops space_ops = { .name = "fake",
						   .attach = space_attach,
						   .reset_members = space_reset_members,
						   .reset_bus = space_reset_bus,
						   .close = space_close,
						   .detach = space_detach,
						   .usage = space_usage,
						   .destroy = space_destroy };
static struct vfio_iospace space = { .ops = &space_ops };

const struct vfio_sys vfio_sys_kernel;

int vfio_type1_create(const struct vfio_sys *sys, struct broker *broker, struct kvm_vm *vm,
		      struct vfio_iospace **ret_space)
{
	if (!fails.type1)
		*ret_space = &space;
	return result(fails.type1, "space+");
}

void vfio_dma_need(struct mem_map *map, uint64_t *ret_bytes)
{
	*ret_bytes = 4096;
}

int vfio_dma_check_group(struct mem_map *map, struct broker *broker, uint32_t group)
{
	assert_int_equal(group, 1);
	return fails.group ? result(fails.group, "group") : 0;
}

int vfio_dma_check_space(struct mem_map *map, struct vfio_iospace *into)
{
	assert_ptr_equal(into, &space);
	return fails.ranges ? result(fails.ranges, "ranges") : 0;
}

int vfio_dma_start(struct vfio_dma *dma, struct mem_map *map, struct vfio_iospace *into, uint64_t need,
		   const struct vfio_progress *progress)
{
	struct vfio_usage usage;

	assert_int_equal(need, 4096);
	assert_ptr_equal(into, &space);
	/* Whoever asks meanwhile is not kept waiting. */
	dma->need = 4096;
	dma->mapped = 1024;
	vfio_usage_get(vfio, &usage);
	assert_string_equal(usage.backend, "fake");
	assert_int_equal(usage.mapped, 1024);
	assert_int_equal(usage.total, 4096);
	return result(fails.dma, "dma+");
}

void vfio_dma_stop_begin(struct vfio_dma *dma)
{
	story_add("dma-- ");
}

void vfio_dma_stop(struct vfio_dma *dma)
{
	dma->need = dma->mapped = 0;
	error_set(EBADF, "whatever went wrong meanwhile");
	story_add("dma- ");
}

int vfio_p2p_start(struct vfio_p2p *p2p, struct mem_map *map, struct vfio_iospace *into)
{
	assert_ptr_equal(into, &space);
	assert_null(p2p->map);
	if (!fails.p2p)
		p2p->map = (struct mem_map *)&space;
	return result(fails.p2p, "p2p+");
}

void vfio_p2p_stop(struct vfio_p2p *p2p)
{
	if (p2p->map)
		story_add("p2p- ");
	p2p->map = NULL;
}

static void device_destroy(struct vfio_device *device)
{
	story_add("device- ");
}

static int device_irq_info(struct vfio_device *device, unsigned index, struct vfio_irq *ret_irq)
{
	*ret_irq = (struct vfio_irq){ .count = index == VFIO_PCI_MSIX_IRQ_INDEX ? vectors : 1 };
	return 0;
}

static const struct vfio_device_ops device_ops = { .destroy = device_destroy, .irq_info = device_irq_info };
static struct vfio_device devices[8];
static struct vfio_pci functions[8];

int vfio_kernel_device_create(const struct vfio_sys *sys, int device_fd, const struct host_id *id,
			      struct vfio_device **ret_device)
{
	*ret_device = &devices[made_count];
	(*ret_device)->ops = &device_ops;
	return result(fails.device, "device+");
}

int vfio_pci_function_create(const struct vfio_handles *handles, struct vfio_device *device,
			     const struct vfio_pci_options *options, const struct vfio_pci_owner *owner,
			     struct pci_function **ret_function)
{
	pthread_mutex_init(&functions[made_count].lock, NULL);
	functions[made_count].unused = functions[made_count].needs_bus_reset = functions[made_count].leaving =
		false;
	*ret_function = &functions[made_count].function;
	made[made_count].device = device;
	made[made_count].release = owner->release;
	made[made_count].reset_bus = owner->reset_bus;
	made[made_count].opaque = owner->opaque;
	if (!fails.function)
		made_count++;
	return result(fails.function, "function+");
}

void vfio_pci_quiesce(struct vfio_pci *pci)
{
	story_add("quiet%td ", pci - functions);
}

void vfio_pci_after_reset(struct vfio_pci *pci)
{
	story_add("after%td ", pci - functions);
	error_set(EIO, "whatever went wrong meanwhile");
	pci->needs_bus_reset = false;
}

void vfio_pci_reset_note(struct vfio_pci *pci, const char *method, const char *by)
{
	story_add("note%td:%s/%s ", pci - functions, method, by);
}

static int create(uint8_t bus)
{
	const struct vfio_pci_options options = { .host.bdf = { .bus = bus } };
	struct pci_function *function;

	return vfio_pci_create(vfio, &options, &function);
}

static int setup(void **state)
{
	const struct vfio_handles handles = { 0 };

	memset(&fails, 0, sizeof(fails));
	made_count = 0;
	vectors = 0;
	story_forget();
	return vfio_create(&handles, &vfio);
}

static int teardown(void **state)
{
	vfio_destroy(vfio);
	return 0;
}

static void test_first_and_last(void **state)
{
	struct vfio_usage usage;

	vfio_usage_get(vfio, &usage);
	assert_int_equal(usage.limit, 0);
	assert_null(usage.backend);
	assert_int_equal(create(1), 0);
	story_expect("check memlock space+ attach dma+ device+ function+ ");
	assert_string_equal(made[0].device->reset_method, "pm");
	assert_string_equal(made[0].device->backend, "fake");
	assert_int_equal(made[0].device->group, 1);
	vfio_usage_get(vfio, &usage);
	assert_int_equal(usage.mappings, 3);
	assert_int_equal(usage.limit, 65535);
	/* The second finds everything there. */
	assert_int_equal(create(2), 0);
	story_expect("check attach device+ p2p+ function+ ");
	assert_int_equal(create(3), 0);
	story_expect("check attach device+ function+ ");
	made[2].release(made[2].opaque, made[2].device);
	story_expect("device- close103 detach103 ");
	made[0].release(made[0].opaque, made[0].device);
	story_expect("device- p2p- close101 detach101 ");
	made[1].release(made[1].opaque, made[1].device);
	story_expect("dma-- device- close102 dma- detach102 space- ");
	vfio_usage_get(vfio, &usage);
	assert_null(usage.backend);
	assert_int_equal(usage.total, 0);
	assert_int_equal(create(1), 0);
	story_expect("check memlock space+ attach dma+ device+ function+ ");
	made[3].release(made[3].opaque, made[3].device);
}

static void test_twice(void **state)
{
	assert_int_equal(create(1), 0);
	story_forget();
	assert_int_equal(create(1), -EEXIST);
	story_expect("");
	assert_string_equal(error_get()->tried, "assign 0000:01:00.0");
	made[0].release(made[0].opaque, made[0].device);
	/* Given back, it can come again. */
	assert_int_equal(create(1), 0);
	made[1].release(made[1].opaque, made[1].device);
}

/* Each step fails in turn: what was done before is undone, and nothing else. */
static void test_failures(void **state)
{
	static const struct {
		int *fails;
		const char *story;
	} step[] = {
		{ &fails.check, "check! " },
		{ &fails.group, "check group! " },
		{ &fails.memlock, "check memlock! " },
		{ &fails.type1, "check memlock space+! " },
		{ &fails.attach, "check memlock space+ attach! space- " },
		{ &fails.ranges, "check memlock space+ attach ranges! detach101 space- " },
		{ &fails.dma, "check memlock space+ attach dma+! detach101 space- " },
		{ &fails.device, "check memlock space+ attach dma+ device+! dma- detach101 space- " },
		{ &fails.function,
		  "check memlock space+ attach dma+ device+ function+! dma-- device- close101 dma- "
		  "detach101 space- " },
	};

	for (unsigned i = 0; i < sizeof(step) / sizeof(step[0]); i++) {
		*step[i].fails = ENODEV;
		assert_int_equal(create(1), -ENODEV);
		story_expect(step[i].story);
		assert_non_null(strstr(error_get()->because, " fails"));
		assert_string_equal(error_get()->tried,
				    i ? "assign 0000:01:00.0 (8086:10d3 82574L)" : "assign 0000:01:00.0");
		*step[i].fails = 0;
	}
}

static void test_second_fails(void **state)
{
	assert_int_equal(create(1), 0);
	story_forget();
	fails.function = EIO;
	assert_int_equal(create(2), -EIO);
	story_expect("check attach device+ p2p+ function+! device- p2p- close102 detach102 ");
	fails.function = 0;
	fails.device = EIO;
	assert_int_equal(create(2), -EIO);
	story_expect("check attach device+! detach102 ");
	fails.device = 0;
	fails.p2p = EIO;
	assert_int_equal(create(2), -EIO);
	story_expect("check attach device+ p2p+! device- close102 detach102 ");
	made[0].release(made[0].opaque, made[0].device);
}

/* The kernel does not say why it does not let a device in with the others. What can be found out is. */
static void test_second_reaches_less(void **state)
{
	assert_int_equal(create(1), 0);
	story_forget();
	fails.attach_once = EINVAL;
	fails.ranges = ERANGE;
	assert_int_equal(create(2), -ERANGE);
	story_expect("check attach! space+ attach ranges! detach102 space- ");
	assert_string_equal(error_get()->because, "ranges fails");
	/* That was not it. */
	fails.attach_once = EINVAL;
	fails.ranges = 0;
	assert_int_equal(create(2), -EINVAL);
	story_expect("check attach! space+ attach detach102 space- ");
	assert_string_equal(error_get()->because, "attach fails");
	fails.attach = EINVAL;
	assert_int_equal(create(2), -EINVAL);
	story_expect("check attach! space+ attach! space- ");
	fails.attach = 0;
	made[0].release(made[0].opaque, made[0].device);
}

static int reset(unsigned which)
{
	functions[which].unused = functions[which].needs_bus_reset = true;
	return made[which].reset_bus(made[which].opaque);
}

/* It happens when one of this VM's functions on the bus needs it and all are out of use, and for all of them.
 */
static void test_reset_of_a_bus(void **state)
{
	assert_int_equal(create(1), 0);
	assert_int_equal(create(2), 0);
	assert_int_equal(create(3), 0);
	story_forget();
	assert_int_equal(reset(0), 1);
	story_expect("");
	assert_int_equal(reset(1), 0);
	story_expect("quiet0 quiet1 bus note0:hot/machine after0 note1:hot/machine after1 ");
	/* Nobody needs it any more. */
	assert_int_equal(made[1].reset_bus(made[1].opaque), 1);
	/* Used again in between: it waits again. */
	functions[0].unused = false;
	assert_int_equal(reset(1), 1);
	functions[1].unused = false;
	assert_int_equal(reset(0), 1);
	/* A failure leaves them quiet, and going on. */
	fails.bus = EIO;
	assert_int_equal(reset(1), -EIO);
	story_expect("quiet0 quiet1 bus! after0 after1 ");
	assert_string_equal(error_get()->because, "bus fails");
	fails.members = EPERM;
	assert_int_equal(reset(0), -EPERM);
	story_expect("");
	/* One that could be reset by itself is no hindrance, once it is out of use. */
	fails.members = fails.bus = 0;
	functions[0].unused = true;
	functions[0].needs_bus_reset = functions[1].unused = false;
	assert_int_equal(made[0].reset_bus(made[0].opaque), 1);
	assert_int_equal(reset(1), 0);
	story_expect("quiet0 quiet1 bus note0:hot/machine after0 note1:hot/machine after1 ");
	/* One that is on its way out is nobody to wait for. */
	functions[0].leaving = true;
	functions[0].unused = false;
	assert_int_equal(reset(1), 0);
	story_expect("quiet1 bus note1:hot/machine after1 ");
	for (unsigned i = 0; i < 3; i++)
		made[i].release(made[i].opaque, made[i].device);
}

/* Before the guest begins: those that the kernel could not reset when it opened them, once for a bus. */
static void test_reset_of_what_is_fresh(void **state)
{
	const char *said;

	vfio_reset_fresh(vfio);
	assert_int_equal(create(1), 0);
	assert_int_equal(create(2), 0);
	story_forget();
	vfio_reset_fresh(vfio);
	story_expect("");
	functions[0].unused = functions[1].unused = true;
	functions[0].needs_bus_reset = functions[1].needs_bus_reset = true;
	vfio_reset_fresh(vfio);
	story_expect("quiet0 quiet1 bus note0:hot/open after0 note1:hot/open after1 ");
	/* One that came later does not disturb who is at work. */
	functions[0].unused = false;
	functions[1].needs_bus_reset = true;
	vfio_reset_fresh(vfio);
	story_expect("");
	fails.members = EPERM;
	fake_log_start();
	log_setup(log_descriptor(), LOG_LEVEL_INFO);
	vfio_reset_fresh(vfio);
	said = fake_log_take();
	assert_non_null(strstr(said, "has no reset that works: the guest finds it as the host left it ("));
	fails.members = 0;
	functions[0].unused = true;
	fails.bus = ETIMEDOUT;
	vfio_reset_fresh(vfio);
	said = fake_log_take();
	assert_non_null(strstr(said, ": bus fails: only the guest's driver finds out whether it works"));
	story_forget();
	fake_log_end();
	story_expect("");
	for (unsigned i = 0; i < 2; i++)
		made[i].release(made[i].opaque, made[i].device);
}

/* Vectors are open files. What may be had without asking is taken at once, and the rest asked for when a
 * device may need it. */
static void test_descriptors(void **state)
{
	struct rlimit before, limit;
	const char *said;

	assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
	assert_int_equal(before.rlim_cur, before.rlim_max);
	limit = before;
	limit.rlim_cur = 200;
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
	teardown(NULL);
	assert_int_equal(setup(NULL), 0);
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
	assert_int_equal(limit.rlim_cur, before.rlim_max);

	limit.rlim_cur = 1500;
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
	vectors = 1024;
	assert_int_equal(create(1), 0);
	story_expect("check memlock space+ attach dma+ device+ function+ ");
	vectors = 2048;
	assert_int_equal(create(2), 0);
	story_expect("check attach device+ p2p+ files3328 function+ ");
	/* It is said, and nothing else. */
	made[1].release(made[1].opaque, made[1].device);
	fails.files = EPERM;
	story_forget();
	fake_log_start();
	assert_int_equal(create(2), 0);
	said = fake_log_take();
	assert_non_null(strstr(said, "cannot have room for all 2048 interrupt vectors of"));
	assert_non_null(strstr(said, "the limit is 300"));
	fake_log_end();
	story_expect("check attach device+ p2p+ files3328 function+ ");
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
	made[0].release(made[0].opaque, made[0].device);
	made[2].release(made[2].opaque, made[2].device);
}

/* Another driver's work sits on no bus. */
static void test_a_mediated_device(void **state)
{
	const struct vfio_pci_options options = { .host.uuid = "83b8f4f2-509f-382f-3c1e-e6bfe0fa1001" };
	struct pci_function *function;

	assert_int_equal(create(1), 0);
	assert_int_equal(vfio_pci_create(vfio, &options, &function), 0);
	made[1].device->mediated = true;
	story_forget();
	assert_int_equal(reset(1), -ENOTTY);
	story_expect("");
	assert_int_equal(vfio_pci_create(vfio, &options, &function), -EEXIST);
	assert_string_equal(error_get()->tried, "assign 83b8f4f2-509f-382f-3c1e-e6bfe0fa1001");
	made[0].release(made[0].opaque, made[0].device);
	made[1].release(made[1].opaque, made[1].device);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_first_and_last, setup, teardown),
		cmocka_unit_test_setup_teardown(test_twice, setup, teardown),
		cmocka_unit_test_setup_teardown(test_failures, setup, teardown),
		cmocka_unit_test_setup_teardown(test_second_fails, setup, teardown),
		cmocka_unit_test_setup_teardown(test_second_reaches_less, setup, teardown),
		cmocka_unit_test_setup_teardown(test_reset_of_a_bus, setup, teardown),
		cmocka_unit_test_setup_teardown(test_reset_of_what_is_fresh, setup, teardown),
		cmocka_unit_test_setup_teardown(test_descriptors, setup, teardown),
		cmocka_unit_test_setup_teardown(test_a_mediated_device, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
