#include "tests/chaos/migrations.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <map>

namespace lockstep::chaos {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

TEST(Migrations, OfOneSeedAreAlwaysTheSame) {
  MigrationSource one({.seed = 7}), other({.seed = 7}), third({.seed = 8});
  bool differs = false;
  for (int i = 0; i < 300; ++i) {
    const Migration& a = one.Next();
    EXPECT_EQ(a.sql, other.Next().sql);
    differs = differs || a.sql != third.Next().sql;
  }
  EXPECT_TRUE(differs);
}

TEST(Migrations, EveryKindComes) {
  MigrationSource source({.seed = 1});
  std::map<Kind, int> kinds;
  for (int i = 0; i < 300; ++i) ++kinds[source.Next().kind];
  EXPECT_EQ(kinds.size(), 9u);
  EXPECT_EQ(kinds[Kind::kBase], 1);
}

TEST(Migrations, AColumnIsDroppedOnceAndLaterThanItCame) {
  MigrationSource source({.seed = 3});
  std::map<int, int> dropped;
  for (int i = 0; i < 500; ++i) {
    const Migration& m = source.Next();
    if (m.kind != Kind::kDrop) continue;
    EXPECT_LT(m.drops, m.version);
    EXPECT_EQ(source.all()[static_cast<size_t>(m.drops) - 1].kind, Kind::kColumn);
    EXPECT_EQ(++dropped[m.drops], 1);
  }
  EXPECT_FALSE(dropped.empty());
}

TEST(Migrations, ABuildUsesWhatALaterContractRemoves) {
  MigrationSource source({.seed = 3});
  while (source.all().empty() || source.all().back().kind != Kind::kDrop) source.Next();
  std::vector<Migration> before = source.all();
  const std::string column = "c_" + std::to_string(before.back().drops) + ")";
  EXPECT_THAT(QueriesOfBuild(source.all()), Not(HasSubstr(column)));
  before.pop_back();
  EXPECT_THAT(QueriesOfBuild(before), HasSubstr(column));
}

}  // namespace
}  // namespace lockstep::chaos
