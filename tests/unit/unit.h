/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef HANDFAST_TESTS_UNIT_UNIT_H
#define HANDFAST_TESTS_UNIT_UNIT_H

/* cmocka's header wants these before it; every unit test includes this file instead. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#endif
