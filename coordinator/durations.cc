#include "coordinator/durations.h"

#include <algorithm>
#include <array>
#include <string>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"

#include "engine/base/error_info.h"
#include "engine/base/status_macros.h"

namespace lockstep::coordinator {
namespace {

constexpr std::array kFields = {
    DurationField{"heartbeat", &Durations::heartbeat, "An agent sends a heartbeat this often"},
    DurationField{"stop_after", &Durations::stop_after,
                  "A stop instance stops itself this long after its last acknowledged heartbeat"},
    DurationField{"session_ttl", &Durations::session_ttl,
                  "A session without a stream is silent for too long after this"},
    DurationField{"admission_validity", &Durations::admission_validity,
                  "An open gate may be used for this long before the instance is ready"},
    DurationField{"waiting_grace", &Durations::waiting_grace,
                  "An instance at its gate that lost its stream is forgotten after this"},
    DurationField{"reconnect_cap", &Durations::reconnect_cap,
                  "The longest pause between two dials of an agent that is live"},
    DurationField{"suspect_expiry", &Durations::suspect_expiry,
                  "An instance that nothing was heard or seen of for this long is given up"},
    DurationField{"leader_ttl", &Durations::leader_ttl,
                  "A leader that does not renew is replaced after this"},
    DurationField{"leader_renew", &Durations::leader_renew, "A leader renews this often"},
    DurationField{"leader_depose", &Durations::leader_depose,
                  "Without an acknowledgement for this long a leader takes itself for deposed"},
    DurationField{"leader_retry", &Durations::leader_retry, "A follower tries to lead this often"},
    DurationField{"lease_ttl", &Durations::lease_ttl,
                  "A holder that is connected and silent for this long loses its run"},
    DurationField{"lease_reconnect", &Durations::lease_reconnect,
                  "A holder whose stream broke has this long to come back"},
    DurationField{"lease_row_renew", &Durations::lease_row_renew,
                  "A held lease is renewed in its row this often"},
    DurationField{"revoke_wait", &Durations::revoke_wait,
                  "Taking a run back waits this long for the holder's transaction"},
    DurationField{"revoke_patience", &Durations::revoke_patience,
                  "From then on the holder's backend is terminated"},
    DurationField{"take_back_wait", &Durations::take_back_wait,
                  "One try to take a paused run back waits this long"},
    DurationField{"poll", &Durations::poll, "The leader looks this often when nothing wakes it"},
    DurationField{"gate_memory", &Durations::gate_memory,
                  "The gate is answered from memory that is at most this old"},
    DurationField{"lock_timeout", &Durations::lock_timeout,
                  "One statement of a migration waits this long for a lock, later up to 4 x this"},
    DurationField{"lock_pause", &Durations::lock_pause,
                  "The pause behind a try that met a busy lock, later about 5 x this"},
    DurationField{"lock_budget", &Durations::lock_budget,
                  "A run that commits nothing is tried again for this long"},
    DurationField{"retry_base", &Durations::retry_base,
                  "A run whose server was away is tried again after this, then twice this, ..."},
    DurationField{"retry_cap", &Durations::retry_cap, "... but after no more than this"},
};

// One side of a relation: "heartbeat x 2 (10s)".
struct Side {
  std::string name;   // Of its first field.
  std::string terms;  // "leader_ttl x 1.5 + reconnect_cap"
  absl::Duration value;

  std::string text() const { return absl::StrCat(terms, " (", absl::FormatDuration(value), ")"); }
  std::string flag() const { return absl::StrCat("--", absl::StrReplaceAll(name, {{"_", "-"}})); }
};

// Reads sides of the durations by their names.
class Sides {
 public:
  explicit Sides(const Durations& durations) : durations_(durations) {}

