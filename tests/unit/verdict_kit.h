/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What tests of the verdict core share: a small policy, its sandboxes, and packets made to measure.
 *
 *	slot  sandbox  selector                policy
 *	1     one      interface veth1         ci
 *	2     two      source 192.0.2.16/28    ci, 2001:db8:2::/64
 *	3     three    uid 1000                ci
 *	4     four     cgroup box/a            quiet
 *	5     five     host                    quiet (refusal: drop)
 */
#ifndef POSTERN_TEST_VERDICT_KIT_H
#define POSTERN_TEST_VERDICT_KIT_H

#include <stdlib.h>
#include <string.h>

#include "postern/image_build.h"
#include "postern/packet.h"
#include "verdict.h"

enum { LINE_CI = 1, LINE_WEB = 10, LINE_REST = 20, LINE_TIME = 30, LINE_LAB = 31, LINE_WATCH = 32, LINE_WIDE = 33, LINE_SSH = 40,
	LINE_GUEST = 41, LINE_QUIET = 100 };

static inline struct prefix kit_prefix(const char *text)
{
	struct prefix p = {0};

	if (prefix_parse(text, &p) < 0)
		abort();
	return p;
}

static inline struct addr kit_addr(const char *text)
{
	return kit_prefix(text).addr;
}

static inline struct build_static kit_static(const char *name, uint32_t line, const struct prefix *to,
	const struct image_service *service, enum rule_action action)
{
	return (struct build_static){.place = {name, "ci.conf", line}, .prefixes = to, .n_prefixes = 2,
		.services = service, .n_services = 1, .action = action};
}

static inline void kit_rules(struct image_builder *b)
{
	static const struct image_service https = {443, 443, PROTOCOL_TCP};
	uint32_t web = image_build_list(b), rest = image_build_list(b);

	if (image_build_domain_text(b, web, "example.com") < 0 || image_build_domain_text(b, web, "*.example.com") < 0 ||
		image_build_domain_text(b, rest, "*") < 0)
		abort();
	image_build_rule(b, &(struct build_rule){.place = {"web", "ci.conf", LINE_WEB}, .priority = 100, .lists = &web,
		.n_lists = 1, .services = &https, .n_services = 1, .action = ACTION_ALLOW});
	image_build_rule(b, &(struct build_rule){.place = {"rest", "ci.conf", LINE_REST}, .priority = 900,
		.lists = &rest, .n_lists = 1, .action = ACTION_BLOCK});
}

static inline void kit_statics(struct image_builder *b)
{
	static const struct image_service ntp = {123, 123, PROTOCOL_UDP}, ssh = {22, 22, PROTOCOL_TCP},
		http = {80, 80, PROTOCOL_TCP}, guest = {3000, 3000, PROTOCOL_TCP},
		wide = {80, 81, PROTOCOL_TCP};
	const struct prefix all[2] = {kit_prefix("0.0.0.0/0"), kit_prefix("::/0")};
	const struct prefix lab[2] = {kit_prefix("10.0.0.0/24"), kit_prefix("fd00:1::/64")};
	const struct prefix watch[2] = {kit_prefix("198.51.100.128/25"), kit_prefix("2001:db8:80::/48")};
	const struct prefix far[2] = {kit_prefix("203.0.113.0/24"), kit_prefix("2001:db8:113::/48")};
	const struct build_static egress[] = {kit_static("time", LINE_TIME, all, &ntp, ACTION_ALLOW),
		kit_static("lab", LINE_LAB, lab, &ssh, ACTION_ALLOW),
		kit_static("watch", LINE_WATCH, watch, &http, ACTION_ALERT),
		kit_static("wide", LINE_WIDE, watch, &wide, ACTION_ALLOW)};
	const struct build_static ingress[] = {kit_static("ssh", LINE_SSH, lab, &ssh, ACTION_ALLOW),
		kit_static("guest", LINE_GUEST, far, &guest, ACTION_ALERT)};

	for (size_t i = 0; i < ARRAY_LEN(egress); i++)
		image_build_egress(b, &egress[i]);
	for (size_t i = 0; i < ARRAY_LEN(ingress); i++)
		image_build_ingress(b, &ingress[i]);
}

static inline struct image_builder *kit_builder(uint32_t window_ms)
{
	struct image_builder *b = image_builder_new();
	struct image_settings settings;

	image_settings_default(&settings);
	settings.audit_window_ms = window_ms;
	image_build_settings(b, &settings);
	image_build_policy(b, &(struct build_policy){.place = {"ci", "ci.conf", LINE_CI}, .has_ingress = true});
	kit_rules(b);
	kit_statics(b);
	image_build_policy(b, &(struct build_policy){.place = {"quiet", "quiet.conf", LINE_QUIET},
		.refusal = REFUSAL_DROP});
	return b;
}

