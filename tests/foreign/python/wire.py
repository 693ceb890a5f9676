"""Speaks to lockstep with nothing but its .proto files, protoc, protobuf and gRPC.

    api = wire.load("proto")                      # runs protoc, once
    channel = grpc.insecure_channel("127.0.0.1:7411")
    releases = api.stub(channel, "lockstep.v1.ReleaseService")
    plan = releases.PlanUpgrade(api.message("lockstep.v1.PlanUpgradeRequest")(target=12))

A call that fails raises grpc.RpcError; api.failure(error) decodes what it carries.
"""

import dataclasses
import importlib
import pathlib
import subprocess
import sys
import tempfile

import grpc
from google.protobuf import descriptor_pb2, message_factory, symbol_database

# Where gRPC carries the google.rpc.Status of an error.
DETAILS_KEY = "grpc-status-details-bin"


@dataclasses.dataclass
class Failure:
    """An error of lockstep, decoded: docs/errors.md lists the reasons."""

    code: str  # The name of the gRPC code.
    message: str
    reason: str = ""  # What programs switch on.
    domain: str = ""
    metadata: dict = dataclasses.field(default_factory=dict)
    blockers: list = dataclasses.field(default_factory=list)  # (type, subject, description)
    hint: str = ""
    retry_after: float = 0  # Seconds; 0 when waiting does not help.


class Api:
    """The messages and services of the generated modules."""

    def __init__(self):
        self._symbols = symbol_database.Default()
        self._factory = message_factory.MessageFactory(self._symbols.pool)

    def message(self, name):
        """The class of a message by its full name."""
        return self._class_of(self._symbols.pool.FindMessageTypeByName(name))

    def enum(self, name):
        """The values of an enum by their names."""
        return self._symbols.pool.FindEnumTypeByName(name).values_by_name

    def stub(self, channel, name):
        """An object with one callable for each method of a service."""
        service = self._symbols.pool.FindServiceByName(name)
        return type(service.name, (), {m.name: self._callable(channel, m) for m in service.methods})()

    def failure(self, error):
        """Decodes a grpc.RpcError."""
        failure = Failure(error.code().name, error.details())
        for key, value in error.trailing_metadata() or ():
            if key == DETAILS_KEY:
                status = self.message("google.rpc.Status").FromString(value)
                for detail in status.details:
                    self._decode(detail, failure)
        return failure

    def _class_of(self, descriptor):
        return self._factory.GetPrototype(descriptor)

    def _callable(self, channel, method):
        proto = descriptor_pb2.MethodDescriptorProto()
        method.CopyToProto(proto)
        kind = "{}_{}".format(
            "stream" if proto.client_streaming else "unary",
            "stream" if proto.server_streaming else "unary",
        )
        call = getattr(channel, kind)(
            "/{}/{}".format(method.containing_service.full_name, method.name),
            request_serializer=lambda request: request.SerializeToString(),
            response_deserializer=self._class_of(method.output_type).FromString,
        )
        return staticmethod(call)

    def _decode(self, detail, failure):
        name = detail.TypeName()
        message = self.message(name)()
        detail.Unpack(message)
        if name == "google.rpc.ErrorInfo":
            failure.reason = message.reason
            failure.domain = message.domain
            failure.metadata = dict(message.metadata)
        elif name == "google.rpc.PreconditionFailure":
            failure.blockers = [(v.type, v.subject, v.description) for v in message.violations]
        elif name == "google.rpc.Help" and message.links:
            failure.hint = message.links[0].description
        elif name == "google.rpc.RetryInfo":
            failure.retry_after = message.retry_delay.ToNanoseconds() / 1e9


def load(proto_root):
    """Generates Python from lockstep's .proto files below `proto_root` and imports it."""
    root = pathlib.Path(proto_root)
    # Not proto/grpc: gRPC's own package has that name in Python.
    files = sorted(
        str(path.relative_to(root))
        for folder in ("google/rpc", "lockstep/v1")
        for path in (root / folder).glob("*.proto")
    )
    with tempfile.TemporaryDirectory() as generated:
        subprocess.run(
            ["protoc", f"-I{root}", f"--python_out={generated}", *files], check=True
        )
        sys.path.insert(0, generated)
        for file in files:
            importlib.import_module(file[: -len(".proto")].replace("/", ".") + "_pb2")
        sys.path.remove(generated)
    return Api()
