/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/check.h"

#include <stdio.h>
#include <stdlib.h>

_Noreturn void check_failed(const char *condition, const char *file, int line)
{
	fprintf(stderr,
		"handfast: this is a bug in handfast: %s:%d: \"%s\" does not hold\n"
		"  try:     report it with this line and the command that led here\n",
		file, line, condition);
	abort();
}
