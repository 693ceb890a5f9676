#include "coordinator/rpc/admin_service.h"

#include <set>

#include "coordinator/fleet/eviction.h"
#include "coordinator/rpc/unary.h"
#include "coordinator/status/instances.h"
#include "coordinator/wire/from_proto.h"
#include "coordinator/wire/lists.h"
#include "engine/base/status_macros.h"
#include "proto/convert/time.h"

namespace lockstep::coordinator {
namespace {

// Sessions of one instance, more than which nobody has.
constexpr int kMaxSessions = 1000;
constexpr size_t kMaxNameBytes = 128;

absl::StatusOr<EvictRequest> ReadRequest(const v1::EvictInstanceRequest& proto) {
  RETURN_IF_ERROR(CheckText("service", proto.service(), kMaxNameBytes));
  RETURN_IF_ERROR(CheckText("instance", proto.instance(), kMaxNameBytes));
  RETURN_IF_ERROR(CheckText("actor", proto.actor(), kMaxActor));
  RETURN_IF_ERROR(CheckText("reason", proto.reason(), kMaxReason));
  if (proto.service().empty()) return InvalidField("service", "must not be empty");
  if (proto.instance().empty()) return InvalidField("instance", "must not be empty");
  if (!proto.validate_only()) {
    if (!proto.attest()) return InvalidField("attest", "nothing is evicted without it");
    if (proto.actor().empty()) return InvalidField("actor", "must not be empty");
    if (proto.reason().empty()) return InvalidField("reason", "must not be empty");
  }
  if (proto.session_ids_size() > kMaxSessions) return InvalidField("session_ids", "too many");
  return EvictRequest{.service = proto.service(),
                      .instance = proto.instance(),
                      .attestation = {.actor = proto.actor(), .reason = proto.reason()},
                      .validate_only = proto.validate_only(),
                      .expected = {proto.session_ids().begin(), proto.session_ids().end()}};
}

}  // namespace

grpc::ServerUnaryReactor* AdminServiceImpl::EvictInstance(grpc::CallbackServerContext* context,
                                                          const v1::EvictInstanceRequest* request,
                                                          v1::EvictInstanceResponse* response) {
  return RunUnary(context, options_.workers,
                  [this, request, response] { return DoEvict(*request, *response); });
}

absl::Status AdminServiceImpl::DoEvict(const v1::EvictInstanceRequest& proto,
                                       v1::EvictInstanceResponse& response) {
  ASSIGN_OR_RETURN(const EvictRequest request, ReadRequest(proto));
  ASSIGN_OR_RETURN(const LeaderToken leader, options_.accepting());
  ASSIGN_OR_RETURN(const auto ids, Evict(*options_.fleet, leader, request));
  options_.wake_driver();
  const std::set<std::string> evicted(ids.begin(), ids.end());
  ASSIGN_OR_RETURN(const auto instances, ListInstances(*options_.database, *options_.fleet,
                                                       {.service = request.service,
                                                        .instance = request.instance,
                                                        .limit = kMaxSessions},
                                                       options_.clock->SinceBoot()));
  for (const InstanceState& instance : instances) {
    const bool ends = evicted.contains(instance.session.declaration.session_id);
    *(ends ? response.add_evicted() : response.add_staying()) =
        ToProto(instance, options_.durations.admission_validity);
  }
  *response.mutable_quiet() = convert::ToProto(QuietBeforeEnd(options_.durations));
  return absl::OkStatus();
}

}  // namespace lockstep::coordinator
