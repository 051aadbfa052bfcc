/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef HANDFAST_BASE_CHECK_H
#define HANDFAST_BASE_CHECK_H

#include <stdlib.h>

/*
 * check(condition): we ourselves are wrong, and going on would be worse. Always compiled in, free of
 * side effects. Never reachable by anything a guest, a host or a user does: those get an error.
 */
#ifdef __cppcheck__ /* does not follow a call within an expression to its _Noreturn */
#define check(condition)          \
	do {                      \
		if (!(condition)) \
			abort();  \
	} while (0)
#else
#define check(condition) ((condition) ? (void)0 : check_failed(#condition, __FILE__, __LINE__))
#endif

_Noreturn void check_failed(const char *condition, const char *file, int line);

#endif
