// Going back to an older image: it starts after an expand, it does not after a contract that
// concerns it, `can-deploy` says so before, and a pin keeps the way back open.
#include <csignal>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "absl/strings/str_cat.h"

#include "tests/e2e/cluster.h"
#include "tests/support/eventually.h"

namespace lockstep::testing {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

// The test's own connections to the database are of nobody's instance.
const std::vector<std::string> kContract = {"contract", "3", "--accept-unknown", "the test itself",
                                            "--yes"};

// Build v1 was made for version 1 and knows nothing of contract 3; v2 is adapted to it.
class RollbackTest : public ::testing::Test {
 protected:
  RollbackTest() {
    cluster_.WriteMigration("001_users.sql", "CREATE TABLE users (id int, nickname text)");
    cluster_.StartCoordinator();
    Publish();
    migrator_ = cluster_.StartAgent(
        {.service = "migrator", .yaml = "adapted_to: 3\nneeds: 0\n", .migrate = true});
    Upgrade();
    old_sum_ = ReadSum();
  }
  void Publish() { ASSERT_EQ(cluster_.Ctl({"publish"}).exit->code, 0); }
  void Upgrade() { ASSERT_EQ(cluster_.Ctl({"upgrade", "--yes"}).exit->code, 0); }
  void Expand() {
    cluster_.WriteMigration("002_display_name.sql", "ALTER TABLE users ADD display_name text");
    Publish();
    Upgrade();
  }
  void PublishContract() {
    cluster_.WriteMigration("003_drop_nickname.sql", "ALTER TABLE users DROP COLUMN nickname");
    Publish();
  }
  // An image has the chain.sum of its time.
  std::string ReadSum() {
    const CommandResult copy = RunCommand({.argv = {"cp", cluster_.chain_sum(), OldSum()}});
    EXPECT_EQ(copy.exit, ExitStatus{}) << copy.err;
    return OldSum();
  }
  std::string OldSum() const { return cluster_.migrations() + "/../old-chain.sum"; }

  std::unique_ptr<Subprocess> StartOld() {
    return cluster_.StartAgent(
        {.yaml = "uses: [users.nickname]\n", .chain_sum = old_sum_, .flags = {"--build", "v1"}});
  }
  std::unique_ptr<Subprocess> StartNew() {
    return cluster_.StartAgent({.yaml = "adapted_to: 3\n", .flags = {"--build", "v2"}});
  }
  void Stop(Subprocess& service) {
    service.Signal(SIGTERM);
    EXPECT_EQ(service.Wait(), ExitStatus{}) << service.stderr_text();
  }
  // The service's sessions have ended in the coordinator's eyes too.
  void StopAndAwaitEnd(Subprocess& service) {
    Stop(service);
    EXPECT_TRUE(Eventually([&] {
      return cluster_.db().Scalar(
                 "SELECT count(*) FROM lockstep.session WHERE build = 'v1' "
                 "AND state NOT IN ('closed', 'expired')") == "0";
    }));
  }
  CommandResult CanDeploy(std::vector<std::string> flags = {}) {
    flags.insert(flags.begin(), {"can-deploy", "shop", "--build", "v1"});
    return cluster_.Ctl(flags);
  }

