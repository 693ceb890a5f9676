// What is printed about values: JSON documents, durations, times, counts. Pure functions.
#ifndef LOCKSTEP_CTL_OUTPUT_H_
#define LOCKSTEP_CTL_OUTPUT_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "google/protobuf/message.h"
#include "lockstep/v1/migration.pb.h"
#include "lockstep/v1/operation.pb.h"

#include "ctl/console.h"
#include "ctl/table.h"

namespace lockstep::ctl {

// The proto3 JSON mapping of `message` (lowerCamelCase, bytes in base64, 64-bit numbers as strings;
// fields without a value are printed too), indented, with a line feed. INTERNAL never happens for
// messages that came over the wire.
absl::StatusOr<std::string> ToJson(const google::protobuf::Message& message);

// The same on one line.
absl::StatusOr<std::string> ToJsonLine(const google::protobuf::Message& message);

// Prints the one JSON document of a command; on one line with -o jsonl.
absl::Status PrintJson(Console& console, const google::protobuf::Message& message);
// Prints a list: the whole answer as one document; with -o jsonl each of its items on a line.
// `answer` has exactly one repeated field of messages.
absl::Status PrintJsonList(Console& console, const google::protobuf::Message& answer);
// Prints one state of something that is watched, on one line, and lets it arrive at once.
absl::Status PrintJsonLine(Console& console, const google::protobuf::Message& message);

// "340 ms", "1.2 s", "3m10s", "2h05m", "3d4h".
std::string DurationText(absl::Duration duration);
// The same without fractions, for how long ago something was: "2s", "3m", "5h", "4d".
std::string AgeText(absl::Duration age);
// "2026-11-22 12:26:17Z".
std::string TimeText(absl::Time time);
// "1 migration", "4 migrations".
std::string Count(int64_t count, absl::string_view noun);
// "(13..16)", "(13)", "(11, 13..16)", "" for none; `versions` ascending.
std::string VersionRange(const std::vector<int32_t>& versions);

// Lower-case words of the enums: "contract", "applied", "running".
std::string PhaseWord(v1::Phase phase);
std::string StateWord(v1::MigrationState state);
std::string StateWord(v1::OperationState state);
Tone ToneOf(v1::OperationState state);

// True for SUCCEEDED, FAILED and CANCELLED.
bool HasEnded(const v1::Operation& operation);

// The last lines of whatever leaves contracts waiting:
// "1 contract waiting: lockstep contract 13"; "" for none.
std::string ContractsWaiting(const std::vector<int32_t>& versions);

}  // namespace lockstep::ctl

#endif  // LOCKSTEP_CTL_OUTPUT_H_
