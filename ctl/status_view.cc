#include "ctl/status_view.h"

#include <algorithm>
#include <cstdint>
#include <optional>
#include <set>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"

#include "ctl/follow.h"
#include "ctl/instance_view.h"
#include "ctl/output.h"
#include "ctl/sanitize.h"
#include "ctl/table.h"
#include "proto/convert/time.h"

namespace lockstep::ctl {
namespace {

constexpr char kArrow[] = "← ";

absl::Time ReadAt(const v1::ClusterStatus& status) {
  return status.has_read_at() ? convert::FromProto(status.read_at()) : absl::Now();
}

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

template <typename Get>
std::string Distinct(const v1::ServiceStatus& service, Get get) {
  std::set<std::string> values;
  for (const v1::InstanceStatus& instance : service.instances()) values.insert(get(instance));
  values.erase("");
  return values.empty() ? "-" : absl::StrJoin(values, ",");
}

// "11..", or "9..,11.." while builds are mixed; in the order of the numbers.
std::string RunsOn(const v1::ServiceStatus& service) {
  std::set<int32_t> needs;
  for (const v1::InstanceStatus& instance : service.instances()) needs.insert(instance.needs());
  return absl::StrCat(absl::StrJoin(needs, "..,"), "..");
}

// "adapted to 12, below contract 13", when a contract waits that the code may still stand against.
std::string AdaptedNote(const v1::ClusterStatus& status, const v1::ServiceStatus& service) {
  int32_t adapted = INT32_MAX;
  for (const v1::InstanceStatus& instance : service.instances()) {
    adapted = std::min(adapted, instance.adapted_to());
  }
  for (const int32_t contract : status.chain().contracts_waiting()) {
    if (contract > adapted) {
      return absl::StrCat("adapted to ", adapted, ", below contract ", contract);
    }
  }
  return "";
}

std::string ServiceNote(const v1::ClusterStatus& status, const v1::ServiceStatus& service) {
  std::string note = GateNote(WorstOf(service));
  if (note.empty()) note = AdaptedNote(status, service);
  for (const v1::InstanceStatus& instance : service.instances()) {
    if (note.empty() && !instance.migrate_error().empty()) {
      note = absl::StrCat("cannot migrate: ", instance.migrate_error());
    }
  }
  return note;
}

using Services = std::vector<const v1::ServiceStatus*>;

Services WorstFirst(const v1::ClusterStatus& status) {
  Services services;
  for (const v1::ServiceStatus& service : status.services()) {
    if (service.instances_size() > 0) services.push_back(&service);
  }
  std::stable_sort(services.begin(), services.end(), [](const auto* a, const auto* b) {
    const Health health_a = HealthOf(WorstOf(*a));
    const Health health_b = HealthOf(WorstOf(*b));
    return health_a != health_b ? health_a > health_b : a->service() < b->service();
  });
  return services;
}

Table MakeTable(const v1::ClusterStatus& status, const Services& services, bool with_notes) {
  std::vector<Column> columns = {{"SERVICE"}, {"READY"}, {"BUILD"},
                                 {"RUNS ON"}, {"GATE"},  {"LAST SEEN"}};
  if (with_notes) columns.push_back({""});
  Table table(columns);
  for (const v1::ServiceStatus* service : services) {
    const v1::InstanceStatus& worst = WorstOf(*service);
    const auto ready = std::count_if(service->instances().begin(), service->instances().end(),
                                     [](const auto& instance) { return instance.serving(); });
    std::vector<Cell> row = {
        {service->service()},
        {absl::StrCat(ready, "/", service->instances_size())},
        {Distinct(*service, [](const auto& instance) { return instance.build(); })},
        {RunsOn(*service)},
        {GateWord(worst, ReadAt(status)), ToneOf(HealthOf(worst))},
        {LastSeen(worst)}};
    const std::string note = with_notes ? ServiceNote(status, *service) : "";
    if (with_notes) row.push_back({note.empty() ? "" : absl::StrCat(kArrow, note)});
    table.AddRow(std::move(row));
  }
  return table;
}

std::string ServiceTable(const v1::ClusterStatus& status, const Style& style, int width) {
  const Services services = WorstFirst(status);
  if (services.empty()) return "no service is registered\n";
  const Table table = MakeTable(status, services, /*with_notes=*/true);
  if (width <= 0 || table.NaturalWidth() <= width) return table.Render(style, width);
  // A note that is cut says nothing: on a narrow terminal the notes go below the table.
  std::string notes;
  for (const v1::ServiceStatus* service : services) {
    const std::string note = ServiceNote(status, *service);
    if (note.empty()) continue;
    absl::StrAppend(&notes, Sanitize(absl::StrCat(service->service(), ": ", note)), "\n");
  }
  return absl::StrCat(MakeTable(status, services, /*with_notes=*/false).Render(style, width),
                      notes.empty() ? "" : "\n", notes);
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
    named.push_back(absl::StrCat(
        contract.version(),
        by.empty() ? "" : absl::StrCat(" (blocked by ", by, ")")));
  }
  const int32_t first = contracts.at(0).version();
  return absl::StrCat(Count(contracts.size(), "contract"), " waiting: ",
                      absl::StrJoin(named, ", "), ". Run `lockstep ",
                      blocked ? "blockers" : "contract",
                      contracts.size() == 1 || !blocked ? absl::StrCat(" ", first) : "", "`");
}

std::string Tail(const v1::ClusterStatus& status) {
  std::string text;
  for (const v1::Backfill& backfill : status.backfills()) {
    absl::StrAppend(&text, "backfill ", Sanitize(backfill.name()), ": ", Sanitize(backfill.state()),
                    "\n");
  }
  if (const std::string waiting = WaitingText(status); !waiting.empty()) {
    absl::StrAppend(&text, Sanitize(waiting), "\n");
  }
  return text.empty() ? "" : absl::StrCat("\n", text);
}

}  // namespace

