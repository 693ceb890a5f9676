// Watches a long statement of another session from a connection of its own, and says how far it is:
// which phase, which part of it, or what it waits for. A statement that is over soon costs nothing.
//
// Each look is one short query by itself: a snapshot that was kept open would be waited for by the
// very statement that is watched.
#ifndef LOCKSTEP_ENGINE_APPLY_BUILD_WATCH_H_
#define LOCKSTEP_ENGINE_APPLY_BUILD_WATCH_H_

#include <functional>
#include <string>
#include <thread>

#include "absl/base/thread_annotations.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"

#include "engine/base/mutex.h"
#include "engine/postgres/script_session.h"

namespace lockstep::apply {

struct Activity {
  std::string text;  // "building index: scanning table"; "" when nothing is known.
  int percent = -1;  // Of that; -1 when it is not known.
  bool operator==(const Activity&) const = default;
};

// What backend `pid` does, as far as the session's role may see.
absl::StatusOr<Activity> ActivityOf(postgres::ScriptSession& session, int pid);

// Watches from its construction to its end, which waits for a look that is under way. `tell` is
// called on the watch's own thread, when something changed.
class BuildWatch {
 public:
  using Tell = std::function<void(const Activity&)>;
  static constexpr absl::Duration kFirstLook = absl::Milliseconds(400);
  static constexpr absl::Duration kPause = absl::Milliseconds(500);

  // `socket`: of the session that is watched, for a failpoint.
  BuildWatch(postgres::ScriptSessionOptions connection, int pid, int socket, Tell tell);
  ~BuildWatch();
  BuildWatch(const BuildWatch&) = delete;
  BuildWatch& operator=(const BuildWatch&) = delete;

 private:
  void Run();
  // False when the watch ends meanwhile.
  bool Rest(absl::Duration pause);

  const postgres::ScriptSessionOptions connection_;
  const int pid_;
  [[maybe_unused]] const int socket_;
  const Tell tell_;
  base::Mutex mu_;
  base::CondVar ended_;
  bool ending_ ABSL_GUARDED_BY(mu_) = false;
  std::thread thread_;
};

}  // namespace lockstep::apply

#endif  // LOCKSTEP_ENGINE_APPLY_BUILD_WATCH_H_
