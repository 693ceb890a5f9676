#include "ctl/fleet_view.h"

#include <algorithm>
#include <cstdint>
#include <map>
#include <set>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"

#include "ctl/instance_view.h"
#include "ctl/output.h"
#include "ctl/sanitize.h"
#include "ctl/table.h"
#include "proto/convert/time.h"

namespace lockstep::ctl {
namespace {

constexpr char kArrow[] = "← ";

using Instances = std::vector<const v1::InstanceStatus*>;

// The instances of one build of a service, the worst first.
struct Group {
  std::string service;
  std::string build;
  Instances instances;

  const v1::InstanceStatus& worst() const { return *instances.front(); }
  Health health() const { return HealthOf(worst()); }
};

// Among equals the one that registered first.
void SortWorstFirst(Instances& instances) {
  std::stable_sort(instances.begin(), instances.end(), [](const auto* a, const auto* b) {
    const Health health_a = HealthOf(*a);
    const Health health_b = HealthOf(*b);
    if (health_a != health_b) return health_a > health_b;
    return convert::FromProto(a->registered_at()) < convert::FromProto(b->registered_at());
  });
}

// Services by their worst build, then by name; the builds of one beside each other.
std::vector<Group> WorstFirst(const v1::ClusterStatus& status) {
  std::vector<Group> groups;
  std::map<std::string, Health> worst;
  for (const v1::ServiceStatus& service : status.services()) {
    std::map<std::string, Instances> builds;
    for (const v1::InstanceStatus& each : service.instances())
      builds[each.build()].push_back(&each);
    for (auto& [build, instances] : builds) {
      SortWorstFirst(instances);
      groups.push_back({service.service(), build, std::move(instances)});
      Health& known = worst[service.service()];
      known = std::max(known, groups.back().health());
    }
  }
  std::stable_sort(groups.begin(), groups.end(), [&](const Group& a, const Group& b) {
    if (a.service != b.service) {
      const Health health_a = worst[a.service];
      const Health health_b = worst[b.service];
      return health_a != health_b ? health_a > health_b : a.service < b.service;
    }
    return a.health() > b.health();
  });
  return groups;
}

// "11..", or "9..,11.." where instances of a build declare different things.
std::string RunsOn(const Group& group) {
  std::set<int32_t> needs;
  for (const v1::InstanceStatus* instance : group.instances) needs.insert(instance->needs());
  return absl::StrCat(absl::StrJoin(needs, "..,"), "..");
}

// "adapted to 12, below contract 13", when a contract waits that the code may still stand against.
std::string AdaptedNote(const v1::ClusterStatus& status, const Group& group) {
  int32_t adapted = INT32_MAX;
  for (const v1::InstanceStatus* instance : group.instances) {
    adapted = std::min(adapted, instance->adapted_to());
  }
  for (const int32_t contract : status.chain().contracts_waiting()) {
    if (contract > adapted) {
      return absl::StrCat("adapted to ", adapted, ", below contract ", contract);
    }
  }
  return "";
}

std::string NoteOf(const v1::ClusterStatus& status, const Group& group) {
  std::string note = GateNote(group.worst());
  if (note.empty()) note = AdaptedNote(status, group);
  for (const v1::InstanceStatus* instance : group.instances) {
    if (note.empty() && !instance->migrate_error().empty()) {
      note = absl::StrCat("cannot migrate: ", instance->migrate_error());
    }
  }
  return note;
}

// What a table shows, and how much it leaves out.
struct Shown {
  std::vector<Group> groups;
  std::string rest;  // A line; "" when nothing is left out.
};

Shown FirstOf(std::vector<Group> groups) {
  Shown shown{.groups = std::move(groups)};
  if (shown.groups.size() <= kMaxGroups) return shown;
  // A build that is well gives way to one that is not, wherever its service stands.
  std::stable_partition(shown.groups.begin(), shown.groups.end(),
                        [](const Group& group) { return group.health() != Health::kOpen; });
  size_t instances = 0;
  size_t shut = 0;
  for (size_t i = kMaxGroups; i < shown.groups.size(); ++i) {
    for (const v1::InstanceStatus* instance : shown.groups[i].instances) {
      ++instances;
      if (HealthOf(*instance) != Health::kOpen) ++shut;
    }
  }
  shown.rest = absl::StrCat(
      "… and ", Count(static_cast<int64_t>(shown.groups.size()) - kMaxGroups, "more build"),
      " with ", Count(static_cast<int64_t>(instances), "instance"), ", ",
      shut == 0 ? "all open" : absl::StrCat(shut, " of them not open: `lockstep instances`"), "\n");
  shown.groups.resize(kMaxGroups);
  return shown;
}

Table MakeTable(const v1::ClusterStatus& status, const std::vector<Group>& groups,
                bool with_notes) {
  std::vector<Column> columns = {{"SERVICE"}, {"READY"}, {"BUILD"},
                                 {"RUNS ON"}, {"GATE"},  {"LAST SEEN"}};
  if (with_notes) columns.push_back({""});
  Table table(columns);
  for (const Group& group : groups) {
    const auto ready = std::count_if(group.instances.begin(), group.instances.end(),
                                     [](const auto* instance) { return instance->serving(); });
    std::vector<Cell> row = {{group.service},
                             {absl::StrCat(ready, "/", group.instances.size())},
                             {group.build.empty() ? "-" : group.build},
                             {RunsOn(group)},
                             {GateWord(group.worst(), ReadAt(status)), ToneOf(group.health())},
                             {LastSeen(group.worst())}};
    const std::string note = with_notes ? NoteOf(status, group) : "";
    if (with_notes) row.push_back({note.empty() ? "" : absl::StrCat(kArrow, note)});
    table.AddRow(std::move(row));
  }
  return table;
}

// Lines "WHO: TEXT", each text once, with those it is about; not more than kMaxNotes.
class Notes {
 public:
  void Add(const std::string& who, const std::string& text) {
    if (text.empty()) return;
    const auto [found, is_new] = about_.try_emplace(text, std::vector<std::string>());
    if (is_new) order_.push_back(text);
    std::vector<std::string>& names = found->second;
    if (names.empty() || names.back() != who) names.push_back(who);
  }
  std::string Text() const {
    std::string lines;
    int told = 0;
    for (const std::string& text : order_) {
      if (told++ == kMaxNotes) {
        absl::StrAppend(&lines, "… and ", order_.size() - kMaxNotes, " more\n");
        break;
      }
      absl::StrAppend(&lines, Sanitize(absl::StrCat(Names(about_.at(text)), ": ", text)), "\n");
    }
    return lines.empty() ? "" : absl::StrCat("\n", lines);
  }

