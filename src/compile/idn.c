/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The only file that knows libidn2. */
#include "idn.h"

#include <idn2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char *idn_to_ascii(const char *utf8, char ret_ascii[static IDN_TEXT_MAX])
{
	char *ascii = NULL;
	int rc = idn2_to_ascii_8z(utf8, &ascii, IDN2_NONTRANSITIONAL | IDN2_NFC_INPUT);

	if (rc == IDN2_OK && strlen(ascii) >= IDN_TEXT_MAX)
		rc = IDN2_TOO_BIG_DOMAIN;
	if (rc == IDN2_OK)
		memcpy(ret_ascii, ascii, strlen(ascii) + 1);
	free(ascii);
	return rc == IDN2_OK ? NULL : idn2_strerror(rc);
}
