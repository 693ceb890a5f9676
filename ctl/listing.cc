#include "ctl/listing.h"

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/strip.h"
#include "lockstep/v1/status.grpc.pb.h"

#include "ctl/follow.h"
#include "ctl/lock_view.h"
#include "ctl/output.h"
#include "ctl/sanitize.h"
#include "ctl/table.h"
#include "engine/base/status_macros.h"
#include "proto/convert/time.h"

namespace lockstep::ctl {
namespace {

constexpr int kPageSize = 1000;

std::string TimeOf(bool present, const google::protobuf::Timestamp& time) {
  return present ? TimeText(convert::FromProto(time)) : "-";
}

Tone ToneOf(v1::MigrationState state) {
  switch (state) {
    case v1::MIGRATION_STATE_APPLIED:
      return Tone::kGood;
    case v1::MIGRATION_STATE_RUNNING:
    case v1::MIGRATION_STATE_WAITING:
      return Tone::kWarning;
    default:
      return Tone::kPlain;
  }
}

std::string OrDash(const std::string& text) { return text.empty() ? "-" : text; }

}  // namespace

absl::StatusOr<v1::ListMigrationsResponse> ListAllMigrations(Client& client) {
  v1::ListMigrationsResponse all;
  v1::ListMigrationsRequest request;
  request.set_page_size(kPageSize);
  for (int page = 0; page < kMaxPages; ++page) {
    ASSIGN_OR_RETURN(v1::ListMigrationsResponse response,
                     client.Call(&v1::StatusService::Stub::ListMigrations, request));
    all.mutable_migrations()->MergeFrom(response.migrations());
    if (response.next_page_token().empty()) return all;
    request.set_page_token(response.next_page_token());
  }
  return absl::InternalError("the coordinator's list of migrations does not end");
}

std::string HistoryTable(const v1::ListMigrationsResponse& list, const Style& style, int width) {
  Table table({{"VERSION", Align::kRight},
               {"TITLE"},
               {"PHASE"},
               {"STATE"},
               {"APPLIED AT"},
               {"DURATION", Align::kRight},
               {"BY"},
               {"HOW"}});
  for (const v1::Migration& migration : list.migrations()) {
    const std::string duration =
        migration.has_duration() ? DurationText(convert::FromProto(migration.duration())) : "-";
    table.AddRow({{absl::StrCat(migration.ref().version())},
                  {migration.ref().title()},
                  {PhaseWord(migration.phase())},
                  {StateWord(migration.state()), ToneOf(migration.state())},
                  {TimeOf(migration.has_applied_at(), migration.applied_at())},
                  {duration},
                  {OrDash(migration.applied_by())},
                  {OrDash(migration.how())}});
  }
  return table.Render(style, width);
}

std::string OperationsTable(const v1::ListOperationsResponse& list, const Style& style, int width) {
  Table table({{"OPERATION"},
               {"STATE"},
               {"TARGET", Align::kRight},
               {"APPLIED", Align::kRight},
               {"ASKED AT"},
               {"ACTOR"},
               {"NOTE"}});
  for (const v1::Operation& operation : list.operations()) {
    const absl::Status outcome = OutcomeOf(operation, std::nullopt);
    const std::string note = !outcome.ok()         ? std::string(outcome.message())
                             : HasEnded(operation) ? operation.reason()
                                                   : ProgressLine(operation, absl::ZeroDuration());
    table.AddRow({{operation.operation_id()},
                  {StateWord(operation.state()), ctl::ToneOf(operation.state())},
                  {absl::StrCat(operation.target())},
                  {absl::StrCat(operation.applied())},
                  {TimeOf(operation.has_created_at(), operation.created_at())},
                  {operation.actor()},
                  {note}});
  }
  return table.Render(style, width);
}

namespace {

std::string OutcomeWord(v1::AttemptOutcome outcome) {
  switch (outcome) {
    case v1::ATTEMPT_OUTCOME_UNSPECIFIED:
      return "running";
    case v1::ATTEMPT_OUTCOME_NOT_STARTED:
      return "not started";
    default:
      return absl::AsciiStrToLower(
          absl::StripPrefix(v1::AttemptOutcome_Name(outcome), "ATTEMPT_OUTCOME_"));
  }
}

// "55P03 at 14, statement 2: ALTER TABLE users; public.users is locked by pid 4711, ...".
std::string Met(const v1::RunError& error) {
  std::string text = error.sqlstate().empty() ? error.reason() : error.sqlstate();
  if (error.version() > 0) absl::StrAppend(&text, " at ", error.version());
  if (error.statement() > 0) absl::StrAppend(&text, ", statement ", error.statement());
  if (!error.statement_text().empty()) absl::StrAppend(&text, ": ", error.statement_text());
  absl::StrAppend(&text, text.empty() ? "" : "; ",
                  error.has_lock_wait() ? LockWaitText(error.lock_wait()) : error.message());
  return text;
}

std::string AttemptsTable(const v1::Operation& operation, const Style& style) {
  Table table({{"RUN"}, {"BEGAN AT"}, {"TOOK", Align::kRight}, {"BY"}, {"OUTCOME"}, {"MET"}});
  for (const v1::Attempt& attempt : operation.recent_attempts()) {
    const std::string took = attempt.has_ended_at()
                                 ? DurationText(convert::FromProto(attempt.ended_at()) -
                                                convert::FromProto(attempt.started_at()))
                                 : "-";
    table.AddRow(
        {{attempt.first() == attempt.last() ? absl::StrCat(attempt.first())
                                            : absl::StrCat(attempt.first(), "..", attempt.last())},
         {TimeOf(attempt.has_started_at(), attempt.started_at())},
         {took},
         {OrDash(attempt.holder())},
         {OutcomeWord(attempt.outcome())},
         {attempt.has_error() ? Met(attempt.error()) : ""}});
  }
  return table.Render(style, 0);
}

}  // namespace

std::string OperationText(const v1::Operation& operation, const Style& style) {
  std::string text;
  const auto add = [&text](const char* label, const std::string& value) {
    if (!value.empty()) absl::StrAppendFormat(&text, "%-10s %s\n", label, value);
  };
  add("OPERATION", Sanitize(operation.operation_id()));
  add("STATE", style.Paint(ctl::ToneOf(operation.state()), StateWord(operation.state())));
  add("TARGET", absl::StrCat(operation.target()));
  add("APPLIED", absl::StrCat(operation.applied(), " (began at ", operation.start_version(), ")"));
  add("ASKED", absl::StrCat(TimeOf(operation.has_created_at(), operation.created_at()), " by ",
                            Sanitize(OrDash(operation.actor()))));
  add("REASON", Sanitize(operation.reason()));
  if (operation.has_ended_at()) add("ENDED", TimeOf(true, operation.ended_at()));
  if (!HasEnded(operation)) {
    add("NOW", Sanitize(ProgressLine(operation, absl::ZeroDuration())));
  }
  add("ERROR", Sanitize(OutcomeOf(operation, std::nullopt).message()));
  add("", Sanitize(operation.error().message()));
  if (operation.has_terminate_idle_blockers()) {
    add("ENDS", absl::StrCat("sessions in its way that are idle in a transaction for ",
                             AgeText(convert::FromProto(operation.terminate_idle_blockers()))));
  }
  if (operation.recent_attempts().empty()) return text;
  return absl::StrCat(text, "\n", AttemptsTable(operation, style));
}

}  // namespace lockstep::ctl
