// What `lockstep doctor` found, as a table and as JSON. Pure.
#ifndef LOCKSTEP_CTL_DOCTOR_H_
#define LOCKSTEP_CTL_DOCTOR_H_

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"

#include "ctl/style.h"

namespace lockstep::ctl {

enum class Condition { kOk, kWarning, kProblem };

struct Finding {
  std::string check;  // "owner role".
  Condition condition = Condition::kOk;
  std::string detail;
  std::string hint;  // The next step; empty when there is none.
};

class Diagnosis {
 public:
  void Ok(std::string check, std::string detail);
  void Warn(std::string check, std::string detail, std::string hint = "");
  void Problem(std::string check, std::string detail, std::string hint = "");
  // A problem as `status` tells it, with its hint.
  void Problem(std::string check, const absl::Status& status);

  const std::vector<Finding>& findings() const { return findings_; }
  int Count(Condition condition) const;

 private:
  std::vector<Finding> findings_;
};

// Clocks that are further apart than this are worth a warning: leases live for seconds.
inline constexpr absl::Duration kClockTolerance = absl::Seconds(2);

// Compares a clock that was read between `before` and `after` of this machine's.
void CheckClock(std::string check, absl::Time theirs, absl::Time before, absl::Time after,
                Diagnosis* diagnosis);

// One line a check and its hint below it, then the sum: "11 ok, 1 warning, 0 problems". Nothing is
// cut, however wide the terminal: half a hint helps nobody.
std::string DiagnosisText(const Diagnosis& diagnosis, const Style& style);
std::string DiagnosisJson(const Diagnosis& diagnosis);

}  // namespace lockstep::ctl

#endif  // LOCKSTEP_CTL_DOCTOR_H_
