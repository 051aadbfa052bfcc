/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef HANDFAST_BASE_CLEANUP_H
#define HANDFAST_BASE_CLEANUP_H

/* Cleanup attributes. A function uses these or goto, not both. */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static inline void cleanup_fd(int *fd)
{
	if (*fd >= 0)
		close(*fd);
}

static inline void cleanup_free(void *pointer)
{
	free(*(void **)pointer);
}

static inline void cleanup_file(FILE **file)
{
	if (*file)
		fclose(*file);
}

static inline void cleanup_dir(DIR **dir)
{
	if (*dir)
		closedir(*dir);
}

#define auto_fd	  __attribute__((cleanup(cleanup_fd)))	 /* int, -1 when not open */
#define auto_free __attribute__((cleanup(cleanup_free))) /* any pointer from malloc */
#define auto_file __attribute__((cleanup(cleanup_file))) /* FILE * */
#define auto_dir  __attribute__((cleanup(cleanup_dir)))	 /* DIR * */

/* Hands a descriptor out of an auto_fd variable. */
static inline int fd_steal(int *fd)
{
	int stolen = *fd;

	*fd = -1;
	return stolen;
}

#endif
