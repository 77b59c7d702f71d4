/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Ordinary software: see traffic.h. Shapes as they stand in resolvers' logs; the random parts are random. */
#include <stdio.h>
#include <string.h>

#include "traffic.h"

enum { A = 1, PTR = 12, TXT = 16, AAAA = 28 };

static const char *const words[] = {
	"apple", "river", "stone", "market", "garden", "winter", "summer", "window", "silver", "bridge", "castle", "doctor", "farmer", "forest",
	"friend", "gentle", "golden", "harbor", "island", "jacket", "kitchen", "ladder", "letter", "little", "lonely", "master", "mother",
	"mountain", "movement", "music", "narrow", "nation", "nature", "needle", "number", "ocean", "office", "orange", "paper", "people",
	"pepper", "picture", "planet", "plenty", "pocket", "police", "potato", "prison", "public", "purple", "rabbit", "record", "return",
	"school", "season", "second", "shadow", "simple", "sister", "spring", "square", "station", "stream", "street", "strength",
	"student", "sudden", "sugar", "table", "teacher", "theater", "thunder", "ticket", "tomorrow", "travel", "trouble", "twenty",
	"valley", "village", "visitor", "water", "weather", "welcome", "wheel", "whisper", "wonder", "yellow", "younger", "above", "answer",
	"believe", "between", "brother", "capital", "century", "chair", "choose", "circle", "company", "corner", "country", "course",
	"decide", "desire", "dinner", "double", "during", "effort", "either", "engine", "evening", "expect", "father", "figure", "flower",
	"follow", "ground", "happen", "health", "heavy", "history", "husband", "inside", "matter", "member", "middle", "minute",
};

char *random_word(struct random *r, char *text)
{
	const char *w = words[random_below(r, sizeof(words) / sizeof(words[0]))];

	while (*w)
		*text++ = *w++;
	*text = '\0';
	return text;
}

const char *const ordinary_domains[] = {
	"google.com", "youtube.com", "facebook.com", "wikipedia.org", "wikimedia.org", "amazon.com", "twitter.com", "instagram.com", "linkedin.com",
	"reddit.com", "netflix.com", "microsoft.com", "office.com", "live.com", "bing.com", "yahoo.com", "duckduckgo.com", "apple.com",
	"icloud.com", "github.com", "githubusercontent.com", "gitlab.com", "bitbucket.org", "stackoverflow.com", "stackexchange.com",
	"askubuntu.com", "serverfault.com", "superuser.com", "debian.org", "ubuntu.com", "canonical.com", "fedoraproject.org", "redhat.com",
	"kernel.org", "gnu.org", "mozilla.org", "firefox.com", "python.org", "pypi.org", "pythonhosted.org", "npmjs.com", "npmjs.org",
	"yarnpkg.com", "nodejs.org", "rust-lang.org", "crates.io", "golang.org", "rubygems.org", "packagist.org", "maven.org", "apache.org",
	"docker.com", "docker.io", "quay.io", "ghcr.io", "cloudflare.com", "fastly.com", "akamai.com", "akamaiedge.net", "edgekey.net",
	"edgesuite.net", "cloudfront.net", "amazonaws.com", "azure.com", "windows.net", "googleapis.com", "gstatic.com", "googlevideo.com",
	"ytimg.com", "ggpht.com", "gvt1.com", "googleusercontent.com", "googletagmanager.com", "google-analytics.com", "doubleclick.net",
	"fbcdn.net", "twimg.com", "cdninstagram.com", "licdn.com", "redditmedia.com", "redd.it", "nflxvideo.net", "msftconnecttest.com",
	"msftncsi.com", "microsoftonline.com", "sharepoint.com", "skype.com", "visualstudio.com", "vscode-cdn.net", "jsdelivr.net", "unpkg.com",
	"bootstrapcdn.com", "jquery.com", "fontawesome.com", "typekit.net", "wordpress.com", "wordpress.org", "gravatar.com", "wp.com",
	"medium.com", "substack.com", "shopify.com", "paypal.com", "stripe.com", "visa.com", "mastercard.com", "bankofamerica.com",
	"wellsfargo.com", "jpmorganchase.com", "nytimes.com", "washingtonpost.com", "theguardian.com", "bbc.co.uk", "bbci.co.uk", "cnn.com",
	"reuters.com", "bloomberg.com", "spiegel.de", "zeit.de", "lemonde.fr", "elpais.com", "corriere.it", "asahi.com", "naver.com", "daum.net",
	"baidu.com", "qq.com", "taobao.com", "tmall.com", "jd.com", "weibo.com", "163.com", "126.net", "bilibili.com", "zhihu.com", "yandex.ru",
	"mail.ru", "vk.com", "ok.ru", "rambler.ru", "booking.com", "airbnb.com", "expedia.com", "tripadvisor.com", "uber.com", "lyft.com",
	"spotify.com", "scdn.co", "soundcloud.com", "twitch.tv", "ttvnw.net", "discord.com", "discordapp.net", "slack.com", "slack-edge.com",
	"zoom.us", "webex.com", "dropbox.com", "dropboxusercontent.com", "box.com", "atlassian.net", "atlassian.com", "trello.com", "notion.so",
	"figma.com", "canva.com", "adobe.com", "salesforce.com", "force.com", "hubspot.com", "zendesk.com", "intercom.io", "sentry.io",
	"datadoghq.com", "newrelic.com", "nr-data.net", "segment.io", "mixpanel.com", "amplitude.com", "hotjar.com", "optimizely.com",
	"criteo.com", "adnxs.com", "rubiconproject.com", "pubmatic.com", "taboola.com", "outbrain.com", "scorecardresearch.com",
	"openai.com", "anthropic.com", "huggingface.co", "hf.co", "letsencrypt.org", "digicert.com", "sectigo.com", "verisign.com",
	"isc.org", "nlnetlabs.nl", "powerdns.com", "ntp.org", "speedtest.net", "archive.org", "arxiv.org", "nature.com", "sciencedirect.com",
	"springer.com", "ieee.org", "acm.org", "mit.edu", "stanford.edu", "ox.ac.uk", "ethz.ch", "nasa.gov", "usps.com", "gov.uk", "europa.eu",
	"1drv.ms", "aka.ms", "goo.gl", "t.co", "bit.ly", "youtu.be", "s3-website.net", "edge-cdn.net", "tiktokcdn.com", "byteoversea.com",
	"ibyteimg.com", "xhamster.com", "imdb.com", "rottentomatoes.com", "weather.com", "accuweather.com", "espn.com", "nba.com", NULL,
};

