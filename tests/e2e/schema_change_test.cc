// Services that run are told what migrations changed, right after it is committed.
#include <csignal>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <regex>

#include "absl/strings/str_cat.h"

#include "tests/e2e/cluster.h"
#include "tests/e2e/probe.h"
#include "tests/support/eventually.h"

namespace lockstep::testing {
namespace {

using ::testing::Contains;

// A second is promised; this leaves room for a machine that is busy with other things.
constexpr double kPromptSeconds = 15;

class SchemaChanges : public ::testing::Test {
 protected:
  SchemaChanges() {
    cluster_.WriteMigration("001_users.sql", "CREATE TABLE users (id int, nickname text)");
    cluster_.StartCoordinator("a", {"--time-scale", "20"});
    EXPECT_EQ(cluster_.Ctl({"publish"}).exit->code, 0);
    migrator_ = cluster_.StartAgent(
        {.service = "migrator", .yaml = "adapted_to: 9\nneeds: 0\n", .migrate = true});
    Upgrade();
    agent_ = cluster_.StartAgent(
        {.instance = "shop-1",
         .yaml = "adapted_to: 9\n",
         .flags = {"--http", "0", "--schema-change-signal", "USR1"},
         .command = {"bash", "-c",
                     "trap 'echo changed $(date +%s.%N)' USR1; trap 'exit 0' TERM; echo open .; "
                     "while :; do read -t 3600 x <> <(:) || :; done"}});
    EXPECT_TRUE(agent_->WaitForOutput("open ")) << agent_->stderr_text();
    port_ = HttpPortOf(*agent_);
  }
  void Upgrade() {
    const CommandResult result = cluster_.Ctl({"upgrade", "--yes"});
    EXPECT_EQ(result.exit->code, 0) << result.err;
  }
  void Publish(const std::string& name, const std::string& sql) {
    cluster_.WriteMigration(name, sql);
    ASSERT_EQ(cluster_.Ctl({"publish"}).exit->code, 0);
  }
  // What /schema answers once it tells of the `count`th change.
  nlohmann::json News(int count) {
    HttpAnswer answer;
    EXPECT_TRUE(Eventually([&] {
      answer = HttpGet(port_, "/schema");
      return answer.body.value("changes", 0) >= count;
    })) << answer.body;
    EXPECT_EQ(answer.status, 200);
    return answer.body;
  }
  std::vector<double> Signals() const {
    std::vector<double> times;
    const std::string text = agent_->stdout_text();
    const std::regex line("changed ([0-9.]+)");
    for (std::sregex_iterator it(text.begin(), text.end(), line), end; it != end; ++it) {
      times.push_back(std::stod((*it)[1]));
    }
    return times;
  }

  Cluster cluster_;
  std::unique_ptr<Subprocess> migrator_;
  std::unique_ptr<Subprocess> agent_;
  int port_ = 0;
};

TEST_F(SchemaChanges, AServiceIsToldWhatChangedAndSentItsSignal) {
  EXPECT_EQ(HttpGet(port_, "/schema").body, nlohmann::json({{"applied", 1}, {"changes", 0}}));
  Publish("002_email.sql", "ALTER TABLE users ADD COLUMN email text");
  Upgrade();
  const nlohmann::json news = News(1);
  EXPECT_EQ(news.value("applied", 0), 2);
  const nlohmann::json last = news.at("last");
  EXPECT_EQ(last.value("from", 0), 1);
  EXPECT_EQ(last.value("to", 0), 2);
  EXPECT_FALSE(last.value("everything", true)) << last;
  EXPECT_THAT(last.at("objects").get<std::vector<std::string>>(), Contains("users.email"));
  ASSERT_TRUE(agent_->WaitForOutput("changed [0-9.]+\n"));
  const double committed = std::stod(cluster_.db().Scalar(
      "SELECT extract(epoch FROM at) FROM lockstep.event WHERE kind = 'applied' AND version = 2"));
  const double late = Signals().front() - committed;
  RecordProperty("milliseconds", static_cast<int>(late * 1000));
  EXPECT_LT(late, kPromptSeconds);
}

TEST_F(SchemaChanges, AContractIsAChangeToo) {
  Publish("002_drop.sql", "ALTER TABLE users DROP COLUMN nickname");
  const CommandResult contract =
      cluster_.Ctl({"contract", "2", "--accept-unknown", "the test itself", "--yes"});
  ASSERT_EQ(contract.exit->code, 0) << contract.err;
  const nlohmann::json last = News(1).at("last");
  EXPECT_THAT(last.at("objects").get<std::vector<std::string>>(), Contains("users.nickname"));
}

TEST_F(SchemaChanges, WhatHappenedWhileNoCoordinatorWasThereIsToldAfterwards) {
  cluster_.coordinator().Signal(SIGKILL);
  cluster_.coordinator().Wait();
  cluster_.WriteMigration("002_orders.sql", "CREATE TABLE orders (id int)");
  cluster_.WriteMigration("003_email.sql", "ALTER TABLE users ADD COLUMN email text");
  // Once the leader's time is over, which was killed.
  CommandResult direct;
  ASSERT_TRUE(Eventually([&] {
    direct = cluster_.Ctl({"upgrade", "--direct", "--database", cluster_.db().conninfo()});
    return direct.exit->code == 0;
  })) << direct.err;
  EXPECT_EQ(HttpGet(port_, "/schema").body.value("changes", -1), 0);
  cluster_.StartCoordinator();
  const nlohmann::json news = News(1);
  EXPECT_EQ(news.value("applied", 0), 3);
  const auto objects = news.at("last").at("objects").get<std::vector<std::string>>();
  EXPECT_THAT(objects, Contains("orders"));
  EXPECT_THAT(objects, Contains("users.email"));
  EXPECT_EQ(news.at("last").value("from", 0), 1);
  EXPECT_EQ(news.at("last").value("to", 0), 3);
}

}  // namespace
}  // namespace lockstep::testing
