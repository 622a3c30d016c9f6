/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Pieces of JSON that the report's writers share; null is what is not known. */
#ifndef SAWATCH_REPORT_JSON_H
#define SAWATCH_REPORT_JSON_H

#include <jansson.h>
#include <stdint.h>
#include <stdio.h>

#include <sawatch/nsec.h>

/* A JSON string, number, or RFC 3339 time in UTC; null for NULL, RECORD_UNKNOWN, NSEC_NONE. */
json_t *json_of_text(const char *text);
json_t *json_of_number(int64_t number);
json_t *json_of_time(nsec at);

/* A new object with "_v" and "type"; members are added at its end; the line takes it back. */
json_t *json_begin(const char *type);
void json_put(json_t *object, const char *name, json_t *value);
void json_put_line(FILE *out, json_t *object);

#endif
