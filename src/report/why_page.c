/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The log lines of a condition's page, src/detect/<code>.md. */
#include <string.h>

#include <sawatch/text.h>

#include "report/why.h"

#define HEADING "\nThe line to look for on the box:"
#define BULLET "- **"
#define PREFIX "in its log: "

/* One bullet, its lines joined; returns where it ends. */
static const char *bullet_text(const char *at, struct text *to)
{
	while (*at) {
		size_t length = strcspn(at, "\n");

		text_add(to, "%s%.*s", to->used ? " " : "", (int)length, at);
		at += length + (at[length] == '\n');
		if (strncmp(at, "  ", 2) != 0)
			break;
		at += strspn(at, " ");
	}
	return at;
}

void why_page_log_lines(const char *page,
			void (*line)(void *user, const char *vendor, const char *text), void *user)
{
	const char *at = page ? strstr(page, HEADING) : NULL;

	if (!at)
		return;
	at += strlen(HEADING);
	at += strspn(at, "\n");
	while (strncmp(at, BULLET, strlen(BULLET)) == 0) {
		char buffer[1024];
		struct text text = TEXT_IN(buffer);

		at = bullet_text(at + strlen(BULLET), &text);

		char *end = strstr(buffer, "**: ");

		if (!end)
			continue;
		*end = '\0';
		end += strlen("**: ");
		if (strncmp(end, PREFIX, strlen(PREFIX)) == 0)
			end += strlen(PREFIX);
		line(user, buffer, end);
	}
}
