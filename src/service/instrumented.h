/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A sanitizer asks for more system calls than a wall lets through, and gcov writes its counts
 * beside the sources.
 */
#ifndef SAWATCH_SERVICE_INSTRUMENTED_H
#define SAWATCH_SERVICE_INSTRUMENTED_H

#if defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(memory_sanitizer) || \
	__has_feature(thread_sanitizer)
#define INSTRUMENTED 1
#endif
#endif
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__) || defined(SAWATCH_COVERAGE)
#define INSTRUMENTED 1
#endif
#ifndef INSTRUMENTED
#define INSTRUMENTED 0
#endif

#endif
