/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The golden set: every frame of pcaps/ and every IKE message in them, reassembled where they came
 * in pieces.
 */
#ifndef SAWATCH_TESTS_FUZZ_GOLDEN_H
#define SAWATCH_TESTS_FUZZ_GOLDEN_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <sawatch/esp.h>
#include <sawatch/reassemble.h>
#include <sawatch/source.h>
#include <sawatch/udp.h>

#include "wire/ike_build.h"

enum { MESSAGES_MAX = 8192, FRAMES_MAX = 65536 };

struct kept {
	uint8_t *bytes;		/* exact size */
	size_t length;
	uint16_t link_type;
};

static struct kept messages[MESSAGES_MAX], frames[FRAMES_MAX];
static size_t n_messages, n_frames, n_captures;
static struct reassembler *reassembler;

static inline struct kept keep(const uint8_t *bytes, size_t length)
{
	struct kept k = { .bytes = malloc(length + (length == 0)), .length = length };

	assert_non_null(k.bytes);
	memcpy(k.bytes, bytes, length);
	return k;
}

static inline void collect_message(const struct packet *p)
{
	struct reader r = p->payload;
	struct udp_header u;

	if (p->protocol != IP_UDP || udp_parse(&r, &u) != VERDICT_OK)
		return;

	enum udp_content what = udp_classify(&u, &r);

	if (what != UDP_IKE && what != UDP_IKE_MARKED)
		return;
	assert_true(n_messages < MESSAGES_MAX);
	assert_int_equal(r.unseen, 0);	/* pcaps/ is captured whole */
	messages[n_messages++] = keep(r.at, r.left);
}

static inline void on_whole(void *user, const struct frame *f, const struct packet *p)
{
	(void)user, (void)f;
	collect_message(p);
}

static inline void on_stream_message(void *user, const struct frame *f, const struct packet *p,
				     uint16_t src_port, uint16_t dst_port, bool is_ike,
				     struct bytes message)
{
	(void)user, (void)f, (void)p, (void)src_port, (void)dst_port;
	assert_true(n_messages < MESSAGES_MAX);
	if (is_ike)
		messages[n_messages++] = keep(message.data, message.length);
}

static inline void collect_frame(const struct frame *f)
{
	struct packet p;

	assert_int_equal(f->captured, f->length);
	assert_true(n_frames < FRAMES_MAX);
	frames[n_frames] = keep(f->data, f->length);
	frames[n_frames++].link_type = f->link_type;
	if (link_decap(f, &p) != LINK_PACKET)
		return;
	if (p.fragment)
		reassemble_fragment(reassembler, f, &p);
	else if (p.protocol == IP_TCP)
		reassemble_segment(reassembler, f, &p);
	else
		collect_message(&p);
}

static inline int collect(void **state)
{
	static const struct reassemble_limits limits = { 0 };
	const struct reassemble_handler whole = { .packet = on_whole,
						  .message = on_stream_message };
	char folder[] = TEST_SOURCE_DIR "/pcaps", *paths[] = { folder }, **list;
	struct err e = { "" };

	(void)state;
	reassembler = reassembler_open(&limits, &whole, &e);
	assert_non_null(reassembler);
	assert_true(source_list(&list, paths, 1, &e));
	for (char **path = list; *path; path++, n_captures++) {
		struct source *s;
		struct frame f[32];
		int n;

		assert_true(source_open(&s, *path, &(struct source_options){ 0 }, &e));
		while ((n = source_read(s, f, 32, &e)) > 0)
			for (int i = 0; i < n; i++)
				collect_frame(&f[i]);
		assert_int_equal(n, 0);
		source_close(s);
	}
	source_list_free(list);
	reassembler_close(reassembler);
	print_message("%zu captures, %zu IKE messages, %zu frames\n", n_captures, n_messages,
		      n_frames);
	return 0;
}

static inline int forget(void **state)
{
	(void)state;
	for (size_t i = 0; i < n_messages; i++)
		free(messages[i].bytes);
	for (size_t i = 0; i < n_frames; i++)
		free(frames[i].bytes);
	return 0;
}

#endif
