#include <csignal>

#include "absl/strings/str_cat.h"

#include "coordinator/durations.h"
#include "tests/bench/benchmarks.h"
#include "tests/bench/measure.h"
#include "tests/e2e/cluster.h"
#include "tests/support/eventually.h"
#include "tests/support/invariant_checks.h"

namespace lockstep::bench {
namespace {

using testing::Cluster;
using testing::Eventually;
using testing::Subprocess;

// What engine/apply sets for the connection of a run.
constexpr double kCheckInterval = 0.2;
// How much later than the end of the lease the next holder may start.
constexpr double kGrace = 0.5;

// A cluster whose second migration takes until somebody sets table `pace` to zero.
class Slow {
 public:
  Slow(Stage& stage, int time_scale) : cluster_(&stage.server()) {
    cluster_.WriteMigration("001_counter.sql",
                            "CREATE TABLE counter (n int); INSERT INTO counter VALUES (0);\n"
                            "CREATE TABLE pace (seconds int); INSERT INTO pace VALUES (600);");
    cluster_.WriteMigration("002_slow.sql",
                            "-- lockstep:phase data\nUPDATE counter SET n = n + 1;\n"
                            "SELECT pg_sleep(seconds) FROM pace;");
    cluster_.StartCoordinator("a", {"--time-scale", absl::StrCat(time_scale)});
    Require(cluster_.Ctl({"publish"}).exit == testing::ExitStatus{}, "publish failed");
    for (int i = 0; i < 2; ++i) {
      agents_.push_back(
          cluster_.StartAgent({.service = "shop", .yaml = "needs: 2\n", .migrate = true}));
    }
    upgrade_ = cluster_.StartCtl({"upgrade", "--yes"});
    Require(Eventually([&] { return !(backend_ = Backend()).empty(); }), "nothing runs slowly");
    epoch_ = Scalar("SELECT max(lease_epoch) FROM lockstep.attempt");
  }

  // Sends `signal` to the holder; returns the seconds until its backend was gone and until the next
  // run was granted.
  std::pair<double, double> Hit(int signal) {
    const std::string holder =
        Scalar("SELECT holder FROM lockstep.attempt WHERE lease_epoch = " + epoch_);
    Subprocess& victim = *agents_[holder == "shop@shop-1" ? 0 : 1];
    const double start = Now();
    victim.Signal(signal);
    // What runs has read the table already.
    cluster_.db().Query("UPDATE pace SET seconds = 0");
    double gone = 0;
    double next = 0;
    Require(
        Eventually(
            [&] {
              if (gone == 0 && Backend() != backend_) gone = Now() - start;
              if (next == 0 && Scalar("SELECT max(lease_epoch) FROM lockstep.attempt") != epoch_) {
                next = Now() - start;
              }
              return gone > 0 && next > 0;
            },
            absl::Minutes(2)),
        "nobody took over");
    CheckEnd();
    return {gone, next};
  }

 private:
  std::string Scalar(const std::string& sql) { return cluster_.db().Scalar(sql); }

  // The process id of the backend that sleeps; "" when none does.
  std::string Backend() {
    return Scalar(
        "SELECT coalesce(max(pid)::text, '') FROM pg_stat_activity WHERE datname = "
        "current_database() AND wait_event = 'PgSleep'");
  }

  void CheckEnd() {
    Require(upgrade_->Wait() == testing::ExitStatus{}, "the upgrade failed");
    Require(Scalar("SELECT n FROM counter") == "1", "the data migration did not run once");
    std::vector<std::string> left;
    auto connection = cluster_.db().Connect();
    Require(Eventually([&] {
              left = testing::CheckNothingIsLeft(*connection);
              return left.empty();
            }),
            left.empty() ? "" : left.front());
  }

  Cluster cluster_;
  std::vector<std::unique_ptr<Subprocess>> agents_;
  std::unique_ptr<Subprocess> upgrade_;
  std::string backend_;
  std::string epoch_;
};

void AddNext(Stage& stage, const std::string& what, double ttl, std::vector<double> next) {
  stage.report().Add({.benchmark = "takeover",
                      .measured = absl::StrCat("next holder after ", what),
                      .reference = "lease TTL",
                      .ratio = Median(next) / ttl,
                      .target = Target{(ttl + kGrace) / ttl},
                      .context = absl::StrCat(Duration(Median(next)), " to ", Duration(ttl),
                                              ", worst ", Duration(Percentile(next, 100)))});
}

}  // namespace

void Takeover(Stage& stage) {
  const int time_scale = stage.Choose(1, 20);
  const double ttl =
      absl::ToDoubleSeconds(coordinator::Scaled(coordinator::Durations(), time_scale).lease_ttl);
  std::vector<double> gone, next, next_of_silent;
  for (int round = 0; round < stage.Choose(5, 1); ++round) {
    const auto [orphan, holder] = Slow(stage, time_scale).Hit(SIGKILL);
    gone.push_back(orphan);
    next.push_back(holder);
  }
  for (int round = 0; round < stage.Choose(2, 1); ++round) {
    next_of_silent.push_back(Slow(stage, time_scale).Hit(SIGSTOP).second);
  }
  stage.report().Add(
      {.benchmark = "takeover",
       .measured = "backend gone after kill -9 of its holder",
       .reference = "client_connection_check_interval",
       .ratio = Median(gone) / kCheckInterval,
       .target = Target{1.25},
       .context = absl::StrCat(Duration(Median(gone)), " to ", Duration(kCheckInterval), ", worst ",
                               Duration(Percentile(gone, 100)))});
  AddNext(stage, "kill -9", ttl, next);
  AddNext(stage, "SIGSTOP, the stream stands", ttl, next_of_silent);
}

}  // namespace lockstep::bench
