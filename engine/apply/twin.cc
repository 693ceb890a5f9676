#include "engine/apply/twin.h"

#include <utility>

#include "absl/strings/str_cat.h"

#include "engine/base/status_macros.h"

namespace lockstep::apply {
namespace {

using postgres::Param;
using postgres::Result;
using postgres::ScriptSession;

// Numbers of columns may differ, because those that were dropped are not in the twin; what is said
// of an index in terms of names, operator classes and options may not. A field that an older server
// has not is read as absent.
constexpr char kCompare[] = R"sql(
WITH described AS (
  SELECT x.indexrelid, x.indrelid, x.indisvalid AND x.indisready AND x.indislive AS usable,
         pg_catalog.jsonb_build_array(a.amname, x.indisunique, x.indnkeyatts,
           coalesce(pg_catalog.to_jsonb(x) ->> 'indnullsnotdistinct', 'false'),
           x.indoption::pg_catalog.text, x.indcollation::pg_catalog.text, x.indclass::pg_catalog.text,
           ARRAY(SELECT pg_catalog.pg_get_indexdef(x.indexrelid, k, true)
                   FROM pg_catalog.generate_series(1, x.indnatts) k),
           pg_catalog.pg_get_expr(x.indpred, x.indrelid), c.reloptions) AS definition
    FROM pg_catalog.pg_index x
    JOIN pg_catalog.pg_class c ON c.oid = x.indexrelid JOIN pg_catalog.pg_am a ON a.oid = c.relam
   WHERE x.indrelid IN (pg_catalog.to_regclass($1), pg_catalog.to_regclass('pg_temp.lockstep_twin')))
SELECT pg_catalog.quote_ident(n.nspname) || '.' || pg_catalog.quote_ident(c.relname), c.relname, d.usable,
       d.definition = t.definition,
       EXISTS (SELECT FROM pg_catalog.pg_constraint k WHERE k.conindid = d.indexrelid AND k.conrelid = d.indrelid)
  FROM described d JOIN described t ON t.indrelid = pg_catalog.to_regclass('pg_temp.lockstep_twin')
  JOIN pg_catalog.pg_class c ON c.oid = d.indexrelid JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
 WHERE d.indrelid = pg_catalog.to_regclass($1) ORDER BY d.indexrelid)sql";

absl::StatusOr<Result> Compare(ScriptSession& session, const Step& step) {
  RETURN_IF_ERROR(session.Execute("SET LOCAL lock_timeout = '5s'").status());
  RETURN_IF_ERROR(
      session.Execute(absl::StrCat("CREATE TEMP TABLE lockstep_twin (LIKE ", step.table, ")"))
          .status());
  RETURN_IF_ERROR(session
                      .Execute(absl::StrCat("CREATE ", step.unique ? "UNIQUE " : "",
                                            "INDEX lockstep_twin_index ON pg_temp.lockstep_twin ",
                                            step.definition))
                      .status());
  return session.Execute(kCompare, {Param(step.table)});
}

}  // namespace

absl::StatusOr<std::vector<ComparedIndex>> CompareIndexes(ScriptSession& session,
                                                          const Step& step) {
  RETURN_IF_ERROR(session.Execute("BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE").status());
  const absl::StatusOr<Result> compared = Compare(session, step);
  RETURN_IF_ERROR(session.Execute("ROLLBACK").status());
  RETURN_IF_ERROR(compared.status());
  std::vector<ComparedIndex> indexes;
  for (const postgres::Row& row : compared->rows) {
    indexes.push_back({.name = row.Text(0),
                       .bare_name = row.Text(1),
                       .usable = row.Bool(2),
                       .same = row.Bool(3),
                       .constraint = row.Bool(4)});
  }
  return indexes;
}

}  // namespace lockstep::apply
