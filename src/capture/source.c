/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <sawatch/source.h>

#include <assert.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <sawatch/text.h>

#include "source_parts.h"

static int broken(const struct source *s, const char *how, const char *why, struct err *e)
{
	const struct stream *st = &s->stream;
	int64_t at = stream_offset(st);
	struct err place;

	if (at == 0)
		err_set(&place, "its header");
	else
		err_set(&place, "frame %" PRIu64, s->info.frames + 1);
	err_set(e, "%s: %s at byte %" PRId64 "%s, in %s: %s; %s", st->name, how, at,
		st->compression ? " of the unpacked data" : "", place.text, why,
		s->info.frames ? "the frames before it were read" : "no frame could be read");
	return -1;
}

int source_cut(const struct source *s, size_t needed, struct err *e)
{
	const struct stream *st = &s->stream;
	struct err why;

	if (st->stopped || st->waits)	/* a stop may look like a cut to the decompression */
		return 0;
	if (st->failed)
		return broken(s, "broken", st->failure.text, e);
	if (st->left == 0)
		return 0;
	err_set(&why, "%zu of %zu bytes are there", st->left, needed);
	return broken(s, "cut off", why.text, e);
}

int source_damaged(const struct source *s, struct err *e, const char *why, ...)
{
	struct err reason;
	va_list arguments;

	va_start(arguments, why);
	vsnprintf(reason.text, sizeof(reason.text), why, arguments);
	va_end(arguments);
	return broken(s, "damaged", reason.text, e);
}

bool source_filter_for(struct source *s, uint16_t link_type, bool swapped,
		       const struct frame_filter **ret, struct err *e)
{
	struct err why;

	*ret = NULL;
	if (!s->filter_text)
		return true;
	*ret = frame_filter_find(s->filters, link_type, swapped);
	if (*ret)
		return true;
	if (!frame_filter_add(&s->filters, s->filter_text, link_type, swapped, &why))
		return err_set(e, "%s: %s", s->stream.name, why.text);
	*ret = s->filters;
	return true;
}

bool source_refuse_link_type(const struct source *s, uint32_t link_type, struct err *e)
{
	char supported[256];
	struct text t = TEXT_IN(supported);
	const char *name = link_type <= UINT16_MAX ? link_type_name((uint16_t)link_type) : NULL;

	for (uint16_t type = 0; type < 512; type++)	/* the registry ends near 300 */
		if (link_type_supported(type) && link_type_name(type) && type != LINK_RAW_BSD &&
		    type != LINK_RAW_OPENBSD)
			text_add(&t, "%s%s", t.used ? ", " : "", link_type_name(type));
	return err_set(e, "%s: link type %u%s%s%s is not supported; supported are %s",
		       s->stream.name, link_type, name ? " (" : "", name ? name : "",
		       name ? ")" : "", supported);
}

/* The first bytes decide what reads the rest. */
static bool recognise(struct source *s, bool *ret_foreign, struct err *e)
{
	struct stream *st = &s->stream;
	enum { ENOUGH_FOR_A_DESCRIPTION = 512 };

	stream_need(st, st->regular ? ENOUGH_FOR_A_DESCRIPTION : 12);
	if (pcap_file_recognise(st->at, st->left))
		return pcap_file_begin(s, e);
	if (pcapng_file_recognise(st->at, st->left))
		return pcapng_file_begin(s, e);
	if (st->left == 0 && st->failed)
		return err_set(e, "%s: %s", st->name, st->failure.text);
	*ret_foreign = true;

	const char *packing = st->compression;

	if (st->left == 0)
		return err_set(e, "%s: is empty%s; nothing was captured, or not written yet",
			       st->name, packing ? " after decompression" : "");
	return err_set(e, "%s: is not a capture%s%s: %s", st->name, packing ? " packed with " : "",
		       packing ? packing : "", foreign_file_description(st->at, st->left));
}

static enum stream_use use_of(const struct source_options *o)
{
	return o && o->grows     ? STREAM_GROWS
	       : o && o->no_mmap ? STREAM_READ
				 : STREAM_MAPPED_IF_POSSIBLE;
}

bool source_open_or_tell(struct source **ret, const char *path, const struct source_options *o,
			 bool *ret_foreign, struct err *e)
{
	struct source *s = calloc(1, sizeof(*s));

	*ret = NULL;
	*ret_foreign = false;
	if (!s)
		return err_set(e, "%s: no memory", path);
	s->stream.fd = -1;
	s->info.first_at = NSEC_NONE;
	s->pcapng.dropped = -1;
	s->path = strdup(path);
	if (o && o->filter && o->filter[0] != '\0')
		s->filter_text = strdup(o->filter);
	if (!s->path || (o && o->filter && o->filter[0] != '\0' && !s->filter_text)) {
		err_set(e, "%s: no memory", path);
		goto out;
	}
	if (!stream_open(&s->stream, s->path, use_of(o), o ? o->stop : NULL, e) ||
	    !recognise(s, ret_foreign, e)) {
		if (s->stream.stopped)
			err_set(e, "%s: interrupted before its first bytes came", s->stream.name);
		goto out;
	}
	s->stream.behind = o ? o->behind : 0;
	*ret = s;
	s = NULL;
out:
	source_close(s);
	return *ret != NULL;
}

bool source_open(struct source **ret, const char *path, const struct source_options *o,
		 struct err *e)
{
	bool foreign;

	return source_open_or_tell(ret, path, o, &foreign, e);
}

static int read_file(void *source, struct frame *ret, size_t max, struct err *e)
{
	struct source *s = source;

	return s->read(s, ret, max, e);
}

int source_read(struct source *s, struct frame *ret, size_t max, struct err *e)
{
	assert(max > 0);
	if (s->ended)
		return 0;

	int n = time_order_read(&s->order, read_file, s, ret, max, e);

	s->ended = n < 0 || (n == 0 && !s->stream.waits);
	if (s->stream.waits)
		s->order.ended = false;		/* what it held back was given; more may come */
	return n;
}

bool source_waits(const struct source *s)
{
	return !s->ended && s->stream.waits;
}

bool source_keeps(const struct source *s)
{
	return s->stream.map && !s->order.sorting;
}

bool source_fetch(struct source *s)
{
	return !s->ended && stream_fetch(&s->stream);
}

bool source_passed(struct source *s, struct source_passed *ret)
{
	return stream_passed(&s->stream, ret);
}

void source_release(const struct source_passed *p)
{
	stream_release(p);
}

void source_set_capture(struct source *s, uint32_t capture)
{
	s->capture = capture;
}

void source_info(const struct source *s, struct source_info *ret)
{
	*ret = s->info;
	ret->name = s->path;
	ret->compression = s->stream.compression;
	ret->size_bytes = s->stream.size_bytes;
	ret->read_bytes = stream_read_bytes(&s->stream);
	ret->dropped = pcapng_file_dropped(&s->pcapng);
	stream_fingerprint(&s->stream, ret->fingerprint);
}

void source_close(struct source *s)
{
	if (!s)
		return;
	time_order_done(&s->order);
	pcapng_file_end(&s->pcapng);
	frame_filter_free(s->filters);
	stream_close(&s->stream);
	free(s->filter_text);
	free(s->path);
	free(s);
}
