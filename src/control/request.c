/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A table says which members an op takes. What it does not list is an error: a misspelt member must never
 * be passed over in silence, least of all in a request that opens something.
 *
 * jansson bounds nesting itself (JSON_PARSER_MAX_DEPTH) and refuses NUL in strings and invalid UTF-8; the line's
 * length bounds the rest.
 */
#include "request.h"

#include <errno.h>
#include <jansson.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>

#include "postern/escape.h"

#define CAN(op) (1u << OP_##op)
#define SELECTING CAN(SANDBOX_ADD)

struct reading {
	const json_t *value;
	struct request *request;
	char *error; /* REQUEST_ERROR_MAX bytes */
};

static int say(const struct reading *r, const char *text)
{
	snprintf(r->error, REQUEST_ERROR_MAX, "%s", text);
	return -EINVAL;
}

static const char *const ops[] = {
	[OP_STATUS] = "status", [OP_COUNTERS] = "counters", [OP_PINS] = "pins", [OP_SANDBOXES] = "sandboxes",
	[OP_SANDBOX_ADD] = "sandbox-add", [OP_SANDBOX_REMOVE] = "sandbox-remove", [OP_RELOAD] = "reload",
};
static_assert(ARRAY_LEN(ops) == OP_COUNT, "a word for every op");

const char *request_op_text(enum request_op op)
{
	return ops[op];
}

void request_setup(void)
{
	size_t seed = 0;

	while (seed == 0)
		if (getrandom(&seed, sizeof(seed), 0) != (ssize_t)sizeof(seed))
			seed = 0;
	json_object_seed(seed);
}

static int read_op(const struct reading *r)
{
	(void)r; /* read before all others: it decides which members there may be */
	return 0;
}

static int read_id(const struct reading *r)
{
	const char *text = json_string_value(r->value);

	if (!text || strlen(text) >= REQUEST_ID_MAX || !*text)
		return say(r, "\"id\": has to be a string of 1 to 63 bytes");
	memcpy(r->request->id, text, strlen(text) + 1);
	return 0;
}

static int read_sandbox_name(const struct reading *r, const char *error, char ret_name[static SANDBOX_NAME_MAX])
{
	const char *text = json_string_value(r->value);

	if (!text || !sandbox_name_valid(text))
		return say(r, error);
	memcpy(ret_name, text, strlen(text) + 1);
	return 0;
}

static int read_name(const struct reading *r)
{
	return read_sandbox_name(r, "\"name\": 1 to 63 of A-Z a-z 0-9 . _ -, a letter or digit first",
		r->request->sandbox.name);
}

static int read_policy(const struct reading *r)
{
	return read_sandbox_name(r, "\"policy\": has to be the name of a policy that posternd has loaded",
		r->request->sandbox.policy);
}

static int read_mode(const struct reading *r)
{
	const char *text = json_string_value(r->value);
	enum sandbox_mode mode = text ? sandbox_mode_parse(text) : SANDBOX_MODE_COUNT;

	if (mode == SANDBOX_MODE_COUNT)
		return say(r, "\"mode\": has to be \"enforce\" or \"audit\"");
	r->request->sandbox.mode = (uint8_t)mode;
	return 0;
}

static int read_fail_open(const struct reading *r)
{
	if (!json_is_boolean(r->value))
		return say(r, "\"fail_open\": has to be true or false");
	r->request->sandbox.fail_open = json_is_true(r->value);
	return 0;
}

static int read_interface(const json_t *value, struct selector *s)
{
	const char *text = json_string_value(value);

	if (!text || strlen(text) >= sizeof(s->ifname))
		return -EINVAL;
	memcpy(s->ifname, text, strlen(text) + 1);
	return 0;
}

static int read_source(const json_t *value, struct selector *s)
{
	const char *text = json_string_value(value);

	return text ? prefix_parse(text, &s->source) : -EINVAL;
}

static int read_cgroup(const json_t *value, struct selector *s)
{
	const char *text = json_string_value(value);

	while (text && *text == '/')
		text++;
	if (!text || strlen(text) >= sizeof(s->cgroup))
		return -EINVAL;
	memcpy(s->cgroup, text, strlen(text) + 1);
	return 0;
}

static int read_uid(const json_t *value, struct selector *s)
{
	json_int_t n = json_integer_value(value);

	if (!json_is_integer(value) || n < 0 || n >= UINT32_MAX)
		return -EINVAL;
	s->uid = (uint32_t)n;
	return 0;
}

static int read_host(const json_t *value, struct selector *s)
{
	(void)s;
	return json_is_true(value) ? 0 : -EINVAL;
}

static const struct {
	int (*read)(const json_t *value, struct selector *s);
	const char *error;
} kinds[] = {
	[SANDBOX_INTERFACE] = {read_interface, "\"interface\": has to be an interface name of at most 15 bytes"},
	[SANDBOX_SOURCE] = {read_source, "\"source\": has to be an address or prefix with no host bits set"},
	[SANDBOX_CGROUP] = {read_cgroup, "\"cgroup\": has to be a path below the cgroup2 mount, without \"..\""},
	[SANDBOX_UID] = {read_uid, "\"uid\": has to be a number"},
	[SANDBOX_HOST] = {read_host, "\"host\": has to be true"},
};
static_assert(ARRAY_LEN(kinds) == SANDBOX_KIND_COUNT, "a reader for every kind");

