/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tree.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <linux/capability.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/cleanup.h"
#include "base/sysfs.h"
#include "base/text.h"
#include "host/check-priv.h"

static const char *at(struct tree *tree, const char *path, char full[PATH_MAX])
{
	return sysfs_path(full, "%s/%s", tree->root, path);
}

static void make_parents(char *full)
{
	for (char *slash = strchr(full + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
		*slash = '\0';
		if (mkdir(full, 0755))
			assert_int_equal(errno, EEXIST);
		*slash = '/';
	}
}

void tree_folder(struct tree *tree, const char *path)
{
	char full[PATH_MAX], inner[PATH_MAX];

	sysfs_path(full, "%s/x", at(tree, path, inner));
	make_parents(full);
}

void tree_file(struct tree *tree, const char *path, const char *format, ...)
{
	char full[PATH_MAX];
	va_list args;
	FILE *file;

	at(tree, path, full);
	make_parents(full);
	file = fopen(full, "w");
	assert_non_null(file);
	va_start(args, format);
	vfprintf(file, format, args);
	va_end(args);
	fclose(file);
}

void tree_link(struct tree *tree, const char *path, const char *target)
{
	char full[PATH_MAX];

	at(tree, path, full);
	make_parents(full);
	(void)unlink(full);
	assert_int_equal(symlink(target, full), 0);
}

void tree_remove(struct tree *tree, const char *path)
{
	char full[PATH_MAX];

	assert_int_equal(remove(at(tree, path, full)), 0);
}

bool tree_has(struct tree *tree, const char *path)
{
	char full[PATH_MAX];

	return sysfs_exists(at(tree, path, full));
}

const char *tree_read(struct tree *tree, const char *path)
{
	char full[PATH_MAX];

	tree->text[0] = '\0';
	(void)sysfs_read_text(at(tree, path, full), tree->text, sizeof(tree->text));
	return tree->text;
}

void tree_driver(struct tree *tree, const char *driver)
{
	char path[PATH_MAX];

	tree_folder(tree, sysfs_path(path, "sys/bus/pci/drivers/%s", driver));
}

const char *tree_driver_of(struct tree *tree, const char *bdf)
{
	char path[PATH_MAX], full[PATH_MAX];

	tree->text[0] = '\0';
	sysfs_path(path, "sys/bus/pci/devices/%s/driver", bdf);
	(void)sysfs_read_link(at(tree, path, full), tree->text, sizeof(tree->text));
	return tree->text;
}

static bool group_has_vfio(struct tree *tree, const char *group)
{
	char path[PATH_MAX], full[PATH_MAX];
	auto_dir DIR *dir =
		opendir(at(tree, sysfs_path(path, "sys/kernel/iommu_groups/%s/devices", group), full));
	struct dirent *item;

	while (dir && (item = readdir(dir))) {
		if (item->d_name[0] != '.' && driver_is_vfio(tree_driver_of(tree, item->d_name)))
			return true;
	}
	return false;
}

/* The group's node is there while a member is bound to vfio; the container's comes with the driver. */
static void update_node(struct tree *tree, const char *bdf)
{
	char path[PATH_MAX], full[PATH_MAX], group[16];

	sysfs_path(path, "sys/bus/pci/devices/%s/iommu_group", bdf);
	if (sysfs_read_link(at(tree, path, full), group, sizeof(group)))
		return;
	sysfs_path(path, "dev/vfio/%s", group);
	if (!group_has_vfio(tree, group))
		(void)unlink(at(tree, path, full));
	else if (!tree_has(tree, path))
		tree_file(tree, path, "%s", "");
	if (driver_is_vfio(tree_driver_of(tree, bdf)))
		tree_file(tree, "dev/vfio/vfio", "container");
}

void tree_bind(struct tree *tree, const char *bdf, const char *driver)
{
	char path[PATH_MAX], full[PATH_MAX], target[PATH_MAX];

	sysfs_path(path, "sys/bus/pci/devices/%s/driver", bdf);
	if (driver[0]) {
		tree_driver(tree, driver);
		sysfs_path(target, "%s/bus/pci/drivers/%s", tree->sys, driver);
		tree_link(tree, path, target);
	} else {
		(void)unlink(at(tree, path, full));
	}
	update_node(tree, bdf);
}

void tree_device(struct tree *tree, const char *bdf, unsigned vendor, unsigned device, unsigned class_code,
		 const char *driver, int group)
{
	char base[PATH_MAX], path[PATH_MAX], target[PATH_MAX];
	const struct {
		const char *name;
		unsigned value;
	} numbers[] = {
		{ "vendor", vendor },
		{ "device", device },
		{ "class", class_code },
	};

	sysfs_path(base, "%s/%s", tree->parent, bdf);
	for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++)
		tree_file(tree, sysfs_path(path, "%s/%s", base, numbers[i].name), "0x%04x\n",
			  numbers[i].value);
	tree_file(tree, sysfs_path(path, "%s/driver_override", base), "(null)\n");
	tree_file(tree, sysfs_path(path, "%s/native", base), "%s\n", driver);
	tree_file(tree, sysfs_path(path, "%s/reset_method", base), "flr bus\n");
	tree_file(tree, sysfs_path(path, "%s/reset", base), "%s", "");
	tree_file(tree, sysfs_path(path, "%s/modalias", base), "pci:%s\n", bdf);
	tree_link(tree, sysfs_path(path, "%s/subsystem", base), sysfs_path(target, "%s/bus/pci", tree->sys));
	sysfs_path(path, "sys/bus/pci/devices/%s", bdf);
	tree_link(tree, path, sysfs_path(target, "%s/%s", tree->root, base));
	if (group >= 0) {
		sysfs_path(path, "%s/iommu_group", base);
		tree_link(tree, path, sysfs_path(target, "%s/kernel/iommu_groups/%d", tree->sys, group));
		sysfs_path(path, "sys/kernel/iommu_groups/%d/devices/%s", group, bdf);
		tree_link(tree, path, sysfs_path(target, "%s/%s", tree->root, base));
	}
	tree_bind(tree, bdf, driver);
}

