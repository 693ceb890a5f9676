// lockstep doctor on a real PostgreSQL.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "nlohmann/json.hpp"

#include "tests/ctl/fake_coordinator.h"
#include "tests/support/test_database.h"

namespace lockstep::testing {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

class Doctor : public ::testing::Test {
 protected:
  Doctor() : owner_(db_.CreateLogin("owner")), migrator_(db_.CreateLogin("migrator")) {
    fake_.get_status = [this](const auto&, v1::GetStatusResponse* response) {
      v1::ClusterStatus* const status = response->mutable_status();
      status->set_database("shop");
      status->set_server_version("15.8");
      status->mutable_leader()->set_address("lockstep-0:7411");
      status->mutable_leader()->set_epoch(7);
      status->mutable_read_at()->set_seconds(absl::ToUnixSeconds(absl::Now() + clock_offset_));
      v1::InstanceStatus* const instance = status->add_services()->add_instances();
      instance->set_connected(true);
      instance->set_can_migrate(can_migrate_);
      return absl::OkStatus();
    };
  }
  void SetUp() override {
    const CommandResult setup = RunLockstep(
        {"setup", "--database", db_.conninfo(), "--owner-role", owner_, "--migrator", migrator_});
    ASSERT_EQ(CodeOf(setup), 0) << setup.err;
  }
  ~Doctor() override { db_.RunScript(absl::StrCat("DROP OWNED BY ", owner_)); }

  CommandResult Run(std::vector<std::string> words) {
    words.insert(words.begin(), "doctor");
    return RunLockstep(fake_, std::move(words));
  }
  // The state and detail of one check; "" when it was not made.
  std::string Check(const std::string& name, const std::string& conninfo) {
    const CommandResult result = Run({"--database", conninfo, "-o", "json"});
    const nlohmann::json report = nlohmann::json::parse(result.out);
    for (const auto& check : report.at("checks")) {
      if (check.at("check") != name) continue;
      return absl::StrCat(check.at("state").get<std::string>(), ": ",
                          check.at("detail").get<std::string>(), "; ",
                          check.at("hint").get<std::string>());
    }
    return "";
  }

  TestDatabase db_;
  FakeCoordinator fake_;
  const std::string owner_;
  const std::string migrator_;
  absl::Duration clock_offset_ = absl::ZeroDuration();
  bool can_migrate_ = true;
};

TEST_F(Doctor, FindsNothingWrongAfterSetup) {
  const CommandResult result = Run({"--database", db_.conninfo(migrator_), "--owner-role", owner_});
  EXPECT_EQ(CodeOf(result), 0) << result.out;
  // The test server allows prepared transactions.
  EXPECT_THAT(result.out, HasSubstr("prepared transactions  warning"));
  EXPECT_THAT(result.out, HasSubstr("lockstep-0:7411 (epoch 7)"));
  EXPECT_THAT(result.out, HasSubstr(absl::StrCat("may act as ", owner_)));
  EXPECT_THAT(result.out, HasSubstr("schema and functions belong to lockstep_owner"));
  // Before 14 a server does not look whether its clients are still there, which is a warning, too.
  const bool looks = db_.Connect()->server_version() >= 140'000;
  EXPECT_THAT(result.out, HasSubstr(looks ? "18 ok, 1 warning, 0 problems\n"
                                          : "17 ok, 2 warnings, 0 problems\n"));
}

TEST_F(Doctor, SaysEverythingThatKeepsARoleFromMigrating) {
  const std::string weak = db_.CreateLogin("weak");
  db_.RunScript(absl::StrCat("ALTER ROLE ", weak, " SET row_security = off"));
  const CommandResult result = Run({"--database", db_.conninfo(weak), "--owner-role", owner_});
  EXPECT_EQ(CodeOf(result), 5);
  EXPECT_THAT(result.out, HasSubstr("3 problems\n"));
  EXPECT_THAT(result.out, HasSubstr("may not execute lockstep.open and lockstep.close"));
  EXPECT_THAT(result.out, HasSubstr(absl::StrCat("GRANT \"", owner_, "\" TO \"", weak, "\"")));
  EXPECT_THAT(result.out, HasSubstr("RESET row_security"));
}

TEST_F(Doctor, NamesANewerSchemaAMissingOneAndSingleRoleMode) {
  db_.RunScript("INSERT INTO lockstep.schema_version VALUES (9999, '9999_later.sql', '')");
  EXPECT_THAT(Check("schema lockstep", db_.conninfo()),
              HasSubstr("problem: version 9999, this program knows "));
  EXPECT_THAT(Check("power", db_.conninfo()),
              HasSubstr("warning: role \"postgres\" has SUPERUSER"));
  db_.RunScript("DROP SCHEMA lockstep CASCADE");
  EXPECT_THAT(Check("schema lockstep", db_.conninfo()),
              HasSubstr("problem: is not there; `lockstep setup"));
  db_.RunScript(absl::StrCat("GRANT CREATE ON DATABASE ", db_.name(), " TO ", migrator_));
  ASSERT_EQ(
      CodeOf(RunLockstep({"setup", "--database", db_.conninfo(migrator_), "--owner-role", owner_})),
      0);
  EXPECT_THAT(Check("mode", db_.conninfo(migrator_)),
              HasSubstr(absl::StrCat("warning: single-role mode: whoever has role ", migrator_)));
  db_.RunScript("DROP SCHEMA lockstep CASCADE");
}

TEST_F(Doctor, ComparesClocksAndCountsMigrators) {
  clock_offset_ = -absl::Minutes(5);
  can_migrate_ = false;
  const CommandResult result = Run({});
  EXPECT_EQ(CodeOf(result), 0);
  EXPECT_THAT(result.out, HasSubstr(" behind this machine"));
  EXPECT_THAT(result.out, HasSubstr("no connected agent can apply migrations"));
  EXPECT_THAT(result.out, HasSubstr("3 ok, 2 warnings, 0 problems\n"));
}

TEST_F(Doctor, AnUnreachableCoordinatorOrDatabaseIsAProblem) {
  const CommandResult coordinator = RunLockstep({"doctor"});
  EXPECT_EQ(CodeOf(coordinator), 5);
  EXPECT_THAT(coordinator.out, HasSubstr("unix:/nonexistent/lockstep.sock"));
  const CommandResult database = Run({"--database", "postgresql://me:s3cret@127.0.0.1:1/shop"});
  EXPECT_EQ(CodeOf(database), 5);
  EXPECT_THAT(database.out, HasSubstr("1 problem\n"));
  EXPECT_THAT(database.out + database.err, Not(HasSubstr("s3cret")));
  EXPECT_EQ(CodeOf(Run({"--database", "postgresql://me:s3c@ret@/x"})), 5);
}

}  // namespace
}  // namespace lockstep::testing
