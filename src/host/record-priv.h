/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef HANDFAST_HOST_RECORD_PRIV_H
#define HANDFAST_HOST_RECORD_PRIV_H

/*
 * Files of a few lines that outlive a crash: a heading, then lines of a word, a blank and the rest, the last
 * one "end". The journal's entries and the records of --persist are such files.
 */
#include <stdbool.h>

/* Adds to this thread's error record, about a write below folder, what helps. Returns -errnum. */
int record_try_storage(int errnum, const char *folder);

/* Synced and renamed into place, and removed so that it lasts; what is not there is removed already. */
int record_put(const char *folder, const char *name, const char *text);
int record_drop(const char *folder, const char *name);

/* One line; false: it is none of ours. */
typedef bool record_field(void *opaque, const char *key, const char *value);

/* -ENOENT: there is none. -EBADMSG: it is not what handfast wrote. */
int record_load(const char *path, const char *heading, record_field *field, void *opaque);

/* Records that the file at path is not what handfast wrote. Returns -EBADMSG. */
int record_unknown(const char *path);

#endif