void tree_process(struct tree *tree, unsigned pid, const char *name, const char *open)
{
	char path[PATH_MAX], target[PATH_MAX];

	tree_file(tree, sysfs_path(path, "proc/%u/comm", pid), "%s\n", name);
	sysfs_path(target, "%s/%s", tree->root, open);
	tree_link(tree, sysfs_path(path, "proc/%u/fd/7", pid), target);
	if (strncmp(open, "dev/vfio/", 9) == 0)
		tree_busy(tree, open);
}

void tree_may_lock(struct tree *tree)
{
	char path[PATH_MAX];

	tree_file(tree, sysfs_path(path, "proc/%d/status", (int)getpid()),
		  "Name:\thandfast\nCapEff:\t%016x\n", 1U << CAP_IPC_LOCK);
}

void tree_busy(struct tree *tree, const char *node)
{
	char path[PATH_MAX];

	sysfs_path(path, "%s/%s", tree->root, node);
	(void)unlink(path);
	(void)mknod(path, S_IFSOCK | 0600, 0); /* open(2) refuses a socket as it does a busy group */
}

void tree_block(struct tree *tree, const char *parent, const char *name, const char *number)
{
	char path[PATH_MAX], target[PATH_MAX];

	tree_file(tree, sysfs_path(path, "%s/%s/dev", parent, name), "%s\n", number);
	tree_folder(tree, sysfs_path(path, "%s/%s/holders", parent, name));
	sysfs_path(target, "%s/%s/%s", tree->root, parent, name);
	tree_link(tree, sysfs_path(path, "sys/class/block/%s", name), target);
}

void tree_node(struct tree *tree, const char *parent, const char *name, const char *number, const char *node)
{
	char path[PATH_MAX], target[PATH_MAX];

	tree_file(tree, sysfs_path(path, "%s/%s/dev", parent, name), "%s\n", number);
	tree_file(tree, sysfs_path(path, "%s/%s/uevent", parent, name), "MAJOR=1\nDEVNAME=%s\nMODE=0600\n",
		  node);
	sysfs_path(target, "%s/%s/%s", tree->root, parent, name);
	tree_link(tree, sysfs_path(path, "sys/dev/char/%s", number), target);
}

void tree_interface(struct tree *tree, const char *parent, const char *name, const char *flags)
{
	char path[PATH_MAX], target[PATH_MAX];

	tree_file(tree, sysfs_path(path, "%s/net/%s/flags", parent, name), "%s\n", flags);
	sysfs_path(target, "%s/%s/net/%s", tree->root, parent, name);
	tree_link(tree, sysfs_path(path, "sys/class/net/%s", name), target);
}

