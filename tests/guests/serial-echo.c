/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * serial-echo DEVICE BYTES [SEED]
 *
 * For a serial port that gives back what is written to it: writes BYTES of pseudo-random data in pieces of 1
 * to 15 (its FIFO has room for 15), waits for each to come back, and compares. Prints "serial-echo: 3000
 * bytes written, 3000 came back, 0 bad".
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#define PIECE	15
#define WAIT_MS 5000

static void die(const char *what)
{
	fprintf(stderr, "serial-echo: %s: %s\n", what, strerror(errno));
	exit(2);
}

static uint64_t next_random(uint64_t *state)
{
	*state ^= *state << 13;
	*state ^= *state >> 7;
	*state ^= *state << 17;
	return *state;
}

static int open_raw(const char *path)
{
	struct termios modes;
	int fd = open(path, O_RDWR | O_NOCTTY | O_CLOEXEC | O_NONBLOCK);

	if (fd < 0 || tcgetattr(fd, &modes))
		die(path);
	cfmakeraw(&modes);
	modes.c_cflag |= CLOCAL | CREAD;
	modes.c_cflag &= ~(tcflag_t)CRTSCTS;
	cfsetspeed(&modes, B115200);
	if (tcsetattr(fd, TCSANOW, &modes))
		die(path);
	tcflush(fd, TCIOFLUSH);
	return fd;
}

/* Returns how many bytes came back in time. */
static size_t read_piece(int fd, uint8_t *data, size_t size)
{
	size_t done = 0;

	while (done < size) {
		struct pollfd ready = { .fd = fd, .events = POLLIN };
		ssize_t got;

		if (poll(&ready, 1, WAIT_MS) <= 0)
			break;
		got = read(fd, data + done, size - done);
		if (got < 0 && errno != EAGAIN)
			die("read");
		if (got > 0)
			done += (size_t)got;
	}
	return done;
}

int main(int argc, char **argv)
{
	uint64_t state = 88172645463325252ULL;
	unsigned long total, sent = 0, back = 0, bad = 0;
	uint8_t out[PIECE], in[PIECE];
	int fd;

	if (argc < 3) {
		fprintf(stderr, "usage: serial-echo DEVICE BYTES [SEED]\n");
		return 2;
	}
	total = strtoul(argv[2], NULL, 0);
	if (argc > 3)
		state ^= strtoull(argv[3], NULL, 0);
	fd = open_raw(argv[1]);
	while (sent < total && back == sent) {
		size_t size = 1 + next_random(&state) % PIECE, got;

		if (size > total - sent)
			size = total - sent;
		for (size_t i = 0; i < size; i++)
			out[i] = (uint8_t)next_random(&state);
		if (write(fd, out, size) != (ssize_t)size)
			die("write");
		sent += size;
		got = read_piece(fd, in, size);
		back += got;
		for (size_t i = 0; i < got; i++)
			bad += in[i] != out[i];
	}
	printf("serial-echo: %lu bytes written, %lu came back, %lu bad\n", sent, back, bad);
	return sent == total && back == total && bad == 0 ? 0 : 1;
}
