#include "coordinator/rpc/agent_service.h"

#include "coordinator/rpc/unary.h"
#include "coordinator/store/session_store.h"
#include "coordinator/wire/from_proto.h"
#include "coordinator/wire/to_proto.h"
#include "engine/base/ids.h"
#include "engine/base/status_macros.h"
#include "proto/convert/time.h"

namespace lockstep::coordinator {
namespace {

absl::StatusOr<RunOutcome> OutcomeOf(v1::RunOutcome outcome) {
  switch (outcome) {
    case v1::RUN_OUTCOME_SUCCEEDED:
      return RunOutcome::kSucceeded;
    case v1::RUN_OUTCOME_FAILED:
      return RunOutcome::kFailed;
    case v1::RUN_OUTCOME_NOT_STARTED:
      return RunOutcome::kNotStarted;
    case v1::RUN_OUTCOME_UNKNOWN:
      return RunOutcome::kUnknown;
    default:
      return InvalidField("outcome", "must be set");
  }
}

absl::StatusOr<LeaseToken> TokenOf(const v1::LeaseToken& proto) {
  if (proto.epoch() <= 0) return InvalidField("token.epoch", "must be positive");
  if (!base::IsUuid(proto.lease_id())) return InvalidField("token.lease_id", "must be a UUID");
  return FromProto(proto);
}

}  // namespace

grpc::ServerBidiReactor<v1::SessionRequest, v1::SessionResponse>* AgentServiceImpl::Session(
    grpc::CallbackServerContext*) {
  return SessionStream::Start(peers_).get();
}

grpc::ServerUnaryReactor* AgentServiceImpl::CheckGate(grpc::CallbackServerContext* context,
                                                      const v1::CheckGateRequest* request,
                                                      v1::CheckGateResponse* response) {
  const auto declaration = FromProto(request->declaration());
  if (!declaration.ok()) return FinishUnary(context, declaration.status());
  // A hint from memory, right on gRPC's thread; it admits nobody. Without memory that is young
  // enough the database is asked, which blocks.
  if (const auto verdict = gate_->Ask(*declaration); verdict.has_value()) {
    *response->mutable_gate() = ToProto(*verdict, peers_->durations.admission_validity);
    return FinishUnary(context, absl::OkStatus());
  }
  return RunUnary(context, workers_,
                  [this, request, response] { return DoCheckGate(*request, *response); });
}

absl::Status AgentServiceImpl::DoCheckGate(const v1::CheckGateRequest& request,
                                           v1::CheckGateResponse& response) {
  ASSIGN_OR_RETURN(const Declaration declaration, FromProto(request.declaration()));
  ASSIGN_OR_RETURN(auto connection, database_->Take());
  ASSIGN_OR_RETURN(const Verdict verdict, AskGate(*connection, declaration));
  *response.mutable_gate() = ToProto(verdict, peers_->durations.admission_validity);
  return absl::OkStatus();
}

grpc::ServerUnaryReactor* AgentServiceImpl::FetchRun(grpc::CallbackServerContext* context,
                                                     const v1::FetchRunRequest* request,
                                                     v1::FetchRunResponse* response) {
  return RunUnary(context, workers_,
                  [this, request, response] { return DoFetchRun(*request, *response); });
}

absl::Status AgentServiceImpl::DoFetchRun(const v1::FetchRunRequest& request,
                                          v1::FetchRunResponse& response) {
  ASSIGN_OR_RETURN(const LeaseToken token, TokenOf(request.token()));
  ASSIGN_OR_RETURN(const FetchedRun run, operations_->FetchRun(token, request.from()));
  for (size_t i = 0; i < run.texts.size(); ++i) {
    const MigrationText& text = run.texts[i];
    v1::RunMigration* const migration = response.add_migrations();
    migration->mutable_ref()->set_version(text.entry.version);
    migration->mutable_ref()->set_title(text.entry.title);
    migration->mutable_ref()->set_digest(text.entry.digest);
    migration->mutable_ref()->set_chain_hash(text.entry.chain_hash);
    migration->set_sql(text.sql);
    migration->set_contract(text.contract);
    migration->set_group(run.groups[i]);
    migration->set_outside_transaction(!text.transactional);
  }
  response.set_owner_role(run.settings.owner_role);
  response.set_search_path(run.settings.search_path);
  *response.mutable_lock_timeout() = convert::ToProto(run.lock_timeout);
  *response.mutable_statement_timeout() = convert::ToProto(absl::ZeroDuration());
  response.set_more(run.more);
  return absl::OkStatus();
}

grpc::ServerUnaryReactor* AgentServiceImpl::CompleteRun(grpc::CallbackServerContext* context,
                                                        const v1::CompleteRunRequest* request,
                                                        v1::CompleteRunResponse* response) {
  return RunUnary(context, workers_,
                  [this, request, response] { return DoCompleteRun(*request, *response); });
}

absl::Status AgentServiceImpl::DoCompleteRun(const v1::CompleteRunRequest& request,
                                             v1::CompleteRunResponse& response) {
  ASSIGN_OR_RETURN(const LeaseToken token, TokenOf(request.token()));
  ASSIGN_OR_RETURN(const RunOutcome outcome, OutcomeOf(request.outcome()));
  std::optional<RunError> error;
  if (request.has_error()) error = FromProto(request.error());
  ASSIGN_OR_RETURN(
      const Version applied,
      operations_->CompleteRun(request.session_id(), token, outcome, request.committed(), error));
  response.set_applied(applied);
  return absl::OkStatus();
}

}  // namespace lockstep::coordinator
