/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Entries of domain lists.
 *
 * Nearly all entries of a large list are plain: letters, digits, hyphens, underscores and dots. They take one
 * pass without an allocation. What is not plain is an IDN or a mistake, and the mistake gets the sentence that
 * belongs to it: people paste URLs, addresses with ports, and globs.
 */
#include "pattern.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "idn.h"
#include "postern/addr.h"
#include "suffix.h"

#define TEXT_MAX 1024 /* longer entries are cut in complaints, and are no names anyway */

/* What each byte of a plain name becomes; 0: not plain. */
static uint8_t plain(uint8_t c)
{
	if (c >= 'A' && c <= 'Z')
		return (uint8_t)(c + 32);
	if ((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_')
		return c;
	return 0;
}

/* A label that only the slow way may judge: one of an IDN, or a last one of digits (an address?). */
static bool suspicious(const struct dns_name *n, size_t start, bool last)
{
	size_t len = n->wire[start];
	const uint8_t *label = n->wire + start + 1;

	if (len >= 4 && label[2] == '-' && label[3] == '-')
		return true;
	return last && label[len - 1] >= '0' && label[len - 1] <= '9';
}

static bool parse_plain(const char *text, size_t len, struct dns_name *n)
{
	size_t start = 0, pos = 1;

	if (len > 0 && text[len - 1] == '.')
		len--;
	if (len == 0 || len > DNS_NAME_MAX - 2)
		return false;
	for (size_t i = 0; i <= len; i++) {
		uint8_t c = i < len ? plain((uint8_t)text[i]) : '.';

		if (c && i < len) {
			n->wire[pos++] = c;
			continue;
		}
		if ((i < len && text[i] != '.') || pos - start - 1 == 0 || pos - start - 1 > DNS_LABEL_MAX)
			return false;
		n->wire[start] = (uint8_t)(pos - start - 1);
		if (suspicious(n, start, i == len))
			return false;
		start = pos++;
	}
	n->wire[start] = 0;
	n->len = (uint8_t)(start + 1);
	return true;
}

static bool is_address(const char *text)
{
	struct prefix p;
	struct addr a;

	return addr_parse(text, &a) == 0 || prefix_parse(text, &p) == 0;
}

static bool looks_like_v4(const char *text)
{
	return strspn(text, "0123456789.") == strlen(text);
}

/* The sentence for a text that is no name; NULL where none of the usual mistakes is in it. */
static const char *usual_mistake(const char *text, char c[static COMPLAINT_MAX])
{
	const char *scheme = strstr(text, "://"), *colon = strchr(text, ':'), *slash = strchr(text, '/');

	if (scheme)
		snprintf(c, COMPLAINT_MAX, "\"%.200s\" is a URL: write only the host name, \"%.*s\"", text,
			(int)strcspn(scheme + 3, "/:"), scheme + 3);
	else if (is_address(text))
		snprintf(c, COMPLAINT_MAX, "\"%.200s\" is an address: domains are names; write addresses as `to` of an egress rule", text);
	else if (slash)
		snprintf(c, COMPLAINT_MAX, "\"%.200s\" has a slash: write only the host name, \"%.*s\"", text, (int)(slash - text), text);
	else if (colon && colon[1] && strspn(colon + 1, "0123456789") == strlen(colon + 1))
		snprintf(c, COMPLAINT_MAX, "\"%.200s\" has a port: write \"%.*s\" here, and \"tcp%s%s\" into `ports` of the rule", text,
			(int)(colon - text), text, "/", colon + 1);
	else if (strpbrk(text, " \t"))
		snprintf(c, COMPLAINT_MAX, "\"%.200s\" has a space: write one name without spaces", text);
	else if (strchr(text, ','))
		snprintf(c, COMPLAINT_MAX, "\"%.200s\" has a comma: write each name by itself", text);
	else if (strchr(text, '@'))
		snprintf(c, COMPLAINT_MAX, "\"%.200s\" has an @: write the host name only (\"@list\" stands in `domains` of a rule)", text);
	else if (strncmp(text, "*.", 2) == 0 && strchr(text + 2, '*'))
		snprintf(c, COMPLAINT_MAX, "\"%.200s\" has more than one \"*\": it stands once, for the first label: \"*.example.com\"", text);
	else if (strchr(text, '*') && (strncmp(text, "*.", 2) != 0 || !text[2]))
		snprintf(c, COMPLAINT_MAX, "\"%.200s\": \"*\" stands for whole labels at the start only: write \"*.example.com\"", text);
	else if (text[0] == '.')
		snprintf(c, COMPLAINT_MAX, "\"%.200s\" begins with a dot: write \"*%.200s\" for the names below, \"%.200s\" for the name itself",
			text, text, text + 1);
	else if (strstr(text, ".."))
		snprintf(c, COMPLAINT_MAX, "\"%.200s\" has an empty label: remove one of the dots", text);
	else if (looks_like_v4(text))
		snprintf(c, COMPLAINT_MAX, "\"%.200s\" is no name and no address: correct it", text);
	else
		return NULL;
	return c;
}

static void complain_lengths(const char *text, char c[static COMPLAINT_MAX])
{
	size_t len = strlen(text);

	for (const char *p = text; *p;) {
		size_t label = strcspn(p, ".");

		if (label > DNS_LABEL_MAX) {
			snprintf(c, COMPLAINT_MAX, "\"%.80s...\" has a label of %zu bytes: at most %d are possible", text, label,
				DNS_LABEL_MAX);
			return;
		}
		p += label + (p[label] == '.');
	}
	if (len > DNS_NAME_MAX - 2)
		snprintf(c, COMPLAINT_MAX, "\"%.80s...\" has %zu bytes: a name has at most %d", text, len, DNS_NAME_MAX - 2);
	else
		snprintf(c, COMPLAINT_MAX, "\"%.200s\" has a character that no host name has: letters, digits, \"-\", \"_\" and "
			"\".\" are possible", text);
}

/* The lower-case wire form of what idn_to_ascii() returned; labels of "xn--" are checked by it. */
static bool from_ascii(const char *ascii, struct dns_name *ret_name)
{
	for (const char *p = ascii; *p; p++)
		if (*p != '.' && !plain((uint8_t)*p))
			return false;
	if (dns_name_from_text(ascii, ret_name) < 0)
		return false;
	dns_name_lower(ret_name);
	return true;
}

static bool last_label_numeric(const char *text)
{
	size_t n = strlen(text);

	while (n && text[n - 1] == '.')
		n--;
	while (n && text[n - 1] >= '0' && text[n - 1] <= '9')
		n--;
	return n == 0 || text[n - 1] == '.';
}

static bool parse_slow(const char *text, struct dns_name *ret_name, char complaint[static COMPLAINT_MAX])
{
	char ascii[IDN_TEXT_MAX];
	const char *error;

	if (usual_mistake(text, complaint))
		return false;
	if (last_label_numeric(text)) {
		snprintf(complaint, COMPLAINT_MAX, "\"%.200s\" ends in a label of digits, like an address: correct it", text);
		return false;
	}
	error = idn_to_ascii(text, ascii);
	if (error && from_ascii(text, ret_name) && !strstr(text, "xn--")) /* "--" in an ordinary label */
		return true;
	if (!error && from_ascii(ascii, ret_name))
		return true;
	complain_lengths(text, complaint);
	if (error && strlen(text) <= DNS_NAME_MAX - 2 && !strstr(complaint, "a label of"))
		snprintf(complaint, COMPLAINT_MAX, "\"%.200s\" is no valid internationalized name (%s): correct it", text, error);
	return false;
}

bool pattern_parse(const char *text, size_t len, struct pattern *ret_pattern, char ret_complaint[static COMPLAINT_MAX])
{
	struct pattern p = {.any = len == 1 && text[0] == '*', .wildcard = len > 2 && text[0] == '*' && text[1] == '.'};
	size_t skip = p.wildcard ? 2 : 0;
	char copy[TEXT_MAX];
	struct dns_name root = {.len = 1};

	if (p.any)
		p.name = root;
	if (!p.any && !parse_plain(text + skip, len - skip, &p.name)) {
		snprintf(copy, sizeof(copy), "%.*s", (int)(len < TEXT_MAX - 1 ? len : TEXT_MAX - 1), text);
		if (len == 0) {
			snprintf(ret_complaint, COMPLAINT_MAX, "an empty name: remove it, or write a name");
			return false;
		}
		/* the whole is shown where "*." is part of the mistake */
		if (p.wildcard && (copy[2] == '.' || strchr(copy + 2, '*'))) {
			(void)usual_mistake(copy, ret_complaint);
			return false;
		}
		if (!parse_slow(copy + skip, &p.name, ret_complaint))
			return false;
	}
	*ret_pattern = p;
	return true;
}

const char *pattern_risk(const struct pattern *p)
{
	char text[DNS_NAME_TEXT_MAX];

	if (!p->wildcard || p->any)
		return NULL;
	return suffix_risk(dns_name_to_text(&p->name, text));
}
