/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The MC146818A real-time clock and the CMOS RAM around it.
 *
 * Theory of operation: nothing counts. The guest's time is the host's CLOCK_REALTIME plus an offset that the
 * guest changes by setting its clock; the registers are computed when they are read. While the guest holds
 * the clock (SET in register B, or the divider in reset) they are plain bytes. What stands in register C
 * is what has happened since it was last read, found out by comparing the time then with the time now.
 *
 * A timerfd runs only for an interrupt that is enabled and not pending: for the next event, not for a
 * period. A guest that lets the interrupt wait causes no wake-ups, and neither does one that needs none.
 *
 * rtc->mutex guards everything; the interrupt is set under it.
 */
#include "dev/platform.h"

#include <errno.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>

#include "base/error.h"
#include "dev/port-priv.h"
#include "dev/rtc-priv.h"
#include "dev/timer-priv.h"

#define RTC_PORT    0x70
#define RTC_CRYSTAL 32768
#define RTC_INDEX   0x7f /* bit 7 of port 0x70 is the NMI mask */
#define RTC_ENABLES (RTC_B_PIE | RTC_B_AIE | RTC_B_UIE)
#define RTC_UIP_NS  2228000 /* 244 us of warning, 1984 us of update */
#define RTC_SETTLE                                                                              \
	(NS_PER_SECOND / 2) /* out of divider reset: the first update comes after half a second \
			     */

/* A moment of the guest's clock. */
struct moment {
	int64_t seconds; /* since 1970 */
	uint64_t ns;	 /* below one second */
};

struct rtc {
	struct mem_bus *pio;
	struct mem_io io;
	struct dev_irq irq;
	struct dev_timer timer;

	pthread_mutex_t mutex;
	struct moment offset; /* guest's time less the host's */
	struct moment seen;   /* register C knows of everything until then */
	uint8_t index;
	bool level; /* of the interrupt */
	uint8_t ram[RTC_RAM_SIZE];
};

static struct moment moment_add(struct moment a, struct moment b)
{
	struct moment sum = { a.seconds + b.seconds, a.ns + b.ns };

	if (sum.ns >= NS_PER_SECOND) {
		sum.ns -= NS_PER_SECOND;
		sum.seconds++;
	}
	return sum;
}

static struct moment moment_subtract(struct moment a, struct moment b)
{
	struct moment minus = { -b.seconds, 0 };

	if (b.ns) {
		minus.seconds--;
		minus.ns = NS_PER_SECOND - b.ns;
	}
	return moment_add(a, minus);
}

static bool moment_before(struct moment a, struct moment b)
{
	return a.seconds < b.seconds || (a.seconds == b.seconds && a.ns < b.ns);
}

/* Whole ticks of the crystal until then. */
static int64_t moment_ticks(struct moment moment)
{
	return moment.seconds * RTC_CRYSTAL + (int64_t)(moment.ns * RTC_CRYSTAL / NS_PER_SECOND);
}

/* The first moment at which that many ticks have passed. */
static struct moment moment_of_ticks(int64_t ticks)
{
	int64_t seconds = ticks / RTC_CRYSTAL;
	int64_t rest = ticks % RTC_CRYSTAL;

	if (rest < 0) {
		rest += RTC_CRYSTAL;
		seconds--;
	}
	return (struct moment){ seconds, ((uint64_t)rest * NS_PER_SECOND + RTC_CRYSTAL - 1) / RTC_CRYSTAL };
}

static struct moment host_now(void)
{
	uint64_t ns = dev_clock_ns(CLOCK_REALTIME);

	return (struct moment){ (int64_t)(ns / NS_PER_SECOND), ns % NS_PER_SECOND };
}

static struct moment rtc_now(const struct rtc *rtc)
{
	return moment_add(host_now(), rtc->offset);
}

static bool divider_stands(uint8_t register_a)
{
	return (register_a & RTC_A_DV_RESET) == RTC_A_DV_RESET;
}

/* The registers that count time are bytes in the guest's hands. */
static bool rtc_held(const struct rtc *rtc)
{
	return (rtc->ram[RTC_REG_B] & RTC_B_SET) || divider_stands(rtc->ram[RTC_REG_A]);
}

/* Sets the flags of what happened between rtc->seen and now. */
static void rtc_catch_up(struct rtc *rtc, struct moment now)
{
	uint8_t *flags = &rtc->ram[RTC_REG_C];
	uint32_t period = rtc_period_ticks(rtc->ram[RTC_REG_A]);
	struct moment seen = rtc->seen;

	rtc->seen = now;
	if (moment_before(now, seen)) /* the host's clock was set back */
		return;
	if (period && !divider_stands(rtc->ram[RTC_REG_A]) &&
	    rtc_floor_divide(moment_ticks(seen), period) != rtc_floor_divide(moment_ticks(now), period))
		*flags |= RTC_C_PF;
	if (rtc_held(rtc) || now.seconds == seen.seconds)
		return;
	*flags |= RTC_C_UF;
	if (rtc_alarm_next(rtc->ram, seen.seconds) <= now.seconds)
		*flags |= RTC_C_AF;
}

