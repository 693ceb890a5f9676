// A client of grpc.health.v1, as an orchestrator's or a proxy's. What is answered is told by name:
// "SERVING", "NOT_SERVING", ..., or the number of the error, "error 5".
#ifndef LOCKSTEP_TESTS_SUPPORT_HEALTH_CLIENT_H_
#define LOCKSTEP_TESTS_SUPPORT_HEALTH_CLIENT_H_

#include <chrono>
#include <grpcpp/grpcpp.h>
#include <memory>
#include <string>

#include "absl/strings/str_cat.h"
#include "grpc/health/v1/health.grpc.pb.h"

#include "tests/support/eventually.h"

namespace lockstep::testing {

inline std::string HealthError(grpc::StatusCode code) {
  return absl::StrCat("error ", static_cast<int>(code));
}

// A call of Watch. Reads block for at most kPatience from its start; it ends with the object.
class HealthWatch {
 public:
  HealthWatch(const std::shared_ptr<grpc::Channel>& channel, const std::string& service) {
    context_.set_deadline(absl::ToChronoTime(absl::Now() + 4 * kPatience));
    request_.set_service(service);
    reader_ = grpc::health::v1::Health::NewStub(channel)->Watch(&context_, request_);
  }
  ~HealthWatch() {
    if (reader_ == nullptr) return;
    context_.TryCancel();
    reader_->Finish();
  }
  HealthWatch(const HealthWatch&) = delete;
  HealthWatch& operator=(const HealthWatch&) = delete;

  // The next state, or how the stream ended.
  std::string Next() {
    if (reader_ == nullptr) return "ended";
    grpc::health::v1::HealthCheckResponse response;
    if (reader_->Read(&response)) {
      return grpc::health::v1::HealthCheckResponse::ServingStatus_Name(response.status());
    }
    const grpc::Status status = reader_->Finish();
    reader_.reset();
    return HealthError(status.error_code());
  }

 private:
  grpc::ClientContext context_;
  grpc::health::v1::HealthCheckRequest request_;
  std::unique_ptr<grpc::ClientReader<grpc::health::v1::HealthCheckResponse>> reader_;
};

class HealthClient {
 public:
  explicit HealthClient(const std::string& target)
      : channel_(grpc::CreateChannel(target, grpc::InsecureChannelCredentials())) {}

  std::string Check(const std::string& service) const {
    grpc::ClientContext context;
    context.set_deadline(absl::ToChronoTime(absl::Now() + kPatience));
    grpc::health::v1::HealthCheckRequest request;
    request.set_service(service);
    grpc::health::v1::HealthCheckResponse response;
    const grpc::Status status =
        grpc::health::v1::Health::NewStub(channel_)->Check(&context, request, &response);
    if (!status.ok()) return HealthError(status.error_code());
    return grpc::health::v1::HealthCheckResponse::ServingStatus_Name(response.status());
  }
  std::unique_ptr<HealthWatch> Watch(const std::string& service) const {
    return std::make_unique<HealthWatch>(channel_, service);
  }

 private:
  std::shared_ptr<grpc::Channel> channel_;
};

}  // namespace lockstep::testing

#endif  // LOCKSTEP_TESTS_SUPPORT_HEALTH_CLIENT_H_
