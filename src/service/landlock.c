/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Raw system calls: glibc has no wrappers, and Debian 12's <linux/landlock.h> stops at ABI 2
 * while its kernels go on.  Numbers are those of the kernel's
 * Documentation/userspace-api/landlock.rst.
 */
#include "landlock.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/landlock.h>
#include <stdint.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

/* handled_access_fs; those of <linux/landlock.h>, and from ABI 3 on by number */
enum {
	READ = LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_READ_DIR,
	WRITE = LANDLOCK_ACCESS_FS_WRITE_FILE | LANDLOCK_ACCESS_FS_MAKE_REG |
		LANDLOCK_ACCESS_FS_REMOVE_FILE,
	ABI_1 = (1 << 13) - 1,		/* EXECUTE … MAKE_SYM */
	ABI_2_REFER = 1 << 13,
	ABI_3_TRUNCATE = 1 << 14,
	ABI_5_IOCTL_DEV = 1 << 15,
	ABI_4_TCP = 3,			/* handled_access_net: bind, connect */
	ABI_6_SCOPES = 3,		/* scoped: abstract unix sockets, signals of others */
};

/* As of ABI 6; an older kernel accepts the longer one when what it does not know is zero. */
struct ruleset {
	uint64_t handled_access_fs;
	uint64_t handled_access_net;
	uint64_t scoped;
};

int landlock_abi(void)
{
	long abi = syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION);

	return abi > 0 ? (int)abi : 0;
}

static struct ruleset everything(int abi, bool network)
{
	return (struct ruleset){
		.handled_access_fs = ABI_1 | (abi >= 2 ? ABI_2_REFER : 0u) |
				     (abi >= 3 ? ABI_3_TRUNCATE : 0u) |
				     (abi >= 5 ? ABI_5_IOCTL_DEV : 0u),
		.handled_access_net = abi >= 4 && !network ? ABI_4_TCP : 0,
		.scoped = abi >= 6 ? ABI_6_SCOPES : 0,
	};
}

static bool permit(int ruleset, const struct ruleset *handled, const struct sandbox_folder *folder,
		   struct err *e)
{
	struct landlock_path_beneath_attr rule = {
		.allowed_access = (READ | (folder->writable ? WRITE |
				  ABI_3_TRUNCATE : 0u)) & handled->handled_access_fs,
		.parent_fd = open(folder->path, O_PATH | O_DIRECTORY | O_CLOEXEC),
	};
	bool ok;

	if (rule.parent_fd < 0)
		return true;
	ok = syscall(SYS_landlock_add_rule, ruleset, LANDLOCK_RULE_PATH_BENEATH, &rule, 0) == 0 ||
	     err_set(e, "sandbox: %s: no rule can be made for it: %s", folder->path,
		     strerror(errno));
	close(rule.parent_fd);
	return ok;
}

bool landlock_confine(int abi, const struct sandbox_folder *folders, size_t n, bool network,
		      struct err *e)
{
	struct ruleset handled = everything(abi, network);
	int ruleset = (int)syscall(SYS_landlock_create_ruleset, &handled, sizeof(handled), 0);
	bool ok = ruleset >= 0;

	if (!ok)
		return err_set(e, "sandbox: Landlock (ABI %d) does not answer: %s", abi,
			       strerror(errno));
	for (size_t i = 0; ok && i < n; i++)
		ok = permit(ruleset, &handled, &folders[i], e);
	if (ok && syscall(SYS_landlock_restrict_self, ruleset, 0) != 0)
		ok = err_set(e, "sandbox: files cannot be confined: %s", strerror(errno));
	close(ruleset);
	return ok;
}
