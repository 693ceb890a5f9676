#include <algorithm>
#include <array>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"

#include "ctl/lint_view.h"
#include "ctl/output.h"
#include "ctl/sanitize.h"
#include "ctl/table.h"

namespace lockstep::ctl {
namespace {

constexpr int kTabStop = 4;
constexpr int kMinWidth = 40;  // Narrower, text is cut by the terminal.

Tone ToneOf(sql::Severity severity) {
  constexpr std::array kTones = {Tone::kFaint, Tone::kWarning, Tone::kBad};
  return kTones[static_cast<size_t>(severity)];
}

size_t CharacterSize(absl::string_view text) {
  size_t size = 1;
  while (size < text.size() && (static_cast<unsigned char>(text[size]) & 0xC0) == 0x80) ++size;
  return size;
}

// Words in lines of at most `width` columns; the first begins at column `used`, the others after
// `indent` blanks. Width 0: one line.
std::string Wrap(absl::string_view text, int width, int used, int indent) {
  const std::string clean = Sanitize(text);
  if (width == 0) return clean;
  std::string wrapped;
  int column = used;
  for (const absl::string_view word : absl::StrSplit(clean, ' ')) {
    const int needed = DisplayWidth(word);
    const bool first = wrapped.empty();
    if (!first && column + 1 + needed > width) {
      absl::StrAppend(&wrapped, "\n", std::string(static_cast<size_t>(indent), ' '));
      column = indent;
    } else if (!first) {
      wrapped.push_back(' ');
      ++column;
    }
    absl::StrAppend(&wrapped, word);
    column += needed;
  }
  return wrapped;
}

// A part of a source line as a terminal shows it: tabs become blanks up to the next stop.
std::string Displayed(absl::string_view source) {
  std::string shown;
  bool first = true;
  for (const absl::string_view part : absl::StrSplit(source, '\t')) {
    if (!first) {
      const int column = DisplayWidth(shown);
      shown.append(static_cast<size_t>(kTabStop - column % kTabStop), ' ');
    }
    first = false;
    absl::StrAppend(&shown, Sanitize(part));
  }
  return shown;
}

// The first `count` characters.
absl::string_view FirstCharacters(absl::string_view text, int count) {
  size_t size = 0;
  for (; count > 0 && size < text.size(); --count) size += CharacterSize(text.substr(size));
  return text.substr(0, size);
}

// Without as many characters from its start as take at least `columns` columns; those are taken
// off from `columns`.
absl::string_view Without(absl::string_view text, int* columns) {
  int dropped = 0;
  while (!text.empty() && dropped < *columns) {
    const size_t size = CharacterSize(text);
    dropped += DisplayWidth(text.substr(0, size));
    text.remove_prefix(size);
  }
  *columns = dropped;
  return text;
}

// The line with the caret below it.
std::string Excerpt(const LintFinding& finding, int width, const Style& style) {
  std::string line = Displayed(finding.excerpt);
  const absl::string_view before = FirstCharacters(finding.excerpt, finding.column - 1);
  const absl::string_view meant =
      FirstCharacters(finding.excerpt, finding.column - 1 + finding.characters);
  int caret = DisplayWidth(Displayed(before));
  int size = std::max(1, DisplayWidth(Displayed(meant)) - caret);
  const std::string number = absl::StrFormat("%6d | ", finding.line);
  const int room = width - static_cast<int>(number.size());
  if (width > 0 && DisplayWidth(line) > room) {
    if (caret + std::min(size, room / 3) > room - 1) {  // Show the part around the caret.
      int columns = caret - room / 3;
      line = absl::StrCat("…", Without(line, &columns));
      caret = caret - columns + 1;
    }
    line = Truncate(line, room);
    size = std::clamp(size, 1, std::max(1, room - caret));
  }
  const std::string mark = absl::StrCat("^", std::string(static_cast<size_t>(size) - 1, '~'));
  return absl::StrCat(style.Paint(Tone::kFaint, number), line, "\n",
                      style.Paint(Tone::kFaint, "       | "),
                      std::string(static_cast<size_t>(caret), ' '),
                      style.Paint(ToneOf(finding.severity), mark), "\n");
}

std::string FindingText(const LintFinding& finding, int width, const Style& style) {
  const std::string place =
      finding.excerpt.empty() && finding.line == 1 && finding.column == 1
          ? Sanitize(finding.file)
          : absl::StrCat(Sanitize(finding.file), ":", finding.line, ":", finding.column);
  const absl::string_view severity = sql::SeverityName(finding.severity);
  const int used = DisplayWidth(place) + 2 + DisplayWidth(severity) + 2;
  const std::string what = absl::StrCat(finding.message, " [", finding.rule, "]");
  std::string text = absl::StrCat(style.Paint(Tone::kStrong, place), ": ",
                                  style.Paint(ToneOf(finding.severity), severity), ": ",
                                  Wrap(what, width, used, 4), "\n");
  if (!finding.excerpt.empty()) absl::StrAppend(&text, Excerpt(finding, width, style));
  if (!finding.hint.empty()) {
    absl::StrAppend(&text, "  ", style.Paint(Tone::kStrong, "hint:"), " ",
                    Wrap(finding.hint, width, 8, 8), "\n");
  }
  if (!finding.allowed.empty()) {
    absl::StrAppend(&text, "  allowed: ", Wrap(finding.allowed, width, 11, 11), "\n");
  } else if (finding.gate) {
    absl::StrAppend(&text, "  ",
                    style.Paint(Tone::kFaint, "does not block publishing: it waits for the fleet"),
                    "\n");
  }
  return text;
}

struct Counts {
  std::array<int, 3> shown = {};
  int hidden = 0;
  int allowed = 0;
};

std::string Summary(const LintReport& report, const Counts& counts, const LintView& view) {
  std::vector<std::string> parts;
  for (const sql::Severity severity :
       {sql::Severity::kError, sql::Severity::kWarning, sql::Severity::kInfo}) {
    const int count = counts.shown[static_cast<size_t>(severity)];
    if (count == 0) continue;
    parts.push_back(severity == sql::Severity::kInfo ? absl::StrCat(count, " info")
                                                     : Count(count, sql::SeverityName(severity)));
  }
  std::string text = parts.empty() ? "no findings" : absl::StrJoin(parts, ", ");
  absl::StrAppend(
      &text, " in ",
      Count(static_cast<int64_t>(report.files.size() + report.backfills.size()), "file"));
  if (counts.hidden > 0) {
    absl::StrAppend(&text, "; ", counts.hidden, " below ", sql::SeverityName(view.min_severity));
  }
  if (counts.allowed > 0) absl::StrAppend(&text, "; ", counts.allowed, " allowed");
  return absl::StrCat(text, "\n");
}

// "error", with "gate" where it waits for the fleet.
std::string Standing(const sql::RuleInfo& rule) {
  return absl::StrCat(sql::SeverityName(rule.severity), rule.gate ? ", gate" : "",
                      rule.scales ? ", by table size" : "");
}

}  // namespace

std::string LintText(const LintReport& report, const LintView& view, const Style& style) {
  const int width = view.width == 0 ? 0 : std::max(view.width, kMinWidth);
  std::string text;
  Counts counts;
  for (const LintFinding& finding : report.findings) {
    if (!finding.allowed.empty()) ++counts.allowed;
    if (!finding.allowed.empty() && !view.allowed) continue;
    if (finding.severity < view.min_severity && !finding.refusal) {
      counts.hidden += finding.allowed.empty() ? 1 : 0;
      continue;
    }
    if (finding.allowed.empty()) ++counts.shown[static_cast<size_t>(finding.severity)];
    absl::StrAppend(&text, text.empty() ? "" : "\n", FindingText(finding, width, style));
  }
  return absl::StrCat(text, text.empty() ? "" : "\n", Summary(report, counts, view));
}

std::string RuleText(const sql::RuleInfo& rule, const Style& style, int width) {
  std::string text = absl::StrCat(style.Paint(Tone::kStrong, rule.id), " (",
                                  style.Paint(ToneOf(rule.severity), Standing(rule)), ")\n");
  if (!rule.reason.empty()) {
    absl::StrAppend(&text, "\n  ", Wrap(rule.reason, width, 2, 2), "\n");
  }
  if (rule.gate) {
    absl::StrAppend(&text,
                    "\n  It never blocks publishing: the migration waits until no live "
                    "instance needs the old shape.\n");
  }
  if (!rule.steps.empty()) absl::StrAppend(&text, "\nINSTEAD\n");
  int number = 0;
  for (const absl::string_view step : rule.steps) {
    absl::StrAppend(&text, absl::StrFormat("%3d. ", ++number), Wrap(step, width, 5, 5), "\n");
  }
  const bool directive =
      rule.about == sql::RuleSubject::kStatement || rule.about == sql::RuleSubject::kBackfill;
  absl::StrAppend(&text, "\nALLOW\n  ",
                  directive ? "-- lockstep:allow " : "lint.yaml, rules: ", rule.id,
                  directive ? " REASON\n" : ": off\n");
  if (rule.severity == sql::Severity::kError) {
    absl::StrAppend(&text, "\nMORE\n  docs/rules/", rule.id, ".md\n");
  }
  return text;
}

std::string RulesText(const Style& style, int width) {
  Table table({{"RULE"}, {"SEVERITY"}, {"WHY"}});
  for (const sql::RuleInfo& rule : sql::AllRules()) {
    table.AddRow({{std::string(rule.id)},
                  {Standing(rule), ToneOf(rule.severity)},
                  {std::string(rule.reason)}});
  }
  return table.Render(style, width);
}

}  // namespace lockstep::ctl