/* What Linux does at drivers_probe: the override alone decides where there is one. */
static void probe(struct tree *tree, const char *bdf)
{
	char path[PATH_MAX], wanted[64];

	if (tree_driver_of(tree, bdf)[0])
		return;
	if (tree->probes_lost) {
		tree->probes_lost--;
		return;
	}
	(void)text_copy(wanted, sizeof(wanted),
			tree_read(tree, sysfs_path(path, "sys/bus/pci/devices/%s/driver_override", bdf)));
	if (strcmp(wanted, "(null)") == 0 && tree->dynamic_id)
		(void)text_copy(wanted, sizeof(wanted), "vfio-pci");
	else if (strcmp(wanted, "(null)") == 0)
		(void)text_copy(wanted, sizeof(wanted),
				tree_read(tree, sysfs_path(path, "sys/bus/pci/devices/%s/native", bdf)));
	if (!wanted[0] || !tree_has(tree, sysfs_path(path, "sys/bus/pci/drivers/%s", wanted)))
		return;
	if (!tree->refuses || strcmp(tree->refuses, wanted) != 0)
		tree_bind(tree, bdf, wanted);
}

static int react(struct tree *tree, const char *path, const char *text)
{
	char bdf[PATH_MAX] = "", file[PATH_MAX];
	const char *name = strrchr(path, '/') + 1, *devices = strstr(path, "/devices/");

	if (devices) {
		(void)text_copy(bdf, sizeof(bdf), devices + strlen("/devices/"));
		bdf[strcspn(bdf, "/")] = '\0';
	}
	if (strcmp(name, "driver_override") == 0) {
		sysfs_path(file, "sys/bus/pci/devices/%s/driver_override", bdf);
		if (text[0]) /* zero bytes change nothing */
			tree_file(tree, file, "%s", strcmp(text, "\n") == 0 ? "(null)\n" : text);
	} else if (strcmp(name, "unbind") == 0) {
		assert_string_equal(bdf, text);
		assert_true(tree_driver_of(tree, bdf)[0]);
		tree_bind(tree, bdf, "");
	} else if (strcmp(name, "remove_id") == 0) {
		if (!tree->dynamic_id)
			return error_sys(ENODEV, "write to %s", path);
		tree->dynamic_id = false;
	} else {
		assert_string_equal(name, "drivers_probe");
		probe(tree, text);
	}
	return 0;
}

static void step(struct tree *tree)
{
	if (tree->step)
		tree->step();
}

static int answer_write(struct tree *tree, const char *path, const char *text, pid_t *ret_writer)
{
	tree->writes++;
	if (tree->writes != tree->fail_at)
		return react(tree, path, text);
	if (tree->fail_after)
		(void)react(tree, path, text);
	if (!tree->fail_errno)
		_exit(0);
	if (tree->fail_errno == ETIMEDOUT)
		*ret_writer = tree->writer;
	return error_sys(tree->fail_errno, "write to %s", path);
}

static int fake_write(const struct host *host, const char *path, const char *text, pid_t *ret_writer)
{
	struct tree *tree = host->opaque;
	int error;

	step(tree);
	tree->inside = true;
	error = answer_write(tree, path, text, ret_writer);
	tree->inside = false;
	step(tree);
	return error;
}

static int fake_own(const struct host *host, const char *path, uid_t user)
{
	struct tree *tree = host->opaque;

	step(tree);
	tree->writes++;
	if (tree->writes != tree->fail_at || tree->fail_after)
		assert_int_equal(host_own(host, path, user), 0);
	if (tree->writes != tree->fail_at) {
		step(tree);
		return 0;
	}
	if (!tree->fail_errno)
		_exit(0);
	return error_sys(tree->fail_errno, "chown %s", path);
}

static int fake_load_module(const struct host *host, const char *name)
{
	struct tree *tree = host->opaque;

	if (strncmp(name, "pci:", 4) == 0 && tree->alias_module)
		tree_driver(tree, tree->alias_module);
	if (!tree->module || strcmp(tree->module, name) != 0)
		return error_set(ENOENT, "modprobe %s failed", name);
	tree_driver(tree, name);
	return 0;
}

static void fake_addresses(const struct host *host, const char *interface, char *ret_text, size_t size)
{
	struct tree *tree = host->opaque;
	char key[64];
	const char *found;

	if (!strchr(tree->addresses, '=')) {
		(void)text_copy(ret_text, size, tree->addresses);
		return;
	}
	(void)snprintf(key, sizeof(key), "%s=", interface);
	found = strstr(tree->addresses, key);
	(void)text_copy(ret_text, size, found ? found + strlen(key) : "");
	ret_text[strcspn(ret_text, ";")] = '\0';
}

