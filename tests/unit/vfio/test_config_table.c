/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The table of configuration space, seen from outside: what a guest finds of each capability, wherever in the
 * device's list it stands. What is expected is written down here once more, so that a line of the table that
 * changes by mistake is found.
 */
#include "../unit.h"
#include "fake.h"

#include <linux/pci_regs.h>
#include <stdio.h>

#include "vfio/config-priv.h"

#define LENGTH 0x90u	   /* of each capability of the fake device's extended list */
#define MARK   0x5eed1234u /* what stands in it */

static struct fake_device fake;
static struct vfio_config config;

static int setup(void **state)
{
	fake_device_init(&fake);
	return 0;
}

static int teardown(void **state)
{
	fake_device_fini(&fake);
	return 0;
}

static uint32_t get(unsigned offset)
{
	return vfio_config_read(&config, offset, 4);
}

enum fate {
	GONE,
	OURS,	 /* shown, and its registers are not the device's */
	SHOWN,	 /* and its registers are the device's to read */
	WRITTEN, /* and to write */
};

static const struct {
	uint16_t id;
	enum fate fate;
} extended[] = {
	{ PCI_EXT_CAP_ID_ERR, GONE },	   { PCI_EXT_CAP_ID_VC, SHOWN },
	{ PCI_EXT_CAP_ID_DSN, SHOWN },	   { PCI_EXT_CAP_ID_PWR, WRITTEN },
	{ PCI_EXT_CAP_ID_RCLD, GONE },	   { PCI_EXT_CAP_ID_RCILC, GONE },
	{ PCI_EXT_CAP_ID_RCEC, GONE },	   { PCI_EXT_CAP_ID_MFVC, SHOWN },
	{ PCI_EXT_CAP_ID_VC9, SHOWN },	   { PCI_EXT_CAP_ID_RCRB, GONE },
	{ PCI_EXT_CAP_ID_VNDR, WRITTEN },  { PCI_EXT_CAP_ID_CAC, GONE },
	{ PCI_EXT_CAP_ID_ACS, GONE },	   { PCI_EXT_CAP_ID_ARI, GONE },
	{ PCI_EXT_CAP_ID_ATS, GONE },	   { PCI_EXT_CAP_ID_SRIOV, GONE },
	{ PCI_EXT_CAP_ID_MRIOV, GONE },	   { PCI_EXT_CAP_ID_MCAST, GONE },
	{ PCI_EXT_CAP_ID_PRI, GONE },	   { PCI_EXT_CAP_ID_AMD_XXX, GONE },
	{ PCI_EXT_CAP_ID_REBAR, OURS },	   { PCI_EXT_CAP_ID_DPA, GONE },
	{ PCI_EXT_CAP_ID_TPH, GONE },	   { PCI_EXT_CAP_ID_LTR, GONE },
	{ PCI_EXT_CAP_ID_SECPCI, GONE },   { PCI_EXT_CAP_ID_PMUX, GONE },
	{ PCI_EXT_CAP_ID_PASID, GONE },	   { 0x1c /* LN Requester */, GONE },
	{ PCI_EXT_CAP_ID_DPC, GONE },	   { PCI_EXT_CAP_ID_L1SS, GONE },
	{ PCI_EXT_CAP_ID_PTM, GONE },	   { 0x20 /* M-PCIe */, GONE },
	{ 0x21 /* FRS Queueing */, GONE }, { 0x22 /* Readiness Time */, GONE },
	{ PCI_EXT_CAP_ID_DVSEC, WRITTEN }, { 0x24 /* VF Resizable BAR */, GONE },
	{ PCI_EXT_CAP_ID_DLF, GONE },	   { PCI_EXT_CAP_ID_PL_16GT, GONE },
	{ 0x27 /* Margining */, GONE },	   { 0x28 /* Hierarchy ID */, GONE },
	{ 0x29 /* Enclosure */, GONE },	   { 0x2a /* 32 GT/s */, GONE },
	{ 0x2b /* Alternate */, GONE },	   { 0x2c /* SFI */, GONE },
	{ 0x2d /* Shadow */, GONE },	   { PCI_EXT_CAP_ID_DOE, GONE },
	{ 0x2f /* Device 3 */, GONE },	   { 0x30 /* IDE */, GONE },
	{ 0x31 /* 64 GT/s */, GONE },
};

