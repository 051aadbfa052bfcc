/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "fake.h"

#include "unit.h"

#include <linux/pci_regs.h>
#include <stdlib.h>
#include <string.h>

#include "pci/bus-priv.h"

static uint32_t fake_read(struct pci_function *function, unsigned offset, unsigned size)
{
	struct fake *fake = (struct fake *)function;
	uint32_t value;

	if (fake->linger)
		fake->linger(fake);
	pthread_mutex_lock(&fake->lock);
	value = pci_config_get(&fake->config, offset, size);
	pthread_mutex_unlock(&fake->lock);
	return value;
}

static void fake_write(struct pci_function *function, unsigned offset, unsigned size, uint32_t value)
{
	struct fake *fake = (struct fake *)function;

	if (fake->linger)
		fake->linger(fake);
	pthread_mutex_lock(&fake->lock);
	pci_config_guest_write(&fake->config, offset, size, value);
	if (function->secondary)
		pci_bus_set_numbers(function->secondary, fake->config.data[PCI_SECONDARY_BUS],
				    fake->config.data[PCI_SUBORDINATE_BUS]);
	else
		pci_bars_update(&fake->bars);
	pthread_mutex_unlock(&fake->lock);
}

static void fake_reset(struct pci_function *function)
{
	struct fake *fake = (struct fake *)function;

	pthread_mutex_lock(&fake->lock);
	fake->resets++;
	if (!function->secondary)
		pci_bars_reset(&fake->bars);
	pthread_mutex_unlock(&fake->lock);
}

static void fake_destroy(struct pci_function *function)
{
	struct fake *fake = (struct fake *)function;

	if (fake->destroyed)
		(*fake->destroyed)++;
	pci_function_fini(function);
	pthread_mutex_destroy(&fake->lock);
	free(fake);
}

static const struct pci_function_ops fake_ops = {
	.config_read = fake_read,
	.config_write = fake_write,
	.reset = fake_reset,
	.destroy = fake_destroy,
};

static void fake_map(void *opaque, unsigned bar, uint64_t address)
{
	struct fake *fake = opaque;

	assert_int_equal(fake->mapped_at[bar], 0);
	fake->mapped_at[bar] = address;
	fake->maps++;
}

static void fake_unmap(void *opaque, unsigned bar)
{
	struct fake *fake = opaque;

	assert_int_not_equal(fake->mapped_at[bar], 0);
	fake->mapped_at[bar] = 0;
	fake->unmaps++;
}

static struct fake *create(const char *id, const char *driver)
{
	struct fake *fake = calloc(1, sizeof(*fake));

	assert_non_null(fake);
	pthread_mutex_init(&fake->lock, NULL);
	fake->function.ops = &fake_ops;
	fake->function.driver = driver;
	fake->function.id = id ? strdup(id) : NULL;
	pci_config_set(&fake->config, PCI_VENDOR_ID, 4, 0x56781234);
	return fake;
}

struct fake *fake_create(const char *id, const struct pci_bar *bars)
{
	struct fake *fake = create(id, "vfio-pci");

	if (bars)
		memcpy(fake->function.bars, bars, sizeof(fake->function.bars));
	pci_config_set(&fake->config, PCI_INTERRUPT_PIN, 1, 1);
	pci_config_allow(&fake->config, PCI_INTERRUPT_LINE, 1, 0xff);
	pci_config_allow(&fake->config, PCI_COMMAND, 2, PCI_COMMAND_MASTER);
	pci_bars_init(&fake->bars, &fake->config, fake->function.bars, fake_map, fake_unmap, fake);
	return fake;
}

struct fake *fake_bridge_create(struct lock *lock, const char *id, unsigned slots)
{
	struct fake *fake = create(id, "bridge");
	struct pci_bus *bus;

	assert_int_equal(pci_bus_create_secondary(lock, id, &fake->function, slots, &bus), 0);
	pci_config_set(&fake->config, PCI_HEADER_TYPE, 1, PCI_HEADER_TYPE_BRIDGE);
	pci_config_allow(&fake->config, PCI_COMMAND, 2, 7);
	pci_config_allow(&fake->config, PCI_PRIMARY_BUS, 4, 0xffffff);
	pci_config_allow(&fake->config, PCI_IO_BASE, 2, 0xf0f0);
	pci_config_allow(&fake->config, PCI_MEMORY_BASE, 4, 0xfff0fff0);
	pci_config_allow(&fake->config, PCI_PREF_MEMORY_BASE, 4, 0xfff0fff0);
	pci_config_allow(&fake->config, PCI_PREF_BASE_UPPER32, 4, UINT32_MAX);
	pci_config_allow(&fake->config, PCI_PREF_LIMIT_UPPER32, 4, UINT32_MAX);
	return fake;
}

void fake_attach(struct pci_bus *bus, unsigned slot, unsigned number, struct pci_function *function)
{
	assert_int_equal(pci_bus_attach(bus, PCI_DEVFN_OF(slot, number), function), 0);
}
