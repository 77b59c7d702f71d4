# SPDX-License-Identifier: GPL-2.0-or-later
"""Makes ngrams.c and words.c: what ordinary names look like, as two small tables.

Source: the package index of a Debian release as `apt-cache dumpavail` prints it: the words of the descriptions, each counted by the packages that
use it, and the registrable labels of the Homepage fields. Of these labels only one half is read (by a bit of their SHA-256): the other half
is what tests/detect/domains.py prints, to measure with names that the tables have not seen. And the base forms of a list of English words: the
package wamerican (SCOWL).

    python3 -B src/detect/train.py src/detect /usr/share/dict/american-english

Neither table can be turned back into the texts: one holds probabilities of three letters in a row, the other is a Bloom filter.
The same index gives the same bytes.
"""
import collections
import hashlib
import math
import os
import re
import subprocess
import sys

DIGIT, OTHER, EDGE, CLASSES = 26, 27, 28, 29
STEPS = 5                # quantised to fifths of a bit
COST_MAX = 63
PRIOR_2, PRIOR_1 = 12, 15  # how many observations the shorter context is worth
WORD_PACKAGES = 8        # a word that is not in the list is one if it stands in that many descriptions
FILTER_BITS, FILTER_PROBES = 196608, 5
ROW = 100                # MODEL_ROW of model.h
SECOND_LEVEL = set("ac co com edu gen go gob gouv gov govt id ind info ltd me mil muni ne net nic nom nsw or org plc "
                   "sch school web".split())
# letters of the tables' text form: 64 that need no escape in C and form no trigraph or comment
LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+-"
HEAD = """/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * %s
 * Made by train.py from %s: not to be edited.
 */
#include "model.h"

"""


def index():
    out = subprocess.run(["apt-cache", "dumpavail"], capture_output=True, check=True)
    return out.stdout.decode("utf-8", "replace")


def registrable(host):
    """The label below the public suffix, by the rule of src/detect/zone.c."""
    labels = host.split(".")
    n = 3 if len(labels) > 2 and len(labels[-1]) == 2 and labels[-2] in SECOND_LEVEL else 2
    return ".".join(labels[-n:]) if len(labels) >= n else None


def domains(text):
    found = set()
    for host in re.findall(r"^Homepage: *\S*?://([^/\s:]+)", text, re.M):
        domain = registrable(host.lower().strip("."))
        if domain and re.fullmatch(r"[a-z0-9-]+(\.[a-z0-9-]+)+", domain) and not domain.startswith("xn--") and \
                not domain.split(".")[-1].isdigit():
            found.add(domain)
    return found


def for_training(domain):
    return hashlib.sha256(domain.split(".")[0].encode()).digest()[0] & 1


def words(text):
    count = collections.Counter()
    for description in re.findall(r"^Description(?:-en)?:(.*(?:\n .*)*)", text, re.M):
        count.update(set(re.findall(r"[a-z]{3,14}", description.lower())))
    return count


def letter_class(c):
    return ord(c) - ord("a") if "a" <= c <= "z" else DIGIT if c.isdigit() else OTHER


class Model:
    def __init__(self):
        self.n3, self.n2, self.n1 = collections.Counter(), collections.Counter(), collections.Counter()
        self.after2, self.after1, self.total = collections.Counter(), collections.Counter(), 0

    def feed(self, word, weight):
        s = [EDGE, EDGE] + [letter_class(c) for c in word] + [EDGE]
        for a, b, c in zip(s, s[1:], s[2:]):
            self.n3[a, b, c] += weight
            self.after2[a, b] += weight
            self.n2[b, c] += weight
            self.after1[b] += weight
            self.n1[c] += weight
            self.total += weight

    def cost(self, a, b, c):
        p1 = (self.n1[c] + 1) / (self.total + CLASSES)
        p2 = (self.n2[b, c] + PRIOR_1 * p1) / (self.after1[b] + PRIOR_1)
        p3 = (self.n3[a, b, c] + PRIOR_2 * p2) / (self.after2[a, b] + PRIOR_2)
        return min(COST_MAX, round(-math.log2(p3) * STEPS))


def base_forms(path):
    """Words of 4 to 10 letters, without names and without what is another word and an ending."""
    with open(path, encoding="utf-8") as f:
        known = {w for w in f.read().split("\n") if re.fullmatch("[a-z]{3,12}", w)}
    endings = ("s", "es", "ed", "d", "ing", "ly", "er", "r", "ers", "ness", "est")
    for word in known:
        stems = [word[:-len(e)] for e in endings if word.endswith(e)]
        if 4 <= len(word) <= 10 and not any(x in known or x + "e" in known or (x[-1:] == "i" and x[:-1] + "y" in known) for x in stems):
            yield word


def probes(word):
    """FNV-1a, 64 bits, cut in two: as in lexicon.c."""
    h = 0xcbf29ce484222325
    for c in word.encode():
        h = (h ^ c) * 0x100000001b3 % 2**64
    low, high = h % 2**32, h >> 32 | 1
    return [(low + i * high) % 2**32 % FILTER_BITS for i in range(FILTER_PROBES)]


def literal(values):
    text = "".join(LETTERS[v] for v in values)
    return "{\n" + "".join(f'\t"{text[i:i + ROW]}",\n' for i in range(0, len(text), ROW)) + "};\n"


def main():
    folder, text = sys.argv[1], index()
    base = set(base_forms(sys.argv[2]))
    vocabulary, names = words(text), domains(text)
    model = Model()
    for word, count in sorted(vocabulary.items()):
        if count >= 2:
            model.feed(word, 1 + math.log2(count) / 2)
    for domain in sorted(filter(for_training, names)):
        model.feed(domain.split(".")[0], 3)
    source = f"Debian's package index ({len(vocabulary)} words of descriptions, {len(names)} domains)"
    with open(os.path.join(folder, "ngrams.c"), "w") as f:
        f.write(HEAD % ("What a letter costs behind two others, in fifths of a bit.", source))
        f.write("const char model_costs[][MODEL_ROW + 1] = ")
        n = range(CLASSES)
        f.write(literal([model.cost(a, b, c) for a in n for b in n for c in n]))
    bits = [0] * FILTER_BITS
    kept = base | {w for w, count in vocabulary.items() if count >= WORD_PACKAGES and len(w) <= 12 and (len(w) > 3 or count >= 60)}
    for word in kept:
        for at in probes(word):
            bits[at] = 1
    values = [sum(bits[i + k] << k for k in range(min(6, FILTER_BITS - i))) for i in range(0, FILTER_BITS, 6)]
    with open(os.path.join(folder, "words.c"), "w") as f:
        f.write(HEAD % (f"{len(kept)} words as a Bloom filter.", source + " and wamerican"))
        f.write("const char model_words[][MODEL_ROW + 1] = ")
        f.write(literal(values))
    print(f"{len(kept)} words, {sum(bits) / FILTER_BITS:.2f} of the filter set", file=sys.stderr)


if __name__ == "__main__":
    main()
