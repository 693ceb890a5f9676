// What ALTER TABLE claims to lock, rewrite and read, and what it makes of the catalog.

#include <gtest/gtest.h>
#include <string>

#include "engine/sql/analysis/analyzer.h"
#include "engine/sql/analysis/definition.h"
#include "engine/sql/analysis/type_change.h"

namespace lockstep::sql {
namespace {

FileAnalysis Apply(const std::string& text, Analyzer* analyzer) {
  const MigrationSplit split = SplitMigration(text);
  return analyzer->Analyze({.text = text, .statements = split.statements});
}

Analyzer Live(const std::string& text) {
  model::Database empty;
  empty.complete = true;
  Analyzer analyzer(std::move(empty));
  Apply(text, &analyzer);
  analyzer.MarkApplied();
  return analyzer;
}

const model::Relation& Table(const Analyzer& analyzer, const std::string& name) {
  static const model::Relation* const kMissing = new model::Relation();
  const model::Relation* found = analyzer.database().FindRelation({.name = name});
  EXPECT_NE(found, nullptr) << name;
  return found == nullptr ? *kMissing : *found;
}

// "t:AccessExclusiveLock+rewrite+scan" of what the first statement does to `name`.
std::string Claim(const FileAnalysis& analysis, const std::string& name) {
  for (const Touch& touch : analysis.statements.at(0).touches) {
    if (touch.name.name != name || !touch.column.empty()) continue;
    return std::string(LockModeCatalogName(touch.lock)) + (touch.rewrite ? "+rewrite" : "") +
           (touch.index_rebuild ? "+rebuild" : "") + (touch.scan ? "+scan" : "");
  }
  return "";
}

constexpr char kTables[] =
    "CREATE TABLE p(id bigint PRIMARY KEY, code varchar(10) UNIQUE);"
    "CREATE TABLE c(id bigint PRIMARY KEY, p_id bigint REFERENCES p, code varchar(10) REFERENCES "
    "p(code), n int, s serial);"
    "CREATE INDEX c_n ON c(n);"
    "CREATE TABLE log(k int NOT NULL, v int) PARTITION BY RANGE (k);"
    "CREATE TABLE log1 PARTITION OF log FOR VALUES FROM (0) TO (9);";

TEST(AlterTable, ItsLockIsThatOfItsStrongestCommand) {
  Analyzer analyzer = Live(kTables);
  EXPECT_EQ(
      Claim(Apply("ALTER TABLE c ALTER n SET STATISTICS 9, SET (fillfactor = 90)", &analyzer), "c"),
      "ShareUpdateExclusiveLock");
  EXPECT_EQ(Claim(Apply("ALTER TABLE c ALTER n SET STATISTICS 9, ADD COLUMN z int", &analyzer), "c"),
            "AccessExclusiveLock");
  EXPECT_EQ(Claim(Apply("ALTER TABLE c DISABLE TRIGGER ALL", &analyzer), "c"),
            "ShareRowExclusiveLock");
  EXPECT_EQ(Claim(Apply("ALTER TABLE c SET (user_catalog_table = true)", &analyzer), "c"),
            "AccessExclusiveLock");
}

TEST(AlterTable, RewritesTheTableAndAllOfItsIndexes) {
  Analyzer analyzer = Live(kTables);
  const FileAnalysis analysis =
      Apply("ALTER TABLE c ADD COLUMN z float8 DEFAULT random()", &analyzer);
  EXPECT_EQ(Claim(analysis, "c"), "AccessExclusiveLock+rewrite+scan");
  EXPECT_EQ(Claim(analysis, "c_n"), "AccessExclusiveLock+rebuild");
  EXPECT_EQ(Claim(analysis, "c_pkey"), "AccessExclusiveLock+rebuild");
}

TEST(AlterTable, PartitionsAreLockedAndRewrittenWithTheirParent) {
  Analyzer analyzer = Live(kTables);
  const FileAnalysis analysis = Apply("ALTER TABLE log ALTER v TYPE bigint", &analyzer);
  EXPECT_EQ(Claim(analysis, "log"), "AccessExclusiveLock");
  EXPECT_EQ(Claim(analysis, "log1"), "AccessExclusiveLock+rewrite+scan");
  EXPECT_EQ(Table(analyzer, "log1").FindColumn("v")->type.name, "int8");
}

TEST(AlterTable, ForeignKeysLockTheOtherSide) {
  Analyzer analyzer = Live(kTables);
  EXPECT_EQ(Claim(Apply("ALTER TABLE c ALTER code TYPE varchar(20)", &analyzer), "p"),
            "AccessExclusiveLock");
  EXPECT_EQ(Claim(Apply("ALTER TABLE p ALTER code TYPE varchar(20)", &analyzer), "c"),
            "AccessExclusiveLock");
  EXPECT_EQ(Claim(Apply("ALTER TABLE c DROP COLUMN p_id", &analyzer), "p"), "AccessExclusiveLock");
  EXPECT_EQ(Claim(Apply("ALTER TABLE c ADD COLUMN q bigint REFERENCES p", &analyzer), "p"),
            "ShareRowExclusiveLock");
  EXPECT_EQ(Claim(Apply("ALTER TABLE c ADD FOREIGN KEY (id) REFERENCES p", &analyzer), "p"),
            "ShareRowExclusiveLock+scan");
  EXPECT_EQ(Claim(Apply("ALTER TABLE c DROP CONSTRAINT c_code_fkey", &analyzer), "p"),
            "AccessExclusiveLock");
}

TEST(AlterTable, ValidatingWaitsForNobody) {
  Analyzer analyzer =
      Live(std::string(kTables) +
           "ALTER TABLE c ADD CONSTRAINT f FOREIGN KEY (id) REFERENCES p NOT VALID");
  const FileAnalysis analysis = Apply("ALTER TABLE c VALIDATE CONSTRAINT f", &analyzer);
  EXPECT_EQ(Claim(analysis, "c"), "ShareUpdateExclusiveLock+scan");
  EXPECT_EQ(Claim(analysis, "p"), "RowShareLock+scan");
  EXPECT_TRUE(Table(analyzer, "c").FindConstraint("f")->valid);
}

TEST(AlterTable, WhatDependsOnAColumnGoesWithIt) {
  Analyzer analyzer = Live(kTables);
  Apply("ALTER TABLE c DROP COLUMN n, DROP COLUMN s, DROP COLUMN p_id", &analyzer);
  const model::Relation& table = Table(analyzer, "c");
  EXPECT_EQ(table.FindIndex("c_n"), nullptr);
  EXPECT_EQ(table.FindConstraint("c_p_id_fkey"), nullptr);
  EXPECT_EQ(analyzer.database().FindRelation({.name = "c_s_seq"}), nullptr);
}

TEST(AlterTable, WhatHasNoNameGetsTheOneOfTheServer) {
  Analyzer analyzer = Live(kTables);
  Apply("ALTER TABLE c ADD CHECK (n > 0), ADD CHECK (n < 9), ADD UNIQUE (n, s), "
      "ADD CHECK (n < s), ADD EXCLUDE USING btree (n WITH =)",
      &analyzer);
  const model::Relation& table = Table(analyzer, "c");
  for (const char* name :
       {"c_n_check", "c_n_check1", "c_n_s_key", "c_check", "c_n_excl", "c_pkey", "c_code_fkey"}) {
    EXPECT_NE(table.FindConstraint(name), nullptr) << name;
  }
  EXPECT_EQ(table.FindConstraint("c_n_check")->expression, "n > 0");
  model::Relation longer;
  longer.name.name = std::string(60, 't');
  EXPECT_EQ(ChooseName(longer, {std::string(40, 'c')}, "idx"),
            std::string(29, 't') + "_" + std::string(29, 'c') + "_idx");
}

TEST(AlterTable, AnIndexIsFoundUnderAlterTable) {
  Analyzer analyzer = Live(kTables);
  const FileAnalysis analysis = Apply("ALTER TABLE c_n SET (fillfactor = 70)", &analyzer);
  EXPECT_EQ(Claim(analysis, "c_n"), "ShareUpdateExclusiveLock");
  EXPECT_EQ(Claim(analysis, "c"), "");
}

TEST(AlterTable, ACommandThatCannotBeReadIsOpaqueAndClosesTheTable) {
  Analyzer analyzer = Live(kTables);
  const FileAnalysis analysis = Apply("ALTER TABLE c ALTER n SET STORAGE PLAIN", &analyzer);
  EXPECT_EQ(Claim(analysis, "c"), "AccessExclusiveLock");
  EXPECT_EQ(analysis.phase, Phase::kNeutral);
}

// ---- Types.

model::Type TypeFrom(const std::string& text) {
  const Tree tree = Tree::Parse("SELECT NULL::" + text);
  const Node cast =
      tree.statement().As("SelectStmt")["targetList"].At(0).As("ResTarget")["val"].As("TypeCast");
  return model::TypeOf(cast["typeName"]);
}

TEST(Types, HaveTheNamesOfTheCatalog) {
  EXPECT_TRUE(TypeFrom("integer").Is("int4"));
  EXPECT_TRUE(TypeFrom("text").Is("text"));
  EXPECT_TRUE(TypeFrom("jsonb").Is("jsonb"));
  EXPECT_FALSE(TypeFrom("text[]").Is("text"));
  EXPECT_EQ(TypeFrom("_int4"), TypeFrom("integer[]"));
  EXPECT_EQ(TypeFrom("numeric(5)"), TypeFrom("decimal(5,0)"));
  EXPECT_EQ(TypeFrom("serial8").name, "bigserial");
  EXPECT_EQ(TypeFrom("mood").schema, "");
  EXPECT_EQ(model::TypeText(TypeFrom("numeric(5,2)[]")), "numeric(5,2)[]");
  EXPECT_EQ(model::TypeText(TypeFrom("interval(3)")), "interval(3)");
  EXPECT_EQ(model::TypeText(TypeFrom("app.mood")), "app.mood");
}

// "rewrite", "rebuild", "narrows", "widens", in this order.
std::string Effects(const std::string& from, const std::string& to) {
  const TypeChange change = CompareTypes(TypeFrom(from), TypeFrom(to), model::Database());
  std::string text;
  if (change.unknown) text += " unknown";
  if (change.same) text += " same";
  if (change.rewrite) text += " rewrite";
  if (change.index_rebuild) text += " rebuild";
  if (change.narrows) text += " narrows";
  if (change.widens) text += " widens";
  return text.empty() ? "" : text.substr(1);
}

TEST(Types, AreComparedAsTheServerDoes) {
  EXPECT_EQ(Effects("varchar(5)", "varchar(9)"), "widens");
  EXPECT_EQ(Effects("varchar(5)", "bpchar"), "rebuild");
  EXPECT_EQ(Effects("bit(4)", "varbit"), "rebuild");
  EXPECT_EQ(Effects("varbit(4)", "varbit(8)"), "");
  EXPECT_EQ(Effects("time(3)", "time(6)"), "");
  EXPECT_EQ(Effects("time(3)", "time(2)"), "rewrite narrows");
  EXPECT_EQ(Effects("timestamptz", "timestamptz(6)"), "");
  EXPECT_EQ(Effects("interval(3)", "interval(4)"), "");
  EXPECT_EQ(Effects("interval day", "interval"), "");
  EXPECT_EQ(Effects("interval(4)", "interval(3)"), "rewrite narrows");
  EXPECT_EQ(Effects("numeric(10,2)[]", "numeric[]"), "");
  EXPECT_EQ(Effects("varchar(5)[]", "varchar(9)[]"), "rewrite");
  EXPECT_EQ(Effects("text[]", "varchar[]"), "rewrite");
  EXPECT_EQ(Effects("oid", "regclass"), "");
  EXPECT_EQ(Effects("float8", "real"), "rewrite narrows");
  EXPECT_EQ(Effects("text", "text"), "same");
  EXPECT_EQ(Effects("mood", "text"), "unknown");
}

}  // namespace
}  // namespace lockstep::sql