void tree_create(struct tree *tree)
{
	static const struct host_ops ops = {
		.write = fake_write,
		.load_module = fake_load_module,
		.own = fake_own,
		.addresses = fake_addresses,
	};
	static const char *const folders[] = {
		"sys/bus/pci/devices",	  "sys/bus/pci/drivers", "sys/class/block",
		"sys/class/net",	  "proc/self",		 "dev/vfio",
		"sys/kernel/iommu_groups"
	};
	char path[PATH_MAX];

	*tree = (struct tree){ .root = "/tmp/handfast-test-XXXXXX",
			       .parent = "sys/devices/pci0000:00",
			       .addresses = "" };
	assert_non_null(mkdtemp(tree->root));
	(void)snprintf(tree->sys, sizeof(tree->sys), "%s/sys", tree->root);
	(void)snprintf(tree->proc, sizeof(tree->proc), "%s/proc", tree->root);
	(void)snprintf(tree->dev, sizeof(tree->dev), "%s/dev", tree->root);
	(void)snprintf(tree->state, sizeof(tree->state), "%s/state", tree->root);
	(void)snprintf(tree->run, sizeof(tree->run), "%s/run", tree->root);
	for (size_t i = 0; i < sizeof(folders) / sizeof(folders[0]); i++)
		tree_folder(tree, folders[i]);
	tree_file(tree, "sys/bus/pci/drivers_probe", "%s", "");
	tree_file(tree, "pci.ids",
		  "8086  Intel Corporation\n\t10d3  82574L Gigabit Network Connection\n"
		  "1b36  Red Hat, Inc.\n\t0010  QEMU NVM Express Controller\n"
		  "C 01  Mass storage controller\n\t08  Non-Volatile memory controller\n"
		  "C 02  Network controller\n\t00  Ethernet controller\n");
	tree->host = (struct host){
		.sys = tree->sys,
		.proc = tree->proc,
		.dev = tree->dev,
		.root = tree->root,
		.state = tree->state,
		.run = tree->run,
		.pci_ids = strdup(sysfs_path(path, "%s/pci.ids", tree->root)),
		.ops = &ops,
		.write_ms = 1000,
		.settle_ms = 1,
		.opaque = tree,
	};
	(void)snprintf(tree->host.modules, sizeof(tree->host.modules), "%s/modules", tree->root);
}

static int remove_one(const char *path, const struct stat *status, int type, struct FTW *where)
{
	return remove(path);
}

void tree_destroy(struct tree *tree)
{
	assert_int_equal(nftw(tree->root, remove_one, 16, FTW_DEPTH | FTW_PHYS), 0);
	free((void *)(uintptr_t)tree->host.pci_ids);
}

struct bdf tree_bdf(const char *text)
{
	struct bdf bdf;

	assert_int_equal(bdf_parse(text, &bdf), 0);
	return bdf;
}

const struct host_id *tree_id(const char *text)
{
	static struct host_id id;

	id = host_id_of(tree_bdf(text));
	return &id;
}

struct host_device tree_load(struct tree *tree, const char *bdf)
{
	struct host_device device;

	assert_int_equal(device_load(&tree->host, tree_bdf(bdf), &device), 0);
	return device;
}

const char *tree_plain(struct tree *tree, const char *text)
{
	size_t length = strlen(tree->root);
	char *to = tree->text;

	while (*text && to < tree->text + sizeof(tree->text) - 1) {
		if (strncmp(text, tree->root, length) == 0)
			text += length;
		else
			*to++ = *text++;
	}
	*to = '\0';
	return tree->text;
}

const char *tree_error(struct tree *tree)
{
	char text[ERROR_TEXT_SIZE];

	error_format(error_get(), text, sizeof(text));
	return tree_plain(tree, text);
}

const char *tree_story(struct tree *tree, struct findings *findings)
{
	static const char levels[] = { 'o', 'w', 'X' };
	char text[8192] = "";
	size_t used = 0;

	for (size_t i = 0; i < findings->count && used < sizeof(text); i++) {
		const struct finding *finding = &findings->list[i];

		used += (size_t)snprintf(text + used, sizeof(text) - used, "%c %s: %s%s%s%s\n",
					 levels[finding->level], finding->topic, finding->what,
					 finding->cure ? " [" : "", finding->cure ? finding->cure : "",
					 finding->cure ? "]" : "");
	}
	findings_fini(findings);
	return tree_plain(tree, text);
}

const char *tree_device_story(struct tree *tree, const char *bdf)
{
	struct findings findings = { 0 };
	struct host_device device = tree_load(tree, bdf);

	check_assignable(&tree->host, &device, NULL, &findings);
	return tree_story(tree, &findings);
}
