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

namespace {

nlohmann::json JsonOf(const LockWait& wait) {
  nlohmann::json blockers = nlohmann::json::array();
  for (const LockBlocker& b : wait.blockers) {
    blockers.push_back({{"pid", b.pid},
                        {"backend_start", b.backend_start},
                        {"transaction_start", b.transaction_start},
                        {"role", WithoutZeroBytes(b.role)},
                        {"application_name", WithoutZeroBytes(b.application_name)},
                        {"state", WithoutZeroBytes(b.state)},
                        {"transaction_ms", absl::ToInt64Milliseconds(b.transaction_age)},
                        {"state_ms", absl::ToInt64Milliseconds(b.state_age)},
                        {"query", WithoutZeroBytes(b.query)}});
  }
  return {{"relation", WithoutZeroBytes(wait.relation)},
          {"mode", WithoutZeroBytes(wait.mode)},
          {"blockers", std::move(blockers)}};
}

LockWait LockWaitOf(const nlohmann::json& json) {
  LockWait wait{.relation = json.value("relation", ""), .mode = json.value("mode", "")};
  for (const nlohmann::json& b : json.value("blockers", nlohmann::json::array())) {
    wait.blockers.push_back(
        {.pid = b.value("pid", 0),
         .backend_start = b.value("backend_start", int64_t{0}),
         .transaction_start = b.value("transaction_start", int64_t{0}),
         .role = b.value("role", ""),
         .application_name = b.value("application_name", ""),
         .state = b.value("state", ""),
         .transaction_age = absl::Milliseconds(b.value("transaction_ms", int64_t{0})),
         .state_age = absl::Milliseconds(b.value("state_ms", int64_t{0})),
         .query = b.value("query", "")});
  }
  return wait;
}

}  // namespace

postgres::Value ErrorParam(const std::optional<RunError>& error) {
  if (!error.has_value()) return std::nullopt;
  nlohmann::json json = {{"version", error->version},
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
  if (!error->statement_text.empty()) {
    json["statement_text"] = WithoutZeroBytes(error->statement_text);
  }
  if (error->lock.has_value()) json["lock"] = JsonOf(*error->lock);
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
  error.statement_text = json.value("statement_text", "");
  if (const auto lock = json.find("lock"); lock != json.end() && lock->is_object()) {
    error.lock = LockWaitOf(*lock);
  }
  return error;
}

VerdictFacts VerdictFactsOf(const postgres::Row& row, int column) {
  VerdictFacts facts;
  const nlohmann::json json = nlohmann::json::parse(row.Text(column), nullptr, false);
  if (!json.is_object()) return facts;
  const auto text = [&](const char* key) {
    const auto found = json.find(key);
    return found != json.end() && found->is_string() ? found->get<std::string>() : "";
  };
  const auto number = [&](const char* key) {
    const auto found = json.find(key);
    return found != json.end() && found->is_number_integer() ? found->get<int>() : 0;
  };
  facts.operation = text("operation");
  facts.version = number("version");
  facts.title = text("title");
  facts.holder = text("holder");
  facts.statement = number("statement");
  facts.error = text("error");
  facts.owner = text("owner");
  facts.at = text("at");
  facts.adapted_to = number("adapted_to");
  if (const auto builds = json.find("builds"); builds != json.end() && builds->is_array()) {
    facts.builds = builds->get<std::vector<std::string>>();
  }
  return facts;
}

sql::Phase PhaseOf(const postgres::Row& row, int column) {
  sql::Phase phase = sql::Phase::kContract;
  LOCKSTEP_CHECK(sql::ParsePhase(row.Text(column), &phase));
  return phase;
}

}  // namespace lockstep::coordinator
