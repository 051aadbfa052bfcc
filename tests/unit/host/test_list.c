/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What `handfast list` prints: the table, the tree, JSON, the filters; and how it fits a terminal. */
#include "unit.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <json-c/json.h>

#include "host/journal-priv.h"
#include "host/list-priv.h"

#define PORT "0000:00:01.0"

static const struct grid_style plain = { 0 };
static const struct grid_style utf8 = { .utf8 = true };

/* A host bridge; a root port with a disk and a network card in its group; another host bridge with an NVMe
 * disk that is given to vfio-pci. */
static void host_of(struct tree *tree)
{
	tree_device(tree, "0000:00:00.0", 0x8086, 0x29c0, 0x060000, "", 0);
	tree_device(tree, PORT, 0x1b36, 0x000c, 0x060400, "pcieport", 1);
	tree->parent = "sys/devices/pci0000:00/" PORT;
	tree_device(tree, NVME, 0x1b36, 0x0010, 0x010802, "nvme", 1);
	tree_device(tree, "0000:01:00.1", 0x8086, 0x10d3, 0x020000, "e1000e", 1);
	tree->parent = "sys/devices/pci0000:80";
	tree_device(tree, "0000:80:02.0", 0x1b36, 0x0010, 0x010802, "vfio-pci", 22);
	tree_block(tree, "sys/devices/pci0000:00/" PORT "/" NVME "/nvme/nvme0", "nvme0n1", "259:0");
	tree_file(tree, "proc/self/mountinfo",
		  "30 21 259:0 / /srv rw - ext4 %s/nvme0n1 rw\n31 21 259:0 / /var/lib rw - ext4 %s/nvme0n1 "
		  "rw\n",
		  tree->dev, tree->dev);
	tree_process(tree, 79, "handfast", "dev/vfio/22");
}

static const char *list_text(struct tree *tree, const struct list_request *request,
			     const struct grid_style *style)
{
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);
	const char *kept;

	assert_non_null(out);
	assert_int_equal(list_devices(&tree->host, request, style, out), 0);
	fclose(out);
	kept = tree_plain(tree, text);
	free(text);
	return kept;
}

static const char *table(struct tree *tree, struct list_request request)
{
	return list_text(tree, &request, &plain);
}

static const char *tree_of(struct tree *tree, struct list_request request, const struct grid_style *style)
{
	request.form = LIST_TREE;
	return list_text(tree, &request, style);
}

static void test_the_table(void **state)
{
	struct tree *tree = *state;

	host_of(tree);
	tree_remove(tree, "sys/devices/pci0000:00/" PORT "/reset");
	tree_remove(tree, "sys/devices/pci0000:80/0000:80:02.0/reset_method");
	assert_string_equal(table(tree, (struct list_request){ 0 }),
			    "BDF           GROUP  CLASS                           NAME                       "
			    "                          DRIVER    RESET    USED BY\n"
			    "0000:00:00.0  0      class 0600                      Intel Corporation device "
			    "29c0                        -         flr,bus  -\n"
			    "0000:00:01.0  1      class 0604                      Red Hat, Inc. device 000c  "
			    "                          pcieport  -        -\n"
			    "0000:01:00.0  1      Non-Volatile memory controller  Red Hat, Inc. QEMU NVM "
			    "Express Controller            nvme      flr,bus  /var/lib, /srv\n"
			    "0000:01:00.1  1      Ethernet controller             Intel Corporation 82574L "
			    "Gigabit Network Connection  e1000e    flr,bus  -\n"
			    "0000:80:02.0  22     Non-Volatile memory controller  Red Hat, Inc. QEMU NVM "
			    "Express Controller            vfio-pci  yes      handfast (pid 79)\n");
}

static void test_without_an_iommu_or_a_device(void **state)
{
	struct tree *tree = *state;

	assert_string_equal(table(tree, (struct list_request){ 0 }),
			    "BDF  GROUP  CLASS  NAME  DRIVER  RESET  USED BY\n");
	tree_device(tree, NIC, 0x8086, 0x10d3, 0x020000, "", -1);
	assert_string_equal(table(tree, (struct list_request){ 0 }),
			    "BDF           GROUP  CLASS                NAME                                  "
			    "               DRIVER  RESET    USED BY\n"
			    "0000:02:00.0  -      Ethernet controller  Intel Corporation 82574L Gigabit "
			    "Network Connection  -       flr,bus  -\n");
}

