// The verbs about contracts: the part of Operations that starts one and tells who is in the way.
#include <algorithm>
#include <map>
#include <tuple>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"

#include "coordinator/fleet/gate_rule.h"
#include "coordinator/operation/operations.h"
#include "coordinator/store/lock_store.h"
#include "coordinator/store/session_store.h"
#include "engine/base/error_info.h"
#include "engine/base/log.h"
#include "engine/base/status_macros.h"

namespace lockstep::coordinator {
namespace {

using base::MakeError;

constexpr char kReasonNotWaiting[] = "NOT_WAITING";
// Of one refusal, how many blockers are named one by one.
constexpr size_t kMaxBlockers = 100;

bool Counts(const std::string& state) {
  return state == "starting" || state == "live" || state == "draining" || state == "suspect";
}

absl::Status NotWaiting(const ContractFacts& facts) {
  const std::string version = absl::StrCat(facts.version);
  const std::string why = !facts.published    ? "is not published"
                          : facts.is_contract ? "has run already"
                                              : "is no contract";
  return MakeError(absl::StatusCode::kFailedPrecondition, kReasonNotWaiting,
                   absl::StrCat("version ", version, " ", why), {{"version", version}},
                   "`lockstep blockers` lists the contracts that wait");
}

bool IsWaiting(const ContractFacts& facts) {
  return facts.published && facts.is_contract && !facts.ran;
}

absl::Status Blocked(const ContractFacts& facts, const std::string& why, const std::string& hint,
                     std::vector<base::Blocker> blockers) {
  if (blockers.size() > kMaxBlockers) {
    const size_t more = blockers.size() - kMaxBlockers;
    blockers.resize(kMaxBlockers);
    blockers.push_back({"session", absl::StrCat("and ", more, " more"), "`lockstep blockers`"});
  }
  const std::vector<std::string> names =
      ShortNames(facts.touches.value_or(std::vector<std::string>()));
  blockers.insert(blockers.begin(),
                  {"contract", absl::StrCat(facts.version, " ", facts.title),
                   names.empty() ? "may touch anything"
                                 : absl::StrCat("touches ", absl::StrJoin(names, ", "))});
  base::ErrorInfo info{
      .reason = kReasonBlocked,
      .metadata = {{"version", absl::StrCat(facts.version)}, {"title", facts.title}, {"why", why}},
      .hint = hint,
      .blockers = std::move(blockers)};
  return MakeError(absl::StatusCode::kFailedPrecondition,
                   absl::StrCat("contract ", facts.version, " is blocked: ", why), std::move(info));
}

std::string Ago(absl::Duration age) {
  return absl::FormatDuration(absl::Trunc(age, absl::Seconds(1)));
}

base::Blocker BlockerOf(const SessionRow& row, const std::optional<Member>& member,
                        absl::Duration now) {
  const Declaration& d = row.declaration;
  std::string text = absl::StrCat(row.state, ", adapted to ", d.adapted_to);
  if (member.has_value() && member->connected) {
    absl::StrAppend(&text, ", heard from ", Ago(now - member->last_heard), " ago");
  } else {
    absl::StrAppend(&text, ", not connected");
  }
  return {"session", absl::StrCat(d.service, "@", d.build, "  ", d.instance), std::move(text)};
}

base::Blocker BlockerOf(const ClientGroup& client) {
  return {client.leftover ? "leftover" : "client",
          absl::StrCat(client.application_name.empty() ? "(no name)" : client.application_name,
                       "  role ", client.role, "  ", client.address),
          absl::StrCat(client.connections, client.connections == 1 ? " connection" : " connections",
                       client.locks > 0 ? ", holds a lock on what it touches" : "", ", ",
                       client.leftover ? "of an instance that has ended" : "declared by nobody")};
}

void AddLiveness(const std::vector<Member>& members, absl::Duration now,
                 std::vector<ConcernedGroup>& groups) {
  std::map<std::tuple<std::string, std::string, Version>, ConcernedGroup*> found;
  for (ConcernedGroup& group : groups) {
    found[{group.service, group.build, group.adapted_to}] = &group;
  }
  for (const Member& member : members) {
    const Declaration& d = member.declaration;
    const auto group = found.find({d.service, d.build, d.adapted_to});
    if (group == found.end() || !member.admitted || !member.connected) continue;
    ConcernedGroup& to = *group->second;
    ++to.connected;
    const absl::Duration ago = now - member.last_heard;
    to.last_seen = std::min(to.last_seen.value_or(absl::InfiniteDuration()), ago);
  }
}

}  // namespace

absl::StatusOr<ContractState> Operations::ReadContractState(
    postgres::Connection& connection, Version version,
    const std::optional<OperationRow>& operation) {
  ContractState state{.operation = operation};
  std::optional<absl::Time> since;
  if (operation.has_value()) since = operation->created_at;
  ASSIGN_OR_RETURN(state.facts, ReadContractFacts(connection, version, since));
  AddLiveness(options_.fleet->Members(), options_.clock->SinceBoot(), state.facts.groups);
  if (operation.has_value()) {
    state.step = NextContractStep(*operation, state.facts, "", absl::ZeroDuration());
  }
  return state;
}

// Whether it could run at once or was told to wait. Reads who is in the way one by one only when it
// is refused.
absl::Status Operations::CheckContract(postgres::Connection& connection,
                                       const ContractRequest& request,
                                       const ContractFacts& facts) {
  if (!IsWaiting(facts)) return NotWaiting(facts);
  if (!facts.not_next.empty()) {
    return Blocked(facts, facts.not_next, "`lockstep plan` shows what comes before it",
                   {{"migration", absl::StrCat(facts.version, " ", facts.title), facts.not_next}});
  }
  if (request.terminate_idle.has_value()) RETURN_IF_ERROR(CheckMayTerminate(connection));
  if (request.when_drained) return absl::OkStatus();
  const std::string again = absl::StrCat("`lockstep contract ", facts.version);
  std::vector<base::Blocker> blockers;
  if (facts.concerned > 0) {
    const absl::Duration now = options_.clock->SinceBoot();
    ASSIGN_OR_RETURN(const auto sessions, ReadSessions(connection));
    for (const SessionRow& row : sessions) {
      if (!Counts(row.state) || !Concerns(facts.version, facts.touches, row.declaration)) continue;
      blockers.push_back(BlockerOf(row, options_.fleet->Find(row.declaration.session_id), now));
    }
    for (const ConcernedGroup& group : facts.groups) {
      if (group.pins == 0) continue;
      blockers.push_back({"pin", absl::StrCat(group.service, "@", group.build),
                          absl::StrCat("pinned for a rollback, adapted to ", group.adapted_to)});
    }
    return Blocked(facts,
                   absl::StrCat(facts.concerned, " of ", facts.counting,
                                facts.counting == 1 ? " instance" : " instances",
                                facts.concerned == 1 ? " still needs" : " still need",
                                " the old shape"),
                   absl::StrCat("deploy builds that are adapted to ", facts.version, ", or ", again,
                                " --when-drained --deadline 7d`"),
                   std::move(blockers));
  }
  if (!AreClientsInTheWay(facts, !request.accept_unknown.empty())) return absl::OkStatus();
  for (const ClientGroup& client : facts.clients) blockers.push_back(BlockerOf(client));
  return Blocked(facts, "connections that no instance answers for may use what it removes",
                 absl::StrCat("end them, or ", again, " --accept-unknown REASON`"),
                 std::move(blockers));
}

absl::StatusOr<OperationView> Operations::StartContract(const ContractRequest& request,
                                                        bool validate_only) {
  ASSIGN_OR_RETURN(const LeaderToken leader, Leadership());
  ASSIGN_OR_RETURN(auto connection, options_.database->Take());
  ASSIGN_OR_RETURN(const bool known, IsRequestKnown(*connection, request.request_id));
  ASSIGN_OR_RETURN(const auto active,
                   ReadActiveOperation(*connection, OperationKind::kContract));
  ContractFacts facts;
  RETURN_IF_ERROR(connection->InSnapshot([&]() -> absl::Status {
    ASSIGN_OR_RETURN(facts, ReadContractFacts(*connection, request.version, std::nullopt));
    return absl::OkStatus();
  }));
  if (!known && !active.has_value()) {
    RETURN_IF_ERROR(CheckContract(*connection, request, facts));
  }
  if (validate_only) {
    OperationView view{.row = {.kind = OperationKind::kContract,
                               .target = request.version,
                               .contracts = true,
                               .actor = request.actor,
                               .reason = request.reason,
                               .created_at = options_.clock->Now(),
                               .when_drained = request.when_drained,
                               .soak = request.soak,
                               .accept_unknown = request.accept_unknown}};
    view.contract = ContractState{.facts = std::move(facts), .operation = active};
    return view;
  }
  ASSIGN_OR_RETURN(const std::string id, StartContractOperation(*connection, leader, request));
  base::LogInfo("contract asked for", {{"operation", id},
                                       {"version", absl::StrCat(request.version)},
                                       {"actor", request.actor}});
  options_.driver->Wake();
  ASSIGN_OR_RETURN(const OperationRow row, ReadOperation(*connection, id));
  return Describe(*connection, row);
}

absl::StatusOr<std::vector<ContractState>> Operations::ListContracts(Version version) {
  ASSIGN_OR_RETURN(auto connection, options_.database->Take());
  std::vector<ContractState> states;
  RETURN_IF_ERROR(connection->InSnapshot([&]() -> absl::Status {
    std::vector<Version> versions = {version};
    if (version == 0) {
      ASSIGN_OR_RETURN(versions, ReadPendingContracts(*connection));
    }
    ASSIGN_OR_RETURN(const auto active,
                     ReadActiveOperation(*connection, OperationKind::kContract));
    for (const Version each : versions) {
      const bool mine = active.has_value() && active->target == each;
      ASSIGN_OR_RETURN(ContractState state,
                       ReadContractState(*connection, each, mine ? active : std::nullopt));
      states.push_back(std::move(state));
    }
    return absl::OkStatus();
  }));
  if (version != 0 && !IsWaiting(states.front().facts)) return NotWaiting(states.front().facts);
  return states;
}

}  // namespace lockstep::coordinator
