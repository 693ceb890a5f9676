#include "ctl/backfill_view.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "proto/convert/time.h"

namespace lockstep::ctl {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

v1::Backfill Running() {
  v1::Backfill backfill;
  backfill.set_name("fill_totals");
  backfill.set_after(14);
  backfill.set_state("running");
  backfill.set_run(1);
  backfill.set_rows_done(5100);
  backfill.set_rows_total(10000);
  backfill.set_rows_per_second(2299.7);
  *backfill.mutable_eta() = convert::ToProto(absl::Seconds(2));
  return backfill;
}

TEST(BackfillView, ProgressIsABarWithWhatIsKnown) {
  EXPECT_EQ(BackfillProgress(Running()), "█████░░░░░  51 %  5100 of 10000 rows  2300/s  eta 2.0 s");
  v1::Backfill behind = Running();
  *behind.mutable_lag() = convert::ToProto(absl::Milliseconds(300));
  EXPECT_THAT(BackfillProgress(behind), HasSubstr("  eta 2.0 s  lag 300 ms"));
  EXPECT_EQ(BackfillProgress(v1::Backfill()), "");
  EXPECT_EQ(ProgressBar(0), "░░░░░░░░░░");
  EXPECT_EQ(ProgressBar(2), "██████████");
}

TEST(BackfillView, AStatusLineSaysWhyItStandsStillOrFailed) {
  v1::Backfill standing = Running();
  standing.set_standing("replica: a replica is behind\x1b[2J");
  EXPECT_THAT(BackfillLine(standing), HasSubstr("stands still: replica: a replica is behind"));
  EXPECT_THAT(BackfillLine(standing), Not(HasSubstr("\x1b")));
  v1::Backfill failed = Running();
  failed.set_state("failed");
  failed.set_error("the verification found 3 rows left");
  EXPECT_THAT(BackfillLine(failed), HasSubstr("3 rows left; `lockstep backfill get fill_totals`"));
  v1::Backfill fresh;
  fresh.set_name("fill_totals");
  fresh.set_state("not run");
  EXPECT_EQ(BackfillLine(fresh), "backfill fill_totals: not run");
}

TEST(BackfillView, OneWhoseVerificationFailedShowsTheRowsAndTheQuery) {
  v1::Backfill failed = Running();
  failed.set_state("failed");
  failed.set_rows_left(3);
  failed.set_left_sample("(1) (2)");
  failed.set_look("SELECT id FROM t");
  const std::string text = BackfillText(failed);
  EXPECT_THAT(text, HasSubstr("left        3 rows, such as (1) (2)\n"));
  EXPECT_THAT(text, HasSubstr("look        SELECT id FROM t\n"));
  EXPECT_TRUE(HasEnded(failed));
  EXPECT_FALSE(HasEnded(Running()));
}

TEST(BackfillView, TheListHasARowEach) {
  v1::ListBackfillsResponse response;
  *response.add_backfills() = Running();
  const std::string table = BackfillsTable(response, Style(), 0);
  EXPECT_THAT(table, HasSubstr("BACKFILL"));
  EXPECT_THAT(table, HasSubstr("51 %"));
  EXPECT_THAT(table, HasSubstr("2300/s"));
}

}  // namespace
}  // namespace lockstep::ctl
