// absl's times and the protobuf well-known types.
#ifndef LOCKSTEP_PROTO_CONVERT_TIME_H_
#define LOCKSTEP_PROTO_CONVERT_TIME_H_

#include "absl/time/time.h"
#include "google/protobuf/duration.pb.h"
#include "google/protobuf/timestamp.pb.h"

namespace lockstep::convert {

// Infinite values are clamped to what the message can hold.
google::protobuf::Timestamp ToProto(absl::Time time);
google::protobuf::Duration ToProto(absl::Duration duration);
absl::Time FromProto(const google::protobuf::Timestamp& time);
absl::Duration FromProto(const google::protobuf::Duration& duration);

}  // namespace lockstep::convert

#endif  // LOCKSTEP_PROTO_CONVERT_TIME_H_
