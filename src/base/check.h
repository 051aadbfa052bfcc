/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef HANDFAST_BASE_CHECK_H
#define HANDFAST_BASE_CHECK_H

/*
 * check(condition): we ourselves are wrong, and going on would be worse. Always compiled in, free of
 * side effects. Never reachable by anything a guest, a host or a user does: those get an error.
 */
#define check(condition) ((condition) ? (void)0 : check_failed(#condition, __FILE__, __LINE__))

_Noreturn void check_failed(const char *condition, const char *file, int line);

#endif
