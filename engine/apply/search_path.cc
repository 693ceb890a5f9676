#include "engine/apply/search_path.h"

#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/str_join.h"
#include "absl/strings/strip.h"

namespace lockstep::apply {
namespace {

// Cuts at the commas outside double quotes.
std::vector<std::string> Elements(absl::string_view list) {
  std::vector<std::string> elements(1);
  bool quoted = false;
  for (char c : list) {
    if (c == '"') quoted = !quoted;
    if (c == ',' && !quoted) {
      elements.emplace_back();
    } else {
      elements.back().push_back(c);
    }
  }
  for (std::string& element : elements) absl::StripAsciiWhitespace(&element);
  return elements;
}

bool IsNamed(absl::string_view element, absl::string_view name) {
  if (absl::ConsumePrefix(&element, "\"") && absl::ConsumeSuffix(&element, "\"")) {
    return element == name;
  }
  return absl::AsciiStrToLower(element) == name;
}

}  // namespace

std::string SafeSearchPath(absl::string_view configured) {
  std::vector<std::string> kept;
  for (std::string& element : Elements(configured)) {
    if (element.empty() || IsNamed(element, "$user") || IsNamed(element, "pg_temp")) continue;
    kept.push_back(std::move(element));
  }
  if (kept.empty()) kept.emplace_back("public");
  kept.emplace_back("pg_temp");
  return absl::StrJoin(kept, ", ");
}

}  // namespace lockstep::apply
