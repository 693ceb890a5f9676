// std::mutex and std::condition_variable with clang's thread-safety annotations. absl::Mutex is not
// used: the distribution's build of it is invisible to ThreadSanitizer, which then reports races
// that are none.
//
//   Mutex mu_;
//   int count_ ABSL_GUARDED_BY(mu_);
//   MutexLock lock(mu_);
//   while (count_ == 0) cv_.Wait(lock);
#ifndef LOCKSTEP_ENGINE_BASE_MUTEX_H_
#define LOCKSTEP_ENGINE_BASE_MUTEX_H_

#include <chrono>
#include <condition_variable>
#include <mutex>

#include "absl/base/thread_annotations.h"
#include "absl/time/time.h"

namespace lockstep::base {

class ABSL_LOCKABLE Mutex {
 public:
  void Lock() ABSL_EXCLUSIVE_LOCK_FUNCTION() { mu_.lock(); }
  void Unlock() ABSL_UNLOCK_FUNCTION() { mu_.unlock(); }

 private:
  friend class CondVar;
  std::mutex mu_;
};

class ABSL_SCOPED_LOCKABLE MutexLock {
 public:
  explicit MutexLock(Mutex& mu) ABSL_EXCLUSIVE_LOCK_FUNCTION(mu) : mu_(mu) { mu_.Lock(); }
  ~MutexLock() ABSL_UNLOCK_FUNCTION() { mu_.Unlock(); }
  MutexLock(const MutexLock&) = delete;
  MutexLock& operator=(const MutexLock&) = delete;

 private:
  friend class CondVar;
  Mutex& mu_;
};

// Waiting releases the lock and takes it again, as std::condition_variable does; call it in a loop
// over the condition.
class CondVar {
 public:
  void Wait(MutexLock& lock) {
    std::unique_lock<std::mutex> native(lock.mu_.mu_, std::adopt_lock);
    cv_.wait(native);
    native.release();
  }

  // Returns false when `timeout` passed without a notification.
  bool WaitFor(MutexLock& lock, absl::Duration timeout) {
    std::unique_lock<std::mutex> native(lock.mu_.mu_, std::adopt_lock);
    const bool notified =
        cv_.wait_for(native, absl::ToChronoNanoseconds(timeout)) == std::cv_status::no_timeout;
    native.release();
    return notified;
  }

  void NotifyOne() { cv_.notify_one(); }
  void NotifyAll() { cv_.notify_all(); }

 private:
  std::condition_variable cv_;
};

}  // namespace lockstep::base

#endif  // LOCKSTEP_ENGINE_BASE_MUTEX_H_
