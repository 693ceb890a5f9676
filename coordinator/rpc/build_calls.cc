// What ReleaseService and AdminService are asked about builds, overrides and decisions.
#include <algorithm>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"

#include "coordinator/rpc/admin_service.h"
#include "coordinator/rpc/release_service.h"
#include "coordinator/rpc/unary.h"
#include "coordinator/wire/build_wire.h"
#include "coordinator/wire/from_proto.h"
#include "coordinator/wire/lists.h"
#include "engine/base/digest.h"
#include "engine/base/status_macros.h"
#include "proto/convert/time.h"

namespace lockstep::coordinator {
namespace {

constexpr int kDefaultPage = 100;
constexpr int kMaxPage = 1000;
constexpr int kMaxStillCounting = 1000;

}  // namespace

grpc::ServerUnaryReactor* ReleaseServiceImpl::CanDeploy(grpc::CallbackServerContext* context,
                                                        const v1::CanDeployRequest* request,
                                                        v1::CanDeployResponse* response) {
  return RunUnary(context, workers_,
                  [this, request, response] { return DoCanDeploy(*request, *response); });
}

absl::Status ReleaseServiceImpl::DoCanDeploy(const v1::CanDeployRequest& request,
                                             v1::CanDeployResponse& response) {
  ASSIGN_OR_RETURN(const DeployQuestion question, FromProto(request));
  ASSIGN_OR_RETURN(const DeployAnswer answer, builds_->CanDeploy(question));
  response = ToProto(answer, durations_.admission_validity);
  return absl::OkStatus();
}

grpc::ServerUnaryReactor* ReleaseServiceImpl::PinBuild(grpc::CallbackServerContext* context,
                                                       const v1::PinBuildRequest* request,
                                                       v1::PinBuildResponse* response) {
  return RunUnary(context, workers_,
                  [this, request, response] { return DoPin(*request, *response); });
}

absl::Status ReleaseServiceImpl::DoPin(const v1::PinBuildRequest& request,
                                       v1::PinBuildResponse& response) {
  ASSIGN_OR_RETURN(const PinRequest pin, FromProto(request));
  ASSIGN_OR_RETURN(const PinRow row, builds_->Pin(pin));
  *response.mutable_pin() = ToProto(row);
  return absl::OkStatus();
}

grpc::ServerUnaryReactor* ReleaseServiceImpl::RetireBuild(grpc::CallbackServerContext* context,
                                                          const v1::RetireBuildRequest* request,
                                                          v1::RetireBuildResponse* response) {
  return RunUnary(context, workers_,
                  [this, request, response] { return DoRetire(*request, *response); });
}

absl::Status ReleaseServiceImpl::DoRetire(const v1::RetireBuildRequest& request,
                                          v1::RetireBuildResponse& response) {
  RETURN_IF_ERROR(CheckBuildName(request.service(), request.build()));
  ASSIGN_OR_RETURN(const Decider by, ReadDecider(request.actor(), request.reason()));
  ASSIGN_OR_RETURN(const Retired retired, builds_->Retire(request.service(), request.build(), by));
  response.set_pins_ended(retired.pins_ended);
  for (const InstanceState& instance : retired.still_counting) {
    if (response.still_counting_size() == kMaxStillCounting) break;
    *response.add_still_counting() = ToProto(instance, durations_.admission_validity);
  }
  return absl::OkStatus();
}

grpc::ServerUnaryReactor* AdminServiceImpl::Override(grpc::CallbackServerContext* context,
                                                     const v1::OverrideRequest* request,
                                                     v1::OverrideResponse* response) {
  return RunUnary(context, options_.workers,
                  [this, request, response] { return DoOverride(*request, *response); });
}

absl::Status AdminServiceImpl::DoOverride(const v1::OverrideRequest& proto,
                                          v1::OverrideResponse& response) {
  ASSIGN_OR_RETURN(const OverrideRequest request, FromProto(proto));
  if (proto.validate_only()) {
    ASSIGN_OR_RETURN(const OverridePreview preview,
                     options_.builds->LookAtOverride(request.contract, request.lasting));
    response = ToProto(preview, options_.durations.admission_validity);
  } else {
    // Its list is the caller's already: the token is of it, or nothing happens.
    ASSIGN_OR_RETURN(const std::string id, options_.builds->Override(request));
    response.set_override_id(id);
    response.set_confirmation_token(request.token);
  }
  *response.mutable_lasting() = convert::ToProto(request.lasting);
  return absl::OkStatus();
}

grpc::ServerUnaryReactor* AdminServiceImpl::ListAuditEvents(
    grpc::CallbackServerContext* context, const v1::ListAuditEventsRequest* request,
    v1::ListAuditEventsResponse* response) {
  return RunUnary(context, options_.workers,
                  [this, request, response] { return DoListAudit(*request, *response); });
}

absl::Status AdminServiceImpl::DoListAudit(const v1::ListAuditEventsRequest& request,
                                           v1::ListAuditEventsResponse& response) {
  std::optional<int64_t> before;
  if (!request.page_token().empty()) {
    int64_t number = 0;
    if (!absl::SimpleAtoi(request.page_token(), &number) || number < 1) {
      return InvalidField("page_token", "not one of ours");
    }
    before = number;
  }
  const int size =
      request.page_size() <= 0 ? kDefaultPage : std::min(request.page_size(), kMaxPage);
  ASSIGN_OR_RETURN(auto connection, options_.database->Take());
  ASSIGN_OR_RETURN(const auto rows, ReadAudit(*connection, before, size));
  for (const AuditRow& row : rows) *response.add_events() = ToProto(row);
  if (static_cast<int>(rows.size()) == size && rows.back().number > 1) {
    response.set_next_page_token(absl::StrCat(rows.back().number));
  }
  return absl::OkStatus();
}

grpc::ServerUnaryReactor* AdminServiceImpl::VerifyAudit(grpc::CallbackServerContext* context,
                                                        const v1::VerifyAuditRequest* request,
                                                        v1::VerifyAuditResponse* response) {
  return RunUnary(context, options_.workers,
                  [this, request, response] { return DoVerifyAudit(*request, *response); });
}

absl::Status AdminServiceImpl::DoVerifyAudit(const v1::VerifyAuditRequest& request,
                                             v1::VerifyAuditResponse& response) {
  const std::string& expected = request.expected_hash();
  if (!expected.empty() && expected.size() != base::kSha256Bytes) {
    return InvalidField("expected_hash", "must be 32 bytes or empty");
  }
  ASSIGN_OR_RETURN(auto connection, options_.database->Take());
  ASSIGN_OR_RETURN(const AuditVerdict verdict, coordinator::VerifyAudit(*connection, expected));
  response.set_records(verdict.records);
  response.set_last_hash(verdict.last_hash);
  response.set_broken_at(verdict.broken_at);
  response.set_why(verdict.why);
  return absl::OkStatus();
}

}  // namespace lockstep::coordinator
