#include "tests/ctl/fake_coordinator.h"

#include <utility>

#include "absl/strings/str_cat.h"

#include "engine/base/status_macros.h"
#include "proto/convert/status.h"

namespace lockstep::testing {
namespace {

template <class Request, class Response>
grpc::Status Reply(FakeCoordinator& fake, const Answer<Request, Response>& answer,
                   const Request& request, Response* response) {
  ++fake.calls;
  if (!answer) return grpc::Status(grpc::StatusCode::UNIMPLEMENTED, "no handler in this test");
  return convert::ToGrpc(answer(request, response));
}

template <class Response>
grpc::Status Follow(FakeCoordinator& fake, const Stream<Response>& stream,
                    grpc::ServerContext* context, grpc::ServerWriter<Response>* writer) {
  ++fake.calls;
  if (!stream) return grpc::Status(grpc::StatusCode::UNIMPLEMENTED, "no handler in this test");
  return convert::ToGrpc(stream(context, writer));
}

}  // namespace

class FakeCoordinator::Admin final : public v1::AdminService::Service {
 public:
  explicit Admin(FakeCoordinator& fake) : fake_(fake) {}
  grpc::Status EvictInstance(grpc::ServerContext*, const v1::EvictInstanceRequest* request,
                             v1::EvictInstanceResponse* response) override {
    return Reply(fake_, fake_.evict, *request, response);
  }
  grpc::Status Override(grpc::ServerContext*, const v1::OverrideRequest* request,
                        v1::OverrideResponse* response) override {
    return Reply(fake_, fake_.override_contract, *request, response);
  }
  grpc::Status ListAuditEvents(grpc::ServerContext*, const v1::ListAuditEventsRequest* request,
                               v1::ListAuditEventsResponse* response) override {
    return Reply(fake_, fake_.list_audit, *request, response);
  }
  grpc::Status VerifyAudit(grpc::ServerContext*, const v1::VerifyAuditRequest* request,
                           v1::VerifyAuditResponse* response) override {
    return Reply(fake_, fake_.verify_audit, *request, response);
  }

 private:
  FakeCoordinator& fake_;
};

class FakeCoordinator::Release final : public v1::ReleaseService::Service {
 public:
  explicit Release(FakeCoordinator& fake) : fake_(fake) {}
  grpc::Status PublishChain(grpc::ServerContext*, const v1::PublishChainRequest* request,
                            v1::PublishChainResponse* response) override {
    return Reply(fake_, fake_.publish, *request, response);
  }
  grpc::Status PlanUpgrade(grpc::ServerContext*, const v1::PlanUpgradeRequest* request,
                           v1::PlanUpgradeResponse* response) override {
    return Reply(fake_, fake_.plan, *request, response);
  }
  grpc::Status StartUpgrade(grpc::ServerContext*, const v1::StartUpgradeRequest* request,
                            v1::StartUpgradeResponse* response) override {
    return Reply(fake_, fake_.start, *request, response);
  }
  grpc::Status StartContract(grpc::ServerContext*, const v1::StartContractRequest* request,
                             v1::StartContractResponse* response) override {
    return Reply(fake_, fake_.start_contract, *request, response);
  }
  grpc::Status CanDeploy(grpc::ServerContext*, const v1::CanDeployRequest* request,
                         v1::CanDeployResponse* response) override {
    return Reply(fake_, fake_.can_deploy, *request, response);
  }
  grpc::Status PinBuild(grpc::ServerContext*, const v1::PinBuildRequest* request,
                        v1::PinBuildResponse* response) override {
    return Reply(fake_, fake_.pin, *request, response);
  }
  grpc::Status RetireBuild(grpc::ServerContext*, const v1::RetireBuildRequest* request,
                           v1::RetireBuildResponse* response) override {
    return Reply(fake_, fake_.retire, *request, response);
  }

 private:
  FakeCoordinator& fake_;
};

class FakeCoordinator::Operations final : public v1::OperationService::Service {
 public:
  explicit Operations(FakeCoordinator& fake) : fake_(fake) {}
  grpc::Status GetOperation(grpc::ServerContext*, const v1::GetOperationRequest* request,
                            v1::GetOperationResponse* response) override {
    return Reply(fake_, fake_.get_operation, *request, response);
  }
  grpc::Status ListOperations(grpc::ServerContext*, const v1::ListOperationsRequest* request,
                              v1::ListOperationsResponse* response) override {
    return Reply(fake_, fake_.list_operations, *request, response);
  }
  grpc::Status CancelOperation(grpc::ServerContext*, const v1::CancelOperationRequest* request,
                               v1::CancelOperationResponse* response) override {
    return Reply(fake_, fake_.cancel, *request, response);
  }
  grpc::Status PauseOperation(grpc::ServerContext*, const v1::PauseOperationRequest* request,
                              v1::PauseOperationResponse* response) override {
    return Reply(fake_, fake_.pause, *request, response);
  }
  grpc::Status ResumeOperation(grpc::ServerContext*, const v1::ResumeOperationRequest* request,
                               v1::ResumeOperationResponse* response) override {
    return Reply(fake_, fake_.resume, *request, response);
  }
  grpc::Status RetryOperation(grpc::ServerContext*, const v1::RetryOperationRequest* request,
                              v1::RetryOperationResponse* response) override {
    return Reply(fake_, fake_.retry, *request, response);
  }
  grpc::Status WatchOperation(grpc::ServerContext* context, const v1::WatchOperationRequest*,
                              grpc::ServerWriter<v1::WatchOperationResponse>* writer) override {
    return Follow(fake_, fake_.watch_operation, context, writer);
  }

