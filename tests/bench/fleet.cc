#include <grpcpp/grpcpp.h>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "lockstep/v1/agent.pb.h"
#include "lockstep/v1/release.grpc.pb.h"
#include "lockstep/v1/status.grpc.pb.h"

#include "engine/base/ids.h"
#include "engine/chain/directory.h"
#include "tests/bench/benchmarks.h"
#include "tests/bench/listeners.h"
#include "tests/bench/measure.h"
#include "tests/e2e/cluster.h"
#include "tests/support/eventually.h"
#include "tests/support/repo_paths.h"

namespace lockstep::bench {
namespace {

using testing::Cluster;
using testing::ProgramPath;

constexpr int kExpands = 12;
constexpr int kContract = kExpands + 1;
// Instances of a service, half of them of its older build.
constexpr int kPerService = 20;

// The hello of an instance that contract kContract concerns when its build is the older one.
std::string HelloOf(int client, const chain::ChainSum& sum) {
  v1::SessionRequest request;
  v1::Hello* const hello = request.mutable_hello();
  hello->set_session_id(base::NewUuid());
  hello->set_instance(absl::StrCat("pod-", client));
  hello->set_nonce(client + 1);
  v1::BuildDeclaration* const declaration = hello->mutable_declaration();
  declaration->set_service(absl::StrCat("service-", client / kPerService));
  declaration->set_build(client % 2 == 0 ? "older" : "newer");
  declaration->set_configured(true);
  declaration->set_built_for(sum.head());
  declaration->set_chain_hash(sum.head_hash());
  declaration->set_needs(kExpands);
  declaration->set_adapted_to(client % 2 == 0 ? 0 : kContract);
  declaration->set_uses_declared(true);
  declaration->add_uses("t1");
  return request.SerializeAsString();
}

// 1 once the gate is open.
int ToldBy(const std::string& bytes) {
  v1::SessionResponse response;
  Require(response.ParseFromString(bytes), "the coordinator sends something else");
  return response.has_gate() && response.gate().state() == v1::GATE_STATE_OPEN ? 1 : 0;
}

// A coordinator with this many live instances and a contract that waits for half of them.
class Populated {
 public:
  Populated(Stage& stage, int instances) : cluster_(&stage.server()) {
    for (int version = 1; version <= kExpands; ++version) {
      cluster_.WriteMigration(absl::StrFormat("%03d_step.sql", version),
                              absl::StrCat("CREATE TABLE t", version, " (id int, old text)"));
    }
    SetUp(cluster_.db(), cluster_.owner());
    cluster_.StartCoordinator();
    Publish();
    PretendApplied(cluster_.db());
    cluster_.db().Query("UPDATE lockstep.chain SET first_served_at = now()");
    cluster_.WriteMigration(absl::StrFormat("%03d_drop.sql", kContract),
                            "-- lockstep:phase contract\nALTER TABLE t1 DROP COLUMN old");
    Publish();
    const auto sum = chain::LoadChainSum(cluster_.chain_sum());
    Require(sum.ok(), "chain.sum");
    agents_ = std::make_unique<Listeners>(
        ListenerSpec{.address = cluster_.socket(),
                     .method = "/lockstep.v1.AgentService/Session",
                     .first = [sum](int client) { return HelloOf(client, *sum); },
                     .tell = ToldBy},
        instances);
    agents_->WaitUntilTold(1);
    const auto channel = grpc::CreateChannel(cluster_.socket(), grpc::InsecureChannelCredentials());
    status_ = v1::StatusService::NewStub(channel);
    releases_ = v1::ReleaseService::NewStub(channel);
  }

  Sample Statuses(int calls) {
    return MedianOf(calls, [this](grpc::ClientContext& context) {
      v1::GetStatusResponse response;
      return status_->GetStatus(&context, {}, &response);
    });
  }
  // Whom the contract concerns, with the reasons.
  Sample Concerned(int calls) {
    return MedianOf(calls, [this](grpc::ClientContext& context) {
      v1::ListInstancesRequest request;
      request.set_concerned_by(kContract);
      request.set_page_size(1000);
      v1::ListInstancesResponse response;
      return status_->ListInstances(&context, request, &response);
    });
  }
  // The same by service and build, and connections that no instance answers for.
  Sample Blockers(int calls) {
    return MedianOf(calls, [this](grpc::ClientContext& context) {
      v1::ListBlockersRequest request;
      request.set_version(kContract);
      v1::ListBlockersResponse response;
      return status_->ListBlockers(&context, request, &response);
    });
  }
  Sample CanDeploys(int calls) {
    return MedianOf(calls, [this](grpc::ClientContext& context) {
      v1::CanDeployRequest request;
      request.set_service("service-0");
      request.set_build("older");
      v1::CanDeployResponse response;
      return releases_->CanDeploy(&context, request, &response);
    });
  }
  // The whole command, from the start of the process to its end.
  Sample Command(const std::vector<std::string>& words) {
    testing::SubprocessOptions options{.argv = {ProgramPath("lockstep")},
                                       .env = {{"LOCKSTEP_ADDRESS", cluster_.socket()}}};
    options.argv.insert(options.argv.end(), words.begin(), words.end());
    return RunProgram(options);
  }

 private:
  void Publish() {
    // An election takes a moment.
    Require(testing::Eventually([this] { return cluster_.Ctl({"publish"}).exit->code == 0; }),
            "not published");
  }
  template <typename Call>
  static Sample MedianOf(int calls, const Call& call) {
    std::vector<double> times;
    for (int i = 0; i < calls; ++i) {
      grpc::ClientContext context;
      const double start = Now();
      const grpc::Status status = call(context);
      times.push_back(Now() - start);
      Require(status.ok(), status.error_message());
    }
    return {.wall = Median(std::move(times))};
  }

  Cluster cluster_;
  std::unique_ptr<Listeners> agents_;
  std::unique_ptr<v1::StatusService::Stub> status_;
  std::unique_ptr<v1::ReleaseService::Stub> releases_;
};

}  // namespace

void Fleet(Stage& stage) {
  const int few = 5;
  const int many = stage.Choose(500, 60);
  Populated small(stage, few);
  Populated large(stage, many);
  const int rounds = stage.Choose(9, 2);
  const int calls = stage.Choose(50, 5);
  const auto compare = [&](const std::string& what, auto measure) {
    const Rounds taken = TakeTurns(
        {{"few", [&] { return measure(small); }}, {"many", [&] { return measure(large); }}},
        rounds);
    stage.report().Add(
        {.benchmark = "fleet",
         .measured = absl::StrCat(what, " at ", many, " instances"),
         .reference = absl::StrCat("at ", few),
         .ratio = taken.WallRatio(1, 0),
         .context = absl::StrCat(Duration(taken.Wall(1)), " to ", Duration(taken.Wall(0)))});
  };
  compare("GetStatus", [&](Populated& fleet) { return fleet.Statuses(calls); });
  compare("ListBlockers", [&](Populated& fleet) { return fleet.Blockers(calls); });
  compare("ListInstances concerned by a contract",
          [&](Populated& fleet) { return fleet.Concerned(calls); });
  compare("CanDeploy", [&](Populated& fleet) { return fleet.CanDeploys(calls); });
  compare("`lockstep status`", [](Populated& fleet) { return fleet.Command({"status"}); });
  compare("`lockstep blockers`", [](Populated& fleet) { return fleet.Command({"blockers"}); });
}

}  // namespace lockstep::bench
