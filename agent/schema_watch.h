// What migrations change while the instance serves, and whoever wants to know.
//
//   SchemaWatch watch;
//   watch.Opened(verdict);                  // from here on changes matter
//   watch.Changed(revision, change);        // the stream's thread; never blocks
//   watch.Observe([](const SchemaChange&) { ... });
//
// Changes are merged until they are told: who is slow hears less often, never less.
//
// Thread-safe.
#ifndef LOCKSTEP_AGENT_SCHEMA_WATCH_H_
#define LOCKSTEP_AGENT_SCHEMA_WATCH_H_

#include <cstdint>
#include <functional>
#include <optional>
#include <set>
#include <string>
#include <thread>

#include "absl/base/thread_annotations.h"
#include "lockstep/agent.h"
#include "lockstep/v1/agent.pb.h"

#include "engine/base/mutex.h"

namespace lockstep::agent {

using SchemaObserver = std::function<void(const SchemaChange&)>;

class SchemaWatch {
 public:
  SchemaWatch() = default;
  ~SchemaWatch() { Stop(); }
  SchemaWatch(const SchemaWatch&) = delete;
  SchemaWatch& operator=(const SchemaWatch&) = delete;

  // A verdict: the first open one says from which revision on changes matter.
  void Verdict(const GateVerdict& verdict);
  // A coordinator welcomed us on this incarnation of the database. Another one than before:
  // revisions have begun anew, and anything may be different.
  void Incarnation(int64_t incarnation);
  // What a coordinator tells. Dropped before the gate is open.
  void Changed(const v1::SchemaChanged& change);

  // Up to which revision changes are known; 0 before the gate is open.
  int64_t revision() const;
  int32_t applied() const;

  // Calls `observer` with what has not been told yet, now and from now on, from a thread of its
  // own, one call at a time. Replaces the observer before.
  void Observe(SchemaObserver observer);
  // Ends the calls; waits for one under way, unless called from it. Idempotent.
  void Stop();

 private:
  // What is to be told.
  struct Pending {
    int32_t from = 0;
    std::set<std::string> objects;
    bool everything = false;
  };

  Pending& Add() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  void Run();

  mutable base::Mutex mu_;
  base::CondVar changed_;
  bool open_ ABSL_GUARDED_BY(mu_) = false;
  int64_t incarnation_ ABSL_GUARDED_BY(mu_) = 0;
  int64_t revision_ ABSL_GUARDED_BY(mu_) = 0;
  int32_t applied_ ABSL_GUARDED_BY(mu_) = 0;
  std::optional<Pending> pending_ ABSL_GUARDED_BY(mu_);
  SchemaObserver observer_ ABSL_GUARDED_BY(mu_);
  bool stopped_ ABSL_GUARDED_BY(mu_) = false;
  std::thread thread_ ABSL_GUARDED_BY(mu_);
  std::thread::id observer_thread_ ABSL_GUARDED_BY(mu_);
};

}  // namespace lockstep::agent

#endif  // LOCKSTEP_AGENT_SCHEMA_WATCH_H_
