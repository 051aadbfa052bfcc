/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "fake.h"

#include <errno.h>
#include <linux/pci_regs.h>
#include <linux/vfio.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "../unit.h"
#include "base/error.h"
#include "base/log.h"

static char story[8192];
static struct fake_kvm kvm;

void story_add(const char *format, ...)
{
	size_t used = strlen(story);
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(story + used, sizeof(story) - used, format, arguments);
	va_end(arguments);
}

void story_expect(const char *expected)
{
	assert_string_equal(story, expected);
	story[0] = '\0';
}

void story_forget(void)
{
	story[0] = '\0';
}

uint32_t fake_get(const uint8_t *bytes, unsigned offset, unsigned size)
{
	uint32_t value = 0;

	memcpy(&value, bytes + offset, size);
	return value;
}

void fake_set(uint8_t *bytes, unsigned offset, unsigned size, uint32_t value)
{
	memcpy(bytes + offset, &value, size);
}

/* The log. */

static int log_fd = -1;

void fake_log_start(void)
{
	log_fd = memfd_create("log", MFD_CLOEXEC);
	assert_true(log_fd >= 0);
	log_setup(log_fd, LOG_LEVEL_DEBUG);
}

const char *fake_log_take(void)
{
	static char text[8192];
	ssize_t length = pread(log_fd, text, sizeof(text) - 1, 0);

	assert_in_range(length, 0, sizeof(text) - 2);
	text[length] = '\0';
	assert_int_equal(ftruncate(log_fd, 0), 0);
	assert_int_equal(lseek(log_fd, 0, SEEK_SET), 0);
	return text;
}

void fake_log_end(void)
{
	log_setup(STDERR_FILENO, LOG_LEVEL_WARNING);
	close(log_fd);
	log_fd = -1;
}

/* The device. */

static struct fake_device *to_fake(struct vfio_device *device)
{
	return (struct fake_device *)device;
}

static int fake_region_info(struct vfio_device *device, unsigned region, struct vfio_region *ret_region)
{
	struct fake_device *fake = to_fake(device);

	memset(ret_region, 0, sizeof(*ret_region));
	if (region < PCI_BARS)
		*ret_region = fake->region[region];
	if (region == VFIO_PCI_CONFIG_REGION_INDEX)
		ret_region->size = fake->config_size;
	if (region == VFIO_PCI_ROM_REGION_INDEX) {
		ret_region->size = fake->rom_size;
		ret_region->readable = true;
	}
	return 0;
}

static int fake_region_read(struct vfio_device *device, unsigned region, uint64_t offset, void *ret_data,
			    size_t size)
{
	struct fake_device *fake = to_fake(device);

	if (fake->fails)
		return error_set(EIO, "the fake device fails");
	if (fake->dead) {
		memset(ret_data, 0xff, size);
		return 0;
	}
	if (region == VFIO_PCI_CONFIG_REGION_INDEX) {
		assert_true(offset + size <= fake->config_size);
		memcpy(ret_data, fake->config + offset, size);
		return 0;
	}
	if (region == VFIO_PCI_ROM_REGION_INDEX) {
		/* The kernel is as strict. */
		if (!(fake->config[PCI_COMMAND] & PCI_COMMAND_MEMORY))
			return error_set(EIO, "the fake device decodes no memory");
		assert_true(offset + size <= fake->rom_size);
		memcpy(ret_data, fake->rom + offset, size);
		return 0;
	}
	assert_true(region < PCI_BARS && offset + size <= fake->region[region].size);
	memcpy(ret_data, fake->memory[region] + offset, size);
	return 0;
}

static void config_take(struct fake_device *fake, unsigned offset, const uint8_t *data, size_t size)
{
	for (unsigned i = 0; i < size; i++) {
		unsigned at = offset + i;

		if (fake->flr_at && at == fake->flr_at && data[i] & 0x80) {
			story_add("flr ");
			fake->dead = fake->flr_dies;
			fake->config[at] = data[i] & 0x7f;
			continue;
		}
		fake->config[at] = data[i];
	}
}

