// What PostgreSQL does with each form, as it was when somebody last looked at it (golden/15.txt),
// and that no form is refused that should not be: a form that does not run tests nothing.
//
// After a change of forms or of lab.sql, write the file anew and read the diff before committing
// it:
//   LOCKSTEP_UPDATE_GOLDEN=1 build/dev/bin/truth_test --gtest_filter='Forms.*'
#include <cstdlib>
#include <gtest/gtest.h>
#include <map>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/strip.h"

#include "engine/base/file.h"
#include "tests/support/matchers.h"
#include "tests/support/repo_paths.h"
#include "tests/truth/laboratory.h"

namespace lockstep::truth {
namespace {

using ::lockstep::testing::Abbreviation;
using ::lockstep::testing::IsOk;
using ::lockstep::testing::Trace;
using ::lockstep::testing::TracedRelation;

constexpr int kGoldenMajor = 15;
constexpr size_t kMaxGolden = 1 << 20;

void Append(absl::string_view label, const std::vector<std::string>& names, std::string& text) {
  if (!names.empty()) absl::StrAppend(&text, "  ", label, " ", absl::StrJoin(names, " "), "\n");
}

std::string Describe(const Trace& trace) {
  if (!trace.ok()) return absl::StrCat("  refused ", trace.sqlstate, ": ", trace.message, "\n");
  std::map<sql::LockMode, std::vector<std::string>, std::greater<>> locked;
  std::vector<std::string> rewritten;
  std::vector<std::string> scanned;
  for (const TracedRelation& relation : trace.relations) {
    const std::string name(absl::StripPrefix(relation.name, "lab."));
    if (relation.lock != sql::LockMode::kNone) locked[relation.lock].push_back(name);
    if (relation.rewritten) rewritten.push_back(name);
    if (relation.scans > 0) scanned.push_back(name);
  }
  std::string text;
  for (const auto& [lock, names] : locked) Append(Abbreviation(lock), names, text);
  Append("rewrites", rewritten, text);
  Append("scans", scanned, text);
  return text.empty() ? "  nothing\n" : text;
}

TEST(Forms, DoOnTheServerWhatWasRecorded) {
  Laboratory& laboratory = Laboratory::Get();
  std::string text;
  for (const auto& [form, traces, alone, catalog] : laboratory.Observe()) {
    absl::StrAppend(&text, form.name, "\n");
    for (const Trace& trace : traces) absl::StrAppend(&text, Describe(trace));
    EXPECT_EQ(traces.back().sqlstate, form.RefusalOn(laboratory.major()))
        << form.name << ": " << traces.back().message;
    if (!alone.has_value()) continue;
    EXPECT_EQ(alone->sqlstate, "") << form.name << ": " << alone->message;
    EXPECT_TRUE(alone->waited) << form.name;
    absl::StrAppend(&text, "  while it waits:\n", Describe(*alone));
  }
  if (laboratory.major() != kGoldenMajor || !ChosenForms().empty()) return;
  const std::string path = testing::SourcePath("tests/truth/golden/15.txt");
  if (std::getenv("LOCKSTEP_UPDATE_GOLDEN") != nullptr) {
    ASSERT_THAT(base::WriteFileAtomically(path, text), IsOk());
    return;
  }
  EXPECT_EQ(base::ReadFile(path, kMaxGolden).value_or(""), text)
      << "to accept it: LOCKSTEP_UPDATE_GOLDEN=1 build/dev/bin/truth_test --gtest_filter='Forms.*'";
}

}  // namespace
}  // namespace lockstep::truth
