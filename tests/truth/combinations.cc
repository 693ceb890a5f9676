#include "tests/truth/combinations.h"

#include <algorithm>
#include <regex>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"

namespace lockstep::truth {
namespace {

constexpr size_t kMaxCommands = 5;
constexpr size_t kMaxStatements = 4;

// Two forms invent the same names; here each gets its own.
std::string WithOwnNames(const std::string& sql, int number) {
  static const auto* const invented =
      new std::regex(R"(\b(z|y|zi|zs|ck|fk|uq|ex|pk|hid|inner_t|dck)\b)");
  return std::regex_replace(sql, *invented, absl::StrCat("$1_", number));
}

// Commands that stand alone in their ALTER TABLE.
bool StandsAlone(absl::string_view command) {
  for (const absl::string_view word : {"RENAME", "SET SCHEMA", "ATTACH", "DETACH"}) {
    if (absl::StartsWith(command, word)) return true;
  }
  return false;
}

}  // namespace

Combinations::Combinations(const std::vector<Form>& forms, int major, uint64_t seed)
    : random_(seed) {
  static const auto* const alter = new std::regex(R"(ALTER TABLE (\w+) ([^]*))");
  for (const Form& form : forms) {
    if (!form.RunsOn(major) || !form.setup.empty() || !form.RefusalOn(major).empty()) continue;
    if (!form.settings.empty()) continue;
    statements_.push_back(form);
    std::smatch match;
    if (!std::regex_match(form.statements[0], match, *alter)) continue;
    const std::string command = match[2];
    if (StandsAlone(command) || match[1] == "ONLY" || match[1] == "IF") continue;
    const auto same = std::find_if(tables_.begin(), tables_.end(),
                                   [&](const Table& table) { return table.name == match[1]; });
    Table& table = same == tables_.end() ? tables_.emplace_back() : *same;
    table.name = match[1];
    table.commands.push_back(command);
  }
  std::erase_if(tables_, [](const Table& table) { return table.commands.size() < 2; });
}

// Not std::uniform_int_distribution, whose numbers are the library's own.
size_t Combinations::Pick(size_t size) { return static_cast<size_t>(random_() % size); }

Form Combinations::NextAlterTable() {
  // A table is as likely as its commands are many.
  size_t all = 0;
  for (const Table& table : tables_) all += table.commands.size();
  size_t at = Pick(all);
  size_t index = 0;
  while (at >= tables_[index].commands.size()) at -= tables_[index++].commands.size();
  const Table& table = tables_[index];
  std::vector<std::string> commands;
  const size_t wanted = 2 + Pick(kMaxCommands - 1);
  for (size_t i = 0; i < wanted; ++i) {
    commands.push_back(
        WithOwnNames(table.commands[Pick(table.commands.size())], static_cast<int>(i)));
  }
  Form form;
  form.name = absl::StrCat("alter-table-", ++count_);
  form.statements = {absl::StrCat("ALTER TABLE ", table.name, " ", absl::StrJoin(commands, ", "))};
  return form;
}

Form Combinations::NextFile() {
  Form form;
  form.name = absl::StrCat("file-", ++count_);
  const size_t wanted = 2 + Pick(kMaxStatements - 1);
  for (size_t i = 0; i < wanted; ++i) {
    for (const std::string& statement : statements_[Pick(statements_.size())].statements) {
      form.statements.push_back(WithOwnNames(statement, static_cast<int>(i)));
    }
  }
  return form;
}

}  // namespace lockstep::truth
