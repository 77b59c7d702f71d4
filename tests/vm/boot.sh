#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# Runs in the guest that boot.py makes, as a service of its systemd: is what the units promise true?
# One line a promise, "ok" or "FAIL"; ends the guest itself.
failed=0
export PATH=/usr/sbin:/usr/bin

ok() { echo "ok    $1"; }
bad() { echo "FAIL  $1"; failed=$((failed + 1)); }
# check WHAT COMMAND... : the command's exit code decides
check() {
	what=$1
	shift
	if "$@" >/tmp/out 2>&1; then ok "$what"; else bad "$what"; sed 's/^/        /' /tmp/out; fi
}
# within SECONDS COMMAND... : becomes true in that time
within() {
	end=$(($(date +%s) + $1))
	shift
	until "$@" >/tmp/last 2>&1; do
		[ "$(date +%s)" -lt "$end" ] || { cat /tmp/last; return 1; }
		sleep 0.5
	done
}
finish() {
	if [ $failed != 0 ]; then
		echo "---- the journal"
		journalctl -b -o short-monotonic --no-pager -u postern-rules -u posternd -u nftables | tail -n 80
		journalctl -b -k --no-pager -o short-monotonic | tail -n 30
	fi
	echo "POSTERN-VM-EXIT $((failed != 0))"
	sleep 1
	systemctl poweroff --force --force
}


# ---- what is asked more than once
property() { systemctl show -P "$2" "$1"; }
is() { [ "$(property "$1" "$2")" = "$3" ] || { echo "$1: $2=$(property "$1" "$2"), not $3"; return 1; }; }
started_before() {
	first=$(property "$1" ActiveEnterTimestampMonotonic)
	second=$(property "$2" ActiveEnterTimestampMonotonic)
	echo "$1 at $first us, $2 at $second us"
	[ "$first" -gt 0 ] && [ "$second" -gt "$first" ]
}
gate() { property posternd.service MainPID; }
another_gate() { [ "$(gate)" != "$1" ] && [ "$(gate)" != 0 ] && is posternd.service ActiveState active; }
table_stands() { nft list chain inet postern miss; }
queue_rule() { nft list chain inet postern miss | grep -w queue; }
generation() { postern --json status | tr ',' '\n' | sed -n 's/.*"generation": *\([0-9]*\).*/\1/p' | head -n 1; }
generation_is() { echo "generation $(generation)"; [ "$(generation)" = "$1" ]; }
healthy() { is posternd.service ActiveState active && postern status && queue_rule && element; }
element() { nft list set inet postern sandbox_iface | grep -w veth7; }
no_process() { ! pgrep -l '^postern'; }

# ---- a sandbox behind veth7 and somebody outside who counts what reaches him
network() {
	ip netns add box && ip netns add outside &&
	ip link add veth7 type veth peer name eth0 netns box && ip link add veth8 type veth peer name eth0 netns outside &&
	ip addr add 192.0.2.1/24 dev veth7 && ip addr add 203.0.113.1/24 dev veth8 && ip link set veth7 up && ip link set veth8 up &&
	ip -n box addr add 192.0.2.2/24 dev eth0 && ip -n box link set eth0 up && ip -n box route add default via 192.0.2.1 &&
	ip -n outside addr add 203.0.113.99/24 dev eth0 && ip -n outside link set eth0 up &&
	ip -n outside route add default via 203.0.113.1 &&
	sysctl -qw net.ipv4.ip_forward=1 &&
	ip netns exec outside nft -f - <<-END
	table ip count {
		chain input {
			type filter hook input priority 0;
			tcp dport 443 counter
			udp dport 123 counter
			udp dport 9998 counter
			udp dport 9999 counter
		}
	}
	END
}
arrived() { ip netns exec outside nft list chain ip count input | sed -n "s/.*dport $1 counter packets \([0-9]*\) .*/\1/p"; }
try() {
	case $1 in
	443) ip netns exec box timeout 3 bash -c 'echo >/dev/tcp/203.0.113.99/443' ;;
	*) ip netns exec box bash -c "echo >/dev/udp/203.0.113.99/$1" ;;
	esac
} 2>/dev/null
shut() {
	before=$(arrived 443)
	try 443
	echo "packets to 443 that got out: $before, then $(arrived 443)"
	[ "$(arrived 443)" = "$before" ]
}
passes() {
	before=$(arrived "$1")
	try "$1"
	sleep 0.5
	echo "packets to $1 that got out: $before, then $(arrived "$1")"
	[ "$(arrived "$1")" -gt "$before" ]
}
as_policy_says() { shut && passes 123; }

