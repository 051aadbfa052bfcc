/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef HANDFAST_DEV_PLATFORM_H
#define HANDFAST_DEV_PLATFORM_H

/* The few devices of a PC that an operating system expects whatever else is there. Each takes its place on
 * the I/O port bus at creation and leaves it when destroyed (NULL is fine). */
#include <stdint.h>

#include "dev/serial.h"
#include "mem/bus.h"

/* What the guest asks of the machine. Called on a vCPU's thread; must return at once. */
struct dev_machine_ops {
	void (*reset)(void *opaque);
	void (*power_off)(void *opaque);
};

/* MC146818A at 0x70/0x71: time in UTC from the host's clock (and settable), 128 bytes of CMOS RAM,
 * periodic, alarm and update interrupts on IRQ 8. */
struct rtc;
int rtc_create(struct mem_bus *pio, struct loop *loop, struct dev_irq irq, struct rtc **ret_rtc);
void rtc_destroy(struct rtc *rtc);
void rtc_reset(struct rtc *rtc);

/*
 * ACPI fixed hardware (ACPI 6.5, 4.8): PM1 event and control blocks, PM timer (3.579545 MHz, 24 bits),
 * power button, S5, at the ports below; SCI level-triggered on GSI 9. And the reset register at port 0xcf9.
 */
#define PM_PORT_EVENT	0x600 /* PM1a_EVT_BLK, 4 bytes */
#define PM_PORT_CONTROL 0x604 /* PM1a_CNT_BLK, 2 bytes */
#define PM_PORT_TIMER	0x608 /* PM_TMR_BLK, 4 bytes */
#define PM_PORT_GPE0	0x620 /* GPE0_BLK, 16 bytes: 8 of status, 8 of enable */
#define PM_PORT_RESET	0xcf9
#define PM_RESET_VALUE	0x06
#define PM_GSI_SCI	9
#define PM_SLP_TYP_S5	5

struct pm;
int pm_create(struct mem_bus *pio, struct loop *loop, struct dev_irq sci, const struct dev_machine_ops *ops,
	      void *opaque, struct pm **ret_pm);
void pm_destroy(struct pm *pm);
void pm_reset(struct pm *pm);
/* Sets the status of a general-purpose event, 0 to 63: the SCI follows where the guest has enabled it. Any
 * thread. */
void pm_gpe(struct pm *pm, unsigned number);
/* Presses the power button. Any thread. */
void pm_power_button(struct pm *pm);

/* The keyboard controller's reset line only (0x60, 0x64): no keyboard answers. */
struct i8042;
int i8042_create(struct mem_bus *pio, const struct dev_machine_ops *ops, void *opaque,
		 struct i8042 **ret_i8042);
void i8042_destroy(struct i8042 *i8042);

#endif