  Cluster cluster_;
  std::unique_ptr<Subprocess> migrator_;
  std::string old_sum_;
};

TEST_F(RollbackTest, AnOlderImageStartsAfterAnExpandAndNotAfterAContractThatConcernsIt) {
  auto first = StartOld();
  ASSERT_TRUE(first->WaitForOutput("open ")) << first->stderr_text();
  Expand();
  StopAndAwaitEnd(*first);

  // Back to it after the expand: said before, and so.
  EXPECT_EQ(CanDeploy({"--rollback"}).exit->code, 0);
  auto back = StartOld();
  ASSERT_TRUE(back->WaitForOutput("open ")) << back->stderr_text();

  // A contract waits: it is told what it will do to this build, and why.
  PublishContract();
  const CommandResult warned = CanDeploy({"--rollback"});
  EXPECT_EQ(warned.exit->code, 0) << warned.err;
  EXPECT_THAT(warned.out,
              AllOf(HasSubstr("contract 3 drop_nickname waits and would shut it out"),
                    HasSubstr("and uses users.nickname"), HasSubstr("lockstep pins add shop")));
  const CommandResult concerned = cluster_.Ctl({"instances", "--concerned-by", "3"});
  EXPECT_THAT(concerned.out, AllOf(HasSubstr("v1"), HasSubstr("and uses users.nickname")));

  auto next = StartNew();
  ASSERT_TRUE(next->WaitForOutput("open ")) << next->stderr_text();
  StopAndAwaitEnd(*back);
  EXPECT_EQ(cluster_.Ctl(kContract).exit->code, 0);

  // Now it is too late; before and at the gate the same is said.
  const CommandResult late = CanDeploy({"--rollback"});
  EXPECT_EQ(late.exit->code, 5);
  EXPECT_THAT(late.err, AllOf(HasSubstr("contract 3 (drop_nickname) ran at 20"),
                              HasSubstr("build v2 (adapted to 3) would start"),
                              HasSubstr("adapted_to: 3 or more")));
  auto refused = StartOld();
  EXPECT_EQ(refused->Wait(), ExitStatus{.code = 123});
  EXPECT_THAT(refused->stderr_text(),
              AllOf(HasSubstr("too_old"), HasSubstr("contract 3 (drop_nickname) ran at 20"),
                    HasSubstr("adapted_to: 3 or more")));
  Stop(*next);
}

// What a pipeline asks before it deploys: by the files of the build, which never ran.
TEST_F(RollbackTest, ABuildThatNeedsThePendingUpgradeIsToldSo) {
  cluster_.WriteMigration("002_display_name.sql", "ALTER TABLE users ADD display_name text");
  const std::string yaml = cluster_.migrations() + "/../next.yaml";
  ASSERT_EQ(RunCommand({.argv = {"bash", "-c", "echo 'service: shop' > " + yaml}}).exit,
            ExitStatus{});
  const std::vector<std::string> ask = {
      "can-deploy",   "shop", "--build",     "v3",
      "--build-file", yaml,   "--chain-sum", cluster_.chain_sum()};
  const CommandResult unpublished = cluster_.Ctl(ask);
  EXPECT_EQ(unpublished.exit->code, 5);
  EXPECT_THAT(unpublished.err, HasSubstr("published is 1"));
  Publish();
  const CommandResult behind = cluster_.Ctl(ask);
  EXPECT_EQ(behind.exit->code, 3) << behind.err;
  EXPECT_THAT(behind.out, HasSubstr("starts after the pending upgrade"));
  Upgrade();
  EXPECT_EQ(cluster_.Ctl(ask).exit->code, 0);
}

TEST_F(RollbackTest, APinHoldsTheContractUpUntilItHasEnded) {
  auto first = StartOld();
  ASSERT_TRUE(first->WaitForOutput("open ")) << first->stderr_text();
  Expand();
  PublishContract();
  const CommandResult pinned =
      cluster_.Ctl({"pins", "add", "shop", "--build", "v1", "--reason", "release 42"});
  ASSERT_EQ(pinned.exit->code, 0) << pinned.err;
  StopAndAwaitEnd(*first);

  EXPECT_EQ(cluster_.Ctl(kContract).exit->code, 5);
  EXPECT_THAT(cluster_.Ctl({"pins"}).out, AllOf(HasSubstr("v1"), HasSubstr("release 42")));
  EXPECT_THAT(cluster_.Ctl({"status"}).out,
              AllOf(HasSubstr("PIN       shop@v1  holds up contract 3  ends in "),
                    HasSubstr(": release 42\n")));
  EXPECT_EQ(cluster_.Status().at("status").at("pins")[0].at("holdsUp"), 3);
  EXPECT_THAT(CanDeploy({"--rollback"}).out, HasSubstr("it is pinned"));
  // The way back is open, whoever leads.
  cluster_.StartCoordinator();
  auto back = StartOld();
  ASSERT_TRUE(back->WaitForOutput("open ")) << back->stderr_text();
  StopAndAwaitEnd(*back);
  EXPECT_EQ(cluster_.Ctl(kContract).exit->code, 5);

  EXPECT_EQ(
      cluster_.Ctl({"pins", "retire", "shop", "--build", "v1", "--reason", "stays"}).exit->code, 0);
  EXPECT_EQ(cluster_.Ctl(kContract).exit->code, 0);
  EXPECT_EQ(cluster_.Ctl({"pins", "add", "shop", "--build", "v1", "--reason", "late"}).exit->code,
            5);
}

TEST_F(RollbackTest, APinEndsWhenItsTimeIsOver) {
  auto first = StartOld();
  ASSERT_TRUE(first->WaitForOutput("open ")) << first->stderr_text();
  ASSERT_EQ(cluster_.Ctl({"pins", "add", "shop", "--build", "v1", "--reason", "x"}).exit->code, 0);
  cluster_.db().RunScript("UPDATE lockstep.pin SET expires_at = clock_timestamp()");
  EXPECT_TRUE(Eventually(
      [&] { return cluster_.db().Scalar("SELECT end_rule FROM lockstep.pin") == "expired"; }));
  EXPECT_THAT(cluster_.Ctl({"events"}).out, HasSubstr("pin_expired"));
  Stop(*first);
}

// The dry run, the token, and that nothing but exactly this is excepted.
TEST_F(RollbackTest, AnOverrideBreaksExactlyWhomItShowed) {
  auto first = StartOld();
  ASSERT_TRUE(first->WaitForOutput("open ")) << first->stderr_text();
  Expand();
  PublishContract();
  const auto look = cluster_.Json({"override", "contract", "3"});
  ASSERT_EQ(look.at("sessions").size(), 1u);
  EXPECT_EQ(look.at("sessions")[0].at("build"), "v1");
  const std::string token = look.at("confirmationToken");
  const auto confirm = [&](const std::string& with) {
    return cluster_.Ctl({"override", "contract", "3", "--confirm", with, "--reason", "v1 is mine"});
  };

  // One more than was shown: what was seen is not what would be done.
  auto second = StartOld();
  ASSERT_TRUE(second->WaitForOutput("open ")) << second->stderr_text();
  EXPECT_EQ(confirm(token).exit->code, 8);
  Stop(*second);
  EXPECT_TRUE(Eventually([&] {
    return cluster_.Json({"override", "contract", "3"}).at("confirmationToken") == token;
  }));
  EXPECT_EQ(cluster_.Ctl(kContract).exit->code, 5);
  ASSERT_EQ(confirm(token).exit->code, 0);
  EXPECT_THAT(
      cluster_.Ctl({"status"}).out,
      AllOf(HasSubstr("  contract 3 may break 1 target  ends in "), HasSubstr(": v1 is mine\n")));
  EXPECT_EQ(cluster_.Ctl(kContract).exit->code, 0);
  EXPECT_EQ(cluster_.db().Scalar("SELECT how FROM lockstep.history WHERE version = 3"), "override");
  EXPECT_THAT(cluster_.Ctl({"status"}).out, Not(HasSubstr("OVERRIDE")));  // It is used up.

  // Who was broken runs on, and nobody like it starts.
  EXPECT_EQ(first->Wait(absl::ZeroDuration()), std::nullopt);
  auto third = StartOld();
  EXPECT_EQ(third->Wait(), ExitStatus{.code = 123}) << third->stderr_text();
  EXPECT_THAT(cluster_.Ctl({"audit", "list"}).out,
              AllOf(HasSubstr("overridden"), HasSubstr("override_used"), HasSubstr("v1 is mine")));
  EXPECT_THAT(cluster_.Ctl({"audit", "verify"}).out, HasSubstr("unbroken"));
  Stop(*first);
}

}  // namespace
}  // namespace lockstep::testing
