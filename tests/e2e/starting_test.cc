// A place kept at the gate: `lockstep-agent wait` in an init container, and `sidecar` beside a
// service that somebody else starts.
#include <atomic>
#include <csignal>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <regex>

#include "absl/strings/str_cat.h"

#include "agent/process/http.h"
#include "tests/e2e/cluster.h"
#include "tests/support/eventually.h"

namespace lockstep::testing {
namespace {

using ::testing::HasSubstr;

// A served database at 1, with contract 2 waiting and a migrator that is adapted to it.
class StartingTest : public ::testing::Test {
 protected:
  StartingTest() {
    cluster_.WriteMigration("001_users.sql", "CREATE TABLE users (id int, nickname text)");
    cluster_.StartCoordinator();
    EXPECT_EQ(cluster_.Ctl({"publish"}).exit->code, 0);
    migrator_ = cluster_.StartAgent(
        {.service = "migrator", .yaml = "adapted_to: 2\nneeds: 0\n", .migrate = true});
    EXPECT_EQ(cluster_.Ctl({"upgrade", "--yes"}).exit->code, 0);
  }
  void PublishContract() {
    cluster_.WriteMigration("002_drop_nickname.sql", "ALTER TABLE users DROP COLUMN nickname");
    ASSERT_EQ(cluster_.Ctl({"publish"}).exit->code, 0);
  }
  CommandResult Contract() {
    return cluster_.Ctl({"contract", "2", "--accept-unknown", "the test itself", "--yes"});
  }

  // Runs `lockstep-agent wait` to its end.
  std::optional<ExitStatus> Wait(std::vector<std::string> flags,
                                 const std::string& gate_timeout = "60s") {
    auto agent = cluster_.StartAgent({.verb = "wait",
                                      .instance = "pod-1",
                                      .gate_timeout = gate_timeout,
                                      .flags = std::move(flags)});
    const auto exit = agent->Wait();
    log_ = agent->stderr_text();
    return exit;
  }
  std::string State() { return cluster_.StateOf("shop", "pod-1"); }
  bool ComesToBe(const std::string& state) {
    return Eventually([&] { return State() == state; });
  }

  Cluster cluster_;
  std::unique_ptr<Subprocess> migrator_;
  std::string log_;
};

TEST_F(StartingTest, NoContractSlipsInBetweenTheInitContainerAndItsService) {
  ASSERT_EQ(Wait({"--reserve"}), ExitStatus{}) << log_;
  EXPECT_THAT(log_, HasSubstr("place reserved"));
  EXPECT_EQ(State(), "starting");
  PublishContract();
  const CommandResult blocked = Contract();
  EXPECT_EQ(blocked.exit->code, 5) << blocked.err;
  EXPECT_THAT(blocked.err, HasSubstr("pod-1"));

  // The service itself is let in and takes over, and counts for as long as it runs.
  auto service = cluster_.StartAgent({.instance = "pod-1"});
  ASSERT_TRUE(service->WaitForOutput("open ")) << service->stderr_text();
  EXPECT_TRUE(ComesToBe("live"));
  EXPECT_EQ(cluster_.db().Scalar("SELECT count(*) FROM lockstep.session WHERE state = 'starting'"),
            "0");
  EXPECT_EQ(Contract().exit->code, 5);

  service->Signal(SIGTERM);
  EXPECT_EQ(service->Wait(), ExitStatus{});
  EXPECT_TRUE(ComesToBe(""));
  EXPECT_EQ(Contract().exit->code, 0);
  EXPECT_EQ(Wait({"--reserve"}), ExitStatus{.code = 123}) << log_;
  EXPECT_THAT(log_, HasSubstr("too_old"));
}

TEST_F(StartingTest, AReservationThatNobodyClaimsEndsByItself) {
  ASSERT_EQ(Wait({"--reserve", "--reserve-for", "1s"}), ExitStatus{}) << log_;
  PublishContract();
  EXPECT_TRUE(ComesToBe(""));
  EXPECT_EQ(Contract().exit->code, 0);
}

TEST_F(StartingTest, WithoutReserveNothingIsHeldUp) {
  ASSERT_EQ(Wait({}), ExitStatus{}) << log_;
  PublishContract();
  // Asked at once: what a plan counts, a grant would not find.
  EXPECT_EQ(Contract().exit->code, 0);
  EXPECT_TRUE(ComesToBe(""));
}

TEST_F(StartingTest, WaitGivesUpAfterItsTimeoutAndLeavesNothing) {
  cluster_.WriteMigration("002_more.sql", "CREATE TABLE more (id int)");
  EXPECT_EQ(Wait({"--reserve"}, "300ms"), ExitStatus{.code = 124}) << log_;
  EXPECT_THAT(log_, HasSubstr("not_published"));
  EXPECT_TRUE(ComesToBe(""));
  EXPECT_EQ(Wait({"--build-of-nobody"}), ExitStatus{.code = 125});
}

TEST_F(StartingTest, ASidecarHoldsTheSessionOfAServiceThatItDidNotStart) {
  std::atomic<bool> healthy{false};
  auto service = process::HttpServer::Start(
      {}, {{"/health", [&] { return process::HttpReply{.status = healthy ? 200 : 503}; }}});
  ASSERT_TRUE(service.ok());
  auto sidecar = cluster_.StartAgent(
      {.verb = "sidecar",
       .instance = "pod-1",
       .flags = {"--http", "0", "--ready-url",
                 absl::StrCat("http://127.0.0.1:", (*service)->port(), "/health")}});
  ASSERT_TRUE(sidecar->WaitForOutput("http listening.*\"port\":\"[0-9]+\""));
  std::smatch match;
  const std::string text = sidecar->stderr_text();
  ASSERT_TRUE(std::regex_search(text, match, std::regex("\"port\":\"([0-9]+)\"")));
  const auto probe = [base = absl::StrCat("http://127.0.0.1:", match[1].str())](const char* path) {
    return process::ProbeUrl(base + path, absl::Seconds(10));
  };
  EXPECT_TRUE(Eventually([&] { return probe("/gate") == 200; }));
  EXPECT_TRUE(ComesToBe("live"));
  EXPECT_EQ(probe("/readyz"), 503);
  healthy = true;
  EXPECT_TRUE(Eventually([&] { return probe("/readyz") == 200; }));
  PublishContract();
  EXPECT_EQ(Contract().exit->code, 5);

  sidecar->Signal(SIGTERM);
  EXPECT_TRUE(ComesToBe("draining"));
  EXPECT_EQ(Contract().exit->code, 5);  // The service still works: it counts.
  service->reset();
  EXPECT_EQ(sidecar->Wait(), ExitStatus{}) << sidecar->stderr_text();
  EXPECT_TRUE(ComesToBe(""));
  EXPECT_EQ(Contract().exit->code, 0);
}

}  // namespace
}  // namespace lockstep::testing
