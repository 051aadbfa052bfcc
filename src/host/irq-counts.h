/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef HANDFAST_HOST_IRQ_COUNTS_H
#define HANDFAST_HOST_IRQ_COUNTS_H

/* How often a device has interrupted, as the host's kernel counts it. */
#include <stdbool.h>
#include <stdint.h>

/*
 * text: /proc/interrupts, whole. name: the device's, "0000:1a:00.3". Returns false where the kernel counts
 * none for it: vfio-pci has none of its interrupts set up, or it is mediated. The kernel begins anew when
 * they are set up anew; a line (INTx) that others on this host share counts theirs as well; what the
 * processor posts into a running guest is not seen. Source: vfio_pci_intrs.c for the names, proc(5) for the
 * file.
 */
bool irq_counts_find(const char *text, const char *name, uint64_t *ret_count);

#endif
