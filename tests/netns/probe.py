# SPDX-License-Identifier: GPL-2.0-or-later
"""One attempt to reach something, as a sandboxed program would make it. Prints one word.

usage: probe.py [--uid N] [--mark N] [--source ADDRESS] [--port N] [--forge] [--cgroup PATH] [--options HEX] [--wait SECONDS]
                WHAT...

  tcp ADDRESS PORT          what the server said | refused | timeout
  udp ADDRESS PORT          the same; the same
  flood ADDRESS PORT COUNT  how many of COUNT datagrams were sent; none waits for an answer
  ping ADDRESS              ok | refused | timeout (an ICMP echo; by raw socket if root)
  proto ADDRESS NUMBER      sent | refused (one packet of an IP protocol by raw socket)
  raw FRAME                 sent | refused (hex of a whole IPv4 or IPv6 packet; root only)
  vanish ADDRESS PORT       connects by TCP, and the socket is gone without a packet sent (needs root beside --uid)
  hold ADDRESS PORT         connects, says "held", then for each line on stdin sends it and prints the answer; the line
                            "where" is not sent: source port, next sequence number, next one expected (needs root)
  serve PORT...             answers "port N" on TCP and UDP, both families, until killed

"refused" is an error that came back at once; "timeout" is silence for --wait seconds (1).
--port is the source port; --forge allows any --source (IPv4: needs root; IPv6: anybody may).
"""
import argparse
import errno
import os
import socket
import struct
import sys
import threading

IP_TRANSPARENT, IPV6_FREEBIND = 19, 78
TCP_REPAIR, TCP_REPAIR_QUEUE, TCP_QUEUE_SEQ, TCP_REPAIR_OFF_NO_WP = 19, 20, 21, -1
REFUSED = {errno.ECONNREFUSED, errno.EHOSTUNREACH, errno.EACCES, errno.EPERM, errno.ENETUNREACH, errno.ECONNRESET}


def open_socket(args, address, kind, proto=0):
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    s = socket.socket(family, kind, proto)
    s.settimeout(args.wait)
    if args.mark:
        s.setsockopt(socket.SOL_SOCKET, socket.SO_MARK, args.mark)
    if args.options:
        s.setsockopt(socket.IPPROTO_IP, socket.IP_OPTIONS, bytes.fromhex(args.options))
    if args.forge:
        if family == socket.AF_INET6:
            s.setsockopt(socket.IPPROTO_IPV6, IPV6_FREEBIND, 1)
        else:
            s.setsockopt(socket.IPPROTO_IP, IP_TRANSPARENT, 1)
    if args.source or args.port:
        s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        s.bind((args.source or "", args.port))
    return s


def vanish(s, address, port):
    s.connect((address, port))
    os.setresuid(0, 0, 0)
    s.setsockopt(socket.IPPROTO_TCP, TCP_REPAIR, 1)
    s.close()
    return "gone"


def talk(s, address, port, data):
    s.connect((address, port))
    s.send(data)
    return s.recv(200).decode().replace(" ", "")


def ping(s, address):
    v6 = ":" in address
    head = struct.pack("!BBHHH", 128 if v6 else 8, 0, 0, os.getpid() & 0xffff, 1)
    if not v6:
        total = sum(struct.unpack("!4H", head))
        head = head[:2] + struct.pack("!H", ~((total & 0xffff) + (total >> 16)) & 0xffff) + head[4:]
    s.connect((address, 0))
    s.send(head)
    while True:
        got = s.recv(200)
        kind = got[0] if v6 or got[0] >> 4 != 4 else got[20]  # raw IPv4 sockets show the IP header
        if kind in (129, 0):
            return "ok"
        if kind in (1, 3):
            return "refused"


def raw(frame):
    if frame[0] >> 4 == 4:
        s = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW)
        s.sendto(frame, (socket.inet_ntop(socket.AF_INET, frame[16:20]), 0))
    else:
        s = socket.socket(socket.AF_INET6, socket.SOCK_RAW, socket.IPPROTO_RAW)
        s.sendto(frame, (socket.inet_ntop(socket.AF_INET6, frame[24:40]), 0))
    return "sent"