std::string StatusText(const v1::ClusterStatus& status, const Style& style, int width) {
  return absl::StrCat(Heading(status), UpgradeLine(status, style),
                      ContractLine(status, style), ExpiryLine(status, style), "\n",
                      ServiceTable(status, style, width), Tail(status));
}

std::string ServiceText(const v1::ClusterStatus& status, const v1::ServiceStatus& service,
                        const Style& style, int width) {
  Table table({{"INSTANCE"},
               {"BUILD"},
               {"STATE"},
               {"RUNS ON"},
               {"ADAPTED TO", Align::kRight},
               {"GATE"},
               {"LAST SEEN"},
               {""}});
  std::string reasons;
  for (const v1::InstanceStatus& instance : service.instances()) {
    const Health health = HealthOf(instance);
    const std::string reason =
        health == Health::kOpen || health == Health::kSuspect ? "" : instance.gate().reason();
    table.AddRow({{instance.instance()},
                  {instance.build().empty() ? "-" : instance.build()},
                  {absl::StrCat(instance.state(), instance.serving() ? ", serving" : "")},
                  {absl::StrCat(instance.needs(), "..")},
                  {absl::StrCat(instance.adapted_to())},
                  {GateWord(instance, ReadAt(status)), ToneOf(health)},
                  {LastSeen(instance)},
                  {reason.empty() ? "" : absl::StrCat(kArrow, reason)}});
    const auto explain = [&](absl::string_view label, const std::string& text) {
      if (text.empty()) return;
      absl::StrAppend(&reasons, Sanitize(instance.instance()), ": ", label, Sanitize(text), "\n");
    };
    explain("", GateNote(instance));
    explain("hint: ", HintFor(instance));
    explain("cannot migrate: ", instance.migrate_error());
  }
  return absl::StrCat(table.Render(style, width), reasons.empty() ? "" : "\n", reasons);
}

const v1::ServiceStatus* FindService(const v1::ClusterStatus& status, const std::string& name) {
  for (const v1::ServiceStatus& service : status.services()) {
    if (service.service() == name && service.instances_size() > 0) return &service;
  }
  return nullptr;
}

}  // namespace lockstep::ctl