static const struct {
	uint8_t id;
	enum fate fate;
} standard[] = {
	{ PCI_CAP_ID_PM, SHOWN },    { PCI_CAP_ID_AGP, GONE },	   { PCI_CAP_ID_VPD, WRITTEN },
	{ PCI_CAP_ID_SLOTID, GONE }, { PCI_CAP_ID_CHSWP, GONE },   { PCI_CAP_ID_PCIX, WRITTEN },
	{ PCI_CAP_ID_HT, GONE },     { PCI_CAP_ID_VNDR, WRITTEN }, { PCI_CAP_ID_DBG, SHOWN },
	{ PCI_CAP_ID_CCRC, GONE },   { PCI_CAP_ID_SHPC, GONE },	   { PCI_CAP_ID_SSVID, GONE },
	{ PCI_CAP_ID_AGP3, GONE },   { PCI_CAP_ID_SECDEV, GONE },  { PCI_CAP_ID_SATA, WRITTEN },
	{ PCI_CAP_ID_EA, GONE },     { PCI_CAP_ID_MSI, SHOWN },	   { PCI_CAP_ID_EXP, SHOWN },
	{ PCI_CAP_ID_MSIX, SHOWN },  { PCI_CAP_ID_AF, WRITTEN },
};

#define COUNT(list) (sizeof(list) / sizeof((list)[0]))

/* Three capabilities, `id` at `place` (0 to 2) among them, between the places of vendors' own. */
static void extended_lay(unsigned id, unsigned place)
{
	static const uint16_t others[3] = { PCI_EXT_CAP_ID_VNDR, PCI_EXT_CAP_ID_DVSEC, PCI_EXT_CAP_ID_VNDR };

	for (unsigned i = 0; i < 3; i++) {
		unsigned at = PCI_CFG_SPACE_SIZE + i * LENGTH;
		unsigned next = i < 2 ? at + LENGTH : 0;

		for (unsigned byte = 4; byte < LENGTH; byte += 4)
			fake_set(fake.config, at + byte, 4, MARK);
		fake_set(fake.config, at, 4, (i == place ? id : others[i]) | 1u << 16 | next << 20);
	}
	assert_int_equal(vfio_config_init(&config, &fake.device), 0);
	story_forget();
}

/* What the guest finds when it follows the list: the others in their places, and `id` where it is shown. */
static void extended_walk(unsigned id, unsigned place, enum fate fate)
{
	bool found[3] = { false, false, false };
	unsigned at = PCI_CFG_SPACE_SIZE, steps = 0;

	while (at) {
		uint32_t header = get(at);
		unsigned i = (at - PCI_CFG_SPACE_SIZE) / LENGTH;

		assert_true(at == PCI_CFG_SPACE_SIZE + i * LENGTH && i < 3 && steps++ < 3);
		/* The first one is where the list begins, whatever is there: a null capability. */
		if (i == place && fate == GONE)
			assert_true(i == 0 && (header & 0xfffff) == 0);
		else
			assert_int_equal(header >> 16 & 0xf, 1);
		if (i == place && fate != GONE)
			assert_int_equal(PCI_EXT_CAP_ID(header), id);
		found[i] = PCI_EXT_CAP_ID(header) != 0;
		at = PCI_EXT_CAP_NEXT(header);
	}
	for (unsigned i = 0; i < 3; i++)
		assert_int_equal(found[i], i != place || fate != GONE);
}

static void registers_are(unsigned at, enum fate fate)
{
	char expected[64] = "";

	if (fate != OURS)
		assert_int_equal(get(at), fate == GONE ? 0 : MARK);
	vfio_config_write(&config, at, 4, 0x01020304);
	if (fate == WRITTEN)
		snprintf(expected, sizeof(expected), "config[%x+4]=1020304 ", at);
	story_expect(expected);
}

static void test_extended(void **state)
{
	for (unsigned i = 0; i < COUNT(extended); i++) {
		for (unsigned place = 0; place < 3; place++) {
			unsigned at = PCI_CFG_SPACE_SIZE + place * LENGTH;

			extended_lay(extended[i].id, place);
			extended_walk(extended[i].id, place, extended[i].fate);
			registers_are(at + 4, extended[i].fate);
			/* Neither what is before nor behind it has changed. */
			registers_are(PCI_CFG_SPACE_SIZE + (place + 1) % 3 * LENGTH + 4, WRITTEN);
			registers_are(PCI_CFG_SPACE_SIZE + (place + 2) % 3 * LENGTH + 4, WRITTEN);
		}
	}
}

