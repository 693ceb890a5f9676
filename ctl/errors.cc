#include "ctl/errors.h"

#include <algorithm>
#include <set>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "nlohmann/json.hpp"

#include "ctl/dev/error.h"
#include "ctl/sanitize.h"

namespace lockstep::ctl {
namespace {

struct ReasonRow {
  const char* reason;
  int exit_code;  // -1: as the status code says.
  const char* hint;
};

// `%operation%` in a hint stands for the operation's id.
constexpr ReasonRow kReasons[] = {
    {kReasonUsage, kExitUsage, ""},
    {"INVALID_FIELD", kExitUsage, ""},
    // A local file's PERMISSION_DENIED or UNAVAILABLE is not the coordinator's.
    {kReasonFile, kExitFailed, ""},
    {kReasonTimeout, kExitTimeout, ""},
    {kReasonInterrupted, kExitInterrupted, ""},
    {kReasonTerminated, kExitTerminated, ""},
    {kReasonMigrationFailed, kExitFailed, ""},
    {kReasonCancelled, kExitFailed, ""},
    {kReasonGateRefused, kExitBlocked, ""},
    {kReasonNotConfirmed, kExitFailed, "`--yes` answers the question in advance"},
    {kReasonUnreachable, kExitUnreachable,
     "start lockstep-coordinator, or name a running one with --address or LOCKSTEP_ADDRESS"},
    {kReasonBlocked, kExitBlocked, ""},
    {kReasonDeadline, kExitBlocked, "`lockstep blockers` shows who is in the way"},
    {kReasonNoFitAgent, kExitBlocked, ""},
    {kReasonLockBusy, kExitBlocked, ""},
    {kReasonHoldersLost, kExitBlocked, ""},
    {"NOT_LEADER", kExitUnreachable, "`lockstep status` shows who leads; try again"},
    {"DATABASE_UNAVAILABLE", kExitUnreachable,
     "the coordinator runs, its database does not answer; try again when it does"},
    // Also for commands that speak to PostgreSQL themselves.
    {"DATABASE_NOT_FOUND", kExitUnreachable, ""},
    {"CHAIN_DIVERGED", kExitConflict,
     "`lockstep history` shows what is published; renumber your own migrations after it"},
    {"DIGEST_MISMATCH", kExitBlocked,
     "published migrations never change: restore the file and put the change into a new migration"},
    {"CONTEXT_NOT_FOUND", kExitUsage, ""},
    {"BAD_CONTEXT_FILE", kExitFailed, ""},
    {"FILE_EXISTS", kExitBlocked, ""},
    {"CHAIN_SUM_STALE", kExitBlocked, "`lockstep sum`"},
    {"BAD_CHAIN_SUM", kExitBlocked, "`lockstep sum`"},
    {"PLAN_STALE", kExitConflict, "the plan changed meanwhile; look at `lockstep plan` again"},
    {"OPERATION_IN_PROGRESS", kExitConflict, "`lockstep operations watch %operation%`"},
    {"REQUEST_ID_REUSED", kExitConflict, "leave --request-id out, or use a new one"},
    {"ETAG_MISMATCH", kExitConflict, ""},
    {"EVENT_COMPACTED", kExitConflict, "`lockstep events --after 0` reads the log anew"},
    {"INSTANCE_NOT_FOUND", kExitFailed, "`lockstep instances`"},
    {"BUILD_NOT_FOUND", kExitFailed, "`lockstep instances` and `lockstep pins` list builds"},
    {"OPERATION_NOT_FOUND", kExitFailed, "`lockstep operations list`"},
    {dev::kReasonRunning, kExitConflict, ""},
    {dev::kReasonAppliedEdited, kExitBlocked, ""},
    {"CREDENTIALS_MISSING", kExitDenied, ""},
    {"COMMIT_IN_DOUBT", kExitFailed, "`lockstep status` shows what is applied"},
};

const ReasonRow* FindReason(const std::string& reason) {
  for (const ReasonRow& row : kReasons) {
    if (reason == row.reason) return &row;
  }
  return nullptr;
}

int ExitCodeOfCode(absl::StatusCode code) {
  switch (code) {
    case absl::StatusCode::kOk:
      return kExitDone;
    case absl::StatusCode::kUnauthenticated:
    case absl::StatusCode::kPermissionDenied:
      return kExitDenied;
    case absl::StatusCode::kFailedPrecondition:
      return kExitBlocked;
    case absl::StatusCode::kAborted:
    case absl::StatusCode::kAlreadyExists:
      return kExitConflict;
    case absl::StatusCode::kDeadlineExceeded:
      return kExitTimeout;
    case absl::StatusCode::kUnavailable:
      return kExitUnreachable;
    default:
      return kExitFailed;
  }
}

std::string Get(const base::ErrorInfo& info, const std::string& key) {
  const auto it = info.metadata.find(key);
  return it == info.metadata.end() ? "" : it->second;
}

// "003_add_collaboration.sql:12:5  statement 4"; leaves out what the message says already.
std::string Location(const base::ErrorInfo& info, absl::string_view message) {
  std::string text;
  const std::string file = Get(info, "file");
  if (!file.empty() && !absl::StrContains(message, file)) {
    text = file;
    for (const char* key : {"line", "column"}) {
      const std::string number = Get(info, key);
      if (number.empty() || number == "0") break;
      absl::StrAppend(&text, ":", number);
    }
  }
  const std::string statement = Get(info, "statement");
  if (!statement.empty() && statement != "0") {
    absl::StrAppend(&text, text.empty() ? "" : "  ", "statement ", statement);
  }
  return text;
}

std::vector<std::string> BlockerLines(const std::vector<base::Blocker>& blockers) {
  int widest = 0;
  for (const base::Blocker& blocker : blockers) {
    widest = std::max(widest, DisplayWidth(Sanitize(blocker.subject)));
  }
  std::vector<std::string> lines;
  for (const base::Blocker& blocker : blockers) {
    const std::string subject = Sanitize(blocker.subject);
    const std::string padding(widest - DisplayWidth(subject), ' ');
    lines.push_back(subject.empty() ? blocker.description
                                    : absl::StrCat(subject, padding, "  ", blocker.description));
  }
  return lines;
}

std::vector<std::string> Facts(const base::ErrorInfo& info, absl::string_view message,
                               bool verbose) {
  std::vector<std::string> facts;
  const auto add = [&facts](absl::string_view label, const std::string& text) {
    if (!text.empty()) facts.push_back(absl::StrCat(label, text));
  };
  add("", Location(info, message));
  const std::string sqlstate = Get(info, "sqlstate");
  const std::string said = Get(info, "postgres_message");
  if (!sqlstate.empty() || !said.empty()) {
    add("PostgreSQL: ", absl::StrCat(said, sqlstate.empty() ? "" : " (SQLSTATE ", sqlstate,
                                     sqlstate.empty() ? "" : ")"));
  }
  add("detail: ", Get(info, "detail"));
  add("PostgreSQL's hint: ", Get(info, "postgres_hint"));
  for (std::string& line : BlockerLines(info.blockers)) facts.push_back(std::move(line));
  add("", Get(info, "effect"));
  const std::string operation = Get(info, "operation_id");
  if (!absl::StrContains(message, operation)) add("operation ", operation);
  if (!verbose) return facts;
  const std::set<std::string> shown = {
      "file",   "line",          "column", "statement",    "sqlstate",
      "detail", "postgres_hint", "effect", "operation_id", "postgres_message"};
  add("reason: ", info.reason);
  for (const auto& [key, value] : info.metadata) {
    if (!shown.contains(key)) add(absl::StrCat(key, ": "), value);
  }
  return facts;
}

}  // namespace

absl::Status UsageError(absl::string_view message, absl::string_view hint) {
  return base::MakeError(absl::StatusCode::kInvalidArgument, kReasonUsage, message, {}, hint);
}

int ExitCodeOf(const absl::Status& status) {
  const ReasonRow* row = FindReason(base::ReasonOf(status));
  return row != nullptr ? row->exit_code : ExitCodeOfCode(status.code());
}

std::string HintOf(const absl::Status& status) {
  const auto info = base::GetErrorInfo(status);
  if (!info.has_value()) return "";
  if (!info->hint.empty()) return info->hint;
  const ReasonRow* row = FindReason(info->reason);
  if (row == nullptr) return "";
  const std::pair<std::string, std::string> parts =
      absl::StrSplit(row->hint, absl::MaxSplits("%operation%", 1));
  if (parts.first == row->hint) return row->hint;
  const std::string operation = Get(*info, "operation_id");
  return operation.empty() ? "`lockstep operations list`"
                           : absl::StrCat(parts.first, operation, parts.second);
}

std::string RenderError(const absl::Status& status, const Style& style, bool verbose) {
  const base::ErrorInfo info = base::GetErrorInfo(status).value_or(base::ErrorInfo{});
  const std::string message = status.message().empty() ? absl::StatusCodeToString(status.code())
                                                       : std::string(status.message());
  const bool interrupted = info.reason == kReasonInterrupted || info.reason == kReasonTerminated;
  std::string text = interrupted ? "" : style.Paint(Tone::kBad, "error:") + " ";
  absl::StrAppend(&text, Sanitize(message), "\n");
  for (const std::string& fact : Facts(info, message, verbose)) {
    absl::StrAppend(&text, "  ", Sanitize(fact), "\n");
  }
  if (const std::string hint = HintOf(status); !hint.empty()) {
    absl::StrAppend(&text, "  ", style.Paint(Tone::kStrong, "hint:"), " ", Sanitize(hint), "\n");
  }
  return text;
}

std::string RenderErrorJson(const absl::Status& status) {
  const base::ErrorInfo info = base::GetErrorInfo(status).value_or(base::ErrorInfo{});
  nlohmann::ordered_json blockers = nlohmann::ordered_json::array();
  for (const base::Blocker& blocker : info.blockers) {
    blockers.push_back({{"type", blocker.type},
                        {"subject", blocker.subject},
                        {"description", blocker.description}});
  }
  const nlohmann::ordered_json error = {
      {"code", absl::StatusCodeToString(status.code())},
      {"reason", info.reason},
      {"message", std::string(status.message())},
      {"metadata", info.metadata},
      {"hint", HintOf(status)},
      {"blockers", blockers},
  };
  const nlohmann::ordered_json document = {{"error", error}};
  // Non-ASCII is escaped, so that invisible and bidirectional marks are not acted on by a terminal.
  return document.dump(-1, ' ', true, nlohmann::json::error_handler_t::replace) + "\n";
}

}  // namespace lockstep::ctl
