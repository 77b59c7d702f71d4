/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Units and containers in cgroup paths, as the tools of the field write them. */
#include "check.h"

#include "identity.h"

#define ID "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

static const struct {
	const char *path, *unit, *container;
} rows[] = {
	{"/", "", ""},
	{"", "", ""},
	{"system.slice/ssh.service", "ssh.service", ""},
	{"user.slice/user-1000.slice/user@1000.service/app.slice/app-editor.scope", "app-editor.scope", ""},
	{"user.slice/user-1000.slice/session-3.scope", "session-3.scope", ""},
	{"system.slice/docker-" ID ".scope", "", ID},
	{"docker/" ID, "", ID},
	{"system.slice/docker.service", "docker.service", ""},
	{"machine.slice/libpod-" ID ".scope/container", "", ID},
	{"kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod1234.slice/cri-containerd-" ID ".scope", "", ID},
	{"kubepods/burstable/pod0d6a2c33-1111-2222-3333-444444444444/" ID, "", ID},
	{"kubepods.slice/crio-" ID ".scope", "", ID},
	{"system.slice/nerdctl-" ID ".scope", "", ID},
	{"lxc.payload.web1/system.slice/cron.service", "cron.service", "web1"},
	{"machine.slice/machine-deb12.scope", "", "deb12"},
	{"docker/" ID "/system.slice/nginx.service", "nginx.service", ID},
	{"docker/0123456789ABCDEF0123456789abcdef0123456789abcdef0123456789abcdef", "", ""},
	{"docker/" ID "0", "", ""},
	{"docker-/.scope/.service", "", ""},
	{"//a.service//b.scope/", "b.scope", ""},
};

static const struct {
	const char *text, *container;
} line_rows[] = {
	{"0::/\n", ""},
	{"12:pids:/docker/" ID "\n0::/\n", ID},
	{"1:name=systemd:/docker/" ID, ID},
	{"12:cpu,cpuacct:/a\n11:memory:/kubepods/pod1/" ID "\n", ID},
	{"no colons at all\n:\n::\n:::\n", ""},
	{"", ""},
};

int main(void)
{
	struct attribution by;
	char longer[4096];

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		check_row(rows[i].path);
		by = (struct attribution){0};
		identity_from_path(rows[i].path, &by);
		CHECK_STR(by.unit, rows[i].unit);
		CHECK_STR(by.container, rows[i].container);
	}
	for (size_t i = 0; i < ARRAY_LEN(line_rows); i++) {
		check_row(line_rows[i].text);
		by = (struct attribution){0};
		identity_from_lines(line_rows[i].text, &by);
		CHECK_STR(by.container, line_rows[i].container);
	}
	check_row("long parts");
	memset(longer, 'x', sizeof(longer));
	memcpy(longer, "lxc.payload.", 12);
	memcpy(longer + 2000, "/", 1);
	memcpy(longer + sizeof(longer) - 9, ".service", 9);
	by = (struct attribution){0};
	identity_from_path(longer, &by);
	CHECK(strlen(by.container) == sizeof(by.container) - 1 && strlen(by.unit) == sizeof(by.unit) - 1);
	return check_report();
}
