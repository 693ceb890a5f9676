// A transaction pooler in front of PostgreSQL would give each transaction another backend; a run
// refuses to start there.
#include <gtest/gtest.h>

#include "absl/strings/str_cat.h"

#include "engine/apply/run.h"
#include "tests/apply/fixture.h"
#include "tests/support/matchers.h"
#include "tests/support/postgres_binaries.h"
#include "tests/support/subprocess.h"
#include "tests/support/temp_dir.h"

namespace lockstep::testing {
namespace {

constexpr int kPort = 6432;  // Of a Unix socket only: it names a file.

class Pooler {
 public:
  explicit Pooler(LeasedDatabase& db) {
    const std::string users =
        directory_.Write("users", absl::StrCat("\"", db.agent(), "\" \"\"\n"));
    const std::string config = directory_.Write(
        "pgbouncer.ini",
        absl::StrCat("[databases]\n", db.db().name(), " = ", db.db().server().conninfo(),
                     " dbname=", db.db().name(), "\n[pgbouncer]\npool_mode = transaction\n",
                     "auth_type = trust\nauth_file = ", users,
                     "\nunix_socket_dir = ", directory_.path(),
                     "\nlisten_addr =\nlisten_port = ", kPort, "\nserver_tls_sslmode = disable\n"));
    chmod(directory_.path().c_str(), 0777);  // The pooler runs as another user.
    process_ = Subprocess::Start({.argv = {"pgbouncer", config}, .user = PostgresUser()});
  }

  std::string conninfo(LeasedDatabase& db) const {
    return absl::StrCat("host=", directory_.path(), " port=", kPort, " dbname=", db.db().name(),
                        " user=", db.agent());
  }
  const absl::Status& status() const { return process_.status(); }
  std::string log() const { return (*process_)->stderr_text(); }

 private:
  const TempDir directory_;
  absl::StatusOr<std::unique_ptr<Subprocess>> process_ = absl::UnknownError("not started");
};

TEST(Pooler, IsRecognisedAndRefused) {
  LeasedDatabase db;
  db.Publish("CREATE TABLE t (id int)");
  Pooler pooler(db);
  ASSERT_THAT(pooler.status(), IsOk()) << "pgbouncer is one of tests/packages.txt";
  apply::RunSpec spec = db.LeaseAll();
  spec.conninfo = pooler.conninfo(db);
  absl::Status status;
  ASSERT_TRUE(Eventually([&] {
    status = apply::ProbeMigrator(spec.conninfo, {});
    return !absl::IsUnavailable(status);
  })) << Describe(status)
      << pooler.log();
  EXPECT_THAT(status, StatusIs(absl::StatusCode::kFailedPrecondition, "POOLED_CONNECTION"))
      << pooler.log();
  const apply::RunResult result = LeasedDatabase::Apply(spec);
  EXPECT_EQ(result.outcome, apply::RunOutcome::kNotStarted);
  ASSERT_TRUE(result.error.has_value());
  EXPECT_EQ(result.error->reason, "POOLED_CONNECTION");
  EXPECT_TRUE(result.error->agent_unfit);
  EXPECT_EQ(db.HistorySize(), 0);
}

}  // namespace
}  // namespace lockstep::testing
