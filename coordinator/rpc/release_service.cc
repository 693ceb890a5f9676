#include "coordinator/rpc/release_service.h"

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"

#include "coordinator/rpc/unary.h"
#include "coordinator/wire/contract_to_proto.h"
#include "coordinator/wire/from_proto.h"
#include "coordinator/wire/review_to_proto.h"
#include "coordinator/wire/to_proto.h"
#include "engine/base/digest.h"
#include "engine/base/status_macros.h"

namespace lockstep::coordinator {
namespace {

constexpr int kMaxMigrationsPerCall = 20'000;
constexpr int64_t kMaxPublishBytes = 16 << 20;

// Reads the files of a request as strictly as the command line reads a directory.
absl::StatusOr<PublishRequest> ReadRequest(const v1::PublishChainRequest& proto) {
  PublishRequest request{.parent_hash = proto.expected_parent_hash(),
                         .validate_only = proto.validate_only(),
                         .actor = proto.actor(),
                         .lint = FromProto(proto.lint())};
  RETURN_IF_ERROR(CheckText("actor", proto.actor(), kMaxActor));
  if (!request.parent_hash.empty() && request.parent_hash.size() != base::kSha256Bytes) {
    return InvalidField("expected_parent_hash", "must be 32 bytes or empty");
  }
  if (proto.migrations_size() > kMaxMigrationsPerCall) {
    return InvalidField("migrations", "too many in one call");
  }
  int64_t bytes = 0;
  for (const v1::MigrationFile& file : proto.migrations()) {
    bytes += static_cast<int64_t>(file.sql().size());
    if (bytes > kMaxPublishBytes) return InvalidField("migrations", "more than 16 MiB in one call");
    if (!request.migrations.empty() && file.version() != request.migrations.back().version + 1) {
      return InvalidField("migrations", "versions must be consecutive");
    }
    ASSIGN_OR_RETURN(chain::Migration migration,
                     chain::ReadMigration(
                         absl::StrFormat("%03d_%s.sql", file.version(), file.title()), file.sql()));
    request.migrations.push_back(std::move(migration));
  }
  for (const v1::BackfillFile& file : proto.backfills()) {
    ASSIGN_OR_RETURN(chain::Backfill backfill,
                     chain::ReadBackfill(absl::StrCat(file.name(), ".sql"), file.sql()));
    request.backfills.push_back(std::move(backfill));
  }
  return request;
}

}  // namespace

grpc::ServerUnaryReactor* ReleaseServiceImpl::PublishChain(grpc::CallbackServerContext* context,
                                                           const v1::PublishChainRequest* request,
                                                           v1::PublishChainResponse* response) {
  return RunUnary(context, workers_,
                  [this, request, response] { return DoPublish(*request, *response); });
}

absl::Status ReleaseServiceImpl::DoPublish(const v1::PublishChainRequest& proto,
                                           v1::PublishChainResponse& response) {
  ASSIGN_OR_RETURN(const PublishRequest request, ReadRequest(proto));
  ASSIGN_OR_RETURN(const PublishResult result, operations_->Publish(request));
  response = ToProto(result, proto.lint());
  return absl::OkStatus();
}

grpc::ServerUnaryReactor* ReleaseServiceImpl::PlanUpgrade(grpc::CallbackServerContext* context,
                                                          const v1::PlanUpgradeRequest* request,
                                                          v1::PlanUpgradeResponse* response) {
  return RunUnary(context, workers_, [this, request, response]() -> absl::Status {
    ASSIGN_OR_RETURN(const PlannedUpgrade planned,
                     operations_->PlanUpgrade(request->target(), request->contracts()));
    *response = ToProto(planned);
    return absl::OkStatus();
  });
}

grpc::ServerUnaryReactor* ReleaseServiceImpl::StartUpgrade(grpc::CallbackServerContext* context,
                                                           const v1::StartUpgradeRequest* request,
                                                           v1::StartUpgradeResponse* response) {
  return RunUnary(context, workers_,
                  [this, request, response] { return DoStart(*request, *response); });
}

absl::Status ReleaseServiceImpl::DoStart(const v1::StartUpgradeRequest& proto,
                                         v1::StartUpgradeResponse& response) {
  ASSIGN_OR_RETURN(const UpgradeRequest request, FromProto(proto));
  ASSIGN_OR_RETURN(const OperationView view,
                   operations_->StartUpgrade(request, proto.plan_digest()));
  *response.mutable_operation() = ToProto(view);
  return absl::OkStatus();
}

grpc::ServerUnaryReactor* ReleaseServiceImpl::StartContract(grpc::CallbackServerContext* context,
                                                            const v1::StartContractRequest* request,
                                                            v1::StartContractResponse* response) {
  return RunUnary(context, workers_, [this, request, response]() -> absl::Status {
    ASSIGN_OR_RETURN(const ContractRequest checked, FromProto(*request));
    ASSIGN_OR_RETURN(const OperationView view,
                     operations_->StartContract(checked, request->validate_only()));
    *response->mutable_operation() = ToProto(view);
    return absl::OkStatus();
  });
}

}  // namespace lockstep::coordinator