# ---- boot
check "the system comes up with no failed unit" systemctl is-system-running --wait
check "postern-rules.service is active" is postern-rules.service ActiveState active
check "the ruleset is there before network-pre.target" started_before postern-rules.service network-pre.target
check "who waits for network-pre.target finds the table" grep -x 'table inet postern' /run/at-network-pre
check "nftables.service, which flushes, came before it" started_before nftables.service postern-rules.service
check "posternd.service is ready" is posternd.service ActiveState active
check "... at the first attempt" is posternd.service NRestarts 0
check "... its status text counts" is posternd.service StatusText "1 policies, 1 sandboxes"
for p in posternd policy resolver verdict attribute audit control; do
	user=postern-${p#postern-}
	[ $p = posternd ] && user=postern-gate
	check "a process of user $user" pgrep -u "$user" '^postern'
done
check "postern-standby waits" pgrep -u postern-tls '^postern-standby'
check "the filters of systemd and of posternd are on" grep -E 'Seccomp_filters:[[:space:]]*([2-9]|[1-9][0-9])' "/proc/$(gate)/status"
check "the gate keeps CAP_NET_ADMIN only" grep -E 'CapEff:[[:space:]]*0000000000001000' "/proc/$(gate)/status"
check "postern status" postern status
check "postern doctor finds no problem" postern doctor
tail -n 1 /tmp/out
check "a small network" network
check "what the policy says" as_policy_says

# ---- reload
check "reload: asked" systemctl reload posternd
check "reload: taken" within 20 generation_is 2
echo 'name = "agent"; dns = ( { name = ' >/etc/postern/policies/agent.conf.new
cp /etc/postern/policies/agent.conf /tmp/agent.conf
mv /etc/postern/policies/agent.conf.new /etc/postern/policies/agent.conf
systemctl reload posternd
sleep 3
check "reload of a broken policy: the old one stays" generation_is 2
check "... and holds" as_policy_says
cp /tmp/agent.conf /etc/postern/policies/agent.conf
started=$(gate)
cp /etc/postern/postern.conf /tmp/postern.conf
echo 'forward = ( { zone = "tls.example"; to = ( { address = "192.0.2.53"; tls = "dns.example"; ca = "dns-ca.pem"; } ); } );' >>/etc/postern/postern.conf
check "no postern-tls without an upstream over TLS" sh -c '! pgrep "^postern-tls"'
systemctl reload posternd
check "reload with an upstream over TLS: postern-tls is started" within 20 pgrep -u postern-tls '^postern-tls'
check "... with the filters of systemd, postern-standby and its own" grep -E 'Seccomp_filters:[[:space:]]*([3-9]|[1-9][0-9])' "/proc/$(pgrep '^postern-tls')/status"
check "... and the policy holds" as_policy_says
cp /tmp/postern.conf /etc/postern/postern.conf
systemctl reload posternd
check "reload without: it ends" within 20 sh -c '! pgrep "^postern-tls"'
check "... and the daemon is the same" [ "$started" = "$(gate)" ]

# ---- log
logrotate -d /etc/logrotate.d/postern >/tmp/logrotate 2>&1
check "logrotate reads its file" sh -c '! grep -i error /tmp/logrotate && grep -q "considering log /var/log/postern/audit.jsonl" /tmp/logrotate'
check "logrotate -f" logrotate -f -s /tmp/logrotate.status /etc/logrotate.d/postern
check "... sets the file aside under a date" sh -c 'ls /var/log/postern/audit.jsonl-2*'
check "... and the next event is in a new file" within 20 sh -c 'test -s /var/log/postern/audit.jsonl'

# ---- watchdog
stopped=$(gate)
kill -STOP "$stopped"
check "a stopped posternd: the gate is shut meanwhile" shut
check "a stopped posternd: another one runs" within 60 another_gate "$stopped"
check "... because of the watchdog" sh -c 'journalctl -b -u posternd --no-pager | grep -i "watchdog timeout"'
check "... healthy" within 20 healthy
check "... and the policy holds" as_policy_says
stopped=$(gate)
kill -STOP "$(pgrep -u postern-resolver)"
check "a stopped child: the whole daemon starts anew" within 60 another_gate "$stopped"
check "... healthy" within 20 healthy

# ---- stop
# What packets themselves put into a set (flags dynamic: flows, meters, sources looked up) comes and goes with them.
listing() {
	nft -s list ruleset | awk '/^\tset /{dynamic=0} /^\t\tflags .*dynamic/{dynamic=1} dynamic && /^\t\telements = /{skip=1} !skip; /}$/{skip=0}'
}
listing >/tmp/before
check "stop" systemctl stop posternd
check "stop: no process is left" no_process
check "stop: ended as asked" is posternd.service ExecMainStatus 0
check "stop: the unit has not failed" is posternd.service Result success
listing >/tmp/after
check "stop: every rule and element is there" diff /tmp/before /tmp/after
check "stop: shut" shut
check "stop postern-rules" systemctl stop postern-rules
listing >/tmp/after
check "... changes nothing" diff /tmp/before /tmp/after
check "start" systemctl start posternd
check "start: healthy" within 20 healthy
check "start: the policy holds" as_policy_says

# ---- others flush the ruleset
# The sandbox keeps trying one port: how many packets got out is said
port=9999
flood() { ip netns exec box bash -c 'until [ -e /tmp/enough ]; do echo >/dev/udp/203.0.113.99/$1; n=$((n + 1)); done 2>/dev/null; echo "$n"' flood "$port"; }
under_flood() {
	rm -f /tmp/enough
	already=$(arrived $port)
	flood >/tmp/sent &
	check "$*" "$@"
	sleep 2
	: >/tmp/enough
	wait $!
	out=$(($(arrived $port) - already))
	echo "      of $(cat /tmp/sent) packets that were sent the while, $out got out"
}
none_got_out() { echo "$out of $(cat /tmp/sent)"; [ "$out" = 0 ] && [ "$(cat /tmp/sent)" -gt 100 ]; }
# Not judged: with a flush alone it takes posternd to put the table back, and the machine is emulated.
same=$(gate)
for verb in restart stop start reload; do
	under_flood systemctl $verb nftables
	check "... posternd is healthy" within 20 healthy
	check "... it is the same posternd" [ "$(gate)" = "$same" ]
	check "... the policy holds" as_policy_says
done
nft flush ruleset
check "nft flush ruleset: healthy again" within 20 healthy
check "... the policy holds" as_policy_says

# As posternd(8) says: flush and ruleset are one transaction.
printf 'flush ruleset\ninclude "/usr/share/postern/postern.nft"\n' >/etc/nftables.conf
# another port: no flow of before, that got out while the table was gone, can be taken for one that goes on
port=9998
under_flood systemctl reload nftables
check "... no packet got out" none_got_out
check "... posternd is healthy" within 20 healthy
check "... the policy holds" as_policy_says
check "stop posternd" systemctl stop posternd
under_flood systemctl reload nftables
check "... no packet got out" none_got_out
check "... shut" shut
printf 'flush ruleset\n' >/etc/nftables.conf
for verb in restart stop start; do
	check "systemctl $verb nftables, without posternd" systemctl $verb nftables
	[ $verb = stop ] || check "... postern-rules brings the table back" within 20 table_stands
	[ $verb = stop ] || check "... shut" shut
done
check "start" systemctl start posternd
check "... healthy" within 20 healthy
check "... the policy holds" as_policy_says

# ---- the end: without the table it would have got out, so what was looked at above could fail
systemctl stop posternd
nft delete table inet postern
check "without the table it does get out" passes 443
check "no system call was refused" sh -c '! journalctl -b -k --no-pager | grep -E "type=1326|seccomp"'
finish
