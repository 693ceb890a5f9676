// One who applies runs: the engine as an agent calls it, on a thread of its own, over a wire that
// can be stopped and cut. Where nothing stops it, it runs as fast as it can.
#ifndef LOCKSTEP_TESTS_SCHEDULES_HOLDER_H_
#define LOCKSTEP_TESTS_SCHEDULES_HOLDER_H_

#include <atomic>
#include <memory>
#include <optional>
#include <string>
#include <thread>

#include "engine/apply/run.h"
#include "tests/schedules/signal.h"
#include "tests/schedules/wire.h"

namespace lockstep::testing {

// Used by the scheduler's thread.
class Holder {
 public:
  // `conninfo` without a host. `server` and `signal` must outlive it; `signal` is told of its end.
  Holder(const PostgresServer& server, std::string conninfo, Signal& signal)
      : wire_(server, signal), conninfo_(std::move(conninfo)), signal_(signal) {}
  ~Holder() { (void)End(); }

  Wire& wire() { return wire_; }

  // Begins to apply `spec`; not while busy.
  void Start(apply::RunSpec spec);
  // A run was started and its result not taken.
  bool busy() const { return thread_.joinable(); }
  bool finished() const { return finished_; }
  // As an agent whose run was revoked or that shuts down.
  void RequestStop(const std::string& why) { cancellation_->Request(why); }
  // Waits for the end of the run and takes its result; the wire is whole afterwards. Absent when it
  // was not busy.
  std::optional<apply::RunResult> Take();

  const apply::RunSpec& spec() const { return spec_; }

 private:
  // The same, and nothing holds it up.
  std::optional<apply::RunResult> End();

  Wire wire_;
  const std::string conninfo_;
  Signal& signal_;
  apply::RunSpec spec_;
  std::unique_ptr<apply::Cancellation> cancellation_;
  apply::RunResult result_;
  std::atomic<bool> finished_ = false;
  std::thread thread_;
};

}  // namespace lockstep::testing

#endif  // LOCKSTEP_TESTS_SCHEDULES_HOLDER_H_