static int fake_region_write(struct vfio_device *device, unsigned region, uint64_t offset, const void *data,
			     size_t size)
{
	struct fake_device *fake = to_fake(device);

	if (fake->fails)
		return error_set(EIO, "the fake device fails");
	if (region == VFIO_PCI_CONFIG_REGION_INDEX) {
		uint32_t value = 0;

		assert_true(offset + size <= fake->config_size);
		memcpy(&value, data, size);
		story_add("config[%llx+%zu]=%x ", (unsigned long long)offset, size, value);
		config_take(fake, (unsigned)offset, data, size);
		return 0;
	}
	assert_true(region < PCI_BARS && offset + size <= fake->region[region].size);
	memcpy(fake->memory[region] + offset, data, size);
	return 0;
}

static int fake_region_mmap(struct vfio_device *device, unsigned region, uint64_t offset, size_t size,
			    void *at)
{
	struct fake_device *fake = to_fake(device);

	if (fake->mmap_fails)
		return error_set(EINVAL, "the fake device maps nothing");
	assert_ptr_equal(mmap(at, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED,
			      fake->memory_fd[region], (off_t)offset),
			 at);
	return 0;
}

static int fake_irq_info(struct vfio_device *device, unsigned index, struct vfio_irq *ret_irq)
{
	memset(ret_irq, 0, sizeof(*ret_irq));
	switch (index) {
	case VFIO_PCI_MSIX_IRQ_INDEX:
		*ret_irq = to_fake(device)->irq;
		break;
	case VFIO_PCI_MSI_IRQ_INDEX:
		*ret_irq = to_fake(device)->msi;
		break;
	case VFIO_PCI_INTX_IRQ_INDEX:
		*ret_irq = to_fake(device)->intx;
		break;
	case VFIO_PCI_ERR_IRQ_INDEX:
	case VFIO_PCI_REQ_IRQ_INDEX:
		*ret_irq = to_fake(device)->notice[index - VFIO_PCI_ERR_IRQ_INDEX];
		break;
	}
	return 0;
}

static const char *const index_names[] = {
	[VFIO_PCI_INTX_IRQ_INDEX] = "intx", [VFIO_PCI_MSI_IRQ_INDEX] = "msi",
	[VFIO_PCI_MSIX_IRQ_INDEX] = "irqs", [VFIO_PCI_ERR_IRQ_INDEX] = "err",
	[VFIO_PCI_REQ_IRQ_INDEX] = "req",
};

static int notice_set(struct fake_device *fake, unsigned index, unsigned start, unsigned count,
		      const int *fds)
{
	assert_true(start == 0 && count == 1 && fds[0] >= 0);
	story_add("%s ", index_names[index]);
	if (fake->irq_error) {
		int error = fake->irq_error;

		fake->irq_error = 0;
		return error_set(error, "the fake device gives no notice");
	}
	fake->notice_fd[index - VFIO_PCI_ERR_IRQ_INDEX] = fds[0];
	return 0;
}

/* Keeps to the kernel's rules, and complains where the code above does not. */
static int fake_irq_set(struct vfio_device *device, unsigned index, unsigned start, unsigned count,
			const int *fds)
{
	struct fake_device *fake = to_fake(device);

	if (index >= VFIO_PCI_ERR_IRQ_INDEX)
		return notice_set(fake, index, start, count, fds);
	assert_in_range(index, VFIO_PCI_INTX_IRQ_INDEX, VFIO_PCI_MSIX_IRQ_INDEX);
	assert_true(count > 0 && start + count <= (index == VFIO_PCI_INTX_IRQ_INDEX ? 1 : FAKE_VECTORS));
	/* One at a time. */
	assert_true(!fake->irq_on || fake->irq_index == index);
	/* MSI is set up once, from the first message on. */
	assert_true(index != VFIO_PCI_MSI_IRQ_INDEX || fake->irq_on || start == 0);
	story_add("%s[%u+%u", index_names[index], start, count);
	for (unsigned i = 0; i < count; i++)
		story_add("%c", fds[i] < 0 ? '-' : '*');
	story_add("] ");
	if (fake->irq_error) {
		int error = fake->irq_error;

		fake->irq_error = 0;
		return error_set(error, "the fake device gives no interrupts");
	}
	if (!fake->irq_on && fake->available && start + count > fake->available)
		return (int)fake->available;
	if (fake->irq_on && fake->irq.noresize && fake->available)
		assert_true(start + count <= fake->available);
	fake->irq_on = true;
	fake->irq_index = index;
	for (unsigned i = 0; i < count; i++)
		fake->fd[start + i] = fds[i];
	return 0;
}

