#include "agent/direct_admission.h"

#include <algorithm>
#include <memory>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"

#include "engine/base/error_info.h"
#include "engine/base/log.h"
#include "engine/base/status_macros.h"
#include "proto/convert/time.h"

namespace lockstep::agent {
namespace {

using postgres::BytesParam;
using postgres::NullParam;
using postgres::Param;
using postgres::Row;

// A clock that also counts suspend does not wake a sleeper: it looks at least this often.
constexpr absl::Duration kLook = absl::Seconds(1);
// Short, because Stop waits for a question under way.
constexpr absl::Duration kConnect = absl::Seconds(3);
constexpr absl::Duration kStatement = absl::Seconds(3);

constexpr char kAdmit[] =
    "SELECT verdict, reason, detail, hint, applied, needs, head, revision FROM "
    "lockstep.admit($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, 'direct', false, '')";

GateState StateOf(const std::string& verdict) {
  if (verdict == "OPEN") return GateState::kOpen;
  return verdict == "WAIT" ? GateState::kWait : GateState::kRefused;
}

std::vector<postgres::Value> AdmitParams(const v1::Hello& hello) {
  const v1::BuildDeclaration& d = hello.declaration();
  return {Param(hello.session_id()),
          Param(d.service()),
          Param(hello.instance()),
          Param(hello.nonce()),
          Param(d.build()),
          Param(d.configured()),
          Param(d.built_for()),
          BytesParam(d.chain_hash()),
          d.has_needs() ? Param(d.needs()) : NullParam(),
          Param(d.adapted_to()),
          d.uses_declared() ? postgres::TextArrayParam({d.uses().begin(), d.uses().end()})
                            : NullParam(),
          Param(d.on_session_loss() == v1::ON_SESSION_LOSS_STOP ? "stop" : "keep")};
}

GateVerdict VerdictOf(const Row& row) {
  return {.state = StateOf(row.Text(0)),
          .reason = row.Text(1),
          .detail = row.Text(2),
          .hint = row.Text(3),
          .applied = row.Int(4),
          .needs = row.Int(5),
          .head = row.Int(6),
          .revision = row.Long(7)};
}

}  // namespace

DirectAdmission::DirectAdmission(DirectOptions options, DirectHooks hooks)
    : options_(std::move(options)), hooks_(std::move(hooks)), backoff_(options_.again) {}

void DirectAdmission::Start() {
  base::MutexLock lock(mu_);
  if (stopping_ || thread_.joinable()) return;
  away_since_ = options_.clock->SinceBoot();
  thread_ = std::thread([this] { Run(); });
}

void DirectAdmission::CoordinatorAnswers() {
  base::MutexLock lock(mu_);
  away_since_.reset();
  changed_.NotifyAll();
}

void DirectAdmission::CoordinatorLost(const std::string& why) {
  base::MutexLock lock(mu_);
  why_ = why;
  if (away_since_.has_value()) return;
  away_since_ = options_.clock->SinceBoot();
  changed_.NotifyAll();
}

void DirectAdmission::Opened() {
  base::MutexLock lock(mu_);
  opened_ = true;
  changed_.NotifyAll();
}

void DirectAdmission::Stop() {
  std::thread thread;
  {
    base::MutexLock lock(mu_);
    stopping_ = true;
    changed_.NotifyAll();
    thread = std::move(thread_);
  }
  if (thread.joinable()) thread.join();
}

void DirectAdmission::Run() {
  std::string why;
  while (WaitForTurn(&why)) AskOnce(why);
  connection_.reset();
}

bool DirectAdmission::WaitForTurn(std::string* why) {
  base::MutexLock lock(mu_);
  for (;;) {
    if (stopping_ || opened_) return false;
    if (!away_since_.has_value()) {
      told_ = false;
      connection_.reset();
      changed_.Wait(lock);
      continue;
    }
    const absl::Duration turn = std::max(*away_since_ + options_.patience, next_);
    const absl::Duration left = turn - options_.clock->SinceBoot();
    if (left <= absl::ZeroDuration()) {
      *why = why_;
      return true;
    }
    changed_.WaitFor(lock, std::min(left, kLook));
  }
}

void DirectAdmission::AskOnce(const std::string& why) {
  absl::StatusOr<GateVerdict> verdict = absl::UnavailableError("");
  if (!options_.conninfo.empty()) {
    {
      base::MutexLock lock(mu_);
      asked_ = true;
    }
    verdict = Admit();
  }
  if (!verdict.ok()) connection_.reset();
  {
    base::MutexLock lock(mu_);
    next_ = options_.clock->SinceBoot() + options_.again.base + backoff_.Next();
    // A coordinator has answered meanwhile: what it says goes, unless this let the instance in.
    const bool open = verdict.ok() && verdict->state == GateState::kOpen;
    if (!away_since_.has_value() && !open) return;
  }
  if (!verdict.ok()) return TellAway(why, verdict.status());
  backoff_.Reset();
  told_ = false;
  if (verdict->state == GateState::kOpen) {
    base::LogWarning("no coordinator answers: let in by the database", {{"coordinator", why}});
  }
  hooks_.gate(*std::move(verdict));
}

absl::StatusOr<GateVerdict> DirectAdmission::Admit() {
  if (connection_ == nullptr || !connection_->usable()) {
    ASSIGN_OR_RETURN(connection_,
                     postgres::Connection::Open({.conninfo = options_.conninfo,
                                                 .application_name = options_.application_name,
                                                 .connect_timeout = kConnect,
                                                 .statement_timeout = kStatement,
                                                 .lock_timeout = kStatement}));
  }
  const v1::Hello& hello = options_.identity;
  GateVerdict verdict;
  RETURN_IF_ERROR(connection_->InTransaction([&]() -> absl::Status {
    ASSIGN_OR_RETURN(const auto result, connection_->Query(kAdmit, AdmitParams(hello)));
    verdict = VerdictOf(result.only());
    if (!hello.has_reserve() || verdict.state != GateState::kOpen) return absl::OkStatus();
    const int64_t ms = absl::ToInt64Milliseconds(convert::FromProto(hello.reserve()));
    return connection_
        ->Query("SELECT lockstep.reserve_direct($1, $2, $3 * interval '1 millisecond')",
                {Param(hello.session_id()), Param(hello.nonce()), Param(ms)})
        .status();
  }));
  return verdict;
}

void DirectAdmission::TellAway(const std::string& why, const absl::Status& database) {
  const bool none = options_.conninfo.empty();
  GateVerdict verdict{.detail = absl::StrCat("no coordinator answers (", why, ")")};
  if (none) {
    absl::StrAppend(&verdict.detail, ", and the agent was given no database to ask instead");
    verdict.hint = "start a coordinator, or give the agent --database";
  } else {
    absl::StrAppend(&verdict.detail, ", and the database does not let it in either (",
                    database.message(), ")");
    verdict.hint = absl::IsPermissionDenied(database)
                       ? "GRANT lockstep_services TO the role of --database"
                       : "start a coordinator or the database";
  }
  if (!std::exchange(told_, true)) {
    base::LogWarning(
        "nobody answers at the gate",
        {{"coordinator", why}, {"database", none ? "none" : std::string(database.message())}});
  }
  hooks_.away(std::move(verdict));
}

bool DirectAdmission::asked() const {
  base::MutexLock lock(mu_);
  return asked_;
}

bool DirectAdmission::Leave(absl::Duration timeout) {
  if (options_.conninfo.empty()) return false;
  const absl::Duration limit = std::clamp(timeout, absl::Milliseconds(100), kConnect);
  const auto connection = postgres::Connection::Open({.conninfo = options_.conninfo,
                                                      .application_name = options_.application_name,
                                                      .connect_timeout = limit,
                                                      .statement_timeout = limit,
                                                      .lock_timeout = limit});
  absl::StatusOr<postgres::Result> left = absl::UnavailableError("");
  if (!connection.ok()) {
    left = connection.status();
  } else {
    left = (*connection)
               ->Query("SELECT lockstep.leave($1, $2)",
                       {Param(options_.identity.session_id()), Param(options_.identity.nonce())});
  }
  if (!left.ok()) {
    base::LogWarning("nobody heard the goodbye: the session goes on to count",
                     {{"reason", base::ReasonOf(left.status())},
                      {"error", std::string(left.status().message())}});
    return false;
  }
  return left->only().Bool(0);
}

}  // namespace lockstep::agent
