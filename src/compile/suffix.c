/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The only file that knows libpsl. Its list has public suffixes and the zones whose owners entered them
 * (github.io, cloudfront.net); the table has zones of many tenants that are not in it, or only in parts.
 */
#include "suffix.h"

#include <libpsl.h>
#include <stddef.h>
#include <string.h>

#include "postern/compiler.h"

static const char *const multi_tenant[] = {
	"akadns.net", "akamai.net", "akamaiedge.net", "akamaihd.net", "akamaized.net", "amazonaws.com", "amazonaws.com.cn",
	"api.aws", "appspot.com", "awsapprunner.com", "awsglobalaccelerator.com", "azure-api.net", "azure.com",
	"azure.net", "azureedge.net", "azurefd.net", "azurewebsites.net", "b-cdn.net", "backblazeb2.com", "blogspot.com",
	"cdn.cloudflare.net", "cloudapp.net", "cloudflare.net", "cloudfront.net", "cloudfunctions.net", "digitaloceanspaces.com",
	"edgekey.net", "edgesuite.net", "fastly.net", "fastlylb.net", "firebaseapp.com", "firebaseio.com", "fly.dev",
	"github.io", "githubusercontent.com", "gitlab.io", "googleapis.com", "googleusercontent.com", "herokuapp.com", "hf.space",
	"llnwd.net", "myshopify.com", "netlify.app", "ngrok-free.app", "ngrok.app", "ngrok.io", "on.aws", "ondigitalocean.app",
	"onrender.com", "oraclecloud.com", "pages.dev", "r2.dev", "railway.app", "repl.co", "replit.dev", "run.app",
	"sharepoint.com", "storage.googleapis.com", "trafficmanager.net", "trycloudflare.com", "vercel.app", "web.app",
	"windows.net", "wordpress.com", "workers.dev", "x.incapdns.net",
};

const char *suffix_risk(const char *zone)
{
	const psl_ctx_t *psl = psl_builtin();

	for (size_t i = 0; i < ARRAY_LEN(multi_tenant); i++)
		if (strcmp(multi_tenant[i], zone) == 0)
			return "anybody can rent a name below it: list the names that are needed";
	if (psl && psl_is_public_suffix2(psl, zone, PSL_TYPE_ANY | PSL_TYPE_NO_STAR_RULE))
		return "it is a public suffix, anybody can register a name below it: list the names that are needed";
	return NULL;
}
