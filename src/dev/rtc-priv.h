/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef HANDFAST_DEV_RTC_PRIV_H
#define HANDFAST_DEV_RTC_PRIV_H

/* The MC146818A's registers, and between them and seconds since 1970. */
#include <stdbool.h>
#include <stdint.h>

#define RTC_RAM_SIZE 128

#define RTC_SECONDS	  0x00
#define RTC_SECONDS_ALARM 0x01
#define RTC_MINUTES	  0x02
#define RTC_MINUTES_ALARM 0x03
#define RTC_HOURS	  0x04
#define RTC_HOURS_ALARM	  0x05
#define RTC_DAY_OF_WEEK	  0x06 /* 1: Sunday */
#define RTC_DAY_OF_MONTH  0x07
#define RTC_MONTH	  0x08
#define RTC_YEAR	  0x09
#define RTC_REG_A	  0x0a
#define RTC_REG_B	  0x0b
#define RTC_REG_C	  0x0c
#define RTC_REG_D	  0x0d
#define RTC_CENTURY	  0x32 /* where PCs keep it, and ACPI's FADT says so */

#define RTC_A_RS	0x0f /* rate of the periodic interrupt, 0: none */
#define RTC_A_DV	0x70
#define RTC_A_DV_NORMAL 0x20 /* 32768 Hz */
#define RTC_A_DV_RESET	0x60 /* and 0x70: the divider stands still */
#define RTC_A_UIP	0x80

#define RTC_B_24H  0x02
#define RTC_B_DM   0x04 /* 1: binary, 0: BCD */
#define RTC_B_SQWE 0x08
#define RTC_B_UIE  0x10
#define RTC_B_AIE  0x20
#define RTC_B_PIE  0x40
#define RTC_B_SET  0x80

#define RTC_C_UF   0x10 /* the three flags stand where their enables stand in register B */
#define RTC_C_AF   0x20
#define RTC_C_PF   0x40
#define RTC_C_IRQF 0x80

#define RTC_D_VRT 0x80 /* the battery is good */

#define RTC_NEVER INT64_MAX

/* floor(a / b), b positive: times before 1970 are times too. */
static inline int64_t rtc_floor_divide(int64_t a, int64_t b)
{
	return a / b - (a % b < 0);
}

/* Whether this register counts time (and so is computed when it is read). */
bool rtc_register_counts(unsigned index);

/* Writes a time into the registers that count, in the form that register B asks for. */
void rtc_time_encode(uint8_t ram[RTC_RAM_SIZE], int64_t seconds);
/* And back. Whatever a guest left there gives some time. */
int64_t rtc_time_decode(const uint8_t ram[RTC_RAM_SIZE]);

/* The first second after `after` at which the alarm registers match, or RTC_NEVER. */
int64_t rtc_alarm_next(const uint8_t ram[RTC_RAM_SIZE], int64_t after);

/* The period of the periodic interrupt in ticks of 32768 Hz; 0: none. */
uint32_t rtc_period_ticks(uint8_t register_a);

#endif
