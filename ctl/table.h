// Text in columns, aligned by what a terminal shows.
//
//   Table table({{"SERVICE"}, {"READY", Align::kRight}, {""}});
//   table.AddRow({{"platform-core"}, {"2/2"}, {"← adapted to 12", Tone::kFaint}});
//   std::string text = table.Render(Style(false), /*width=*/80);
#ifndef LOCKSTEP_CTL_TABLE_H_
#define LOCKSTEP_CTL_TABLE_H_

#include <string>
#include <utility>
#include <vector>

#include "ctl/style.h"

namespace lockstep::ctl {

enum class Align { kLeft, kRight };

struct Column {
  std::string title;
  Align align = Align::kLeft;
};

struct Cell {
  std::string text;  // Sanitized by the table.
  Tone tone = Tone::kPlain;
};

// Not thread-safe.
class Table {
 public:
  explicit Table(std::vector<Column> columns) : columns_(std::move(columns)) {}

  // `cells` must be as many as there are columns.
  void AddRow(std::vector<Cell> cells);
  bool empty() const { return rows_.empty(); }

  // The columns of the widest line when nothing is cut.
  int NaturalWidth() const;

  // Returns the heading and one line a row, each ended by a line feed and without blanks before it.
  // When a line is wider than `width` columns the widest column is cut with "…", down to a minimum
  // that keeps it recognisable; what is still too wide is cut at the edge. Width 0: never cut.
  std::string Render(const Style& style, int width) const;

 private:
  std::vector<int> Widths(int width) const;

  const std::vector<Column> columns_;
  std::vector<std::vector<Cell>> rows_;
};

}  // namespace lockstep::ctl

#endif  // LOCKSTEP_CTL_TABLE_H_
