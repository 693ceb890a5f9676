#include <grpcpp/grpcpp.h>

#include "absl/strings/str_cat.h"
#include "lockstep/v1/operation.grpc.pb.h"
#include "lockstep/v1/release.grpc.pb.h"
#include "lockstep/v1/status.grpc.pb.h"

#include "engine/base/ids.h"
#include "tests/bench/benchmarks.h"
#include "tests/bench/measure.h"
#include "tests/e2e/cluster.h"

namespace lockstep::bench {
namespace {

// A coordinator over a database in which a chain of this length has been applied.
class Applied {
 public:
  Applied(Stage& stage, int versions) : cluster_(&stage.server()) {
    WriteGeneratedChain(directory_.File("chain"), versions);
    const double start = Now();
    const chain::Chain chain = LoadChain(directory_.File("chain"));
    load_seconds_ = Now() - start;
    SetUp(cluster_.db(), cluster_.owner());
    PublishChain(cluster_.db(), chain);
    PretendApplied(cluster_.db());
    cluster_.StartCoordinator();
    const auto channel = grpc::CreateChannel(cluster_.socket(), grpc::InsecureChannelCredentials());
    status_ = v1::StatusService::NewStub(channel);
    releases_ = v1::ReleaseService::NewStub(channel);
    operations_ = v1::OperationService::NewStub(channel);
    // An election takes a moment.
    Require(testing::Eventually([&] { return StartOne().ok(); }), "the coordinator does not lead");
  }

  double load_seconds() const { return load_seconds_; }

  // The median of `calls` GetStatus.
  Sample Statuses(int calls) {
    std::vector<double> times;
    for (int i = 0; i < calls; ++i) {
      grpc::ClientContext context;
      v1::GetStatusResponse response;
      const double start = Now();
      const grpc::Status status = status_->GetStatus(&context, {}, &response);
      times.push_back(Now() - start);
      Require(status.ok(), absl::StrCat("GetStatus: ", status.error_message()));
    }
    return {.wall = Median(std::move(times))};
  }

  // The median of `calls` StartUpgrade; each is ended before the next one begins.
  Sample Starts(int calls) {
    std::vector<double> times;
    for (int i = 0; i < calls; ++i) {
      const double start = Now();
      const grpc::Status status = StartOne();
      times.push_back(Now() - start);
      Require(status.ok(), absl::StrCat("StartUpgrade: ", status.error_message()));
      Require(testing::Eventually([&] { return HasEnded(); }), "the operation does not end");
    }
    return {.wall = Median(std::move(times))};
  }

 private:
  grpc::Status StartOne() {
    grpc::ClientContext context;
    v1::StartUpgradeRequest request;
    request.set_request_id(base::NewUuid());
    request.set_actor("bench");
    v1::StartUpgradeResponse response;
    grpc::Status status = releases_->StartUpgrade(&context, request, &response);
    if (status.ok()) operation_ = response.operation().operation_id();
    return status;
  }

  bool HasEnded() {
    grpc::ClientContext context;
    v1::GetOperationRequest request;
    request.set_operation_id(operation_);
    v1::GetOperationResponse response;
    return operations_->GetOperation(&context, request, &response).ok() &&
           response.operation().state() == v1::OPERATION_STATE_SUCCEEDED;
  }

  testing::TempDir directory_;
  testing::Cluster cluster_;
  double load_seconds_ = 0;
  std::unique_ptr<v1::StatusService::Stub> status_;
  std::unique_ptr<v1::ReleaseService::Stub> releases_;
  std::unique_ptr<v1::OperationService::Stub> operations_;
  std::string operation_;
};

void AddRow(Stage& stage, const std::string& what, const Rounds& rounds, int few, int many) {
  stage.report().Add(
      {.benchmark = "status",
       .measured = absl::StrCat(what, " at ", many, " migrations"),
       .reference = absl::StrCat("at ", few),
       .ratio = rounds.WallRatio(1, 0),
       .target = Target{1.1},
       .context = absl::StrCat(Duration(rounds.Wall(1)), " to ", Duration(rounds.Wall(0)))});
}

}  // namespace

void Status(Stage& stage) {
  const int few = 12;
  const int many = stage.Choose(5000, 400);
  Applied shorter(stage, few);
  Applied longer(stage, many);
  const int rounds = stage.Choose(9, 2);
  const int calls = stage.Choose(200, 20);
  AddRow(stage, "GetStatus",
         TakeTurns({{"short", [&] { return shorter.Statuses(calls); }},
                    {"long", [&] { return longer.Statuses(calls); }}},
                   rounds),
         few, many);
  const int starts = stage.Choose(20, 3);
  AddRow(stage, "StartUpgrade at the head",
         TakeTurns({{"short", [&] { return shorter.Starts(starts); }},
                    {"long", [&] { return longer.Starts(starts); }}},
                   rounds),
         few, many);
  stage.report().Note(absl::StrCat("reading and checking the files of a chain, once a command: ",
                                   Duration(longer.load_seconds()), " at ", many, ", ",
                                   Duration(shorter.load_seconds()), " at ", few));
}

}  // namespace lockstep::bench
