# SPDX-License-Identifier: GPL-2.0-or-later
# Completion of postern(1) for bash. tests/lint/completion.py holds it against `postern help`.

_postern_sandboxes() {
	postern sandbox list --json 2>/dev/null | sed -n 's/.*"name":"\([A-Za-z0-9._-]*\)".*/\1/p'
}

_postern() {
	local word=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD - 1]} command= i
	local common="--json --help --version --socket --config --libexec-dir"
	local kinds="start stop policy policy-failed sandbox dns pin refusal alert cut tamper trust-anchor suppressed"
	local reasons="never-resolved pin-expired blocked-name port-not-allowed protocol-not-allowed always-denied private-address
		ingress no-sandbox malformed flood forged-source no-rule rule redirection rebinding qtype special-name upstream upstream-tls pin-failed quota alert
		overload dns-tunneling dga dictionary-dga bogus"
	local words=

	COMPREPLY=()
	for ((i = 1; i < COMP_CWORD; i++)); do
		case ${COMP_WORDS[i]} in
		check | explain | status | pins | sandbox | reload | audit | doctor | version | help) command=${COMP_WORDS[i]}; break ;;
		esac
	done
	case $before in
	--socket | --config | --rules) COMPREPLY=($(compgen -f -- "$word")); return ;;
	--libexec-dir | --directory) COMPREPLY=($(compgen -d -- "$word")); return ;;
	--sandbox) words=$(_postern_sandboxes) ;;
	--kind) words=$kinds ;;
	--reason) words=$reasons ;;
	--action) words="allow alert block refuse drop would-block" ;;
	--mode) words="enforce audit" ;;
	--since) words="90s 10m 2h 1d" ;;
	--qtype) words="A AAAA MX TXT SRV HTTPS" ;;
	--interface) words=$(ls /sys/class/net 2>/dev/null) ;;
	--lines | -n | --name | --policy | --source | --cgroup | --uid) return ;;
	*)
		case $command in
		'') words="check explain status pins sandbox reload audit doctor version help $common" ;;
		check)
			COMPREPLY=($(compgen -f -X '!*.conf' -- "$word") $(compgen -d -- "$word"))
			words=$common
			;;
		explain) words="--sandbox --policy --qtype $common" ;;
		pins) words="--sandbox $common" ;;
		sandbox)
			case $before in
			sandbox) words="list add remove" ;;
			remove) words=$(_postern_sandboxes) ;;
			*) words="--policy --interface --source --cgroup --uid --host --mode --fail-open $common" ;;
			esac
			;;
		audit) words="--follow --lines --since --sandbox --kind --action --reason --name --directory $common" ;;
		doctor) words="--rules $common" ;;
		help) words="check explain status pins sandbox reload audit doctor version" ;;
		*) words=$common ;;
		esac
		;;
	esac
	COMPREPLY+=($(compgen -W "$words" -- "$word"))
}

complete -F _postern postern
