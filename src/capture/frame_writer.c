/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <sawatch/source.h>

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
	WRITER_BUFFER = 256 * 1024,
	WRITER_SNAP_LENGTH = 262144,	/* readers refuse records that are longer */
};

#define MAGIC_NANOSECONDS 0xa1b23c4du

struct frame_writer {
	FILE *file;
	char *name;
	uint16_t link_type;
	bool failed;
	struct err failure;	/* the first; repeated by every later call */
	char buffer[WRITER_BUFFER];
};

/* Classic pcap in the byte order of this machine; the magic number tells which. */
struct file_header {
	uint32_t magic;
	uint16_t major, minor;
	uint32_t zone, accuracy, snap_length, link_type;
};

struct record_header {
	uint32_t seconds, nanoseconds, captured, length;
};

static bool cannot_write(struct frame_writer *w, struct err *e)
{
	if (!w->failed)
		err_set(&w->failure, "%s: cannot be written: %s; what it holds is not complete",
			w->name, strerror(errno));
	w->failed = true;
	return err_set(e, "%s", w->failure.text);
}

bool frame_writer_open(struct frame_writer **ret, const char *path, uint16_t link_type,
		       struct err *e)
{
	struct file_header header = {
		MAGIC_NANOSECONDS, 2, 4, 0, 0, WRITER_SNAP_LENGTH, link_type,
	};
	struct frame_writer *w = calloc(1, sizeof(*w));
	bool standard_output = strcmp(path, "-") == 0;

	*ret = NULL;
	if (!w || !(w->name = strdup(standard_output ? "standard output" : path))) {
		free(w);
		return err_set(e, "%s: no memory", path);
	}
	w->link_type = link_type;
	w->file = standard_output ? stdout : fopen(path, "we");
	if (!w->file) {
		err_set(e, "%s: cannot be written: %s", w->name, strerror(errno));
		goto out;
	}
	if (!standard_output)	/* which is flushed once more at exit, when the buffer is gone */
		setvbuf(w->file, w->buffer, _IOFBF, sizeof(w->buffer));
	if (fwrite(&header, sizeof(header), 1, w->file) != 1) {
		cannot_write(w, e);
		goto out;
	}
	*ret = w;
	return true;
out:
	frame_writer_close(w, NULL);
	return false;
}

/* A pcap holds the years 1970 to 2106; times outside become the nearest one. */
static void set_time(struct record_header *record, nsec at)
{
	if (at < 0)
		at = 0;
	if (at / NSEC_PER_S > UINT32_MAX)
		at = UINT32_MAX * NSEC_PER_S + NSEC_PER_S - 1;
	record->seconds = (uint32_t)(at / NSEC_PER_S);
	record->nanoseconds = (uint32_t)(at % NSEC_PER_S);
}

bool frame_writer_write(struct frame_writer *w, const struct frame *f, struct err *e)
{
	uint32_t captured = f->captured < WRITER_SNAP_LENGTH ? f->captured : WRITER_SNAP_LENGTH;
	struct record_header record = { .captured = captured, .length = f->length };

	if (w->failed)
		return cannot_write(w, e);
	if (f->link_type != w->link_type)
		return err_set(e, "%s: frame %" PRIu64 " has link type %u, a pcap has only one, "
				  "here %u; save one at a time",
			       w->name, f->number, f->link_type, w->link_type);
	set_time(&record, f->at);
	if (fwrite(&record, sizeof(record), 1, w->file) != 1 ||
	    (captured > 0 && fwrite(f->data, captured, 1, w->file) != 1))
		return cannot_write(w, e);
	return true;
}

bool frame_writer_flush(struct frame_writer *w, struct err *e)
{
	return !w->failed && fflush(w->file) == 0 ? true : cannot_write(w, e);
}

bool frame_writer_close(struct frame_writer *w, struct err *e)
{
	bool ok = true;

	if (!w)
		return true;
	if (w->file && fflush(w->file) != 0)
		ok = cannot_write(w, e);
	if (w->file && w->file != stdout && fclose(w->file) != 0)
		ok = cannot_write(w, e);
	if (w->failed)
		ok = cannot_write(w, e);
	free(w->name);
	free(w);
	return ok;
}
