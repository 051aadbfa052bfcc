/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "guest.h"

#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "unit.h"

static void mmio_read(void *opaque, uint64_t address, void *ret_data, unsigned size)
{
	static const unsigned char pattern[8] = { 1, 2, 3, 4, 5, 6, 7, 8 };
	struct guest *guest = opaque;
	uint64_t offset = address - GUEST_MMIO;

	if (guest->slow_us)
		usleep(guest->slow_us);
	if (size == 4 && (offset & 0xff) == 0 && offset >> 8 < CPUS * 2)
		memcpy(ret_data, &(uint32_t){ ++guest->counts[offset >> 8] }, 4);
	else
		memcpy(ret_data, pattern, size);
}

static void mmio_write(void *opaque, uint64_t address, const void *data, unsigned size)
{
	struct guest *guest = opaque;
	uint64_t offset = address - GUEST_MMIO;
	uint32_t value = 0;

	if (size == 4 && (offset & 0xff) == 4 && offset >> 8 < CPUS * 2) {
		memcpy(&value, data, size);
		if (value != guest->counts[offset >> 8])
			guest->wrong = true;
	} else if (offset + size <= sizeof(guest->mmio)) {
		memcpy(guest->mmio + offset, data, size);
		guest->mmio_sizes[offset] = size;
	}
}

static void pio_read(void *opaque, uint16_t port, void *ret_data, unsigned size)
{
	struct guest *guest = opaque;

	if (port == GUEST_TEXT)
		*(unsigned char *)ret_data = (unsigned char)('a' + guest->text_reads++);
	else if (port >= GUEST_COUNT && port < GUEST_COUNT + CPUS * 2)
		*(unsigned char *)ret_data = (unsigned char)guest->counts[port - GUEST_COUNT];
	else
		memset(ret_data, 0xff, size);
}

static void pio_write(void *opaque, uint16_t port, const void *data, unsigned size)
{
	struct guest *guest = opaque;
	size_t length = strlen(guest->text);

	pthread_mutex_lock(&guest->mutex);
	if (port == GUEST_REPORT && size == 4 && guest->reported < REPORTS_MAX)
		memcpy(&guest->reports[guest->reported++], data, 4);
	else if (port == GUEST_TEXT && length + 1 < sizeof(guest->text))
		guest->text[length] = *(const char *)data;
	else if (port == GUEST_DONE)
		guest->done = true;
	pthread_cond_broadcast(&guest->changed);
	pthread_mutex_unlock(&guest->mutex);
}

static void ended(void *opaque, struct kvm_vcpu *vcpu, enum kvm_vcpu_end end)
{
	struct guest *guest = opaque;

	pthread_mutex_lock(&guest->mutex);
	guest->ended = true;
	guest->end = end;
	guest->cause = *error_get();
	pthread_cond_broadcast(&guest->changed);
	pthread_mutex_unlock(&guest->mutex);
}

const struct kvm_vcpu_ops guest_ops = {
	.mmio_read = mmio_read,
	.mmio_write = mmio_write,
	.pio_read = pio_read,
	.pio_write = pio_write,
	.ended = ended,
};

static void put64(struct guest *guest, unsigned address, uint64_t value)
{
	memcpy(guest->ram + address, &value, sizeof(value));
}

static unsigned at(const unsigned char *code)
{
	return GUEST_CODE + (unsigned)(code - guest_start);
}

static void gate_put(struct guest *guest, unsigned vector, const unsigned char *handler)
{
	put64(guest, GUEST_IDT + vector * 16,
	      (at(handler) & 0xffff) | (uint64_t)GUEST_CS64 << 16 | 0x8e00ULL << 32 |
		      (uint64_t)(at(handler) >> 16) << 48);
}

/* Code, descriptor tables, and page tables that map 4 GiB as they are, in pages of 2 MiB. */
static void ram_fill(struct guest *guest)
{
	memcpy(guest->ram + GUEST_CODE, guest_start, (size_t)(guest_end - guest_start));
	memcpy(guest->ram + GUEST_TRAMPOLINE, guest_trampoline,
	       (size_t)(guest_trampoline_end - guest_trampoline));
	put64(guest, GUEST_GDT + GUEST_CS64, 0x00af9b000000ffff);
	put64(guest, GUEST_GDT + GUEST_DS, 0x00cf93000000ffff);
	put64(guest, GUEST_GDT + GUEST_CS32, 0x00cf9b000000ffff);
	put64(guest, GUEST_GDTR, 31 | GUEST_GDT << 16);
	put64(guest, GUEST_IDTR, 0xfff | GUEST_IDT << 16);
	gate_put(guest, GUEST_VECTOR_A, guest_vector_a);
	gate_put(guest, GUEST_VECTOR_B, guest_vector_b);
	put64(guest, GUEST_TABLES, (GUEST_TABLES + 0x1000) | 3);
	for (unsigned i = 0; i < 4; i++)
		put64(guest, GUEST_TABLES + 0x1000 + i * 8, (GUEST_TABLES + 0x2000 + i * 0x1000) | 3);
	for (uint64_t i = 0; i < 4 * 512; i++)
		put64(guest, GUEST_TABLES + 0x2000 + (unsigned)i * 8, i << 21 | 0x83);
}

