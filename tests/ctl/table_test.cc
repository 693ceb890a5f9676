#include "ctl/table.h"

#include <gtest/gtest.h>

namespace lockstep::ctl {
namespace {

Table Fleet() {
  Table table({{"SERVICE"}, {"READY", Align::kRight}, {"GATE"}, {""}});
  table.AddRow({{"collaboration-service"}, {"12/31"}, {"open", Tone::kGood}, {""}});
  table.AddRow(
      {{"simulation-engine"}, {"0/2"}, {"waiting 12s"}, {"← needs 14, the database is at 12"}});
  return table;
}

TEST(Table, AlignsColumnsWithoutBlanksAtTheEnd) {
  EXPECT_EQ(Fleet().Render(Style(false), 0),
            "SERVICE                READY  GATE\n"
            "collaboration-service  12/31  open\n"
            "simulation-engine        0/2  waiting 12s  ← needs 14, the database is at 12\n");
}

TEST(Table, IsTheSameWhereItFits) {
  EXPECT_EQ(Fleet().Render(Style(false), 80), Fleet().Render(Style(false), 0));
  EXPECT_EQ(Fleet().Render(Style(false), 120), Fleet().Render(Style(false), 0));
}

TEST(Table, CutsTheWidestColumnFirst) {
  EXPECT_EQ(Fleet().Render(Style(false), 60),
            "SERVICE              READY  GATE\n"
            "collaboration-serv…  12/31  open\n"
            "simulation-engine      0/2  waiting 12s  ← needs 14, the da…\n");
}

TEST(Table, NeverWritesBeyondTheEdge) {
  EXPECT_EQ(Fleet().Render(Style(false), 20),
            "SERVICE   READY  GA…\n"
            "collabo…  12/31  op…\n"
            "simulat…    0/2  wa…\n");
}

TEST(Table, MeasuresWideAndCombiningCharacters) {
  Table table({{"NAME"}, {"X"}});
  table.AddRow({{"日本"}, {"1"}});
  table.AddRow({{"e\xcc\x81t\xc3\xa9"}, {"2"}});
  table.AddRow({{"abcd"}, {"3"}});
  EXPECT_EQ(table.Render(Style(false), 0), "NAME  X\n日本  1\ne\xcc\x81t\xc3\xa9   2\nabcd  3\n");
}

TEST(Table, SanitizesItsCells) {
  Table table({{"NAME"}, {"X"}});
  table.AddRow({{"\x1b[31mred\n"}, {"1"}});
  EXPECT_EQ(table.Render(Style(false), 0), "NAME           X\n\\x1b[31mred\\n  1\n");
}

TEST(Table, PaintsWithoutChangingTheAlignment) {
  Table table({{"GATE"}, {"X"}});
  table.AddRow({{"open", Tone::kGood}, {"1"}});
  table.AddRow({{"refused", Tone::kBad}, {"2"}});
  EXPECT_EQ(table.Render(Style(true), 0),
            "\x1b[1mGATE\x1b[0m     \x1b[1mX\x1b[0m\n"
            "\x1b[32mopen\x1b[0m     1\n"
            "\x1b[31mrefused\x1b[0m  2\n");
}

}  // namespace
}  // namespace lockstep::ctl
