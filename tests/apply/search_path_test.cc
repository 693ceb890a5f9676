#include "engine/apply/search_path.h"

#include <gtest/gtest.h>

#include "engine/apply/lease.h"
#include "engine/apply/preflight.h"

namespace lockstep::apply {
namespace {

TEST(SearchPath, PutsTemporarySchemaLast) {
  EXPECT_EQ(SafeSearchPath("app, public"), "app, public, pg_temp");
  EXPECT_EQ(SafeSearchPath("pg_temp, app"), "app, pg_temp");
  EXPECT_EQ(SafeSearchPath("\"pg_temp\",app"), "app, pg_temp");
}

TEST(SearchPath, LeavesOutTheSchemaNamedLikeTheRole) {
  EXPECT_EQ(SafeSearchPath("\"$user\", public"), "public, pg_temp");
  EXPECT_EQ(SafeSearchPath("$USER,public"), "public, pg_temp");
}

TEST(SearchPath, KeepsQuotedNamesWithCommas) {
  EXPECT_EQ(SafeSearchPath("\"a, b\", \"$User\""), "\"a, b\", \"$User\", pg_temp");
}

TEST(SearchPath, AnEmptyOneIsPublic) {
  EXPECT_EQ(SafeSearchPath(""), "public, pg_temp");
  EXPECT_EQ(SafeSearchPath(" , \"$user\""), "public, pg_temp");
}

TEST(ApplicationName, ShowsAHashOfTheLeaseNeverTheLease) {
  const LeaseToken token{.epoch = 7, .lease_id = "6f1c9ce2-58a0-4a3d-9c5b-d4f0a4f1a111"};
  const std::string name = ApplicationNameOf(token);
  EXPECT_EQ(name.size(), std::string("lockstep:").size() + 8);
  EXPECT_EQ(name.find("6f1c9ce2"), std::string::npos);
  EXPECT_EQ(name, ApplicationNameOf(token));
}

TEST(Settings, KnownHarmlessOnesMayBePreset) {
  for (const char* name :
       {"search_path", "TimeZone", "DateStyle", "log_statement", "work_mem", "synchronous_commit",
        "idle_in_transaction_session_timeout", "pg_stat_statements.track", "app.tenant"}) {
    EXPECT_TRUE(IsHarmlessSetting(name)) << name;
  }
}

TEST(Settings, OnesThatCouldWeakenTheFenceMayNot) {
  for (const char* name :
       {"session_replication_role", "default_transaction_isolation", "role", "row_security",
        "session_preload_libraries", "local_preload_libraries", "plpgsql.variable_conflict",
        "plperl.on_init", "standard_conforming_strings", "default_transaction_read_only"}) {
    EXPECT_FALSE(IsHarmlessSetting(name)) << name;
  }
}

}  // namespace
}  // namespace lockstep::apply
