// A fixed number of threads over a bounded queue, for work that blocks (SQL, mostly) and therefore
// must not run on a gRPC reactor's thread.
//
//   WorkerPool pool({.threads = 4, .queue = 1024});
//   if (!pool.Submit([] { ... })) { /* full or stopping: answer RESOURCE_EXHAUSTED */ }
//
// Thread-safe. The destructor runs what was queued and joins.
#ifndef LOCKSTEP_ENGINE_BASE_WORKER_POOL_H_
#define LOCKSTEP_ENGINE_BASE_WORKER_POOL_H_

#include <deque>
#include <functional>
#include <thread>
#include <vector>

#include "absl/base/thread_annotations.h"

#include "engine/base/mutex.h"

namespace lockstep::base {

struct WorkerPoolOptions {
  int threads = 4;
  size_t queue = 1024;  // Tasks that may wait; one more is refused.
};

class WorkerPool {
 public:
  explicit WorkerPool(WorkerPoolOptions options);
  ~WorkerPool();
  WorkerPool(const WorkerPool&) = delete;
  WorkerPool& operator=(const WorkerPool&) = delete;

  // Returns false, without running `task`, when the queue is full or the pool is stopping.
  [[nodiscard]] bool Submit(std::function<void()> task);

  // Refuses new tasks, runs the queued ones, joins. Idempotent, also from several threads at once;
  // not from a task.
  void Stop();

 private:
  void Run();

  const WorkerPoolOptions options_;
  Mutex mu_;
  CondVar ready_;
  std::deque<std::function<void()>> tasks_ ABSL_GUARDED_BY(mu_);
  bool stopping_ ABSL_GUARDED_BY(mu_) = false;
  Mutex join_mu_;
  std::vector<std::thread> threads_ ABSL_GUARDED_BY(join_mu_);
};

}  // namespace lockstep::base

#endif  // LOCKSTEP_ENGINE_BASE_WORKER_POOL_H_
