// Evicting an instance: what is shown, asked, recorded and waited for.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "nlohmann/json.hpp"

#include "engine/base/error_info.h"
#include "tests/ctl/fake_coordinator.h"

namespace lockstep::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

v1::InstanceStatus Suspect(const std::string& session) {
  v1::InstanceStatus instance;
  instance.set_service("orders");
  instance.set_instance("orders-7f9c");
  instance.set_session_id(session);
  instance.set_state("suspect");
  instance.set_why_counts("no goodbye");
  instance.mutable_gate()->set_state(v1::GATE_STATE_OPEN);
  return instance;
}

void Tell(grpc::ServerWriter<v1::WatchStatusResponse>* writer,
          const std::vector<v1::InstanceStatus>& instances) {
  v1::WatchStatusResponse response;
  auto* const service = response.mutable_status()->add_services();
  service->set_service("orders");
  for (const v1::InstanceStatus& each : instances) *service->add_instances() = each;
  writer->Write(response);
}

class Evict : public ::testing::Test {
 protected:
  Evict() {
    fake_.evict = [this](const v1::EvictInstanceRequest& request, auto* response) {
      asked_.push_back(request);
      *response->add_evicted() = Suspect("s-1");
      response->mutable_quiet()->set_seconds(60);
      return absl::OkStatus();
    };
    fake_.watch_status = [](auto*, auto* writer) {
      Tell(writer, {Suspect("s-1")});
      Tell(writer, {Suspect("another")});
      return absl::OkStatus();
    };
  }
  CommandResult Run(std::vector<std::string> flags) {
    flags.insert(flags.begin(), {"instances", "evict", "orders", "orders-7f9c"});
    return RunLockstep(fake_, flags);
  }

  FakeCoordinator fake_;
  std::vector<v1::EvictInstanceRequest> asked_;
};

TEST_F(Evict, ShowsThenRecordsThenWaitsUntilItIsGone) {
  const CommandResult result = Run({"--attest", "--reason", "node 7 burned down"});
  EXPECT_EQ(CodeOf(result), 0) << result.err;
  EXPECT_EQ(result.out, "orders@orders-7f9c is evicted\n");
  EXPECT_THAT(result.err, HasSubstr("to end:\n"));
  EXPECT_THAT(result.err, HasSubstr("until no database connection of orders-7f9c was seen for 1m"));
  ASSERT_EQ(asked_.size(), 2u);
  EXPECT_TRUE(asked_[0].validate_only());
  EXPECT_FALSE(asked_[0].attest());
  EXPECT_FALSE(asked_[1].validate_only());
  EXPECT_TRUE(asked_[1].attest());
  EXPECT_EQ(asked_[1].reason(), "node 7 burned down");
  EXPECT_NE(asked_[1].actor(), "");
  EXPECT_THAT(asked_[1].session_ids(), ElementsAre("s-1"));
}

TEST_F(Evict, ADryRunChangesNothing) {
  const CommandResult result = Run({"--dry-run"});
  EXPECT_EQ(CodeOf(result), 0);
  EXPECT_EQ(result.out, "");
  EXPECT_THAT(result.err, HasSubstr("orders-7f9c"));
  EXPECT_THAT(result.err, HasSubstr("nothing was changed\n"));
  ASSERT_EQ(asked_.size(), 1u);
  EXPECT_TRUE(asked_[0].validate_only());
  const auto json = nlohmann::json::parse(Run({"--dry-run", "-o", "json"}).out);
  EXPECT_EQ(json.at("evicted").at(0).at("sessionId"), "s-1");
}

TEST_F(Evict, WithoutAWordOrAReasonNothingIsAsked) {
  const CommandResult no_word = Run({});
  EXPECT_EQ(CodeOf(no_word), 2);
  EXPECT_THAT(no_word.err, HasSubstr("error: nothing is evicted without --attest\n"));
  EXPECT_EQ(CodeOf(Run({"--attest"})), 2);
  EXPECT_EQ(CodeOf(Run({"--attest", "--reason", "r", "--wait", "--no-wait"})), 2);
  EXPECT_EQ(CodeOf(RunLockstep(fake_, {"instances", "evict", "orders", "--dry-run"})), 2);
  EXPECT_TRUE(asked_.empty());
}

TEST_F(Evict, WithoutWaitingItIsLeftToTheCoordinator) {
  const CommandResult result = Run({"--attest", "--reason", "r", "--no-wait"});
  EXPECT_EQ(CodeOf(result), 0);
  EXPECT_EQ(result.out, "orders@orders-7f9c is attested gone\n");
  const auto json =
      nlohmann::json::parse(Run({"--attest", "--reason", "r", "--no-wait", "-o", "json"}).out);
  EXPECT_EQ(json.at("quiet"), "60s");
}

TEST_F(Evict, OneThatComesBackMakesItFail) {
  fake_.watch_status = [](auto*, auto* writer) {
    v1::InstanceStatus back = Suspect("s-1");
    back.set_connected(true);
    Tell(writer, {back});
    return absl::OkStatus();
  };
  const CommandResult result = Run({"--attest", "--reason", "r"});
  EXPECT_EQ(CodeOf(result), 5);
  EXPECT_THAT(result.err, HasSubstr("error: orders-7f9c is connected again and counts\n"));
}

TEST_F(Evict, ItsConnectionsAreNamedWhileTheyHoldIt) {
  fake_.watch_status = [](auto*, auto* writer) {
    v1::InstanceStatus held = Suspect("s-1");
    held.set_database_connections(3);
    Tell(writer, {held});
    Tell(writer, {});
    return absl::OkStatus();
  };
  const CommandResult result = Run({"--attest", "--reason", "r"});
  EXPECT_EQ(CodeOf(result), 0);
  EXPECT_THAT(result.err, HasSubstr("orders-7f9c has 3 database connections"));
}

TEST_F(Evict, AConnectedOneIsRefused) {
  fake_.evict = [](const auto&, auto*) {
    return base::MakeError(absl::StatusCode::kFailedPrecondition, "BLOCKED",
                           "orders@orders-7f9c cannot be evicted: it is connected");
  };
  const CommandResult result = Run({"--attest", "--reason", "r"});
  EXPECT_EQ(CodeOf(result), 5);
  EXPECT_THAT(result.err, HasSubstr("cannot be evicted"));
  EXPECT_THAT(result.err, Not(HasSubstr("to end")));
}

}  // namespace
}  // namespace lockstep::testing
