// How the fleet ends sessions: the part of Fleet that the driver calls on each tick.
#include <algorithm>
#include <set>
#include <utility>

#include "absl/strings/str_cat.h"

#include "coordinator/fleet/fleet.h"
#include "engine/base/error_info.h"
#include "engine/base/log.h"
#include "engine/base/status_macros.h"

namespace lockstep::coordinator {
namespace {

using Name = std::pair<std::string, std::string>;  // Service and instance.

Name NameOf(const Member& member) {
  return {member.declaration.service, member.declaration.instance};
}

EndRule RuleOf(Move move) {
  switch (move) {
    case Move::kExpireTtl:
      return EndRule::kTtl;
    case Move::kExpireNewerStart:
      return EndRule::kNewerStart;
    case Move::kExpireAttested:
      return EndRule::kAttested;
    default:
      return EndRule::kPolicy;
  }
}

const char* WordOf(Move move) {
  switch (move) {
    case Move::kClose:
      return "closed";
    case Move::kSuspect:
      return "suspect";
    default:
      return "expired";
  }
}

bool IsExpiry(Move move) { return move != Move::kClose && move != Move::kSuspect; }

absl::Status Blocked(const Member& member, absl::string_view why, absl::string_view hint) {
  const Declaration& d = member.declaration;
  const std::string name = absl::StrCat(d.service, "@", d.instance);
  base::ErrorInfo info{.reason = "BLOCKED",
                       .metadata = {{"service", d.service},
                                    {"instance", d.instance},
                                    {"session_id", d.session_id},
                                    {"why", std::string(why)}},
                       .hint = std::string(hint),
                       .blockers = {{"instance", name, std::string(why)}}};
  return base::MakeError(absl::StatusCode::kFailedPrecondition,
                         absl::StrCat(name, " cannot be evicted: it ", why), std::move(info));
}

}  // namespace

// Whoever was there during the change of leader and has not come back fell silent when it was over.
bool Fleet::Settled() {
  const Durations& d = options_.durations;
  const absl::Duration now = options_.clock->SinceBoot();
  const bool settled = options_.settled ? options_.settled()
                                        : now - loaded_at_ > d.session_ttl + d.admission_validity;
  if (!settled) {
    settled_at_.reset();
  } else if (!settled_at_.has_value()) {
    settled_at_ = now;
  }
  return settled;
}

// It counts, and only its silence speaks.
bool Fleet::IsSilent(const Entry& entry) const {
  const Member& member = entry.member;
  return member.admitted && !member.connected && !member.reserved && !member.gone;
}

void Fleet::Sweep() {
  const auto leader = options_.leadership();
  if (!leader.has_value()) return;
  EndReservations(*leader);
  Reconcile();
  LookForSilent(*leader);
  UpdateBrake(*leader);
  NoteNewerStarts(*leader);
  const std::vector<PlannedMove> moves = PlanMoves();
  absl::Status away;
  for (const PlannedMove& move : moves) {
    // The database is away for the others as well.
    const auto moved = away.ok() ? MakeMove(*leader, move) : absl::StatusOr<bool>(away);
    if (!moved.ok() && away.ok()) {
      away = moved.status();
      base::LogWarning("a session could not be moved",
                       {{"session", move.session_id}, {"error", std::string(away.message())}});
    }
    EndMove(move, moved);
  }
  if (!moves.empty()) options_.on_change();
}

void Fleet::LookForSilent(const LeaderToken& leader) {
  std::vector<std::string> about;
  const absl::Duration now = options_.clock->SinceBoot();
  {
    base::MutexLock lock(mu_);
    if (now < next_look_) return;
    for (const auto& [id, entry] : entries_) {
      const Member& m = entry.member;
      const bool by_ttl = m.declaration.stop_on_session_loss && !m.direct;
      if (IsSilent(entry) && (m.suspect || !by_ttl)) about.push_back(id);
    }
    if (about.empty()) return;
    next_look_ = now + options_.durations.poll / 2;
  }
  auto connection = options_.database->Take();
  const auto look = connection.ok() ? LookForBackends(**connection, about)
                                    : absl::StatusOr<BackendLook>(connection.status());
  if (!look.ok()) return;  // Quiet has to be seen: a gap begins it anew.
  std::vector<std::string> tell;
  {
    base::MutexLock lock(mu_);
    if (backends_.can_see() && !look->can_see) {
      base::LogWarning("suspect sessions cannot end: who is connected to the database is hidden",
                       {{"hint", "GRANT pg_read_all_stats to the coordinator's role"}});
    }
    backends_.Saw(*look, about, now);
    for (const std::string& id : about) {
      const auto found = entries_.find(id);
      if (found == entries_.end() || !IsSilent(found->second)) continue;
      Entry& entry = found->second;
      entry.member.quiet = backends_.Quiet(id);
      entry.member.backends = backends_.Count(id);
      const bool due = now - entry.backends_told > options_.durations.session_ttl;
      if (entry.member.backends == 0 || !entry.member.suspect || !due) continue;
      entry.backends_told = now;
      tell.push_back(id);
    }
  }
  if (!tell.empty()) (void)RememberBackends(**connection, leader, tell);
}

void Fleet::UpdateBrake(const LeaderToken& leader) {
  BrakeState state;
  bool was_frozen = false;
  {
    base::MutexLock lock(mu_);
    if (!Settled()) return;
    const absl::Duration now = options_.clock->SinceBoot();
    size_t sessions = 0;
    std::vector<absl::Duration> silent;
    for (const auto& [id, entry] : entries_) {
      if (!entry.member.admitted || entry.member.reserved) continue;
      ++sessions;
      if (!IsSilent(entry)) continue;
      // One that was suspect when it was loaded fell silent under a leader before.
      const bool before = entry.member.suspect && entry.member.silent_since.has_value();
      const absl::Duration since = before
                                       ? now - (options_.clock->Now() - *entry.member.silent_since)
                                       : std::max(entry.member.last_seen, *settled_at_);
      // Whoever might have looked had a day to do so: then the policy goes on, for them all.
      if (now - since < options_.durations.suspect_expiry) silent.push_back(since);
    }
    state = JudgeBrake(sessions, std::move(silent), options_.durations.session_ttl);
    was_frozen = brake_.has_value();
    if (was_frozen && state.frozen) brake_->state = state;
    if (was_frozen == state.frozen) return;
    // From here on, whether the event can be written or not.
    brake_.reset();
    if (state.frozen) brake_ = ExpiryBrake{.state = state, .since = options_.clock->Now()};
  }
  const base::LogFields facts = {{"silent", absl::StrCat(state.silent)},
                                 {"sessions", absl::StrCat(state.sessions)}};
  if (state.frozen) {
    base::LogError("expiry is frozen: too many sessions fell silent at once", facts);
  } else {
    base::LogInfo("expiry goes on", facts);
  }
  auto connection = options_.database->Take();
  const absl::Status told =
      connection.ok() ? TellBrake(**connection, leader, state.frozen, state.silent, state.sessions)
                      : connection.status();
  if (!told.ok()) {
    base::LogWarning("the event about expiry could not be written",
                     {{"error", std::string(told.message())}});
  }
  options_.on_change();
}

// Two starts of one instance may live side by side: a mistake, but the newer one must not retire
// the older one then. So the older one must not have been heard any more when the newer one said
// hello. Live starts are heard all the time, and this is looked at a TTL later.
void Fleet::NoteNewerStarts(const LeaderToken& leader) {
  std::vector<std::pair<std::string, std::string>> found;  // Older and newer.
  {
    base::MutexLock lock(mu_);
    std::map<Name, std::vector<std::string>> older;
    for (const auto& [id, entry] : entries_) {
      if (IsSilent(entry) && entry.member.suspect && !entry.member.superseded) {
        older[NameOf(entry.member)].push_back(id);
      }
    }
    if (older.empty()) return;
    for (const auto& [id, entry] : entries_) {
      const Member& newer = entry.member;
      if (!newer.known || newer.declaration.reserve.has_value()) continue;
      const auto same = older.find(NameOf(newer));
      if (same == older.end()) continue;
      for (const std::string& old : same->second) {
        const Member& m = entries_.at(old).member;
        if (newer.declaration.nonce == m.declaration.nonce) continue;
        if (newer.first_heard < absl::InfiniteDuration() && newer.first_heard > m.last_heard) {
          found.emplace_back(old, id);
        }
      }
    }
  }
  for (const auto& [old, newer] : found) {
    auto connection = options_.database->Take();
    if (!connection.ok()) return;
    const auto noted = SupersedeSession(**connection, leader, old, newer);
    if (!noted.ok()) return;
    base::MutexLock lock(mu_);
    const auto entry = entries_.find(old);
    if (entry == entries_.end() || !IsSilent(entry->second)) continue;
    entry->second.member.superseded = *noted;
  }
}

std::vector<Fleet::PlannedMove> Fleet::PlanMoves() {
  std::vector<PlannedMove> moves;
  base::MutexLock lock(mu_);
  const EndView view{
      .settled = Settled(), .frozen = brake_.has_value(), .durations = options_.durations};
  const absl::Duration now = options_.clock->SinceBoot();
  const absl::Time wall = options_.clock->Now();
  for (auto& [id, entry] : entries_) {
    const Member& m = entry.member;
    // An admission under way is waited for; reservations are EndReservations'.
    if (m.connected || entry.asking || m.reserved) continue;
    const Move move = NextMove(
        {.said_goodbye = m.gone,
         .admitted = m.admitted,
         .stops = m.declaration.stop_on_session_loss,
         .direct = m.direct,
         .suspect = m.suspect,
         .superseded = m.superseded,
         .attested = m.attested,
         .silent = now - m.last_seen,
         .quiet = m.quiet,
         .suspect_for = m.silent_since.has_value() ? wall - *m.silent_since : absl::ZeroDuration()},
        view);
    if (move == Move::kNone || (IsExpiry(move) && now < entry.retry_end)) continue;
    moves.push_back({.session_id = id,
                     .move = move,
                     .silent = now - m.last_seen,
                     .forget = !m.admitted && !m.gone});
    // Whoever comes back meanwhile is asked for afterwards: the move would undo an admission
    // whose verdict is out already, and the instance would serve without counting.
    entry.asking = true;
    if (moves.size() == kMaxMoves) break;
  }
  return moves;
}

absl::StatusOr<bool> Fleet::MakeMove(const LeaderToken& leader, const PlannedMove& move) {
  ASSIGN_OR_RETURN(auto connection, options_.database->Take());
  if (move.move == Move::kClose) {
    return MoveSession(*connection, leader, move.session_id, move.forget ? "forgotten" : "closed");
  }
  if (move.move == Move::kSuspect) {
    return SuspectSession(*connection, leader, move.session_id, move.silent);
  }
  return ExpireSession(*connection, leader, move.session_id, RuleOf(move.move),
                       options_.durations.suspect_expiry);
}

void Fleet::EndMove(const PlannedMove& move, const absl::StatusOr<bool>& moved) {
  base::MutexLock lock(mu_);
  const auto found = entries_.find(move.session_id);
  if (found == entries_.end()) return;
  Entry& entry = found->second;
  Member& member = entry.member;
  entry.asking = false;
  // A close that changed nothing found the row closed; one that was to be forgotten may count.
  const bool by_row = IsExpiry(move.move) || move.forget;
  const bool ended = moved.ok() && (by_row ? *moved : move.move == Move::kClose);
  if (member.connected) {
    if (ended) {
      member.admitted = false;
      member.known = false;
    }
    AskSoon(entry);
    return;
  }
  if (!moved.ok()) return;
  if (!ended && move.forget) {  // The database let it in meanwhile.
    member.admitted = true;
    member.direct = true;
    member.last_seen = options_.clock->SinceBoot();
    return;
  }
  if (!ended && move.move != Move::kSuspect) {
    entry.retry_end = options_.clock->SinceBoot() + options_.durations.session_ttl;
    return;
  }
  base::LogInfo(ended ? "session ended" : "session suspect",
                {{"service", member.declaration.service},
                 {"instance", member.declaration.instance},
                 {"state", WordOf(move.move)},
                 {"rule", IsExpiry(move.move) ? NameOf(RuleOf(move.move)) : ""}});
  if (ended) {
    entries_.erase(found);
    return;
  }
  member.suspect = true;
  if (member.silent_since.has_value()) return;
  member.silent_since = options_.clock->Now() - move.silent;
}

// Takes the session's row for a transaction of ours, as a move does.
absl::Status Fleet::ClaimSilent(const std::string& session_id, absl::Duration& silent) {
  base::MutexLock lock(mu_);
  const auto found = entries_.find(session_id);
  if (found == entries_.end()) {
    return base::MakeError(absl::StatusCode::kNotFound, "INSTANCE_NOT_FOUND",
                           absl::StrCat("no session ", session_id, " is registered"),
                           {{"session_id", session_id}}, "`lockstep instances` lists them");
  }
  Entry& entry = found->second;
  const absl::Duration now = options_.clock->SinceBoot();
  if (entry.member.connected) {
    return Blocked(entry.member,
                   absl::StrCat("is connected, and was heard ",
                                absl::FormatDuration(
                                    absl::Trunc(now - entry.member.last_heard, absl::Seconds(1))),
                                " ago"),
                   "end the instance itself: it says goodbye");
  }
  if (entry.member.reserved) {
    return Blocked(entry.member, "is a reservation, which ends when its time is over",
                   "`lockstep instances get` says when");
  }
  if (!entry.member.admitted || entry.member.gone) {
    return Blocked(entry.member, "does not count and holds nothing back", "");
  }
  if (entry.asking) {
    return base::MakeError(absl::StatusCode::kAborted, "BUSY",
                           "the session is being moved just now", {{"session_id", session_id}},
                           "try again");
  }
  entry.asking = true;
  silent = now - entry.member.last_seen;
  return absl::OkStatus();
}

absl::Status Fleet::Attest(const LeaderToken& leader, const std::string& session_id,
                           const Attestation& attestation) {
  PlannedMove move{.session_id = session_id, .move = Move::kSuspect};
  RETURN_IF_ERROR(ClaimSilent(session_id, move.silent));
  auto connection = options_.database->Take();
  const auto attested =
      connection.ok() ? AttestSession(**connection, leader, session_id, move.silent, attestation)
                      : absl::StatusOr<bool>(connection.status());
  {
    base::MutexLock lock(mu_);
    const auto found = entries_.find(session_id);
    if (found != entries_.end() && !found->second.member.connected) {
      found->second.member.attested = attested.ok() && *attested;
    }
  }
  EndMove(move, attested);
  options_.on_change();
  RETURN_IF_ERROR(attested.status());
  if (!*attested) {
    return base::MakeError(absl::StatusCode::kFailedPrecondition, "BLOCKED",
                           absl::StrCat("session ", session_id, " does not count any more"),
                           {{"session_id", session_id}}, "`lockstep instances`");
  }
  base::LogInfo("session attested gone",
                {{"session", session_id}, {"by", attestation.actor}, {"why", attestation.reason}});
  return absl::OkStatus();
}

std::optional<ExpiryBrake> Fleet::expiry_brake() const {
  base::MutexLock lock(mu_);
  return brake_;
}

bool Fleet::can_see_backends() const {
  base::MutexLock lock(mu_);
  return backends_.can_see();
}

}  // namespace lockstep::coordinator