def where(s):
    s.setsockopt(socket.IPPROTO_TCP, TCP_REPAIR, 1)
    found = [s.getsockname()[1]]
    for queue in (2, 1):  # sending, receiving
        s.setsockopt(socket.IPPROTO_TCP, TCP_REPAIR_QUEUE, queue)
        found.append(s.getsockopt(socket.IPPROTO_TCP, TCP_QUEUE_SEQ) & 0xffffffff)
    s.setsockopt(socket.IPPROTO_TCP, TCP_REPAIR, TCP_REPAIR_OFF_NO_WP)
    return " ".join(map(str, found))


def hold(s, address, port):
    s.connect((address, port))
    print("held", flush=True)
    for line in sys.stdin:
        if line == "where\n":
            print(where(s), flush=True)
            continue
        try:
            s.send(line.encode())
            print(s.recv(200).decode().replace(" ", ""), flush=True)
        except TimeoutError:
            print("timeout", flush=True)
    return "closed"


def serve_udp(port):
    s = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
    s.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_RECVPKTINFO, 1)
    s.bind(("::", port))
    while True:
        _, anc, _, peer = s.recvmsg(2048, 256)
        info = [(a, b, c[:16] + b"\0\0\0\0") for a, b, c in anc if b == socket.IPV6_PKTINFO]
        try:
            s.sendmsg([f"port {port}".encode()], info, 0, peer)
        except OSError:
            pass  # a sender that is gone, or a refused answer: the next one counts


def answer(conn, port):
    with conn:
        try:
            while conn.recv(2048):
                conn.sendall(f"port {port}".encode())
        except OSError:
            pass  # refused: that is what is tested


def serve_tcp(port):
    s = socket.socket(socket.AF_INET6, socket.SOCK_STREAM)
    s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    s.bind(("::", port))
    s.listen(64)
    while True:
        threading.Thread(target=answer, args=(s.accept()[0], port), daemon=True).start()


def serve(ports):
    for port in ports:
        threading.Thread(target=serve_udp, args=(port,), daemon=True).start()
        threading.Thread(target=serve_tcp, args=(port,), daemon=True).start()
    threading.Event().wait()


def flood(s, address, port, count):
    s.connect((address, port))
    sent = 0
    for _ in range(count):
        try:
            s.send(b"x")
            sent += 1
        except PermissionError:
            sent += 1  # dropped by a rule
        except OSError:
            pass  # the ICMP error of an earlier packet: this one was not sent
    return sent


def attempt(args):
    what, rest = args.what[0], args.what[1:]
    if what == "serve":
        return serve([int(p) for p in rest])
    if what == "raw":
        return raw(bytes.fromhex(rest[0]))
    address, v6 = rest[0], ":" in rest[0]
    if what == "ping":
        kind = socket.SOCK_DGRAM if os.geteuid() else socket.SOCK_RAW
        return ping(open_socket(args, address, kind, 58 if v6 else 1), address)
    if what == "proto":
        open_socket(args, address, socket.SOCK_RAW, int(rest[1])).sendto(b"\0" * 40, (address, 0))
        return "sent"
    kind = socket.SOCK_STREAM if what in ("tcp", "hold", "vanish") else socket.SOCK_DGRAM
    s, port = open_socket(args, address, kind), int(rest[1])
    if what == "vanish":
        return vanish(s, address, port)
    if what == "hold":
        return hold(s, address, port)
    if what == "flood":
        return flood(s, address, port, int(rest[2]))
    return talk(s, address, port, b"ask")


def main():
    p = argparse.ArgumentParser()
    p.add_argument("--uid", type=int)
    p.add_argument("--mark", type=lambda x: int(x, 0))
    p.add_argument("--source")
    p.add_argument("--port", type=int, default=0)
    p.add_argument("--forge", action="store_true")
    p.add_argument("--options")
    p.add_argument("--cgroup")
    p.add_argument("--wait", type=float, default=1.0)
    p.add_argument("what", nargs="+")
    args = p.parse_args()
    if args.cgroup:
        with open(os.path.join(args.cgroup, "cgroup.procs"), "w", encoding="ascii") as f:
            f.write("0")
    if args.uid is not None:
        os.setresgid(args.uid, args.uid, args.uid)
        os.setresuid(args.uid, args.uid, 0 if args.what[0] == "vanish" else args.uid)
    try:
        print(attempt(args), flush=True)
    except TimeoutError:
        print("timeout", flush=True)
    except OSError as e:
        print("refused" if e.errno in REFUSED else f"error {e}", flush=True)


main()
