// Every rule of the fence is needed: taken out, its attack succeeds; as it is, the attack fails.
#include <cstdio>
#include <gtest/gtest.h>

#include "absl/strings/str_replace.h"

#include "tests/mutations/attacks.h"
#include "tests/mutations/mutation.h"
#include "tests/support/matchers.h"

namespace lockstep::testing {
namespace {

class MutationTest : public ::testing::TestWithParam<Attack> {
 protected:
  LockstepDatabase lockstep_;
};

TEST_P(MutationTest, TheAttackFailsOnTheFunctionsAsTheyAre) {
  EXPECT_EQ(GetParam().run(lockstep_), "");
}

TEST_P(MutationTest, TheAttackSucceedsWithoutTheRule) {
  const Mutation* const mutation = FindMutation(GetParam().mutation);
  ASSERT_NE(mutation, nullptr);
  ASSERT_THAT(Install(lockstep_.admin(), *mutation), IsOk());
  const std::string achieved = GetParam().run(lockstep_);
  EXPECT_NE(achieved, "") << "mutation " << mutation->name << " survived: " << mutation->breaks;
  std::printf("%s\n  without: %s\n  promise: %s\n  attack:  %s\n  result:  %s\n",
              mutation->name.c_str(), mutation->breaks.c_str(), mutation->invariant.c_str(),
              GetParam().story.c_str(), achieved.c_str());
}

INSTANTIATE_TEST_SUITE_P(All, MutationTest, ::testing::ValuesIn(Attacks()), [](const auto& info) {
  return absl::StrReplaceAll(info.param.mutation, {{"-", "_"}});
});

TEST(Mutations, EachHasItsAttack) {
  ASSERT_EQ(Mutations().size(), Attacks().size());
  for (size_t i = 0; i < Attacks().size(); ++i) {
    EXPECT_EQ(Mutations()[i].name, Attacks()[i].mutation);
  }
}

// An edit that no longer fits must not pass for a mutation.
TEST(Mutations, OneThatDoesNotFitFails) {
  LockstepDatabase lockstep;
  const Mutation unfit{.name = "unfit",
                       .breaks = "",
                       .invariant = "",
                       .edits = {{"lockstep.open", "a text that is not there", ""}}};
  EXPECT_EQ(Install(lockstep.admin(), unfit).code(), absl::StatusCode::kInvalidArgument);
  const Mutation twice{.name = "twice",
                       .breaks = "",
                       .invariant = "",
                       .edits = {{"lockstep.open", "RAISE EXCEPTION", ""}}};
  EXPECT_EQ(Install(lockstep.admin(), twice).code(), absl::StatusCode::kInvalidArgument);
}

}  // namespace
}  // namespace lockstep::testing
