#include "coordinator/fleet/fleet.h"

#include <algorithm>
#include <utility>

#include "absl/random/random.h"
#include "absl/strings/str_cat.h"

#include "engine/base/error_info.h"
#include "engine/base/log.h"
#include "engine/base/status_macros.h"

namespace lockstep::coordinator {
namespace {

// How often pins are looked at: an end that comes so late keeps a contract waiting, and breaks
// nothing.
constexpr absl::Duration kPinLook = absl::Seconds(10);

absl::Status TooMany(absl::string_view what, size_t limit) {
  return base::MakeError(absl::StatusCode::kResourceExhausted, "TOO_MANY_SESSIONS",
                         absl::StrCat("the coordinator has ", limit, " ", what, " already"),
                         {{"limit", absl::StrCat(limit)}}, "retry later");
}

bool SameText(const Verdict& a, const Verdict& b) {
  return a.state == b.state && a.reason == b.reason && a.detail == b.detail;
}

}  // namespace

Fleet::Fleet(FleetOptions options)
    : options_(std::move(options)), backends_(options_.durations.session_ttl) {}

absl::Status Fleet::Register(std::shared_ptr<AgentLink> link, const Declaration& declaration,
                             bool serving) {
  {
    base::MutexLock lock(mu_);
    const auto found = entries_.find(declaration.session_id);
    if (found == entries_.end() && entries_.size() >= options_.max_sessions) {
      return TooMany("sessions", options_.max_sessions);
    }
    Entry& entry = entries_[declaration.session_id];
    // A migrator connection that works again makes the agent fit again.
    if (declaration.can_migrate && !entry.member.declaration.can_migrate) {
      entry.member.unfit_for.clear();
    }
    entry.member.declaration = declaration;
    if (declaration.schema_revision > 0) entry.schema_told = declaration.schema_revision;
    entry.member.connected = true;
    entry.member.serving = serving;
    entry.member.suspect = false;
    entry.member.gone = false;
    // It is back: whatever was said of its death was wrong.
    if (entry.member.attested) {
      base::LogWarning("an instance that was attested gone is back",
                       {{"service", declaration.service}, {"instance", declaration.instance}});
    }
    entry.member.attested = false;
    entry.member.superseded = false;
    entry.member.direct = false;
    entry.member.silent_since.reset();
    entry.member.quiet.reset();
    entry.member.backends = 0;
    entry.member.last_seen = options_.clock->SinceBoot();
    entry.member.last_heard = entry.member.last_seen;
    entry.member.first_heard = std::min(entry.member.first_heard, entry.member.last_heard);
    entry.link = std::move(link);
    AskSoon(entry);
  }
  options_.on_change();
  return absl::OkStatus();
}

void Fleet::AddLocal(std::shared_ptr<AgentLink> link, const Declaration& declaration) {
  base::MutexLock lock(mu_);
  Entry& entry = entries_[declaration.session_id];
  entry.member.declaration = declaration;
  entry.member.connected = true;
  entry.member.last_seen = options_.clock->SinceBoot();
  // Refresh asks the database, and so registers, only for those that are not admitted.
  entry.member.known = true;
  entry.member.admitted = true;
  entry.link = std::move(link);
}

void Fleet::AskSoon(Entry& entry) {
  if (entry.asking) {
    entry.ask_again = true;
    return;
  }
  const std::string session_id = entry.member.declaration.session_id;
  entry.asking = options_.workers->Submit([this, session_id] { Ask(session_id); });
  // A full queue is no loss: the next Refresh asks again, and the driver refreshes at least each
  // poll.
  entry.ask_again = !entry.asking;
}

void Fleet::Ask(const std::string& session_id) {
  Declaration declaration;
  {
    base::MutexLock lock(mu_);
    const auto found = entries_.find(session_id);
    if (found == entries_.end()) return;
    found->second.ask_again = false;
    declaration = found->second.member.declaration;
  }
  // Fenced: a row that a deposed leader writes late would be known to nobody who leads.
  const auto leader = options_.leadership();
  if (!leader.has_value()) {
    Answer(session_id, base::MakeError(absl::StatusCode::kUnavailable, "NOT_LEADER",
                                       "this coordinator no longer leads"));
    return;
  }
  auto connection = options_.database->Take();
  Answer(session_id, connection.ok() ? Admit(**connection, declaration, leader)
                                     : absl::StatusOr<Verdict>(connection.status()));
}

void Fleet::Answer(const std::string& session_id, const absl::StatusOr<Verdict>& verdict) {
  std::shared_ptr<AgentLink> link;
  {
    base::MutexLock lock(mu_);
    const auto found = entries_.find(session_id);
    if (found == entries_.end()) return;
    Entry& entry = found->second;
    entry.asking = false;
    link = entry.link;
    if (verdict.ok()) {
      const bool opened = verdict->state == GateState::kOpen && !entry.member.admitted;
      entry.member.known = true;
      entry.member.verdict = *verdict;
      entry.member.admitted = entry.member.admitted || opened;
      // What it finds when it begins to serve is the schema as of its verdict.
      if (verdict->state == GateState::kOpen && entry.schema_told == 0) {
        entry.schema_told = verdict->revision;
      }
      if (entry.member.declaration.reserve.has_value()) {  // One that ended is judged anew.
        entry.member.admitted = verdict->state == GateState::kOpen;
        entry.member.reserved = entry.member.admitted;
      }
      if (opened) {
        base::LogInfo("gate opened", {{"service", entry.member.declaration.service},
                                      {"instance", entry.member.declaration.instance},
                                      {"applied", absl::StrCat(verdict->applied)}});
      }
      if (entry.ask_again && !entry.member.admitted) AskSoon(entry);
    } else {
      entry.ask_again = true;
    }
  }
  if (verdict.ok()) {
    if (link != nullptr) link->SendGate(*verdict);
    options_.on_change();
    return;
  }
  base::LogWarning("an instance could not be registered",
                   {{"session", session_id}, {"error", std::string(verdict.status().message())}});
  // The same instance and nonce under another session: the agent must start over.
  if (link != nullptr && absl::IsAlreadyExists(verdict.status())) {
    link->Close(base::MakeError(absl::StatusCode::kInvalidArgument, "INVALID_FIELD",
                                "another session has this service, instance and nonce",
                                {{"field", "nonce"}}));
  }
}

void Fleet::Heartbeat(const std::string& session_id, bool serving) {
  base::MutexLock lock(mu_);
  const auto found = entries_.find(session_id);
  if (found == entries_.end()) return;
  found->second.member.last_seen = options_.clock->SinceBoot();
  found->second.member.last_heard = found->second.member.last_seen;
  found->second.member.serving = serving;
}

void Fleet::Disconnect(const std::string& session_id, const AgentLink* link, bool goodbye) {
  {
    base::MutexLock lock(mu_);
    const auto found = entries_.find(session_id);
    if (found == entries_.end() || found->second.link.get() != link) return;
    Member& member = found->second.member;
    found->second.link.reset();
    member.connected = false;
    member.serving = false;
    member.last_seen = options_.clock->SinceBoot();
    member.gone = goodbye;  // The driver's next Sweep moves the row.
  }
  options_.on_change();
}

void Fleet::Drain(const std::string& session_id) {
  {
    base::MutexLock lock(mu_);
    const auto found = entries_.find(session_id);
    if (found == entries_.end()) return;
    found->second.member.draining = true;
    found->second.member.serving = false;
  }
  options_.on_change();
}

void Fleet::Refresh(const GateView& view) {
  std::vector<std::pair<std::shared_ptr<AgentLink>, Verdict>> news;
  {
    base::MutexLock lock(mu_);
    for (auto& [id, entry] : entries_) {
      Member& member = entry.member;
      if (!member.connected || entry.asking) continue;
      // One that was admitted has nothing to wait for, unless its row could not be asked for.
      if (member.admitted && !entry.ask_again) continue;
      if (member.known && !entry.ask_again) {
        if (const auto verdict = VerdictWhileBehind(member.verdict, view); verdict.has_value()) {
          if (!SameText(*verdict, member.verdict)) news.emplace_back(entry.link, *verdict);
          member.verdict = *verdict;
          continue;
        }
        if (member.verdict.revision == view.chain.revision) continue;
      }
      AskSoon(entry);
    }
  }
  for (const auto& [link, verdict] : news) {
    if (link != nullptr) link->SendGate(verdict);
  }
}

// Reservations and pins end in the database, by its clock; a reservation also because its instance
// took over. Asks it while there are reservations, and now and then for the pins, which last days
// and are ended by a grant too.
void Fleet::EndReservations(const LeaderToken& leader) {
  std::vector<std::string> reserved;
  {
    base::MutexLock lock(mu_);
    for (const auto& [id, entry] : entries_) {
      if (entry.member.reserved && !entry.member.connected && !entry.asking) reserved.push_back(id);
    }
    const absl::Duration now = options_.clock->SinceBoot();
    if (reserved.empty() && now < next_pin_look_) return;
    next_pin_look_ = now + kPinLook;
  }
  auto connection = options_.database->Take();
  const auto left = connection.ok() ? ExpireReservations(**connection, leader)
                                    : absl::StatusOr<std::set<std::string>>(connection.status());
  if (!left.ok()) {
    base::LogWarning("reservations could not be ended",
                     {{"error", std::string(left.status().message())}});
    return;
  }
  bool ended = false;
  {
    base::MutexLock lock(mu_);
    for (const std::string& id : reserved) {
      const auto found = entries_.find(id);
      if (left->contains(id) || found == entries_.end()) continue;
      if (found->second.member.connected || found->second.asking) continue;  // It asks again.
      base::LogInfo("reservation ended", {{"service", found->second.member.declaration.service},
                                          {"instance", found->second.member.declaration.instance}});
      entries_.erase(found);
      ended = true;
    }
  }
  if (ended) options_.on_change();
}

absl::Status Fleet::Reload() {
  ASSIGN_OR_RETURN(auto connection, options_.database->Take());
  ASSIGN_OR_RETURN(const auto rows, ReadSessions(*connection));
  base::MutexLock lock(mu_);
  loaded_at_ = options_.clock->SinceBoot();
  settled_at_.reset();
  brake_.reset();  // The next sweep judges, and tells it again.
  next_reconcile_ = loaded_at_ + options_.durations.session_ttl / 2;
  for (const SessionRow& row : rows) Load(row);
  return absl::OkStatus();
}

void Fleet::Load(const SessionRow& row) {
  const auto [it, inserted] = entries_.try_emplace(row.declaration.session_id);
  if (!inserted) return;  // Connected already: what it said is newer.
  Member& member = it->second.member;
  member.declaration = row.declaration;
  member.declaration.can_migrate = false;
  member.verdict = row.verdict;
  member.known = true;
  member.reserved = row.state == "starting";
  member.admitted =
      member.reserved || row.state == "live" || row.state == "draining" || row.state == "suspect";
  member.draining = row.state == "draining";
  member.suspect = row.state == "suspect";
  member.direct = row.via == "direct";
  member.superseded = !row.superseded_by.empty();
  member.attested = row.attestation.has_value();
  member.silent_since = row.silent_since;
  // A full TTL to come back to the new leader.
  member.last_seen = options_.clock->SinceBoot();
  member.last_heard = member.last_seen;
}

Fleet::Entries Fleet::TakeAll() {
  Entries entries;
  base::MutexLock lock(mu_);
  entries.swap(entries_);
  return entries;
}

void Fleet::DisconnectAll(const absl::Status& status) {
  for (const auto& [id, entry] : TakeAll()) {
    if (entry.link != nullptr) entry.link->Close(status);
  }
}

void Fleet::SendAllAway(absl::Duration spread, const absl::Status& status) {
  absl::BitGen random;
  for (const auto& [id, entry] : TakeAll()) {
    if (entry.link != nullptr)
      entry.link->SendAway(spread * absl::Uniform(random, 0.0, 1.0), status);
  }
}

bool Fleet::Offer(const std::string& session_id, const LeaseOffer& offer) {
  std::shared_ptr<AgentLink> link;
  {
    base::MutexLock lock(mu_);
    const auto found = entries_.find(session_id);
    if (found != entries_.end()) link = found->second.link;
  }
  if (link == nullptr) return false;
  link->SendOffer(offer);
  return true;
}

bool Fleet::OfferBackfill(const std::string& session_id, const BackfillOffer& offer) {
  std::shared_ptr<AgentLink> link;
  {
    base::MutexLock lock(mu_);
    const auto found = entries_.find(session_id);
    if (found != entries_.end()) link = found->second.link;
  }
  if (link == nullptr) return false;
  link->SendBackfill(offer);
  return true;
}

void Fleet::SendRevoked(const std::string& session_id, const LeaseToken& token,
                        const std::string& reason) {
  std::shared_ptr<AgentLink> link;
  {
    base::MutexLock lock(mu_);
    const auto found = entries_.find(session_id);
    if (found != entries_.end()) link = found->second.link;
  }
  if (link != nullptr) link->SendRevoked(token, reason);
}

void Fleet::MarkDeclined(const std::string& session_id, absl::Duration pause) {
  base::MutexLock lock(mu_);
  const auto found = entries_.find(session_id);
  if (found == entries_.end()) return;
  found->second.member.declined_until = options_.clock->SinceBoot() + pause;
}

void Fleet::MarkUnfit(const std::string& session_id, const std::string& operation,
                      const std::string& why, const std::string& hint) {
  base::MutexLock lock(mu_);
  const auto found = entries_.find(session_id);
  if (found == entries_.end()) return;
  found->second.member.unfit_for = operation;
  found->second.member.unfit_why = why;
  found->second.member.unfit_hint = hint;
}

std::vector<Member> Fleet::Members() const {
  base::MutexLock lock(mu_);
  std::vector<Member> members;
  members.reserve(entries_.size());
  for (const auto& [id, entry] : entries_) members.push_back(entry.member);
  return members;
}

std::optional<Member> Fleet::Find(const std::string& session_id) const {
  base::MutexLock lock(mu_);
  const auto found = entries_.find(session_id);
  if (found == entries_.end()) return std::nullopt;
  return found->second.member;
}

}  // namespace lockstep::coordinator
