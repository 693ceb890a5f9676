#include "ctl/instance_view.h"

#include "absl/strings/str_cat.h"

#include "ctl/output.h"
#include "proto/convert/time.h"

namespace lockstep::ctl {

namespace {

constexpr char kStarting[] = "starting";
constexpr char kSuspect[] = "suspect";

}  // namespace

Health HealthOf(const v1::InstanceStatus& instance) {
  switch (instance.gate().state()) {
    case v1::GATE_STATE_REFUSED:
      return Health::kRefused;
    case v1::GATE_STATE_WAIT:
      return Health::kWaiting;
    case v1::GATE_STATE_OPEN:
      if (instance.state() == kStarting) return Health::kStarting;
      if (instance.connected()) return Health::kOpen;
      return instance.state() == kSuspect ? Health::kSuspect : Health::kLost;
    default:
      return Health::kUnknown;
  }
}

Tone ToneOf(Health health) {
  switch (health) {
    case Health::kOpen:
      return Tone::kGood;
    case Health::kRefused:
      return Tone::kBad;
    default:
      return Tone::kWarning;
  }
}

std::string GateWord(const v1::InstanceStatus& instance, absl::Time now) {
  switch (HealthOf(instance)) {
    case Health::kOpen:
      return "open";
    case Health::kStarting:
      return kStarting;
    case Health::kLost:
      return "lost";
    case Health::kSuspect:
      if (!instance.has_silent_since()) return kSuspect;
      return absl::StrCat(kSuspect, " ",
                          AgeText(now - convert::FromProto(instance.silent_since())));
    case Health::kRefused:
      return "refused";
    case Health::kWaiting:
      if (!instance.has_registered_at()) return "waiting";
      return absl::StrCat("waiting ", AgeText(now - convert::FromProto(instance.registered_at())));
    case Health::kUnknown:
      break;
  }
  return "unknown";
}

std::string LastSeen(const v1::InstanceStatus& instance) {
  return instance.has_last_seen() ? AgeText(convert::FromProto(instance.last_seen())) : "-";
}

std::string GateNote(const v1::InstanceStatus& instance) {
  const v1::Gate& gate = instance.gate();
  if (HealthOf(instance) == Health::kStarting) return "reserved by `lockstep-agent wait`";
  if (HealthOf(instance) == Health::kSuspect) {
    return absl::StrCat("still counts: ",
                        instance.why_counts().empty() ? "no goodbye" : instance.why_counts());
  }
  if (gate.state() == v1::GATE_STATE_OPEN) {
    return instance.connected() ? "" : "admitted, but its connection is lost";
  }
  return gate.detail().empty() ? gate.reason() : gate.detail();
}

std::string HintFor(const v1::InstanceStatus& instance) {
  switch (HealthOf(instance)) {
    case Health::kOpen:
      return "";
    case Health::kSuspect:
      if (instance.has_attestation()) return "";
      return absl::StrCat("if its process is gone: `lockstep instances evict ", instance.service(),
                          " ", instance.instance(), " --attest --reason TEXT`");
    default:
      return instance.gate().hint();
  }
}

}  // namespace lockstep::ctl
