/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * postern-policy as a program: its exit codes and files by hand, and as a child on a channel with its system call
 * filter on. usage: test_policy_service POSTERN-POLICY
 */
#include "anchor_state.h"
#include "compile_kit.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#include "postern/channel.h"
#include "postern/counters.h"

static const char *program;
static char program_path[4096];

#define WAIT_MS 30000

/* Runs a shell command; its exit status. */
static int run(const char *command)
{
	char line[8192];
	int status;

	snprintf(line, sizeof(line), "%s %s", program, command);
	status = system(line);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static bool exists(const char *path)
{
	return access(path, F_OK) == 0;
}

static void write_good(void)
{
	kit_write("postern.conf", "policies = \"[p].con[f]\";\nupstreams = \"192.0.2.53\";\n"
		"sandboxes = ( { name = \"a\"; policy = \"p\"; host = true; } );\n");
	kit_write("p.conf", "name = \"p\"; @include \"i.inc\"\nlists: { l = { file = \"list.txt\"; }; };\ndns = ( { name = \"r\"; priority = 1; "
		"action = \"ALLOW\"; domains = [ \"@l\", \"*.com\" ]; ports = \"tcp/443\"; } );\n");
	kit_write("i.inc", "refusal = \"drop\";\n");
	kit_write("list.txt", "b\xc3\xbc" "cher.example\nexample.com\n");
}

static void test_by_hand(void)
{
	struct image *im;
	int fd;

	write_good();
	CHECK(run("--config postern.conf 2>err") == 0);
	CHECK(run("--config postern.conf --check 2>err") == 0);
	CHECK(run("--config postern.conf --output image 2>err") == 0 && exists("image"));
	fd = open("image", O_RDONLY);
	CHECK(image_map(fd, &im) == 0);
	CHECK(image_n_sandboxes(im) == 1 && image_n_files(im) == 4);
	image_unmap(im);
	close(fd);
	CHECK(run("--config postern.conf --output-fd 9 9<>other 2>err") == 0);
	CHECK(system("test \"$(wc -c <other)\" = \"$(wc -c <image)\"") == 0);
	/* an error leaves the image that was there, and nothing else */
	kit_write("p.conf", "name = \"p\";\nbad = 1;\n");
	CHECK(run("--config postern.conf --output image 2>err") == 1 && exists("image"));
	CHECK(system("grep -q '^p.conf:2: a policy has no setting \"bad\": remove it$' err") == 0);
	CHECK(run("--config postern.conf --output new 2>err") == 1 && !exists("new"));
	CHECK(system("test -z \"$(ls | grep '[.]new$')\"") == 0);
	CHECK(run("--config none.conf 2>err") == 1);
	write_good();
	CHECK(run("--config postern.conf --output none/image 2>err") == 1);
	CHECK(system("grep -q 'cannot be written' err") == 0);
	CHECK(run("--bad 2>/dev/null") == 2 && run("file 2>/dev/null") == 2 && run("--output-fd 77 2>/dev/null") == 2);
	CHECK(run("--output a --output-fd 1 2>/dev/null") == 2 && run("--help >/dev/null") == 0 && run("--version >/dev/null") == 0);
}

struct child {
	pid_t pid;
	struct channel channel;
};

static struct child start(void)
{
	struct child c;
	int fds[2];

	CHECK(channel_pair(fds) == 0);
	c.pid = fork();
	if (c.pid == 0) {
		if (dup2(fds[1], CHANNEL_FD) < 0 || prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
			_exit(9);
		execl(program, program, "--config", "postern.conf", "--channel", (char *)NULL);
		_exit(9);
	}
	close(fds[1]);
	channel_init(&c.channel, fds[0], ROLE_GATE, ROLE_POLICY);
	return c;
}

/* The next message's type, or -1; its body in @m. */
static int next(struct child *c, union message_buffer *m)
{
	struct pollfd p = {.fd = c->channel.fd, .events = POLLIN};
	int fds[CHANNEL_FDS_MAX];

	if (poll(&p, 1, WAIT_MS) <= 0 || channel_recv(&c->channel, m, fds) != 1)
		return -1;
	return m->h.type;
}

static void ask(struct child *c, uint32_t seq, const int *fds)
{
	struct msg_plain m = {.h.seq = seq};

	CHECK(channel_send(&c->channel, fds ? MSG_COMPILE : MSG_PING, &m, fds, fds ? 2 : 0) == 0);
}

static struct msg_compiled compiled(struct child *c, uint32_t seq)
{
	union message_buffer m;
	struct msg_compiled r = {.n_errors = 999};

	CHECK(next(c, &m) == MSG_COMPILED);
	memcpy(&r, &m, sizeof(r));
	CHECK(r.h.seq == seq);
	return r;
}

static void files(int ret_fds[static 2])
{
	ret_fds[0] = memfd_create("image", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	ret_fds[1] = memfd_create("diagnostics", MFD_CLOEXEC);
}

static void test_channel(void)
{
	struct child c;
	union message_buffer m;
	struct msg_compiled r;
	struct image *im;
	int fds[2], status;
	uint32_t compile_seq = 7;
	char text[512] = "";

	write_good();
	c = start();
	CHECK(next(&c, &m) == MSG_READY);
	ask(&c, 5, NULL);
	CHECK(next(&c, &m) == MSG_PONG && m.h.seq == 5);
	files(fds);
	ask(&c, 6, fds);
	r = compiled(&c, 6);
	CHECK(r.n_errors == 0 && r.n_warnings == 1);
	CHECK(pread(fds[1], text, sizeof(text) - 1, 0) > 0 && strstr(text, "p.conf:3: warning: \"*.com\"") == text);
	/* the worker has let go of the file: it can be sealed */
	CHECK(fcntl(fds[0], F_ADD_SEALS, F_SEAL_WRITE | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) == 0);
	CHECK(image_map(fds[0], &im) == 0);
	image_unmap(im);
	close(fds[0]);
	close(fds[1]);
	kit_write("p.conf", "name = \"p\"\n;;");
	files(fds);
	ask(&c, 7, fds);
	ask(&c, 8, fds); /* waits for its turn */
	ask(&c, 9, NULL);
	/* the answer to the ping comes before, between or after the others, as the worker is fast or slow */
	for (int i = 0; i < 3; i++) {
		int type = next(&c, &m);

		CHECK(m.h.seq == (type == MSG_PONG ? 9 : type == MSG_COMPILED ? compile_seq++ : 0));
		memcpy(&r, &m, sizeof(r));
		CHECK(type == MSG_PONG || r.n_errors == 1);
	}
	CHECK(compile_seq == 9);
	close(fds[0]);
	close(fds[1]);
	ask(&c, 10, NULL);
	CHECK(next(&c, &m) == MSG_PONG);
	CHECK(((const struct msg_pong *)(const void *)&m)->counters[COUNTER_POLICY_compiles] == 3);
	channel_fini(&c.channel); /* posternd ends, and so does it */
	CHECK(waitpid(c.pid, &status, 0) == c.pid && WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

/* The error with which the state was kept. */
static int kept(struct child *c, const struct msg_anchors_keep *m)
{
	struct msg_anchors_kept r = {.error = 1};
	union message_buffer b;

	if (next(c, &b) != MSG_ANCHORS_KEPT || b.h.seq != m->h.seq)
		return 1;
	memcpy(&r, &b, sizeof(r));
	return r.error;
}

/* The state of trust anchors is written by a worker, behind the filter, and read by the next compile. */
static void test_anchors(const char *folder)
{
	struct msg_anchors_keep m = {.h.seq = 11, .anchors = {.n_zones = 1, .n_keys = 1, .zones[0].name.len = 1}};
	struct anchors again;
	const char *why = "";
	union message_buffer b;
	struct child c = start();
	int status;

	m.anchors.keys[0].ds = (struct anchor_ds){1, 8, 2, 32, {1}};
	snprintf(m.directory, sizeof(m.directory), "%s/none", folder);
	CHECK(next(&c, &b) == MSG_READY);
	CHECK(channel_send(&c.channel, MSG_ANCHORS_KEEP, &m, NULL, 0) == 0 && kept(&c, &m) == -ENOENT);
	CHECK(mkdir("state", 0755) == 0);
	snprintf(m.directory, sizeof(m.directory), "%s/state", folder);
	kit_write("state/anchors", "no such file");
	CHECK(channel_send(&c.channel, MSG_ANCHORS_KEEP, &m, NULL, 0) == 0 && kept(&c, &m) == 0);
	CHECK(anchor_file_load("state", &again, &why) == ANCHOR_FILE_GOOD && again.n_keys == 1 && exists("state/anchors.bad"));
	/* what is not valid is out of protocol */
	m.anchors.n_keys = ANCHOR_KEYS_MAX + 1;
	CHECK(channel_send(&c.channel, MSG_ANCHORS_KEEP, &m, NULL, 0) == 0);
	CHECK(waitpid(c.pid, &status, 0) == c.pid && WIFEXITED(status) && WEXITSTATUS(status) == 1);
	channel_fini(&c.channel);
	CHECK(system("rm -r state") == 0);
}

/* A message that the table does not allow ends the process. */
static void test_protocol(void)
{
	struct child c;
	union message_buffer m;
	struct msg_plain wrong = {.h = {.type = MSG_RELOAD, .size = sizeof(wrong)}};
	int status;

	c = start();
	CHECK(next(&c, &m) == MSG_READY);
	CHECK(write(c.channel.fd, &wrong, sizeof(wrong)) == sizeof(wrong));
	CHECK(waitpid(c.pid, &status, 0) == c.pid && WIFEXITED(status) && WEXITSTATUS(status) == 1);
	channel_fini(&c.channel);
}

int main(int argc, char **argv)
{
	struct kit k;

	if (argc != 2 || !realpath(argv[1], program_path)) {
		fprintf(stderr, "usage: %s POSTERN-POLICY\n", argv[0]);
		return 2;
	}
	program = program_path;
	kit_init(&k);
	test_by_hand();
	test_channel();
	test_protocol();
	test_anchors(k.folder);
	kit_fini(&k);
	return check_report();
}