/* One selector, or an array of up to SELECTORS_MAX of the same kind. */
static int read_selectors(const struct reading *r, enum sandbox_kind kind)
{
	struct sandbox *s = &r->request->sandbox;
	bool many = json_is_array(r->value);
	size_t n = many ? json_array_size(r->value) : 1;

	if (s->n_selectors)
		return say(r, "give one of interface, source, cgroup, uid, host");
	if (n == 0 || n > SELECTORS_MAX)
		return say(r, "1 to 4 selectors of one kind");
	for (size_t i = 0; i < n; i++)
		if (kinds[kind].read(many ? json_array_get(r->value, i) : r->value, &s->selectors[i]) < 0)
			return say(r, kinds[kind].error);
	s->kind = (uint8_t)kind;
	s->n_selectors = (uint8_t)n;
	return sandbox_valid(s) ? 0 : say(r, kinds[kind].error); /* name and policy were read before */
}

#define READ_KIND(kind) \
	static int read_selectors_##kind(const struct reading *r) { return read_selectors(r, SANDBOX_##kind); }
READ_KIND(INTERFACE)
READ_KIND(SOURCE)
READ_KIND(CGROUP)
READ_KIND(UID)
READ_KIND(HOST)

/* In the order in which they are read. */
static const struct {
	const char *name;
	unsigned int needed_by, allowed_in; /* masks of ops */
	int (*read)(const struct reading *r);
} members[] = {
	{"id", 0, ~0u, read_id},
	{"op", 0, ~0u, read_op},
	{"name", CAN(SANDBOX_ADD) | CAN(SANDBOX_REMOVE), CAN(SANDBOX_ADD) | CAN(SANDBOX_REMOVE), read_name},
	{"sandbox", 0, CAN(PINS) | CAN(SANDBOXES), read_name},
	{"policy", CAN(SANDBOX_ADD), CAN(SANDBOX_ADD), read_policy},
	{"mode", 0, SELECTING, read_mode},
	{"fail_open", 0, SELECTING, read_fail_open},
	{"interface", 0, SELECTING, read_selectors_INTERFACE},
	{"source", 0, SELECTING, read_selectors_SOURCE},
	{"cgroup", 0, SELECTING, read_selectors_CGROUP},
	{"uid", 0, SELECTING, read_selectors_UID},
	{"host", 0, SELECTING, read_selectors_HOST},
};

static bool known_member(const char *key)
{
	for (size_t i = 0; i < ARRAY_LEN(members); i++)
		if (strcmp(members[i].name, key) == 0)
			return true;
	return false;
}

static int check_keys(json_t *root, const struct reading *r)
{
	char safe[REQUEST_ID_MAX];
	const char *key;
	json_t *value;

	json_object_foreach(root, key, value) {
		if (known_member(key))
			continue;
		escape_bytes(safe, sizeof(safe), key, strlen(key));
		snprintf(r->error, REQUEST_ERROR_MAX, "unknown member \"%s\": see postern-control(7)", safe);
		return -EINVAL;
	}
	return 0;
}

static int find_op(json_t *root, const struct reading *r)
{
	const char *text = json_string_value(json_object_get(root, "op"));
	unsigned int op = 0;

	while (text && op < OP_COUNT && strcmp(ops[op], text) != 0)
		op++;
	if (!text || op == OP_COUNT)
		return say(r, "\"op\": has to be one of status, counters, pins, sandboxes, sandbox-add, sandbox-remove, reload");
	r->request->op = (enum request_op)op;
	return 0;
}

static int read_member(json_t *root, struct reading *r, size_t i)
{
	unsigned int op = 1u << r->request->op;

	r->value = json_object_get(root, members[i].name);
	if (!r->value) {
		if (!(members[i].needed_by & op))
			return 0;
		snprintf(r->error, REQUEST_ERROR_MAX, "\"%s\" is missing", members[i].name);
		return -EINVAL;
	}
	if (!(members[i].allowed_in & op)) {
		snprintf(r->error, REQUEST_ERROR_MAX, "\"%s\" has no meaning in this request", members[i].name);
		return -EINVAL;
	}
	return members[i].read(r);
}

static int read_object(json_t *root, struct reading *r)
{
	int rc = read_member(root, r, 0); /* the id first: an error reply repeats it */

	if (rc == 0)
		rc = find_op(root, r);
	if (rc == 0)
		rc = check_keys(root, r);
	for (size_t i = 1; rc == 0 && i < ARRAY_LEN(members); i++)
		rc = read_member(root, r, i);
	if (rc == 0 && r->request->op == OP_SANDBOX_ADD && r->request->sandbox.n_selectors == 0)
		rc = say(r, "say what selects the sandbox: interface, source, cgroup, uid, or host");
	return rc;
}

int request_parse(const char *line, size_t len, struct request *ret_request, char ret_error[static REQUEST_ERROR_MAX])
{
	struct request parsed = {.sandbox = {.runtime = true, .slot = SANDBOX_NONE}};
	struct reading r = {.request = &parsed, .error = ret_error};
	json_t *root = json_loadb(line, len, JSON_REJECT_DUPLICATES, NULL);
	int rc;

	if (json_is_object(root))
		rc = read_object(root, &r);
	else
		rc = say(&r, "not a JSON object on one line");
	json_decref(root);
	if (rc == 0)
		*ret_request = parsed;
	else {
		memset(ret_request, 0, sizeof(*ret_request));
		memcpy(ret_request->id, parsed.id, sizeof(parsed.id));
	}
	return rc;
}
