/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Keys of pins and sandboxes, as the kernel lists them, read back. Another root process may have written
 * anything of the right length: what key_pin() and key_sandbox() would not make is refused.
 */
#include <errno.h>
#include <string.h>
#include <sys/socket.h>

#include "keys_private.h"
#include "postern/bytes.h"

struct cursor {
	struct bytes_reader first, last; /* @key and @key_end, in step */
	bool bad;
};

static void open_key(const struct nft_key *k, struct cursor *c)
{
	size_t len = k->len <= NFT_KEY_SIZE_MAX ? k->len : 0;

	bytes_reader_init(&c->first, k->key, len);
	bytes_reader_init(&c->last, k->shape == NFT_POINT ? k->key : k->key_end, len);
	c->bad = len == 0;
}

static void take(struct cursor *c, void *ret_first, void *ret_last, size_t len)
{
	bytes_read_copy(&c->first, ret_first, len);
	bytes_read_copy(&c->last, ret_last, len);
	c->bad |= c->first.failed || c->last.failed;
}

/* A field that is no range, @padding zero bytes behind it. */
static void take_value(struct cursor *c, void *ret_value, size_t len, size_t padding)
{
	static const uint8_t zero[4];
	uint8_t last[16], pad[4];

	ASSERT(len <= sizeof(last) && padding <= sizeof(pad));
	take(c, ret_value, last, len);
	c->bad |= memcmp(ret_value, last, len) != 0;
	take(c, pad, last, padding);
	c->bad |= memcmp(pad, zero, padding) != 0 || memcmp(last, zero, padding) != 0;
}

static size_t addr_size(uint8_t family)
{
	return family == ADDR_V4 ? 4 : 16;
}

static void take_addr(struct cursor *c, uint8_t family, struct addr *ret_addr)
{
	memset(ret_addr, 0, sizeof(*ret_addr));
	ret_addr->family = family;
	take_value(c, ret_addr->bytes, addr_size(family), 0);
}

/* The number of leading bits that @first and @last share, if the rest are all zeros and all ones. */
static bool prefix_len(const uint8_t *first, const uint8_t *last, unsigned int bits, uint8_t *ret_len)
{
	unsigned int len = 0;

#define BIT(p, i) ((p)[(i) / 8] >> (7 - (i) % 8) & 1)
	while (len < bits && BIT(first, len) == BIT(last, len))
		len++;
	for (unsigned int i = len; i < bits; i++)
		if (BIT(first, i) != 0 || BIT(last, i) != 1)
			return false;
#undef BIT
	*ret_len = (uint8_t)len;
	return true;
}

static void take_prefix(struct cursor *c, uint8_t family, struct prefix *ret_prefix)
{
	uint8_t last[16];
	size_t size = addr_size(family);

	memset(ret_prefix, 0, sizeof(*ret_prefix));
	ret_prefix->addr.family = family;
	take(c, ret_prefix->addr.bytes, last, size);
	c->bad |= !prefix_len(ret_prefix->addr.bytes, last, (unsigned int)size * 8, &ret_prefix->len);
}

static void take_ifname(struct cursor *c, char ret_name[static SELECTOR_IFNAME_MAX])
{
	static const char zero[SELECTOR_IFNAME_MAX];
	size_t len;

	take_value(c, ret_name, SELECTOR_IFNAME_MAX, 0);
	len = strnlen(ret_name, SELECTOR_IFNAME_MAX);
	c->bad |= len == 0 || len == SELECTOR_IFNAME_MAX ||
		memcmp(ret_name + len, zero, SELECTOR_IFNAME_MAX - len) != 0;
}

static void take_selector(struct cursor *c, uint8_t family, struct key_pin *p)
{
	switch ((enum key_kind)p->kind) {
	case KEY_IFACE:
		take_ifname(c, p->selector.ifname);
		break;
	case KEY_SOURCE:
		take_addr(c, family, &p->selector.source.addr);
		p->selector.source.len = addr_bits(&p->selector.source.addr);
		break;
	case KEY_PREFIX:
		take_prefix(c, family, &p->selector.source);
		break;
	case KEY_CGROUP:
		take_value(c, &p->selector.cgroup_id, sizeof(p->selector.cgroup_id), 0);
		break;
	case KEY_UID:
		take_value(c, &p->selector.uid, sizeof(p->selector.uid), 0);
		break;
	case KEY_HOST:
	case KEY_KIND_COUNT:
		break;
	}
}

static bool find_set(const char *const sets[2][KEY_KIND_COUNT], const char *set, uint8_t *ret_family,
	uint8_t *ret_kind)
{
	for (uint8_t f = 0; f < 2; f++)
		for (uint8_t kind = 0; kind < KEY_KIND_COUNT; kind++)
			if (strcmp(sets[f][kind], set) == 0) {
				*ret_family = f ? ADDR_V6 : ADDR_V4;
				*ret_kind = kind;
				return true;
			}
	return false;
}

static int finish(const struct cursor *c)
{
	return c->bad || bytes_left(&c->first) ? -EBADMSG : 0;
}

int key_pin_decode(const struct nft_key *key, struct key_pin *ret_pin)
{
	struct cursor c;
	uint8_t port[2];

	memset(ret_pin, 0, sizeof(*ret_pin));
	if (!find_set(keys_pin, key->set, &ret_pin->family, &ret_pin->kind))
		return -EBADMSG;
	open_key(key, &c);
	take_selector(&c, ret_pin->family, ret_pin);
	take_addr(&c, ret_pin->family, &ret_pin->to);
	take_value(&c, &ret_pin->protocol, 1, 3);
	take_value(&c, port, sizeof(port), 2);
	ret_pin->port = (uint16_t)(port[0] << 8 | port[1]);
	return finish(&c);
}

int key_sandbox_decode(const struct nft_key *key, struct key_pin *ret_pin)
{
	struct cursor c;
	uint8_t family, nfproto;

	memset(ret_pin, 0, sizeof(*ret_pin));
	if (!find_set(keys_sandbox, key->set, &family, &ret_pin->kind))
		return -EBADMSG;
	open_key(key, &c);
	take_selector(&c, family, ret_pin);
	if (ret_pin->kind == KEY_SOURCE || ret_pin->kind == KEY_PREFIX)
		ret_pin->family = family;
	if (ret_pin->kind == KEY_HOST) {
		take_value(&c, &nfproto, 1, 0);
		c.bad |= nfproto != AF_INET && nfproto != AF_INET6;
		ret_pin->family = nfproto == AF_INET ? ADDR_V4 : ADDR_V6;
	}
	return finish(&c);
}
