// How the program finds a coordinator, and what it says when there is none.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "absl/synchronization/notification.h"
#include "nlohmann/json.hpp"

#include "ctl/client.h"
#include "engine/base/error_info.h"
#include "tests/ctl/fake_coordinator.h"
#include "tests/support/eventually.h"
#include "tests/support/temp_dir.h"

namespace lockstep::testing {
namespace {

using ctl::Candidate;
using ctl::FindCandidates;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

TEST(FindCandidates, PrefersWhatWasNamed) {
  EXPECT_THAT(FindCandidates({"a:1", "b:2"}, "c:3"),
              ElementsAre(Candidate{"a:1", "--address"}, Candidate{"b:2", "--address"}));
  EXPECT_THAT(FindCandidates({}, "c:3, d:4,"), ElementsAre(Candidate{"c:3", "LOCKSTEP_ADDRESS"},
                                                           Candidate{"d:4", "LOCKSTEP_ADDRESS"}));
  for (const char* environment : {static_cast<const char*>(nullptr), ""}) {
    EXPECT_THAT(FindCandidates({}, environment),
                ElementsAre(Candidate{"unix:/run/lockstep/lockstep.sock", "system socket"},
                            Candidate{"127.0.0.1:7411", "default"}));
  }
}

TEST(FindCandidates, ARunningDevComesBeforeTheSystemAndAfterWhatWasNamed) {
  EXPECT_THAT(FindCandidates({}, "", "unix:/p/lockstep.sock"),
              ElementsAre(Candidate{"unix:/p/lockstep.sock", "lockstep dev"},
                          Candidate{"unix:/run/lockstep/lockstep.sock", "system socket"},
                          Candidate{"127.0.0.1:7411", "default"}));
  EXPECT_THAT(FindCandidates({}, "c:3", "unix:/p/lockstep.sock"),
              ElementsAre(Candidate{"c:3", "LOCKSTEP_ADDRESS"}));
}

TEST(Connect, ListsAllThatWasTriedWithTheReasons) {
  const CommandResult result =
      RunLockstep({"status", "--address", "unix:/nonexistent/a.sock", "--address", "127.0.0.1:1"});
  EXPECT_EQ(CodeOf(result), 7);
  EXPECT_EQ(result.out, "");
  EXPECT_THAT(result.err, HasSubstr("error: no coordinator is reachable\n"));
  EXPECT_THAT(result.err, HasSubstr("unix:/nonexistent/a.sock  No such file or directory"));
  EXPECT_THAT(result.err, HasSubstr("127.0.0.1:1               Connection refused (--address)"));
  EXPECT_THAT(result.err, HasSubstr("hint: start lockstep-coordinator"));
}

TEST(Connect, SaysTheSameInJson) {
  const CommandResult result = RunLockstep({"status", "-o", "json"});
  EXPECT_EQ(CodeOf(result), 7);
  EXPECT_EQ(result.out, "");
  const auto error = nlohmann::json::parse(result.err).at("error");
  EXPECT_EQ(error.at("code"), "UNAVAILABLE");
  EXPECT_EQ(error.at("reason"), "COORDINATOR_UNAVAILABLE");
  EXPECT_EQ(error.at("blockers").size(), 1);
}

TEST(Connect, TriesTheNextAddress) {
  FakeCoordinator fake;
  fake.get_status = [](const auto&, auto*) { return absl::OkStatus(); };
  const CommandResult result =
      RunLockstep({"status", "--address", "unix:/nonexistent/a.sock", "--address", fake.address()});
  EXPECT_EQ(CodeOf(result), 0) << result.err;
}

TEST(Connect, SpeaksThroughAUnixSocket) {
  TempDir dir;
  const std::string address = "unix:" + dir.File("lockstep.sock");
  FakeCoordinator fake(address);
  fake.get_status = [](const auto&, auto*) { return absl::OkStatus(); };
  EXPECT_EQ(CodeOf(RunLockstep({"status", "--address", address})), 0);
}

TEST(Connect, FollowsAFollowerToItsLeader) {
  FakeCoordinator leader;
  leader.plan = [](const auto&, auto* response) {
    response->set_applied(16);
    return absl::OkStatus();
  };
  FakeCoordinator follower;
  follower.plan = [&](const auto&, auto*) {
    return base::MakeError(absl::StatusCode::kUnavailable, "NOT_LEADER", "another leads",
                           {{"leader_address", leader.address()}});
  };
  const CommandResult result = RunLockstep(follower, {"plan"});
  EXPECT_EQ(CodeOf(result), 0) << result.err;
  EXPECT_EQ(result.out, "up to date at 16\n");
  EXPECT_EQ(follower.calls, 1);
}

TEST(Connect, GivesUpOnFollowersThatPointAtEachOther) {
  FakeCoordinator fake;
  fake.plan = [&](const auto&, auto*) {
    return base::MakeError(absl::StatusCode::kUnavailable, "NOT_LEADER", "another leads",
                           {{"leader_address", fake.address()}});
  };
  const CommandResult result = RunLockstep(fake, {"plan"});
  EXPECT_EQ(CodeOf(result), 7);
  EXPECT_THAT(result.err, HasSubstr("error: another leads\n"));
  EXPECT_GT(fake.calls, ctl::kMaxAttempts);
}

TEST(Connect, WaitsForAnElection) {
  FakeCoordinator fake;
  fake.plan = [&](const auto&, auto* response) {
    if (fake.calls <= ctl::kMaxAttempts + 1) {
      return base::MakeError(absl::StatusCode::kUnavailable, "NOT_LEADER", "nobody leads",
                             {{"leader_address", ""}});
    }
    response->set_applied(16);
    return absl::OkStatus();
  };
  EXPECT_EQ(CodeOf(RunLockstep(fake, {"plan"})), 0);
}

TEST(Connect, DoesNotWaitForADirectUpgrade) {
  FakeCoordinator fake;
  fake.plan = [&](const auto&, auto*) {
    return base::MakeError(absl::StatusCode::kUnavailable, "NOT_LEADER", "a direct upgrade leads",
                           {{"leader_address", ""}, {"direct", "ann@laptop"}});
  };
  EXPECT_EQ(CodeOf(RunLockstep(fake, {"plan"})), 7);
  EXPECT_EQ(fake.calls, ctl::kMaxAttempts);
}

TEST(Connect, TriesAgainWhileTheCoordinatorRestarts) {
  FakeCoordinator fake;
  fake.plan = [&](const auto&, auto* response) {
    if (fake.calls < 3) {
      return base::MakeError(absl::StatusCode::kUnavailable, "SHUTTING_DOWN", "shutting down");
    }
    response->set_applied(16);
    return absl::OkStatus();
  };
  EXPECT_EQ(CodeOf(RunLockstep(fake, {"plan"})), 0);
  EXPECT_EQ(fake.calls, 3);
}

TEST(Connect, EndsWithTheTimeoutWhenNobodyAnswers) {
  absl::Notification ended;  // Outlives the server that waits for it.
  FakeCoordinator fake;
  fake.get_status = [&](const auto&, auto*) {
    EXPECT_TRUE(ended.WaitForNotificationWithTimeout(kPatience));
    return absl::OkStatus();
  };
  const CommandResult result = RunLockstep(fake, {"status", "--timeout", "300ms"});
  ended.Notify();
  EXPECT_EQ(CodeOf(result), 6);
  EXPECT_EQ(result.err, "error: no result within 300 ms\n");
}

TEST(Connect, PassesOnWhatTheServerRefuses) {
  FakeCoordinator fake;
  fake.get_status = [](const auto&, auto*) {
    return base::MakeError(absl::StatusCode::kPermissionDenied, "ROLE_REQUIRED", "needs viewer");
  };
  const CommandResult result = RunLockstep(fake, {"status"});
  EXPECT_EQ(CodeOf(result), 4);
  EXPECT_EQ(result.err, "error: needs viewer\n");
}

}  // namespace
}  // namespace lockstep::testing
