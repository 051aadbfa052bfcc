/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The terminal on standard input.
 *
 * Everything typed goes to the guest as it is, except the signal keys (Ctrl-C ends the VM, Ctrl-Z stops it),
 * which stay with the shell's job control. Output processing stays as it was: handfast's own messages go
 * to the same terminal, and what a guest prints ends its lines with CR LF anyway.
 *
 * A terminal belongs to the shell while handfast is in the background: then its modes are not touched and
 * nothing is read. Shells put their own modes back when they take the terminal, so whether it is still
 * raw is looked at again whenever input comes.
 *
 * The one piece of state with a life of its own is here: chardev_restore_terminal() has to work from a
 * signal handler and from the last breath of a process, where there is nobody to hand it a pointer.
 */
#include <errno.h>
#include <stdatomic.h>
#include <termios.h>
#include <unistd.h>

#include "dev/chardev-priv.h"

static struct {
	atomic_int fd; /* of the terminal, or -1 */
	atomic_bool changed;
	struct termios original; /* valid while changed */
} terminal = { .fd = -1 };

static bool foreground(int fd)
{
	pid_t group = tcgetpgrp(fd);

	/* Not our controlling terminal: no shell shares it with us. */
	return group < 0 || group == getpgrp();
}

static bool is_raw(const struct termios *modes)
{
	return !(modes->c_lflag & (ICANON | ECHO)) && !(modes->c_iflag & ICRNL);
}

static void make_raw(int fd)
{
	struct termios modes;

	if (tcgetattr(fd, &modes) < 0 || is_raw(&modes))
		return;
	if (!atomic_load(&terminal.changed))
		terminal.original = modes;
	atomic_store(&terminal.changed, true);
	modes.c_iflag &=
		~(tcflag_t)(IGNBRK | BRKINT | PARMRK | ISTRIP | INLCR | IGNCR | ICRNL | IXON | IXOFF);
	modes.c_lflag &= ~(tcflag_t)(ECHO | ECHONL | ICANON | IEXTEN);
	modes.c_lflag |= ISIG;
	modes.c_cflag &= ~(tcflag_t)(CSIZE | PARENB);
	modes.c_cflag |= CS8;
	modes.c_cc[VMIN] = 1;
	modes.c_cc[VTIME] = 0;
	tcsetattr(fd, TCSANOW, &modes);
}

void terminal_take(int fd)
{
	if (!isatty(fd))
		return;
	atomic_store(&terminal.fd, fd);
	if (foreground(fd))
		make_raw(fd);
}

void terminal_give_back(void)
{
	chardev_restore_terminal();
	atomic_store(&terminal.fd, -1);
}

bool terminal_ready(int fd)
{
	if (atomic_load(&terminal.fd) != fd)
		return true; /* no terminal */
	if (!foreground(fd))
		return false;
	make_raw(fd);
	return true;
}

void chardev_restore_terminal(void)
{
	int fd = atomic_load(&terminal.fd);
	int saved_errno = errno;

	if (fd >= 0 && foreground(fd) && atomic_exchange(&terminal.changed, false))
		tcsetattr(fd, TCSANOW, &terminal.original);
	errno = saved_errno;
}
