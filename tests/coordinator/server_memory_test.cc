#include "coordinator/lease/server_memory.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace lockstep::coordinator {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;

constexpr ServerCounters kSeen = {.incarnation = 2, .revision = 50, .epoch = 7, .renewals = 9};

TEST(ServerMemoryTest, CountersThatGoUpOrStayAreFine) {
  ServerMemory memory;
  EXPECT_EQ(memory.incarnation(), 0);
  EXPECT_THAT(memory.Check(kSeen), IsEmpty());
  EXPECT_THAT(memory.Check(kSeen), IsEmpty());
  EXPECT_THAT(memory.Check({2, 51, 7, 10}), IsEmpty());
  EXPECT_THAT(memory.Check({2, 52, 8, 0}), IsEmpty());  // Another leader counts from 0.
  EXPECT_EQ(memory.incarnation(), 2);
}

TEST(ServerMemoryTest, EachCounterThatGoesBackIsNoticed) {
  for (const ServerCounters& back : {ServerCounters{1, 99, 99, 99}, ServerCounters{2, 49, 7, 9},
                                     ServerCounters{2, 50, 6, 99}, ServerCounters{2, 50, 7, 8}}) {
    ServerMemory memory;
    ASSERT_THAT(memory.Check(kSeen), IsEmpty());
    EXPECT_THAT(memory.Check(back), HasSubstr("went back from"));
  }
}

TEST(ServerMemoryTest, WhatWentBackIsRememberedUntilANewIncarnation) {
  ServerMemory memory;
  ASSERT_THAT(memory.Check(kSeen), IsEmpty());
  EXPECT_THAT(memory.Check({2, 30, 7, 9}), HasSubstr("the revision went back from 50 to 30"));
  EXPECT_THAT(memory.Check({2, 40, 7, 20}), HasSubstr("from 50 to 40"));
  EXPECT_THAT(memory.Check({3, 41, 1, 0}), IsEmpty());
  EXPECT_THAT(memory.Check({3, 42, 1, 1}), IsEmpty());
}

TEST(ServerMemoryTest, AReadingWithoutTheLeadersRowForgetsNothingOfIt) {
  ServerMemory memory;
  ASSERT_THAT(memory.Check(kSeen), IsEmpty());
  ASSERT_THAT(memory.Check({.incarnation = 2, .revision = 51}), IsEmpty());
  EXPECT_THAT(memory.Check({2, 51, 7, 8}), HasSubstr("the leader's renewals went back"));
}

}  // namespace
}  // namespace lockstep::coordinator
