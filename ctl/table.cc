#include "ctl/table.h"

#include <algorithm>
#include <numeric>
#include <utility>

#include "absl/strings/str_cat.h"

#include "ctl/sanitize.h"
#include "engine/base/status_macros.h"

namespace lockstep::ctl {
namespace {

constexpr int kGap = 2;
constexpr int kNarrowest = 8;  // A column is not cut below this.

int Total(const std::vector<int>& widths) {
  const int gaps = kGap * (static_cast<int>(widths.size()) - 1);
  return std::accumulate(widths.begin(), widths.end(), gaps);
}

std::string Padding(int count) { return std::string(std::max(count, 0), ' '); }

struct Line {
  const Style& style;
  int limit;  // Columns; 0 for none.
  std::string text = {};
  int used = 0;     // Columns written.
  int pending = 0;  // Blanks that are written only when text follows.

  void Add(const Cell& cell, const Column& column, int width) {
    std::string shown = Truncate(cell.text, width);
    int shown_width = DisplayWidth(shown);
    const int padding = width - shown_width;
    if (column.align == Align::kRight) pending += padding;
    if (!shown.empty()) {
      if (limit > 0) shown = Truncate(shown, limit - used - pending);
      shown_width = DisplayWidth(shown);
      if (!shown.empty()) {
        absl::StrAppend(&text, Padding(pending), style.Paint(cell.tone, shown));
        used += pending + shown_width;
        pending = 0;
      }
    }
    if (column.align == Align::kLeft) pending += padding;
    pending += kGap;
  }
};

}  // namespace

void Table::AddRow(std::vector<Cell> cells) {
  LOCKSTEP_CHECK(cells.size() == columns_.size());
  for (Cell& cell : cells) cell.text = Sanitize(cell.text);
  rows_.push_back(std::move(cells));
}

int Table::NaturalWidth() const { return Total(Widths(0)); }

std::vector<int> Table::Widths(int width) const {
  std::vector<int> widths;
  for (size_t i = 0; i < columns_.size(); ++i) {
    int widest = DisplayWidth(columns_[i].title);
    for (const auto& row : rows_) widest = std::max(widest, DisplayWidth(row[i].text));
    widths.push_back(widest);
  }
  if (width <= 0 || widths.empty()) return widths;
  int excess = Total(widths) - width;
  while (excess > 0) {
    const auto widest = std::max_element(widths.begin(), widths.end());
    if (*widest <= kNarrowest) break;
    --*widest;
    --excess;
  }
  return widths;
}

std::string Table::Render(const Style& style, int width) const {
  const std::vector<int> widths = Widths(width);
  std::string text;
  Line heading{style, width};
  for (size_t i = 0; i < columns_.size(); ++i) {
    heading.Add({columns_[i].title, Tone::kStrong}, columns_[i], widths[i]);
  }
  absl::StrAppend(&text, heading.text, "\n");
  for (const auto& row : rows_) {
    Line line{style, width};
    for (size_t i = 0; i < row.size(); ++i) line.Add(row[i], columns_[i], widths[i]);
    absl::StrAppend(&text, line.text, "\n");
  }
  return text;
}

}  // namespace lockstep::ctl
