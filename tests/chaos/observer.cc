#include "tests/chaos/observer.h"

#include <algorithm>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"

#include "engine/base/status_macros.h"

namespace lockstep::chaos {
namespace {

constexpr absl::Duration kPause = absl::Milliseconds(100);
constexpr int kLooksPerCheck = 10;
constexpr int kMaxShown = 5;  // Of what one check finds.

constexpr char kChain[] = R"(
SELECT c.applied, c.head, c.incarnation, c.revision, l.epoch, coalesce(l.lease_id::text, ''), l.state,
       coalesce(d.epoch, 0), coalesce(d.holder::text, ''),
       coalesce((SELECT a.holder FROM lockstep.attempt a
                  WHERE a.lease_epoch = l.epoch AND l.state = 'held'), ''),
       coalesce(l.first, 0), ('x' || left(pg_walfile_name(pg_current_wal_lsn()), 8))::bit(32)::int,
       (SELECT count(*) FROM lockstep.migration m WHERE m.version > c.applied AND m.phase <> 'contract')
  FROM lockstep.chain c, lockstep.lease l LEFT JOIN lockstep.leader d ON true)";

constexpr char kEvents[] = R"(
SELECT e.revision, e.kind, coalesce(e.version, 0), coalesce((e.detail ->> 'lease_epoch')::bigint, 0),
       coalesce(w.author, ''), coalesce(w.concerned, -1), coalesce(w.leader, ''), coalesce(w.leader_epoch, 0)
  FROM lockstep.event e LEFT JOIN chaos.witness w USING (revision)
 WHERE e.revision > )";

}  // namespace

Observer::Observer(std::string conninfo, Journal* journal)
    : conninfo_(std::move(conninfo)), journal_(journal), progress_at_(absl::Now()) {}

Observer::~Observer() { Stop(); }

void Observer::Start() {
  thread_ = std::thread([this] { Run(); });
}

void Observer::Stop() {
  stopping_ = true;
  if (thread_.joinable()) thread_.join();
}

Look Observer::last() const {
  base::MutexLock lock(mu_);
  return last_;
}

absl::Duration Observer::stuck_for() const {
  base::MutexLock lock(mu_);
  return absl::Now() - progress_at_;
}

void Observer::Run() {
  for (int round = 1; !stopping_; ++round) {
    // A database that is away, or whose disk is full, is looked at again.
    if (const absl::Status status = LookOnce(round % kLooksPerCheck == 0); !status.ok()) {
      journal_->Count("looks that failed");
      if (!absl::IsUnavailable(status) && !absl::IsUnknown(status) &&
          !absl::IsResourceExhausted(status) && !absl::IsDeadlineExceeded(status)) {
        journal_->Note(absl::StrCat("observer: ", status.ToString().substr(0, 300)));
      }
    }
    absl::SleepFor(kPause);
  }
}

absl::StatusOr<postgres::Result> Observer::Query(const std::string& sql) {
  return connection_->Query(sql);
}

bool Observer::Ran(int version) {
  base::MutexLock lock(work_);
  return history_.contains(version);
}

absl::Status Observer::LookNow() { return LookOnce(true); }

absl::Status Observer::LookOnce(bool checks) {
  base::MutexLock lock(work_);
  if (connection_ != nullptr && !connection_->usable()) connection_.reset();
  if (connection_ == nullptr) {
    ASSIGN_OR_RETURN(connection_, postgres::Connection::Open(
                                      {.conninfo = conninfo_, .application_name = "observer"}));
  }
  Look look;
  RETURN_IF_ERROR(connection_->InSnapshot([&] { return Snapshot(&look, checks); }));
  Progress(look);
  return absl::OkStatus();
}

absl::Status Observer::Snapshot(Look* look, bool checks) {
  RETURN_IF_ERROR(ReadChain(look));
  RETURN_IF_ERROR(ReadHistory(*look));
  RETURN_IF_ERROR(ReadEvents(*look));
  if (!checks) return absl::OkStatus();
  RETURN_IF_ERROR(CheckCounter());
  return RunChecks(When::kAlways);
}

