#include "coordinator/store/sql_values.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "nlohmann/json.hpp"

#include "engine/base/status_macros.h"

namespace lockstep::coordinator {

postgres::Value IntervalParam(absl::Duration duration) {
  return absl::StrCat(absl::ToInt64Milliseconds(duration), " milliseconds");
}

namespace {
// jsonb holds every character but the zero byte.
std::string WithoutZeroBytes(std::string text) {
  std::replace(text.begin(), text.end(), '\0', ' ');
  return text;
}
}  // namespace

std::optional<absl::Time> TimeOf(const postgres::Row& row, int column) {
  if (row.IsNull(column)) return std::nullopt;
  return absl::UnixEpoch() + absl::Seconds(row.Double(column));
}

absl::Duration DurationOf(const postgres::Row& row, int column) {
  return absl::Seconds(row.Double(column));
}

postgres::Value ErrorParam(const std::optional<RunError>& error) {
  if (!error.has_value()) return std::nullopt;
  const nlohmann::json json = {{"version", error->version},
                               {"statement", error->statement},
                               {"line", error->line},
                               {"column", error->column},
                               {"reason", WithoutZeroBytes(error->reason)},
                               {"sqlstate", WithoutZeroBytes(error->sqlstate)},
                               {"message", WithoutZeroBytes(error->message)},
                               {"detail", WithoutZeroBytes(error->detail)},
                               {"hint", WithoutZeroBytes(error->hint)},
                               {"retryable", error->retryable},
                               {"agent_unfit", error->agent_unfit}};
  return json.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

std::optional<RunError> ErrorOf(const postgres::Row& row, int column) {
  if (row.IsNull(column)) return std::nullopt;
  const nlohmann::json json = nlohmann::json::parse(row.Text(column), nullptr, false);
  if (!json.is_object()) return RunError{.message = row.Text(column)};
  RunError error;
  error.version = json.value("version", 0);
  error.statement = json.value("statement", 0);
  error.line = json.value("line", 0);
  error.column = json.value("column", 0);
  error.reason = json.value("reason", "");
  error.sqlstate = json.value("sqlstate", "");
  error.message = json.value("message", "");
  error.detail = json.value("detail", "");
  error.hint = json.value("hint", "");
  error.retryable = json.value("retryable", false);
  error.agent_unfit = json.value("agent_unfit", false);
  return error;
}

sql::Phase PhaseOf(const postgres::Row& row, int column) {
  sql::Phase phase = sql::Phase::kContract;
  LOCKSTEP_CHECK(sql::ParsePhase(row.Text(column), &phase));
  return phase;
}

}  // namespace lockstep::coordinator
