// lockstep lint against a live catalog.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "nlohmann/json.hpp"

#include "engine/catalog/bootstrap.h"
#include "tests/ctl/fake_coordinator.h"
#include "tests/support/matchers.h"
#include "tests/support/temp_dir.h"
#include "tests/support/test_database.h"

namespace lockstep::testing {
namespace {

using ::testing::HasSubstr;

class CliLintDatabase : public ::testing::Test {
 protected:
  CliLintDatabase() {
    dir_.Write("migrations/001_users.sql",
               "CREATE TABLE app.users (id bigint PRIMARY KEY, email text);\n");
    dir_.Write("migrations/002_index.sql", "CREATE INDEX users_email ON users (email);\n");
    db_.RunScript("CREATE SCHEMA app; CREATE TABLE app.users (id bigint PRIMARY KEY, email text)");
  }
  CommandResult Lint(std::vector<std::string> words) {
    words.insert(words.begin(),
                 {"lint", "--migrations", dir_.File("migrations"), "--database", db_.conninfo()});
    return RunLockstep(std::move(words));
  }

  TempDir dir_;
  TestDatabase db_;
};

TEST_F(CliLintDatabase, JudgesWhatIsNotAppliedAgainstWhatExists) {
  const CommandResult result = Lint({"--applied", "1", "-o", "json"});
  const auto document = nlohmann::json::parse(result.out);
  EXPECT_EQ(document["catalog"], true);
  EXPECT_EQ(document["applied"], 1);
  ASSERT_EQ(document["files"].size(), 1);
}

TEST_F(CliLintDatabase, AsksSchemaLockstepWhatIsAppliedAndWhereNamesAreLookedFor) {
  const auto connection = db_.Connect();
  ASSERT_THAT(catalog::Bootstrap(*connection, {.search_path = "app, public"}), IsOk());
  const CommandResult result = Lint({"-o", "json"});
  const auto document = nlohmann::json::parse(result.out);
  EXPECT_EQ(document["applied"], 0);
  EXPECT_EQ(document["files"].size(), 2);
  EXPECT_THAT(result.out, HasSubstr("app.users"));
}

TEST_F(CliLintDatabase, ABackfillIsJudgedByWhatIsThereUntilItWasStarted) {
  const auto connection = db_.Connect();
  ASSERT_THAT(catalog::Bootstrap(*connection, {.search_path = "app, public"}), IsOk());
  const std::string job = dir_.Write("migrations/backfills/fill.sql",
                                     "-- lockstep:after 1\n-- lockstep:table users\n"
                                     "-- lockstep:key id\n-- lockstep:section batch\n"
                                     "UPDATE users SET email = 'x' WHERE id > $1 AND id <= $2;\n");
  EXPECT_THAT(Lint({"--applied", "1", job}).out, HasSubstr("[backfill-not-covered]"));
  db_.RunScript(
      "CREATE FUNCTION app.f() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';"
      "CREATE TRIGGER fill BEFORE INSERT ON app.users FOR EACH ROW EXECUTE FUNCTION app.f()");
  EXPECT_THAT(Lint({"--applied", "1", job}).out, HasSubstr("no findings in 1 file"));
  db_.RunScript("DROP TRIGGER fill ON app.users");
  db_.RunScript(
      "INSERT INTO lockstep.backfill (name, after, sql, digest, state)"
      " VALUES ('fill', 1, '', '', 'done')");
  const CommandResult started = Lint({"--applied", "1", job});
  EXPECT_THAT(started.out, HasSubstr("no findings in 0 files"));
  EXPECT_THAT(started.err, HasSubstr("was started already"));
}

TEST_F(CliLintDatabase, ARoleThatMayNotReadWhatIsAppliedIsToldSo) {
  const auto connection = db_.Connect();
  ASSERT_THAT(catalog::Bootstrap(*connection, {}), IsOk());
  const std::string url = db_.conninfo(db_.CreateLogin("reader"));
  const CommandResult result =
      RunLockstep({"lint", "--migrations", dir_.File("migrations"), "--database", url});
  EXPECT_EQ(CodeOf(result), 4) << result.err;
  EXPECT_THAT(result.err, HasSubstr("--applied"));
  EXPECT_EQ(CodeOf(RunLockstep({"lint", "--migrations", dir_.File("migrations"), "--database", url,
                                "--applied", "2"})),
            0);
}

}  // namespace
}  // namespace lockstep::testing
