#include "engine/sql/tree.h"

#include <gtest/gtest.h>
#include <string>

#include "absl/strings/str_cat.h"

namespace lockstep::sql {
namespace {

TEST(Tree, GivesNodesByTypeAndField) {
  const Tree tree = Tree::Parse("ALTER TABLE app.t ADD COLUMN c int, DROP COLUMN d");
  ASSERT_TRUE(tree.ok());
  const Node alter = tree.statement().As("AlterTableStmt");
  ASSERT_TRUE(alter.present());
  EXPECT_EQ(alter["relation"]["schemaname"].text(), "app");
  ASSERT_EQ(alter["cmds"].size(), 2u);
  EXPECT_EQ(alter["cmds"].At(1).As("AlterTableCmd")["subtype"].text(), "AT_DropColumn");
  EXPECT_EQ(alter["cmds"].At(1).As("AlterTableCmd")["name"].text(), "d");
}

TEST(Tree, WhatIsAbsentIsEmpty) {
  const Tree tree = Tree::Parse("SELECT 1");
  const Node node = tree.statement().As("DropStmt")["objects"].At(3)["x"];
  EXPECT_FALSE(node.present());
  EXPECT_EQ(node.text(), "");
  EXPECT_EQ(node.number(), 0);
  EXPECT_FALSE(node.flag());
  EXPECT_EQ(node.size(), 0u);
  EXPECT_TRUE(node.Items().empty());
}

TEST(Tree, SaysWhereTheParserStopped) {
  ParseError error;
  EXPECT_FALSE(Tree::Parse("SELECT 1 FORM t", &error).ok());
  EXPECT_EQ(error.offset, 14u);
  EXPECT_NE(error.message.find("syntax error"), std::string::npos);
}

TEST(Tree, SaysSoInBytesAlsoBehindMultibyteCharacters) {
  const std::string text = "SELECT 'äöü日' FORM t";
  ParseError error;
  EXPECT_FALSE(Tree::Parse(text, &error).ok());
  EXPECT_EQ(text.substr(error.offset), "t");
}

TEST(Tree, ATextOfSeveralStatementsIsParsedAtOnce) {
  const Tree tree = Tree::ParseText("SELECT 1;\n DROP TABLE t;\n");
  ASSERT_EQ(tree.statements().size(), 2u);
  EXPECT_EQ(tree.statements()[0]["stmt"].type(), "SelectStmt");
  EXPECT_EQ(tree.statements()[1]["stmt"].type(), "DropStmt");
  EXPECT_EQ(tree.statements()[1]["stmt_location"].number(), 9);
  EXPECT_TRUE(Tree::ParseText(" -- nothing").statements().empty());
  EXPECT_FALSE(Tree::ParseText("SELECT 1; SELEC 2").ok());
}

TEST(Tree, RefusesTwoStatementsAndNulBytes) {
  EXPECT_FALSE(Tree::Parse("SELECT 1; SELECT 2").ok());
  EXPECT_FALSE(Tree::Parse(absl::string_view("SELECT 1\0; DROP TABLE t", 23)).ok());
}

TEST(Tree, WalksTreesOfAnyDepthThatIsParsed) {
  std::string sql = "SELECT 1";
  for (size_t i = 0; i < kMaxTokensToParse / 2 - 2; ++i) absl::StrAppend(&sql, "+1");
  const Tree tree = Tree::Parse(sql);
  ASSERT_TRUE(tree.ok());
  size_t operators = 0;
  Walk(tree.statement(), [&](absl::string_view name, Node) {
    operators += name == "A_Expr" ? 1 : 0;
    return true;
  });
  EXPECT_EQ(operators, kMaxTokensToParse / 2 - 2);
  absl::StrAppend(&sql, "+1+1+1");
  EXPECT_FALSE(Tree::Parse(sql).ok());
}

TEST(Tree, WalkVisitsInOrderAndLeavesOutWhatIsRefused) {
  const Tree tree = Tree::Parse("SELECT a, b FROM t WHERE c = (SELECT d)");
  std::string seen;
  Walk(tree.statement(), [&](absl::string_view name, Node node) {
    if (name == "ColumnRef") absl::StrAppend(&seen, node["fields"].At(0).text());
    return name != "SubLink";
  });
  EXPECT_EQ(seen, "abc");
}

TEST(Tree, ReadsPlpgsql) {
  const Tree tree = Tree::ParsePlpgsql("DO $$BEGIN EXECUTE 'DROP TABLE t'; END$$");
  ASSERT_TRUE(tree.ok());
  bool found = false;
  Walk(tree.root(), [&](absl::string_view name, Node) {
    found |= name == "PLpgSQL_stmt_dynexecute";
    return true;
  });
  EXPECT_TRUE(found);
}

}  // namespace
}  // namespace lockstep::sql
