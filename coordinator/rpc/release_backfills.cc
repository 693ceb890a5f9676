// The backfills of ReleaseService.
#include "coordinator/rpc/release_service.h"
#include "coordinator/rpc/unary.h"
#include "coordinator/wire/from_proto.h"
#include "coordinator/wire/to_proto.h"
#include "engine/base/status_macros.h"

namespace lockstep::coordinator {
namespace {

constexpr size_t kMaxSettings = 4096;

template <class Request>
absl::StatusOr<BackfillAsked> AskedOf(const Request& request) {
  RETURN_IF_ERROR(CheckText("actor", request.actor(), kMaxActor));
  RETURN_IF_ERROR(CheckText("reason", request.reason(), kMaxReason));
  if (request.name().empty()) return InvalidField("name", "must be given");
  if (request.settings().size() > kMaxSettings) return InvalidField("settings", "is too long");
  return BackfillAsked{.name = request.name(),
                       .settings = request.settings(),
                       .actor = request.actor(),
                       .reason = request.reason()};
}

}  // namespace

grpc::ServerUnaryReactor* ReleaseServiceImpl::ListBackfills(grpc::CallbackServerContext* context,
                                                            const v1::ListBackfillsRequest* request,
                                                            v1::ListBackfillsResponse* response) {
  return RunUnary(context, workers_, [this, request, response]() -> absl::Status {
    ASSIGN_OR_RETURN(const auto rows, operations_->ListBackfills(request->name()));
    for (const BackfillRow& row : rows) *response->add_backfills() = ToProto(row);
    return absl::OkStatus();
  });
}

grpc::ServerUnaryReactor* ReleaseServiceImpl::StartBackfill(grpc::CallbackServerContext* context,
                                                            const v1::StartBackfillRequest* request,
                                                            v1::StartBackfillResponse* response) {
  return RunUnary(context, workers_, [this, request, response]() -> absl::Status {
    ASSIGN_OR_RETURN(BackfillAsked asked, AskedOf(*request));
    asked.again = request->again();
    std::string outcome;
    ASSIGN_OR_RETURN(const BackfillRow row, operations_->StartBackfill(asked, &outcome));
    *response->mutable_backfill() = ToProto(row);
    response->set_outcome(outcome);
    return absl::OkStatus();
  });
}

grpc::ServerUnaryReactor* ReleaseServiceImpl::UpdateBackfill(
    grpc::CallbackServerContext* context, const v1::UpdateBackfillRequest* request,
    v1::UpdateBackfillResponse* response) {
  return RunUnary(context, workers_, [this, request, response]() -> absl::Status {
    ASSIGN_OR_RETURN(const BackfillAsked asked, AskedOf(*request));
    std::string state;
    if (request->hold() == v1::BACKFILL_HOLD_PAUSE) state = "paused";
    if (request->hold() == v1::BACKFILL_HOLD_RESUME) state = "running";
    if (request->hold() == v1::BACKFILL_HOLD_CANCEL) state = "cancelled";
    ASSIGN_OR_RETURN(const BackfillRow row, operations_->UpdateBackfill(asked, state));
    *response->mutable_backfill() = ToProto(row);
    return absl::OkStatus();
  });
}

}  // namespace lockstep::coordinator
