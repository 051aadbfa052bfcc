/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "host/journal-priv.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/error.h"
#include "base/sysfs.h"
#include "base/text.h"
#include "host/process-priv.h"
#include "host/progress-priv.h"
#include "host/record-priv.h"

#define HEADING	    "handfast device 1"
#define PATIENCE_MS 1000 /* waiting for a lock that another has, before that is worth a line */
#define LOOK_MS	    100
#define LOCK_WRITES 4 /* as long as this many writes may take, one waits for the lock */
#define HOLDERS	    4

static const char *entry_name(struct bdf bdf, char ret_name[BDF_TEXT_SIZE + 8])
{
	char text[BDF_TEXT_SIZE];

	(void)snprintf(ret_name, BDF_TEXT_SIZE + 8, "%s.device", bdf_format(bdf, text));
	return ret_name;
}

/* Names who has it. */
static int give_up_lock(const struct host *host, const char *path)
{
	struct process holders[HOLDERS];
	size_t count = process_holders(host, path, getpid(), holders, HOLDERS);
	char names[256];

	error_set(EAGAIN, "%s stayed locked for %u s%s%s", path, host->write_ms * LOCK_WRITES / 1000,
		  count ? " by " : "", count ? process_names(holders, count, names, sizeof(names)) : "");
	return error_try("the same command with --wait    (waits for it as long as it takes)");
}

/* Without a deadline where the writes have none either. */
static int wait_for_lock(const struct host *host, const char *path, int fd, FILE *notes)
{
	const struct timespec pause = { .tv_nsec = LOOK_MS * 1000000L };
	const uint64_t started = progress_clock_ms();
	bool said = false;

	while (flock(fd, LOCK_EX | LOCK_NB)) {
		uint64_t waited = progress_clock_ms() - started;

		if (errno != EWOULDBLOCK && errno != EINTR)
			return error_sys(errno, "lock %s", path);
		if (host->write_ms && waited >= (uint64_t)host->write_ms * LOCK_WRITES)
			return give_up_lock(host, path);
		if (notes && !said && waited >= PATIENCE_MS) {
			fprintf(notes, "note: waiting for another bind or unbind (%s is locked)\n", path);
			fflush(notes);
			said = true;
		}
		(void)nanosleep(&pause, NULL);
	}
	return 0;
}

static int make_folder(const char *folder)
{
	char parent[PATH_MAX], *slash;
	int errnum;

	if (mkdir(folder, 0755) == 0 || errno == EEXIST)
		return 0;
	errnum = errno;
	error_sys(errnum, "create the folder %s, where handfast remembers each device's driver", folder);
	slash = text_copy(parent, sizeof(parent), folder) ? strrchr(parent, '/') : NULL;
	if (!slash || slash == parent || errnum == ENOENT || errnum == ENOTDIR)
		return error_try("mkdir -p %s    (as root, on a file system that outlives a reboot)", folder);
	*slash = '\0';
	return record_try_storage(errnum, parent);
}

