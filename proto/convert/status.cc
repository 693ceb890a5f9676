#include "proto/convert/status.h"

#include <string>
#include <utility>

#include "google/rpc/error_details.pb.h"
#include "google/rpc/status.pb.h"

#include "engine/base/error_info.h"

namespace lockstep::convert {
namespace {

constexpr int kRetrySeconds = 1;

google::rpc::Status DetailsOf(const absl::Status& status, const base::ErrorInfo& info) {
  google::rpc::Status details;
  details.set_code(static_cast<int>(status.code()));
  details.set_message(std::string(status.message()));
  google::rpc::ErrorInfo error;
  error.set_reason(info.reason);
  error.set_domain(kErrorDomain);
  for (const auto& [key, value] : info.metadata) (*error.mutable_metadata())[key] = value;
  details.add_details()->PackFrom(error);
  if (!info.blockers.empty()) {
    google::rpc::PreconditionFailure failure;
    for (const base::Blocker& blocker : info.blockers) {
      auto* violation = failure.add_violations();
      violation->set_type(blocker.type);
      violation->set_subject(blocker.subject);
      violation->set_description(blocker.description);
    }
    details.add_details()->PackFrom(failure);
  }
  if (!info.hint.empty()) {
    google::rpc::Help help;
    help.add_links()->set_description(info.hint);
    details.add_details()->PackFrom(help);
  }
  if (absl::IsUnavailable(status) || absl::IsAborted(status)) {
    google::rpc::RetryInfo retry;
    retry.mutable_retry_delay()->set_seconds(kRetrySeconds);
    details.add_details()->PackFrom(retry);
  }
  return details;
}

void ReadDetail(const google::protobuf::Any& any, base::ErrorInfo& info) {
  google::rpc::ErrorInfo error;
  google::rpc::PreconditionFailure failure;
  google::rpc::Help help;
  if (any.UnpackTo(&error)) {
    info.reason = error.reason();
    for (const auto& [key, value] : error.metadata()) info.metadata[key] = value;
  } else if (any.UnpackTo(&failure)) {
    for (const auto& violation : failure.violations()) {
      info.blockers.push_back({violation.type(), violation.subject(), violation.description()});
    }
  } else if (any.UnpackTo(&help)) {
    if (help.links_size() > 0) info.hint = help.links(0).description();
  }
}

}  // namespace

grpc::Status ToGrpc(const absl::Status& status) {
  if (status.ok()) return grpc::Status::OK;
  std::string details;
  if (const auto info = base::GetErrorInfo(status); info.has_value()) {
    details = DetailsOf(status, *info).SerializeAsString();
  }
  return grpc::Status(static_cast<grpc::StatusCode>(status.code()), std::string(status.message()),
                      details);
}

absl::Status FromGrpc(const grpc::Status& status) {
  if (status.ok()) return absl::OkStatus();
  const auto code = static_cast<absl::StatusCode>(status.error_code());
  base::ErrorInfo info;
  google::rpc::Status details;
  if (details.ParseFromString(status.error_details())) {
    for (const auto& any : details.details()) ReadDetail(any, info);
  }
  if (info.reason.empty() && code == absl::StatusCode::kUnavailable) {
    info.reason = "COORDINATOR_UNAVAILABLE";
  }
  return base::MakeError(code, status.error_message(), std::move(info));
}

}  // namespace lockstep::convert
