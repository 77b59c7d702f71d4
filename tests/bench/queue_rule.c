/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * queue_rule QUEUE: appends postern's queue rule to chain miss of the ruleset that is loaded, as posternd does at its start.
 */
#include "queue_rule.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "nft.h"

int main(int argc, char **argv)
{
	struct nft *nft;
	bool native;
	int rc = argc == 2 ? nft_open(&nft) : -EINVAL;

	if (rc == 0)
		rc = queue_rule_add(nft, (uint16_t)atoi(argv[1]), &native);
	if (rc == 0)
		return 0;
	fprintf(stderr, "queue rule: %s\n", strerror(-rc));
	return 1;
}
