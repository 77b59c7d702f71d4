/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Which event goes where. Only what a format has words for is written in it; audit.jsonl has everything.
 * A gap in the log is one of the things that have to be said wherever there is a word for it.
 */
#include "format.h"

static bool is_traffic(const struct event *e)
{
	return (e->kind == EVENT_REFUSAL || e->kind == EVENT_ALERT || e->kind == EVENT_CUT) && e->destination.family != ADDR_NONE;
}

bool format_applies(enum audit_format f, const struct event *e, enum role from)
{
	bool dns = e->kind == EVENT_DNS && e->n_names > 0;

	switch (f) {
	case AUDIT_ROUTE53:
		return dns;
	case AUDIT_VPC_FLOW: /* what the resolver could not record was no flow */
		return is_traffic(e) || (e->kind == EVENT_SUPPRESSED && from != ROLE_RESOLVER);
	case AUDIT_OCSF:
		return dns || is_traffic(e) || e->kind == EVENT_SUPPRESSED;
	case AUDIT_FORMAT_COUNT:
		break;
	}
	return false;
}

size_t format_line(enum audit_format f, const struct event *e, const struct format_words *w, char *line, size_t cap)
{
	switch (f) {
	case AUDIT_ROUTE53:
		return route53_line(e, w, line, cap);
	case AUDIT_VPC_FLOW:
		return flow_line(e, w, line, cap);
	case AUDIT_OCSF:
		return ocsf_line(e, w, line, cap);
	case AUDIT_FORMAT_COUNT:
		break;
	}
	return 0;
}
