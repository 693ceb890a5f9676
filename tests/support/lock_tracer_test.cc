#include "tests/support/lock_tracer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "absl/strings/str_cat.h"

#include "tests/support/test_database.h"

namespace lockstep::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;

// "t AX rewritten scanned", a line of a trace.
std::vector<std::string> Lines(const Trace& trace) {
  std::vector<std::string> lines;
  for (const TracedRelation& relation : trace.relations) {
    lines.push_back(absl::StrCat(relation.name, " ", Abbreviation(relation.lock),
                                 relation.rewritten ? " rewritten" : "",
                                 relation.scans > 0 ? " scanned" : ""));
  }
  return lines;
}

class LockTracerTest : public ::testing::Test {
 protected:
  LockTracerTest() {
    db_.RunScript("CREATE TABLE t (id int PRIMARY KEY, n int); INSERT INTO t VALUES (1, 1)");
  }
  Trace Only(const std::string& statement) {
    std::vector<Trace> traces = LockTracer(db_.conninfo()).Run({}, {statement});
    EXPECT_THAT(traces, SizeIs(1));
    return traces[0];
  }
  TestDatabase db_;
};

TEST_F(LockTracerTest, SeesLocksRewritesAndScans) {
  EXPECT_THAT(Lines(Only("ALTER TABLE t ADD COLUMN z int")), ElementsAre("public.t AX"));
  EXPECT_THAT(Lines(Only("ALTER TABLE t ALTER COLUMN n TYPE bigint")),
              ElementsAre("public.t AX rewritten scanned", "public.t_pkey AX rewritten"));
  EXPECT_THAT(Lines(Only("CREATE INDEX ON t (n)")), ElementsAre("public.t S scanned"));
  EXPECT_THAT(Lines(Only("CREATE TABLE unrelated (id int)")), IsEmpty());
}

TEST_F(LockTracerTest, AnIndexMadeAnewUnderItsNameIsTheSameIndex) {
  EXPECT_THAT(Lines(Only("ALTER TABLE t ALTER COLUMN id TYPE bigint")),
              ElementsAre("public.t AX rewritten scanned", "public.t_pkey AX rewritten"));
}

TEST_F(LockTracerTest, EachStatementIsChargedForWhatItAdds) {
  const std::vector<Trace> traces =
      LockTracer(db_.conninfo())
          .Run({}, {"COMMENT ON TABLE t IS 'x'", "SELECT count(*) FROM t",
                    "ALTER TABLE t RENAME TO gone", "DROP TABLE gone"});
  ASSERT_THAT(traces, SizeIs(4));
  EXPECT_THAT(Lines(traces[0]), ElementsAre("public.t SUE"));
  EXPECT_THAT(Lines(traces[1]), ElementsAre("public.t - scanned", "public.t_pkey AS"));
  EXPECT_THAT(Lines(traces[2]), ElementsAre("public.t AX"));
  EXPECT_THAT(Lines(traces[3]), ElementsAre("public.t_pkey AX"));
}

TEST_F(LockTracerTest, ARefusalEndsTheTransactionAndStaysTheLastTrace) {
  LockTracer tracer(db_.conninfo());
  const std::vector<Trace> traces =
      tracer.Run({}, {"DROP INDEX CONCURRENTLY nope", "DROP TABLE t"});
  ASSERT_THAT(traces, SizeIs(1));
  EXPECT_EQ(traces[0].sqlstate, "25001");
  EXPECT_FALSE(traces[0].ok());
  EXPECT_THAT(tracer.Run({}, {"DROP TABLE t"}), SizeIs(1));
  EXPECT_EQ(db_.Scalar("SELECT count(*) FROM t"), "1");
}

TEST_F(LockTracerTest, LooksAtAStatementThatWaits) {
  LockTracer tracer(db_.conninfo());
  const Trace trace =
      tracer.RunAlone("CREATE INDEX CONCURRENTLY made ON t (n)", "INSERT INTO t VALUES (2, 2)");
  EXPECT_TRUE(trace.ok()) << trace.message;
  EXPECT_TRUE(trace.waited);
  EXPECT_THAT(Lines(trace), ElementsAre("public.t SUE"));
  EXPECT_EQ(db_.Scalar("SELECT to_regclass('made') IS NOT NULL"), "t");
  EXPECT_EQ(db_.Scalar("SELECT count(*) FROM t"), "1");
}

}  // namespace
}  // namespace lockstep::testing
