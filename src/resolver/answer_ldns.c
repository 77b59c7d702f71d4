/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * ldns reads the message and every type's rdata; we copy what it found. Called only for messages
 * that passed dns_ask_check(), by a process without privilege. It allocates: an uncached answer
 * may, a cached one never comes here.
 */
#include "answer_ldns.h"

#include <errno.h>
#include <ldns/ldns.h>

/* Rdata as on the wire, without compression: ldns keeps each field so. */
static int copy_rdata(const ldns_rr *rr, uint8_t *out, size_t cap, uint16_t *ret_len)
{
	size_t len = 0;

	for (size_t i = 0; i < ldns_rr_rd_count(rr); i++) {
		const ldns_rdf *f = ldns_rr_rdf(rr, i);

		if (!f)
			continue;
		if (ldns_rdf_size(f) > cap - len)
			return -E2BIG;
		if (ldns_rdf_size(f))
			memcpy(out + len, ldns_rdf_data(f), ldns_rdf_size(f));
		len += ldns_rdf_size(f);
	}
	*ret_len = (uint16_t)len;
	return 0;
}

static int add_rr(struct answer *a, const ldns_rr *rr, bool authority)
{
	static uint8_t rdata[DNS_MESSAGE_MAX];
	struct answer_record like = {.type = (uint16_t)ldns_rr_get_type(rr), .ttl_s = ldns_rr_ttl(rr),
		.authority = authority};
	const ldns_rdf *owner = ldns_rr_owner(rr);
	struct dns_name name;
	int rc;

	if (ldns_rr_get_class(rr) != LDNS_RR_CLASS_IN)
		return 0;
	if (!owner || dns_name_from_wire(ldns_rdf_data(owner), ldns_rdf_size(owner), &name) < 0)
		return -EBADMSG;
	rc = copy_rdata(rr, rdata, sizeof(rdata), &like.rdata_len);
	return rc < 0 ? rc : answer_add(a, &name, &like, rdata);
}

static int add_section(struct answer *a, const ldns_rr_list *list, bool authority)
{
	int rc = 0;

	for (size_t i = 0; i < ldns_rr_list_rr_count(list) && rc == 0; i++)
		rc = add_rr(a, ldns_rr_list_rr(list, i), authority);
	return rc;
}

int answer_read(const uint8_t *data, size_t len, struct answer *ret_answer)
{
	ldns_pkt *pkt = NULL;
	int rc;

	if (ldns_wire2pkt(&pkt, data, len) != LDNS_STATUS_OK)
		return -EBADMSG;
	/* RFC 6891 6.1.3: the upper bits stand in the OPT record */
	answer_init(ret_answer, (uint16_t)(ldns_pkt_get_rcode(pkt) | ldns_pkt_edns_extended_rcode(pkt) << 4));
	ret_answer->authentic = ldns_pkt_ad(pkt);
	rc = add_section(ret_answer, ldns_pkt_answer(pkt), false);
	if (rc == 0)
		rc = add_section(ret_answer, ldns_pkt_authority(pkt), true);
	ldns_pkt_free(pkt);
	return rc;
}
