/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * SQLite's way to the disk, of which one call fails, once: the call with a
 * given number among all reads, writes, syncs, truncations, openings, deletions
 * and questions about files.
 */
#ifndef SAWATCH_FAULTY_VFS_H
#define SAWATCH_FAULTY_VFS_H

#include <stdatomic.h>
#include <string.h>

#include <sqlite3.h>

static struct {
	sqlite3_vfs vfs, *real;
	atomic_int calls;	/* so far */
	atomic_int fail_at;	/* number of the call that fails; 0 none */
	int code;		/* with what, when it can fail with that */
	atomic_bool failed;
} faulty;

struct faulty_file {
	sqlite3_file base;
	sqlite3_file *real;	/* behind this struct */
};

static int faulty_call(int code)
{
	int number = atomic_fetch_add(&faulty.calls, 1) + 1;

	if (number != atomic_load(&faulty.fail_at))
		return SQLITE_OK;
	atomic_store(&faulty.failed, true);
	return code;
}

#define REAL(file) (((struct faulty_file *)(file))->real)

static int faulty_close(sqlite3_file *f)
{
	return REAL(f)->pMethods ? REAL(f)->pMethods->xClose(REAL(f)) : SQLITE_OK;
}

static int faulty_read(sqlite3_file *f, void *to, int n, sqlite3_int64 at)
{
	int rc = faulty_call(SQLITE_IOERR_READ);

	return rc ? rc : REAL(f)->pMethods->xRead(REAL(f), to, n, at);
}

static int faulty_write(sqlite3_file *f, const void *from, int n, sqlite3_int64 at)
{
	int rc = faulty_call(faulty.code == SQLITE_FULL ? SQLITE_FULL : SQLITE_IOERR_WRITE);

	return rc ? rc : REAL(f)->pMethods->xWrite(REAL(f), from, n, at);
}

static int faulty_truncate(sqlite3_file *f, sqlite3_int64 size)
{
	int rc = faulty_call(SQLITE_IOERR_TRUNCATE);

	return rc ? rc : REAL(f)->pMethods->xTruncate(REAL(f), size);
}

static int faulty_sync(sqlite3_file *f, int flags)
{
	int rc = faulty_call(faulty.code == SQLITE_FULL ? SQLITE_FULL : SQLITE_IOERR_FSYNC);

	return rc ? rc : REAL(f)->pMethods->xSync(REAL(f), flags);
}

static int faulty_size(sqlite3_file *f, sqlite3_int64 *ret)
{
	int rc = faulty_call(SQLITE_IOERR_FSTAT);

	return rc ? rc : REAL(f)->pMethods->xFileSize(REAL(f), ret);
}

static int faulty_lock(sqlite3_file *f, int level)
{
	int rc = faulty_call(SQLITE_IOERR_LOCK);

	return rc ? rc : REAL(f)->pMethods->xLock(REAL(f), level);
}

static int faulty_unlock(sqlite3_file *f, int level)
{
	return REAL(f)->pMethods->xUnlock(REAL(f), level);
}

static int faulty_reserved(sqlite3_file *f, int *ret)
{
	return REAL(f)->pMethods->xCheckReservedLock(REAL(f), ret);
}

static int faulty_control(sqlite3_file *f, int what, void *with)
{
	return REAL(f)->pMethods->xFileControl(REAL(f), what, with);
}

static int faulty_sector(sqlite3_file *f)
{
	return REAL(f)->pMethods->xSectorSize(REAL(f));
}

static int faulty_device(sqlite3_file *f)
{
	return REAL(f)->pMethods->xDeviceCharacteristics(REAL(f));
}

static int faulty_shm_map(sqlite3_file *f, int region, int size, int extend, void volatile **ret)
{
	int rc = faulty_call(SQLITE_IOERR_SHMMAP);

	return rc ? rc : REAL(f)->pMethods->xShmMap(REAL(f), region, size, extend, ret);
}

static int faulty_shm_lock(sqlite3_file *f, int offset, int n, int flags)
{
	return REAL(f)->pMethods->xShmLock(REAL(f), offset, n, flags);
}

static void faulty_shm_barrier(sqlite3_file *f)
{
	REAL(f)->pMethods->xShmBarrier(REAL(f));
}

static int faulty_shm_unmap(sqlite3_file *f, int delete)
{
	return REAL(f)->pMethods->xShmUnmap(REAL(f), delete);
}

static const sqlite3_io_methods faulty_methods = {
	.iVersion = 2, .xClose = faulty_close, .xRead = faulty_read, .xWrite = faulty_write,
	.xTruncate = faulty_truncate, .xSync = faulty_sync, .xFileSize = faulty_size,
	.xLock = faulty_lock,
	.xUnlock = faulty_unlock, .xCheckReservedLock = faulty_reserved,
	.xFileControl = faulty_control,
	.xSectorSize = faulty_sector, .xDeviceCharacteristics = faulty_device,
	.xShmMap = faulty_shm_map,
	.xShmLock = faulty_shm_lock, .xShmBarrier = faulty_shm_barrier,
	.xShmUnmap = faulty_shm_unmap,
};

static int faulty_open(sqlite3_vfs *v, sqlite3_filename name, sqlite3_file *f, int flags,
		       int *ret_flags)
{
	struct faulty_file *file = (struct faulty_file *)f;
	int rc;

	(void)v;
	*file = (struct faulty_file){ .real = (sqlite3_file *)(void *)(file + 1) };
	rc = faulty_call(SQLITE_CANTOPEN);
	if (rc == SQLITE_OK)
		rc = faulty.real->xOpen(faulty.real, name, file->real, flags, ret_flags);
	if (rc == SQLITE_OK)
		file->base.pMethods = &faulty_methods;
	return rc;
}

static int faulty_delete(sqlite3_vfs *v, const char *name, int sync)
{
	int rc = faulty_call(SQLITE_IOERR_DELETE);

	(void)v;
	return rc ? rc : faulty.real->xDelete(faulty.real, name, sync);
}

static int faulty_access(sqlite3_vfs *v, const char *name, int flags, int *ret)
{
	int rc = faulty_call(SQLITE_IOERR_ACCESS);

	(void)v;
	return rc ? rc : faulty.real->xAccess(faulty.real, name, flags, ret);
}

/* From now on every database goes through it. */
static inline void faulty_vfs_begin(void)
{
	faulty.real = sqlite3_vfs_find(NULL);
	faulty.vfs = *faulty.real;
	faulty.vfs.zName = "faulty";
	faulty.vfs.szOsFile = (int)sizeof(struct faulty_file) + faulty.real->szOsFile;
	faulty.vfs.xOpen = faulty_open;
	faulty.vfs.xDelete = faulty_delete;
	faulty.vfs.xAccess = faulty_access;
	sqlite3_vfs_register(&faulty.vfs, 1);
}

/* Call number `n` from here on fails with something like `code`; 0: none does. */
static inline void faulty_vfs_fail(int n, int code)
{
	atomic_store(&faulty.calls, 0);
	atomic_store(&faulty.failed, false);
	faulty.code = code;
	atomic_store(&faulty.fail_at, n);
}

#endif