void Observer::ForgetTimeline() {
  incarnation_before_ = previous_.incarnation;
  revision_ = lease_epoch_ = leader_epoch_ = 0;
  replay_ = Replay();
}

absl::Status Observer::ReadChain(Look* look) {
  ASSIGN_OR_RETURN(const postgres::Result result, Query(kChain));
  if (result.empty()) return absl::UnavailableError("schema lockstep is not there yet");
  const postgres::Row& row = result.only();
  *look = {.applied = row.Int(0),
           .head = row.Int(1),
           .incarnation = row.Long(2),
           .timeline = row.Int(11),
           .lease_state = row.Text(6),
           .holder = row.Text(9),
           .first = row.Int(10)};
  const bool forked = look->timeline != previous_.timeline;
  if (forked) {
    ForgetTimeline();
  } else {
    if (look->applied < previous_.applied) {
      journal_->Violation(
          "I1", absl::StrCat("applied went from ", previous_.applied, " to ", look->applied));
    }
    if (look->head < previous_.head || look->incarnation < previous_.incarnation) {
      journal_->Violation("I1", "head or incarnation went back");
    }
  }
  if (row.Long(3) < revision_) journal_->Violation("events", "the revision went back");
  if (row.Long(4) < lease_epoch_) journal_->Violation("I6", "the lease epoch went back");
  if (row.Long(7) < leader_epoch_) journal_->Violation("I6", "the leader epoch went back");
  revision_ = row.Long(3);
  lease_epoch_ = row.Long(4);
  leader_epoch_ = row.Long(7);
  for (const auto& [kind, uuid, number] : {std::tuple("lease", row.Text(5), row.Text(4)),
                                           std::tuple("leader", row.Text(8), row.Text(7))}) {
    if (uuid.empty()) continue;
    const auto [known, fresh] = tokens_.emplace(absl::StrCat(kind, " ", uuid), number);
    if (!fresh && known->second != number) {
      journal_->Violation("I6", absl::StrCat(kind, " ", uuid, " has number ", known->second,
                                             " and number ", number));
    }
  }
  base::MutexLock lock(mu_);
  const bool pending = row.Long(12) > 0;
  if (!pending || look->applied != previous_.applied) {
    journal_->Raise("longest time without progress (ms)",
                    absl::ToInt64Milliseconds(absl::Now() - progress_at_));
    progress_at_ = absl::Now();
  }
  return absl::OkStatus();
}

absl::Status Observer::ReadHistory(const Look& look) {
  ASSIGN_OR_RETURN(const postgres::Result result,
                   Query("SELECT h.version, h.xid::text, h.lease_id::text, h.how FROM "
                         "lockstep.history h"));
  std::map<int, Row> now;
  int64_t adopted = 0;
  for (const postgres::Row& row : result.rows) {
    now[row.Int(0)] = {.xid = row.Text(1), .lease = row.Text(2)};
    adopted += row.Text(3) == "adopted" ? 1 : 0;
  }
  ASSIGN_OR_RETURN(
      const postgres::Result sessions,
      Query("SELECT count(*) FILTER (WHERE s.state = 'expired'), count(*) FILTER (WHERE "
            "s.migrate_error LIKE '%pooler%'), (SELECT count(*) FROM lockstep.intent i "
            "WHERE i.state = 'adopted') FROM lockstep.session s"));
  journal_->Raise("expired sessions", sessions.only().Long(0));
  journal_->Raise("adopted", std::max(adopted, sessions.only().Long(2)));
  journal_->Raise("migrators refused behind a pooler", sessions.only().Long(1));
  const bool forked = look.timeline != previous_.timeline;
  for (const auto& [version, row] : history_) {
    const auto it = now.find(version);
    if (it == now.end()) {
      if (!forked) journal_->Violation("I1", absl::StrCat("history of ", version, " was removed"));
      continue;
    }
    // Published and run again after a loss it is another transaction; rows that survived are not.
    if (it->second != row && !forked) {
      journal_->Violation("I1", absl::StrCat("history of ", version, " was changed"));
    }
    if (it->second != row && forked && look.incarnation == incarnation_before_) {
      journal_->Violation("I1", absl::StrCat("history of ", version,
                                             " was written anew before the incarnation grew"));
    }
  }
  for (const auto& [version, row] : now) {
    if (!history_.contains(version)) journal_->Count("migrations applied");
  }
  history_ = std::move(now);
  return absl::OkStatus();
}

