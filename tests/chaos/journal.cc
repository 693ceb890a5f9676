#include "tests/chaos/journal.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/time/clock.h"

namespace lockstep::chaos {

Journal::Journal(const std::string& path)
    : started_(absl::Now()), file_(std::fopen(path.c_str(), "ae")) {}

Journal::~Journal() {
  base::MutexLock lock(mu_);
  if (file_ != nullptr) std::fclose(file_);
}

absl::Duration Journal::elapsed() const { return absl::Now() - started_; }

void Journal::Write(absl::string_view label, absl::string_view text) {
  const std::string line =
      absl::StrFormat("%8.2f  %-10s %s\n", absl::ToDoubleSeconds(elapsed()), label, text);
  for (std::FILE* const out : {stdout, file_}) {
    if (out == nullptr) continue;
    std::fputs(line.c_str(), out);
    std::fflush(out);
  }
}

void Journal::Note(absl::string_view text) {
  base::MutexLock lock(mu_);
  Write("", text);
}

void Journal::Fault(const std::string& kind, absl::string_view text) {
  base::MutexLock lock(mu_);
  ++faults_[kind];
  Write("fault", absl::StrCat(kind, ": ", text));
}

void Journal::Violation(const std::string& invariant, const std::string& text) {
  const std::string sentence = absl::StrCat(invariant, ": ", text);
  base::MutexLock lock(mu_);
  if (std::find(violations_.begin(), violations_.end(), sentence) != violations_.end()) return;
  violations_.push_back(sentence);
  Write("VIOLATION", sentence);
}

void Journal::Count(const std::string& what, int64_t by) {
  base::MutexLock lock(mu_);
  counts_[what] += by;
}

void Journal::Raise(const std::string& what, int64_t at_least) {
  base::MutexLock lock(mu_);
  counts_[what] = std::max(counts_[what], at_least);
}

std::map<std::string, int64_t> Journal::faults() const {
  base::MutexLock lock(mu_);
  return faults_;
}

std::map<std::string, int64_t> Journal::counts() const {
  base::MutexLock lock(mu_);
  return counts_;
}

std::vector<std::string> Journal::violations() const {
  base::MutexLock lock(mu_);
  return violations_;
}

}  // namespace lockstep::chaos