/* One of a fixed set, as software repeats itself. */
static unsigned int repeated(struct stream *s, unsigned int of)
{
	return random_below(&s->random, of);
}

static void packages(struct stream *s, struct asked *a)
{
	static const char *const hosts[] = {"cache.nixos.org", "dl.fedoraproject.org", "pypi.org", "files.pythonhosted.org", "hex.pm",
		"static.crates.io", "index.crates.io", "proxy.golang.org", "sum.golang.org", "repo1.maven.org", "plugins.gradle.org",
		"rubygems.org", "github.com", "codeload.github.com", "objects.githubusercontent.com", "registry-1.docker.io", "auth.docker.io",
		"production.cloudflare.docker.com", "archive.ubuntu.com", "dl-cdn.alpinelinux.org"};

	snprintf(a->name, sizeof(a->name), "%s", hosts[repeated(s, 20)]);
	a->qtype = s->n % 2 ? AAAA : A;
	a->wait_ms = 10000;
}

/* A member of a set that is made of random text once: the same number gives the same text. */
static void fixed_text(unsigned int number, char *text, const char *alphabet, unsigned int n)
{
	struct random r = {number * 7919u + 13u};

	random_text(&r, text, alphabet, n);
}

static void cloudfront(struct stream *s, struct asked *a)
{
	char id[16];

	fixed_text(repeated(s, 80), id, BASE36, 13);
	snprintf(a->name, sizeof(a->name), "d%s.cloudfront.net", id);
	a->zone_labels = 2;
	a->wait_ms = 60000;
}

static void video(struct stream *s, struct asked *a)
{
	char id[16];
	unsigned int place = repeated(s, 40);

	fixed_text(place, id, BASE36, 8);
	snprintf(a->name, sizeof(a->name), "rr%u---sn-%s.googlevideo.com", 1 + repeated(s, 5), id);
	a->zone_labels = 2;
	a->wait_ms = 120000;
}