absl::Status Observer::ReadEvents(const Look& look) {
  ASSIGN_OR_RETURN(const postgres::Result result,
                   Query(absl::StrCat(kEvents, replay_.revision(), " ORDER BY e.revision")));
  // On a new one all of them are read again.
  const bool known_timeline = look.timeline == previous_.timeline;
  const int leaders_before = replay_.leader_changes();
  for (const postgres::Row& row : result.rows) {
    const Event event{.revision = row.Long(0),
                      .kind = row.Text(1),
                      .version = row.Int(2),
                      .lease_epoch = row.Long(3),
                      .author = row.Text(4),
                      .leader = row.Text(6),
                      .leader_epoch = row.Long(7),
                      .concerned = row.Long(5)};
    if (known_timeline && event.kind == "barrier_set") journal_->Count("barriers set");
    if (known_timeline && event.concerned >= 0) journal_->Count("contracts applied");
    for (const Finding& finding : replay_.Add(event)) {
      journal_->Violation(finding.invariant, finding.text);
    }
  }
  if (known_timeline) {
    journal_->Count("leader changes", replay_.leader_changes() - leaders_before);
  }
  return absl::OkStatus();
}

absl::Status Observer::CheckCounter() {
  ASSIGN_OR_RETURN(const postgres::Result table,
                   Query("SELECT 1 FROM pg_class WHERE relname = 'counter'"));
  if (table.empty()) return absl::OkStatus();
  ASSIGN_OR_RETURN(
      const postgres::Result wrong,
      Query("SELECT format('version %s ran %s times', c.version, c.n) FROM public.counter c "
            "LEFT JOIN lockstep.migration m USING (version) WHERE c.n <> CASE WHEN m.title IN "
            "('count', 'slow', 'mixed') AND EXISTS (SELECT FROM lockstep.history h "
            "WHERE h.version = c.version) THEN 1 ELSE 0 END AND c.version <= (SELECT head + 1 FROM "
            "lockstep.chain) ORDER BY c.version LIMIT 5"));
  for (const postgres::Row& row : wrong.rows) journal_->Violation("I2", row.Text(0));
  return absl::OkStatus();
}

absl::Status Observer::RunChecks(When when) {
  for (const Check& check : Checks()) {
    if (check.when != when) continue;
    ASSIGN_OR_RETURN(const postgres::Result result, Query(check.sql));
    int shown = 0;
    for (const postgres::Row& row : result.rows) {
      if (++shown > kMaxShown) break;
      journal_->Violation(check.invariant, absl::StrCat(check.what, ": ", row.Text(0)));
    }
    journal_->Count("checks");
  }
  return absl::OkStatus();
}

void Observer::Progress(const Look& look) {
  if (previous_.timeline != 0 && look.timeline != previous_.timeline) {
    journal_->Count("timelines lost");
    journal_->Note(absl::StrCat("timeline ", look.timeline, ": applied ", look.applied, " (was ",
                                previous_.applied, "), head ", look.head, " (was ", previous_.head,
                                ")"));
    journal_->Count("versions lost with their commits",
                    std::max(0, previous_.applied - look.applied));
  }
  previous_ = look;
  base::MutexLock lock(mu_);
  last_ = look;
  journal_->Raise("incarnation", look.incarnation);
}

absl::Status Observer::CheckAtRest() {
  RETURN_IF_ERROR(LookOnce(true));
  base::MutexLock lock(work_);
  return connection_->InSnapshot([this] { return RunChecks(When::kAtRest); });
}

}  // namespace lockstep::chaos
