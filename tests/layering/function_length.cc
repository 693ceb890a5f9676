#include "tests/layering/function_length.h"

#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"

namespace lockstep::testing {
namespace {

// Follows the braces of one file.
class Measure {
 public:
  explicit Measure(const Source& source) : source_(source) {}

  std::vector<std::string> Run() {
    bool macro = false;
    for (size_t i = 0; i < source_.lines.size(); ++i) {
      const std::string& line = source_.lines[i];
      macro = macro || absl::StartsWith(line, "#");
      for (size_t at = 0; at < line.size() && !macro; ++at) Take(line[at], static_cast<int>(i) + 1);
      macro = macro && absl::EndsWith(line, "\\");
    }
    return problems_;
  }

 private:
  void Take(char c, int line) {
    if (c == '{') {
      ++depth_;
      if (function_depth_ == 0 && parenthesis_) {
        function_depth_ = depth_;
        function_line_ = statement_line_;
      }
    } else if (c == '}') {
      if (depth_ == function_depth_) Close(line);
      if (depth_ > 0) --depth_;
    } else if (c == '(') {
      parenthesis_ = true;
    }
    if (c == ';' || c == '{' || c == '}') {
      statement_line_ = 0;
      parenthesis_ = false;
    } else if (statement_line_ == 0 && !absl::ascii_isspace(static_cast<unsigned char>(c))) {
      statement_line_ = line;
    }
  }

  void Close(int line) {
    function_depth_ = 0;
    const int length = line - function_line_ + 1;
    if (length <= kMaxFunctionLines) return;
    problems_.push_back(absl::StrCat(
        source_.path, ":", function_line_, ": a function of ", length, " lines: ",
        absl::StripAsciiWhitespace(source_.lines[static_cast<size_t>(function_line_) - 1])));
  }

  const Source& source_;
  int depth_ = 0;
  int function_depth_ = 0;  // Of the outermost function's block; 0 outside of one.
  int function_line_ = 0;
  int statement_line_ = 0;  // Where the current statement began; 0 before its first character.
  bool parenthesis_ = false;
  std::vector<std::string> problems_;
};

}  // namespace

std::vector<std::string> LongFunctions(const std::vector<Source>& sources) {
  std::vector<std::string> problems;
  for (const Source& source : sources) {
    for (std::string& problem : Measure(source).Run()) problems.push_back(std::move(problem));
  }
  return problems;
}

}  // namespace lockstep::testing
