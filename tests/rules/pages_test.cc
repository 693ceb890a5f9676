// docs/rules is what the table of rules and the examples say. To write it anew:
//   LOCKSTEP_UPDATE_GOLDEN=1 build/dev/bin/rules_test --gtest_filter='RulePages.*'
#include <cstdlib>
#include <filesystem>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <set>

#include "absl/strings/str_cat.h"

#include "engine/base/file.h"
#include "tests/rules/example.h"
#include "tests/support/matchers.h"
#include "tests/support/repo_paths.h"

namespace lockstep::testing {
namespace {

void ExpectPage(const std::string& name, const std::string& text) {
  const std::string path = SourcePath(absl::StrCat("docs/rules/", name));
  if (std::getenv("LOCKSTEP_UPDATE_GOLDEN") != nullptr) {
    ASSERT_THAT(base::WriteFileAtomically(path, text), IsOk());
    return;
  }
  EXPECT_EQ(base::ReadFile(path, 1 << 20).value_or(""), text)
      << "to accept it: LOCKSTEP_UPDATE_GOLDEN=1 build/dev/bin/rules_test";
}

TEST(RulePages, EachErrorHasOne) {
  for (const sql::RuleInfo& rule : sql::AllRules()) {
    if (rule.severity != sql::Severity::kError) continue;
    const Example example = ReadExample(rule);
    EXPECT_FALSE(example.bad.empty()) << rule.id;
    ExpectPage(absl::StrCat(rule.id, ".md"), PageOf(rule, example));
  }
  ExpectPage("README.md", IndexOfRules());
}

TEST(RulePages, NoneIsLeftOver) {
  std::set<std::string> known = {"README.md"};
  for (const sql::RuleInfo& rule : sql::AllRules()) known.insert(absl::StrCat(rule.id, ".md"));
  for (const auto& entry : std::filesystem::directory_iterator(SourcePath("docs/rules"))) {
    EXPECT_TRUE(known.contains(entry.path().filename().string())) << entry.path();
  }
}

}  // namespace
}  // namespace lockstep::testing
