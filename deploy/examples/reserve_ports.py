#!/usr/bin/env python3
"""Finds COUNT free TCP ports in a row on 127.0.0.1, below the range that the
kernel gives to clients, and keeps them from other runs of this program.

Prints the first of them, then waits until it is ended. A port is kept by a
name, not by a socket of its own: what is to listen on it must be able to.

  reserve_ports.py FIRST COUNT
"""

import signal
import socket
import sys

LIMIT = 32768
STEP = 100


def reserve(port):
    """The name of the port, held; None when the port or its name is taken."""
    # In Linux' abstract namespace, where a name ends with its process.
    name = socket.socket(socket.AF_UNIX)
    with socket.socket() as probe:
        # As servers do: connections that have just ended do not count.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            name.bind(f"\0lockstep-reserved-port-{port}")
            probe.bind(("127.0.0.1", port))
        except OSError:
            name.close()
            return None
    return name


def main():
    first, count = int(sys.argv[1]), int(sys.argv[2])
    for base in range(first, LIMIT - count, STEP):
        names = [reserve(port) for port in range(base, base + count)]
        if all(names):
            print(base, flush=True)
            signal.pause()
    sys.exit(f"no {count} free ports in a row from {first} on")


if __name__ == "__main__":
    main()
