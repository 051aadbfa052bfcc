/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * ACPI fixed hardware (ACPI 6.5, 4.8.3 and 4.8.4) and the reset register at 0xcf9.
 *
 * Theory of operation: the machine is in ACPI mode from the start (SCI_EN reads 1, there is no SMI command).
 * The timer is never counted by anyone; it is computed from the host's monotonic clock when it is read. Its
 * status bit is computed the same way, from how often bit 23 has changed since the guest last cleared it, and
 * only a guest that enables the timer's interrupt makes a timerfd run, for one overflow at a time.
 *
 * pm->mutex guards everything; the SCI is set under it, so that its levels are in order.
 */
#include "dev/platform.h"

#include <errno.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>

#include "base/check.h"
#include "base/error.h"
#include "base/log.h"
#include "dev/port-priv.h"
#include "dev/timer-priv.h"

#define PM_TIMER_HZ   3579545ULL
#define PM_TIMER_BITS 24

/* PM1 status and enable registers (4.8.3.1). */
#define PM1_TMR	   (1U << 0)
#define PM1_BM	   (1U << 4)
#define PM1_GBL	   (1U << 5)
#define PM1_PWRBTN (1U << 8)
#define PM1_SLPBTN (1U << 9)
#define PM1_RTC	   (1U << 10)
#define PM1_WAK	   (1U << 15)

#define PM1_STS_CLEARS (PM1_TMR | PM1_BM | PM1_GBL | PM1_PWRBTN | PM1_SLPBTN | PM1_RTC | PM1_WAK)
#define PM1_EN_BITS    (PM1_TMR | PM1_GBL | PM1_PWRBTN | PM1_SLPBTN | PM1_RTC)

/* PM1 control register (4.8.3.2). */
#define PM1_CNT_SCI_EN	      (1U << 0)
#define PM1_CNT_BM_RLD	      (1U << 1)
#define PM1_CNT_SLP_TYP_SHIFT 10
#define PM1_CNT_SLP_TYP_MASK  (7U << PM1_CNT_SLP_TYP_SHIFT)
#define PM1_CNT_SLP_EN	      (1U << 13)

#define GPE0_BYTES 8 /* of status, and as many of enable */

/* The reset register, as Intel's chipsets have it. */
#define RESET_SYS (1U << 1) /* 1: the whole machine, 0: the processor alone */
#define RESET_CPU (1U << 2) /* do it */

struct pm {
	struct mem_bus *pio;
	struct mem_io io_event;
	struct mem_io io_control;
	struct mem_io io_timer;
	struct mem_io io_gpe0;
	struct mem_io io_reset;
	const struct dev_machine_ops *ops;
	void *opaque;
	struct dev_irq sci;
	struct dev_timer overflow;
	uint64_t start_ns; /* when the timer showed 0 */
	struct log_limit sleep_limit;

	pthread_mutex_t mutex;
	uint16_t status;
	uint16_t enable;
	uint16_t control;
	uint64_t half_seen; /* ticks >> 23 when TMR_STS was last brought up to date */
	uint8_t gpe0_status[GPE0_BYTES];
	uint8_t gpe0_enable[GPE0_BYTES];
	uint8_t reset_register;
	bool level; /* of the SCI */
};

static uint64_t pm_ticks(const struct pm *pm)
{
	unsigned __int128 elapsed = dev_clock_ns(CLOCK_MONOTONIC) - pm->start_ns;

	return (uint64_t)(elapsed * PM_TIMER_HZ / NS_PER_SECOND);
}

/* The first nanosecond at which the timer shows this many ticks. */
static uint64_t pm_ticks_ns(const struct pm *pm, uint64_t ticks)
{
	unsigned __int128 scaled = (unsigned __int128)ticks * NS_PER_SECOND + PM_TIMER_HZ - 1;

	return pm->start_ns + (uint64_t)(scaled / PM_TIMER_HZ);
}

/* Brings TMR_STS, the timer behind it and the SCI up to date. Under the mutex. */
static void pm_update(struct pm *pm)
{
	uint64_t half = pm_ticks(pm) >> (PM_TIMER_BITS - 1);
	bool level;

	if (half != pm->half_seen)
		pm->status |= PM1_TMR;
	pm->half_seen = half;
	if ((pm->enable & PM1_TMR) && !(pm->status & PM1_TMR))
		dev_timer_arm(&pm->overflow, pm_ticks_ns(pm, (half + 1) << (PM_TIMER_BITS - 1)));

	level = pm->status & pm->enable & PM1_EN_BITS;
	for (unsigned i = 0; i < GPE0_BYTES; i++)
		level |= pm->gpe0_status[i] & pm->gpe0_enable[i];
	if (level == pm->level)
		return;
	pm->level = level;
	pm->sci.set(pm->sci.opaque, level);
}

