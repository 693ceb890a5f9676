#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "lockstep/v1/agent.pb.h"

#include "engine/base/ids.h"
#include "tests/bench/benchmarks.h"
#include "tests/bench/etcd.h"
#include "tests/bench/listeners.h"
#include "tests/bench/measure.h"
#include "tests/e2e/cluster.h"

namespace lockstep::bench {
namespace {

using testing::Cluster;

constexpr double kKibPerAgent = 64;

// A chain that stands still between its versions, so that everybody can be told of each of them.
void WriteSlowChain(Cluster& cluster, int versions, double pause) {
  for (int version = 1; version <= versions; ++version) {
    cluster.WriteMigration(absl::StrFormat("%03d_step.sql", version),
                           absl::StrCat("-- lockstep:phase data\nDO $$ BEGIN PERFORM pg_sleep(",
                                        version == 1 ? 0 : pause, "); END $$;"));
  }
}

// The hello of an instance that waits for the head of the chain.
std::string HelloOf(int client, const chain::ChainSum& sum) {
  v1::SessionRequest request;
  v1::Hello* const hello = request.mutable_hello();
  hello->set_session_id(base::NewUuid());
  hello->set_instance(absl::StrCat("waiter-", client));
  hello->set_nonce(client + 1);
  v1::BuildDeclaration* const declaration = hello->mutable_declaration();
  declaration->set_service("waiter");
  declaration->set_configured(true);
  declaration->set_built_for(sum.head());
  declaration->set_chain_hash(sum.head_hash());
  declaration->set_needs(sum.head());
  return request.SerializeAsString();
}

// 1 once the gate is known, 1 + V when version V was told to be applied, 1 + V + 1 once it is open.
int ToldBy(const std::string& bytes) {
  v1::SessionResponse response;
  Require(response.ParseFromString(bytes), "the coordinator sends something else");
  if (!response.has_gate()) return 0;
  const bool open = response.gate().state() == v1::GATE_STATE_OPEN;
  return 1 + response.gate().applied() + (open ? 1 : 0);
}

double AppliedAt(Cluster& cluster, int version) {
  double at = 0;
  Require(absl::SimpleAtod(
              cluster.db().Scalar(
                  "SELECT extract(epoch FROM applied_at) FROM lockstep.history WHERE version = $1",
                  {postgres::Param(version)}),
              &at),
          "not applied");
  return at;
}

std::string AddressOf(Cluster& cluster) {
  // {"addresses": "127.0.0.1:PORT,unix:..."}
  const std::string log = cluster.coordinator().stderr_text();
  const size_t start = log.find("127.0.0.1:");
  Require(start != std::string::npos, "the coordinator has no address");
  return log.substr(start, log.find_first_of(",\" \n", start) - start);
}

struct Told {
  std::vector<double> ours;
  std::vector<double> etcds;
};

// Version after version: ours is told, then etcd's key is set.
Told TellAll(Cluster& cluster, Listeners& agents, Etcd* etcd, Listeners* watchers, int versions) {
  Told told;
  for (int version = 1; version < versions; ++version) {
    const double last = agents.WaitUntilTold(1 + version);
    told.ours.push_back(last - AppliedAt(cluster, version));
    if (etcd == nullptr) continue;
    const double put = etcd->Put(1 + version);
    told.etcds.push_back(watchers->WaitUntilTold(1 + version) - put);
  }
  return told;
}

void AddRows(Stage& stage, const Told& told, int agents) {
  const std::string measured = absl::StrCat(agents, " agents told of a version, the last one");
  if (told.etcds.empty()) {
    stage.report().Note(absl::StrCat(measured, ": ", Duration(Median(told.ours)),
                                     "; etcd: not installed, not measured"));
    return;
  }
  std::vector<double> ratios;
  for (size_t i = 0; i < told.ours.size(); ++i) ratios.push_back(told.ours[i] / told.etcds[i]);
  stage.report().Add(
      {.benchmark = "watch",
       .measured = measured,
       .reference = "etcd, as many watchers",
       .ratio = Median(ratios),
       .target = Target{0.4},
       .context = absl::StrCat(Duration(Median(told.ours)), " to ", Duration(Median(told.etcds)))});
}

}  // namespace

void Watch(Stage& stage) {
  const int count = stage.Choose(1000, 50);
  const int versions = stage.Choose(6, 3);
  Cluster cluster(&stage.server());
  cluster.StartCoordinator();
  WriteSlowChain(cluster, versions, stage.quick() ? 0.7 : 3);
  Require(cluster.Ctl({"publish"}).exit == testing::ExitStatus{}, "publish failed");
  const auto migrator = cluster.StartAgent({.migrate = true});
  Require(migrator->WaitForOutput("gate"), "the migrator does not start");
  const chain::ChainSum sum = LoadChain(cluster.migrations()).sum();

  const int64_t before = ResidentKib(cluster.coordinator().pid());
  Listeners agents({.address = AddressOf(cluster),
                    .method = "/lockstep.v1.AgentService/Session",
                    .first = [&](int client) { return HelloOf(client, sum); },
                    .tell = ToldBy},
                   count);
  agents.WaitUntilTold(1);
  const double kib = static_cast<double>(ResidentKib(cluster.coordinator().pid()) - before) / count;
  const auto etcd = Etcd::Start();
  std::unique_ptr<Listeners> watchers;
  if (etcd != nullptr) {
    stage.report().Machine("etcd", etcd->version());
    watchers =
        std::make_unique<Listeners>(ListenerSpec{.address = etcd->address(),
                                                 .method = Etcd::kWatchMethod,
                                                 .first = [](int) { return Etcd::WatchRequest(); },
                                                 .tell = Etcd::NumberOf},
                                    count);
    watchers->WaitUntilTold(1);
  }
  const auto upgrade = cluster.StartCtl({"upgrade", "--yes", "--timeout", "5m"});
  const Told told = TellAll(cluster, agents, etcd.get(), watchers.get(), versions);
  const double opened = agents.WaitUntilTold(1 + versions + 1) - AppliedAt(cluster, versions);
  Require(upgrade->Wait(absl::Minutes(1)) == testing::ExitStatus{}, "the upgrade failed");
  Require(cluster.db().Scalar("SELECT count(*) FROM lockstep.session WHERE service = 'waiter' AND "
                              "state = 'live'") == absl::StrCat(count),
          "not every open gate counts");
  AddRows(stage, told, count);
  stage.report().Add({.benchmark = "watch",
                      .measured = "coordinator's memory for an agent",
                      .reference = "64 KiB",
                      .ratio = kib / kKibPerAgent,
                      .target = Target{1},
                      .context = absl::StrFormat("%.0f KiB, %d agents", kib, count)});
  stage.report().Note(absl::StrCat("all ", count, " agents admitted, each durably, the last one ",
                                   Duration(opened), " after the version it needs"));
}

}  // namespace lockstep::bench