static void buckets(struct stream *s, struct asked *a)
{
	unsigned int number = repeated(s, 120);
	struct random r = {number};
	char *p = a->name, id[16];

	p = random_word(&r, p);
	*p++ = '-';
	p = random_word(&r, p);
	fixed_text(number, id, HEX, 8);
	snprintf(p, 200, "-%s.s3.eu-west-1.amazonaws.com", id);
	a->zone_labels = 4;
	a->wait_ms = 90000;
}

static void telemetry(struct stream *s, struct asked *a)
{
	char id[40];

	random_text(&s->random, id, HEX, 32);
	snprintf(a->name, sizeof(a->name), "%s.eu.telemetry.example", id);
	a->wait_ms = 900000;
}

static void blocklists(struct stream *s, struct asked *a)
{
	static const char *const lists[] = {"zen.spamhaus.org", "bl.spamcop.net", "dnsbl.sorbs.net"};

	snprintf(a->name, sizeof(a->name), "%u.%u.%u.%u.%s", repeated(s, 256), repeated(s, 256), repeated(s, 256), repeated(s, 256),
		lists[s->n % 3]);
	a->wait_ms = 90000;
	a->nxdomain = random_below(&s->random, 10) != 0;
}

static void reverse(struct stream *s, struct asked *a)
{
	snprintf(a->name, sizeof(a->name), "%u.%u.0.10.in-addr.arpa", repeated(s, 256), repeated(s, 4));
	a->qtype = PTR;
	a->zone_labels = 3;
	a->wait_ms = 20000;
	a->nxdomain = random_below(&s->random, 2);
}

static void pods(struct stream *s, struct asked *a)
{
	unsigned int number = repeated(s, 300);
	struct random r = {number};
	char set[16], pod[8], *p = random_word(&r, a->name);

	fixed_text(number / 4, set, "bcdfghjklmnpqrstvwxz2456789", 10);
	fixed_text(number, pod, "bcdfghjklmnpqrstvwxz2456789", 5);
	snprintf(p, 200, "-%s-%s.default.svc.cluster.example", set, pod);
	a->zone_labels = 4;
	a->wait_ms = 30000;
}

static void search_suffix(struct stream *s, struct asked *a)
{
	snprintf(a->name, sizeof(a->name), "%s.corp.example", s->domains[repeated(s, 200) % s->n_domains]);
	a->zone_labels = 2;
	a->wait_ms = 30000;
	a->nxdomain = true;
}

/* A page: its site, and what it is made of. Some links are dead. */
static void browsing(struct stream *s, struct asked *a)
{
	static const char *const hosts[] = {"www.", "", "cdn.", "static.", "api.", "img.", "assets.", "login.", "m.", "events."};
	double u = random_below(&s->random, 10000) / 10000.0; /* a few sites often, the others seldom */
	const char *domain = s->domains[(size_t)(u * u * u * (double)s->n_domains)];

	snprintf(a->name, sizeof(a->name), "%s%s", hosts[random_below(&s->random, 10)], domain);
	a->wait_ms = 5000;
	a->nxdomain = random_below(&s->random, 50) == 0;
	if (random_below(&s->random, 20))
		return;
	fixed_text(repeated(s, 400), a->name, BASE36, 13);
	strcat(a->name, random_below(&s->random, 2) ? ".cloudfront.net" : ".execute-api.eu-west-1.amazonaws.com");
}

static void beacons(struct stream *s, struct asked *a)
{
	telemetry(s, a);
	a->wait_ms = 60000;
}

const struct kind ordinary[] = {
	{"package managers", "20 registries, one question each 10 s", packages},
	{"`*.cloudfront.net`", "80 distributions", cloudfront},
	{"`*.googlevideo.com`", "40 places with 5 caches each", video},
	{"`*.s3.eu-west-1.amazonaws.com`", "120 buckets with 8 hex digits", buckets},
	{"telemetry", "a new name of 32 hex digits each 15 min", telemetry},
	{"block lists", "new IPv4 addresses on 3 lists, one each 90 s, 90 % NXDOMAIN", blocklists},
	{"reverse lookups", "1,024 addresses of 10.0.0.0/22, half NXDOMAIN", reverse},
	{"pods", "300 names of replica sets", pods},
	{"search suffix", "200 names with a suffix behind, all NXDOMAIN", search_suffix},
	{"browsing anywhere", "a name each 5 s, 1 in 50 dead, 1 in 20 a hashed cloud name", browsing, 1},
	{"beacons", "a new name of 32 hex digits each minute: a drip, but for its purpose", beacons, 100},
	{0},
};
