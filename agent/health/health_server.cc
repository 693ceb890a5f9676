#include "agent/health/health_server.h"

#include <chrono>
#include <grpcpp/grpcpp.h>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"

#include "engine/base/error_info.h"
#include "proto/serve/health_service.h"

namespace lockstep::health {
namespace {

constexpr int kMaxRequestBytes = 4096;
constexpr int kMaxStreamsOfAConnection = 2 * kMaxWatchers;
// How soon a watcher whose host is gone is noticed, and no longer counted.
constexpr int kKeepaliveMs = 20'000;
constexpr int kKeepaliveTimeoutMs = 10'000;
// A client that does not read is not waited for.
constexpr std::chrono::seconds kStopGrace(3);

serve::HealthService::Services ServicesOf(const Probes& probes) {
  return {{"", probes.ready},
          {"readiness", probes.ready},
          {"gate", probes.gate_open},
          {"liveness", [] { return true; }}};
}

}  // namespace

class HealthServer::Impl {
 public:
  explicit Impl(const Probes& probes)
      : service_(ServicesOf(probes), {.max_watchers = kMaxWatchers}) {}

  ~Impl() {
    if (server_ == nullptr) return;
    service_.Shutdown(base::MakeError(absl::StatusCode::kUnavailable, "SHUTTING_DOWN",
                                      "the agent is shutting down", {}, ""));
    server_->Shutdown(std::chrono::system_clock::now() + kStopGrace);
    server_->Wait();
  }

  absl::Status Listen(const Address& address) {
    const std::string target = ToText(address);
    grpc::ServerBuilder builder;
    builder.SetMaxReceiveMessageSize(kMaxRequestBytes);
    builder.AddChannelArgument(GRPC_ARG_MAX_CONCURRENT_STREAMS, kMaxStreamsOfAConnection);
    builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_TIME_MS, kKeepaliveMs);
    builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_TIMEOUT_MS, kKeepaliveTimeoutMs);
    // Two agents on one port would answer for each other.
    builder.AddChannelArgument(GRPC_ARG_ALLOW_REUSEPORT, 0);
    builder.AddListeningPort(target, grpc::InsecureServerCredentials(), &port_);
    builder.RegisterService(&service_);
    server_ = builder.BuildAndStart();
    if (server_ != nullptr && port_ != 0) return absl::OkStatus();
    return base::MakeError(absl::StatusCode::kUnavailable, "HEALTH_LISTEN",
                           absl::StrCat("cannot listen on ", target), {{"address", target}},
                           "give another --grpc-health address, or port 0");
  }

  int port() const { return port_; }
  void Changed() { service_.Changed(); }

 private:
  serve::HealthService service_;
  int port_ = 0;
  std::unique_ptr<grpc::Server> server_;
};

HealthServer::HealthServer(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
HealthServer::~HealthServer() = default;

absl::StatusOr<std::unique_ptr<HealthServer>> HealthServer::Start(const Address& address,
                                                                  Probes probes) {
  auto impl = std::make_unique<Impl>(probes);
  if (absl::Status status = impl->Listen(address); !status.ok()) return status;
  return std::unique_ptr<HealthServer>(new HealthServer(std::move(impl)));
}

int HealthServer::port() const { return impl_->port(); }

void HealthServer::Changed() { impl_->Changed(); }

}  // namespace lockstep::health