static int fake_irq_unmask_fd(struct vfio_device *device, unsigned index, int fd)
{
	struct fake_device *fake = to_fake(device);

	assert_int_equal(index, VFIO_PCI_INTX_IRQ_INDEX);
	assert_true(fake->irq_on && fake->irq_index == index && fd >= 0);
	if (fake->unmask_error)
		return error_set(fake->unmask_error, "the fake device knows no eventfd for that");
	story_add("intx-unmask ");
	fake->unmask_fd = fd;
	return 0;
}

static int fake_irq_action(struct vfio_device *device, unsigned index, unsigned start, unsigned count,
			   enum vfio_irq_action action)
{
	struct fake_device *fake = to_fake(device);

	/* Vectors are not masked in the device, and the line is by itself. Any thread. */
	assert_true(index == VFIO_PCI_INTX_IRQ_INDEX && start == 0 && count == 1 &&
		    action == VFIO_IRQ_UNMASK);
	atomic_fetch_add(&fake->unmasks, 1);
	return 0;
}

static int fake_irq_disable(struct vfio_device *device, unsigned index)
{
	struct fake_device *fake = to_fake(device);

	if (index >= VFIO_PCI_ERR_IRQ_INDEX) {
		/* The kernel refuses what is off already. */
		assert_true(fake->notice_fd[index - VFIO_PCI_ERR_IRQ_INDEX] >= 0);
		fake->notice_fd[index - VFIO_PCI_ERR_IRQ_INDEX] = -1;
		story_add("%s-off ", index_names[index]);
		return 0;
	}
	assert_true(!fake->irq_on || fake->irq_index == index);
	story_add("%s-off ", index_names[index]);
	fake->irq_on = false;
	fake->unmask_fd = -1;
	for (unsigned i = 0; i < FAKE_VECTORS; i++)
		fake->fd[i] = -1;
	return 0;
}

static int fake_reset(struct vfio_device *device)
{
	struct fake_device *fake = to_fake(device);

	if (fake->reset_error) {
		story_add("reset! ");
		return error_set(fake->reset_error, "the fake device cannot be reset");
	}
	story_add("reset ");
	fake->dead = fake->flr_dies;
	return 0;
}

static void fake_destroy(struct vfio_device *device)
{
	story_add("destroy ");
	to_fake(device)->destroyed = true;
}

static const struct vfio_device_ops fake_ops = {
	.region_info = fake_region_info,
	.region_read = fake_region_read,
	.region_write = fake_region_write,
	.region_mmap = fake_region_mmap,
	.irq_info = fake_irq_info,
	.irq_set = fake_irq_set,
	.irq_unmask_fd = fake_irq_unmask_fd,
	.irq_action = fake_irq_action,
	.irq_disable = fake_irq_disable,
	.reset = fake_reset,
	.destroy = fake_destroy,
};

static void bar_init(struct fake_device *fake, unsigned bar, uint64_t size, uint32_t type)
{
	fake->region[bar].size = size;
	fake->region[bar].readable = true;
	fake->region[bar].writable = true;
	if (!(type & PCI_BASE_ADDRESS_SPACE_IO)) {
		fake->region[bar].areas = 1;
		fake->region[bar].area[0].size = size;
	}
	fake_set(fake->config, PCI_BASE_ADDRESS_0 + 4 * bar, 4, 0xfe000000 | type);
	fake->memory_fd[bar] = memfd_create("bar", MFD_CLOEXEC);
	assert_true(fake->memory_fd[bar] >= 0 && ftruncate(fake->memory_fd[bar], (off_t)size) == 0);
	fake->memory[bar] = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fake->memory_fd[bar], 0);
	assert_ptr_not_equal(fake->memory[bar], MAP_FAILED);
}

static void bar_fini(struct fake_device *fake, unsigned bar)
{
	if (fake->memory_fd[bar] < 0)
		return;
	munmap(fake->memory[bar], fake->region[bar].size);
	close(fake->memory_fd[bar]);
}

void fake_bar_set(struct fake_device *fake, unsigned bar, uint64_t size, uint32_t type)
{
	bar_fini(fake, bar);
	bar_init(fake, bar, size, type);
}