static void pm_overflow(void *opaque)
{
	struct pm *pm = opaque;

	pthread_mutex_lock(&pm->mutex);
	pm_update(pm);
	pthread_mutex_unlock(&pm->mutex);
}

static uint64_t event_read(void *opaque, uint64_t offset, unsigned size)
{
	struct pm *pm = opaque;
	uint64_t value;

	pthread_mutex_lock(&pm->mutex);
	pm_update(pm);
	value = (uint64_t)pm->enable << 16 | pm->status;
	pthread_mutex_unlock(&pm->mutex);
	return value >> offset * 8;
}

static void event_write(void *opaque, uint64_t offset, unsigned size, uint64_t value)
{
	struct pm *pm = opaque;
	struct dev_bits bits = dev_bits_written(offset, size, value);
	uint16_t mask = (uint16_t)(bits.mask >> 16);

	pthread_mutex_lock(&pm->mutex);
	pm_update(pm); /* what happened before this write is what it clears */
	pm->status &= (uint16_t) ~(bits.value & PM1_STS_CLEARS);
	pm->enable = (uint16_t)((pm->enable & ~mask) | (bits.value >> 16 & mask & PM1_EN_BITS));
	if (!(pm->enable & PM1_TMR))
		dev_timer_disarm(&pm->overflow);
	pm_update(pm);
	pthread_mutex_unlock(&pm->mutex);
}

static uint64_t control_read(void *opaque, uint64_t offset, unsigned size)
{
	struct pm *pm = opaque;
	uint64_t value;

	pthread_mutex_lock(&pm->mutex);
	value = pm->control;
	pthread_mutex_unlock(&pm->mutex);
	return value >> offset * 8;
}

static void control_write(void *opaque, uint64_t offset, unsigned size, uint64_t value)
{
	const uint16_t kept = PM1_CNT_BM_RLD | PM1_CNT_SLP_TYP_MASK; /* the others are fixed or write-only */
	struct pm *pm = opaque;
	struct dev_bits bits = dev_bits_written(offset, size, value);
	unsigned type;

	pthread_mutex_lock(&pm->mutex);
	pm->control = (uint16_t)((pm->control & ~(bits.mask & kept)) | (bits.value & kept));
	type = (pm->control & PM1_CNT_SLP_TYP_MASK) >> PM1_CNT_SLP_TYP_SHIFT;
	pthread_mutex_unlock(&pm->mutex);
	if (!(bits.value & PM1_CNT_SLP_EN))
		return;
	if (type == PM_SLP_TYP_S5)
		pm->ops->power_off(pm->opaque);
	else
		log_guest(&pm->sleep_limit,
			  "asked for a sleep state that this machine does not have (SLP_TYP %u)", type);
}

static uint64_t timer_read(void *opaque, uint64_t offset, unsigned size)
{
	const struct pm *pm = opaque; /* what it takes never changes: no lock */

	return (pm_ticks(pm) & ((1U << PM_TIMER_BITS) - 1)) >> offset * 8;
}

static void ignore_write(void *opaque, uint64_t offset, unsigned size, uint64_t value) {}

static uint64_t gpe0_read(void *opaque, uint64_t offset, unsigned size)
{
	struct pm *pm = opaque;
	uint64_t value = 0;

	pthread_mutex_lock(&pm->mutex);
	for (unsigned i = 0; i < size; i++) {
		uint64_t at = offset + i;
		uint8_t byte = 0xff;

		if (at < GPE0_BYTES)
			byte = pm->gpe0_status[at];
		else if (at < 2 * GPE0_BYTES)
			byte = pm->gpe0_enable[at - GPE0_BYTES];
		value |= (uint64_t)byte << i * 8;
	}
	pthread_mutex_unlock(&pm->mutex);
	return value;
}

static void gpe0_write(void *opaque, uint64_t offset, unsigned size, uint64_t value)
{
	struct pm *pm = opaque;

	pthread_mutex_lock(&pm->mutex);
	for (unsigned i = 0; i < size; i++) {
		uint64_t at = offset + i;
		uint8_t byte = (uint8_t)(value >> i * 8);

		if (at < GPE0_BYTES)
			pm->gpe0_status[at] &= (uint8_t)~byte;
		else if (at < 2 * GPE0_BYTES)
			pm->gpe0_enable[at - GPE0_BYTES] = byte;
	}
	pm_update(pm);
	pthread_mutex_unlock(&pm->mutex);
}

