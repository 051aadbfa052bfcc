/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef HANDFAST_TESTS_UNIT_KVM_GUEST_H
#define HANDFAST_TESTS_UNIT_KVM_GUEST_H

/* A small virtual machine on a real /dev/kvm, which keeps what its guest reports. */
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "guest-code.h"
#include "kvm/vcpu.h"
#include "kvm/vm.h"

#define CPUS	    4
#define REPORTS_MAX 256

extern const unsigned char guest_start[], guest_end[], guest_protected[], guest_long[], guest_fault[],
	guest_astray[], guest_smp[], guest_trampoline[], guest_trampoline_end[], guest_wait[],
	guest_vector_a[], guest_vector_b[];

struct guest {
	struct kvm_vm *vm;
	struct kvm_topology topology;
	struct kvm_vcpu *vcpus[CPUS];
	unsigned char *ram;
	uint32_t slot;

	pthread_mutex_t mutex;
	pthread_cond_t changed;
	uint32_t reports[REPORTS_MAX];
	unsigned reported;
	bool done;
	bool ended;
	enum kvm_vcpu_end end;
	struct error cause;

	char text[64];		   /* written to GUEST_TEXT */
	unsigned text_reads;	   /* of GUEST_TEXT */
	uint32_t counts[CPUS * 2]; /* by APIC id */
	atomic_bool wrong;	   /* a count that came back as another */
	unsigned char mmio[32];	   /* what was written there */
	unsigned mmio_sizes[32];   /* with which width */
	atomic_uint slow_us;	   /* time a handler takes */
};

extern const struct kvm_vcpu_ops guest_ops;

/* Skips the test where there is no /dev/kvm. cpus: up to CPUS; 0: the caller makes its own. */
void guest_create(struct guest *guest, unsigned cpus);
void guest_destroy(struct guest *guest);

/* All of it to power-on, to begin at `code`, with nothing reported. Stopped. */
void guest_reset(struct guest *guest, enum kvm_x86_mode mode, const unsigned char *code);
void guest_run(struct guest *guest);
void guest_stop(struct guest *guest);

/* Until the guest is done, has ended, or has reported so much; at most ten seconds. */
bool guest_wait_for(struct guest *guest, unsigned reports);

#endif
