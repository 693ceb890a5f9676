#include "engine/sql/analysis/call.h"

#include <algorithm>
#include <array>
#include <iterator>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"

#include "engine/sql/analysis/builtin_function.h"
#include "engine/sql/analysis/families.h"
#include "engine/sql/analysis/setting.h"

namespace lockstep::sql {
namespace {

using model::Volatility;

// What they do is done at once and stays done when the transaction is rolled back, or is not done
// by this session at all.
constexpr std::array<absl::string_view, 20> kBackendControl = {"lo_export",
                                                               "lo_import",
                                                               "pg_backup_start",
                                                               "pg_backup_stop",
                                                               "pg_cancel_backend",
                                                               "pg_create_restore_point",
                                                               "pg_log_standby_snapshot",
                                                               "pg_logical_emit_message",
                                                               "pg_logical_slot_get_binary_changes",
                                                               "pg_logical_slot_get_changes",
                                                               "pg_promote",
                                                               "pg_reload_conf",
                                                               "pg_rotate_logfile",
                                                               "pg_rotate_logfile_old",
                                                               "pg_start_backup",
                                                               "pg_stop_backup",
                                                               "pg_switch_wal",
                                                               "pg_sync_replication_slots",
                                                               "pg_terminate_backend",
                                                               "pg_wal_replay_pause"};
constexpr std::array<absl::string_view, 5> kBackendControlPrefixes = {
    "dblink", "pg_background", "pg_file_", "pg_replication_origin_", "pg_wal_replay_"};

bool IsBackendControl(absl::string_view name) {
  if (std::find(kBackendControl.begin(), kBackendControl.end(), name) != kBackendControl.end()) {
    return true;
  }
  for (const absl::string_view prefix : kBackendControlPrefixes) {
    if (absl::StartsWith(name, prefix)) return true;
  }
  return absl::StrContains(name, "_replication_slot") && name != "pg_get_replication_slots";
}

void AnalyzeAdvisoryLock(absl::string_view name, Node call, StatementContext& context) {
  if (absl::StartsWith(name, "pg_advisory_unlock")) {
    context
        .Refuse(Rule::kAdvisoryLockUse, call,
                absl::StrCat(name, " releases locks that it does not own, the runner's among them"))
        .hint = "leave it out: locks of a migration end with its transaction";
    return;
  }
  context
      .Report(Rule::kAdvisoryLockUse, call,
              absl::StrCat(name, " waits for, or keeps out, whoever uses the same number"))
      .hint = "leave it out: lockstep sees to it that one migration runs at a time";
}

// The sequence that nextval('app.s') and its kin are about; empty when it is computed.
model::Name SequenceOf(Node call) {
  const Node sequence = ConstantOf(call["args"].At(0));
  const std::string text = absl::AsciiStrToLower(sequence.text());
  const size_t dot = text.find('.');
  return dot == std::string::npos
             ? model::Name{.name = text}
             : model::Name{.schema = text.substr(0, dot), .name = text.substr(dot + 1)};
}

void LockSequence(Node call, LockMode mode, StatementContext& context) {
  const model::Relation* sequence = context.Find(SequenceOf(call));
  if (sequence != nullptr) context.Lock(*sequence, mode);
}

void AnalyzeSetval(Node call, StatementContext& context) {
  const Node sequence = ConstantOf(call["args"].At(0));
  const model::Name name = SequenceOf(call);
  const model::Relation* relation = sequence ? context.Find(name) : nullptr;
  if (relation != nullptr) {
    context.Touches(*relation, "", Effect::kWrite);
    context.Lock(*relation, LockMode::kRowExclusive);
    context.StrengthenOn(*relation, Phase::kData);
    if (relation->is_new) {
      context.Strengthen(Phase::kExpand);
      return;
    }
  } else if (sequence) {
    context.TouchesObject(ObjectClass::kSequence, context.db.NameForNew(name), Effect::kWrite);
  }
  context.Strengthen(Phase::kData);
  Finding& finding = context.Report(
      Rule::kSequenceChange, call,
      absl::StrCat("setval on ", sequence ? name.text() : "a sequence",
                   " is not undone by a rollback, and values may be given out twice"));
  finding.hint = "never set it back: setval(sequence, greatest(max(id), last_value))";
  finding.object = sequence ? name.text() : "";
}

void AnalyzeSetConfig(Node call, StatementContext& context) {
  const Node name = ConstantOf(call["args"].At(0));
  if (!name) {
    context.Refuse(Rule::kUnsafeSetting, call,
                   "set_config with a name that is computed may change any setting");
    return;
  }
  const Node value = ConstantOf(call["args"].At(1));
  const Node local = ConstantOf(call["args"].At(2));
  SettingChange change{.name = name.text(),
                       .local = local.body()["boolval"]["boolval"].flag() || local.text() == "t" ||
                                local.text() == "true"};
  if (value) change.values.emplace_back(value.text());
  AnalyzeSetting(change, call, context);
}

// What a function of pg_catalog does beside computing. Returns false for other functions.
void AnalyzeBuiltin(absl::string_view name, Node call, StatementContext& context) {
  if (absl::StartsWith(name, "pg_") && absl::StrContains(name, "advisory")) {
    AnalyzeAdvisoryLock(name, call, context);
  } else if (name == "setval") {
    AnalyzeSetval(call, context);
  } else if (name == "nextval" || name == "currval") {
    LockSequence(call, LockMode::kRowExclusive, context);
  } else if (name == "set_config") {
    AnalyzeSetConfig(call, context);
  } else if (name == "pg_notify") {
    context.Report(Rule::kSessionCommand, call,
                   "pg_notify tells listeners about a migration that may yet be repeated");
  }
}

Volatility Least(Volatility a, Volatility b) { return std::max(a, b); }

}  // namespace

Node ConstantOf(Node expression) {
  Node node = expression;
  while (const Node cast = node.As("TypeCast")) node = cast["arg"];
  return node.type() == "A_Const" ? node : Node();
}

void LockNamedSequences(Node expression, StatementContext& context) {
  Walk(expression, [&](absl::string_view name, Node node) {
    if (name == "FuncCall" && model::NameOf(node["funcname"]).name == "nextval") {
      LockSequence(node, LockMode::kAccessShare, context);
    }
    return true;
  });
}

void AnalyzeCall(Node call, StatementContext& context) {
  const model::Name name = model::NameOf(call["funcname"]);
  if (IsBackendControl(name.name)) {
    context.Report(Rule::kBackendControl, call,
                   absl::StrCat(name.text(),
                                " acts outside of the transaction: a rollback does "
                                "not undo it"));
    return;
  }
  if ((name.schema.empty() || name.schema == "pg_catalog") &&
      BuiltinVolatility(name.name).has_value()) {
    AnalyzeBuiltin(name.name, call, context);
    return;
  }
  if (name.schema == "pg_catalog" || name.schema == "information_schema") return;
  AnalyzeUserCall(name, call, context);
}

void AnalyzeCalls(Node node, StatementContext& context) {
  Walk(node, [&](absl::string_view name, Node child) {
    if (name == "FuncCall") AnalyzeCall(child, context);
    return true;
  });
}

model::Volatility VolatilityOf(Node expression, StatementContext& context) {
  Volatility volatility = Volatility::kImmutable;
  Walk(expression, [&](absl::string_view field, Node node) {
    if (field == "SQLValueFunction" || field == "XmlExpr") {
      volatility = Least(volatility, Volatility::kStable);
    } else if (field == "FuncCall") {
      const model::Name name = model::NameOf(node["funcname"]);
      std::optional<Volatility> known;
      if (name.schema.empty() || name.schema == "pg_catalog") {
        known = BuiltinVolatility(name.name);
      }
      // Somebody's own function may have the name of a built-in one.
      if (const auto* overloads = context.db.FindFunctions(name)) {
        for (const model::Function& function : *overloads) {
          known = Least(known.value_or(Volatility::kImmutable), function.volatility);
        }
      }
      if (!known.has_value()) known = ExtensionVolatility(name.name);
      volatility = Least(volatility, known.value_or(Volatility::kVolatile));
    }
    return volatility != Volatility::kVolatile;
  });
  return volatility;
}

}  // namespace lockstep::sql
