/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Settings that are words, not numbers: where a monitor's news goes.  The core knows nothing of
 * them, so they are not in its table; the configuration file and --set take both kinds alike.
 */
#ifndef SAWATCH_CLI_TEXT_SETTINGS_H
#define SAWATCH_CLI_TEXT_SETTINGS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include <sawatch/err.h>

/* X("key", field, "example", "help") */
#define TEXT_SETTINGS(X) \
	X("output.syslog", syslog, "tcp://192.0.2.9:601", \
	  "alerts and tunnel states as syslog (RFC 5424): " \
	  "unix, unix:/PATH, udp://HOST:PORT, tcp://HOST:PORT") \
	X("output.metrics_file", metrics_file, "/var/lib/prometheus/node-exporter/sawatch.prom", \
	  "metrics for node_exporter's textfile collector") \
	X("output.metrics_listen", metrics_listen, "127.0.0.1:9750", \
		"metrics over HTTP at /metrics") \
	X("output.on_alert", on_alert, "/usr/local/bin/page-someone", \
	  "command for every alert of severity warning or critical, run by /bin/sh -c, " \
	  "the alert as JSON on its input")

#define SAWATCH_TEXT_SETTING_FIELD(key, field, example, help) char *field;
struct text_settings { TEXT_SETTINGS(SAWATCH_TEXT_SETTING_FIELD) };	/* owned; NULL: not set */

/* Is this key, or its section, one of words? */
bool text_settings_knows(const char *key);

/* An empty value unsets.  False with the reason. */
bool text_settings_set(struct text_settings *s, const char *key, const char *value, struct err *e);

/* What is set in `from` goes to `to`; both own their own. */
void text_settings_take(struct text_settings *to, const struct text_settings *from);
/*
 * The key of a setting that differs, from the *row-th on; NULL: no other one does.  *row is 0 at
 * first.
 */
const char *text_settings_difference(const struct text_settings *a, const struct text_settings *b,
				     size_t *row);
void text_settings_print(FILE *out, const struct text_settings *s);
void text_settings_done(struct text_settings *s);

#endif
