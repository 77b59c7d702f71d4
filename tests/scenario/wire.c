/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Messages of a scenario, by ldns. */
#include <ldns/ldns.h>
#include <strings.h>

#include "scenario.h"

uint16_t wire_type(const char *text)
{
	return (uint16_t)ldns_get_rr_type_by_name(text);
}

const char *wire_type_text(uint16_t type, char *buf, size_t cap)
{
	char *text = ldns_rr_type2str((ldns_rr_type)type);

	snprintf(buf, cap, "%s", text);
	free(text);
	return buf;
}

size_t wire_hex(const char *text, uint8_t *out, size_t cap)
{
	size_t n = 0;
	unsigned int v;

	for (; *text && n < cap; text++)
		if (*text != ' ' && sscanf(text++, "%2x", &v) == 1)
			out[n++] = (uint8_t)v;
	return n;
}

static uint16_t rcode_of(struct scenario *s, const char *text)
{
	const ldns_lookup_table *row = ldns_lookup_by_name(ldns_rcodes, text);

	if (!row)
		scenario_fail(s, "no RCODE %s", text);
	return row ? (uint16_t)row->id : 0;
}

/*
 * Writes the end of a record's data as a pointer to what is above the first label of the question, if that is what it ends with.
 * @out: a whole message, its last record at @at. Returns the new length.
 */
static size_t squeeze(uint8_t *out, size_t at, size_t len)
{
	size_t above = DNS_HEADER_SIZE + 1u + out[DNS_HEADER_SIZE], n = strlen((char *)out + above) + 1, data = at;
	uint8_t *tail = out + len - n;

	while (out[data])
		data += 1u + out[data];
	data += 1 + 10;
	if (len < data + n || strncasecmp((char *)tail, (char *)out + above, n) != 0)
		return len;
	tail[0] = 0xc0;
	tail[1] = (uint8_t)above;
	len -= n - 2;
	out[data - 2] = (uint8_t)((len - data) >> 8);
	out[data - 1] = (uint8_t)(len - data);
	return len;
}

/* A message being written, and its records so far, to be signed. */
struct reply_text {
	uint8_t *out;
	ldns_rr_list *answer, *authority;
};

/* The record that a text stands for: itself, with a key in place of @KEY, or (behind "+") a signature over what is there. */
static ldns_rr *record_of(struct scenario *s, const char *text, const ldns_rr_list *section)
{
	const struct signer_order order = {&s->signer, s->wall_s, section};
	char line[LINE_MAX_BYTES];
	ldns_rr *rr = NULL;

	if (*text == '+') {
		snprintf(line, sizeof(line), "%s", text + 1);
		return signer_sign(&order, line);
	}
	if (!signer_expand(&s->signer, text, line, sizeof(line)) || ldns_rr_new_frm_str(&rr, line, 0, NULL, NULL) != LDNS_STATUS_OK)
		return NULL;
	return rr;
}

/* Appends a record, in front of which "^" stands for the authority section; counts it there. */
static size_t append(struct scenario *s, struct reply_text *t, const char *text, size_t len)
{
	size_t count_at = *text == '^' ? 9 : 7;
	ldns_rr_list *section = *text == '^' ? t->authority : t->answer;
	ldns_rr *rr = record_of(s, text + (*text == '^'), section);
	uint8_t *wire = NULL, *out = t->out;
	size_t wire_len = 0;

	if (!rr || ldns_rr2wire(&wire, rr, LDNS_SECTION_ANSWER, &wire_len) != LDNS_STATUS_OK) {
		scenario_fail(s, "record '%s' is malformed", text);
		wire_len = 0;
	}
	if (wire_len && len + wire_len <= DNS_MESSAGE_MAX) {
		memcpy(out + len, wire, wire_len);
		out[count_at]++;
	}
	LDNS_FREE(wire);
	if (rr)
		ldns_rr_list_push_rr(section, rr);
	return len + wire_len;
}

/* An OPT record with a cookie, and the upper bits of an RCODE. */
static size_t append_cookie(const struct scenario *s, const char *how, bool bad, uint8_t *out, size_t len)
{
	size_t server = strcmp(how, "wrong") == 0 ? 16 : strtoul(how, NULL, 10), size = 8 + server;
	struct dns_query q;

	if (dns_query_parse(s->ask.wire, s->ask.len, &q) != 0 || !q.cookie_len)
		return len;
	memset(q.cookie + 8, 's', sizeof(q.cookie) - 8);
	if (strcmp(how, "wrong") == 0)
		q.cookie[7] ^= 1;
	memcpy(out + len, (uint8_t[]){0, 0, 41, 4, 208, bad ? 1 : 0, 0, 0, 0, 0, (uint8_t)(size + 4), 0, 10, 0, (uint8_t)size}, 15);
	memcpy(out + len + 15, q.cookie, size < sizeof(q.cookie) ? size : sizeof(q.cookie));
	out[11]++;
	return len + 15 + size;
}

/* A name that differs in case, or in a letter. */
static void spoil(uint8_t *letter, uint8_t by)
{
	*letter ^= by;
}

