#include <grpcpp/grpcpp.h>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/time/clock.h"
#include "lockstep/v1/agent.grpc.pb.h"
#include <libpq-fe.h>

#include "engine/chain/chain.h"
#include "tests/bench/benchmarks.h"
#include "tests/bench/measure.h"
#include "tests/e2e/cluster.h"
#include "tests/support/repo_paths.h"

namespace lockstep::bench {
namespace {

using testing::Cluster;
using testing::ProgramPath;
using testing::Subprocess;

// How long a verdict may take to follow a commit, and when the wait for it is given up.
constexpr double kFlip = 0.1;
constexpr double kNeverFlips = 30;

// What a service asks with that was built with this chain and needs all of it.
v1::CheckGateRequest QuestionOf(const chain::Chain& chain) {
  const chain::ChainSum sum = chain.sum();
  v1::CheckGateRequest question;
  v1::BuildDeclaration* const declaration = question.mutable_declaration();
  declaration->set_service("orders");
  declaration->set_configured(true);
  declaration->set_built_for(sum.head());
  declaration->set_chain_hash(sum.head_hash());
  declaration->set_needs(sum.head());
  return question;
}

std::shared_ptr<grpc::Channel> NewChannel(const std::string& address) {
  grpc::ChannelArguments arguments;
  // Else a "new" channel would use the connection of an older one. The rest as agents dial.
  arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
  arguments.SetInt(GRPC_ARG_ENABLE_HTTP_PROXY, 0);
  arguments.SetInt(GRPC_ARG_SERVICE_CONFIG_DISABLE_RESOLUTION, 1);
  return grpc::CreateCustomChannel(address, grpc::InsecureChannelCredentials(), arguments);
}

v1::Gate Ask(v1::AgentService::Stub& stub, const v1::CheckGateRequest& question) {
  grpc::ClientContext context;
  context.set_deadline(std::chrono::system_clock::now() + std::chrono::seconds(10));
  v1::CheckGateResponse response;
  const grpc::Status status = stub.CheckGate(&context, question, &response);
  Require(status.ok(), absl::StrCat("CheckGate: ", status.error_message()));
  return response.gate();
}

// The median of `calls` calls, one after the other.
template <typename Call>
Sample MedianOf(int calls, const Call& call) {
  std::vector<double> times;
  for (int i = 0; i < calls; ++i) {
    const double start = Now();
    call();
    times.push_back(Now() - start);
  }
  return {.wall = Median(std::move(times))};
}

Contender WarmCalls(const std::string& name, const std::string& address,
                    const v1::CheckGateRequest& question, int calls) {
  const std::shared_ptr<v1::AgentService::Stub> stub(
      v1::AgentService::NewStub(NewChannel(address)).release());
  return {name, [stub, question, calls] {
            return MedianOf(calls, [&] {
              Require(Ask(*stub, question).state() == v1::GATE_STATE_OPEN, "the gate is not open");
            });
          }};
}

Contender ColdCalls(const std::string& address, const v1::CheckGateRequest& question, int calls) {
  return {"new channel and CheckGate", [address, question, calls] {
            return MedianOf(calls, [&] {
              const auto stub = v1::AgentService::NewStub(NewChannel(address));
              Require(Ask(*stub, question).state() == v1::GATE_STATE_OPEN, "the gate is not open");
            });
          }};
}

Contender ColdSelects(const std::string& conninfo, int calls) {
  return {"libpq connect and SELECT", [conninfo, calls] {
            return MedianOf(calls, [&] {
              PGconn* const connection = PQconnectdb(conninfo.c_str());
              PGresult* const result = PQexec(connection, "SELECT applied FROM lockstep.chain");
              const bool ok = PQresultStatus(result) == PGRES_TUPLES_OK;
              PQclear(result);
              PQfinish(connection);
              Require(ok, "the database does not answer");
            });
          }};
}

// Publishes one more migration, starts an upgrade and asks all the time: how long after the history
// row the verdict was open. The row is written before its COMMIT, so the commit is part of it.
double TimeOneFlip(Cluster& cluster, v1::AgentService::Stub& stub, int version) {
  cluster.WriteMigration(absl::StrFormat("%03d_flip.sql", version),
                         absl::StrCat("CREATE TABLE flip_", version, " (id int);"));
  Require(cluster.Ctl({"publish"}).exit == testing::ExitStatus{}, "publish failed");
  const v1::CheckGateRequest question = QuestionOf(LoadChain(cluster.migrations()));
  Require(Ask(stub, question).state() == v1::GATE_STATE_WAIT, "the gate opens too early");
  const auto upgrade = cluster.StartCtl({"upgrade", "--yes"});
  const double give_up = Now() + kNeverFlips;
  while (Ask(stub, question).state() != v1::GATE_STATE_OPEN) {
    Require(Now() < give_up, "the verdict never followed the applied version");
  }
  const double opened = absl::ToDoubleSeconds(absl::Now() - absl::UnixEpoch());
  (void)upgrade->Wait();
  double applied = 0;
  Require(absl::SimpleAtod(cluster.db().Scalar("SELECT extract(epoch FROM applied_at) FROM "
                                               "lockstep.history ORDER BY version DESC LIMIT 1"),
                           &applied),
          "no history");
  return opened - applied;
}

void AddFlips(Stage& stage, Cluster& cluster, v1::AgentService::Stub& stub, int first) {
  std::vector<double> flips;
  for (int i = 0; i < stage.Choose(9, 2); ++i) {
    flips.push_back(TimeOneFlip(cluster, stub, first + i));
  }
  stage.report().Add(
      {.benchmark = "gate",
       .measured = "verdict follows an applied version",
       .reference = "100 ms",
       .ratio = Median(flips) / kFlip,
       .target = Target{1},
       .context = absl::StrCat(Duration(Median(flips)), ", slowest ",
                               Duration(Percentile(flips, 100)), " of ", flips.size())});
}

}  // namespace

void Gate(Stage& stage) {
  Cluster cluster(&stage.server());
  cluster.StartCoordinator();
  cluster.UsePlayground();
  Require(cluster.Ctl({"publish"}).exit == testing::ExitStatus{}, "publish failed");
  const auto migrator = cluster.StartAgent({.migrate = true});
  const auto upgraded = cluster.Ctl({"upgrade", "--yes"});
  Require(upgraded.exit == testing::ExitStatus{}, absl::StrCat("upgrade: ", upgraded.err));
  const v1::CheckGateRequest question = QuestionOf(LoadChain(cluster.migrations()));

  testing::TempDir directory;
  const std::string bare_address = absl::StrCat("unix:", directory.File("bare.sock"));
  const auto bare = Subprocess::Start({.argv = {ProgramPath("bench-bare-server"), bare_address}});
  Require(bare.ok() && (*bare)->WaitForOutput("listening"), "the bare server does not start");

  const int calls = stage.Choose(2000, 200);
  const Rounds warm = TakeTurns({WarmCalls("bare gRPC", bare_address, question, calls),
                                 WarmCalls("CheckGate", cluster.socket(), question, calls)},
                                stage.Choose(9, 2));
  stage.report().Add(
      {.benchmark = "gate",
       .measured = "warm CheckGate",
       .reference = "bare gRPC unary call",
       .ratio = warm.WallRatio(1, 0),
       .target = Target{1.3},
       .context = absl::StrCat(Duration(warm.Wall(1)), " to ", Duration(warm.Wall(0)))});
  const int colds = stage.Choose(50, 10);
  const Rounds cold = TakeTurns(
      {ColdSelects(cluster.db().conninfo(), colds), ColdCalls(cluster.socket(), question, colds)},
      stage.Choose(9, 2));
  stage.report().Add(
      {.benchmark = "gate",
       .measured = "cold: new channel and CheckGate",
       .reference = "libpq connect and SELECT",
       .ratio = cold.WallRatio(1, 0),
       .target = Target{0.25},
       .context = absl::StrCat(Duration(cold.Wall(1)), " to ", Duration(cold.Wall(0)))});
  const auto stub = v1::AgentService::NewStub(NewChannel(cluster.socket()));
  AddFlips(stage, cluster, *stub, question.declaration().built_for() + 1);
}

}  // namespace lockstep::bench
