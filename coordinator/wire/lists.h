// What StatusService lists, as messages.
#ifndef LOCKSTEP_COORDINATOR_WIRE_LISTS_H_
#define LOCKSTEP_COORDINATOR_WIRE_LISTS_H_

#include "lockstep/v1/status.pb.h"

#include "coordinator/status/instances.h"
#include "coordinator/store/attempt_store.h"
#include "coordinator/store/event_store.h"
#include "coordinator/store/override_store.h"
#include "coordinator/store/pin_store.h"

namespace lockstep::coordinator {

v1::InstanceStatus ToProto(const InstanceState& instance, absl::Duration validity);
v1::Concern ToProto(const Concern& concern);
v1::Pin ToProto(const PinRow& pin);
v1::ActiveOverride ToProto(const OverrideRow& row);
v1::Lease ToProto(const AttemptRow& attempt);
v1::Event ToProto(const EventRow& event);

}  // namespace lockstep::coordinator

#endif  // LOCKSTEP_COORDINATOR_WIRE_LISTS_H_
