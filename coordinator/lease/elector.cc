#include "coordinator/lease/elector.h"

#include <algorithm>
#include <utility>

#include "absl/random/random.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"

#include "engine/base/ids.h"
#include "engine/base/log.h"

namespace lockstep::coordinator {
namespace {
// A row unchanged for this many TTLs by our own clock may be taken even if the database's clock
// stands still.
constexpr double kStaleTtls = 1.5;

constexpr char kDirectPrefix[] = "direct:";

ServerCounters CountersOf(const LeaderRow& row) {
  return {.incarnation = row.incarnation,
          .revision = row.revision,
          .epoch = row.token.epoch,
          .renewals = row.renewals};
}
}  // namespace

std::string DirectAddress(absl::string_view identity) {
  return absl::StrCat(kDirectPrefix, identity);
}

std::optional<std::string> DirectIdentity(absl::string_view address) {
  if (!absl::ConsumePrefix(&address, kDirectPrefix)) return std::nullopt;
  return std::string(address);
}

Elector::Elector(ElectorOptions options) : options_(std::move(options)) {}
Elector::~Elector() { Stop(); }

void Elector::Start() {
  thread_ = std::thread([this] { Run(); });
}

void Elector::StartLeading(std::unique_ptr<postgres::Connection> connection, const LeaderRow& won,
                           absl::Duration sent) {
  connection_ = std::move(connection);
  seen_ = won;
  seen_since_ = sent;
  memory_.Check(CountersOf(won));
  {
    base::MutexLock lock(mu_);
    token_ = won.token;
    acknowledged_ = sent;
    leader_address_ = won.address;
  }
  base::LogInfo("leadership won", {{"epoch", absl::StrCat(won.token.epoch)}});
  options_.on_elected(won.token);
  Start();
}

void Elector::Stop() {
  {
    base::MutexLock lock(mu_);
    stopping_ = true;
  }
  wake_.NotifyAll();
  if (thread_.joinable()) thread_.join();
}

std::optional<LeaderToken> Elector::leadership() const {
  base::MutexLock lock(mu_);
  if (!token_.has_value()) return std::nullopt;
  if (options_.clock->SinceBoot() - acknowledged_ > options_.durations.leader_depose) {
    return std::nullopt;
  }
  return token_;
}

std::string Elector::leader_address() const {
  base::MutexLock lock(mu_);
  return leader_address_;
}

void Elector::Run() {
  for (;;) {
    const absl::Duration pause = Step();
    base::MutexLock lock(mu_);
    if (!stopping_ && distrust_.why.empty()) wake_.WaitFor(lock, pause);
    if (stopping_) break;
  }
  std::optional<LeaderToken> token;
  {
    base::MutexLock lock(mu_);
    token = std::exchange(token_, std::nullopt);
  }
  if (token.has_value() && connection() != nullptr) {
    const absl::Status resigned = ResignLeadership(*connection_, *token);
    base::LogInfo("leadership resigned", {{"epoch", absl::StrCat(token->epoch)},
                                          {"ok", resigned.ok() ? "true" : "false"}});
  }
}

postgres::Connection* Elector::connection() {
  if (connection_ != nullptr && !connection_->usable()) connection_.reset();
  if (connection_ == nullptr) {
    auto opened = postgres::Connection::Open(options_.connection);
    if (!opened.ok()) {
      base::LogWarning("the elector cannot reach the database",
                       {{"error", std::string(opened.status().message())}});
      return nullptr;
    }
    connection_ = *std::move(opened);
  }
  return connection_.get();
}

absl::Duration Elector::Step() {
  std::optional<LeaderToken> token;
  std::string why;
  Doubted distrust;
  {
    base::MutexLock lock(mu_);
    token = token_;
    distrust = std::exchange(distrust_, {});
    const bool overdue = token_.has_value() && options_.clock->SinceBoot() - acknowledged_ >
                                                   options_.durations.leader_depose;
    if (overdue) why = "no renewal was acknowledged in time";
  }
  // Two threads see the same loss. Whoever comes second must not begin another incarnation for it.
  const bool doubted = !distrust.why.empty() && distrust.incarnation >= memory_.incarnation();
  if (token.has_value() && doubted) {
    Doubt(distrust.why, /*at_once=*/true);
    why = distrust.why;
  }
  if (!why.empty()) {
    StepDown(why);
    token.reset();
  }
  postgres::Connection* const database = connection();
  if (database == nullptr) return options_.durations.leader_retry;
  return token.has_value() ? Renew(*database, *token) : Follow(*database);
}

void Elector::Distrust(int64_t incarnation, const std::string& why) {
  {
    base::MutexLock lock(mu_);
    distrust_ = {incarnation, why};
  }
  wake_.NotifyAll();
}

void Elector::Doubt(const std::string& why, bool at_once) {
  const absl::Duration now = options_.clock->SinceBoot();
  if (beyond_ == 0) {
    base::LogWarning("the database is not the one that is remembered", {{"why", why}});
  }
  beyond_ = std::max<int64_t>(memory_.incarnation(), 1);
  take_over_at_ = std::min(take_over_at_, at_once ? now : now + options_.durations.leader_ttl);
}

void Elector::AnnounceIncarnation(int64_t incarnation) {
  base::LogWarning("a new incarnation began: PostgreSQL failed over, or was restored",
                   {{"incarnation", absl::StrCat(incarnation)}});
}

absl::Duration Elector::Follow(postgres::Connection& database) {
  const absl::Duration sent = options_.clock->SinceBoot();
  const bool take_over =
      seen_.token.epoch > 0 &&
      (sent >= take_over_at_ || sent - seen_since_ > options_.durations.leader_ttl * kStaleTtls);
  const std::string candidate = base::NewUuid();
  // Epoch 0 never matches a row: only an expired lease is taken.
  const auto row =
      AcquireLeadership(database, candidate, options_.address(), options_.durations.leader_ttl,
                        take_over ? seen_ : LeaderRow{}, beyond_);
  if (!row.ok()) {
    base::LogWarning("leader election failed", {{"error", std::string(row.status().message())}});
    return options_.durations.leader_retry;
  }
  if (row->token.epoch != seen_.token.epoch || row->renewals != seen_.renewals) seen_since_ = sent;
  seen_ = *row;
  const bool won = row->token.holder == candidate;
  const int64_t before = memory_.incarnation();
  if (const std::string back = memory_.Check(CountersOf(*row)); !back.empty()) {
    Doubt(back, /*at_once=*/won);
    // Nobody leads by it before a new incarnation has begun: the next round takes it over again.
    if (won) return absl::ZeroDuration();
  } else {
    beyond_ = 0;
    take_over_at_ = absl::InfiniteDuration();
    if (before > 0 && row->incarnation > before) AnnounceIncarnation(row->incarnation);
  }
  {
    base::MutexLock lock(mu_);
    leader_address_ = row->expired ? "" : row->address;
    if (won) {
      token_ = row->token;
      acknowledged_ = sent;
    }
  }
  if (!won) return options_.durations.leader_retry;
  base::LogInfo("leadership won", {{"epoch", absl::StrCat(row->token.epoch)},
                                   {"incarnation", absl::StrCat(row->incarnation)}});
  options_.on_elected(row->token);
  return options_.durations.leader_renew;
}

absl::Duration Elector::Renew(postgres::Connection& database, const LeaderToken& token) {
  const absl::Duration sent = options_.clock->SinceBoot();
  const auto renewed = RenewLeadership(database, token, options_.durations.leader_ttl);
  if (!renewed.ok()) {
    base::LogWarning("leadership was not renewed",
                     {{"error", std::string(renewed.status().message())}});
    return options_.durations.leader_retry;
  }
  if (!renewed->leads) {
    StepDown("another coordinator took over");
    return absl::ZeroDuration();
  }
  seen_.token = token;
  seen_.renewals = renewed->renewals;
  seen_since_ = sent;
  const std::string doubt =
      renewed->same_server
          ? memory_.Check({renewed->incarnation, renewed->revision, token.epoch, renewed->renewals})
          : "PostgreSQL failed over or was replaced";
  if (!doubt.empty()) {
    Doubt(doubt, /*at_once=*/true);
    StepDown(doubt);
    return absl::ZeroDuration();
  }
  {
    base::MutexLock lock(mu_);
    acknowledged_ = sent;
  }
  absl::BitGen random;
  return options_.durations.leader_renew * absl::Uniform(random, 0.9, 1.1);
}

void Elector::StepDown(absl::string_view why) {
  {
    base::MutexLock lock(mu_);
    token_.reset();
    leader_address_.clear();
  }
  base::LogWarning("leadership lost", {{"why", std::string(why)}});
  options_.on_deposed();
}

}  // namespace lockstep::coordinator
