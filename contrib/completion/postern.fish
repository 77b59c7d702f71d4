# SPDX-License-Identifier: GPL-2.0-or-later
# Completion of postern(1) for fish. tests/lint/completion.py holds it against `postern help`.

function __postern_sandboxes
    postern sandbox list --json 2>/dev/null | string replace -rf '.*"name":"([A-Za-z0-9._-]*)".*' '$1'
end

function __postern_in
    __fish_seen_subcommand_from $argv
end

set -l commands check explain status pins sandbox reload audit doctor version help
complete -c postern -f

complete -c postern -l json -d 'JSON instead of text'
complete -c postern -s h -l help -d 'what a command takes'
complete -c postern -s V -l version -d 'the version'
complete -c postern -l socket -r -F -d 'control socket'
complete -c postern -l config -r -F -d configuration
complete -c postern -l libexec-dir -x -a '(__fish_complete_directories)' -d 'where postern-policy is'

set -l none "not __fish_seen_subcommand_from $commands"
complete -c postern -n $none -a check -d 'check the configuration, or policy files alone'
complete -c postern -n $none -a explain -d 'which rule decides, and why'
complete -c postern -n $none -a status -d 'what the daemon says of itself'
complete -c postern -n $none -a pins -d 'addresses that are open now'
complete -c postern -n $none -a sandbox -d 'the sandboxes'
complete -c postern -n $none -a reload -d 'read configuration and policies again'
complete -c postern -n $none -a audit -d 'read the audit log'
complete -c postern -n $none -a doctor -d 'look for what stands in the way'
complete -c postern -n $none -a version -d 'the version'
complete -c postern -n $none -a help -d 'what a command takes'

complete -c postern -n '__postern_in check' -F
complete -c postern -n '__postern_in help' -a "$commands"
complete -c postern -n '__postern_in explain pins audit' -l sandbox -x -a '(__postern_sandboxes)' -d 'only this sandbox'
complete -c postern -n '__postern_in explain sandbox' -l policy -x -d 'the policy'
complete -c postern -n '__postern_in explain' -l qtype -x -a 'A AAAA MX TXT SRV HTTPS' -d 'DNS type asked for'

complete -c postern -n '__postern_in sandbox; and not __fish_seen_subcommand_from list add remove' -a 'list add remove'
complete -c postern -n '__postern_in sandbox; and __postern_in remove' -a '(__postern_sandboxes)'
complete -c postern -n '__postern_in sandbox' -l interface -x -a '(__fish_print_interfaces)' -d 'what comes in through it'
complete -c postern -n '__postern_in sandbox' -l source -x -d 'what comes from there'
complete -c postern -n '__postern_in sandbox' -l cgroup -x -d 'processes in this cgroup'
complete -c postern -n '__postern_in sandbox' -l uid -x -d 'processes of this user'
complete -c postern -n '__postern_in sandbox' -l host -d 'every other process of this machine'
complete -c postern -n '__postern_in sandbox' -l mode -x -a 'enforce audit' -d 'what is done with what is not allowed'
complete -c postern -n '__postern_in sandbox' -l fail-open -d 'answer names that cannot be pinned'

complete -c postern -n '__postern_in audit' -s f -l follow -d 'go on with what is added'
complete -c postern -n '__postern_in audit' -s n -l lines -x -d 'only the last'
complete -c postern -n '__postern_in audit' -l since -x -a '90s 10m 2h 1d' -d 'not older'
complete -c postern -n '__postern_in audit' -l kind -x -a 'start stop policy policy-failed sandbox dns pin refusal alert cut tamper trust-anchor suppressed'
complete -c postern -n '__postern_in audit' -l action -x -a 'allow alert block refuse drop would-block' -d 'only what was done so'
complete -c postern -n '__postern_in audit' -l reason -x -a 'never-resolved pin-expired blocked-name port-not-allowed protocol-not-allowed always-denied private-address ingress no-sandbox malformed flood forged-source no-rule rule redirection rebinding qtype special-name upstream upstream-tls pin-failed quota alert overload dns-tunneling dga dictionary-dga bogus'
complete -c postern -n '__postern_in audit' -l name -x -d 'this name or one below it'
complete -c postern -n '__postern_in audit' -l directory -x -a '(__fish_complete_directories)' -d 'where the log is'

complete -c postern -n '__postern_in doctor' -l rules -r -F -d 'the ruleset'
