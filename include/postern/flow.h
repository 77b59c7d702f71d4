/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Fields of VPC Flow Log records that postern can fill, in the order of AWS's table ("Flow log records", Amazon VPC User
 * Guide): the compiler reads their names, the audit process writes them.
 * folder: src/policy
 */
#ifndef POSTERN_FLOW_H
#define POSTERN_FLOW_H

enum flow_field {
	/* version 2: the default format, in its order */
	FLOW_VERSION,
	FLOW_ACCOUNT_ID,
	FLOW_INTERFACE_ID,
	FLOW_SRCADDR,
	FLOW_DSTADDR,
	FLOW_SRCPORT,
	FLOW_DSTPORT,
	FLOW_PROTOCOL,
	FLOW_PACKETS,
	FLOW_BYTES,
	FLOW_START,
	FLOW_END,
	FLOW_ACTION,
	FLOW_LOG_STATUS,
	/* later ones */
	FLOW_VPC_ID,
	FLOW_INSTANCE_ID,
	FLOW_TYPE,
	FLOW_PKT_SRCADDR,
	FLOW_PKT_DSTADDR,
	FLOW_REGION,
	FLOW_DIRECTION,
	FLOW_FIELD_COUNT
};

#define FLOW_FIELDS_DEFAULT (FLOW_LOG_STATUS + 1)

/* "account-id". */
const char *flow_field_text(enum flow_field f);
/* The inverse; FLOW_FIELD_COUNT where unknown, or not one that we can fill. */
enum flow_field flow_field_parse(const char *text);
/* The version of the format that brought it; a record's version is the highest of its fields'. */
unsigned int flow_field_version(enum flow_field f);

#endif
