/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Established SSH connections to this host, so that nobody takes the network interface away through which
 * they are working. That is what sshd has open, where we may see it, and what ends at its usual port.
 *
 * Sources: proc_net_tcp.txt in Linux's Documentation/networking (addresses are shown as 32-bit words in the
 * processor's byte order), Linux net/ipv6/addrconf.c for /proc/net/if_inet6 (bytes in network order), and
 * ssh(1) for SSH_CONNECTION.
 */
#include <arpa/inet.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/sysfs.h"
#include "base/text.h"
#include "host/usage-parts-priv.h"

#define TCP_ESTABLISHED 1
#define SSH_PORT	22

static struct in6_addr mapped(uint32_t address)
{
	struct in6_addr in6 = { .s6_addr = { [10] = 0xff, [11] = 0xff } };

	memcpy(&in6.s6_addr[12], &address, sizeof(address));
	return in6;
}

/* "0F02000A", or four such words. */
static bool parse_words(const char *text, struct in6_addr *ret_address)
{
	uint32_t words[4];

	if (strlen(text) == 8 && sscanf(text, "%8x", &words[0]) == 1) {
		*ret_address = mapped(words[0]);
		return true;
	}
	if (strlen(text) != 32 ||
	    sscanf(text, "%8x%8x%8x%8x", &words[0], &words[1], &words[2], &words[3]) != 4)
		return false;
	memcpy(ret_address, words, sizeof(words));
	return true;
}

/* "10.0.0.2" or "fd00::1", with or without "%eth0" behind. */
static bool parse_address(const char *text, struct in6_addr *ret_address)
{
	struct in_addr in4;
	char plain[INET6_ADDRSTRLEN];

	(void)text_copy(plain, sizeof(plain), text);
	plain[strcspn(plain, "%")] = '\0';
	if (inet_pton(AF_INET, plain, &in4) == 1) {
		*ret_address = mapped(in4.s_addr);
		return true;
	}
	return inet_pton(AF_INET6, plain, ret_address) == 1;
}

static bool is_servers(const struct usage *usage, unsigned long inode)
{
	for (size_t i = 0; inode && i < usage->ssh_socket_count; i++) {
		if (usage->ssh_sockets[i] == inode)
			return true;
	}
	return false;
}

static void load_connection(struct usage *usage, const char *line)
{
	unsigned port, state;
	unsigned long inode;
	char address[64];
	struct in6_addr local, *added;

	if (sscanf(line, "%*d: %63[0-9A-Fa-f]:%x %*s %x %*s %*s %*s %*u %*u %lu", address, &port, &state,
		   &inode) != 4 ||
	    state != TCP_ESTABLISHED || (port != SSH_PORT && !is_servers(usage, inode)) ||
	    !parse_words(address, &local))
		return;
	added = usage_grow(usage, &usage->ssh_locals, &usage->ssh_local_count, sizeof(*added));
	if (added)
		*added = local;
}

void usage_load_ssh(struct usage *usage)
{
	static const char *const files[] = { "tcp", "tcp6" };

	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
		char path[PATH_MAX];
		auto_free char *text = NULL;
		char *rest, *line;

		if (sysfs_read_file(sysfs_path(path, "%s/net/%s", usage->host->proc, files[i]), &text, NULL))
			continue;
		rest = text;
		while ((line = strsep(&rest, "\n")))
			load_connection(usage, line);
	}
}

/* Whose connection arrives at the address. */
static enum usage_ssh arrives_at(const struct usage *usage, const struct in6_addr *address)
{
	struct in6_addr server;
	char text[INET6_ADDRSTRLEN];

	if (usage->host->ssh_connection && sscanf(usage->host->ssh_connection, "%*s %*s %45s", text) == 1 &&
	    parse_address(text, &server) && memcmp(&server, address, sizeof(server)) == 0)
		return SSH_CALLER;
	for (size_t i = 0; i < usage->ssh_local_count; i++) {
		if (memcmp(&usage->ssh_locals[i], address, sizeof(*address)) == 0)
			return SSH_SOMEBODY;
	}
	return SSH_NONE;
}

static enum usage_ssh larger(enum usage_ssh a, enum usage_ssh b)
{
	return a > b ? a : b;
}

/* The interface's IPv6 addresses, the link-local ones too: people do connect to those. */
static enum usage_ssh over_inet6(const struct usage *usage, const char *interface)
{
	enum usage_ssh found = SSH_NONE;
	char path[PATH_MAX];
	auto_free char *text = NULL;
	char *rest, *line;

	if (sysfs_read_file(sysfs_path(path, "%s/net/if_inet6", usage->host->proc), &text, NULL))
		return SSH_NONE;
	rest = text;
	while ((line = strsep(&rest, "\n"))) {
		struct in6_addr address;
		char digits[40], name[64];
		unsigned byte;
		size_t i = 0;

		if (sscanf(line, "%32s %*s %*s %*s %*s %63s", digits, name) != 2 ||
		    strcmp(name, interface) != 0)
			continue;
		while (i < sizeof(address) && sscanf(digits + 2 * i, "%2x", &byte) == 1)
			address.s6_addr[i++] = (uint8_t)byte;
		if (i == sizeof(address))
			found = larger(found, arrives_at(usage, &address));
	}
	return found;
}

enum usage_ssh usage_ssh_over(const struct usage *usage, const char *interface, const char *addresses)
{
	enum usage_ssh found = over_inet6(usage, interface);
	char text[256];
	char *rest = text, *word;

	(void)text_copy(text, sizeof(text), addresses);
	while ((word = strsep(&rest, ", "))) {
		struct in6_addr address;

		if (parse_address(word, &address))
			found = larger(found, arrives_at(usage, &address));
	}
	return found;
}
