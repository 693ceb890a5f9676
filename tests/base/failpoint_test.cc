#include "engine/base/failpoint.h"

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include "absl/strings/str_cat.h"

#include "engine/base/error_info.h"
#include "engine/base/file.h"
#include "tests/support/matchers.h"
#include "tests/support/temp_dir.h"

namespace lockstep::base {
namespace {

using testing::IsOk;
using testing::TempDir;

// Disarms what a test armed.
class FailpointTest : public ::testing::Test {
 protected:
  FailpointTest() { setenv("LOCKSTEP_FAILPOINT_LOG", log().c_str(), 1); }
  ~FailpointTest() override {
    unsetenv("LOCKSTEP_FAILPOINT_LOG");
    EXPECT_THAT(ArmFailpoints(""), IsOk());
  }

  std::string log() const { return directory_.File("log"); }
  std::string Logged() const { return ReadFile(log(), 1 << 20).value_or(""); }

  const TempDir directory_;
};

// What the product does at a point, in a function that fails by a status.
absl::Status Pass(int socket = kNoSocket) {
  LOCKSTEP_FAILPOINT("test.point", socket);
  return absl::OkStatus();
}

TEST_F(FailpointTest, NothingHappensWhereNothingIsArmed) {
  EXPECT_THAT(Pass(), IsOk());
  EXPECT_FALSE(LOCKSTEP_FAILPOINT_ARMED("test.point"));
  EXPECT_EQ(Logged(), "");
}

TEST_F(FailpointTest, AnErrorIsRetryableAndComesOnceOnTheHitThatWasNamed) {
  ASSERT_THAT(ArmFailpoints("test.point=error@2;other=kill"), IsOk());
  EXPECT_THAT(Pass(), IsOk());
  EXPECT_TRUE(LOCKSTEP_FAILPOINT_ARMED("test.point"));
  const absl::Status failed = Pass();
  EXPECT_TRUE(absl::IsAborted(failed)) << failed;
  EXPECT_EQ(MetadataOf(failed, "sqlstate"), "40001");
  EXPECT_FALSE(LOCKSTEP_FAILPOINT_ARMED("test.point"));
  EXPECT_THAT(Pass(), IsOk());
  EXPECT_EQ(Logged(), absl::StrCat("test.point error ", getpid(), " 2\n"));
}

TEST_F(FailpointTest, AResetShutsTheConnectionDownAndLeavesFindingItToTheNextUse) {
  int ends[2];
  ASSERT_EQ(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
  ASSERT_THAT(ArmFailpoints("test.point=reset"), IsOk());
  EXPECT_THAT(Pass(ends[0]), IsOk());
  char byte = 0;
  EXPECT_EQ(read(ends[0], &byte, 1), 0);
  EXPECT_EQ(read(ends[1], &byte, 1), 0);
  close(ends[0]);
  close(ends[1]);
}

TEST_F(FailpointTest, AResetWithoutAConnectionAtHandIsALostOne) {
  ASSERT_THAT(ArmFailpoints("test.point=reset"), IsOk());
  const absl::Status failed = Pass();
  EXPECT_TRUE(absl::IsUnavailable(failed)) << failed;
  EXPECT_EQ(ReasonOf(failed), "DATABASE_UNAVAILABLE");
}

TEST_F(FailpointTest, AKilledProcessHasWrittenDownWhyBeforeItDies) {
  ASSERT_THAT(ArmFailpoints("test.point=kill"), IsOk());
  EXPECT_EXIT(Pass().IgnoreError(), ::testing::KilledBySignal(SIGKILL), "");
  EXPECT_EQ(Logged().substr(0, 16), "test.point kill ");
}

TEST_F(FailpointTest, WhatCannotBeReadIsRefusedWhole) {
  for (const char* const text : {"test.point", "=kill", "test.point=die", "test.point=kill@0",
                                 "test.point=kill@x", "test.point=kill;test.point=stop"}) {
    EXPECT_TRUE(absl::IsInvalidArgument(ArmFailpoints(text))) << text;
  }
  EXPECT_FALSE(LOCKSTEP_FAILPOINT_ARMED("test.point"));
}

}  // namespace
}  // namespace lockstep::base