static void standard_init(uint8_t *config)
{
	static const struct {
		unsigned at, id, next;
	} list[] = {
		{ FAKE_PM, PCI_CAP_ID_PM, FAKE_MSI },	 { FAKE_MSI, PCI_CAP_ID_MSI, FAKE_EXP },
		{ FAKE_EXP, PCI_CAP_ID_EXP, FAKE_MSIX }, { FAKE_MSIX, PCI_CAP_ID_MSIX, FAKE_AF },
		{ FAKE_AF, PCI_CAP_ID_AF, FAKE_VNDR },	 { FAKE_VNDR, PCI_CAP_ID_VNDR, 0 },
	};

	fake_set(config, PCI_CAPABILITY_LIST, 1, FAKE_PM);
	for (unsigned i = 0; i < sizeof(list) / sizeof(list[0]); i++)
		fake_set(config, list[i].at, 2, list[i].id | list[i].next << 8);
	fake_set(config, FAKE_MSI + PCI_MSI_FLAGS, 2, PCI_MSI_FLAGS_64BIT | 6);
	fake_set(config, FAKE_MSI + 0xe, 2, 0x5a5a); /* behind its end: nobody's, so the device's */
	fake_set(config, FAKE_EXP + PCI_EXP_FLAGS, 2, 2 | PCI_EXP_TYPE_ENDPOINT << 4);
	fake_set(config, FAKE_EXP + PCI_EXP_DEVCAP, 4, PCI_EXP_DEVCAP_FLR);
	fake_set(config, FAKE_EXP + PCI_EXP_LNKCAP, 4, 0x00455843);
	fake_set(config, FAKE_EXP + PCI_EXP_LNKSTA, 2, 0x1043);
	fake_set(config, FAKE_EXP + PCI_EXP_LNKCAP2, 4, 0xe);
	fake_set(config, FAKE_MSIX + PCI_MSIX_FLAGS, 2, FAKE_VECTORS - 1);
	fake_set(config, FAKE_MSIX + PCI_MSIX_TABLE, 4, 0x2000);
	fake_set(config, FAKE_MSIX + PCI_MSIX_PBA, 4, 0x3000);
	fake_set(config, FAKE_AF + PCI_AF_CAP, 1, PCI_AF_CAP_FLR | PCI_AF_CAP_TP);
	fake_set(config, FAKE_VNDR + 2, 1, 0x10);
	fake_set(config, FAKE_VNDR + 4, 4, 0xcafef00d);
}

static void extended_init(uint8_t *config)
{
	static const struct {
		unsigned at, id, next;
	} list[] = {
		{ FAKE_AER, PCI_EXT_CAP_ID_ERR, FAKE_SRIOV },
		{ FAKE_SRIOV, PCI_EXT_CAP_ID_SRIOV, FAKE_DSN },
		{ FAKE_DSN, PCI_EXT_CAP_ID_DSN, FAKE_ATS },
		{ FAKE_ATS, PCI_EXT_CAP_ID_ATS, 0 },
	};

	for (unsigned i = 0; i < sizeof(list) / sizeof(list[0]); i++) {
		fake_set(config, list[i].at, 4, list[i].id | 1u << 16 | list[i].next << 20);
		fake_set(config, list[i].at + 4, 4, 0x11110000 + list[i].at);
	}
}

void fake_device_init(struct fake_device *fake)
{
	memset(fake, 0, sizeof(*fake));
	fake->device.ops = &fake_ops;
	strcpy(fake->device.name, "0000:01:00.0");
	fake->device.regions = VFIO_PCI_NUM_REGIONS;
	fake->device.irqs = VFIO_PCI_NUM_IRQS;
	fake->device.can_reset = true;
	fake->device.reset_on_open = true;
	fake->config_size = PCIE_CONFIG_SIZE;
	fake->irq = (struct vfio_irq){ .count = FAKE_VECTORS, .eventfd = true };
	fake->flr_at = FAKE_EXP + PCI_EXP_DEVCTL + 1;
	for (unsigned i = 0; i < FAKE_VECTORS; i++)
		fake->fd[i] = -1;
	fake->notice_fd[0] = fake->notice_fd[1] = -1;
	for (unsigned i = 0; i < PCI_BARS; i++)
		fake->memory_fd[i] = -1;
	fake_set(fake->config, PCI_VENDOR_ID, 4, 0x00101b36);
	fake_set(fake->config, PCI_COMMAND, 2, PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER);
	fake_set(fake->config, PCI_STATUS, 2, PCI_STATUS_CAP_LIST | PCI_STATUS_REC_MASTER_ABORT);
	fake_set(fake->config, PCI_CLASS_REVISION, 4, 0x01080202);
	fake_set(fake->config, PCI_HEADER_TYPE, 2, 0x4080); /* multifunction, and a BIST */
	fake_set(fake->config, PCI_SUBSYSTEM_VENDOR_ID, 4, 0x11001af4);
	fake_set(fake->config, PCI_ROM_ADDRESS, 4, 0xfffe0001);
	fake_set(fake->config, PCI_INTERRUPT_LINE, 2, 0x010b);
	standard_init(fake->config);
	extended_init(fake->config);
	bar_init(fake, 0, 0x4000, PCI_BASE_ADDRESS_MEM_TYPE_64);
	fake_set(fake->config, PCI_BASE_ADDRESS_1, 4, 0);
	bar_init(fake, 2, 0x20, PCI_BASE_ADDRESS_SPACE_IO);
	bar_init(fake, 3, 0x100, 0);
	story_forget();
	fake_kvm_reset();
}

