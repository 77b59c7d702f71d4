/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Fields of VPC Flow Log records: see the header. */
#include "postern/flow.h"

#include <string.h>

#include "postern/compiler.h"

static const struct {
	const char *name;
	unsigned int version;
} fields[] = {
	[FLOW_VERSION] = {"version", 2}, [FLOW_ACCOUNT_ID] = {"account-id", 2}, [FLOW_INTERFACE_ID] = {"interface-id", 2},
	[FLOW_SRCADDR] = {"srcaddr", 2}, [FLOW_DSTADDR] = {"dstaddr", 2}, [FLOW_SRCPORT] = {"srcport", 2},
	[FLOW_DSTPORT] = {"dstport", 2}, [FLOW_PROTOCOL] = {"protocol", 2}, [FLOW_PACKETS] = {"packets", 2},
	[FLOW_BYTES] = {"bytes", 2}, [FLOW_START] = {"start", 2}, [FLOW_END] = {"end", 2}, [FLOW_ACTION] = {"action", 2},
	[FLOW_LOG_STATUS] = {"log-status", 2}, [FLOW_VPC_ID] = {"vpc-id", 3}, [FLOW_INSTANCE_ID] = {"instance-id", 3},
	[FLOW_TYPE] = {"type", 3}, [FLOW_PKT_SRCADDR] = {"pkt-srcaddr", 3}, [FLOW_PKT_DSTADDR] = {"pkt-dstaddr", 3},
	[FLOW_REGION] = {"region", 4}, [FLOW_DIRECTION] = {"flow-direction", 5},
};
static_assert(ARRAY_LEN(fields) == FLOW_FIELD_COUNT, "a row for every field");

const char *flow_field_text(enum flow_field f)
{
	return fields[f].name;
}

enum flow_field flow_field_parse(const char *text)
{
	unsigned int f = 0;

	while (f < FLOW_FIELD_COUNT && strcmp(fields[f].name, text) != 0)
		f++;
	return (enum flow_field)f;
}

unsigned int flow_field_version(enum flow_field f)
{
	return fields[f].version;
}
