#include "tests/mutations/attacks.h"

#include <stdexcept>

#include "absl/strings/str_cat.h"

#include "coordinator/store/leader_store.h"
#include "tests/support/matchers.h"

namespace lockstep::testing {
namespace {

using coordinator::RevokeRun;

// Who waits for a lock longer than this is taken to wait for ever.
constexpr absl::Duration kForEver = absl::Milliseconds(300);
constexpr absl::Duration kTtl = absl::Seconds(30);

void Require(const absl::Status& status) {
  if (!status.ok()) throw std::runtime_error(Describe(status));
}

void LimitWaits(ScriptSession& session, absl::Duration limit) {
  Require(
      session.Execute(absl::StrCat("SET lock_timeout = '", absl::ToInt64Milliseconds(limit), "ms'"))
          .status());
}

// Takes version 1 from its holder and gives it to another one; false when the holder stays.
bool GrantAnew(LockstepDatabase& lockstep, const LeaseToken& old, LeaseToken* fresh) {
  const auto revoked =
      RevokeRun(*lockstep.Connect(), lockstep.leader(), old, "it went silent", kForEver);
  if (!revoked.ok() || !*revoked) return false;
  *fresh = lockstep.Grant(1, 1);
  return true;
}

std::string AppliesTwice(LockstepDatabase& lockstep) {
  lockstep.Publish({{}});
  lockstep.db().RunScript("CREATE TABLE counter (n int); INSERT INTO counter VALUES (0)");
  const auto apply = [&](const LeaseToken& token) {
    const auto session = lockstep.Session();
    return Open(*session, token, 1).ok() && session->Execute("UPDATE counter SET n = n + 1").ok() &&
           lockstep.Close(*session, token, 1).ok() && session->Execute("COMMIT").ok();
  };
  const LeaseToken old = lockstep.Grant(1, 1);
  LeaseToken fresh;
  if (!GrantAnew(lockstep, old, &fresh) || !apply(fresh)) return "the run could not be given on";
  (void)apply(old);
  const std::string n = lockstep.Scalar("SELECT n FROM counter");
  return n == "1" ? "" : absl::StrCat("n is ", n);
}

std::string CommitsUnderAStaleToken(LockstepDatabase& lockstep) {
  lockstep.Publish({{}});
  const LeaseToken old = lockstep.Grant(1, 1);
  const auto session = lockstep.Session();
  Require(Open(*session, old, 1));
  LeaseToken fresh;
  if (!GrantAnew(lockstep, old, &fresh)) return "";
  if (!session->Execute("CREATE TABLE t1 ()").ok() || !lockstep.Close(*session, old, 1).ok() ||
      !session->Execute("COMMIT").ok()) {
    return "";
  }
  const std::string epoch = lockstep.Scalar("SELECT lease_epoch FROM lockstep.history");
  return absl::StrCat("committed under token ", epoch, " while ", fresh.epoch, " was current");
}

std::string TwoBackendsAreIn(LockstepDatabase& lockstep) {
  lockstep.Publish({{}});
  const LeaseToken token = lockstep.Grant(1, 1);
  const auto one = lockstep.Session();
  const auto two = lockstep.Session();
  Require(Open(*one, token, 1));
  LimitWaits(*two, kForEver);
  return Open(*two, token, 1).ok() ? "two backends of one token are in" : "";
}

std::string NothingIsGrantedAfterARevoke(LockstepDatabase& lockstep) {
  lockstep.Publish({{}});
  const LeaseToken token = lockstep.Grant(1, 1);
  Require(
      RevokeRun(lockstep.admin(), lockstep.leader(), token, "it went silent", kForEver).status());
  const auto granted = lockstep.TryGrant(1, 1);
  return granted.ok() ? "" : Describe(granted.status());
}

std::string AStatementIsForgotten(LockstepDatabase& lockstep) {
  lockstep.Publish({{.transactional = false}});
  const LeaseToken token = lockstep.Grant(1, 1);
  // What a backend has that builds an index, with or without its agent.
  const auto builder = lockstep.Session();
  Require(builder->Execute("SELECT lockstep.lock_statements()").status());
  Require(
      RevokeRun(lockstep.admin(), lockstep.leader(), token, "it went silent", kForEver).status());
  return lockstep.TryGrant(1, 1).ok() ? "granted anew while a statement of the run is running" : "";
}

std::string AForeignBarrierFalls(LockstepDatabase& lockstep) {
  lockstep.Publish({{}, {.phase = "contract"}});
  lockstep.db().Query("UPDATE lockstep.chain SET barrier = 2, barrier_owner = 'ann'");
  lockstep.Run(1, 1);
  const std::string barrier = lockstep.Scalar("SELECT barrier FROM lockstep.chain");
  return barrier == "2" ? "" : absl::StrCat("after version 1 the barrier is ", barrier);
}

std::string ARenewalWaits(LockstepDatabase& lockstep) {
  lockstep.Publish({{}});
  const LeaseToken token = lockstep.Grant(1, 1);
  const auto holder = lockstep.Session();
  Require(Open(*holder, token, 1));
  const auto renewer = lockstep.Connect();
  Require(renewer->RunScript(
      absl::StrCat("SET lock_timeout = '", absl::ToInt64Milliseconds(kForEver), "ms'")));
  const auto renewed = RenewRun(*renewer, lockstep.leader(), token, kTtl);
  if (!renewed.ok()) return absl::StrCat("a run: ", Describe(renewed.status()));
  // A transaction of the leader, left open as a grant that waits is.
  Require(lockstep.admin().RunScript("BEGIN"));
  Require(lockstep.admin()
              .Query("SELECT lockstep.leader_fence($1, $2)",
                     {postgres::Param(lockstep.leader().epoch),
                      postgres::Param(lockstep.leader().holder)})
              .status());
  const auto leads = coordinator::RenewLeadership(*renewer, lockstep.leader(), kTtl);
  Require(lockstep.admin().RunScript("ROLLBACK"));
  return leads.ok() ? "" : absl::StrCat("leadership: ", Describe(leads.status()));
}

std::string ACommitIsSmuggled(LockstepDatabase& lockstep) {
  lockstep.Publish({{}});
  const LeaseToken token = lockstep.Grant(1, 1);
  const auto session = lockstep.Session();
  Require(Open(*session, token, 1));
  Require(session->Execute("CREATE TABLE smuggled ()").status());
  (void)session->Execute("COMMIT");
  return lockstep.TableExists("smuggled") ? "an effect without a history row" : "";
}

std::string ADeposedLeaderGrants(LockstepDatabase& lockstep) {
  lockstep.Publish({{}});
  const LeaderToken deposed = lockstep.TakeOver();
  const auto granted = coordinator::GrantRun(lockstep.admin(), deposed, lockstep.lease_epoch(),
                                             {.first = 1,
                                              .last = 1,
                                              .session = "00000000-0000-0000-0000-000000000001",
                                              .holder = "service@instance",
                                              .operation = "op-test",
                                              .ttl = kTtl});
  return granted.ok() ? "a deposed leader granted a run" : "";
}

}  // namespace

const std::vector<Attack>& Attacks() {
  static const auto* const kAttacks = new std::vector<Attack>{
      {"unfenced", "A holder whose run was given to another one applies it once more.",
       AppliesTwice},
      {"stale-token", "A run is taken back and granted anew while its holder is in the statement.",
       CommitsUnderAStaleToken},
      {"two-backends", "A second backend opens with the token of the first.", TwoBackendsAreIn},
      {"inflight-left", "A run is granted again after a revoke.", NothingIsGrantedAfterARevoke},
      {"statement-forgotten", "A run is granted again while its concurrent build goes on.",
       AStatementIsForgotten},
      {"any-barrier", "A version is applied while a barrier for another one stands.",
       AForeignBarrierFalls},
      {"for-share", "A run and the leadership are renewed while transactions under them are open.",
       ARenewalWaits},
      {"no-must-close", "A migration sends COMMIT.", ACommitIsSmuggled},
      {"no-leader-fence", "A leader grants a run after another one took over.",
       ADeposedLeaderGrants},
  };
  return *kAttacks;
}

}  // namespace lockstep::testing
