// What statements about types, views, functions, triggers, privileges and replication claim beside
// their findings: locks, needed roles, and the catalog that the next statement meets.

#include <gtest/gtest.h>
#include <string>
#include <utility>
#include <vector>

#include "engine/sql/analysis/analyzer.h"

namespace lockstep::sql {
namespace {

using model::Name;

constexpr char kSeats[] =
    "CREATE TABLE seat(id bigint PRIMARY KEY, row_no int, holder text);"
    "CREATE VIEW open_seat AS SELECT id, row_no FROM seat;"
    "CREATE VIEW front AS SELECT id FROM open_seat;"
    "CREATE MATERIALIZED VIEW rows AS SELECT id FROM front;"
    "CREATE UNIQUE INDEX rows_id ON rows(id);";

class Analysed {
 public:
  Analysed(const std::string& context, const std::string& sql, int version = 150000) {
    model::Database empty;
    empty.complete = true;
    empty.server_version = version;
    Analyzer before(std::move(empty));
    Run(context, &before);
    before.MarkApplied();
    Analyzer analyzer(before.database());
    file_ = Run(sql, &analyzer);
    database_ = analyzer.database();
  }

  const FileAnalysis& file() const { return file_; }
  const StatementFacts& facts() const { return file_.statements.back(); }
  const model::Database& database() const { return database_; }

  const Touch* TouchOf(const std::string& schema, const std::string& name) const {
    for (const Touch& touch : facts().touches) {
      if (touch.name == Name{schema, name} && touch.column.empty()) return &touch;
    }
    return nullptr;
  }
  std::string Lock(const std::string& name) const {
    const Touch* touch = TouchOf("public", name);
    return std::string(LockModeName(touch == nullptr ? LockMode::kNone : touch->lock));
  }
  const model::Relation* Relation(const std::string& name) const {
    return database_.FindRelation({.name = name});
  }

 private:
  static FileAnalysis Run(const std::string& text, Analyzer* analyzer) {
    const MigrationSplit split = SplitMigration(text);
    return analyzer->Analyze({.text = text, .statements = split.statements});
  }