/* The next moment at which an interrupt that is enabled and not pending comes; seconds RTC_NEVER: none. */
static struct moment rtc_next_event(const struct rtc *rtc, struct moment now)
{
	uint8_t wanted = rtc->ram[RTC_REG_B] & RTC_ENABLES & (uint8_t)~rtc->ram[RTC_REG_C];
	uint32_t period = rtc_period_ticks(rtc->ram[RTC_REG_A]);
	struct moment next = { RTC_NEVER, 0 };

	if ((wanted & RTC_B_PIE) && period && !divider_stands(rtc->ram[RTC_REG_A])) {
		int64_t count = rtc_floor_divide(moment_ticks(now), period) + 1;

		next = moment_of_ticks(count * period);
	}
	if (rtc_held(rtc))
		return next;
	if (wanted & RTC_B_AIE) {
		struct moment alarm = { rtc_alarm_next(rtc->ram, now.seconds), 0 };

		if (moment_before(alarm, next))
			next = alarm;
	}
	if (wanted & RTC_B_UIE) {
		struct moment update = { now.seconds + 1, 0 };

		if (moment_before(update, next))
			next = update;
	}
	return next;
}

static void rtc_arm(struct rtc *rtc, struct moment now)
{
	struct moment next = rtc_next_event(rtc, now);

	if (next.seconds == RTC_NEVER) {
		dev_timer_disarm(&rtc->timer);
		return;
	}
	next = moment_subtract(next, rtc->offset);
	/* In the host's past or nearly: at once. Where the host's own clock cannot go: never. */
	if (next.seconds < 1)
		next = (struct moment){ 1, 0 };
	if (next.seconds > INT64_MAX / (int64_t)NS_PER_SECOND)
		dev_timer_disarm(&rtc->timer);
	else
		dev_timer_arm(&rtc->timer, (uint64_t)next.seconds * NS_PER_SECOND + next.ns);
}

/* Brings IRQF and the interrupt in line with flags and enables. */
static void rtc_update_irq(struct rtc *rtc)
{
	uint8_t *flags = &rtc->ram[RTC_REG_C];
	bool level = *flags & rtc->ram[RTC_REG_B] & RTC_ENABLES;

	*flags = (uint8_t)((*flags & ~RTC_C_IRQF) | (level ? RTC_C_IRQF : 0));
	if (level == rtc->level)
		return;
	rtc->level = level;
	rtc->irq.set(rtc->irq.opaque, level);
}

static void rtc_expired(void *opaque)
{
	struct rtc *rtc = opaque;
	struct moment now;

	pthread_mutex_lock(&rtc->mutex);
	now = rtc_now(rtc);
	rtc_catch_up(rtc, now);
	rtc_update_irq(rtc);
	rtc_arm(rtc, now);
	pthread_mutex_unlock(&rtc->mutex);
}

/* The guest lets go of the clock: from what the registers say, with this fraction of a second. */
static void rtc_set_time(struct rtc *rtc, uint64_t fraction)
{
	struct moment time = { rtc_time_decode(rtc->ram), fraction };

	rtc->offset = moment_subtract(time, host_now());
	rtc->seen = time;
}

/* Registers A and B: each may stop the clock and start it. */
static void rtc_control_write(struct rtc *rtc, unsigned index, uint8_t value, struct moment now)
{
	bool held = rtc_held(rtc);
	bool stood = divider_stands(rtc->ram[RTC_REG_A]);

	if (!held)
		rtc_time_encode(rtc->ram, now.seconds);
	if (index == RTC_REG_B && (value & RTC_B_SET))
		value &= (uint8_t)~RTC_B_UIE;
	if (index == RTC_REG_A)
		value &= (uint8_t)~RTC_A_UIP;
	rtc->ram[index] = value;
	if (stood && !divider_stands(rtc->ram[RTC_REG_A]))
		rtc_set_time(rtc, RTC_SETTLE);
	else if (held && !rtc_held(rtc))
		rtc_set_time(rtc, now.ns);
}

