// An etcd of the benchmark's own, and the few messages of its API that a watch needs.
#ifndef LOCKSTEP_TESTS_BENCH_ETCD_H_
#define LOCKSTEP_TESTS_BENCH_ETCD_H_

#include <memory>
#include <string>

#include "tests/support/subprocess.h"
#include "tests/support/temp_dir.h"

namespace lockstep::bench {

class Etcd {
 public:
  // Null when no etcd is installed; throws when it does not start.
  static std::unique_ptr<Etcd> Start();

  const std::string& address() const { return address_; }
  const std::string& version() const { return version_; }
  pid_t pid() const { return process_->pid(); }

  static constexpr char kWatchMethod[] = "/etcdserverpb.Watch/Watch";
  // The first message of a watch on the one key.
  static std::string WatchRequest();
  // The number that an answer carries as the key's value; 1 for one without events.
  static int NumberOf(const std::string& watch_response);
  // Sets the key; returns when it was sent, in seconds since the epoch.
  double Put(int number);

 private:
  Etcd() = default;

  testing::TempDir directory_;
  std::string address_;
  std::string version_;
  std::unique_ptr<testing::Subprocess> process_;
};

}  // namespace lockstep::bench

#endif  // LOCKSTEP_TESTS_BENCH_ETCD_H_