/* The first words of all lines but the headings. */
static const char *addresses(struct tree *tree, struct list_request request)
{
	static char words[512];
	char text[8192], *rest = text, *line;

	snprintf(text, sizeof(text), "%s", table(tree, request));
	words[0] = '\0';
	(void)strsep(&rest, "\n");
	while ((line = strsep(&rest, "\n")) && line[0])
		snprintf(words + strlen(words), sizeof(words) - strlen(words), "%.*s ",
			 (int)strcspn(line, " "), line);
	return words;
}

static void test_filters(void **state)
{
	static const struct {
		struct list_request request;
		const char *found;
	} cases[] = {
		{ { .class_part = "ethernet" }, "0000:01:00.1 " },
		{ { .class_part = "Network" }, "0000:01:00.1 " },	/* the base class's name */
		{ { .class_part = "nvm exp" }, NVME " 0000:80:02.0 " }, /* the interface's */
		{ { .class_part = "network controller [" }, "" },
		{ { .class_part = "controller" }, NVME " 0000:01:00.1 0000:80:02.0 " },
		{ { .class_part = "02" }, "0000:01:00.1 " },
		{ { .class_part = "0x0108" }, NVME " 0000:80:02.0 " },
		{ { .class_part = "010802" }, NVME " 0000:80:02.0 " },
		{ { .class_part = "010803" }, "" },
		{ { .class_part = "06" }, "0000:00:00.0 " PORT " " },
		{ { .driver = "vfio-pci" }, "0000:80:02.0 " },
		{ { .driver = "none" }, "0000:00:00.0 " },
		{ { .driver = "nvm" }, "" },
		{ { .group = "1" }, PORT " " NVME " 0000:01:00.1 " },
		{ { .group = "0x16" }, "0000:80:02.0 " },
		{ { .group = "99" }, "" },
		{ { .group = "1", .driver = "nvme", .class_part = "01" }, NVME " " },
		{ { .group = "1", .driver = "vfio-pci" }, "" },
	};
	struct tree *tree = *state;

	host_of(tree);
	tree_file(tree, "pci.ids",
		  "C 01  Mass storage controller\n\t08  Non-Volatile memory controller\n\t\t02  NVM Express\n"
		  "C 02  Network controller\n\t00  Ethernet controller\n");
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		assert_string_equal(addresses(tree, cases[i].request), cases[i].found);
}

static void test_a_device_without_group_is_in_none(void **state)
{
	struct tree *tree = *state;

	tree_device(tree, NIC, 0x8086, 0x10d3, 0x020000, "", -1);
	assert_string_equal(addresses(tree, (struct list_request){ .group = "0" }), "");
}

static void test_devices_by_address(void **state)
{
	struct tree *tree = *state;
	struct bdf named[2] = { tree_bdf("80:02.0"), tree_bdf(NVME) };
	struct list_request request = { .devices = named, .device_count = 2 };
	FILE *out = fopen("/dev/null", "w");

	host_of(tree);
	assert_string_equal(addresses(tree, request), NVME " 0000:80:02.0 ");
	named[1] = tree_bdf("05:00.0");
	assert_int_equal(list_devices(&tree->host, &request, &plain, out), -ENODEV);
	assert_string_equal(tree_error(tree), "cannot list the PCI devices\n"
					      "  because: there is no PCI device 0000:05:00.0 on this host\n"
					      "  try:     handfast list    (shows the devices there are)");
	fclose(out);
}

static void test_a_group_is_a_number(void **state)
{
	struct list_request request = { .group = "fourteen" };

	assert_int_equal(list_check_request(&request), -EINVAL);
	assert_string_equal(error_get()->because, "'fourteen' is no number of an IOMMU group");
	request.group = "14";
	assert_int_equal(list_check_request(&request), 0);
}

static void test_the_tree(void **state)
{
	struct tree *tree = *state;

	host_of(tree);
	assert_string_equal(tree_of(tree, (struct list_request){ 0 }, &utf8),
			    "BDF                 GROUP  DRIVER    NAME                                       "
			    "                                USED BY\n"
			    "pci0000:00\n"
			    "├─ 0000:00:00.0     0      -         class 0600: Intel Corporation device 29c0\n"
			    "└─ 0000:00:01.0     1 ┐    pcieport  class 0604: Red Hat, Inc. device 000c\n"
			    "   ├─ 0000:01:00.0  1 │    nvme      Non-Volatile memory controller: Red Hat, "
			    "Inc. QEMU NVM Express "
			    "Controller  /var/lib, /srv\n"
			    "   └─ 0000:01:00.1  1 ┘    e1000e    Ethernet controller: Intel Corporation "
			    "82574L Gigabit Network "
			    "Connection\n"
			    "pci0000:80\n"
			    "└─ 0000:80:02.0     22     vfio-pci  Non-Volatile memory controller: Red Hat, "
			    "Inc. QEMU NVM Express "
			    "Controller  handfast (pid 79)\n");
}

