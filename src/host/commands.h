/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef HANDFAST_HOST_COMMANDS_H
#define HANDFAST_HOST_COMMANDS_H

/* The subcommands on the host's side. argv[0] is the subcommand's name. They print their own results and
 * failures and return the process's exit status: 0, 1 (an obstacle, a failure), 2 (usage). */
int host_command_check(int argc, char **argv);
int host_command_list(int argc, char **argv);
int host_command_bind(int argc, char **argv);
int host_command_unbind(int argc, char **argv);

#endif
