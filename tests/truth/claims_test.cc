// The safety analysis is right about real servers: it never claims less than what happens, and more
// only where exceptions.txt says why.
//
// While working on one kind of statement, run its forms alone:
//   LOCKSTEP_TRUTH_FORMS='columns.sql set-' build/dev/bin/truth_test --gtest_filter='Claims.*'
//
// LOCKSTEP_TRUTH_SEED and LOCKSTEP_TRUTH_COMBINATIONS choose other combinations than those of every
// run and how many the server has to accept.
#include "tests/truth/claims.h"

#include <cstdlib>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "absl/strings/numbers.h"
#include "absl/strings/str_join.h"

#include "tests/truth/combinations.h"
#include "tests/truth/exceptions.h"
#include "tests/truth/laboratory.h"

namespace lockstep::truth {
namespace {

using ::lockstep::testing::Trace;
using ::testing::IsEmpty;

constexpr int kGoldenMajor = 15;
constexpr uint64_t kSeed = 20260101;  // The same in every run: a red test means a change.
constexpr int kCombinations = 200;
constexpr int kMaxCandidates = 10;  // For each that is accepted.

uint64_t FromEnvironment(const char* name, uint64_t otherwise) {
  const char* const text = std::getenv(name);
  uint64_t value = 0;
  return text != nullptr && absl::SimpleAtoi(text, &value) ? value : otherwise;
}

std::string SqlOf(const Form& form) {
  return absl::StrCat(form.name, ": ", absl::StrJoin(form.statements, "; "));
}

// What nothing is claimed of cannot be claimed too weakly: it counts as anything.
void ExpectNotWeaker(const Form& form, const sql::FileAnalysis& analysis,
                     const std::vector<Trace>& traces) {
  for (size_t i = 0; i < traces.size(); ++i) {
    const sql::StatementFacts& facts = FactsOf(form, analysis, i);
    if (facts.opaque || !traces[i].ok()) continue;
    for (const Disagreement& disagreement : Weaker(facts, traces[i])) {
      ADD_FAILURE() << Text(disagreement) << "\n  in statement " << i + 1 << " of " << SqlOf(form);
    }
  }
}

TEST(Claims, OfFormsAreNotWeakerThanWhatHappens) {
  for (const auto& [form, traces, alone, catalog] : Laboratory::Get().Observe()) {
    const sql::FileAnalysis analysis = Claims(form, *catalog);
    ExpectNotWeaker(form, analysis, traces);
    if (alone.has_value()) ExpectNotWeaker(form, analysis, {*alone});
  }
}

// A migration that cannot work should be known before it is tried; for those that nobody could tell
// (rows decide) there is a reason.
void ExpectSaid(const Observation& observation, Exceptions& allowed) {
  const Trace& last = observation.traces.back();
  if (last.ok() || last.sqlstate == "25001") return;
  const sql::FileAnalysis analysis = Claims(observation.form, *observation.catalog);
  if (analysis.Worst().value_or(sql::Severity::kInfo) > sql::Severity::kInfo) return;
  if (allowed.Allows(observation.form.name, "*", "refusal")) return;
  ADD_FAILURE() << "no finding says that the server refuses it (" << last.message
                << "): " << SqlOf(observation.form);
}

// A later statement of a form finds locks that are held already.
void ExpectNotStronger(const Observation& observation, Exceptions& allowed) {
  const Form& form = observation.form;
  const sql::FileAnalysis analysis = Claims(form, *observation.catalog);
  const sql::StatementFacts& facts = FactsOf(form, analysis, 0);
  if (facts.opaque && !allowed.Allows(form.name, "*", "opaque")) {
    ADD_FAILURE() << "nothing is known of " << SqlOf(form);
  }
  if (facts.opaque || !observation.traces[0].ok()) return;
  for (const Disagreement& disagreement : Stronger(facts, observation.traces[0])) {
    if (allowed.Allows(form.name, disagreement.relation, disagreement.what)) continue;
    ADD_FAILURE() << Text(disagreement) << "\n  in " << SqlOf(form);
  }
}

TEST(Claims, OfFormsAreStrongerOnlyForAReason) {
  Exceptions allowed(Laboratory::Get().major());
  for (const Observation& observation : Laboratory::Get().Observe()) {
    ExpectNotStronger(observation, allowed);
    ExpectSaid(observation, allowed);
  }
  if (Laboratory::Get().major() == kGoldenMajor && ChosenForms().empty()) {
    EXPECT_THAT(allowed.Unused(), IsEmpty());
  }
}

TEST(Claims, KnowWhatCannotRunInATransactionBlock) {
  for (const auto& [form, traces, alone, catalog] : Laboratory::Get().Observe()) {
    const sql::FileAnalysis analysis = Claims(form, *catalog);
    for (size_t i = 0; i < traces.size(); ++i) {
      EXPECT_EQ(FactsOf(form, analysis, i).non_transactional, traces[i].sqlstate == "25001")
          << SqlOf(form);
    }
  }
}

// Half of them commands of one ALTER TABLE, half of them statements of a file.
TEST(Claims, OfRandomCombinationsAreNotWeakerThanWhatHappens) {
  const uint64_t seed = FromEnvironment("LOCKSTEP_TRUTH_SEED", kSeed);
  const int wanted =
      static_cast<int>(FromEnvironment("LOCKSTEP_TRUTH_COMBINATIONS", kCombinations));
  SCOPED_TRACE(absl::StrCat("LOCKSTEP_TRUTH_SEED=", seed));
  Laboratory& laboratory = Laboratory::Get();
  Combinations combinations(LoadForms(), laboratory.major(), seed);
  LabDatabase& lab = laboratory.With({});
  int tables = 0;
  int files = 0;
  int candidates = 0;
  for (; tables + files < wanted && candidates < kMaxCandidates * wanted; ++candidates) {
    const bool table = tables <= files;
    const Form form = table ? combinations.NextAlterTable() : combinations.NextFile();
    const std::vector<Trace> traces = laboratory.Run(form);
    // One statement would say what the forms have said.
    const size_t accepted = traces.back().ok() ? traces.size() : traces.size() - 1;
    if (accepted < (table ? 1 : 2)) continue;
    ++(table ? tables : files);
    ExpectNotWeaker(form, Claims(form, lab.catalog()), traces);
  }
  EXPECT_EQ(tables + files, wanted) << "of " << candidates;
  RecordProperty("candidates", candidates);
}

}  // namespace
}  // namespace lockstep::truth
