#include "tests/bench/etcd.h"

#include <arpa/inet.h>
#include <filesystem>
#include <future>
#include <grpcpp/generic/generic_stub.h>
#include <grpcpp/grpcpp.h>
#include <optional>
#include <sys/socket.h>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/string_view.h"
#include "absl/time/clock.h"

#include "tests/bench/measure.h"
#include "tests/support/spawn.h"

namespace lockstep::bench {
namespace {

constexpr char kKey[] = "bench/version";
constexpr int kFirstPort = 21'000;
constexpr int kLastPort = 31'000;

// Fields of protobuf's wire format, all with a length: tag, length, bytes. Short ones only.
std::string Field(int number, const std::string& bytes) {
  Require(bytes.size() < 128, "a longer length takes more than one byte");
  return absl::StrCat(std::string(1, static_cast<char>(number << 3 | 2)),
                      std::string(1, static_cast<char>(bytes.size())), bytes);
}

uint64_t ReadVarint(absl::string_view& bytes) {
  uint64_t value = 0;
  for (int shift = 0; !bytes.empty(); shift += 7) {
    const auto byte = static_cast<unsigned char>(bytes[0]);
    bytes.remove_prefix(1);
    value |= uint64_t{byte & 127U} << shift;
    if (byte < 128) break;
  }
  return value;
}

// The bytes of the last field `number`; absent when there is none.
std::optional<absl::string_view> Find(absl::string_view bytes, uint64_t number) {
  std::optional<absl::string_view> found;
  while (!bytes.empty()) {
    const uint64_t tag = ReadVarint(bytes);
    const uint64_t value = ReadVarint(bytes);
    if ((tag & 7) != 2) continue;
    const absl::string_view content = bytes.substr(0, value);
    bytes.remove_prefix(content.size());
    if (tag >> 3 == number) found = content;
  }
  return found;
}

// A port of the loopback address that nobody listens on right now.
int FreePort(int from) {
  for (int port = from; port < kLastPort; ++port) {
    const testing::Fd fd(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(static_cast<uint16_t>(port));
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (bind(fd.get(), reinterpret_cast<sockaddr*>(&address), sizeof(address)) == 0) return port;
  }
  Require(false, "no free port");
  return 0;
}

grpc::ByteBuffer BufferOf(const std::string& bytes) {
  const grpc::Slice slice(bytes);
  return grpc::ByteBuffer(&slice, 1);
}

}  // namespace

std::unique_ptr<Etcd> Etcd::Start() {
  const auto version = testing::RunCommand({.argv = {"etcd", "--version"}});
  if (version.exit != testing::ExitStatus{}) return nullptr;
  std::unique_ptr<Etcd> etcd(new Etcd);
  etcd->version_ = std::vector<std::string>(absl::StrSplit(version.out, '\n'))[0];
  const int port = FreePort(kFirstPort + static_cast<int>(getpid() % 5000));
  const std::string peers = absl::StrCat("http://127.0.0.1:", FreePort(port + 1));
  etcd->address_ = absl::StrCat("127.0.0.1:", port);
  const std::string clients = absl::StrCat("http://", etcd->address_);
  auto process = testing::Subprocess::Start(
      {.argv = {"etcd", "--data-dir", etcd->directory_.File("data"), "--listen-client-urls",
                clients, "--advertise-client-urls", clients, "--listen-peer-urls", peers,
                "--initial-advertise-peer-urls", peers, "--initial-cluster",
                absl::StrCat("default=", peers)}});
  Require(process.ok(), "etcd cannot be started");
  etcd->process_ = *std::move(process);
  Require(etcd->process_->WaitForOutput("ready to serve client requests|serving insecure client"),
          absl::StrCat("etcd does not listen: ", etcd->process_->stderr_text()));
  return etcd;
}

std::string Etcd::WatchRequest() { return Field(1, Field(1, kKey)); }

// WatchResponse.events (11) -> Event.kv (2) -> KeyValue.value (5).
int Etcd::NumberOf(const std::string& watch_response) {
  const auto event = Find(watch_response, 11);
  const auto pair = event.has_value() ? Find(*event, 2) : std::nullopt;
  const auto value = pair.has_value() ? Find(*pair, 5) : std::nullopt;
  int number = 0;
  return value.has_value() && absl::SimpleAtoi(*value, &number) ? number : 1;
}

double Etcd::Put(int number) {
  const grpc::ByteBuffer request =
      BufferOf(absl::StrCat(Field(1, kKey), Field(2, absl::StrCat(number))));
  grpc::GenericStub stub(grpc::CreateChannel(address_, grpc::InsecureChannelCredentials()));
  grpc::ClientContext context;
  grpc::ByteBuffer response;
  std::promise<grpc::Status> ended;
  const double sent = absl::ToDoubleSeconds(absl::Now() - absl::UnixEpoch());
  stub.UnaryCall(&context, "/etcdserverpb.KV/Put", grpc::StubOptions(), &request, &response,
                 [&](grpc::Status status) { ended.set_value(status); });
  const grpc::Status status = ended.get_future().get();
  Require(status.ok(), absl::StrCat("etcd put: ", status.error_message()));
  return sent;
}

}  // namespace lockstep::bench
