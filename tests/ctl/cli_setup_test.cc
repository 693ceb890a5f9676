// lockstep setup on a real PostgreSQL.
#include <filesystem>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "absl/strings/str_cat.h"
#include "nlohmann/json.hpp"

#include "engine/catalog/bootstrap.h"
#include "engine/postgres/script_session.h"
#include "tests/ctl/fake_coordinator.h"
#include "tests/support/matchers.h"
#include "tests/support/temp_dir.h"
#include "tests/support/test_database.h"

namespace lockstep::testing {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

// Roles belong to the whole server, so each test has names of its own, dropped with its database.
class Setup : public ::testing::Test {
 protected:
  Setup() : owner_(db_.RoleName("owner")), migrator_(db_.RoleName("migrator")) {}
  ~Setup() override {
    db_.RunScript("DROP SCHEMA IF EXISTS lockstep CASCADE");
    for (const std::string& role : {owner_, migrator_}) {
      if (db_.Scalar("SELECT count(*) FROM pg_roles WHERE rolname = $1", {role}) == "0") continue;
      db_.RunScript(absl::StrCat("DROP OWNED BY ", role, "; DROP ROLE ", role));
    }
  }
  CommandResult Run(std::vector<std::string> words) {
    words.insert(words.begin(), "setup");
    return RunLockstep(std::move(words));
  }
  std::string MemberOf(const std::string& member, const std::string& role) {
    return db_.Scalar("SELECT pg_has_role($1, $2, 'MEMBER')", {member, role});
  }

  TestDatabase db_;
  const std::string owner_;
  const std::string migrator_;
};

TEST_F(Setup, MakesSchemaRolesAndGrantsAndMayBeRepeated) {
  const std::vector<std::string> words = {"--database", db_.conninfo(), "--owner-role",
                                          owner_,       "--migrator",   migrator_};
  const CommandResult first = Run(words);
  EXPECT_EQ(CodeOf(first), 0) << first.err;
  EXPECT_THAT(first.out, HasSubstr("schema lockstep created, version"));
  EXPECT_THAT(first.out, HasSubstr(absl::StrCat("created role ", owner_, ", nobody logs in")));
  EXPECT_THAT(first.out, HasSubstr(absl::StrCat(migrator_, " may migrate\n")));
  EXPECT_EQ(MemberOf(migrator_, owner_), "t");
  EXPECT_EQ(MemberOf(migrator_, "lockstep_agents"), "t");
  EXPECT_EQ(db_.Scalar("SELECT owner_role FROM lockstep.setting"), owner_);
  const CommandResult again = Run(words);
  EXPECT_EQ(CodeOf(again), 0) << again.err;
  EXPECT_THAT(again.out, HasSubstr("schema lockstep is up to date"));
  EXPECT_THAT(again.out, Not(HasSubstr("created role")));
}

TEST_F(Setup, SaysWhenItIsSingleRoleMode) {
  const std::string plain = db_.CreateLogin("plain");
  db_.RunScript(absl::StrCat("GRANT CREATE ON DATABASE ", db_.name(), " TO ", plain));
  const std::string agent = db_.CreateLogin("agent");
  const CommandResult result = Run(
      {"--database", db_.conninfo(plain), "--owner-role", plain, "--agent", agent, "-o", "json"});
  EXPECT_EQ(CodeOf(result), 0) << result.err;
  EXPECT_EQ(nlohmann::json::parse(result.out).at("singleRole"), true);
  EXPECT_EQ(db_.Scalar("SELECT has_function_privilege($1, (SELECT oid FROM pg_proc WHERE proname = "
                       "'close' AND pronamespace = 'lockstep'::regnamespace), 'EXECUTE')",
                       {agent}),
            "t");
  EXPECT_THAT(Run({"--database", db_.conninfo(plain), "--owner-role", plain}).out,
              HasSubstr("single-role mode: lockstep's own roles could not be created"));
  // The rest of the test cluster's roles cannot be created by it either.
  const CommandResult denied =
      Run({"--database", db_.conninfo(plain), "--owner-role", plain, "--migrator", migrator_});
  EXPECT_EQ(CodeOf(denied), 4);
  EXPECT_THAT(denied.err, HasSubstr("hint: create the missing roles"));
}

TEST_F(Setup, PrintsWhatAnAdministratorWouldRun) {
  const CommandResult printed = Run({"--owner-role", owner_, "--migrator", migrator_, "--print"});
  ASSERT_EQ(CodeOf(printed), 0) << printed.err;
  EXPECT_EQ(db_.Scalar("SELECT to_regnamespace('lockstep') IS NULL"), "t");
  TempDir dir;
  const std::string script = dir.Write("setup.sql", printed.out);
  // Servers from elsewhere come without it; any psql will do.
  const std::string own = db_.server().bindir() + "/psql";
  const CommandResult psql =
      RunCommand({.argv = {std::filesystem::exists(own) ? own : "psql", "-qX", "-v",
                           "ON_ERROR_STOP=1", "-d", db_.conninfo(), "-f", script}});
  ASSERT_EQ(psql.exit->code, 0) << psql.err;
  EXPECT_EQ(MemberOf(migrator_, owner_), "t");
  EXPECT_EQ(MemberOf(migrator_, "lockstep_agents"), "t");
  EXPECT_EQ(db_.Scalar("SELECT pg_get_userbyid(nspowner) FROM pg_namespace WHERE nspname = "
                       "'lockstep'"),
            "lockstep_owner");
  // The program itself finds nothing left to do, digests included.
  const auto connection = db_.Connect();
  EXPECT_THAT(catalog::SchemaVersion(*connection), IsOkAndHolds(catalog::KnownSchemaVersion()));
  EXPECT_THAT(catalog::Bootstrap(*connection, {}), IsOk());
  EXPECT_EQ(db_.Scalar("SELECT bool_and(length(digest) = 32) FROM lockstep.schema_version"), "t");
}

TEST_F(Setup, QuotesNamesAndRefusesANewerSchema) {
  const std::string odd = "o'dd\"$$ ";
  EXPECT_EQ(CodeOf(Run({"--database", db_.conninfo(), "--agent", odd})), 0);
  EXPECT_EQ(db_.Scalar("SELECT pg_has_role($1, 'lockstep_agents', 'MEMBER')", {odd}), "t");
  db_.RunScript("DROP ROLE \"o'dd\"\"$$ \"");
  db_.RunScript("INSERT INTO lockstep.schema_version VALUES (9999, '9999_later.sql', '')");
  const CommandResult newer = Run({"--database", db_.conninfo(), "-o", "json"});
  EXPECT_EQ(CodeOf(newer), 5);
  const auto error = nlohmann::json::parse(newer.err).at("error");
  EXPECT_EQ(error.at("reason"), "SCHEMA_TOO_NEW");
  EXPECT_THAT(error.at("hint").get<std::string>(), HasSubstr("at least as new"));
}

TEST_F(Setup, NeedsADatabaseAndShowsNoPassword) {
  EXPECT_EQ(CodeOf(Run({})), 2);
  const CommandResult away =
      Run({"--database", "postgresql://me:s3cret@127.0.0.1:1/shop", "--verbose"});
  EXPECT_EQ(CodeOf(away), 7);
  EXPECT_THAT(away.out + away.err, Not(HasSubstr("s3cret")));
}

}  // namespace
}  // namespace lockstep::testing
