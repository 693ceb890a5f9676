#include "tests/rules/example.h"

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"

#include "engine/base/file.h"
#include "tests/support/repo_paths.h"

namespace lockstep::testing {
namespace {

constexpr int64_t kMaxExampleBytes = 64 << 10;
constexpr int kLine = 116;

std::string Code(absl::string_view text, absl::string_view language = "sql") {
  return absl::StrCat("\n```", language, "\n", text, "```\n");
}

// One sentence, and lines that fit.
std::string Prose(absl::string_view text, absl::string_view first = "",
                  absl::string_view rest = "") {
  std::string line(first), wrapped;
  for (const absl::string_view word : absl::StrSplit(text, ' ')) {
    if (line.size() + 1 + word.size() > kLine) {
      absl::StrAppend(&wrapped, line, "\n");
      line = std::string(rest);
    }
    absl::StrAppend(&line, line.size() == rest.size() || line.size() == first.size() ? "" : " ",
                    word);
  }
  return absl::StrCat(wrapped, line, "\n");
}

std::string Sentence(absl::string_view text) {
  std::string sentence(text);
  if (!sentence.empty()) {
    sentence[0] = absl::ascii_toupper(static_cast<unsigned char>(sentence[0]));
  }
  return absl::StrCat(sentence, ".");
}

std::string Standing(const sql::RuleInfo& rule) {
  if (rule.gate) {
    return "It never blocks publishing: the migration waits until no live instance needs the old "
           "shape.";
  }
  if (rule.scales) return "Below 10,000 rows and 10 MB it is a warning.";
  return "";
}

// What comes of the bad one; "" when it just does its harm.
std::string Outcome(const sql::RuleInfo& rule, const Example& example) {
  if (!example.not_run.empty() && rule.about == sql::RuleSubject::kStatement) {
    return absl::StrCat("\n",
                        Prose(absl::StrCat("No test runs this example: ", example.not_run, ".")));
  }
  if (example.sqlstate.empty()) return "";
  if (rule.about == sql::RuleSubject::kStatement) {
    return absl::StrCat("\nPostgreSQL refuses it with SQLSTATE ", example.sqlstate, ".\n");
  }
  if (example.sqlstate == "failed")
    return "\nIts verification finds rows, and the job has failed.\n";
  const bool reason = absl::StrContains(example.sqlstate, "_");
  return absl::StrCat("\nThe job fails with ", reason ? "" : "SQLSTATE ", example.sqlstate, ".\n");
}

}  // namespace

std::vector<const sql::RuleInfo*> ErrorsAbout(sql::RuleSubject subject) {
  std::vector<const sql::RuleInfo*> errors;
  for (const sql::RuleInfo& rule : sql::AllRules()) {
    if (rule.severity == sql::Severity::kError && rule.about == subject) errors.push_back(&rule);
  }
  return errors;
}

Example ReadExample(const sql::RuleInfo& rule) {
  const std::string path = SourcePath(absl::StrCat("engine/sql/rules/examples/", rule.id, ".sql"));
  const std::string text = base::ReadFile(path, kMaxExampleBytes).value_or("");
  Example example;
  std::string* section = nullptr;
  for (absl::string_view line : absl::StrSplit(text, '\n')) {
    const absl::string_view whole = line;
    if (line == "-- setup") {
      section = &example.setup;
    } else if (line == "-- meanwhile") {
      section = &example.meanwhile;
    } else if (line == "-- good") {
      section = &example.good.emplace_back();
    } else if (absl::ConsumePrefix(&line, "-- bad")) {
      section = &example.bad;
      if (absl::ConsumePrefix(&line, " not run: ")) {
        example.not_run = std::string(line);
      } else {
        example.sqlstate = std::string(absl::StripAsciiWhitespace(line));
      }
    } else if (section != nullptr && !(whole.empty() && section->empty())) {
      absl::StrAppend(section, whole, "\n");
    }
  }
  for (std::string* part : {&example.setup, &example.bad, &example.meanwhile}) {
    if (!part->empty()) *part = absl::StrCat(absl::StripAsciiWhitespace(*part), "\n");
  }
  for (std::string& good : example.good) {
    good = absl::StrCat(absl::StripAsciiWhitespace(good), "\n");
  }
  return example;
}

std::string PageOf(const sql::RuleInfo& rule, const Example& example) {
  std::string page = absl::StrCat("# ", rule.id, "\n\n", Prose(Sentence(rule.reason)));
  const std::string standing = Standing(rule);
  const absl::string_view language = rule.about == sql::RuleSubject::kServiceFile ? "yaml" : "sql";
  if (!standing.empty()) absl::StrAppend(&page, "\n", Prose(standing));
  if (!example.setup.empty()) absl::StrAppend(&page, "\nWhat is there:\n", Code(example.setup));
  absl::StrAppend(&page, "\n## ", rule.gate ? "What waits" : "Not like this", "\n",
                  Code(example.bad, language));
  if (!example.meanwhile.empty()) {
    absl::StrAppend(&page, "\nWhile it runs, somebody writes:\n", Code(example.meanwhile));
  }
  absl::StrAppend(&page, Outcome(rule, example));
  absl::StrAppend(&page, "\n## ", rule.gate ? "In this order" : "Instead", "\n\n");
  int number = 0;
  for (const absl::string_view step : rule.steps) {
    absl::StrAppend(&page, Prose(step, absl::StrCat(++number, ". "), "   "));
  }
  if (!example.good.empty()) {
    absl::StrAppend(&page, rule.about == sql::RuleSubject::kStatement
                               ? "\nHere, each block a migration of its own:\n"
                               : "\nHere, each block a file of its own:\n");
  }
  for (const std::string& good : example.good) absl::StrAppend(&page, Code(good, language));
  return page;
}

std::string IndexOfRules() {
  std::string index =
      "# Rules of lint\n\nOne table in the code makes this page, those it links to, and `lockstep "
      "lint --explain`. How they are used:\n[lint](../lint.md). *gate* never blocks publishing; "
      "*by size* is one level lower on a small table.\n\n| rule | severity | why "
      "|\n|---|---|---|\n";
  for (const sql::RuleInfo& rule : sql::AllRules()) {
    const bool page = rule.severity == sql::Severity::kError;
    absl::StrAppend(&index, "| ",
                    page ? absl::StrCat("[", rule.id, "](", rule.id, ".md)") : rule.id, " | ",
                    sql::SeverityName(rule.severity), rule.gate ? ", gate" : "",
                    rule.scales ? ", by size" : "", " | ", rule.reason, " |\n");
  }
  return index;
}

}  // namespace lockstep::testing
