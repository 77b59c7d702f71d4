/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What else on this machine has a say in packets and names: other firewalls, flow offload, Docker, resolvers that work outside of the
 * sandbox that asks them.
 */
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "client.h"
#include "doctor.h"
#include "print.h"

#define TABLE "postern"

/* The objects of one kind in `nft -j list KIND`. NULL where that does not work. */
static json_t *nft_list(const char *kind)
{
	const char *const argv[] = {"nft", "-j", "list", kind, NULL};
	char *text = NULL;
	json_t *list = NULL;

	if (doctor_run(argv, false, &text) == 0 && text)
		list = json_loads(text, 0, NULL);
	free(text);
	return list;
}

static bool is_ours(const json_t *object, const char *name)
{
	return strcmp(member_text(object, "family"), "inet") == 0 && strcmp(member_text(object, name), TABLE) == 0;
}

static void look_at_tables(struct doctor *d)
{
	json_t *list = nft_list("tables"), *item;
	char others[256] = "";
	bool ours = false;
	size_t i;

	if (!list)
		return;
	json_array_foreach(json_object_get(list, "nftables"), i, item) {
		const json_t *table = json_object_get(item, "table");
		size_t used = strlen(others);

		if (table && is_ours(table, "name"))
			ours = true;
		else if (table)
			snprintf(others + used, sizeof(others) - used, "%s%s %s", used ? ", " : "", member_text(table, "family"),
				member_text(table, "name"));
	}
	json_decref(list);
	if (!ours)
		doctor_find(d, FINDING_PROBLEM, "systemctl enable --now postern-rules", "the gate does not stand: there is no table inet " TABLE);
	if (others[0])
		doctor_find(d, FINDING_NOTE, "none needed: what they drop stays dropped, what they accept postern still judges",
			"other firewall tables: %s", others);
}

static void look_at_flowtables(struct doctor *d)
{
	json_t *list = nft_list("flowtables"), *item;
	size_t i;

	json_array_foreach(json_object_get(list, "nftables"), i, item) {
		const json_t *flow = json_object_get(item, "flowtable");
		const char *name = member_text(flow, "name"), *family = member_text(flow, "family"), *table = member_text(flow, "table");
		char cure[512];

		if (!flow || is_ours(flow, "table"))
			continue;
		snprintf(cure, sizeof(cure), "delete the rules that say `flow add @%s`, then run nft delete flowtable %s %s %s", name, family,
			table, name);
		doctor_find(d, FINDING_PROBLEM, cure,
			"flowtable %s in table %s %s: flows in it pass by the forward hook, and outlive a reload that forbids them", name,
			family, table);
	}
	json_decref(list);
}

/* Packets that the first counter of chain `full` has seen: new flows of sandboxes that have all the ruleset grants them. */
static void look_at_crowded(struct doctor *d)
{
	json_t *list = nft_list("chain inet " TABLE " full"), *item;
	json_int_t refused = 0;
	size_t i;

	json_array_foreach(json_object_get(list, "nftables"), i, item) {
		const json_t *first = json_array_get(json_object_get(json_object_get(item, "rule"), "expr"), 0);

		refused += json_integer_value(json_object_get(json_object_get(first, "counter"), "packets"));
	}
	json_decref(list);
	if (refused)
		doctor_find(d, FINDING_WARNING, "see whose they are: conntrack -L; sandboxes with many: nft list sets, flows_*",
			"%" JSON_INTEGER_FORMAT " packets were refused because their sandbox has 4096 flows already", refused);
}

static const struct {
	const char *unit, *does, *cure;
	enum finding_weight weight;
} services[] = {
	{"nftables.service", "flushes all rules when it is started or restarted",
		"systemctl restart postern-rules after it; posternd also notices and restores", FINDING_NOTE},
	{"firewalld.service", "manages rules of its own, and may flush on reload", "keep FlushAllOnReload=no in firewalld.conf", FINDING_NOTE},
	{"ufw.service", "manages rules of its own", "none needed while it uses tables of its own", FINDING_NOTE},
	{"netfilter-persistent.service", "restores saved rules when it is started",
		"take postern's table out of what it saves (/etc/iptables/rules.v4, rules.v6)", FINDING_WARNING},
};

static void look_at_services(struct doctor *d)
{
	for (size_t i = 0; i < ARRAY_LEN(services); i++) {
		const char *const argv[] = {"systemctl", "is-enabled", "--quiet", services[i].unit, NULL};

		if (doctor_run(argv, false, NULL) == 0)
			doctor_find(d, services[i].weight, services[i].cure, "%s is enabled: it %s", services[i].unit, services[i].does);
	}
}

void doctor_firewalls(struct doctor *d)
{
	if (d->root) {
		look_at_tables(d);
		look_at_flowtables(d);
	look_at_crowded(d);
	}
	look_at_services(d);
}

/* Does resolv.conf name a resolver on this machine itself? */
static bool resolver_is_local(const char *text)
{
	for (const char *p = text; p; p = strchr(p, '\n')) {
		p += *p == '\n';
		if (strncmp(p, "nameserver 127.", 15) == 0 || strncmp(p, "nameserver ::1", 14) == 0)
			return true;
	}
	return false;
}

static void look_at_nss(struct doctor *d)
{
	char text[8192];
	const char *hosts;

	if (doctor_read("/etc/nsswitch.conf", text, sizeof(text)) && (hosts = strstr(text, "\nhosts:"))) {
		size_t n = strcspn(hosts + 1, "\n");

		text[hosts - text + 1 + (long)n] = '\0';
		if (strstr(hosts, " resolve"))
			doctor_find(d, FINDING_WARNING, "take `resolve` out of the line hosts: in /etc/nsswitch.conf",
				"programs ask systemd-resolved over a socket instead of DNS: it resolves outside of the sandbox, and nothing is pinned");
	}
	if (access("/run/nscd/socket", F_OK) == 0)
		doctor_find(d, FINDING_WARNING, "apt-get remove nscd, or enable-cache hosts no in /etc/nscd.conf",
			"nscd resolves names for all programs, outside of their sandbox, and nothing is pinned");
}

void doctor_resolvers(struct doctor *d)
{
	char text[8192];
	bool local = doctor_read("/etc/resolv.conf", text, sizeof(text)) && resolver_is_local(text);

	if (local)
		doctor_find(d, FINDING_NOTE, "none needed for sandboxes: their port 53 is redirected wherever it goes; upstreams in postern.conf must not be this one if it is confined itself",
			"/etc/resolv.conf names a resolver on this machine (systemd-resolved, dnsmasq)");
	look_at_nss(d);
	if (if_nametoindex("docker0"))
		doctor_find(d, local ? FINDING_WARNING : FINDING_NOTE,
			"select containers by their bridge (postern sandbox add NAME --interface BRIDGE), and give dockerd a \"dns\" that is no loopback address in /etc/docker/daemon.json",
			"Docker is here: %s", local ? "its DNS proxy asks this machine's own resolver, outside of the sandbox"
						    : "containers are forwarded traffic");
}