int journal_lock(const struct host *host, FILE *notes, int *ret_lock)
{
	char path[PATH_MAX];
	struct stat status;
	int fd, error = make_folder(host->state);

	if (error)
		return error;
	/* Whoever can open it, be it only for reading, can keep it locked: nobody but root, then. */
	fd = open(sysfs_path(path, "%s/lock", host->state), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (fd < 0) {
		error = errno;
		error_sys(error, "open %s, where handfast remembers each device's driver", path);
		return record_try_storage(error, host->state);
	}
	if (fstat(fd, &status) == 0 && (status.st_mode & 0077))
		(void)fchmod(fd, 0600);
	error = wait_for_lock(host, path, fd, notes);
	if (error) {
		close(fd);
		return error;
	}
	*ret_lock = fd;
	return 0;
}

int journal_write(const struct host *host, const struct journal_entry *entry)
{
	char name[BDF_TEXT_SIZE + 8], boot[64] = "", user[64] = "", hang[256] = "", text[1024];

	if (entry->boot[0])
		(void)snprintf(boot, sizeof(boot), "boot %s\n", entry->boot);
	if (entry->has_user)
		(void)snprintf(user, sizeof(user), "user %u %u\n", (unsigned)entry->user,
			       (unsigned)entry->owner_before);
	if (entry->hangs)
		(void)snprintf(hang, sizeof(hang), "hang %d %" PRIu64 " %" PRId64 " %s %s\n",
			       (int)entry->hang.writer, entry->hang.started, entry->hang.since,
			       entry->hang.boot, entry->hang.driver);
	(void)snprintf(text, sizeof(text), HEADING "\nid %04x:%04x\ndriver %s\noverride %s\n%s%s%s%send\n",
		       entry->vendor, entry->device, entry->driver, entry->override, boot,
		       entry->origin_unknown ? "origin unknown\n" : "", user, hang);
	return record_put(host->state, entry_name(entry->bdf, name), text);
}

static bool read_id(const char *value, struct journal_entry *entry)
{
	unsigned vendor, device;

	if (sscanf(value, "%4x:%4x", &vendor, &device) != 2)
		return false;
	entry->vendor = (uint16_t)vendor;
	entry->device = (uint16_t)device;
	return true;
}

static bool read_user(const char *value, struct journal_entry *entry)
{
	entry->has_user = sscanf(value, "%u %u", &entry->user, &entry->owner_before) == 2;
	return entry->has_user;
}

static bool read_hang(const char *value, struct journal_entry *entry)
{
	struct journal_hang *hang = &entry->hang;

	entry->hangs = sscanf(value, "%d %" SCNu64 " %" SCNd64 " %39s %63[^\n]", &hang->writer,
			      &hang->started, &hang->since, hang->boot, hang->driver) == 5;
	return entry->hangs;
}

static bool read_field(void *opaque, const char *key, const char *value)
{
	struct journal_entry *entry = opaque;

	if (strcmp(key, "id") == 0)
		return read_id(value, entry);
	if (strcmp(key, "driver") == 0)
		return text_copy(entry->driver, sizeof(entry->driver), value);
	if (strcmp(key, "override") == 0)
		return text_copy(entry->override, sizeof(entry->override), value);
	if (strcmp(key, "origin") == 0)
		return entry->origin_unknown = strcmp(value, "unknown") == 0;
	if (strcmp(key, "boot") == 0)
		return text_copy(entry->boot, sizeof(entry->boot), value);
	if (strcmp(key, "user") == 0)
		return read_user(value, entry);
	if (strcmp(key, "hang") == 0)
		return read_hang(value, entry);
	return false;
}

int journal_read(const struct host *host, struct bdf bdf, struct journal_entry *ret_entry)
{
	struct journal_entry entry = { .bdf = bdf };
	char path[PATH_MAX], name[BDF_TEXT_SIZE + 8];
	int error = record_load(sysfs_path(path, "%s/%s", host->state, entry_name(bdf, name)), HEADING,
				read_field, &entry);

	if (error)
		return error;
	if (!entry.vendor && !entry.device)
		return record_unknown(path);
	*ret_entry = entry;
	return 0;
}

/* What tells this boot from any other. */
static void read_boot(const struct host *host, char *ret_text, size_t size)
{
	char path[PATH_MAX];

	if (sysfs_read_text(sysfs_path(path, "%s/sys/kernel/random/boot_id", host->proc), ret_text, size) ||
	    !ret_text[0])
		(void)text_copy(ret_text, size, "-");
}

static bool is_of_this_boot(const struct host *host, const char *boot)
{
	char now[40];

	read_boot(host, now, sizeof(now));
	return strcmp(boot, now) == 0;
}

void journal_set_boot(const struct host *host, struct journal_entry *entry)
{
	read_boot(host, entry->boot, sizeof(entry->boot));
}

static bool is_of_an_earlier_boot(const struct host *host, const struct journal_entry *entry)
{
	return entry->boot[0] && !is_of_this_boot(host, entry->boot);
}

bool journal_find(const struct host *host, const struct host_device *device, struct journal_entry *ret_entry)
{
	struct journal_entry entry;

	if (journal_read(host, device->bdf, &entry) || entry.vendor != device->vendor ||
	    entry.device != device->device)
		return false;
	if (!entry.driver[0] && is_of_an_earlier_boot(host, &entry))
		entry.origin_unknown = true;
	*ret_entry = entry;
	return true;
}

int journal_remove(const struct host *host, struct bdf bdf)
{
	char name[BDF_TEXT_SIZE + 8];

	return record_drop(host->state, entry_name(bdf, name));
}

/* The process's start; 0 where it is none any more, or has only to be reaped. proc(5): field 22, counted from
 * behind the name, which may hold anything. */
static uint64_t process_started(const struct host *host, pid_t pid)
{
	char path[PATH_MAX], text[1024], state = 'Z';
	const char *behind;
	uint64_t started = 0;

	if (pid <= 0 ||
	    sysfs_read_text(sysfs_path(path, "%s/%d/stat", host->proc, (int)pid), text, sizeof(text)))
		return 0;
	behind = strrchr(text, ')');
	if (!behind ||
	    sscanf(behind + 1,
		   " %c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %*u %*u %*d %*d %*d %*d %*d %*d %" SCNu64,
		   &state, &started) != 2 ||
	    state == 'Z' || state == 'X')
		return 0;
	return started;
}

void journal_set_hang(const struct host *host, struct journal_entry *entry, const char *driver, pid_t writer)
{
	struct journal_hang *hang = &entry->hang;

	entry->hangs = true;
	*hang = (struct journal_hang){ .writer = writer, .since = time(NULL) };
	hang->started = process_started(host, writer);
	read_boot(host, hang->boot, sizeof(hang->boot));
	(void)text_copy(hang->driver, sizeof(hang->driver), driver[0] ? driver : "?");
}

/* Began in this boot: no write outlives one. */
static bool hangs_since_boot(const struct host *host, const struct journal_entry *entry)
{
	return entry->hangs && is_of_this_boot(host, entry->hang.boot);
}

bool journal_hang_lasts(const struct host *host, const struct journal_entry *entry)
{
	return hangs_since_boot(host, entry) && entry->hang.started &&
	       process_started(host, entry->hang.writer) == entry->hang.started;
}

bool journal_in_progress(const struct host *host, const struct host_device *device, char *ret_text,
			 size_t size)
{
	struct journal_entry entry;
	int64_t seconds;
	bool hung;

	if (!journal_find(host, device, &entry))
		return false;
	if (journal_hang_lasts(host, &entry)) {
		seconds = time(NULL) - entry.hang.since;
		(void)snprintf(ret_text, size,
			       "bind or unbind in progress: %s has not come back for %" PRId64
			       " s (process %d is in it)",
			       entry.hang.driver, seconds > 0 ? seconds : 0, (int)entry.hang.writer);
		return true;
	}
	hung = hangs_since_boot(host, &entry);
	if (!hung && (device->driver[0] || entry.origin_unknown || is_of_an_earlier_boot(host, &entry)))
		return false;
	/* It is what it was, as virtual functions that were made anew are; the entry is an old one. */
	if (!hung && !entry.driver[0] && !driver_is_vfio(device->driver_override))
		return false;
	(void)snprintf(ret_text, size, "bind or unbind in progress: it was interrupted halfway");
	return true;
}
