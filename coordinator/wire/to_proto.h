// The coordinator's values as messages. The way back is from_proto.h.
#ifndef LOCKSTEP_COORDINATOR_WIRE_TO_PROTO_H_
#define LOCKSTEP_COORDINATOR_WIRE_TO_PROTO_H_

#include "absl/time/time.h"
#include "lockstep/v1/agent.pb.h"
#include "lockstep/v1/migration.pb.h"
#include "lockstep/v1/operation.pb.h"
#include "lockstep/v1/release.pb.h"
#include "lockstep/v1/status.pb.h"

#include "coordinator/operation/operations.h"
#include "coordinator/status/cluster_state.h"

namespace lockstep::coordinator {

v1::Phase ToProto(sql::Phase phase);
v1::Gate ToProto(const Verdict& verdict, absl::Duration validity);
v1::LeaseToken ToProto(const LeaseToken& token);
v1::RunError ToProto(const RunError& error);
v1::Migration ToProto(const MigrationRow& row);
v1::Backfill ToProto(const BackfillRow& row);
v1::Operation ToProto(const OperationView& view);
v1::ClusterStatus ToProto(const ClusterState& state, absl::Duration validity);

}  // namespace lockstep::coordinator

#endif  // LOCKSTEP_COORDINATOR_WIRE_TO_PROTO_H_
