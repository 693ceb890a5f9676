#!/usr/bin/env python3
"""One instance of the service `people`, in the build whose directory is given.

It knows nothing of lockstep: lockstep-agent starts it once the gate is open. Until SIGTERM its
clients add a person every 50 ms, read it back, and look for people without a name, each as its
build expects the database to be. What fails is printed; the last line counts everything.

  DATABASE_URL=postgresql://... app.py BUILD [CLIENTS]
"""

import importlib.util
import os
import pathlib
import signal
import sys
import threading

import psycopg2

PAUSE = 0.05


def load(build):
    """The queries of a build."""
    spec = importlib.util.spec_from_file_location("people", pathlib.Path(build) / "people.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


class Client(threading.Thread):
    """Uses the database as the build does, over and over."""

    def __init__(self, build, name, stop):
        super().__init__()
        self.build, self.name, self.stop = build, name, stop
        self.answered = self.failed = 0

    def run(self):
        connection = None
        while not self.stop.is_set():
            try:
                if connection is None or connection.closed:
                    connection = psycopg2.connect(os.environ["DATABASE_URL"])
                self.once(connection)
                self.answered += 1
            except (psycopg2.Error, AssertionError) as error:
                self.failed += 1
                print(f"failed: {getattr(error, 'pgcode', None)} {error}", flush=True)
                if connection is not None:
                    connection.close()
            self.stop.wait(PAUSE)

    def once(self, connection):
        name = f"{self.name}-{self.answered}"
        with connection, connection.cursor() as cursor:
            person = self.build.add(cursor, name)
        with connection, connection.cursor() as cursor:
            found = self.build.name_of(cursor, person)
            assert found == name, f"{person} is called {found!r}, not {name!r}"
            nameless = self.build.nameless(cursor)
            assert nameless == 0, f"{nameless} people have no name"


def main():
    build, clients = sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else 2
    stop = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stop.set())
    signal.signal(signal.SIGINT, lambda *_: stop.set())
    queries = load(build)
    threads = [Client(queries, f"{os.getpid()}-{n}", stop) for n in range(clients)]
    for thread in threads:
        thread.start()
    print(f"{pathlib.Path(build).name} serves", flush=True)
    for thread in threads:
        thread.join()
    answered = sum(thread.answered for thread in threads)
    failed = sum(thread.failed for thread in threads)
    print(f"{pathlib.Path(build).name} answered {answered}, failed {failed}", flush=True)


if __name__ == "__main__":
    main()