/* A standard one takes the place of the fake device's MSI, in the middle, or of the first or the last. */
static void standard_lay(unsigned id, unsigned at)
{
	fake_device_fini(&fake);
	fake_device_init(&fake);
	fake_set(fake.config, at, 1, id);
	fake_set(fake.config, at + 4, 4, MARK);
	assert_int_equal(vfio_config_init(&config, &fake.device), 0);
	story_forget();
}

static void standard_walk(unsigned id, unsigned at, enum fate fate)
{
	static const unsigned all[] = { FAKE_PM, FAKE_MSI, FAKE_EXP, FAKE_MSIX, FAKE_AF, FAKE_VNDR };
	unsigned link = vfio_config_read(&config, PCI_CAPABILITY_LIST, 1);

	for (unsigned i = 0; i < COUNT(all); i++) {
		if (all[i] == at && fate == GONE) {
			assert_int_equal(get(at), 0);
			continue;
		}
		assert_int_equal(link, all[i]);
		if (all[i] == at)
			assert_int_equal(vfio_config_read(&config, at, 1), id);
		link = vfio_config_read(&config, link + PCI_CAP_LIST_NEXT, 1);
	}
	assert_int_equal(link, 0);
}

static void test_standard(void **state)
{
	static const unsigned places[] = { FAKE_PM, FAKE_MSI, FAKE_VNDR };

	for (unsigned i = 0; i < COUNT(standard); i++) {
		for (unsigned j = 0; j < COUNT(places); j++) {
			standard_lay(standard[i].id, places[j]);
			standard_walk(standard[i].id, places[j], standard[i].fate);
			/* Those with registers of ours have tests of their own; some have four bytes in all.
			 */
			if (standard[i].fate == WRITTEN)
				registers_are(places[j] + 4, WRITTEN);
			else
				vfio_config_write(&config, places[j] + 2, 2, 0xffff);
			story_expect("");
		}
	}
}

/* The line for a capability as a whole. */
static const struct vfio_config_rule *rule_of(enum vfio_space space, unsigned id)
{
	for (unsigned i = 0; i < vfio_config_rule_count; i++) {
		const struct vfio_config_rule *rule = &vfio_config_rules[i];

		if (rule->space == space && rule->id == id && rule->offset == 0)
			return rule;
	}
	return NULL;
}

/* Every one that the kernel's header knows, and all between them, has its line, and is tried above. */
static void test_complete(void **state)
{
	for (unsigned id = 1; id <= PCI_CAP_ID_MAX; id++) {
		bool tried = false;

		if (!rule_of(VFIO_SPACE_STANDARD, id))
			fail_msg("the table has no line for capability 0x%02x", id);
		for (unsigned i = 0; i < COUNT(standard); i++)
			tried = tried || standard[i].id == id;
		if (!tried)
			fail_msg("no test for capability 0x%02x", id);
	}
	for (unsigned id = 1; id <= PCI_EXT_CAP_ID_MAX; id++) {
		bool tried = false;

		if (!rule_of(VFIO_SPACE_EXTENDED, id))
			fail_msg("the table has no line for extended capability 0x%02x", id);
		for (unsigned i = 0; i < COUNT(extended); i++)
			tried = tried || extended[i].id == id;
		if (!tried)
			fail_msg("no test for extended capability 0x%02x", id);
	}
}

/* The table is data, and data can be wrong. */
static void test_form(void **state)
{
	for (unsigned i = 0; i < vfio_config_rule_count; i++) {
		const struct vfio_config_rule *rule = &vfio_config_rules[i];

		assert_true(rule->name && rule->name[0]);
		assert_true(rule->reason && rule->reason[0]);
		assert_true(rule->section && rule->section[0]);
		assert_true(rule->size > 0);
		if (rule->space == VFIO_SPACE_HEADER) {
			assert_int_equal(rule->id, 0);
			assert_true(rule->offset + rule->size <= PCI_STD_HEADER_SIZEOF);
		}
		/* Bits are told apart in the first four bytes only. */
		if (rule->keep || rule->writable)
			assert_true(rule->treatment == VFIO_VIRTUAL && rule->size <= 4);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_extended, setup, teardown),
		cmocka_unit_test_setup_teardown(test_standard, setup, teardown),
		cmocka_unit_test(test_complete),
		cmocka_unit_test(test_form),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
