/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Preloaded: the allocation of number NO_MEMORY_AT fails (from it on all of
 * them, with NO_MEMORY_FOREVER set).  Without it they are only counted, into
 * the file NO_MEMORY_COUNT.  Frees are real; glibc's own entry points do the
 * work, so nothing has to be looked up before the first call.  libseccomp's own
 * allocations are let be: without memory it loops, dies, or makes a filter with
 * holes in it and says nothing (2.5.4), and then the kernel ends the program at
 * its next call.  So are those that glibc 2.36 makes in getpwnam(): it reads
 * through the pointer that it did not get.  With NO_MEMORY_SECCOMP set only
 * those of libseccomp are counted, and fail.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <link.h>
#include <pwd.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#pragma GCC visibility push(default)

extern void *__libc_malloc(size_t n);
extern void *__libc_calloc(size_t n, size_t size);
extern void *__libc_realloc(void *p, size_t n);
extern void *__libc_memalign(size_t alignment, size_t n);

static atomic_ulong count;
static unsigned long at;
static bool forever, only_seccomp;
static _Thread_local bool in_getpwnam;
static int report = -1;		/* open from the start: a sandbox may stand later */

/*
 * The scanner of pcap_compile(), its state: libpcap 1.10.3 goes on without it and dies, whoever
 * calls it.
 */
enum { PCAP_SCANNER = 152 };

struct code {
	uintptr_t begin, end;
};

static struct code seccomp, pcap;	/* where they lie */

static int look(struct dl_phdr_info *object, size_t size, void *user)
{
	(void)size;
	(void)user;

	struct code *ret = strstr(object->dlpi_name, "libseccomp") ? &seccomp
			 : strstr(object->dlpi_name, "libpcap")	   ? &pcap
								   : NULL;

	for (int i = 0; ret && i < object->dlpi_phnum; i++) {
		const ElfW(Phdr) *part = &object->dlpi_phdr[i];

		if (part->p_type == PT_LOAD && (part->p_flags & PF_X)) {
			ret->begin = object->dlpi_addr + part->p_vaddr;
			ret->end = ret->begin + part->p_memsz;
		}
	}
	return 0;
}

static bool within(const struct code *code, const void *caller)
{
	return (uintptr_t)caller >= code->begin && (uintptr_t)caller < code->end;
}

static __attribute__((constructor)) void begin(void)
{
	const char *text = getenv("NO_MEMORY_AT"), *path = getenv("NO_MEMORY_COUNT");

	dl_iterate_phdr(look, NULL);

	if (path)
		report = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
	forever = getenv("NO_MEMORY_FOREVER") != NULL;
	only_seccomp = getenv("NO_MEMORY_SECCOMP") != NULL;
	count = 0;
	at = text ? strtoul(text, NULL, 10) : 0;
}

static __attribute__((destructor)) void end(void)
{
	unsigned long n = count;
	char text[24];
	size_t i = sizeof text;

	do
		text[--i] = (char)('0' + n % 10);
	while ((n /= 10) > 0);
	if (report >= 0 && write(report, text + i, sizeof text - i) > 0)
		close(report);
}

static bool fails(const void *caller)
{
	unsigned long n;

	if (in_getpwnam || within(&seccomp, caller) != only_seccomp)
		return false;
	n = ++count;

	if (at == 0 || (forever ? n < at : n != at))
		return false;
	errno = ENOMEM;
	return true;
}

void *malloc(size_t n)
{
	return fails(__builtin_return_address(0)) ? NULL : __libc_malloc(n);
}

void *calloc(size_t n, size_t size)
{
	const void *caller = __builtin_return_address(0);

	if (n == PCAP_SCANNER && size == 1 && within(&pcap, caller))
		return __libc_calloc(n, size);
	return fails(caller) ? NULL : __libc_calloc(n, size);
}

void *realloc(void *p, size_t n)
{
	return fails(__builtin_return_address(0)) ? NULL : __libc_realloc(p, n);
}

void *memalign(size_t alignment, size_t n)
{
	return fails(__builtin_return_address(0)) ? NULL : __libc_memalign(alignment, n);
}

void *aligned_alloc(size_t alignment, size_t n)
{
	return fails(__builtin_return_address(0)) ? NULL : __libc_memalign(alignment, n);
}

int posix_memalign(void **ret, size_t alignment, size_t n)
{
	void *p = fails(__builtin_return_address(0)) ? NULL : __libc_memalign(alignment, n);

	if (!p)
		return ENOMEM;
	*ret = p;
	return 0;
}

struct passwd *getpwnam(const char *name)
{
	struct passwd *(*real)(const char *) =
		(struct passwd * (*)(const char *)) dlsym(RTLD_NEXT, "getpwnam");
	struct passwd *ret;

	in_getpwnam = true;
	ret = real ? real(name) : NULL;
	in_getpwnam = false;
	return ret;
}

#pragma GCC visibility pop
