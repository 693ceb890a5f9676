#include "engine/backfill/health.h"

#include <algorithm>
#include <thread>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"

#include "engine/apply/search_path.h"
#include "engine/base/status_macros.h"

namespace lockstep::backfill {
namespace {

using postgres::NullParam;
using postgres::Param;
using postgres::Row;
using postgres::ScriptSession;

// Where the server's cores cannot be known: it runs elsewhere.
constexpr int kAssumedCores = 8;

constexpr char kHealth[] =
    "SELECT wal, replayed, replicas, hidden_replicas, slot_bytes, lost_slots, archive_failing,"
    " vacuums, dead, live, active, lock_waits, hidden_sessions, oldest, oldest_who, clock"
    " FROM lockstep.backfill_health($1::pg_catalog.oid, $2::pg_catalog.int4[])";

template <class T>
std::optional<T> Number(const Row& row, int column) {
  if (row.IsNull(column)) return std::nullopt;
  return static_cast<T>(row.Long(column));
}

}  // namespace

absl::Status HealthReader::Connect() {
  if (session_ != nullptr && session_->usable()) return absl::OkStatus();
  ASSIGN_OR_RETURN(session_, ScriptSession::Open(options_.connection));
  RETURN_IF_ERROR(session_->Execute("SET statement_timeout = '5s'").status());
  ASSIGN_OR_RETURN(
      const auto local,
      session_->Execute("SELECT pg_catalog.inet_server_addr() IS NULL"
                        " OR pg_catalog.inet_server_addr() = pg_catalog.inet_client_addr()"));
  const int here = static_cast<int>(std::thread::hardware_concurrency());
  cores_ = local.only().Bool(0) && here > 0 ? here : kAssumedCores;
  return absl::OkStatus();
}

absl::StatusOr<Health> HealthReader::Read() {
  RETURN_IF_ERROR(Connect());
  std::vector<int> pids = options_.pids;
  ASSIGN_OR_RETURN(const auto result,
                   session_->Execute(
                       kHealth, {options_.relation.empty() ? NullParam() : Param(options_.relation),
                                 postgres::IntArrayParam({pids.begin(), pids.end()})}));
  const Row& row = result.only();
  Health health{.wal = Number<int64_t>(row, 0),
                .replayed = Number<int64_t>(row, 1),
                .replicas = row.Int(2),
                .hidden_replicas = row.Int(3),
                .slot_bytes = Number<int64_t>(row, 4),
                .lost_slots = row.Int(5),
                .vacuums = Number<int>(row, 7),
                .dead = options_.relation.empty() ? 0 : Number<int64_t>(row, 8),
                .live = options_.relation.empty() ? 0 : Number<int64_t>(row, 9),
                .active = Number<int>(row, 10),
                .lock_waits = Number<int>(row, 11),
                .hidden_sessions = row.Int(12),
                .oldest = absl::Seconds(row.IsNull(13) ? 0 : row.Double(13)),
                .oldest_who = row.Text(14),
                .at = absl::UnixEpoch() + absl::Seconds(row.Double(15))};
  if (!row.IsNull(6)) health.archive_failing = row.Bool(6);
  return health;
}

// As the owner, in a transaction that can change nothing.
std::optional<Standing> HealthReader::AskUser(const Settings& settings) {
  if (settings.pause_while.empty() || settings.ignore.contains("query")) return std::nullopt;
  const auto ask = [&]() -> absl::StatusOr<bool> {
    RETURN_IF_ERROR(session_->Execute("BEGIN READ ONLY").status());
    RETURN_IF_ERROR(
        session_
            ->Execute("SELECT pg_catalog.set_config('search_path', $1, true),"
                      " pg_catalog.set_config('role', $2, true)",
                      {Param(apply::SafeSearchPath(options_.search_path)),
                       Param(options_.owner_role.empty() ? "none" : options_.owner_role)})
            .status());
    ASSIGN_OR_RETURN(const auto result, session_->Execute(settings.pause_while));
    if (result.rows.size() != 1 || result.rows[0].size() != 1) {
      return absl::InvalidArgumentError("it must return one value");
    }
    const std::string& text = result.rows[0].Text(0);
    if (text != "t" && text != "f") return absl::InvalidArgumentError("it must be true or false");
    return text == "t";
  };
  const absl::StatusOr<bool> answer = ask();
  if (session_->usable()) (void)session_->Execute("ROLLBACK");
  if (!answer.ok()) {
    return Standing{"query",
                    absl::StrCat("its query cannot be asked: ", answer.status().message())};
  }
  if (!*answer) return std::nullopt;
  return Standing{"query", absl::StrCat("its query says so: ", settings.pause_while)};
}

std::optional<Standing> HealthReader::Look(const Settings& settings) {
  const absl::StatusOr<Health> health = Read();
  if (!health.ok()) {
    return Standing{
        "health", absl::StrCat("the server's health cannot be read: ", health.status().message())};
  }
  lag_.Look(*health);
  if (auto standing = Judge(settings, *health, lag_, cores_); standing.has_value()) return standing;
  return AskUser(settings);
}

}  // namespace lockstep::backfill