static uint64_t reset_read(void *opaque, uint64_t offset, unsigned size)
{
	struct pm *pm = opaque;
	uint64_t value;

	pthread_mutex_lock(&pm->mutex);
	value = pm->reset_register;
	pthread_mutex_unlock(&pm->mutex);
	return value;
}

static void reset_write(void *opaque, uint64_t offset, unsigned size, uint64_t value)
{
	struct pm *pm = opaque;

	pthread_mutex_lock(&pm->mutex);
	pm->reset_register = (uint8_t)(value & ~RESET_CPU); /* the bit that does it never stays */
	pthread_mutex_unlock(&pm->mutex);
	/* Without RESET_SYS real hardware sends the processors an INIT. Nobody who asks for that expects
	 * to find devices as they were, and a guest that waits for it must not wait for ever. */
	if (value & RESET_CPU)
		pm->ops->reset(pm->opaque);
}

static const struct mem_io_ops event_ops = { event_read, event_write };
static const struct mem_io_ops control_ops = { control_read, control_write };
static const struct mem_io_ops timer_ops = { timer_read, ignore_write };
static const struct mem_io_ops gpe0_ops = { gpe0_read, gpe0_write };
static const struct mem_io_ops reset_ops = { reset_read, reset_write };

int pm_create(struct mem_bus *pio, struct loop *loop, struct dev_irq sci, const struct dev_machine_ops *ops,
	      void *opaque, struct pm **ret_pm)
{
	struct pm *pm = calloc(1, sizeof(*pm));
	int error;

	if (!pm)
		return error_sys(ENOMEM, "power management");
	error = dev_timer_init(&pm->overflow, loop, CLOCK_MONOTONIC, pm_overflow, pm);
	if (error) {
		free(pm);
		return error;
	}
	pm->pio = pio;
	pm->ops = ops;
	pm->opaque = opaque;
	pm->sci = sci;
	pm->start_ns = dev_clock_ns(CLOCK_MONOTONIC);
	pm->control = PM1_CNT_SCI_EN;
	pthread_mutex_init(&pm->mutex, NULL);
	dev_port_add(pio, &pm->io_event, PM_PORT_EVENT, 4, &event_ops, pm, "pm1-event");
	dev_port_add(pio, &pm->io_control, PM_PORT_CONTROL, 2, &control_ops, pm, "pm1-control");
	dev_port_add(pio, &pm->io_timer, PM_PORT_TIMER, 4, &timer_ops, pm, "pm-timer");
	dev_port_add(pio, &pm->io_gpe0, PM_PORT_GPE0, 2 * GPE0_BYTES, &gpe0_ops, pm, "gpe0");
	dev_port_add(pio, &pm->io_reset, PM_PORT_RESET, 1, &reset_ops, pm, "reset");
	*ret_pm = pm;
	return 0;
}

void pm_destroy(struct pm *pm)
{
	if (!pm)
		return;
	dev_port_remove(pm->pio, &pm->io_event);
	dev_port_remove(pm->pio, &pm->io_control);
	dev_port_remove(pm->pio, &pm->io_timer);
	dev_port_remove(pm->pio, &pm->io_gpe0);
	dev_port_remove(pm->pio, &pm->io_reset);
	dev_timer_fini(&pm->overflow);
	pthread_mutex_destroy(&pm->mutex);
	free(pm);
}

void pm_reset(struct pm *pm)
{
	pthread_mutex_lock(&pm->mutex);
	pm->status = 0;
	pm->enable = 0;
	pm->control = PM1_CNT_SCI_EN;
	for (unsigned i = 0; i < GPE0_BYTES; i++) {
		pm->gpe0_status[i] = 0;
		pm->gpe0_enable[i] = 0;
	}
	pm->reset_register = 0;
	pm->half_seen = pm_ticks(pm) >> (PM_TIMER_BITS - 1);
	dev_timer_disarm(&pm->overflow);
	pm_update(pm);
	pthread_mutex_unlock(&pm->mutex);
}

void pm_gpe(struct pm *pm, unsigned number)
{
	check(number < GPE0_BYTES * 8);
	pthread_mutex_lock(&pm->mutex);
	pm->gpe0_status[number / 8] |= (uint8_t)(1u << number % 8);
	pm_update(pm);
	pthread_mutex_unlock(&pm->mutex);
}

void pm_power_button(struct pm *pm)
{
	pthread_mutex_lock(&pm->mutex);
	pm->status |= PM1_PWRBTN;
	pm_update(pm);
	pthread_mutex_unlock(&pm->mutex);
}