static void test_the_tree_in_ascii_and_filtered(void **state)
{
	struct tree *tree = *state;

	host_of(tree);
	tree->parent = "sys/devices/pci0000:00";
	tree_device(tree, "0000:00:1f.0", 0x8086, 0x2918, 0x060100, "", -1);
	assert_string_equal(
		tree_of(tree, (struct list_request){ .class_part = "02" }, &plain),
		"BDF                 GROUP  DRIVER    NAME                                                   "
		"                   USED BY\n"
		"pci0000:00\n"
		"`- 0000:00:01.0     1 \\    pcieport  class 0604: Red Hat, Inc. device 000c\n"
		"   `- 0000:01:00.1  1 /    e1000e    Ethernet controller: Intel Corporation 82574L "
		"Gigabit Network Connection\n");
	assert_non_null(strstr(tree_of(tree, (struct list_request){ 0 }, &plain),
			       "\n|- 0000:00:01.0     1 \\ "
			       "   pcieport"));
	assert_non_null(
		strstr(tree_of(tree, (struct list_request){ 0 }, &plain), "\n|  |- 0000:01:00.0  1 | "));
	assert_non_null(
		strstr(tree_of(tree, (struct list_request){ 0 }, &plain), "\n`- 0000:00:1f.0     -  "));
}

static void test_the_tree_of_another_processor(void **state)
{
	struct tree *tree = *state;

	/* Host bridges of an aarch64 host are platform devices; VMD's are below the device itself. */
	tree->parent = "sys/devices/platform/40000000.pcie/pci0000:00";
	tree_device(tree, PORT, 0x1b36, 0x000c, 0x060400, "pcieport", 1);
	tree->parent = "sys/devices/platform/40000000.pcie/pci0000:00/" PORT;
	tree_device(tree, NIC, 0x8086, 0x10d3, 0x020000, "vfio-pci", 2);
	tree_link(tree, "sys/devices/platform/40000000.pcie/pci0000:00/" PORT "/" NIC "/physfn",
		  "../0000:02:00.7");
	tree->parent = "sys/devices/pci0001:00";
	tree_device(tree, "0001:00:0e.0", 0x8086, 0x201d, 0x010400, "vmd", 3);
	tree->parent = "sys/devices/pci0001:00/0001:00:0e.0/pci10000:e0";
	tree_device(tree, "10000:e0:06.0", 0x1b36, 0x0010, 0x010802, "nvme", 3);
	assert_string_equal(tree_of(tree, (struct list_request){ 0 }, &plain),
			    "BDF                  GROUP  DRIVER    NAME                                      "
			    "                                                                  USED BY\n"
			    "pci0000:00\n"
			    "`- 0000:00:01.0      1      pcieport  class 0604: Red Hat, Inc. device 000c\n"
			    "   `- 0000:02:00.0   2      vfio-pci  Ethernet controller: Intel Corporation "
			    "82574L Gigabit Network "
			    "Connection, virtual function of 0000:02:00.7\n"
			    "pci0001:00\n"
			    "`- 0001:00:0e.0      3 \\    vmd       Mass storage controller [0104]: Intel "
			    "Corporation device 201d\n"
			    "   `- 10000:e0:06.0  3 /    nvme      Non-Volatile memory controller: Red Hat, "
			    "Inc. QEMU NVM Express "
			    "Controller\n");
}

/* The longest line, in characters. */
static unsigned longest(const char *text)
{
	unsigned most = 0, width = 0;

	for (; *text; text++) {
		width = *text == '\n' ? 0 : width + ((*text & 0xc0) != 0x80);
		most = width > most ? width : most;
	}
	return most;
}

