// Who keeps a migration waiting, looked up from a second connection while its own one waits.
//
//   LockWatch watch({.conninfo = url, .pid = backend}, on_wait);
//   watch.Arm();                      // a statement may begin to wait from here on
//   ... the statement ...
//   auto seen = watch.Disarm();       // who was in its way when it was last looked at
//
// A statement that takes no time costs nothing but the two calls: the second connection is opened
// when one has been running for kInterval. While it waits it is looked at every kInterval, later
// less often.
//
// Not guaranteed: that a wait is seen, and that who was seen is still there.
#ifndef LOCKSTEP_ENGINE_APPLY_LOCK_WATCH_H_
#define LOCKSTEP_ENGINE_APPLY_LOCK_WATCH_H_

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <thread>

#include "absl/base/thread_annotations.h"
#include "absl/time/time.h"

#include "engine/base/mutex.h"
#include "engine/postgres/lock_wait.h"
#include "engine/postgres/script_session.h"

namespace lockstep::apply {

struct LockWatchOptions {
  std::string conninfo;
  std::string application_name;
  int pid = 0;  // The backend that is watched.
};

// Arm, Disarm and the rest are for one thread; `on_wait` is called by another one.
class LockWatch {
 public:
  static constexpr absl::Duration kInterval = absl::Milliseconds(100);
  // Looks at one statement with kInterval between them; those after it come each kSeldom.
  static constexpr int kOften = 100;
  static constexpr absl::Duration kSeldom = absl::Seconds(1);

  // Told each time who is in the way has changed, absent when nobody is any more, and each kSeldom.
  // Not called between Disarm and Arm.
  using OnWait = std::function<void(const std::optional<postgres::LockWait>&)>;

  LockWatch(LockWatchOptions options, OnWait on_wait);
  ~LockWatch();  // Waits for a look that is under way, a few seconds at most.
  LockWatch(const LockWatch&) = delete;
  LockWatch& operator=(const LockWatch&) = delete;

  void Arm();
  // The last wait that was seen since Arm; absent for none.
  std::optional<postgres::LockWait> Disarm();
  // The next statement's turn came.
  void Turn();

 private:
  void Run();
  void Look();
  void Remember(int64_t turn, std::optional<postgres::LockWait> wait);

  const LockWatchOptions options_;
  const OnWait on_wait_;
  // The watch's thread only.
  std::unique_ptr<postgres::ScriptSession> session_;
  absl::Duration reported_;  // When on_wait_ was last called.

  base::Mutex mu_;
  base::CondVar changed_;
  bool stopping_ ABSL_GUARDED_BY(mu_) = false;
  bool armed_ ABSL_GUARDED_BY(mu_) = false;
  int64_t turn_ ABSL_GUARDED_BY(mu_) = 0;                        // Counts statements.
  absl::Duration since_ ABSL_GUARDED_BY(mu_);                    // When its turn came.
  int looks_ ABSL_GUARDED_BY(mu_) = 0;                           // At this statement.
  std::optional<postgres::LockWait> seen_ ABSL_GUARDED_BY(mu_);  // Since Arm, the last.
  bool waiting_ ABSL_GUARDED_BY(mu_) = false;                    // When last looked at.
  std::thread thread_;
};

}  // namespace lockstep::apply

#endif  // LOCKSTEP_ENGINE_APPLY_LOCK_WATCH_H_
