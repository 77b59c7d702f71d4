# SPDX-License-Identifier: GPL-2.0-or-later
"""Prints ordinary registrable domains that the tables of src/detect were not made from: the other half of the Homepage fields of this machine's
Debian package index. The input of `measure --domains`.
"""
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "src", "detect"))
from train import domains, for_training, index  # noqa: E402

for name in sorted(domains(index())):
    if not for_training(name):
        print(name)
