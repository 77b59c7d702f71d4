# SPDX-License-Identifier: GPL-2.0-or-later
"""A server on port 853 that misbehaves as asked, and a listener for what should not be readable.

usage: dotd.py serve ADDRESS MODE CERTIFICATE KEY LOG
       dotd.py listen WORD LOG          counts the frames of this namespace in which WORD can be read, in any case

  good      answers every A query with 203.0.113.77, several in one connection
  tls10     offers nothing newer than TLS 1.0      tls12     nothing newer than 1.2
  clear     DNS over TCP without TLS               stall     accepts, and never says a word
  drip      begins a handshake record and sends a byte of it each 100 ms
  midclose  closes in the middle of its answer     endless   sends answers to other questions without end
  runt      sends messages of two bytes            swap      answers the other name of two
  private   answers with 10.0.0.30
  brief     says (RFC 7828) that it keeps idle connections for 3 s, and does; a line "closed by" tells who closed first
LOG gets a line per connection ("hello"), per handshake ("tls VERSION ALPN resumed|full"), per query (its length and whether it has padding), and,
of `clear`, of what is no handshake.
"""
import os
import socket
import ssl
import struct
import sys
import threading
import time

ADDRESS = bytes([203, 0, 113, 77])
PRIVATE = bytes([10, 0, 0, 30])
KEEP_S = 3


def answer(query, address=ADDRESS, opt=b""):
    end = 12
    while query[end]:
        end += 1 + query[end]
    end += 5
    body = b"\xc0\x0c" + struct.pack("!HHIH", 1, 1, 60, 4) + address
    return query[:2] + struct.pack("!5H", 0x8180, 1, 1, 0, 1 if opt else 0) + query[12:end] + body + opt


def framed(message):
    return struct.pack("!H", len(message)) + message


def exactly(conn, n):
    got = b""
    while len(got) < n:
        more = conn.recv(n - len(got))
        if not more:
            raise OSError("closed")
        got += more
    return got


def queries(conn):
    while True:
        yield exactly(conn, struct.unpack("!H", exactly(conn, 2))[0])


def converse_briefly(conn, say):
    keep = struct.pack("!HHH", 11, 2, KEEP_S * 10)
    opt = b"\0" + struct.pack("!HHIH", 41, 1232, 0, len(keep)) + keep
    try:
        for query in queries(conn):
            conn.sendall(framed(answer(query, opt=opt)))
            conn.settimeout(KEEP_S)
    except socket.timeout:
        say("closed by us")
    except OSError:
        say("closed by them")


def converse(conn, mode, say):
    if mode == "brief":
        converse_briefly(conn, say)
        return
    for query in queries(conn):
        padded = b"\x00\x0c\x00" in query
        say(f"query {len(query)} {'padded' if padded else 'plain'}")
        if mode == "midclose":
            conn.sendall(framed(answer(query))[:20])
            return
        if mode == "runt":
            conn.sendall(b"\0\2xx" * 10)
            time.sleep(2)
            return
        while mode == "endless":
            conn.sendall(framed(bytes([query[0] ^ 1]) + answer(query)[1:]) * 8)
        if mode == "swap":
            query = query[:12] + bytes([query[12]]) + b"x" + query[14:]
        conn.sendall(framed(answer(query, PRIVATE if mode == "private" else ADDRESS)))


def context(mode, certificate, key):
    c = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    if mode == "tls10":
        c.minimum_version = c.maximum_version = ssl.TLSVersion.TLSv1
        c.set_ciphers("ALL:@SECLEVEL=0")
    if mode == "tls12":
        c.maximum_version = ssl.TLSVersion.TLSv1_2
    c.set_alpn_protocols(["dot"])
    c.load_cert_chain(certificate, key)
    return c


def client(conn, mode, tls, say):
    say("hello")
    conn.settimeout(10)
    try:
        if mode == "stall":
            time.sleep(10)
        elif mode == "drip":
            for byte in b"\x16\x03\x03\x40\x00\x02\x00\x3f\xfc\x03\x03" + bytes(90):
                conn.sendall(bytes([byte]))
                time.sleep(0.1)
        elif mode == "clear":
            head = exactly(conn, 5)
            if head[:2] == b"\x16\x03":  # the beginning of a handshake
                conn.sendall(framed(b"no TLS here."))
                time.sleep(1)
                return
            say("query in clear")
        else:
            with tls.wrap_socket(conn, server_side=True) as c:
                say(f"tls {c.version()} {c.selected_alpn_protocol()} {'resumed' if c.session_reused else 'full'}")
                converse(c, mode, say)
    except (OSError, struct.error, IndexError):
        pass
    finally:
        conn.close()


def serve(address, mode, certificate, key, log):
    tls = context(mode, certificate, key)
    with socket.create_server((address, 853)) as s, open(log, "a", encoding="ascii", buffering=1) as out:
        print("ready", file=out)
        while True:
            conn, _ = s.accept()
            threading.Thread(target=client, args=(conn, mode, tls, lambda text: print(text, file=out)), daemon=True).start()


def listen(word, log):
    s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.ntohs(3))
    s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 22)
    frames, readable = 0, 0
    while True:
        data = s.recv(65536)
        frames += 1
        readable += word.encode() in data.lower()
        with open(log + ".new", "w", encoding="ascii") as out:
            out.write(f"{frames} {readable}")
        os.replace(log + ".new", log)  # never half of it: who reads nothing takes it for a change


if __name__ == "__main__":
    {"serve": serve, "listen": listen}[sys.argv[1]](*sys.argv[2:])
