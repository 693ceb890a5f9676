#include "engine/backfill/part_session.h"

#include <nlohmann/json.hpp>
#include <utility>

#include "absl/strings/str_cat.h"

#include "engine/apply/errors.h"
#include "engine/apply/search_path.h"
#include "engine/base/error_info.h"
#include "engine/base/status_macros.h"
#include "engine/postgres/errors.h"

namespace lockstep::backfill {
namespace {

using nlohmann::json;
using postgres::Command;
using postgres::NullParam;
using postgres::Param;
using postgres::Result;
using postgres::Row;
using postgres::TransactionStatus;
using postgres::Value;

// lockstep's own rows, which nobody keeps for long.
constexpr absl::Duration kFenceLockTimeout = absl::Seconds(10);
constexpr char kBegin[] = "BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE";
constexpr char kOpen[] =
    "SELECT state, settings, cursor, holders, clock"
    " FROM lockstep.backfill_open($1::pg_catalog.int8, $2::pg_catalog.uuid)";
constexpr char kBeatCall[] =
    "SELECT state, settings, cursor, holders, clock FROM lockstep.backfill_beat("
    "$1::pg_catalog.int8, $2::pg_catalog.uuid, $3, $4::pg_catalog.interval, "
    "$5::pg_catalog.interval)";
constexpr char kPartCall[] =
    "SELECT name, kind, sql, digest, relation, high, batch_rows, owner_role, search_path, total"
    " FROM lockstep.backfill_part($1::pg_catalog.int8, $2::pg_catalog.uuid)";

std::string Milliseconds(absl::Duration time) {
  return absl::StrCat(absl::ToInt64Milliseconds(time), "ms");
}
Value Interval(absl::Duration time) {
  return Param(absl::StrCat(absl::ToInt64Milliseconds(time), " milliseconds"));
}
Value KeyParam(const Key& key) { return key.empty() ? NullParam() : postgres::TextArrayParam(key); }
Key KeyOf(const Row& row, int column) { return row.IsNull(column) ? Key{} : row.TextArray(column); }

Command OwnerCommand(const Part& part) {
  return {
      "SELECT pg_catalog.set_config('search_path', $1, true),"
      " pg_catalog.set_config('role', $2, true)",
      {Param(apply::SafeSearchPath(part.search_path)),
       Param(part.owner_role.empty() ? "none" : part.owner_role)}};
}

std::vector<Command> SelfCommands() {
  // What is deferred runs now, as the owner.
  return {{"SET CONSTRAINTS ALL IMMEDIATE"},
          {"RESET ROLE"},
          {"SELECT pg_catalog.set_config('search_path', 'pg_catalog, pg_temp', true),"
           " pg_catalog.set_config('lock_timeout', $1, true)",
           {Param(Milliseconds(kFenceLockTimeout))}}};
}

PartInfo InfoOf(const Row& row) {
  return {.state = row.Text(0),
          .settings = row.Text(1),
          .cursor = KeyOf(row, 2),
          .holders = row.Int(3),
          .clock = absl::UnixEpoch() + absl::Seconds(row.Double(4))};
}

}  // namespace

absl::StatusOr<std::unique_ptr<PartSession>> PartSession::Open(const PartSpec& spec) {
  ASSIGN_OR_RETURN(apply::MigrationSession session,
                   apply::OpenMigrationSession(
                       {.conninfo = spec.conninfo,
                        .application_name = apply::ApplicationNameOf(spec.token),
                        .preflight = {.owner_role = "", .allow_superuser = spec.allow_superuser}}));
  return std::unique_ptr<PartSession>(new PartSession(spec.token, std::move(session)));
}

absl::StatusOr<Part> PartSession::ReadPart() {
  ASSIGN_OR_RETURN(const Result result,
                   script().Execute(kPartCall, {Param(token_.epoch), Param(token_.lease_id)}));
  const Row& row = result.only();
  Part part{.kind = row.Text(1),
            .relation = row.Text(4),
            .high = KeyOf(row, 5),
            .batch_rows = row.Int(6),
            .owner_role = row.Text(7),
            .search_path = row.Text(8),
            .total = row.Long(9)};
  ASSIGN_OR_RETURN(part.job, chain::ReadBackfill(absl::StrCat(row.Text(0), ".sql"), row.Bytes(2)));
  if (part.job.digest == row.Bytes(3)) return part;
  return base::MakeError(absl::StatusCode::kInternal, "DIGEST_MISMATCH",
                         absl::StrCat("backfill ", row.Text(0),
                                      " is published with another digest "
                                      "than that of its text"));
}

absl::StatusOr<PartInfo> PartSession::Beat(const std::string& stands, absl::Duration lag,
                                           absl::Duration ttl) {
  ASSIGN_OR_RETURN(const Result result,
                   script().Execute(kBeatCall, {Param(token_.epoch), Param(token_.lease_id),
                                                Param(stands), Interval(lag), Interval(ttl)}));
  return InfoOf(result.only());
}

std::vector<Command> PartSession::BeginCommands(const Begin& begin) const {
  Command settings{
      "SELECT pg_catalog.set_config('lock_timeout', $1, true),"
      " pg_catalog.set_config('statement_timeout', $2, true)",
      {Param(Milliseconds(begin.lock_timeout)), Param(Milliseconds(begin.statement_timeout))}};
  // A crash loses the last batches together with their cursor: they are done again.
  if (!begin.durable) {
    absl::StrAppend(&settings.sql, ", pg_catalog.set_config('synchronous_commit', 'off', true)");
  }
  return {{kBegin}, settings, {kOpen, {Param(token_.epoch), Param(token_.lease_id)}}};
}

absl::StatusOr<PartInfo> PartSession::BeginBatch(const Begin& begin) {
  ASSIGN_OR_RETURN(const std::vector<Result> results, script().Pipeline(BeginCommands(begin)));
  return InfoOf(results[2].only());
}

absl::StatusOr<PartSession::Begun> PartSession::BeginBatch(const Begin& begin, const Part& part,
                                                           const Command& find) {
  std::vector<Command> commands = BeginCommands(begin);
  commands.push_back(OwnerCommand(part));
  commands.push_back(find);
  ASSIGN_OR_RETURN(std::vector<Result> results, script().Pipeline(commands));
  return Begun{.info = InfoOf(results[2].only()), .found = std::move(results[4])};
}

absl::Status PartSession::ToOwner(const Part& part) {
  const Command command = OwnerCommand(part);
  return script().Execute(command.sql, command.params).status();
}

absl::Status PartSession::ToSelf() { return script().Pipeline(SelfCommands()).status(); }

absl::StatusOr<int64_t> PartSession::RunAsOwner(const std::vector<Command>& statements) {
  int64_t changed = 0;
  std::vector<Command> last;
  for (size_t i = 0; i < statements.size(); ++i) {
    if (i + 1 == statements.size()) {
      last.push_back(statements[i]);
      break;
    }
    ASSIGN_OR_RETURN(const int64_t rows, RunStatement(statements[i].sql, statements[i].params));
    changed += rows;
  }
  const bool any = !last.empty();
  for (Command& command : SelfCommands()) last.push_back(std::move(command));
  ASSIGN_OR_RETURN(const std::vector<Result> results, script().Pipeline(last));
  // None of lockstep's own begins a transaction: one that the statement ended is seen here.
  if (script().transaction_status() != TransactionStatus::kInTransaction) {
    return apply::FenceBrokenError();
  }
  return any ? changed + results[0].affected_rows : changed;
}

absl::StatusOr<int64_t> PartSession::RunStatement(const std::string& statement,
                                                  const std::vector<Value>& params) {
  ASSIGN_OR_RETURN(const Result result, script().Execute(statement, params));
  if (script().transaction_status() != TransactionStatus::kInTransaction) {
    return apply::FenceBrokenError();
  }
  return result.affected_rows;
}

absl::Status PartSession::CallAndCommit(const std::string& call, std::vector<Value> params) {
  params.insert(params.begin(), {Param(token_.epoch), Param(token_.lease_id)});
  return script().Pipeline({{call, std::move(params)}, {"COMMIT"}}).status();
}

absl::Status PartSession::Close(const Checkpoint& c) {
  return CallAndCommit(
      "SELECT lockstep.backfill_close($1::pg_catalog.int8, $2::pg_catalog.uuid, "
      "$3::pg_catalog.text[], $4::pg_catalog.text[], $5::pg_catalog.bool, $6::pg_catalog.int8, "
      "$7::pg_catalog.int8, $8::pg_catalog.int4, $9::pg_catalog.interval, "
      "$10::pg_catalog.interval)",
      {KeyParam(c.from), KeyParam(c.to), Param(c.done), Param(c.walked), Param(c.changed),
       Param(c.batch_rows), Interval(c.lag), Interval(kPartTtl)});
}

absl::Status PartSession::ClosePlan(const std::optional<Walk>& walk, const RangePlan& plan) {
  std::vector<std::string> types;
  std::vector<std::string> collations;
  if (walk.has_value()) {
    for (const KeyColumn& key : walk->keys) {
      types.push_back(key.type_oid);
      collations.push_back(key.collation_oid);
    }
  }
  json ranges = json::array();
  for (const KeyRange& range : plan.ranges) {
    json one = json::object();
    if (!range.high.empty()) one = {{"low", range.low}, {"high", range.high}};
    ranges.push_back(std::move(one));
  }
  return CallAndCommit(
      "SELECT lockstep.backfill_plan($1::pg_catalog.int8, $2::pg_catalog.uuid, "
      "$3::pg_catalog.oid, $4::pg_catalog.oid[]::pg_catalog.regtype[], $5::pg_catalog.oid[], "
      "$6::pg_catalog.jsonb, $7::pg_catalog.int8)",
      {walk.has_value() ? Param(walk->relation) : NullParam(), postgres::TextArrayParam(types),
       postgres::TextArrayParam(collations),
       Param(ranges.dump(-1, ' ', false, json::error_handler_t::replace)), Param(plan.total)});
}

absl::Status PartSession::CloseVerified(int64_t left, const std::string& sample,
                                        const std::string& look) {
  return CallAndCommit(
      "SELECT lockstep.backfill_verified($1::pg_catalog.int8, $2::pg_catalog.uuid, "
      "$3::pg_catalog.int8, $4, $5)",
      {Param(left), Param(sample), Param(look)});
}

absl::Status PartSession::GiveBack(const absl::Status& why, std::optional<absl::Duration> again) {
  json error = nullptr;
  if (!why.ok()) {
    error = {{"message", std::string(why.message())}, {"reason", base::ReasonOf(why)}};
    if (const std::string state = postgres::SqlStateOf(why); !state.empty()) {
      error["sqlstate"] = state;
    }
    const auto info = base::GetErrorInfo(why);
    if (info.has_value() && !info->hint.empty()) error["hint"] = info->hint;
  }
  return script()
      .Execute(
          "SELECT lockstep.backfill_give_back($1::pg_catalog.int8, $2::pg_catalog.uuid, "
          "$3::pg_catalog.jsonb, $4::pg_catalog.interval)",
          {Param(token_.epoch), Param(token_.lease_id),
           why.ok() ? NullParam()
                    : Param(error.dump(-1, ' ', false, json::error_handler_t::replace)),
           again.has_value() ? Interval(*again) : NullParam()})
      .status();
}

void PartSession::Rollback() {
  if (!usable() || script().transaction_status() == TransactionStatus::kIdle) return;
  (void)script().Execute("ROLLBACK");
}

}  // namespace lockstep::backfill
