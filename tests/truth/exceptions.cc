#include "tests/truth/exceptions.h"

#include <stdexcept>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"

#include "engine/base/file.h"
#include "tests/support/repo_paths.h"

namespace lockstep::truth {
namespace {

constexpr size_t kMaxFile = 1 << 20;

bool Matches(absl::string_view pattern, absl::string_view text) {
  return absl::ConsumeSuffix(&pattern, "*") ? absl::StartsWith(text, pattern) : text == pattern;
}

// "13-14" and "16-".
bool Contains(const std::string& range, int major) {
  const std::pair<std::string, std::string> ends = absl::StrSplit(range, '-');
  int first = 0;
  int last = 99;
  if (!absl::SimpleAtoi(ends.first, &first) ||
      (!ends.second.empty() && !absl::SimpleAtoi(ends.second, &last))) {
    throw std::runtime_error("exceptions.txt: no versions: " + range);
  }
  return first <= major && major <= last;
}

}  // namespace

Exceptions::Exceptions(int major) {
  const auto text = base::ReadFile(testing::SourcePath("tests/truth/exceptions.txt"), kMaxFile);
  if (!text.ok()) throw std::runtime_error(text.status().ToString());
  for (const std::string& line :
       std::vector<std::string>(absl::StrSplit(*text, '\n', absl::SkipWhitespace()))) {
    if (absl::StartsWith(line, "#")) continue;
    const std::vector<std::string> words = absl::StrSplit(line, absl::MaxSplits(' ', 3));
    if (words.size() != 4 || !absl::EndsWith(words[2], ":")) {
      throw std::runtime_error("exceptions.txt: FORM RELATION WHAT: reason expected: " + line);
    }
    const std::pair<std::string, std::string> form = absl::StrSplit(words[0], '@');
    if (!form.second.empty() && !Contains(form.second, major)) continue;
    lines_.push_back({.form = form.first,
                      .relation = words[1],
                      .what = std::string(absl::StripSuffix(words[2], ":")),
                      .text = line});
  }
}

bool Exceptions::Allows(absl::string_view form, absl::string_view relation,
                        absl::string_view what) {
  bool allowed = false;
  for (Line& line : lines_) {
    if (!Matches(line.form, form) || !Matches(line.relation, relation) || line.what != what) {
      continue;
    }
    line.used = true;
    allowed = true;
  }
  return allowed;
}

std::vector<std::string> Exceptions::Unused() const {
  std::vector<std::string> unused;
  for (const Line& line : lines_) {
    if (!line.used) unused.push_back(line.text);
  }
  return unused;
}

}  // namespace lockstep::truth
