#!/usr/bin/env python3
"""Release tooling in another language: publishes, plans, upgrades, watches, and reads errors.

  release.py PROTO_ROOT ADDRESS

Expects an empty chain, one agent that can migrate and is adapted to all, and one that is adapted to
nothing. Prints what it checked, and exits 0 only if all of it held.
"""

import sys
import uuid

import grpc
import wire

TIMEOUT_SECONDS = 60
MIGRATIONS = [
    ("orders", "CREATE TABLE orders (id bigint PRIMARY KEY, note text);"),
    ("customers", "CREATE TABLE customers (id bigint PRIMARY KEY);"),
]
failed = 0


def check(what, holds, seen=""):
    global failed
    print(f"{'ok' if holds else 'FAIL'} - {what}{'' if holds else f': {seen}'}", flush=True)
    failed += 0 if holds else 1


class Tour:
    def __init__(self, api, channel):
        self.api = api
        self.releases = api.stub(channel, "lockstep.v1.ReleaseService")
        self.operations = api.stub(channel, "lockstep.v1.OperationService")
        self.status = api.stub(channel, "lockstep.v1.StatusService")

    def new(self, name, **fields):
        return self.api.message(f"lockstep.v1.{name}")(**fields)

    def publish(self, migrations, first=1, parent=b""):
        files = [
            self.new("MigrationFile", version=version, title=title, sql=sql.encode())
            for version, (title, sql) in enumerate(migrations, first)
        ]
        request = self.new(
            "PublishChainRequest", migrations=files, expected_parent_hash=parent, actor="python"
        )
        return self.releases.PublishChain(request, timeout=TIMEOUT_SECONDS)

    def start(self, target, contracts=False):
        """Plans, then starts exactly that plan."""
        plan = self.releases.PlanUpgrade(
            self.new("PlanUpgradeRequest", target=target, contracts=contracts),
            timeout=TIMEOUT_SECONDS,
        )
        request = self.new(
            "StartUpgradeRequest",
            request_id=str(uuid.uuid4()),
            target=target,
            contracts=contracts,
            plan_digest=plan.plan_digest,
            actor="python",
        )
        first = self.releases.StartUpgrade(request, timeout=TIMEOUT_SECONDS).operation
        again = self.releases.StartUpgrade(request, timeout=TIMEOUT_SECONDS).operation
        check("a start is idempotent by its request_id", first.operation_id == again.operation_id)
        return plan, first

    def watch(self, operation):
        """The states of an operation until it has ended."""
        request = self.new("WatchOperationRequest", operation_id=operation.operation_id)
        for response in self.operations.WatchOperation(request, timeout=TIMEOUT_SECONDS):
            yield response.operation

    def end_of(self, operation):
        """How an operation ended."""
        last = operation
        for last in self.watch(operation):
            pass
        return last

    def state(self, name):
        values = self.api.enum("lockstep.v1.OperationState")
        return values[f"OPERATION_STATE_{name}"].number

    def chain(self):
        request = self.new("GetStatusRequest")
        return self.status.GetStatus(request, timeout=TIMEOUT_SECONDS).status.chain

    def head_hash(self):
        return self.chain().head_hash

    def expect_failure(self, call):
        try:
            call()
        except grpc.RpcError as error:
            return self.api.failure(error)
        return wire.Failure("OK", "the call succeeded")


def upgrade(tour):
    published = tour.publish(MIGRATIONS)
    check("publishes", list(published.added) == [1, 2] and published.head == 2, published)
    plan, operation = tour.start(target=2)
    check("plans", [m.ref.title for m in plan.migrations] == ["orders", "customers"], plan)
    check("sees the agent", plan.migrators == 1, plan.migrators)

    last = tour.end_of(operation)
    check("watches it to its end", last.state == tour.state("SUCCEEDED"), last)
    check("reads the status", tour.chain().applied == 2, tour.chain())


def diverged(tour):
    failure = tour.expect_failure(
        lambda: tour.publish([MIGRATIONS[0], ("invoices", "CREATE TABLE invoices (id int);")])
    )
    print(failure)
    check("another chain is ABORTED", failure.code == "ABORTED", failure)
    check("CHAIN_DIVERGED", failure.reason == "CHAIN_DIVERGED", failure)
    check("domain lockstep", failure.domain == "lockstep", failure)
    facts = {key: failure.metadata.get(key) for key in ("version", "title", "published_title")}
    expected = {"version": "2", "title": "invoices", "published_title": "customers"}
    check("metadata names what parts", facts == expected, failure)
    check("metadata has both hashes", len(failure.metadata.get("hash", "")) == 64, failure)
    check("a hint", "renumber" in failure.hint, failure)
    check("when to retry", failure.retry_after > 0, failure)


def edited(tour):
    failure = tour.expect_failure(
        lambda: tour.publish([("orders", "CREATE TABLE orders (id int);")])
    )
    print(failure)
    check("an edited file is FAILED_PRECONDITION", failure.code == "FAILED_PRECONDITION", failure)
    check("DIGEST_MISMATCH", failure.reason == "DIGEST_MISMATCH", failure)
    check("metadata names the file", failure.metadata.get("file") == "001_orders.sql", failure)
    check("waiting does not help", failure.retry_after == 0, failure)


def invalid(tour):
    failure = tour.expect_failure(
        lambda: tour.publish([("Bad Title", "SELECT 1;")], first=3)
    )
    check("a bad name is INVALID_ARGUMENT", failure.code == "INVALID_ARGUMENT", failure)
    check("with its reason", failure.reason == "BAD_FILE_NAME", failure)
    failure = tour.expect_failure(
        lambda: tour.operations.GetOperation(
            tour.new("GetOperationRequest", operation_id="op-none"), timeout=TIMEOUT_SECONDS
        )
    )
    check("an unknown operation is NOT_FOUND", failure.code == "NOT_FOUND", failure)


def contract(tour):
    """A contract is never granted under a live session that it concerns."""
    tour.publish([("drop_note", "ALTER TABLE orders DROP COLUMN note;")], 3, tour.head_hash())
    plan, operation = tour.start(target=3, contracts=True)
    check("the plan names who is concerned", "1 live session" in plan.migrations[0].blocked_by, plan)
    last = tour.end_of(operation)
    check("it is left waiting", list(last.contracts_waiting) == [3], last)
    check("and is not applied", last.state == tour.state("SUCCEEDED") and last.applied == 2, last)


def blocked(tour):
    """What cannot even begin is refused, with what is in the way one by one."""
    later = "-- lockstep:after-contract 3\nCREATE TABLE later (id int);"
    tour.publish([("later", later)], 4, tour.head_hash())
    failure = tour.expect_failure(lambda: tour.start(target=4))
    print(failure)
    check("blocked is FAILED_PRECONDITION", failure.code == "FAILED_PRECONDITION", failure)
    check("BLOCKED", failure.reason == "BLOCKED", failure)
    check("domain lockstep", failure.domain == "lockstep", failure)
    check("metadata names the version", failure.metadata.get("version") == "4", failure)
    check("one blocker", len(failure.blockers) == 1, failure)
    check("the blocker is the migration", "4 later" in str(failure.blockers[0]), failure)


def main():
    root, address = sys.argv[1:]
    api = wire.load(root)
    with grpc.insecure_channel(address) as channel:
        tour = Tour(api, channel)
        for part in (upgrade, diverged, edited, invalid, contract, blocked):
            print(f"# {part.__name__}", flush=True)
            part(tour)
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
