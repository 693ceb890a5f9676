// Asks the service's ready URL: until it answers 2xx, or for as long as the service lives.
#ifndef LOCKSTEP_AGENT_PROCESS_READY_POLLER_H_
#define LOCKSTEP_AGENT_PROCESS_READY_POLLER_H_

#include <functional>
#include <string>
#include <thread>

#include "absl/base/thread_annotations.h"
#include "absl/time/time.h"

#include "engine/base/mutex.h"

namespace lockstep::process {

struct ReadyPollerOptions {
  std::string url;
  absl::Duration interval = absl::Milliseconds(500);  // From the end of a try to the next.
  absl::Duration timeout = absl::Seconds(2);          // Of one try.
  bool for_ever = false;                              // Else the first 2xx is the end.
  int failures = 3;  // With for_ever: so many in a row make it not ready.
};

// One thread, from construction to destruction.
class ReadyPoller {
 public:
  // Calls `changed`, from its thread, with true after the first answer of 2xx; with for_ever also
  // with false, and true again.
  ReadyPoller(ReadyPollerOptions options, std::function<void(bool ready)> changed);
  // Ends the asking; waits for the try under way.
  ~ReadyPoller();
  ReadyPoller(const ReadyPoller&) = delete;
  ReadyPoller& operator=(const ReadyPoller&) = delete;

 private:
  void Run();
  // Returns false when it is time to end.
  bool Rest();

  const ReadyPollerOptions options_;
  const std::function<void(bool ready)> changed_;
  base::Mutex mu_;
  base::CondVar stopped_;
  bool stopping_ ABSL_GUARDED_BY(mu_) = false;
  std::thread thread_;
};

}  // namespace lockstep::process

#endif  // LOCKSTEP_AGENT_PROCESS_READY_POLLER_H_
