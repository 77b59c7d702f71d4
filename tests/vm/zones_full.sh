#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# Runs in the guest that vm.py makes: two tests of tests/netns, so that they cost one boot. The second one wants the
# connection table to be small, which nobody may say for a namespace, but for the kernel as a whole: this one is ours.
max=400
python3 -B tests/netns/test_zones.py datagrams || exit
echo $max >/proc/sys/net/netfilter/nf_conntrack_max || exit
exec python3 -B tests/netns/test_full.py $max
