#include "ctl/publish_plan.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "absl/strings/str_cat.h"

namespace lockstep::ctl {
namespace {

using ::testing::IsEmpty;
using ::testing::SizeIs;

chain::Chain MakeLocal(int versions, int backfills = 0) {
  chain::Chain local;
  for (int i = 1; i <= versions; ++i) {
    chain::Migration migration;
    migration.version = i;
    migration.title = absl::StrCat("m", i);
    migration.sql = std::string(100, 'x');
    migration.digest = std::string(32, static_cast<char>(i));
    local.migrations.push_back(migration);
  }
  for (int i = 0; i < backfills; ++i) {
    local.backfills.push_back({.name = absl::StrCat("b", i), .sql = std::string(100, 'y')});
  }
  return local;
}

v1::ListMigrationsResponse Published(const chain::Chain& chain) {
  v1::ListMigrationsResponse list;
  for (const auto& entry : chain.sum().entries) {
    auto* ref = list.add_migrations()->mutable_ref();
    ref->set_version(entry.version);
    ref->set_chain_hash(entry.chain_hash);
  }
  return list;
}

TEST(FirstToSend, BeginsAfterThePublishedHead) {
  const chain::ChainSum local = MakeLocal(4).sum();
  EXPECT_EQ(FirstToSend(local, 0, chain::EmptyChainHash()), 1);
  EXPECT_EQ(FirstToSend(local, 2, HashAt(local, 2)), 3);
  EXPECT_EQ(FirstToSend(local, 4, HashAt(local, 4)), 5);
}

TEST(FirstToSend, IsUnknownWhenTheChainsDiffer) {
  const chain::ChainSum local = MakeLocal(4).sum();
  EXPECT_EQ(FirstToSend(local, 2, std::string(32, 'z')), 0);
  EXPECT_EQ(FirstToSend(local, 7, std::string(32, 'z')), 0);
}

TEST(FirstDifference, FindsWhereTheChainsPart) {
  const chain::Chain local = MakeLocal(4);
  chain::Chain other = MakeLocal(4);
  other.migrations[2].digest = std::string(32, 'z');
  EXPECT_EQ(FirstDifference(local.sum(), Published(other)), 3);
  EXPECT_EQ(FirstDifference(local.sum(), Published(MakeLocal(7))), 5);
  EXPECT_EQ(FirstDifference(local.sum(), Published(MakeLocal(2))), 3);
}

TEST(MakeRequests, SendsOneBatchWithItsParent) {
  const chain::Chain local = MakeLocal(4);
  const auto requests = MakeRequests(local, 3, "me@host");
  ASSERT_THAT(requests, SizeIs(1));
  EXPECT_EQ(requests[0].migrations_size(), 2);
  EXPECT_EQ(requests[0].migrations(0).version(), 3);
  EXPECT_EQ(requests[0].expected_parent_hash(), HashAt(local.sum(), 2));
  EXPECT_EQ(requests[0].actor(), "me@host");
  EXPECT_EQ(MakeRequests(local, 1, "")[0].expected_parent_hash(), "");
}

TEST(MakeRequests, CutsLongChainsAndChainsTheParents) {
  const chain::Chain local = MakeLocal(5, 1);
  const auto requests = MakeRequests(local, 1, "", 250);
  ASSERT_THAT(requests, SizeIs(3));
  EXPECT_EQ(requests[1].migrations(0).version(), 3);
  EXPECT_EQ(requests[1].expected_parent_hash(), HashAt(local.sum(), 2));
  EXPECT_EQ(requests[2].migrations(0).version(), 5);
  EXPECT_EQ(requests[2].backfills_size(), 1);
}

TEST(MakeRequests, SendsBackfillsWithTheHeadWhenNothingElseIsNew) {
  const chain::Chain local = MakeLocal(3, 2);
  const auto requests = MakeRequests(local, 4, "");
  ASSERT_THAT(requests, SizeIs(1));
  EXPECT_EQ(requests[0].migrations(0).version(), 3);
  EXPECT_EQ(requests[0].expected_parent_hash(), HashAt(local.sum(), 2));
  EXPECT_EQ(requests[0].backfills_size(), 2);
}

TEST(MakeRequests, IsEmptyWhenThereIsNothing) {
  EXPECT_THAT(MakeRequests(MakeLocal(3), 4, ""), IsEmpty());
  EXPECT_THAT(MakeRequests(MakeLocal(0), 1, ""), IsEmpty());
}

}  // namespace
}  // namespace lockstep::ctl