void fake_device_fini(struct fake_device *fake)
{
	for (unsigned i = 0; i < PCI_BARS; i++)
		bar_fini(fake, i);
}

/* KVM. */

struct fake_kvm *fake_kvm(void)
{
	return &kvm;
}

void fake_kvm_reset(void)
{
	memset(&kvm, 0, sizeof(kvm));
	for (unsigned i = 0; i < 64; i++)
		kvm.irqfd[i] = -1;
	for (unsigned i = 0; i < 24; i++)
		kvm.line[i] = kvm.resample[i] = -1;
}

static int route_error(void)
{
	int error = kvm.route_error;

	kvm.route_error = 0;
	return error ? error_set(error, "the fake KVM takes no route") : 0;
}

int kvm_msi_route_add(struct kvm_vm *vm, const struct kvm_msi *msi, uint32_t *ret_gsi)
{
	int error = route_error();

	if (error)
		return error;
	kvm.message[kvm.next % 64] = *msi;
	*ret_gsi = 24 + kvm.next++ % 64;
	kvm.routes++;
	story_add("route+%u ", *ret_gsi);
	return 0;
}

int kvm_msi_route_update(struct kvm_vm *vm, uint32_t gsi, const struct kvm_msi *msi)
{
	int error = route_error();

	if (error)
		return error;
	kvm.message[gsi - 24] = *msi;
	story_add("route=%u ", gsi);
	return 0;
}

void kvm_msi_route_remove(struct kvm_vm *vm, uint32_t gsi)
{
	assert_int_equal(kvm.irqfd[gsi - 24], -1);
	kvm.routes--;
	story_add("route-%u ", gsi);
}

int kvm_irqfd_assign(struct kvm_vm *vm, uint32_t gsi, int event_fd)
{
	assert_true(event_fd >= 0 && kvm.irqfd[gsi - 24] == -1);
	kvm.irqfd[gsi - 24] = event_fd;
	kvm.irqfds++;
	story_add("irqfd+%u ", gsi);
	return 0;
}

int kvm_irqfd_assign_line(struct kvm_vm *vm, uint32_t gsi, int event_fd, int resample_fd)
{
	int error = route_error();

	if (error)
		return error;
	assert_true(event_fd >= 0 && resample_fd >= 0 && gsi < 24 && kvm.line[gsi] == -1);
	kvm.line[gsi] = event_fd;
	kvm.resample[gsi] = resample_fd;
	kvm.irqfds++;
	story_add("line+%u ", gsi);
	return 0;
}

void kvm_irqfd_deassign(struct kvm_vm *vm, uint32_t gsi, int event_fd)
{
	if (gsi < 24) {
		assert_int_equal(kvm.line[gsi], event_fd);
		kvm.line[gsi] = kvm.resample[gsi] = -1;
		kvm.irqfds--;
		story_add("line-%u ", gsi);
		return;
	}
	assert_int_equal(kvm.irqfd[gsi - 24], event_fd);
	kvm.irqfd[gsi - 24] = -1;
	kvm.irqfds--;
	story_add("irqfd-%u ", gsi);
}

int kvm_vfio_file_add(struct kvm_vm *vm, int fd)
{
	story_add("kvm+%d ", fd);
	return 0;
}

void kvm_vfio_file_remove(struct kvm_vm *vm, int fd)
{
	story_add("kvm-%d ", fd);
}
