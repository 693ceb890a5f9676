#include "engine/chain/service_file_edit.h"

#include <optional>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"

#include "engine/base/error_info.h"
#include "engine/base/status_macros.h"
#include "engine/chain/service_file.h"

namespace lockstep::chain {
namespace {

constexpr absl::string_view kDigits = "0123456789";

// A line of the text: where it begins, and its length with the line's end.
struct Line {
  size_t begin = 0;
  size_t size = 0;
};

// The line of a key at the left margin, as ParseServiceFile knows to be there at most once.
std::optional<Line> FindKey(absl::string_view text, absl::string_view key) {
  for (size_t begin = 0; begin < text.size();) {
    const size_t end = text.find('\n', begin);
    const size_t size = (end == text.npos ? text.size() : end + 1) - begin;
    absl::string_view line = text.substr(begin, size);
    if (begin == 0) absl::ConsumePrefix(&line, "\xEF\xBB\xBF");
    if (absl::ConsumePrefix(&line, key)) {
      const size_t colon = line.find_first_not_of(" \t");
      if (colon != line.npos && line[colon] == ':') return Line{begin, size};
    }
    begin += size;
  }
  return std::nullopt;
}

// The text with the number on `line` replaced; as it was when there is none.
std::string ReplaceNumber(absl::string_view text, Line line, Version version) {
  const size_t colon = text.find(':', line.begin);
  const size_t number = text.find_first_of(kDigits, colon);
  const size_t end = text.find_first_not_of(kDigits, number);
  return absl::StrCat(text.substr(0, number), version, end == text.npos ? "" : text.substr(end));
}

std::string InsertAfter(absl::string_view text, Line line, Version version) {
  const absl::string_view before = text.substr(0, line.begin + line.size);
  const bool ended = absl::EndsWith(before, "\n");
  const absl::string_view eol = absl::StrContains(text, "\r\n") ? "\r\n" : "\n";
  return absl::StrCat(before, ended ? "" : eol, "adapted_to: ", version, ended ? eol : "",
                      text.substr(line.begin + line.size));
}

bool SameButAdaptedTo(const ServiceFile& a, const ServiceFile& b) {
  return a.service == b.service && a.needs == b.needs && a.uses_declared == b.uses_declared &&
         a.uses == b.uses && a.on_session_loss == b.on_session_loss;
}

}  // namespace

absl::StatusOr<std::string> WithAdaptedTo(absl::string_view file, absl::string_view text,
                                          Version version) {
  ASSIGN_OR_RETURN(const ServiceFile before, ParseServiceFile(file, text));
  if (version < before.adapted_to) {
    return base::MakeError(
        absl::StatusCode::kFailedPrecondition, "ADAPTED_ALREADY",
        absl::StrCat(file, ": it is adapted to ", before.adapted_to, " already"),
        {{"file", std::string(file)}, {"adapted_to", absl::StrCat(before.adapted_to)}},
        "what was attested is lowered by hand, together with the code that needs it");
  }
  std::string changed;
  if (const auto line = FindKey(text, "adapted_to"); line.has_value()) {
    changed = ReplaceNumber(text, *line, version);
  } else if (const auto needs = FindKey(text, "needs"); needs.has_value()) {
    changed = InsertAfter(text, *needs, version);
  } else if (const auto service = FindKey(text, "service"); service.has_value()) {
    changed = InsertAfter(text, *service, version);
  }
  // Whatever the layout: what comes out must say what it said before, and this.
  const absl::StatusOr<ServiceFile> after = ParseServiceFile(file, changed);
  if (after.ok() && after->adapted_to == version && SameButAdaptedTo(before, *after))
    return changed;
  return base::MakeError(absl::StatusCode::kFailedPrecondition, "EDIT_BY_HAND",
                         absl::StrCat(file, ": one line cannot be changed alone in this layout"),
                         {{"file", std::string(file)}},
                         absl::StrCat("write `adapted_to: ", version, "` by hand"));
}

}  // namespace lockstep::chain
