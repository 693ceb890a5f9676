// The migrations folder that grows while the suite runs, and the builds made from it. Thread-safe.
#ifndef LOCKSTEP_TESTS_CHAOS_CHAIN_H_
#define LOCKSTEP_TESTS_CHAOS_CHAIN_H_

#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"

#include "engine/base/mutex.h"
#include "tests/chaos/migrations.h"

namespace lockstep::chaos {

// What a build carries with it.
struct Build {
  int version = 0;
  int needs = 0;          // The newest version that its queries may miss.
  std::string chain_sum;  // Paths.
  std::string queries;
};

class Chain {
 public:
  Chain(std::string directory, MigrationMix mix);

  std::string folder() const { return directory_ + "/migrations"; }
  // Writes the next `count` migrations and a build for the newest of them. Throws
  // std::runtime_error.
  void Grow(int count);
  Build newest() const;
  int head() const { return newest().version; }
  // The contracts up to `version`.
  std::vector<int> contracts(int version) const;

 private:
  const std::string directory_;
  mutable base::Mutex mu_;
  MigrationSource source_ ABSL_GUARDED_BY(mu_);
  Build newest_ ABSL_GUARDED_BY(mu_);
};

}  // namespace lockstep::chaos

#endif  // LOCKSTEP_TESTS_CHAOS_CHAIN_H_
