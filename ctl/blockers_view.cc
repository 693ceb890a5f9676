#include "ctl/blockers_view.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/strip.h"

#include "ctl/output.h"
#include "ctl/sanitize.h"
#include "ctl/table.h"
#include "proto/convert/time.h"

namespace lockstep::ctl {
namespace {

// What is shown of a list unless all of it is asked for (-o wide).
constexpr int kMaxTouches = 6;
constexpr int kMaxGroups = 20;
constexpr int kMaxClients = 10;

int Counting(const v1::ConcernedGroup& group) {
  return group.live() + group.draining() + group.suspect() + group.starting() + group.pins();
}

std::string OrDash(const std::string& text) { return text.empty() ? "-" : text; }
std::string Number(int32_t number) { return number == 0 ? "-" : absl::StrCat(number); }

std::string Touches(const v1::ContractState& contract, bool wide) {
  if (contract.touches().empty()) return "may touch anything";
  const auto& all = contract.touches();
  const int shown = wide ? all.size() : std::min(all.size(), kMaxTouches);
  const std::string named = absl::StrJoin(all.begin(), all.begin() + shown, ", ");
  return absl::StrCat("touches ", named,
                      shown < all.size() ? absl::StrCat(" and ", all.size() - shown, " more") : "");
}

// "by ann until 2026-11-30 10:00:00Z", or what stands in its place.
std::string BarrierText(const v1::ContractState& contract) {
  if (contract.barrier() == 0) return "none: whoever it concerns may still start";
  std::string text = contract.barrier() == contract.version()
                         ? ""
                         : absl::StrCat("for contract ", contract.barrier(), ", ");
  absl::StrAppend(&text, "asked for by ", OrDash(contract.barrier_owner()));
  if (contract.has_barrier_deadline()) {
    absl::StrAppend(&text, ", until ", TimeText(convert::FromProto(contract.barrier_deadline())));
  }
  return text;
}

std::string PhaseText(const v1::ContractState& contract) {
  std::string text = absl::AsciiStrToLower(
      absl::StripPrefix(v1::ContractPhase_Name(contract.phase()), "CONTRACT_PHASE_"));
  if (contract.has_soak()) {
    absl::StrAppend(&text, ", soaks for ", AgeText(convert::FromProto(contract.soak())));
    if (contract.has_quiet()) {
      absl::StrAppend(&text, " (", AgeText(convert::FromProto(contract.quiet())), " so far)");
    }
  }
  if (!contract.accept_unknown().empty()) {
    absl::StrAppend(&text, ", undeclared clients accepted: ", contract.accept_unknown());
  }
  return text;
}

std::string Concerns(const v1::ContractState& contract) {
  if (contract.concerned() == 0) return "nobody who counts";
  return absl::StrCat(contract.concerned(), " of ", Count(contract.counting(), "instance"));
}

// How one may be there, worst first: those that leave by nobody's word but a person's, then by what
// has to happen.
struct State {
  const char* title;
  const char* word;
  int32_t (*of)(const v1::ConcernedGroup& group);
};
constexpr State kStates[] = {
    {"SUSPECT", "suspect", [](const v1::ConcernedGroup& group) { return group.suspect(); }},
    {"PINNED", "pinned", [](const v1::ConcernedGroup& group) { return group.pins(); }},
    {"LIVE", "live", [](const v1::ConcernedGroup& group) { return group.live(); }},
    {"STARTING", "starting", [](const v1::ConcernedGroup& group) { return group.starting(); }},
    {"DRAINING", "draining", [](const v1::ConcernedGroup& group) { return group.draining(); }},
    {"LEFT", "left", [](const v1::ConcernedGroup& group) { return group.gone(); }},
};

Tone ToneOf(const v1::ConcernedGroup& group) {
  if (Counting(group) == 0) return Tone::kGood;
  return group.suspect() > 0 || group.pins() > 0 ? Tone::kBad : Tone::kWarning;
}

std::string LastSeen(const v1::ConcernedGroup& group) {
  return group.has_last_seen() ? AgeText(convert::FromProto(group.last_seen())) : "-";
}

// A column for each state that somebody is in; with `wide` for all of them, and more.
Table GroupsByState(const v1::ContractState& contract, int shown, bool wide) {
  std::vector<Column> columns = {{"SERVICE"}, {"BUILD"}, {"ADAPTED TO", Align::kRight}};
  std::vector<State> states;
  for (const State& state : kStates) {
    const bool any = std::any_of(contract.groups().begin(), contract.groups().end(),
                                 [&](const auto& group) { return state.of(group) > 0; });
    if (!any && !wide) continue;
    states.push_back(state);
    columns.push_back({state.title, Align::kRight});
  }
  columns.push_back({"LAST SEEN"});
  if (wide) columns.insert(columns.end(), {{"HEARD", Align::kRight}, {"OLDEST SINCE"}});
  Table table(columns);
  for (int i = 0; i < shown; ++i) {
    const v1::ConcernedGroup& group = contract.groups(i);
    std::vector<Cell> row = {{group.service(), ToneOf(group)},
                             {OrDash(group.build())},
                             {absl::StrCat(group.adapted_to())}};
    for (const State& state : states) row.push_back({Number(state.of(group))});
    row.push_back({LastSeen(group)});
    if (wide) {
      row.push_back({Number(group.connected())});
      row.push_back({group.has_oldest() ? TimeText(convert::FromProto(group.oldest())) : "-"});
    }
    table.AddRow(std::move(row));
  }
  return table;
}

// "1 suspect, 40 live, 12 left", for a terminal that has no room for a column each.
Table GroupsInWords(const v1::ContractState& contract, int shown) {
  Table table({{"SERVICE"}, {"BUILD"}, {"ADAPTED TO", Align::kRight}, {"SEEN"}, {"INSTANCES"}});
  for (int i = 0; i < shown; ++i) {
    const v1::ConcernedGroup& group = contract.groups(i);
    std::vector<std::string> words;
    for (const State& state : kStates) {
      if (const int32_t count = state.of(group); count > 0) {
        words.push_back(absl::StrCat(count, " ", state.word));
      }
    }
    table.AddRow({{group.service(), ToneOf(group)},
                  {OrDash(group.build())},
                  {absl::StrCat(group.adapted_to())},
                  {LastSeen(group)},
                  {absl::StrJoin(words, ", ")}});
  }
  return table;
}

std::string Groups(const v1::ContractState& contract, const Style& style, int width, bool wide) {
  const int all = contract.groups_size();
  const int shown = wide ? all : std::min(all, kMaxGroups);
  const Table by_state = GroupsByState(contract, shown, wide);
  const bool fits = wide || width <= 0 || by_state.NaturalWidth() <= width;
  std::string text = (fits ? by_state : GroupsInWords(contract, shown)).Render(style, width);
  if (shown == all) return text;
  int64_t counting = 0;
  for (int i = shown; i < all; ++i) counting += Counting(contract.groups(i));
  absl::StrAppend(&text, "… and ", Count(all - shown, "more build"), " with ",
                  Count(counting, "instance"), ": `lockstep blockers ", contract.version(),
                  " -o wide`\n");
  return text;
}

std::string NameOf(const v1::UnknownClient& client) {
  return client.application_name().empty() ? "(no name)" : client.application_name();
}

Table ClientsByColumn(const v1::ContractState& contract, int shown, bool wide) {
  std::vector<Column> columns = {
      {"CLIENT"}, {"ROLE"}, {"FROM"}, {"CONNECTIONS", Align::kRight}, {"WITH LOCKS", Align::kRight},
      {"STATE"},  {""}};
  if (wide) columns.insert(columns.end(), {{"PID", Align::kRight}, {"SINCE"}, {"QUERY"}});
  Table table(columns);
  for (int i = 0; i < shown; ++i) {
    const v1::UnknownClient& client = contract.clients(i);
    std::vector<Cell> row = {
        {NameOf(client), client.leftover() ? Tone::kBad : Tone::kWarning},
        {OrDash(client.role())},
        {client.address()},
        {absl::StrCat(client.connections())},
        {Number(client.locks())},
        {OrDash(client.state())},
        {client.leftover() ? "left over of an instance that has ended" : "declared by nobody"}};
    if (wide) {
      row.push_back({absl::StrCat(client.pid())});
      row.push_back({client.has_oldest() ? TimeText(convert::FromProto(client.oldest())) : "-"});
      row.push_back({client.query()});
    }
    table.AddRow(std::move(row));
  }
  return table;
}

// "4, 1 with locks", and no word of what they do.
Table ClientsInWords(const v1::ContractState& contract, int shown) {
  Table table({{"CLIENT"}, {"ROLE"}, {"FROM"}, {"CONNECTIONS"}, {""}});
  for (int i = 0; i < shown; ++i) {
    const v1::UnknownClient& client = contract.clients(i);
    table.AddRow({{NameOf(client), client.leftover() ? Tone::kBad : Tone::kWarning},
                  {OrDash(client.role())},
                  {client.address()},
                  {absl::StrCat(
                      client.connections(),
                      client.locks() > 0 ? absl::StrCat(", ", client.locks(), " with locks") : "")},
                  {client.leftover() ? "left over" : "declared by nobody"}});
  }
  return table;
}

std::string Clients(const v1::ContractState& contract, const Style& style, int width, bool wide) {
  const int all = contract.clients_size();
  const int shown = wide ? all : std::min(all, kMaxClients);
  const Table by_column = ClientsByColumn(contract, shown, wide);
  const bool fits = wide || width <= 0 || by_column.NaturalWidth() <= width;
  std::string text = (fits ? by_column : ClientsInWords(contract, shown)).Render(style, width);
  if (shown == all) return text;
  absl::StrAppend(&text, "… and ", all - shown, " more: `lockstep blockers ", contract.version(),
                  " -o wide`\n");
  return text;
}

bool HasLeftover(const v1::ContractState& contract) {
  return std::any_of(contract.clients().begin(), contract.clients().end(),
                     [](const v1::UnknownClient& client) { return client.leftover(); });
}

}  // namespace

std::string ContractSummary(const v1::ContractState& contract) {
  return absl::StrCat("contract ", contract.version(), " ", contract.title(), " ",
                      Touches(contract, /*wide=*/false), "; it concerns ", Concerns(contract));
}

std::string NextFor(const v1::ContractState& contract) {
  const std::string contract_n = absl::StrCat("lockstep contract ", contract.version());
  if (!contract.not_next().empty()) return "`lockstep upgrade` runs what comes before it";
  const bool suspects = std::any_of(contract.groups().begin(), contract.groups().end(),
                                    [](const auto& group) { return group.suspect() > 0; });
  const bool asked = !contract.operation_id().empty();
  if (contract.concerned() > 0) {
    std::string text = asked
                           ? absl::StrCat("deploy builds that are adapted to ", contract.version(),
                                          "; the contract then runs by itself")
                           : absl::StrCat("deploy builds that are adapted to ", contract.version(),
                                          ", or `", contract_n, " --when-drained --deadline 7d`");
    if (suspects)
      absl::StrAppend(&text, "; `lockstep instances evict` ends suspects that are gone");
    return text;
  }
  if (HasLeftover(contract)) {
    return "end the connections that instances left behind: pg_terminate_backend(pid), see -o wide";
  }
  if (!contract.clients().empty() && contract.accept_unknown().empty()) {
    return absl::StrCat("end those connections, or `", contract_n, " --accept-unknown REASON`");
  }
  return asked ? absl::StrCat("`lockstep operations watch ", contract.operation_id(), "`")
               : absl::StrCat("`", contract_n, "`");
}

std::string ContractText(const v1::ContractState& contract, const Style& style, int width,
                         bool wide) {
  std::string text = absl::StrCat(
      "CONTRACT  ",
      style.Paint(Tone::kStrong, Sanitize(absl::StrCat(contract.version(), " ", contract.title()))),
      "   ", Sanitize(Touches(contract, wide)), "\n");
  const auto add = [&text](const char* label, const std::string& value) {
    if (!value.empty()) absl::StrAppend(&text, label, Sanitize(value), "\n");
  };
  add("TURN      ", contract.not_next().empty() ? "" : "not yet: " + contract.not_next());
  if (!contract.operation_id().empty()) {
    add("ASKED     ", absl::StrCat(contract.operation_id(), "  ", PhaseText(contract)));
  }
  add("BARRIER   ", BarrierText(contract));
  add("CONCERNS  ", Concerns(contract));
  if (!contract.groups().empty()) {
    absl::StrAppend(&text, "\n", Groups(contract, style, width, wide));
  }
  if (!contract.clients().empty()) {
    absl::StrAppend(&text, "\n", Clients(contract, style, width, wide));
  }
  return absl::StrCat(text, "\nnext: ", Sanitize(NextFor(contract)), "\n");
}

}  // namespace lockstep::ctl
