#include "tests/truth/forms.h"

#include <algorithm>
#include <filesystem>
#include <set>
#include <stdexcept>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"

#include "engine/base/file.h"
#include "engine/sql/split.h"
#include "tests/support/repo_paths.h"

namespace lockstep::truth {
namespace {

constexpr size_t kMaxFormsFile = 1 << 20;

std::vector<std::string> Statements(const std::string& text) {
  std::vector<std::string> statements;
  for (const sql::Statement& statement : sql::SplitStatements(text).statements) {
    statements.emplace_back(sql::TextOf(text, statement));
  }
  return statements;
}

int Number(absl::string_view text) {
  int number = 0;
  if (!absl::SimpleAtoi(text, &number)) throw std::runtime_error(absl::StrCat("no number: ", text));
  return number;
}

void SetRefusal(absl::string_view text, Form& form) {
  const std::vector<std::string> words = absl::StrSplit(text, ' ');
  form.sqlstate = words[0];
  if (words.size() == 3 && words[1] == "until") form.refused_until = Number(words[2]);
}

// Returns whether `line` was a comment about `form`.
bool ReadComment(absl::string_view line, Form& form) {
  if (!absl::ConsumePrefix(&line, "-- ")) return false;
  if (line == "alone") {
    form.alone = true;
    return true;
  }
  const std::pair<absl::string_view, absl::string_view> parts =
      absl::StrSplit(line, absl::MaxSplits(": ", 1));
  const std::string value(absl::StripAsciiWhitespace(parts.second));
  if (parts.first == "setup") {
    for (std::string& statement : Statements(value)) form.setup.push_back(std::move(statement));
  } else if (parts.first == "set") {
    form.settings.push_back("SET LOCAL " + value);
  } else if (parts.first == "blocker") {
    form.blockers.push_back(value);
    form.alone = true;
  } else if (parts.first == "expects") {
    SetRefusal(value, form);
  } else if (parts.first == "from") {
    form.from = Number(value);
  } else if (parts.first == "to") {
    form.to = Number(value);
  } else {
    return false;
  }
  return true;
}

void ReadForm(absl::string_view text, Form& form) {
  const std::vector<std::string> lines = absl::StrSplit(text, '\n');
  form.name = std::string(absl::StripAsciiWhitespace(lines[0]));
  std::string body;
  for (size_t i = 1; i < lines.size(); ++i) {
    if (ReadComment(lines[i], form)) continue;
    if (absl::StartsWith(lines[i], "--")) {
      throw std::runtime_error(absl::StrCat(form.file, ": ", lines[i]));
    }
    absl::StrAppend(&body, lines[i], "\n");
  }
  form.statements = Statements(body);
  if (form.statements.empty()) throw std::runtime_error(form.name + " has no statement");
}

}  // namespace

std::string Form::RefusalOn(int major) const {
  if (alone) return "25001";
  return major <= refused_until ? sqlstate : "";
}

std::vector<Form> LoadForms() {
  std::vector<std::string> files;
  for (const auto& entry :
       std::filesystem::directory_iterator(testing::SourcePath("tests/truth/forms"))) {
    files.push_back(entry.path().string());
  }
  std::sort(files.begin(), files.end());
  std::vector<Form> forms;
  std::set<std::string> names;
  for (const std::string& file : files) {
    const auto text = base::ReadFile(file, kMaxFormsFile);
    if (!text.ok()) throw std::runtime_error(text.status().ToString());
    const std::vector<std::string> parts = absl::StrSplit(*text, "-- form: ");
    for (size_t i = 1; i < parts.size(); ++i) {
      Form& form = forms.emplace_back();
      form.file = std::filesystem::path(file).filename().string();
      ReadForm(parts[i], form);
      if (!names.insert(form.name).second) throw std::runtime_error(form.name + " is there twice");
    }
  }
  return forms;
}

}  // namespace lockstep::truth