static struct kvm_x86_entry entry(enum kvm_x86_mode mode, const unsigned char *code)
{
	return (struct kvm_x86_entry){
		.mode = mode,
		.rip = at(code),
		.rsp = GUEST_STACK,
		.rbx = 0xb0b0b0b0,
		.rsi = 0x51515151,
		.cr3 = GUEST_TABLES,
		.gdt = GUEST_GDT,
		.gdt_limit = 31,
		.cs = mode == KVM_X86_MODE_LONG ? GUEST_CS64 : GUEST_CS32,
		.ds = GUEST_DS,
	};
}

void guest_reset(struct guest *guest, enum kvm_x86_mode mode, const unsigned char *code)
{
	struct kvm_x86_entry at_reset = entry(mode, code);

	assert_int_equal(kvm_vm_reset(guest->vm), 0);
	for (unsigned i = 0; i < guest->topology.cpus; i++) {
		if (kvm_vcpu_reset(guest->vcpus[i], &at_reset))
			fail_msg("%s: %s", error_get()->tried, error_get()->because);
	}
	memset(guest->counts, 0, sizeof(guest->counts));
	guest->text[0] = '\0';
	guest->text_reads = 0;
	guest->reported = 0;
	guest->done = guest->ended = false;
	guest->wrong = false;
}

void guest_run(struct guest *guest)
{
	for (unsigned i = 0; i < guest->topology.cpus; i++)
		kvm_vcpu_run(guest->vcpus[i]);
}

void guest_stop(struct guest *guest)
{
	for (unsigned i = 0; i < guest->topology.cpus; i++)
		kvm_vcpu_stop(guest->vcpus[i]);
	for (unsigned i = 0; i < guest->topology.cpus; i++)
		kvm_vcpu_wait_stopped(guest->vcpus[i]);
}

bool guest_wait_for(struct guest *guest, unsigned reports)
{
	struct timespec deadline;
	bool there;
	int err = 0;

	clock_gettime(CLOCK_REALTIME, &deadline);
	deadline.tv_sec += 10;
	pthread_mutex_lock(&guest->mutex);
	while (!(there = guest->done || guest->ended || guest->reported >= reports) && err == 0)
		err = pthread_cond_timedwait(&guest->changed, &guest->mutex, &deadline);
	pthread_mutex_unlock(&guest->mutex);
	return there;
}

void guest_create(struct guest *guest, unsigned cpus)
{
	int fd = open("/dev/kvm", O_RDWR | O_CLOEXEC);

	if (fd < 0)
		skip();
	memset(guest, 0, sizeof(*guest));
	pthread_mutex_init(&guest->mutex, NULL);
	pthread_cond_init(&guest->changed, NULL);
	if (kvm_vm_create(fd, &guest->vm))
		fail_msg("%s", error_get()->because);
	guest->ram = mmap(NULL, GUEST_SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	assert_true(guest->ram != MAP_FAILED);
	ram_fill(guest);
	assert_int_equal(kvm_slot_add(guest->vm, 0, GUEST_SIZE, guest->ram, false, &guest->slot), 0);
	guest->topology = (struct kvm_topology){ cpus, 1, 1, cpus, 1 };
	for (unsigned i = 0; i < cpus; i++) {
		if (kvm_vcpu_create(guest->vm, i, &guest->topology, false, &guest_ops, guest,
				    &guest->vcpus[i]))
			fail_msg("%s", error_get()->because);
	}
}

void guest_destroy(struct guest *guest)
{
	for (unsigned i = 0; i < guest->topology.cpus; i++)
		kvm_vcpu_destroy(guest->vcpus[i]);
	kvm_slot_remove(guest->vm, guest->slot);
	kvm_vm_destroy(guest->vm);
	munmap(guest->ram, GUEST_SIZE);
	pthread_cond_destroy(&guest->changed);
	pthread_mutex_destroy(&guest->mutex);
}
