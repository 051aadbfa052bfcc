/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "app/machine-priv.h"

const char *machine_state_name(enum machine_state state)
{
	static const char *const names[] = {
		[MACHINE_PRELAUNCH] = "prelaunch", [MACHINE_RUNNING] = "running",
		[MACHINE_PAUSED] = "paused",	   [MACHINE_INTERNAL_ERROR] = "internal-error",
		[MACHINE_SHUTDOWN] = "shutdown",
	};

	return names[state];
}
