#!/usr/bin/env python3
"""Finds COUNT free TCP ports in a row on 127.0.0.1 and keeps them for its user.

Prints the first of them, then waits until it is ended. Ports are bound without
listening: a server that sets SO_REUSEADDR can listen on them, while a second
run of this program takes them for used. All are below 32768, where the kernel
gives no ports to clients.

  reserve_ports.py FIRST COUNT
"""

import signal
import socket
import sys

LIMIT = 32768
STEP = 100


def is_free(port):
    """Whether nobody has the port, neither listening nor reserved."""
    with socket.socket() as probe:
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def reserve(ports):
    reserved = []
    for port in ports:
        holder = socket.socket()
        holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            if not is_free(port):
                raise OSError
            holder.bind(("127.0.0.1", port))
        except OSError:
            for other in [*reserved, holder]:
                other.close()
            return None
        reserved.append(holder)
    return reserved


def main():
    first, count = int(sys.argv[1]), int(sys.argv[2])
    for base in range(first, LIMIT - count, STEP):
        reserved = reserve(range(base, base + count))
        if reserved:
            print(base, flush=True)
            signal.pause()
    sys.exit(f"no {count} free ports in a row from {first} on")


if __name__ == "__main__":
    main()
