# SPDX-License-Identifier: GPL-2.0-or-later
"""The stranger: answers everything, records every packet.

usage: stranger.py INTERFACE FILE

DNS on port 53 (any name, any type: one A or AAAA record that points back at the stranger), a line of HTTP on TCP port 9 and an
echo on UDP port 9, where the namespace's nat rules send every other port. It exists so that "refused" in a test means that
postern refused: an answer was there to be had. One JSON line per received packet goes to FILE.
"""
import json
import socket
import struct
import sys
import threading

ANSWER = b"HTTP/1.0 200 OK\r\nContent-Type: text/plain\r\n\r\nstranger\n"
ND_TYPES = set(range(130, 138)) | {143}
SOL_PACKET, PACKET_OUTGOING = 263, 4


def dns_answer(query):
    if len(query) < 17:
        return b""
    end = 12
    while end < len(query) and query[end]:
        end += query[end] + 1
    question = query[12:end + 5]
    qtype = struct.unpack("!H", query[end + 1:end + 3])[0]
    data = socket.inet_pton(socket.AF_INET, "198.51.100.1")
    if qtype == 28:
        data = socket.inet_pton(socket.AF_INET6, "2001:db8:51::1")
    head = query[:2] + struct.pack("!HHHHH", 0x8180, 1, 1, 0, 0)
    kind = 28 if qtype == 28 else 1
    return head + question + struct.pack("!HHHIH", 0xC00C, kind, 1, 60, len(data)) + data


def udp(port, reply):
    s = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
    s.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_RECVPKTINFO, 1)
    s.bind(("::", port))
    while True:
        data, anc, _, peer = s.recvmsg(4096, 256)
        pktinfo = [(a, b, c) for a, b, c in anc if b == socket.IPV6_PKTINFO]
        # Answer from the address that was asked; the interface index is left to routing.
        pktinfo = [(a, b, c[:16] + b"\0\0\0\0") for a, b, c in pktinfo]
        try:
            s.sendmsg([reply(data)], pktinfo, 0, peer)
        except OSError:
            pass


def tcp(port, talk):
    s = socket.socket(socket.AF_INET6, socket.SOCK_STREAM)
    s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    s.bind(("::", port))
    s.listen(256)
    while True:
        conn, _ = s.accept()
        threading.Thread(target=guarded, args=(talk, conn), daemon=True).start()


def guarded(talk, conn):
    try:
        with conn:
            conn.settimeout(10)
            talk(conn)
    except OSError:
        pass


def http(conn):
    conn.recv(4096)
    conn.sendall(ANSWER)


def dns_tcp(conn):
    head = conn.recv(2, socket.MSG_WAITALL)
    query = conn.recv(struct.unpack("!H", head)[0], socket.MSG_WAITALL) if len(head) == 2 else b""
    answer = dns_answer(query)
    conn.sendall(struct.pack("!H", len(answer)) + answer)


def describe(ethertype, b):
    if ethertype == 0x0800 and len(b) >= 20:
        proto, off = b[9], (b[0] & 15) * 4
        src, dst = socket.inet_ntop(socket.AF_INET, b[12:16]), socket.inet_ntop(socket.AF_INET, b[16:20])
    elif ethertype == 0x86DD and len(b) >= 40:
        proto, off = b[6], 40
        src, dst = socket.inet_ntop(socket.AF_INET6, b[8:24]), socket.inet_ntop(socket.AF_INET6, b[24:40])
    else:
        return None
    if proto == 58 and b[off:off + 1] and b[off] in ND_TYPES:
        return None
    if proto == 0 and ethertype == 0x86DD:
        return None if b[off:off + 1] == b":" else {"src": src, "dst": dst, "proto": proto}  # MLD
    ports = struct.unpack("!HH", b[off:off + 4]) if proto in (6, 17) and len(b) >= off + 4 else (0, 0)
    return {"src": src, "dst": dst, "proto": proto, "sport": ports[0], "dport": ports[1], "len": len(b)}


def record(interface, path):
    s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3))
    s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 22)
    s.bind((interface, 0))
    with open(path, "w", encoding="ascii", buffering=1) as out:
        while True:
            frame, addr = s.recvfrom(65535)
            if addr[2] == PACKET_OUTGOING:
                continue
            seen = describe(addr[1], frame[14:])
            if seen:
                print(json.dumps(seen), file=out)


def main():
    for target, args in ((udp, (53, dns_answer)), (udp, (9, lambda data: data)), (tcp, (53, dns_tcp)), (tcp, (9, http))):
        threading.Thread(target=target, args=args, daemon=True).start()
    record(sys.argv[1], sys.argv[2])


main()