 private:
  static std::string Names(const std::vector<std::string>& names) {
    const size_t shown = std::min<size_t>(names.size(), kMaxNamed);
    std::string text = absl::StrJoin(names.begin(), names.begin() + static_cast<int>(shown), ", ");
    if (names.size() > shown) absl::StrAppend(&text, " and ", names.size() - shown, " more");
    return text;
  }

  std::vector<std::string> order_;
  std::map<std::string, std::vector<std::string>> about_;
};

}  // namespace

absl::Time ReadAt(const v1::ClusterStatus& status) {
  return status.has_read_at() ? convert::FromProto(status.read_at()) : absl::Now();
}

std::string FleetTable(const v1::ClusterStatus& status, const Style& style, int width) {
  const Shown shown = FirstOf(WorstFirst(status));
  if (shown.groups.empty()) return "no service is registered\n";
  const Table table = MakeTable(status, shown.groups, /*with_notes=*/true);
  if (width <= 0 || table.NaturalWidth() <= width) {
    return absl::StrCat(table.Render(style, width), shown.rest);
  }
  // A note that is cut says nothing: on a narrow terminal the notes go below the table.
  Notes notes;
  for (const Group& group : shown.groups) notes.Add(group.service, NoteOf(status, group));
  return absl::StrCat(MakeTable(status, shown.groups, /*with_notes=*/false).Render(style, width),
                      shown.rest, notes.Text());
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
  Instances instances;
  for (const v1::InstanceStatus& instance : service.instances()) instances.push_back(&instance);
  std::stable_sort(instances.begin(), instances.end(),
                   [](const auto* a, const auto* b) { return HealthOf(*a) > HealthOf(*b); });
  Notes notes;
  for (size_t i = 0; i < instances.size(); ++i) {
    const v1::InstanceStatus& instance = *instances[i];
    const Health health = HealthOf(instance);
    const std::string reason =
        health == Health::kOpen || health == Health::kSuspect ? "" : instance.gate().reason();
    if (i < kMaxInstances) {
      table.AddRow({{instance.instance()},
                    {instance.build().empty() ? "-" : instance.build()},
                    {absl::StrCat(instance.state(), instance.serving() ? ", serving" : "")},
                    {absl::StrCat(instance.needs(), "..")},
                    {absl::StrCat(instance.adapted_to())},
                    {GateWord(instance, ReadAt(status)), ToneOf(health)},
                    {LastSeen(instance)},
                    {reason.empty() ? "" : absl::StrCat(kArrow, reason)}});
    }
    const std::string hint = HintFor(instance);
    notes.Add(instance.instance(), GateNote(instance));
    notes.Add(instance.instance(), hint.empty() ? "" : absl::StrCat("hint: ", hint));
    notes.Add(instance.instance(),
              instance.migrate_error().empty()
                  ? ""
                  : absl::StrCat("cannot migrate: ", instance.migrate_error()));
  }
  std::string rest;
  if (instances.size() > kMaxInstances) {
    rest = absl::StrCat("… and ", instances.size() - kMaxInstances, " more: `lockstep instances ",
                        Sanitize(service.service()), "`\n");
  }
  return absl::StrCat(table.Render(style, width), rest, notes.Text());
}

}  // namespace lockstep::ctl