size_t wire_reply(struct scenario *s, char *text, uint8_t *out, size_t cap)
{
	size_t len = DNS_HEADER_SIZE, question;
	char *records = strchr(text, ';'), *save = NULL, *soa = NULL, *cookie = NULL, *word;
	struct reply_text t = {out, NULL, NULL};
	char line[512];
	size_t cut = 0;
	bool pointers = false, bad;

	(void)cap;
	if (records)
		*records++ = '\0';
	memcpy(out, s->ask.wire, s->ask.len);
	while (out[len])
		len += 1u + out[len];
	question = len += 5;
	out[2] = (uint8_t)(out[2] | 0x80);
	out[3] = 0x80;
	memset(out + 6, 0, 6);
	word = strtok_r(text, " ", &save);
	bad = strcmp(word, "BADCOOKIE") == 0;
	out[3] |= (uint8_t)(bad ? DNS_BADCOOKIE & 15 : rcode_of(s, word));
	for (word = strtok_r(NULL, " ", &save); word; word = strtok_r(NULL, " ", &save)) {
		if (!strcmp(word, "tc"))
			out[2] |= 2;
		else if (!strcmp(word, "ad"))
			out[3] |= 0x20;
		else if (!strcmp(word, "cut"))
			cut = 3;
		else if (!strcmp(word, "id"))
			spoil(out, 1);
		else if (!strcmp(word, "case"))
			spoil(out + 13, 0x20);
		else if (!strcmp(word, "question"))
			spoil(out + 13, 1);
		else if (!strcmp(word, "pointers"))
			pointers = true;
		else if (!strcmp(word, "bare"))
			return memset(out + 4, 0, 8), DNS_HEADER_SIZE;
		else if (!strncmp(word, "soa=", 4))
			soa = word + 4;
		else if (!strncmp(word, "cookie=", 7))
			cookie = word + 7;
	}
	save = NULL;
	t.answer = ldns_rr_list_new();
	t.authority = ldns_rr_list_new();
	for (char *rec = records ? strtok_r(records, ";", &save) : NULL; rec; rec = strtok_r(NULL, ";", &save)) {
		size_t at = len;

		rec += strspn(rec, " ");
		len = append(s, &t, rec, len);
		if (pointers)
			len = squeeze(out, at, len);
	}
	if (soa) {
		char *ttl = strchr(soa, '/');

		*ttl++ = '\0';
		snprintf(line, sizeof(line), "^%s %s SOA ns. host. 1 2 3 4 %s", soa, ttl, ttl);
		len = append(s, &t, line, len);
	}
	if (cookie)
		len = append_cookie(s, cookie, bad, out, len);
	ldns_rr_list_deep_free(t.answer);
	ldns_rr_list_deep_free(t.authority);
	return (len > question ? len : question) - cut;
}

/* The EDE option of RFC 8914, if any. */
static size_t ede_text(const ldns_pkt *pkt, char *out, size_t cap)
{
	const ldns_rdf *opt = ldns_pkt_edns_data(pkt);
	const uint8_t *d = opt ? ldns_rdf_data(opt) : NULL;
	size_t len = opt ? ldns_rdf_size(opt) : 0;

	if (len < 6 || d[0] != 0 || d[1] != 15)
		return 0;
	return (size_t)snprintf(out, cap, " ede %u %.*s", (unsigned int)(d[4] << 8 | d[5]), (int)(len - 6), d + 6);
}

static size_t list_text(const ldns_rr_list *list, char *out, size_t cap)
{
	size_t n = 0;

	for (size_t i = 0; i < ldns_rr_list_rr_count(list) && n < cap; i++) {
		char *text = ldns_rr2str(ldns_rr_list_rr(list, i));

		text[strcspn(text, "\n")] = '\0';
		for (char *c = text; *c; c++)
			if (*c == '\t')
				*c = ' ';
		char *in = strstr(text, " IN ");

		if (in)
			memmove(in, in + 3, strlen(in + 3) + 1);
		n += (size_t)snprintf(out + n, cap - n, " ; %s", text);
		free(text);
	}
	return n < cap ? n : cap;
}

void wire_text(const uint8_t *data, size_t len, char *out, size_t cap)
{
	ldns_pkt *pkt = NULL;
	const ldns_lookup_table *rcode;
	size_t n;

	if (ldns_wire2pkt(&pkt, data, len) != LDNS_STATUS_OK) {
		snprintf(out, cap, "unreadable");
		return;
	}
	rcode = ldns_lookup_by_id(ldns_rcodes, ldns_pkt_get_rcode(pkt));
	n = (size_t)snprintf(out, cap, "%s%s%s%s%s", rcode ? rcode->name : "?", ldns_pkt_tc(pkt) ? " tc" : "",
		ldns_pkt_edns_do(pkt) ? " do" : "", ldns_pkt_ad(pkt) ? " ad" : "", ldns_pkt_cd(pkt) ? " cd" : "");
	for (size_t i = 0; i < n; i++)
		out[i] = out[i] >= 'A' && out[i] <= 'Z' ? (char)(out[i] + 32) : out[i];
	n += ede_text(pkt, out + n, cap - n);
	n += list_text(ldns_pkt_answer(pkt), out + n, cap - n);
	n += list_text(ldns_pkt_authority(pkt), out + n, cap - n);
	ldns_pkt_free(pkt);
}
