// What tests of the coordinator's core share: a pool on a LockstepDatabase, and an agent's stream
// that remembers what it was sent.
#ifndef LOCKSTEP_TESTS_COORDINATOR_CORE_FIXTURE_H_
#define LOCKSTEP_TESTS_COORDINATOR_CORE_FIXTURE_H_

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"

#include "coordinator/fleet/agent_link.h"
#include "coordinator/store/database.h"
#include "engine/base/mutex.h"
#include "tests/catalog/lockstep_database.h"
#include "tests/support/eventually.h"

namespace lockstep::testing {

// Application name of the pool's sessions.
inline constexpr char kPoolName[] = "coordinator";

inline coordinator::DatabaseOptions PoolOn(TestDatabase& db, int size = 6) {
  return {.connection = {.conninfo = db.conninfo(),
                         .application_name = kPoolName,
                         .connect_timeout = absl::Seconds(30),
                         .statement_timeout = absl::Seconds(30),
                         .lock_timeout = absl::Seconds(20)},
          .size = size,
          .take_timeout = absl::Seconds(30)};
}

// Whether a session of the pool comes to wait for a lock.
[[nodiscard]] inline bool PoolComesToWait(TestDatabase& db) {
  return Eventually([&] {
    return db.Scalar(
               "SELECT count(*) FROM pg_locks JOIN pg_stat_activity USING (pid) WHERE NOT "
               "granted AND application_name = 'coordinator'") != "0";
  });
}

// Thread-safe.
class FakeLink : public coordinator::AgentLink {
 public:
  void SendGate(const Verdict& verdict) override {
    base::MutexLock lock(mu_);
    gate_ = verdict;
    ++gates_;
  }
  void SendOffer(const coordinator::LeaseOffer& offer) override {
    base::MutexLock lock(mu_);
    offers_.push_back(offer);
  }
  void SendRevoked(const LeaseToken& token, const std::string&) override {
    base::MutexLock lock(mu_);
    revoked_.push_back(token);
  }
  void SendSchemaChange(const coordinator::SchemaChange& change) override {
    base::MutexLock lock(mu_);
    changes_.push_back(change);
  }
  std::vector<coordinator::SchemaChange> changes() const {
    base::MutexLock lock(mu_);
    return changes_;
  }
  void Close(const absl::Status& status) override {
    base::MutexLock lock(mu_);
    closed_ = status;
  }

  void SendAway(absl::Duration after, const absl::Status& status) override {
    base::MutexLock lock(mu_);
    sent_away_ = after;
    closed_ = status;
  }

  // The reason of the last verdict; "" before the first.
  std::string reason() const {
    base::MutexLock lock(mu_);
    return gate_.has_value() ? gate_->reason : "";
  }
  int gates() const {
    base::MutexLock lock(mu_);
    return gates_;
  }
  std::optional<coordinator::LeaseOffer> TakeOffer() {
    base::MutexLock lock(mu_);
    if (offers_.empty()) return std::nullopt;
    const coordinator::LeaseOffer offer = offers_.front();
    offers_.erase(offers_.begin());
    return offer;
  }
  std::vector<LeaseToken> revoked() const {
    base::MutexLock lock(mu_);
    return revoked_;
  }
  std::optional<absl::Duration> sent_away() const {
    base::MutexLock lock(mu_);
    return sent_away_;
  }
  std::optional<absl::Status> closed() const {
    base::MutexLock lock(mu_);
    return closed_;
  }

 private:
  mutable base::Mutex mu_;
  std::optional<Verdict> gate_ ABSL_GUARDED_BY(mu_);
  int gates_ ABSL_GUARDED_BY(mu_) = 0;
  std::vector<coordinator::LeaseOffer> offers_ ABSL_GUARDED_BY(mu_);
  std::vector<coordinator::SchemaChange> changes_ ABSL_GUARDED_BY(mu_);
  std::vector<LeaseToken> revoked_ ABSL_GUARDED_BY(mu_);
  std::optional<absl::Status> closed_ ABSL_GUARDED_BY(mu_);
  std::optional<absl::Duration> sent_away_ ABSL_GUARDED_BY(mu_);
};

}  // namespace lockstep::testing

#endif  // LOCKSTEP_TESTS_COORDINATOR_CORE_FIXTURE_H_