  Side operator()(const std::string& name, double factor = 1) const {
    const auto field = std::find_if(kFields.begin(), kFields.end(),
                                    [&](const DurationField& f) { return f.name == name; });
    LOCKSTEP_CHECK(field != kFields.end());
    return {.name = name,
            .terms = factor == 1 ? name : absl::StrCat(name, " x ", factor),
            .value = durations_.*field->member * factor};
  }

 private:
  const Durations& durations_;
};

Side operator+(const Side& a, const Side& b) {
  return {a.name, absl::StrCat(a.terms, " + ", b.terms), a.value + b.value};
}

absl::Status Require(bool holds, const Side& a, absl::string_view relation, const Side& b) {
  if (holds) return absl::OkStatus();
  return base::MakeError(absl::StatusCode::kInvalidArgument, "INVALID_FIELD",
                         absl::StrCat("durations do not fit together: ", a.text(), " must be ",
                                      relation, " ", b.text()),
                         {{"field", a.name},
                          {"value", absl::FormatDuration(a.value)},
                          {"other", b.name},
                          {"other_value", absl::FormatDuration(b.value)}},
                         absl::StrCat("lower ", a.flag(), " or raise ", b.flag()));
}

absl::Status Less(const Side& a, const Side& b) {
  return Require(a.value < b.value, a, "less than", b);
}
absl::Status AtMost(const Side& a, const Side& b) {
  return Require(a.value <= b.value, a, "at most", b);
}

absl::Status CheckEach(const Durations& durations) {
  for (const DurationField& field : kFields) {
    const absl::Duration value = durations.*field.member;
    if (value > absl::ZeroDuration() && value < absl::InfiniteDuration()) continue;
    return base::MakeError(absl::StatusCode::kInvalidArgument, "INVALID_FIELD",
                           absl::StrCat(field.name, " (", absl::FormatDuration(value),
                                        ") must be positive and finite"),
                           {{"field", field.name}, {"value", absl::FormatDuration(value)}},
                           "correct the configured durations");
  }
  return absl::OkStatus();
}

}  // namespace

LockLadder LadderOf(const Durations& durations) {
  return MakeLadder(durations.lock_timeout, durations.lock_pause, durations.lock_budget);
}

std::span<const DurationField> DurationFields() { return kFields; }

absl::Status CheckDurations(const Durations& d) {
  RETURN_IF_ERROR(CheckEach(d));
  const Sides of(d);
  RETURN_IF_ERROR(Less(of("heartbeat", 2), of("stop_after")));
  RETURN_IF_ERROR(Less(of("stop_after"), of("session_ttl")));
  RETURN_IF_ERROR(Less(of("admission_validity"), of("session_ttl")));
  RETURN_IF_ERROR(Less(of("session_ttl", 2), of("suspect_expiry")));
  RETURN_IF_ERROR(Less(of("leader_retry"), of("leader_ttl")));
  RETURN_IF_ERROR(Less(of("leader_renew"), of("leader_depose")));
  RETURN_IF_ERROR(Less(of("leader_depose"), of("leader_ttl")));
  // A change of leader stops nobody.
  RETURN_IF_ERROR(Less(of("leader_ttl", 1.5) + of("reconnect_cap"), of("stop_after")));
  RETURN_IF_ERROR(Less(of("heartbeat", 2), of("lease_ttl")));
  RETURN_IF_ERROR(AtMost(of("lease_reconnect"), of("lease_ttl")));
  RETURN_IF_ERROR(Less(of("lease_row_renew"), of("lease_ttl")));
  RETURN_IF_ERROR(Less(of("poll"), of("gate_memory")));
  RETURN_IF_ERROR(Less(of("gate_memory"), of("session_ttl")));
  return AtMost(of("retry_base"), of("retry_cap"));
}

Durations Scaled(const Durations& durations, double factor) {
  Durations d = durations;
  for (const DurationField& field : kFields) {
    if (field.member != &Durations::lock_timeout) d.*field.member /= factor;
  }
  return d;
}

}  // namespace lockstep::coordinator
