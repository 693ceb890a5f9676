#include "tests/layering/source_tree.h"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"

namespace lockstep::testing {
namespace {

namespace fs = std::filesystem;

// Overwrites text[from, to) but for line breaks.
void Blank(std::string& text, size_t from, size_t to) {
  for (size_t i = from; i < std::min(to, text.size()); ++i) {
    if (text[i] != '\n') text[i] = ' ';
  }
}

// The end of the literal or comment that starts at `at`, or `at` when none does.
size_t EndOfToken(const std::string& text, size_t at) {
  const auto after = [&](size_t found, size_t size) {
    return found == std::string::npos ? text.size() : found + size;
  };
  if (text.compare(at, 2, "//") == 0) return after(text.find('\n', at), 0);
  if (text.compare(at, 2, "/*") == 0) return after(text.find("*/", at + 2), 2);
  if (text.compare(at, 2, "R\"") == 0) {
    const size_t open = text.find('(', at);
    const std::string close = absl::StrCat(")", text.substr(at + 2, open - at - 2), "\"");
    return after(text.find(close, open), close.size());
  }
  if (text[at] != '"' && text[at] != '\'') return at;
  for (size_t i = at + 1; i < text.size() && text[i] != '\n'; ++i) {
    if (text[i] == '\\') {
      ++i;
    } else if (text[i] == text[at]) {
      return i + 1;
    }
  }
  return at + 1;  // A digit separator, for example.
}

}  // namespace

Source MakeSource(std::string path, absl::string_view text) {
  std::string code(text);
  for (size_t i = 0; i < code.size();) {
    const size_t end = EndOfToken(code, i);
    const size_t line = i == 0 ? 0 : code.rfind('\n', i - 1) + 1;
    const bool included = code[line] == '#' && code[i] == '"';
    if (end > i + 1 && !included) Blank(code, i, end);
    i = std::max(end, i + 1);
  }
  return {std::move(path), absl::StrSplit(code, '\n')};
}

std::vector<Source> LoadSources(const std::string& root) {
  std::vector<Source> sources;
  for (const char* top : {"engine", "proto", "coordinator", "agent", "ctl"}) {
    std::error_code absent;
    for (const auto& entry : fs::recursive_directory_iterator(fs::path(root) / top, absent)) {
      const std::string extension = entry.path().extension().string();
      if (extension != ".h" && extension != ".cc") continue;
      std::ifstream file(entry.path(), std::ios::binary);
      const std::string text((std::istreambuf_iterator<char>(file)),
                             std::istreambuf_iterator<char>());
      sources.push_back(MakeSource(fs::relative(entry.path(), root).generic_string(), text));
    }
  }
  std::sort(sources.begin(), sources.end(),
            [](const Source& a, const Source& b) { return a.path < b.path; });
  return sources;
}

}  // namespace lockstep::testing
