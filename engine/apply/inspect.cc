#include "engine/apply/inspect.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"

#include "engine/apply/twin.h"
#include "engine/base/status_macros.h"
#include "engine/postgres/errors.h"

namespace lockstep::apply {
namespace {

using postgres::Param;
using postgres::Result;
using postgres::ScriptSession;

// What has the name that an index is to have.
constexpr char kNamed[] = R"sql(
SELECT c.relkind = 'i' AND x.indrelid = t.oid,
       coalesce(x.indisvalid AND x.indisready AND x.indislive, false),
       pg_catalog.quote_ident(n.nspname) || '.' || pg_catalog.quote_ident(c.relname)
  FROM pg_catalog.pg_class t
  JOIN pg_catalog.pg_class c ON c.relnamespace = t.relnamespace AND c.relname = $2
  JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
  LEFT JOIN pg_catalog.pg_index x ON x.indexrelid = c.oid
 WHERE t.oid = pg_catalog.to_regclass($1))sql";

constexpr char kIndexToDrop[] = R"sql(
SELECT coalesce(x.indisvalid AND x.indislive, true) FROM pg_catalog.pg_class c
  LEFT JOIN pg_catalog.pg_index x ON x.indexrelid = c.oid
 WHERE c.oid = pg_catalog.to_regclass($1))sql";

constexpr char kPartition[] = R"sql(
SELECT coalesce((pg_catalog.to_jsonb(i) ->> 'inhdetachpending')::pg_catalog.bool, false)
  FROM pg_catalog.pg_inherits i
 WHERE i.inhrelid = pg_catalog.to_regclass($1) AND i.inhparent = pg_catalog.to_regclass($2))sql";

// Invalid indexes that only REINDEX CONCURRENTLY names so, on every table in its scope.
constexpr char kBesides[] = R"sql(
WITH named AS (
  SELECT pg_catalog.to_regclass($2)::pg_catalog.oid AS oid WHERE $1 IN ('index', 'table')),
tree AS (
  SELECT oid FROM named UNION SELECT p.relid FROM named, pg_catalog.pg_partition_tree(named.oid) p),
target AS (
  SELECT oid FROM tree WHERE $1 = 'table'
  UNION SELECT x.indrelid FROM pg_catalog.pg_index x JOIN tree ON tree.oid = x.indexrelid
  UNION SELECT c.oid FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
         WHERE $1 = 'schema' AND pg_catalog.quote_ident(n.nspname) = pg_catalog.quote_ident($3)
  UNION SELECT c.oid FROM pg_catalog.pg_class c WHERE $1 = 'database'),
owned AS (
  SELECT oid FROM target
  UNION SELECT c.reltoastrelid FROM pg_catalog.pg_class c JOIN target ON target.oid = c.oid)
SELECT pg_catalog.quote_ident(n.nspname) || '.' || pg_catalog.quote_ident(c.relname), c.relname ~ '_ccnew[0-9]*$'
  FROM pg_catalog.pg_index x JOIN owned ON owned.oid = x.indrelid
  JOIN pg_catalog.pg_class c ON c.oid = x.indexrelid JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
 WHERE NOT x.indisvalid AND c.relname ~ '_cc(new|old)[0-9]*$' ORDER BY 1)sql";

// A build of somebody else has this lock on the table until it is over; to drop its unfinished
// index would wait for that, and then drop a finished one. So does a vacuum, for as long as that
// takes.
constexpr char kAtWork[] = R"sql(
SELECT l.pid FROM pg_catalog.pg_locks l
  JOIN pg_catalog.pg_index x ON x.indrelid = l.relation
 WHERE x.indexrelid = pg_catalog.to_regclass($1) AND l.mode = 'ShareUpdateExclusiveLock' AND l.granted
   AND l.database = (SELECT d.oid FROM pg_catalog.pg_database d WHERE d.datname = pg_catalog.current_database())
   AND l.pid <> pg_catalog.pg_backend_pid() LIMIT 1)sql";

Evidence Differs(std::string found) {
  return {.verdict = Verdict::kDiffers, .found = std::move(found)};
}

Evidence Done(std::string found) { return {.verdict = Verdict::kDone, .found = std::move(found)}; }

// The verdict on indexes that are defined as the step asks for.
Evidence OfSame(const std::vector<ComparedIndex>& same) {
  for (const ComparedIndex& index : same) {
    if (index.usable) return Done(absl::StrCat("index ", index.name, " is valid"));
  }
  Evidence evidence;
  for (const ComparedIndex& index : same) evidence.leftovers.push_back(index.name);
  return evidence;
}

absl::StatusOr<Evidence> InspectNamed(ScriptSession& session, const Step& step, Moment moment) {
  ASSIGN_OR_RETURN(const Result named,
                   session.Execute(kNamed, {Param(step.table), Param(step.index)}));
  if (named.empty()) return Evidence{};
  const std::string& name = named.only().Text(2);
  if (!named.only().Bool(0)) {
    return Differs(absl::StrCat("what is called ", name, " is no index of ", step.table));
  }
  const bool usable = named.only().Bool(1);
  const auto indexes = CompareIndexes(session, step);
  if (!indexes.ok()) {
    if (postgres::IsConnectionLost(indexes.status())) return indexes.status();
    // Nothing had that name when the step began, so that it is the step's.
    if (moment != Moment::kFresh) return OfSame({{.name = name, .usable = usable}});
    return Differs(absl::StrCat("index ", name, " is there already, and cannot be compared: ",
                                std::string(indexes.status().message())));
  }
  for (const ComparedIndex& index : *indexes) {
    if (index.bare_name == step.index && index.same) return OfSame({index});
  }
  return Differs(absl::StrCat("index ", name, " is there already, ", usable ? "" : "invalid, ",
                              "with another definition"));
}