/* *ret_data is the memory under the image: free it after image_unmap(). */
static inline struct image *kit_image(uint32_t window_ms, void **ret_data)
{
	struct image_builder *b = kit_builder(window_ms);
	struct image *im;
	size_t len;

	if (image_builder_finish(b, ret_data, &len) < 0 || image_view(*ret_data, len, &im) < 0)
		abort();
	image_builder_free(b);
	return im;
}

static inline struct sandbox kit_sandbox(uint16_t slot, enum sandbox_kind kind, const char *name, const char *policy)
{
	struct sandbox s = {.slot = slot, .kind = (uint8_t)kind, .n_selectors = 1};

	strncpy(s.name, name, sizeof(s.name) - 1);
	strncpy(s.policy, policy, sizeof(s.policy) - 1);
	return s;
}

#define KIT_ZONE 4321 /* of that one */
#define KIT_SANDBOXES 5 /* the one by cgroup is the last */

static inline void kit_boxes(struct sandbox s[static KIT_SANDBOXES])
{
	s[0] = kit_sandbox(1, SANDBOX_INTERFACE, "one", "ci");
	s[1] = kit_sandbox(2, SANDBOX_SOURCE, "two", "ci");
	s[2] = kit_sandbox(3, SANDBOX_UID, "three", "ci");
	s[3] = kit_sandbox(5, SANDBOX_HOST, "five", "quiet");
	s[4] = kit_sandbox(4, SANDBOX_CGROUP, "four", "quiet");
	strcpy(s[0].selectors[0].ifname, "veth1");
	s[1].n_selectors = 2;
	s[1].selectors[0].source = kit_prefix("192.0.2.16/28");
	s[1].selectors[1].source = kit_prefix("2001:db8:2::/64");
	s[2].selectors[0].uid = 1000;
	s[4].zone = KIT_ZONE;
	strcpy(s[4].selectors[0].cgroup, "box/a");
}

static inline void kit_sandboxes(struct verdict *v, bool with_cgroup)
{
	struct sandbox s[KIT_SANDBOXES];

	kit_boxes(s);
	for (unsigned int i = 0; i < (with_cgroup ? KIT_SANDBOXES : KIT_SANDBOXES - 1); i++)
		if (verdict_set_sandbox(v, &s[i]) < 0)
			abort();
}

/* A TCP segment, UDP datagram or ICMP message with addresses of either family; returns its length. */
static inline size_t kit_packet(uint8_t bytes[static 128], const char *from, const char *to, uint8_t protocol,
	uint16_t port)
{
	struct addr a = kit_addr(from), b = kit_addr(to);
	size_t upper = protocol == PROTOCOL_TCP ? 20 : 8, header = a.family == ADDR_V4 ? 20 : 40, n = addr_bits(&a) / 8;
	uint8_t *u = bytes + header;

	memset(bytes, 0, 128);
	bytes[0] = a.family == ADDR_V4 ? 0x45 : 0x60;
	bytes[a.family == ADDR_V4 ? 3 : 5] = (uint8_t)(a.family == ADDR_V4 ? header + upper : upper);
	bytes[a.family == ADDR_V4 ? 9 : 6] = protocol;
	memcpy(bytes + (a.family == ADDR_V4 ? 12 : 8), a.bytes, n);
	memcpy(bytes + (a.family == ADDR_V4 ? 16 : 24), b.bytes, n);
	if (!packet_protocol_has_ports(protocol)) {
		u[0] = (uint8_t)port;
		return header + upper;
	}
	u[0] = 40000 >> 8;
	u[1] = 40000 & 0xff;
	u[2] = (uint8_t)(port >> 8);
	u[3] = (uint8_t)port;
	if (protocol == PROTOCOL_UDP)
		u[5] = 8;
	if (protocol == PROTOCOL_TCP) {
		u[12] = 0x50;
		u[13] = TCP_SYN;
	}
	return header + upper;
}

static inline struct msg_pin_note kit_note(uint16_t slot, const char *name, const char *addr, uint64_t expires_ms)
{
	struct msg_pin_note n = {.slot = slot, .expires_ms = expires_ms, .n_addrs = 1, .n_services = 1};

	if (dns_name_from_text(name, &n.name) < 0)
		abort();
	n.addrs[0] = kit_addr(addr);
	n.services[0] = (struct service){PROTOCOL_TCP, 443, 443};
	return n;
}

#endif