static void rtc_register_write(struct rtc *rtc, unsigned index, uint8_t value)
{
	struct moment now = rtc_now(rtc);
	bool ticking = !rtc_held(rtc);

	if (!rtc_register_counts(index) && index > RTC_REG_D) {
		/* cppcheck-suppress arrayIndexOutOfBoundsCond ; the port takes seven bits */
		rtc->ram[index] = value; /* nothing but memory */
		return;
	}
	rtc_catch_up(rtc, now);
	if (index == RTC_REG_C || index == RTC_REG_D)
		return;
	if (index == RTC_REG_A || index == RTC_REG_B) {
		rtc_control_write(rtc, index, value, now);
	} else if (rtc_register_counts(index) && ticking) {
		rtc_time_encode(rtc->ram, now.seconds);
		rtc->ram[index] = value;
		rtc_set_time(rtc, now.ns);
	} else {
		rtc->ram[index] = value;
	}
	rtc_update_irq(rtc);
	rtc_arm(rtc, rtc_now(rtc));
}

static uint8_t rtc_register_read(struct rtc *rtc, unsigned index)
{
	struct moment now = rtc_now(rtc);
	uint8_t value;

	if (rtc_register_counts(index) && !rtc_held(rtc))
		rtc_time_encode(rtc->ram, now.seconds);
	value = rtc->ram[index];
	switch (index) {
	case RTC_REG_A:
		if (!rtc_held(rtc) && now.ns >= NS_PER_SECOND - RTC_UIP_NS)
			value |= RTC_A_UIP;
		break;
	case RTC_REG_C:
		rtc_catch_up(rtc, now);
		rtc_update_irq(rtc);
		value = rtc->ram[RTC_REG_C];
		rtc->ram[RTC_REG_C] = 0;
		rtc_update_irq(rtc);
		if (rtc->ram[RTC_REG_B] & RTC_ENABLES)
			rtc_arm(rtc, now);
		break;
	case RTC_REG_D:
		value = RTC_D_VRT;
		break;
	default:
		break;
	}
	return value;
}

static uint64_t rtc_read(void *opaque, uint64_t offset, unsigned size)
{
	struct rtc *rtc = opaque;
	uint64_t value = UINT64_MAX;

	/* Port 0x70 cannot be read. A wider access reaches port 0x71 by its second byte. */
	if (offset + size < 2)
		return value;
	pthread_mutex_lock(&rtc->mutex);
	value = rtc_register_read(rtc, rtc->index);
	pthread_mutex_unlock(&rtc->mutex);
	return offset ? value : value << 8 | 0xff;
}

static void rtc_write(void *opaque, uint64_t offset, unsigned size, uint64_t value)
{
	struct rtc *rtc = opaque;

	pthread_mutex_lock(&rtc->mutex);
	if (offset == 0) {
		rtc->index = (uint8_t)(value & RTC_INDEX);
		value >>= 8;
	}
	if (offset + size >= 2)
		rtc_register_write(rtc, rtc->index, (uint8_t)value);
	pthread_mutex_unlock(&rtc->mutex);
}

static const struct mem_io_ops rtc_ops = { rtc_read, rtc_write };

int rtc_create(struct mem_bus *pio, struct loop *loop, struct dev_irq irq, struct rtc **ret_rtc)
{
	struct rtc *rtc = calloc(1, sizeof(*rtc));
	int error;

	if (!rtc)
		return error_sys(ENOMEM, "real-time clock");
	error = dev_timer_init(&rtc->timer, loop, CLOCK_REALTIME, rtc_expired, rtc);
	if (error) {
		free(rtc);
		return error;
	}
	rtc->pio = pio;
	rtc->irq = irq;
	rtc->ram[RTC_REG_A] = RTC_A_DV_NORMAL | 6; /* 1024 Hz, as firmware leaves it */
	rtc->ram[RTC_REG_B] = RTC_B_24H;
	rtc->seen = rtc_now(rtc);
	pthread_mutex_init(&rtc->mutex, NULL);
	dev_port_add(pio, &rtc->io, RTC_PORT, 2, &rtc_ops, rtc, "rtc");
	*ret_rtc = rtc;
	return 0;
}

void rtc_destroy(struct rtc *rtc)
{
	if (!rtc)
		return;
	dev_port_remove(rtc->pio, &rtc->io);
	dev_timer_fini(&rtc->timer);
	pthread_mutex_destroy(&rtc->mutex);
	free(rtc);
}

/* The RESET pin: interrupts off and their flags clear. Time, alarm and memory have a battery. */
void rtc_reset(struct rtc *rtc)
{
	pthread_mutex_lock(&rtc->mutex);
	rtc->index = 0;
	rtc->ram[RTC_REG_B] &= (uint8_t) ~(RTC_ENABLES | RTC_B_SQWE);
	rtc->ram[RTC_REG_C] = 0;
	rtc->seen = rtc_now(rtc);
	rtc_update_irq(rtc);
	rtc_arm(rtc, rtc->seen);
	pthread_mutex_unlock(&rtc->mutex);
}