  FileAnalysis file_;
  model::Database database_;
};

// ---- NOT NULL, which has a name since 18.

TEST(NotNullAnalysis, EveryWayToItNamesAConstraintSince18) {
  const std::string sql =
      "CREATE TABLE t (a int, b int NOT NULL); CREATE TABLE c () INHERITS (t);"
      "CREATE TABLE l (LIKE t); ALTER TABLE t ALTER COLUMN a SET NOT NULL";
  const Analysed newer("", sql, 180000);
  EXPECT_NE(newer.Relation("t")->FindConstraint("t_a_not_null"), nullptr);
  EXPECT_NE(newer.Relation("c")->FindConstraint("t_a_not_null"), nullptr);
  EXPECT_NE(newer.Relation("c")->FindConstraint("t_b_not_null"), nullptr);
  EXPECT_NE(newer.Relation("l")->FindConstraint("t_b_not_null"), nullptr);
  EXPECT_EQ(newer.Relation("l")->FindConstraint("t_a_not_null"), nullptr);
  const Analysed dropped("", sql + "; ALTER TABLE t DROP CONSTRAINT t_a_not_null", 180000);
  EXPECT_FALSE(dropped.Relation("t")->FindColumn("a")->not_null);
  EXPECT_TRUE(Analysed("", sql).Relation("t")->constraints.empty());
}

// ---- Views.

TEST(ViewAnalysis, ReadsColumnsOfTheRelationsThatItNames) {
  const Analysed made(
      kSeats,
      "CREATE VIEW v AS SELECT s.id, (SELECT max(row_no) FROM open_seat) FROM seat s"
      " WHERE holder IS NOT NULL");
  const model::Relation* view = made.Relation("v");
  ASSERT_NE(view, nullptr);
  EXPECT_EQ(view->view_reads.at({"public", "seat"}), (std::set<std::string>{"holder", "id"}));
  EXPECT_EQ(view->view_reads.at({"public", "open_seat"}), (std::set<std::string>{"row_no"}));
  ASSERT_EQ(view->columns.size(), 2U);
  EXPECT_EQ(view->columns[1].name, "max");
  EXPECT_EQ(made.Lock("seat"), "ACCESS SHARE");
}

TEST(ViewAnalysis, ANameOfAWithQueryIsNoTable) {
  const Analysed made(kSeats,
                      "CREATE VIEW v AS WITH seat AS (SELECT id FROM seat) SELECT * FROM seat");
  const model::Relation* view = made.Relation("v");
  ASSERT_NE(view, nullptr);
  EXPECT_EQ(view->view_reads.at({"public", "seat"}), (std::set<std::string>{"id"}));
  ASSERT_EQ(view->columns.size(), 1U);
  const Analysed other(kSeats, "CREATE VIEW v AS WITH w AS (SELECT 1 AS one) SELECT one FROM w");
  EXPECT_TRUE(other.Relation("v")->view_reads.empty());
  EXPECT_EQ(other.Relation("w"), nullptr);
}

TEST(ViewAnalysis, CountingRowsReadsNoColumn) {
  const Analysed made(kSeats, "CREATE VIEW v AS SELECT count(*) FROM seat");
  EXPECT_TRUE(made.Relation("v")->view_reads.at({"public", "seat"}).empty());
  const Analysed row(kSeats, "CREATE VIEW v AS SELECT seat FROM seat");
  EXPECT_EQ(row.Relation("v")->view_reads.at({"public", "seat"}), (std::set<std::string>{""}));
}

TEST(ViewAnalysis, ReplacingLocksTheViewAndReadsAnew) {
  const Analysed made(kSeats, "CREATE OR REPLACE VIEW front AS SELECT id, holder FROM seat");
  EXPECT_EQ(made.Lock("front"), "ACCESS EXCLUSIVE");
  EXPECT_EQ(made.Lock("seat"), "ACCESS SHARE");
  EXPECT_FALSE(made.Relation("front")->view_reads.contains({"public", "open_seat"}));
  EXPECT_EQ(made.Relation("front")->columns.size(), 2U);
}

// PostgreSQL refuses to change a column while a view reads it: the order of the two matters.
TEST(ViewAnalysis, AViewThatGoesOrChangesConflictsWithChangesOfWhatItRead) {
  const Analysed column(kSeats, "ALTER TABLE seat ALTER row_no TYPE bigint");
  const Analysed other(kSeats, "ALTER TABLE seat ALTER holder TYPE varchar(9)");
  for (const char* const sql :
       {"DROP VIEW open_seat CASCADE",
        "CREATE OR REPLACE VIEW open_seat AS SELECT id, 0 AS row_no FROM seat"}) {
    const Analysed view(kSeats, sql);
    EXPECT_TRUE(Conflict(view.file(), column.file())) << sql;
    EXPECT_TRUE(Conflict(column.file(), view.file())) << sql;
    EXPECT_FALSE(Conflict(view.file(), other.file())) << sql;
  }
}

TEST(ViewAnalysis, RefreshReadsWhatStandsBelowTheViews) {
  const Analysed made(kSeats, "REFRESH MATERIALIZED VIEW rows");
  EXPECT_EQ(made.Lock("rows"), "ACCESS EXCLUSIVE");
  EXPECT_EQ(made.Lock("rows_id"), "ACCESS EXCLUSIVE");
  EXPECT_EQ(made.Lock("front"), "ACCESS SHARE");
  EXPECT_EQ(made.Lock("seat"), "ACCESS SHARE");
  EXPECT_TRUE(made.TouchOf("public", "rows")->rewrite);
  EXPECT_TRUE(made.TouchOf("public", "seat")->scan);
  EXPECT_FALSE(made.TouchOf("public", "front")->scan);
}

TEST(ViewAnalysis, RefreshConcurrentlyLetsReadersIn) {
  const Analysed made(kSeats, "REFRESH MATERIALIZED VIEW CONCURRENTLY rows");
  EXPECT_EQ(made.Lock("rows"), "EXCLUSIVE");
  EXPECT_EQ(made.Lock("rows_id"), "ROW EXCLUSIVE");
  EXPECT_FALSE(made.TouchOf("public", "rows")->rewrite);
}

TEST(ViewAnalysis, CascadeDropsTheViewsOnIt) {
  const Analysed made(kSeats, "DROP VIEW open_seat CASCADE");
  EXPECT_EQ(made.Lock("front"), "ACCESS EXCLUSIVE");
  EXPECT_EQ(made.Lock("rows"), "ACCESS EXCLUSIVE");
  EXPECT_EQ(made.Relation("rows"), nullptr);
  EXPECT_EQ(made.Lock("seat"), "none");
}

// ---- Types.

TEST(TypeAnalysis, LabelsKeepTheirOrder) {
  const std::string type = "CREATE TYPE state AS ENUM ('a', 'c');";
  const auto labels = [&](const std::string& sql) {
    return Analysed(type, sql).database().FindType({.name = "state"})->labels;
  };
  EXPECT_EQ(labels("ALTER TYPE state ADD VALUE 'd'"), (std::vector<std::string>{"a", "c", "d"}));
  EXPECT_EQ(labels("ALTER TYPE state ADD VALUE 'b' BEFORE 'c'"),
            (std::vector<std::string>{"a", "b", "c"}));
  EXPECT_EQ(labels("ALTER TYPE state ADD VALUE 'b' AFTER 'a'"),
            (std::vector<std::string>{"a", "b", "c"}));
  EXPECT_EQ(labels("ALTER TYPE state RENAME VALUE 'a' TO 'z'"),
            (std::vector<std::string>{"z", "c"}));
}

TEST(TypeAnalysis, ADomainIsCheckedInEveryTableThatHasIt) {
  const std::string context =
      "CREATE DOMAIN euro AS int; CREATE DOMAIN gross AS euro;"
      "CREATE TABLE bill(id bigint PRIMARY KEY, total euro);"
      "CREATE TABLE order_line(id bigint PRIMARY KEY, total gross);"
      "CREATE TABLE other(id bigint PRIMARY KEY, total int);";
  const Analysed made(context, "ALTER DOMAIN euro ADD CONSTRAINT pos CHECK (VALUE > 0)");
  EXPECT_EQ(made.Lock("bill"), "SHARE");
  EXPECT_EQ(made.Lock("order_line"), "SHARE");
  EXPECT_EQ(made.Lock("other"), "none");
  EXPECT_TRUE(made.TouchOf("public", "bill")->scan);
  const Analysed later(context, "ALTER DOMAIN euro ADD CONSTRAINT pos CHECK (VALUE > 0) NOT VALID");
  EXPECT_EQ(later.Lock("bill"), "none");
  ASSERT_EQ(later.database().FindType({.name = "euro"})->constraints.size(), 1U);
  EXPECT_FALSE(later.database().FindType({.name = "euro"})->constraints[0].valid);
}

TEST(TypeAnalysis, UnnamedDomainConstraintsGetThePostgresNames) {
  const Analysed made("", "CREATE DOMAIN euro AS int CHECK (VALUE > 0) CHECK (VALUE < 9)");
  const model::TypeDefinition* domain = made.database().FindType({.name = "euro"});
  ASSERT_EQ(domain->constraints.size(), 2U);
  EXPECT_EQ(domain->constraints[0].name, "euro_check");
  EXPECT_EQ(domain->constraints[1].name, "euro_check1");
}

TEST(TypeAnalysis, CascadeTakesTheColumnsOfAType) {
  const Analysed made(
      "CREATE TYPE state AS ENUM ('a'); CREATE TABLE desk(id bigint PRIMARY KEY, s state);"
      "CREATE INDEX desk_s ON desk(s);",
      "DROP TYPE state CASCADE");
  EXPECT_EQ(made.Lock("desk"), "ACCESS EXCLUSIVE");
  EXPECT_EQ(made.Relation("desk")->FindColumn("s"), nullptr);
  EXPECT_EQ(made.Relation("desk")->FindIndex("desk_s"), nullptr);
  EXPECT_EQ(made.database().FindType({.name = "state"}), nullptr);
}

// ---- Functions.

TEST(FunctionAnalysis, ABodyInSqlIsParsedWithItsLocks) {
  const Analysed made(kSeats,
                      "CREATE FUNCTION f() RETURNS void LANGUAGE sql AS "
                      "'UPDATE seat SET row_no = 1; SELECT 1 FROM open_seat FOR UPDATE'");
  EXPECT_EQ(made.Lock("seat"), "ROW EXCLUSIVE");
  EXPECT_EQ(made.Lock("open_seat"), "ROW SHARE");
  const Analysed later(kSeats,
                       "CREATE FUNCTION f() RETURNS void LANGUAGE plpgsql AS "
                       "'BEGIN UPDATE seat SET row_no = 1; END'");
  EXPECT_EQ(later.Lock("seat"), "none");
}

TEST(FunctionAnalysis, CascadeTakesItsTriggers) {
  const Analysed made(
      std::string(kSeats) +
          "CREATE FUNCTION touch() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';"
          "CREATE TRIGGER t BEFORE INSERT ON seat FOR EACH ROW EXECUTE FUNCTION touch();",
      "DROP FUNCTION touch() CASCADE");
  EXPECT_EQ(made.Lock("seat"), "ACCESS EXCLUSIVE");
  EXPECT_TRUE(made.Relation("seat")->triggers.empty());
}

TEST(FunctionAnalysis, CodeOfTheServerNeedsASuperuser) {
  const Analysed c("", "CREATE FUNCTION f() RETURNS int LANGUAGE c AS 'lib'");
  EXPECT_EQ(c.facts().needs_role, "superuser");
  const Analysed sql("", "CREATE FUNCTION f() RETURNS int LANGUAGE sql AS 'SELECT 1'");
  EXPECT_EQ(sql.facts().needs_role, "");
}

// ---- Triggers and policies.

TEST(TriggerAnalysis, RowTriggersOfAPartitionedTableLockItsPartitions) {
  const std::string context =
      "CREATE FUNCTION touch() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';"
      "CREATE TABLE tour(k int) PARTITION BY RANGE (k);"
      "CREATE TABLE tour1 PARTITION OF tour FOR VALUES FROM (0) TO (9);";
  const std::string row =
      "CREATE TRIGGER t BEFORE INSERT ON tour FOR EACH ROW EXECUTE FUNCTION touch()";
  const Analysed made(context, row);
  EXPECT_EQ(made.Lock("tour"), "SHARE ROW EXCLUSIVE");
  EXPECT_EQ(made.Lock("tour1"), "SHARE ROW EXCLUSIVE");
  const Analysed statement(
      context, "CREATE TRIGGER t AFTER INSERT ON tour FOR EACH STATEMENT EXECUTE FUNCTION touch()");
  EXPECT_EQ(statement.Lock("tour1"), "none");
  const Analysed dropped(context + row + ";", "DROP TRIGGER t ON tour");
  EXPECT_EQ(dropped.Lock("tour"), "ACCESS EXCLUSIVE");
  EXPECT_EQ(dropped.Lock("tour1"), "ACCESS EXCLUSIVE");
}

TEST(TriggerAnalysis, ARuleLocksWhatItsActionsName) {
  const Analysed made(std::string(kSeats) + "CREATE TABLE log(id bigint);",
                      "CREATE RULE r AS ON DELETE TO seat DO ALSO INSERT INTO log VALUES (old.id)");
  EXPECT_EQ(made.Lock("seat"), "ACCESS EXCLUSIVE");
  EXPECT_EQ(made.Lock("log"), "ROW EXCLUSIVE");
}

TEST(TriggerAnalysis, DroppingNothingLocksNothing) {
  const Analysed made(kSeats, "DROP TRIGGER IF EXISTS nope ON seat");
  EXPECT_TRUE(made.facts().no_op);
  EXPECT_EQ(made.Lock("seat"), "none");
}

TEST(PolicyAnalysis, ConditionsLockWhatTheirSubqueriesRead) {
  const Analysed made(std::string(kSeats) + "CREATE TABLE log(id bigint);",
                      "CREATE POLICY p ON seat USING (id IN (SELECT l.id FROM log l))");
  EXPECT_EQ(made.Lock("seat"), "ACCESS EXCLUSIVE");
  EXPECT_EQ(made.Lock("log"), "ACCESS SHARE");
  ASSERT_EQ(made.Relation("seat")->policies.size(), 1U);
  EXPECT_TRUE(made.Relation("seat")->policies[0].columns.contains("id"));
}

// ---- Privileges.

TEST(PrivilegeAnalysis, GrantLocksTablesFromVersion18On) {
  EXPECT_EQ(Analysed(kSeats, "GRANT SELECT ON seat TO clerk").Lock("seat"), "none");
  EXPECT_EQ(Analysed(kSeats, "GRANT SELECT ON seat TO clerk", 180000).Lock("seat"), "ACCESS SHARE");
  const Analysed all(kSeats, "GRANT SELECT ON ALL TABLES IN SCHEMA public TO clerk", 180000);
  EXPECT_EQ(all.Lock("seat"), "none");
  ASSERT_NE(all.TouchOf("public", "seat"), nullptr);
}

TEST(PrivilegeAnalysis, AnotherOwnerHasToBeARoleOfOnes) {
  const Analysed made("CREATE SCHEMA hall;", "ALTER SCHEMA hall OWNER TO clerk");
  EXPECT_EQ(made.facts().needs_role, "member of clerk");
}

// ---- Replication, schemas, sequences.

TEST(ReplicationAnalysis, PublishedTablesAreLockedWeakly) {
  const Analysed made(kSeats, "CREATE PUBLICATION feed FOR TABLE seat");
  EXPECT_EQ(made.Lock("seat"), "SHARE UPDATE EXCLUSIVE");
  EXPECT_EQ(made.facts().needs_role, "CREATE on the database");
  const Analysed all(kSeats, "CREATE PUBLICATION feed FOR ALL TABLES");
  EXPECT_EQ(all.Lock("seat"), "none");
  EXPECT_EQ(all.facts().needs_role, "superuser");
}

TEST(ObjectAnalysis, ASchemasElementsAreCreatedInIt) {
  const Analysed made("", "CREATE SCHEMA hall CREATE TABLE door (id bigint PRIMARY KEY)");
  EXPECT_NE(made.database().FindRelation({"hall", "door"}), nullptr);
  EXPECT_EQ(made.database().FindRelation({"public", "door"}), nullptr);
  EXPECT_TRUE(made.database().schemas.contains("hall"));
  EXPECT_EQ(made.database().search_path, (std::vector<std::string>{"public"}));
}

TEST(ObjectAnalysis, CascadeOfASchemaTakesAllOfIt) {
  const Analysed made(
      "CREATE SCHEMA hall; CREATE TABLE hall.door (id bigint PRIMARY KEY);"
      "CREATE VIEW doors AS SELECT id FROM hall.door;"
      "CREATE TYPE hall.kind AS ENUM ('a'); CREATE TABLE seat(id bigint PRIMARY KEY, k hall.kind);",
      "DROP SCHEMA hall CASCADE");
  EXPECT_EQ(made.TouchOf("hall", "door")->lock, LockMode::kAccessExclusive);
  EXPECT_EQ(made.Lock("doors"), "ACCESS EXCLUSIVE");
  EXPECT_EQ(made.Lock("seat"), "ACCESS EXCLUSIVE");
  EXPECT_EQ(made.Relation("seat")->FindColumn("k"), nullptr);
  EXPECT_FALSE(made.database().schemas.contains("hall"));
}

TEST(ObjectAnalysis, StatisticsAreFoundByTheNameThatTheyHave) {
  const std::string made =
      "CREATE SCHEMA app; CREATE TABLE seat(a int, b int); CREATE STATISTICS st ON a, b FROM seat;";
  EXPECT_EQ(Analysed(made, "DROP STATISTICS st").Lock("seat"), "SHARE UPDATE EXCLUSIVE");
  EXPECT_EQ(
      Analysed(made + "ALTER STATISTICS st RENAME TO st2;", "DROP STATISTICS st2").Lock("seat"),
      "SHARE UPDATE EXCLUSIVE");
  EXPECT_EQ(
      Analysed(made + "ALTER STATISTICS st SET SCHEMA app;", "DROP STATISTICS app.st").Lock("seat"),
      "SHARE UPDATE EXCLUSIVE");
  EXPECT_EQ(Analysed(made + "ALTER TABLE seat SET SCHEMA app;", "DROP STATISTICS st")
                .TouchOf("app", "seat")
                ->lock,
            LockMode::kShareUpdateExclusive);
  EXPECT_EQ(Analysed(made + "ALTER STATISTICS st RENAME TO st2;", "DROP STATISTICS IF EXISTS st")
                .Lock("seat"),
            "none");
}

TEST(ObjectAnalysis, ASequenceIsLockedAgainstNextvalOnly) {
  const Analysed made("CREATE SEQUENCE n; CREATE TABLE seat(id bigint PRIMARY KEY);",
                      "ALTER SEQUENCE n OWNED BY seat.id");
  EXPECT_EQ(made.Lock("n"), "SHARE ROW EXCLUSIVE");
  EXPECT_EQ(made.Lock("seat"), "ACCESS SHARE");
  ASSERT_TRUE(made.Relation("n")->owned_by.has_value());
  EXPECT_EQ(made.Relation("n")->owned_by->second, "id");
}

}  // namespace
}  // namespace lockstep::sql
