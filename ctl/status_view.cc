#include "ctl/status_view.h"

#include <optional>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"

#include "ctl/backfill_view.h"
#include "ctl/fleet_view.h"
#include "ctl/follow.h"
#include "ctl/output.h"
#include "ctl/sanitize.h"
#include "proto/convert/time.h"

namespace lockstep::ctl {
namespace {

std::string Heading(const v1::ClusterStatus& status) {
  const std::string leader = status.leader().address().empty()
                                 ? "no leader"
                                 : absl::StrCat("leader ", status.leader().address(), " (epoch ",
                                                status.leader().epoch(), ")");
  const v1::ChainStatus& chain = status.chain();
  std::string schema = absl::StrCat("applied ", chain.applied(), "  head ", chain.head(), "   ",
                                    chain.pending(), " pending");
  if (chain.barrier() > 0) absl::StrAppend(&schema, "   barrier at ", chain.barrier());
  const std::string cluster = absl::StrCat(leader, "   database ", status.database(),
                                           " @ PostgreSQL ", status.server_version());
  return absl::StrCat("CLUSTER   ", Sanitize(cluster), "\nSCHEMA    ", schema, "\n");
}

// The operation that runs, else one that failed, else a word about the last one.
std::string UpgradeLine(const v1::ClusterStatus& status, const Style& style) {
  const bool active = status.has_operation();
  if (!active && !status.has_last_operation()) return "UPGRADE   none\n";
  const v1::Operation& operation = active ? status.operation() : status.last_operation();
  std::string rest;
  if (active) {
    rest = ProgressLine(operation, absl::ZeroDuration());
  } else if (const absl::Status outcome = OutcomeOf(operation, std::nullopt); !outcome.ok()) {
    rest = absl::StrCat(std::string(outcome.message()), "   `lockstep operations get ",
                        operation.operation_id(), "`");
  } else if (operation.has_ended_at()) {
    rest = absl::StrCat(AgeText(ReadAt(status) - convert::FromProto(operation.ended_at())), " ago");
  }
  const std::string state = style.Paint(ToneOf(operation.state()), StateWord(operation.state()));
  return absl::StrCat("UPGRADE   ", Sanitize(operation.operation_id()), "  ", state,
                      rest.empty() ? "" : "  ", Sanitize(rest), "\n");
}

// "" unless so many fell silent at once that nobody is expired.
std::string ExpiryLine(const v1::ClusterStatus& status, const Style& style) {
  if (!status.has_expiry_frozen()) return "";
  const v1::ExpiryBrake& brake = status.expiry_frozen();
  return absl::StrCat(
      "EXPIRY    ", style.Paint(Tone::kBad, "frozen"), " for ",
      AgeText(ReadAt(status) - convert::FromProto(brake.since())), ": ", brake.silent(), " of ",
      brake.sessions(),
      " sessions fell silent at once; it goes on when they are heard again or `lockstep instances "
      "evict` ends them\n");
}

// Of pins and of overrides, how many have a line.
constexpr int kMaxLines = 5;

std::string LeftUntil(const google::protobuf::Timestamp& end, const v1::ClusterStatus& status) {
  const absl::Duration left = convert::FromProto(end) - ReadAt(status);
  return left > absl::ZeroDuration() ? absl::StrCat("ends in ", DurationText(left)) : "ends now";
}

std::string Because(const std::string& actor, const std::string& reason) {
  return Sanitize(absl::StrCat(actor, ": ", reason));
}

// "" when all have a line.
std::string AndMore(int total, int shown, const char* command) {
  if (total <= shown) return "";
  return absl::StrCat("          and ", total - shown, " more: `lockstep ", command, "`\n");
}

// What people have excepted from the rules, for a while: an override lets a contract break
// somebody, a pin keeps one waiting although nobody runs. "" for none.
std::string ExceptionLines(const v1::ClusterStatus& status, const Style& style) {
  std::string text;
  int shown = 0;
  for (const v1::ActiveOverride& each : status.overrides()) {
    if (shown == kMaxLines) break;
    ++shown;
    const std::string breaks =
        absl::StrCat("contract ", each.contract(), " may break ", Count(each.targets(), "target"));
    absl::StrAppend(&text, "OVERRIDE  ", Sanitize(each.override_id()), "  ",
                    style.Paint(Tone::kBad, breaks), "  ", LeftUntil(each.expires_at(), status),
                    "  ", Because(each.actor(), each.reason()), "\n");
  }
  absl::StrAppend(&text, AndMore(status.overrides_total(), shown, "audit list"));
  shown = 0;
  for (const v1::Pin& pin : status.pins()) {
    if (shown == kMaxLines) break;
    ++shown;
    const std::string effect = pin.holds_up() == 0
                                   ? "holds nothing up"
                                   : absl::StrCat("holds up contract ", pin.holds_up());
    absl::StrAppend(&text, "PIN       ", Sanitize(absl::StrCat(pin.service(), "@", pin.build())),
                    "  ", style.Paint(pin.holds_up() == 0 ? Tone::kFaint : Tone::kWarning, effect),
                    "  ", LeftUntil(pin.expires_at(), status), "  ",
                    Because(pin.actor(), pin.reason()), "\n");
  }
  return absl::StrCat(text, AndMore(status.pins_total(), shown, "pins"));
}

// The contract that is under way beside the upgrade; "" for none.
std::string ContractLine(const v1::ClusterStatus& status, const Style& style) {
  if (!status.has_contract()) return "";
  const v1::Operation& contract = status.contract();
  return absl::StrCat("CONTRACT  ", Sanitize(contract.operation_id()), "  ",
                      style.Paint(ToneOf(contract.state()), StateWord(contract.state())), "  ",
                      Sanitize(ProgressLine(contract, absl::ZeroDuration())), "\n");
}

// "1 contract waiting: 13 (blocked by platform-core). Run `lockstep blockers 13`"; "" for none.
std::string WaitingText(const v1::ClusterStatus& status) {
  const auto& contracts = status.waiting_contracts();
  if (contracts.empty()) {
    const auto& versions = status.chain().contracts_waiting();
    return ContractsWaiting({versions.begin(), versions.end()});
  }
  std::vector<std::string> named;
  bool blocked = false;
  for (const v1::WaitingContract& contract : contracts) {
    blocked = blocked || contract.concerned() > 0;
    const std::string by = absl::StrJoin(contract.services(), ", ");
    named.push_back(
        absl::StrCat(contract.version(), by.empty() ? "" : absl::StrCat(" (blocked by ", by, ")")));
  }
  const int32_t first = contracts.at(0).version();
  return absl::StrCat(Count(contracts.size(), "contract"), " waiting: ", absl::StrJoin(named, ", "),
                      ". Run `lockstep ", blocked ? "blockers" : "contract",
                      contracts.size() == 1 || !blocked ? absl::StrCat(" ", first) : "", "`");
}

std::string Tail(const v1::ClusterStatus& status) {
  std::string text;
  for (const v1::Backfill& backfill : status.backfills()) {
    absl::StrAppend(&text, BackfillLine(backfill), "\n");
  }
  if (const std::string waiting = WaitingText(status); !waiting.empty()) {
    absl::StrAppend(&text, Sanitize(waiting), "\n");
  }
  return text.empty() ? "" : absl::StrCat("\n", text);
}

}  // namespace

std::string StatusText(const v1::ClusterStatus& status, const Style& style, int width) {
  return absl::StrCat(Heading(status), UpgradeLine(status, style), ContractLine(status, style),
                      ExpiryLine(status, style), ExceptionLines(status, style), "\n",
                      FleetTable(status, style, width), Tail(status));
}

const v1::ServiceStatus* FindService(const v1::ClusterStatus& status, const std::string& name) {
  for (const v1::ServiceStatus& service : status.services()) {
    if (service.service() == name && service.instances_size() > 0) return &service;
  }
  return nullptr;
}

}  // namespace lockstep::ctl
