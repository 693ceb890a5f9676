#include "coordinator/wire/build_wire.h"

#include "google/protobuf/util/json_util.h"

#include "coordinator/wire/from_proto.h"
#include "coordinator/wire/lists.h"
#include "coordinator/wire/to_proto.h"
#include "engine/base/status_macros.h"
#include "proto/convert/time.h"

namespace lockstep::coordinator {

using convert::ToProto;

namespace {

constexpr size_t kMaxService = 63;
constexpr size_t kMaxBuild = 128;
constexpr size_t kMaxToken = 64;

v1::Deployability ProtoOf(Deployability deployability) {
  switch (deployability) {
    case Deployability::kNow:
      return v1::DEPLOYABILITY_NOW;
    case Deployability::kAfterUpgrade:
      return v1::DEPLOYABILITY_AFTER_UPGRADE;
    case Deployability::kNo:
      return v1::DEPLOYABILITY_NO;
  }
  return v1::DEPLOYABILITY_UNSPECIFIED;
}

v1::ContractStanding ProtoOf(ContractStanding standing) {
  switch (standing) {
    case ContractStanding::kWaiting:
      return v1::CONTRACT_STANDING_WAITING;
    case ContractStanding::kScheduled:
      return v1::CONTRACT_STANDING_SCHEDULED;
    case ContractStanding::kDraining:
      return v1::CONTRACT_STANDING_DRAINING;
    case ContractStanding::kInFlight:
      return v1::CONTRACT_STANDING_IN_FLIGHT;
    case ContractStanding::kDone:
      return v1::CONTRACT_STANDING_DONE;
  }
  return v1::CONTRACT_STANDING_UNSPECIFIED;
}

v1::ShuttingOut ProtoOf(const ShuttingOut& contract) {
  v1::ShuttingOut proto;
  proto.set_version(contract.version);
  proto.set_title(contract.title);
  proto.set_standing(ProtoOf(contract.standing));
  absl::Time ran_at;
  if (absl::ParseTime("%Y-%m-%d %H:%M:%S UTC", contract.ran_at, &ran_at, nullptr)) {
    *proto.mutable_ran_at() = ToProto(ran_at);
  }
  *proto.mutable_concern() = ToProto(contract.concern);
  return proto;
}

v1::BuildDeclaration ProtoOf(const Declaration& d) {
  v1::BuildDeclaration proto;
  proto.set_service(d.service);
  proto.set_build(d.build);
  proto.set_configured(d.configured);
  proto.set_built_for(d.built_for);
  proto.set_chain_hash(d.chain_hash);
  if (d.needs.has_value()) proto.set_needs(*d.needs);
  proto.set_adapted_to(d.adapted_to);
  proto.set_uses_declared(d.uses.has_value());
  if (d.uses.has_value()) {
    for (const std::string& use : *d.uses) proto.add_uses(use);
  }
  proto.set_on_session_loss(d.stop_on_session_loss ? v1::ON_SESSION_LOSS_STOP
                                                   : v1::ON_SESSION_LOSS_KEEP);
  return proto;
}

// A duration within [least, most], both named in `range`.
absl::StatusOr<absl::Duration> ReadDuration(absl::string_view field,
                                            const google::protobuf::Duration& proto,
                                            absl::Duration least, absl::Duration most,
                                            absl::string_view range) {
  const absl::Duration duration = absl::Trunc(convert::FromProto(proto), absl::Seconds(1));
  if (duration < least || duration > most) return InvalidField(field, range);
  return duration;
}

}  // namespace

absl::Status CheckBuildName(const std::string& service, const std::string& build) {
  RETURN_IF_ERROR(CheckText("service", service, kMaxService));
  RETURN_IF_ERROR(CheckText("build", build, kMaxBuild));
  if (service.empty()) return InvalidField("service", "must not be empty");
  if (build.empty()) return InvalidField("build", "must not be empty");
  return absl::OkStatus();
}

absl::StatusOr<Decider> ReadDecider(const std::string& actor, const std::string& reason) {
  RETURN_IF_ERROR(CheckText("actor", actor, kMaxActor));
  RETURN_IF_ERROR(CheckText("reason", reason, kMaxReason));
  if (actor.empty()) return InvalidField("actor", "must not be empty");
  if (reason.empty()) return InvalidField("reason", "must not be empty");
  return Decider{.actor = actor, .reason = reason};
}

absl::StatusOr<DeployQuestion> FromProto(const v1::CanDeployRequest& request) {
  DeployQuestion question{.service = request.service(), .build = request.build()};
  if (request.has_declaration()) {
    ASSIGN_OR_RETURN(question.declared, FromProto(request.declaration()));
    question.service = question.declared->service;
    if (question.build.empty()) question.build = question.declared->build;
  } else {
    RETURN_IF_ERROR(CheckBuildName(question.service, question.build));
  }
  RETURN_IF_ERROR(CheckText("build", question.build, kMaxBuild));
  return question;
}

absl::StatusOr<PinRequest> FromProto(const v1::PinBuildRequest& request) {
  RETURN_IF_ERROR(CheckBuildName(request.service(), request.build()));
  PinRequest pin{.service = request.service(), .build = request.build()};
  if (request.has_declaration()) {
    ASSIGN_OR_RETURN(pin.declared, FromProto(request.declaration()));
    if (pin.declared->service != pin.service) {
      return InvalidField("declaration", "is another service's");
    }
    if (!pin.declared->configured) return InvalidField("declaration", "declares nothing");
  }
  ASSIGN_OR_RETURN(pin.lasting, ReadDuration("lasting", request.lasting(), kMinPin, kMaxPin,
                                             "must be 1 min to 365 d"));
  ASSIGN_OR_RETURN(pin.by, ReadDecider(request.actor(), request.reason()));
  return pin;
}

absl::StatusOr<OverrideRequest> FromProto(const v1::OverrideRequest& request) {
  OverrideRequest read{.contract = request.contract(), .lasting = kDefaultOverride};
  if (read.contract < 1) return InvalidField("contract", "must be a version");
  if (request.has_lasting()) {
    ASSIGN_OR_RETURN(read.lasting, ReadDuration("lasting", request.lasting(), kMinOverride,
                                                kMaxOverride, "must be 1 min to 24 h"));
  }
  RETURN_IF_ERROR(CheckText("confirmation_token", request.confirmation_token(), kMaxToken));
  if (request.validate_only()) return read;
  read.token = request.confirmation_token();
  if (read.token.empty()) return InvalidField("confirmation_token", "must not be empty");
  ASSIGN_OR_RETURN(read.by, ReadDecider(request.actor(), request.reason()));
  return read;
}

v1::CanDeployResponse ToProto(const DeployAnswer& answer, absl::Duration validity) {
  v1::CanDeployResponse proto;
  proto.set_deployability(ProtoOf(answer.verdict.deployability));
  *proto.mutable_gate() = ToProto(answer.verdict.now, validity);
  *proto.mutable_gate_after_upgrade() = ToProto(answer.verdict.after_upgrade, validity);
  proto.set_why_not(answer.verdict.why_not);
  for (const ShuttingOut& contract : answer.verdict.shut_out_by) {
    *proto.add_shut_out_by() = ProtoOf(contract);
  }
  for (const BuildRow& build : answer.would_start) {
    v1::KnownBuild* const known = proto.add_would_start();
    known->set_build(build.declaration.build);
    known->set_adapted_to(build.declaration.adapted_to);
    known->set_needs(build.declaration.needs.value_or(0));
    known->set_instances(build.instances);
    known->set_pinned(build.pinned);
  }
  *proto.mutable_declaration() = ProtoOf(answer.declaration);
  proto.set_pinned(answer.pinned);
  return proto;
}

v1::OverrideResponse ToProto(const OverridePreview& preview, absl::Duration validity) {
  v1::OverrideResponse proto;
  for (const InstanceState& instance : preview.sessions) {
    *proto.add_sessions() = ToProto(instance, validity);
  }
  for (const PinRow& pin : preview.pins) *proto.add_pins() = ToProto(pin);
  proto.set_confirmation_token(preview.token);
  return proto;
}

v1::AuditEvent ToProto(const AuditRow& row) {
  v1::AuditEvent proto;
  proto.set_number(row.number);
  proto.set_sequence(row.revision);
  *proto.mutable_at() = ToProto(row.at);
  proto.set_action(row.action);
  proto.set_actor(row.actor);
  proto.set_reason(row.reason);
  proto.set_version(row.version);
  proto.set_operation_id(row.operation);
  if (!google::protobuf::util::JsonStringToMessage(row.detail, proto.mutable_detail()).ok()) {
    proto.clear_detail();
  }
  proto.set_hash(row.hash);
  return proto;
}

}  // namespace lockstep::coordinator
