#include "engine/sql/analysis/setting.h"

#include <algorithm>
#include <array>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"

namespace lockstep::sql {
namespace {

constexpr absl::string_view kReplicationRole = "session_replication_role";

constexpr std::array<absl::string_view, 6> kTimeouts = {
    "deadlock_timeout",     "idle_in_transaction_session_timeout",
    "idle_session_timeout", "lock_timeout",
    "statement_timeout",    "transaction_timeout"};

// With these the fence no longer holds, checks are off, or a commit may be lost.
constexpr std::array<absl::string_view, 15> kUnsafe = {"allow_system_table_mods",
                                                       "default_transaction_deferrable",
                                                       "default_transaction_isolation",
                                                       "default_transaction_read_only",
                                                       "event_triggers",
                                                       "fsync",
                                                       "full_page_writes",
                                                       "ignore_checksum_failure",
                                                       "ignore_system_indexes",
                                                       "row_security",
                                                       "synchronous_commit",
                                                       "transaction_deferrable",
                                                       "transaction_isolation",
                                                       "transaction_read_only",
                                                       "zero_damaged_pages"};

// They change neither what a statement means nor what it does; pg_dump's check_function_bodies
// is among them.
constexpr std::array<absl::string_view, 5> kHarmless = {"application_name", "check_function_bodies",
                                                        "client_min_messages", "default_with_oids",
                                                        "escape_string_warning"};

template <typename Names>
bool Has(const Names& names, absl::string_view name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

bool IsOn(const SettingChange& change) {
  if (change.values.size() != 1) return false;
  const absl::string_view value = change.values[0];
  return absl::EqualsIgnoreCase(value, "on") || absl::EqualsIgnoreCase(value, "true") ||
         value == "1";
}

// Values that a client has anyway.
bool IsUsual(const SettingChange& change, absl::string_view name) {
  if (name == "standard_conforming_strings") return change.reset || IsOn(change);
  if (name == "row_security") return IsOn(change);
  if (name == "client_encoding") {
    return change.values.size() == 1 && (absl::EqualsIgnoreCase(change.values[0], "utf8") ||
                                         absl::EqualsIgnoreCase(change.values[0], "utf-8"));
  }
  return false;
}

// Later statements are judged by what was set.
void Keep(const SettingChange& change, const std::string& name, StatementContext& context) {
  if (change.reset) return;
  if (name != "search_path") {
    if (change.values.size() == 1) context.db.settings[name] = change.values[0];
    return;
  }
  std::vector<std::string> path;
  for (const std::string& value : change.values) {
    // One string of set_config may hold several.
    for (absl::string_view part : absl::StrSplit(value, ',')) {
      part = absl::StripAsciiWhitespace(part);
      if (absl::ConsumePrefix(&part, "\"")) part = absl::StripSuffix(part, "\"");
      if (!part.empty() && part != "$user" && part != "pg_temp") path.emplace_back(part);
    }
  }
  context.db.search_path = std::move(path);
}

void ReportTimeout(const std::string& name, Node at, StatementContext& context) {
  context
      .Report(Rule::kTimeoutOverride, at,
              absl::StrCat(name,
                           " is the runner's: changed here, nothing protects the "
                           "application from a migration that waits"))
      .hint = "leave it out: lockstep sets the timeouts of each migration";
}

void ReportIdentity(const std::string& name, Node at, StatementContext& context) {
  if (name == "session_authorization") {
    context.Refuse(Rule::kIdentityChange, at,
                   "another session user may do what the runner's role must not");
    return;
  }
  context.Report(Rule::kIdentityChange, at,
                 "objects that are created now belong to another role, also in later migrations");
}

// A setting that only a session or a transaction has. Returns whether it was reported.
bool ReportFenced(const SettingChange& change, const std::string& name, Node at,
                  StatementContext& context) {
  if (name == kReplicationRole) {
    context.Refuse(Rule::kUnsafeSetting, at,
                   absl::StrCat(name,
                                " switches off triggers and foreign keys: rows without a "
                                "parent are committed"));
  } else if (Has(kTimeouts, name)) {
    ReportTimeout(name, at, context);
  } else if (name == "role" || name == "session_authorization") {
    ReportIdentity(name, at, context);
  } else if (IsUsual(change, name)) {
    return true;
  } else if (Has(kUnsafe, name)) {
    context.Report(Rule::kUnsafeSetting, at,
                   absl::StrCat(name, " takes away what a migration relies on"));
  } else if (name == "standard_conforming_strings") {
    context.Refuse(Rule::kUnsafeSetting, at,
                   "strings mean something else from here on than what was analysed");
  } else {
    return false;
  }
  return true;
}

}  // namespace

void AnalyzeSetting(const SettingChange& change, Node at, StatementContext& context) {
  const std::string name = absl::AsciiStrToLower(change.name);
  if (ReportFenced(change, name, at, context)) return;
  Keep(change, name, context);
  const bool leaves = !change.local && (!change.reset || name == "search_path");
  if (!leaves || Has(kHarmless, name)) return;
  context
      .Report(Rule::kSessionStateLeak, at,
              absl::StrCat(name,
                           " keeps its value after this migration and changes what later "
                           "statements mean"))
      .hint = change.values.empty() ? absl::StrCat("SET LOCAL ", name, " ...")
                                    : absl::StrCat("SET LOCAL ", name, " TO ",
                                                   change.values.size() == 1
                                                       ? absl::StrCat("'", change.values[0], "'")
                                                       : "...");
}

std::vector<std::string> ValuesOf(Node arguments) {
  std::vector<std::string> values;
  for (Node value : arguments.Items()) {
    while (const Node cast = value.As("TypeCast")) value = cast["arg"];
    const Node constant = value.As("A_Const");
    if (constant["ival"]) {
      values.push_back(absl::StrCat(constant["ival"]["ival"].number()));
    } else if (constant["fval"]) {
      values.emplace_back(constant["fval"]["fval"].text());
    } else {
      values.emplace_back(constant["sval"]["sval"].text());
    }
  }
  return values;
}

void AnalyzeStoredSetting(Node variable_set, StatementContext& context) {
  const std::string name = absl::AsciiStrToLower(variable_set["name"].text());
  if (name == "role" || name == "session_authorization") return;
  ReportFenced({.name = name, .values = ValuesOf(variable_set["args"])}, name, Node(), context);
}

bool IsReplicationRole(absl::string_view setting) {
  return absl::EqualsIgnoreCase(setting, kReplicationRole);
}

}  // namespace lockstep::sql