static void test_it_fits_the_terminal(void **state)
{
	struct tree *tree = *state;
	struct grid_style style = { .utf8 = true, .width = 100 };
	struct list_request request = { 0 };
	const char *text;

	host_of(tree);
	for (style.width = 80; style.width < 140; style.width++) {
		assert_true(longest(list_text(tree, &request, &style)) <= style.width);
		assert_true(longest(tree_of(tree, request, &style)) <= style.width);
	}
	/* Only names give way as long as that does; addresses never. */
	style.width = 132;
	text = list_text(tree, &request, &style);
	assert_non_null(strstr(text, "0000:01:00.1  1      Ethernet controller             Intel Corpor"));
	assert_non_null(strstr(text, "…  e1000e    flr,bus  -\n"));
	assert_non_null(strstr(text, "/var/lib, /srv\n"));
	style.utf8 = false;
	assert_non_null(strstr(list_text(tree, &request, &style), "~  e1000e    flr,bus  -\n"));
	/* Too narrow for anything: the addresses are whole all the same. */
	style.width = 20;
	assert_non_null(strstr(list_text(tree, &request, &style), "\n0000:80:02.0  22     Non-Volat~  "));
	/* Wide enough, or no terminal: nothing is cut. */
	style.width = 200;
	assert_null(strchr(list_text(tree, &request, &style), '~'));
}

static void test_colours_are_ended_and_do_not_move_columns(void **state)
{
	struct tree *tree = *state;
	struct grid_style style = { .colour = true };
	struct list_request request = { 0 };
	char bare[8192], *to = bare;
	const char *text;

	host_of(tree);
	tree_file(tree, "proc/self/mountinfo", "30 21 259:0 / / rw - ext4 %s/nvme0n1 rw\n", tree->dev);
	text = list_text(tree, &request, &style);
	assert_non_null(strstr(text, "\033[1mUSED BY\033[0m\n"));
	assert_non_null(strstr(text, "\033[1;31m/\033[0m\n"));
	assert_non_null(strstr(text, "\033[32mvfio-pci\033[0m  "));
	assert_non_null(strstr(text, "\033[33mhandfast (pid 79)\033[0m\n"));
	for (; *text; text++) {
		if (*text == '\033')
			text = strchr(text, 'm');
		else
			*to++ = *text;
	}
	*to = '\0';
	assert_string_equal(table(tree, request), bare);
}

static void test_the_style_is_the_terminals(void **state)
{
	struct winsize size = { .ws_col = 93, .ws_row = 25 };
	struct grid_style style;
	int master = posix_openpt(O_RDWR | O_NOCTTY);
	FILE *terminal, *file = fopen("/dev/null", "w");

	assert_true(master >= 0);
	assert_int_equal(grantpt(master) | unlockpt(master), 0);
	terminal = fdopen(open(ptsname(master), O_RDWR | O_NOCTTY), "r+");
	assert_non_null(terminal);
	assert_int_equal(ioctl(master, TIOCSWINSZ, &size), 0);
	setenv("TERM", "xterm", 1);
	setenv("LC_ALL", "", 1);
	setenv("LC_CTYPE", "C", 1);
	setenv("LANG", "de_DE.UTF-8", 1);
	unsetenv("NO_COLOR");

	grid_style_detect(terminal, &style);
	assert_true(style.colour);
	assert_int_equal(style.width, 93);
	assert_false(style.utf8);
	setenv("LC_ALL", "en_GB.utf8", 1);
	grid_style_detect(file, &style);
	assert_false(style.colour);
	assert_int_equal(style.width, 0);
	assert_true(style.utf8);

	setenv("NO_COLOR", "1", 1);
	grid_style_detect(terminal, &style);
	assert_false(style.colour);
	assert_int_equal(style.width, 93);
	setenv("NO_COLOR", "", 1); /* empty: as if it were not there */
	setenv("TERM", "dumb", 1);
	grid_style_detect(terminal, &style);
	assert_false(style.colour);
	unsetenv("TERM");
	grid_style_detect(terminal, &style);
	assert_false(style.colour);

	size.ws_col = 0; /* a serial line does not know */
	assert_int_equal(ioctl(master, TIOCSWINSZ, &size), 0);
	grid_style_detect(terminal, &style);
	assert_int_equal(style.width, 80);
	fclose(terminal);
	fclose(file);
	close(master);
}

static void test_a_bind_in_progress_shows(void **state)
{
	struct tree *tree = *state;
	struct journal_entry entry = {
		.bdf = tree_bdf(NIC), .vendor = 0x8086, .device = 0x10d3, .driver = "e1000e"
	};

	tree_device(tree, NIC, 0x8086, 0x10d3, 0x020000, "", 14);
	tree_folder(tree, "state");
	assert_int_equal(journal_write(&tree->host, &entry), 0);
	assert_non_null(strstr(table(tree, (struct list_request){ 0 }), "  bind or unbind in progress: "));
	assert_non_null(
		strstr(tree_of(tree, (struct list_request){ 0 }, &plain), "  bind or unbind in progress: "));
	assert_int_equal(journal_remove(&tree->host, entry.bdf), 0);
	assert_null(strstr(table(tree, (struct list_request){ 0 }), "in progress"));
}