 private:
  FakeCoordinator& fake_;
};

class FakeCoordinator::Status final : public v1::StatusService::Service {
 public:
  explicit Status(FakeCoordinator& fake) : fake_(fake) {}
  grpc::Status GetStatus(grpc::ServerContext*, const v1::GetStatusRequest* request,
                         v1::GetStatusResponse* response) override {
    return Reply(fake_, fake_.get_status, *request, response);
  }
  grpc::Status ListMigrations(grpc::ServerContext*, const v1::ListMigrationsRequest* request,
                              v1::ListMigrationsResponse* response) override {
    return Reply(fake_, fake_.list_migrations, *request, response);
  }
  grpc::Status ListInstances(grpc::ServerContext*, const v1::ListInstancesRequest* request,
                             v1::ListInstancesResponse* response) override {
    return Reply(fake_, fake_.list_instances, *request, response);
  }
  grpc::Status ListBlockers(grpc::ServerContext*, const v1::ListBlockersRequest* request,
                            v1::ListBlockersResponse* response) override {
    return Reply(fake_, fake_.list_blockers, *request, response);
  }
  grpc::Status ListPins(grpc::ServerContext*, const v1::ListPinsRequest* request,
                        v1::ListPinsResponse* response) override {
    return Reply(fake_, fake_.list_pins, *request, response);
  }
  grpc::Status ListLeases(grpc::ServerContext*, const v1::ListLeasesRequest* request,
                          v1::ListLeasesResponse* response) override {
    return Reply(fake_, fake_.list_leases, *request, response);
  }
  grpc::Status ListEvents(grpc::ServerContext*, const v1::ListEventsRequest* request,
                          v1::ListEventsResponse* response) override {
    return Reply(fake_, fake_.list_events, *request, response);
  }
  grpc::Status WatchEvents(grpc::ServerContext* context, const v1::WatchEventsRequest* request,
                           grpc::ServerWriter<v1::WatchEventsResponse>* writer) override {
    Stream<v1::WatchEventsResponse> stream;
    if (fake_.watch_events) {
      stream = [this, request](auto*, auto* to) { return fake_.watch_events(*request, to); };
    }
    return Follow(fake_, stream, context, writer);
  }
  grpc::Status ExportChain(grpc::ServerContext* context, const v1::ExportChainRequest*,
                           grpc::ServerWriter<v1::ExportChainResponse>* writer) override {
    return Follow(fake_, fake_.export_chain, context, writer);
  }
  grpc::Status WatchStatus(grpc::ServerContext* context, const v1::WatchStatusRequest*,
                           grpc::ServerWriter<v1::WatchStatusResponse>* writer) override {
    return Follow(fake_, fake_.watch_status, context, writer);
  }

 private:
  FakeCoordinator& fake_;
};

FakeCoordinator::FakeCoordinator(const std::string& address)
    : admin_(std::make_unique<Admin>(*this)),
      release_(std::make_unique<Release>(*this)),
      operations_(std::make_unique<Operations>(*this)),
      status_(std::make_unique<Status>(*this)) {
  int port = 0;
  grpc::ServerBuilder builder;
  builder.AddListeningPort(address, grpc::InsecureServerCredentials(), &port);
  builder.SetMaxReceiveMessageSize(20 << 20);
  builder.RegisterService(admin_.get());
  builder.RegisterService(release_.get());
  builder.RegisterService(operations_.get());
  builder.RegisterService(status_.get());
  server_ = builder.BuildAndStart();
  LOCKSTEP_CHECK(server_ != nullptr);
  address_ = absl::StrCat("127.0.0.1:", port);
}

FakeCoordinator::~FakeCoordinator() { Stop(); }

void FakeCoordinator::Stop() {
  if (server_ == nullptr) return;
  server_->Shutdown(std::chrono::system_clock::now());
  server_.reset();
}

SubprocessOptions LockstepCommand(const std::string& address, std::vector<std::string> words) {
  words.insert(words.begin(), LOCKSTEP_PROGRAM);
  return {.argv = std::move(words),
          .env = {{"LOCKSTEP_ADDRESS", address}, {"NO_COLOR", "1"}, {"TERM", "xterm"}}};
}

CommandResult RunLockstep(const FakeCoordinator& fake, std::vector<std::string> words) {
  return RunCommand(LockstepCommand(fake.address(), std::move(words)));
}

CommandResult RunLockstep(std::vector<std::string> words) {
  return RunCommand(LockstepCommand("unix:/nonexistent/lockstep.sock", std::move(words)));
}

int CodeOf(const CommandResult& result) {
  return result.exit.has_value() && result.exit->signal == 0 ? result.exit->code : -1;
}

v1::Operation RunningOperation(int target) {
  v1::Operation operation;
  operation.set_operation_id("op-7f3a");
  operation.set_kind(v1::OPERATION_KIND_UPGRADE);
  operation.set_state(v1::OPERATION_STATE_RUNNING);
  operation.set_target(target);
  operation.mutable_created_at()->set_seconds(1000);
  return operation;
}

v1::Operation DoneOperation(int applied) {
  v1::Operation operation = RunningOperation(applied);
  operation.set_state(v1::OPERATION_STATE_SUCCEEDED);
  operation.set_applied(applied);
  operation.mutable_ended_at()->set_seconds(1001);
  operation.mutable_ended_at()->set_nanos(200'000'000);
  return operation;
}

}  // namespace lockstep::testing