absl::StatusOr<Evidence> InspectUnnamed(ScriptSession& session, const Step& step, Moment moment) {
  auto indexes = CompareIndexes(session, step);
  if (!indexes.ok()) {
    if (postgres::IsConnectionLost(indexes.status())) return indexes.status();
    // What is wrong with the statement PostgreSQL says best.
    if (moment == Moment::kFresh) return Evidence{};
    return Differs(absl::StrCat("the indexes of ", step.table,
                                " cannot be compared: ", std::string(indexes.status().message())));
  }
  std::erase_if(*indexes,
                [](const ComparedIndex& index) { return !index.same || index.constraint; });
  return OfSame(*indexes);
}

absl::StatusOr<Evidence> InspectDrop(ScriptSession& session, const Step& step, Moment moment) {
  ASSIGN_OR_RETURN(const Result index, session.Execute(kIndexToDrop, {Param(step.index)}));
  if (!index.empty()) return Evidence{.half = !index.only().Bool(0)};
  if (moment == Moment::kFresh) return Evidence{.absent = true};
  return Done(absl::StrCat(step.object, " is gone"));
}

absl::StatusOr<Evidence> InspectDetach(ScriptSession& session, const Step& step, Moment moment) {
  ASSIGN_OR_RETURN(const Result link,
                   session.Execute(kPartition, {Param(step.partition), Param(step.table)}));
  if (link.empty()) {
    if (moment == Moment::kFresh) return Evidence{.absent = true};
    return Done(absl::StrCat(step.object, " is detached"));
  }
  if (!link.only().Bool(0)) return Evidence{};
  return Evidence{.instead = absl::StrCat("ALTER TABLE ", step.table, " DETACH PARTITION ",
                                          step.partition, " FINALIZE"),
                  .half = true};
}

absl::StatusOr<Evidence> InspectReindex(ScriptSession& session, const Step& step, Moment moment) {
  // A schema's name is no relation's.
  const bool relation = step.scope_kind == "index" || step.scope_kind == "table";
  std::string bare = step.scope;
  if (!relation) {
    ASSIGN_OR_RETURN(const Result parsed,
                     session.Execute("SELECT (pg_catalog.parse_ident($1))[1]", {Param(bare)}));
    bare = parsed.only().Text(0);
  }
  ASSIGN_OR_RETURN(const Result besides,
                   session.Execute(kBesides, {Param(step.scope_kind),
                                              relation ? Param(step.scope) : postgres::NullParam(),
                                              Param(bare)}));
  Evidence evidence;
  bool unfinished = false;
  for (const postgres::Row& row : besides.rows) {
    evidence.leftovers.push_back(row.Text(0));
    unfinished = unfinished || row.Bool(1);
  }
  // The old ones stay only behind new ones that are in their place.
  const bool swapped = relation && !evidence.leftovers.empty() && !unfinished;
  const bool ended = moment == Moment::kAfter && evidence.leftovers.empty();
  if (ended || (swapped && moment != Moment::kFresh)) {
    evidence.verdict = Verdict::kDone;
    evidence.found = absl::StrCat(step.object, " is rebuilt");
  }
  return evidence;
}

absl::StatusOr<Evidence> Look(ScriptSession& session, const Step& step, Moment moment) {
  switch (step.kind) {
    case StepKind::kCreateIndex:
      return step.index.empty() ? InspectUnnamed(session, step, moment)
                                : InspectNamed(session, step, moment);
    case StepKind::kDropIndex:
      return InspectDrop(session, step, moment);
    case StepKind::kReindex:
      return InspectReindex(session, step, moment);
    case StepKind::kDetach:
      return InspectDetach(session, step, moment);
    case StepKind::kOnce:
      if (moment == Moment::kBegun) return Evidence{.verdict = Verdict::kInDoubt};
      break;
    case StepKind::kFenced:
    case StepKind::kRepeatable:
      break;
  }
  return moment == Moment::kAfter ? Done("PostgreSQL reported success") : Evidence{};
}

}  // namespace

absl::StatusOr<Evidence> Inspect(ScriptSession& session, const Step& step, Moment moment) {
  ASSIGN_OR_RETURN(Evidence evidence, Look(session, step, moment));
  for (const std::string& leftover : evidence.leftovers) {
    ASSIGN_OR_RETURN(const Result at_work, session.Execute(kAtWork, {Param(leftover)}));
    if (at_work.empty()) continue;
    evidence.verdict = Verdict::kBusy;
    evidence.found =
        absl::StrCat("backend ", at_work.only().Text(0), " is at work on the table of ", leftover);
    break;
  }
  return evidence;
}

}  // namespace lockstep::apply