static void test_json(void **state)
{
	static const char use[] = "\"uses\": [\n"
				  "        {\n"
				  "          \"kind\": \"mount\",\n"
				  "          \"vital\": false,\n"
				  "          \"what\": \"/dev/nvme0n1 is mounted on /var/lib\",\n"
				  "          \"brief\": \"/var/lib\",\n"
				  "          \"cure\": [\n"
				  "            \"umount /var/lib\"\n"
				  "          ]\n"
				  "        },\n";
	struct tree *tree = *state;
	struct list_request request = { .form = LIST_JSON };
	struct json_object *root, *devices, *device;
	const char *text;

	host_of(tree);
	tree_file(tree, "sys/devices/pci0000:00/" PORT "/" NVME "/resource",
		  "0x00000000fe800000 0x00000000fe803fff 0x0000000000140204\n");
	tree_file(tree, "sys/devices/pci0000:00/" PORT "/" NVME "/driver_override", "nvme\n");
	text = list_text(tree, &request, &plain);
	assert_int_equal(strncmp(text, "{\n  \"version\": 1,\n", 18), 0);
	assert_non_null(strstr(text, use));

	root = json_tokener_parse(text);
	assert_non_null(root);
	devices = json_object_object_get(root, "devices");
	assert_int_equal(json_object_array_length(devices), 5);
	device = json_object_array_get_idx(devices, 2);
#define value(key) json_object_to_json_string_ext(json_object_object_get(device, key), JSON_C_TO_STRING_PLAIN)
	assert_string_equal(value("bdf"), "\"" NVME "\"");
	assert_string_equal(value("vendor"), "\"0x1b36\"");
	assert_string_equal(value("class"), "\"0x010802\"");
	assert_string_equal(value("class_name"), "\"Non-Volatile memory controller\"");
	assert_string_equal(value("name"), "\"Red Hat, Inc. QEMU NVM Express Controller\"");
	assert_string_equal(value("driver"), "\"nvme\"");
	assert_string_equal(value("driver_override"), "\"nvme\"");
	assert_string_equal(value("group"), "1");
	assert_string_equal(value("is_bridge"), "false");
	assert_string_equal(value("parent"), "\"" PORT "\"");
	assert_string_equal(value("host_bridge"), "\"pci0000:00\"");
	assert_string_equal(value("reset_methods"), "[\"flr\",\"bus\"]");
	assert_string_equal(
		value("bars"),
		"[{\"bar\":0,\"size\":16384,\"kind\":\"memory\",\"64bit\":true,\"prefetchable\":false}]");
	assert_string_equal(value("rom_size"), "null");
	assert_string_equal(value("physical_function"), "null");
	assert_string_equal(value("virtual_functions"), "0");
	assert_string_equal(value("in_progress"), "null");
	device = json_object_array_get_idx(devices, 0);
	assert_string_equal(value("driver"), "null");
	assert_string_equal(value("parent"), "null");
	assert_string_equal(value("uses"), "[]");
#undef value
	json_object_put(root);

	request.driver = "no such driver";
	assert_string_equal(list_text(tree, &request, &plain),
			    "{\n  \"version\": 1,\n  \"devices\": [\n  ]\n}\n");
}

static void test_a_host_without_pci_is_explained(void **state)
{
	struct tree *tree = *state;
	struct list_request request = { 0 };

	tree_remove(tree, "sys/bus/pci/devices");
	assert_int_equal(list_devices(&tree->host, &request, &plain, stdout), -ENOENT);
	assert_string_equal(tree_error(tree), "cannot list the PCI devices\n"
					      "  because: /sys/bus/pci/devices: No such file or directory\n"
					      "  try:     ls /sys/bus    (without pci: this host has none; "
					      "empty: mount -t sysfs sysfs /sys)");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		unit(test_the_table),
		unit(test_without_an_iommu_or_a_device),
		unit(test_filters),
		unit(test_a_device_without_group_is_in_none),
		unit(test_devices_by_address),
		unit(test_a_group_is_a_number),
		unit(test_the_tree),
		unit(test_the_tree_in_ascii_and_filtered),
		unit(test_the_tree_of_another_processor),
		unit(test_it_fits_the_terminal),
		unit(test_colours_are_ended_and_do_not_move_columns),
		unit(test_the_style_is_the_terminals),
		unit(test_a_bind_in_progress_shows),
		unit(test_json),
		unit(test_a_host_without_pci_is_explained),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
