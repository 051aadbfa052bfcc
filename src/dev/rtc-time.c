/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The time and alarm registers of the MC146818A (data sheet, "Time, calendar, and alarm locations"). */
#include "dev/rtc-priv.h"

#define DAY_SECONDS	  86400
#define DAYS_TO_1970	  719162 /* from the first of January of the year 1 */
#define DAYS_IN_400_YEARS 146097
#define FIRST_DAY_WEEKDAY 1 /* the first of January of the year 1 was a Monday (Gregorian, as all here) */

/* Of a year that is no leap year: days before each month, and all of them. */
static const uint16_t days_before_month[13] = { 0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334, 365 };

#define HOUR_PM	       0x80 /* in 12-hour form */
#define ALARM_DONTCARE 0xc0 /* both bits: matches every value */

bool rtc_register_counts(unsigned index)
{
	switch (index) {
	case RTC_SECONDS:
	case RTC_MINUTES:
	case RTC_HOURS:
	case RTC_DAY_OF_WEEK:
	case RTC_DAY_OF_MONTH:
	case RTC_MONTH:
	case RTC_YEAR:
	case RTC_CENTURY:
		return true;
	default:
		return false;
	}
}

/* A date of the calendar; gmtime_r(3) and timegm(3) would take a lock, and read a file the first time. */
struct date {
	int64_t year;
	int month; /* 0 to 11 */
	int day;   /* 1 to 31 */
};

static bool year_leaps(int64_t year)
{
	return year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
}

/* From the first of January of the year 1 to that of this year. */
static int64_t days_before_year(int64_t year)
{
	int64_t past = year - 1;

	return past * 365 + rtc_floor_divide(past, 4) - rtc_floor_divide(past, 100) +
	       rtc_floor_divide(past, 400);
}

static int days_before(int64_t year, int month)
{
	return days_before_month[month] + (month >= 2 && year_leaps(year));
}

static struct date date_of_days(int64_t days)
{
	struct date date = { rtc_floor_divide(days * 400, DAYS_IN_400_YEARS) + 1, 11, 0 };
	int of_year;

	/* The average year's length gives the year, or one beside it. */
	while (days < days_before_year(date.year))
		date.year--;
	while (days >= days_before_year(date.year + 1))
		date.year++;
	of_year = (int)(days - days_before_year(date.year));
	while (of_year < days_before(date.year, date.month))
		date.month--;
	date.day = of_year - days_before(date.year, date.month) + 1;
	return date;
}

static uint8_t number_encode(const uint8_t *ram, int value)
{
	if (ram[RTC_REG_B] & RTC_B_DM)
		return (uint8_t)value;
	return (uint8_t)(value / 10 << 4 | value % 10);
}

static int number_decode(const uint8_t *ram, uint8_t value)
{
	if (ram[RTC_REG_B] & RTC_B_DM)
		return value;
	return (value >> 4) * 10 + (value & 0x0f);
}

static uint8_t hour_encode(const uint8_t *ram, int hour)
{
	uint8_t pm = hour >= 12 ? HOUR_PM : 0;

	if (ram[RTC_REG_B] & RTC_B_24H)
		return number_encode(ram, hour);
	return (uint8_t)(number_encode(ram, hour % 12 ? hour % 12 : 12) | pm);
}

static int hour_decode(const uint8_t *ram, uint8_t value)
{
	int hour;

	if (ram[RTC_REG_B] & RTC_B_24H)
		return number_decode(ram, value);
	hour = number_decode(ram, (uint8_t)(value & ~HOUR_PM)) % 12;
	return value & HOUR_PM ? hour + 12 : hour;
}

void rtc_time_encode(uint8_t ram[RTC_RAM_SIZE], int64_t seconds)
{
	int64_t days = rtc_floor_divide(seconds, DAY_SECONDS) + DAYS_TO_1970;
	int of_day = (int)(seconds - (days - DAYS_TO_1970) * DAY_SECONDS);
	struct date date = date_of_days(days);
	int year = (int)(date.year - rtc_floor_divide(date.year, 10000) * 10000);
	int weekday = (int)(days - rtc_floor_divide(days, 7) * 7 + FIRST_DAY_WEEKDAY) % 7;

	ram[RTC_SECONDS] = number_encode(ram, of_day % 60);
	ram[RTC_MINUTES] = number_encode(ram, of_day / 60 % 60);
	ram[RTC_HOURS] = hour_encode(ram, of_day / 3600);
	ram[RTC_DAY_OF_WEEK] = number_encode(ram, weekday + 1);
	ram[RTC_DAY_OF_MONTH] = number_encode(ram, date.day);
	ram[RTC_MONTH] = number_encode(ram, date.month + 1);
	ram[RTC_YEAR] = number_encode(ram, year % 100);
	ram[RTC_CENTURY] = number_encode(ram, year / 100);
}

int64_t rtc_time_decode(const uint8_t ram[RTC_RAM_SIZE])
{
	int month = number_decode(ram, ram[RTC_MONTH]) - 1;
	int64_t year = number_decode(ram, ram[RTC_CENTURY]) * 100 + number_decode(ram, ram[RTC_YEAR]) +
		       rtc_floor_divide(month, 12);
	int64_t days;

	month -= (int)rtc_floor_divide(month, 12) * 12;
	days = days_before_year(year) + days_before(year, month) + number_decode(ram, ram[RTC_DAY_OF_MONTH]) -
	       1;
	return (days - DAYS_TO_1970) * DAY_SECONDS + hour_decode(ram, ram[RTC_HOURS]) * 3600 +
	       number_decode(ram, ram[RTC_MINUTES]) * 60 + number_decode(ram, ram[RTC_SECONDS]);
}

/* -1: every value matches; one out of range never does. */
static int alarm_field(const uint8_t *ram, unsigned index)
{
	uint8_t value = ram[index];

	if ((value & ALARM_DONTCARE) == ALARM_DONTCARE)
		return -1;
	return index == RTC_HOURS_ALARM ? hour_decode(ram, value) : number_decode(ram, value);
}

static bool field_matches(int field, int64_t value)
{
	return field < 0 || field == value;
}

int64_t rtc_alarm_next(const uint8_t ram[RTC_RAM_SIZE], int64_t after)
{
	int hour = alarm_field(ram, RTC_HOURS_ALARM);
	int minute = alarm_field(ram, RTC_MINUTES_ALARM);
	int second = alarm_field(ram, RTC_SECONDS_ALARM);
	int64_t time = after + 1;

	/* Strides to the next hour, minute or second: at most 24 + 60 + 60 of them and the wrap. */
	while (time <= after + DAY_SECONDS) {
		int64_t of_day = time - rtc_floor_divide(time, DAY_SECONDS) * DAY_SECONDS;

		if (!field_matches(hour, of_day / 3600))
			time += 3600 - of_day % 3600;
		else if (!field_matches(minute, of_day / 60 % 60))
			time += 60 - of_day % 60;
		else if (!field_matches(second, of_day % 60))
			time++;
		else
			return time;
	}
	return RTC_NEVER;
}

uint32_t rtc_period_ticks(uint8_t register_a)
{
	unsigned rate = register_a & RTC_A_RS;

	if (rate == 0)
		return 0;
	if (rate < 3) /* at 32768 Hz these two are the same as 8 and 9 */
		rate += 7;
	return 1U << (rate - 1);
}
