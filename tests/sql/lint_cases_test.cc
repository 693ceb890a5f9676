// Cases of the safety analysis as data: cases/*.jsonl, one JSON object a line.
//
//   id        a name; unique
//   context   SQL that makes what is live before the migration; "" for an empty database
//   sql       the migration
//   expect    ids of exactly the error and warning rules that it meets, sorted
//   forbid    ids of rules that it must not meet (also info ones)
//   phase     "neutral", "expand", "data" or "contract"; phase_kind: "remove", ...
//   transaction  false in a file that says `transaction none`
//   settings  session settings, e.g. {"TimeZone": "UTC"}
//   catalog   false: nothing is known of the database
//   min_pg, max_pg  the major versions that it is true for
// Other keys are for people.

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>
#include <set>
#include <string>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/str_join.h"

#include "engine/sql/analysis/analyzer.h"

namespace lockstep::sql {
namespace {

using Json = nlohmann::json;

std::vector<std::filesystem::path> Files() {
  // Another file or directory of cases can be named, e.g. while a rule is being written.
  const char* given = std::getenv("LOCKSTEP_LINT_CASES");
  const std::filesystem::path root = given != nullptr ? given : LOCKSTEP_LINT_CASES_DIRECTORY;
  if (!std::filesystem::is_directory(root)) return {root};
  std::vector<std::filesystem::path> files;
  for (const auto& entry : std::filesystem::directory_iterator(root)) {
    if (entry.path().extension() == ".jsonl") files.push_back(entry.path());
  }
  std::sort(files.begin(), files.end());
  return files;
}

std::vector<Json> Cases() {
  std::vector<Json> cases;
  for (const auto& path : Files()) {
    std::ifstream file(path);
    for (std::string line; std::getline(file, line);) {
      if (!line.empty()) cases.push_back(Json::parse(line));
    }
  }
  return cases;
}

FileAnalysis AnalyzeText(const std::string& text, bool transactional, Analyzer* analyzer) {
  const MigrationSplit split = SplitMigration(text);
  return analyzer->Analyze(
      {.text = text, .statements = split.statements, .transaction_none = !transactional});
}

// What is live before the migration, as the analysis itself builds it up.
model::Database DatabaseOf(const Json& c, int server_version) {
  model::Database empty;
  empty.complete = c.value("catalog", true);
  empty.server_version = server_version;
  for (const auto& [name, value] : c.value("settings", std::map<std::string, std::string>())) {
    empty.settings[absl::AsciiStrToLower(name)] = value;
  }
  if (!empty.complete) return empty;
  Analyzer analyzer(std::move(empty));
  AnalyzeText(c.value("context", ""), true, &analyzer);
  analyzer.MarkApplied();
  return analyzer.database();
}

class LintCases : public ::testing::TestWithParam<Json> {};

TEST_P(LintCases, AgreeInRulesAndPhase) {
  const Json& c = GetParam();
  const int major = std::max(15, c.value("min_pg", 13));
  if (c.value("max_pg", major) < 13) GTEST_SKIP() << "older than any supported server";
  const int version = std::min(major, c.value("max_pg", major)) * 10000;
  Analyzer analyzer(DatabaseOf(c, version));
  const std::string sql = c.at("sql").get<std::string>();
  const FileAnalysis analysis = AnalyzeText(sql, c.value("transaction", true), &analyzer);
  std::set<std::string> found;
  std::set<std::string> all;
  for (const Finding& finding : analysis.findings) {
    const RuleInfo& info = InfoOf(finding.rule);
    all.emplace(info.id);
    // Rules of our own are not in cases that came from elsewhere.
    if (info.severity != Severity::kInfo && finding.rule != Rule::kMixedPhases) {
      found.emplace(info.id);
    }
    EXPECT_FALSE(finding.message.empty()) << info.id;
    EXPECT_LE(finding.offset, sql.size());
  }
  const auto expected = c.value("expect", std::set<std::string>());
  EXPECT_EQ(absl::StrJoin(found, " "), absl::StrJoin(expected, " ")) << sql;
  for (const std::string& id : c.value("forbid", std::vector<std::string>())) {
    EXPECT_FALSE(all.contains(id)) << id << " on " << sql;
  }
  EXPECT_EQ(PhaseName(analysis.phase), c.at("phase").get<std::string>()) << sql;
  if (c.contains("phase_kind")) {
    EXPECT_EQ(ContractKindName(analysis.contract_kind), c["phase_kind"].get<std::string>()) << sql;
  }
}

std::string NameOf(const ::testing::TestParamInfo<Json>& info) {
  std::string name = info.param.at("id").get<std::string>();
  std::replace_if(
      name.begin(), name.end(), [](char ch) { return !absl::ascii_isalnum(ch); }, '_');
  return name;
}

INSTANTIATE_TEST_SUITE_P(All, LintCases, ::testing::ValuesIn(Cases()), NameOf);
GTEST_ALLOW_UNINSTANTIATED_PARAMETERIZED_TEST(LintCases);

}  // namespace
}  // namespace lockstep::sql
