// What happened in a run: one line each on the terminal and in journal.log, and the counts of the
// report. Thread-safe.
#ifndef LOCKSTEP_TESTS_CHAOS_JOURNAL_H_
#define LOCKSTEP_TESTS_CHAOS_JOURNAL_H_

#include <cstdint>
#include <cstdio>
#include <map>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"

#include "engine/base/mutex.h"

namespace lockstep::chaos {

class Journal {
 public:
  explicit Journal(const std::string& path);
  ~Journal();
  Journal(const Journal&) = delete;
  Journal& operator=(const Journal&) = delete;

  void Note(absl::string_view text);
  // A fault of this kind happened: somebody was hit.
  void Fault(const std::string& kind, absl::string_view text);
  // An invariant does not hold. The same sentence is kept once.
  void Violation(const std::string& invariant, const std::string& text);
  void Count(const std::string& what, int64_t by = 1);
  void Raise(const std::string& what, int64_t at_least);

  std::map<std::string, int64_t> faults() const;
  std::map<std::string, int64_t> counts() const;
  std::vector<std::string> violations() const;
  absl::Duration elapsed() const;

 private:
  void Write(absl::string_view label, absl::string_view text) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);

  const absl::Time started_;
  mutable base::Mutex mu_;
  std::FILE* const file_ ABSL_PT_GUARDED_BY(mu_);
  std::map<std::string, int64_t> faults_ ABSL_GUARDED_BY(mu_);
  std::map<std::string, int64_t> counts_ ABSL_GUARDED_BY(mu_);
  std::vector<std::string> violations_ ABSL_GUARDED_BY(mu_);
};

}  // namespace lockstep::chaos

#endif  // LOCKSTEP_TESTS_CHAOS_JOURNAL_H_
