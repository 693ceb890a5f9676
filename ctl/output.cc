#include "ctl/output.h"

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "absl/strings/strip.h"
#include "google/protobuf/util/json_util.h"

#include "engine/base/status_macros.h"

namespace lockstep::ctl {
namespace {

// "OPERATION_STATE_RUNNING" -> "running".
std::string EnumWord(absl::string_view name, absl::string_view prefix) {
  return absl::AsciiStrToLower(absl::StripPrefix(name, prefix));
}

absl::StatusOr<std::string> ToJson(const google::protobuf::Message& message, bool indented) {
  google::protobuf::util::JsonPrintOptions options;
  options.add_whitespace = indented;
  options.always_print_primitive_fields = true;
  std::string json;
  const auto status = google::protobuf::util::MessageToJsonString(message, &json, options);
  if (!status.ok()) {
    return absl::InternalError(
        absl::StrCat("the answer has no JSON form: ", std::string(status.message())));
  }
  if (json.empty() || json.back() != '\n') json += '\n';
  return json;
}

// The field that holds the items of a list.
const google::protobuf::FieldDescriptor& ItemsOf(const google::protobuf::Message& answer) {
  const google::protobuf::FieldDescriptor* items = nullptr;
  for (int i = 0; i < answer.GetDescriptor()->field_count(); ++i) {
    const auto* const field = answer.GetDescriptor()->field(i);
    if (!field->is_repeated() || field->message_type() == nullptr) continue;
    LOCKSTEP_CHECK(items == nullptr);
    items = field;
  }
  LOCKSTEP_CHECK(items != nullptr);
  return *items;
}

}  // namespace

absl::StatusOr<std::string> ToJson(const google::protobuf::Message& message) {
  return ToJson(message, /*indented=*/true);
}

absl::StatusOr<std::string> ToJsonLine(const google::protobuf::Message& message) {
  return ToJson(message, /*indented=*/false);
}

absl::Status PrintJson(Console& console, const google::protobuf::Message& message) {
  ASSIGN_OR_RETURN(const std::string json, ToJson(message, !console.options().json_lines));
  console.Data(json);
  return absl::OkStatus();
}

absl::Status PrintJsonList(Console& console, const google::protobuf::Message& answer) {
  if (!console.options().json_lines) return PrintJson(console, answer);
  const google::protobuf::FieldDescriptor& items = ItemsOf(answer);
  const google::protobuf::Reflection& fields = *answer.GetReflection();
  for (int i = 0; i < fields.FieldSize(answer, &items); ++i) {
    ASSIGN_OR_RETURN(const std::string json,
                     ToJsonLine(fields.GetRepeatedMessage(answer, &items, i)));
    console.Data(json);
  }
  return absl::OkStatus();
}

absl::Status PrintJsonLine(Console& console, const google::protobuf::Message& message) {
  ASSIGN_OR_RETURN(const std::string json, ToJsonLine(message));
  console.Data(json);
  return console.Flush() ? absl::OkStatus() : absl::UnknownError("cannot write to standard output");
}

std::string DurationText(absl::Duration duration) {
  if (duration < absl::ZeroDuration()) duration = absl::ZeroDuration();
  if (duration < absl::Seconds(1)) {
    return absl::StrCat(absl::ToInt64Milliseconds(duration), " ms");
  }
  const int64_t tenths = absl::ToInt64Milliseconds(duration) / 100;
  if (tenths < 600) return absl::StrFormat("%d.%d s", tenths / 10, tenths % 10);
  const int64_t seconds = absl::ToInt64Seconds(duration);
  if (seconds < 3600) return absl::StrFormat("%dm%02ds", seconds / 60, seconds % 60);
  if (seconds < 86400) {
    return absl::StrFormat("%dh%02dm", seconds / 3600, seconds % 3600 / 60);
  }
  return absl::StrFormat("%dd%dh", seconds / 86400, seconds % 86400 / 3600);
}

std::string AgeText(absl::Duration age) {
  const int64_t seconds = std::max<int64_t>(0, absl::ToInt64Seconds(age));
  if (seconds < 60) return absl::StrCat(seconds, "s");
  if (seconds < 3600) return absl::StrCat(seconds / 60, "m");
  if (seconds < 86400) return absl::StrCat(seconds / 3600, "h");
  return absl::StrCat(seconds / 86400, "d");
}

std::string TimeText(absl::Time time) {
  return absl::FormatTime("%Y-%m-%d %H:%M:%SZ", time, absl::UTCTimeZone());
}

std::string Count(int64_t count, absl::string_view noun) {
  return absl::StrCat(count, " ", noun, count == 1 ? "" : "s");
}

std::string VersionRange(const std::vector<int32_t>& versions) {
  if (versions.empty()) return "";
  std::vector<std::string> ranges;
  for (size_t first = 0; first < versions.size();) {
    size_t last = first;
    while (last + 1 < versions.size() && versions[last + 1] == versions[last] + 1) ++last;
    ranges.push_back(last == first ? absl::StrCat(versions[first])
                                   : absl::StrCat(versions[first], "..", versions[last]));
    first = last + 1;
  }
  return absl::StrCat("(", absl::StrJoin(ranges, ", "), ")");
}

std::string PhaseWord(v1::Phase phase) { return EnumWord(v1::Phase_Name(phase), "PHASE_"); }

std::string StateWord(v1::MigrationState state) {
  return EnumWord(v1::MigrationState_Name(state), "MIGRATION_STATE_");
}

std::string StateWord(v1::OperationState state) {
  return EnumWord(v1::OperationState_Name(state), "OPERATION_STATE_");
}

Tone ToneOf(v1::OperationState state) {
  switch (state) {
    case v1::OPERATION_STATE_SUCCEEDED:
      return Tone::kGood;
    case v1::OPERATION_STATE_FAILED:
      return Tone::kBad;
    default:
      return Tone::kWarning;
  }
}

bool HasEnded(const v1::Operation& operation) {
  return operation.state() == v1::OPERATION_STATE_SUCCEEDED ||
         operation.state() == v1::OPERATION_STATE_FAILED ||
         operation.state() == v1::OPERATION_STATE_CANCELLED;
}

std::string ContractsWaiting(const std::vector<int32_t>& versions) {
  if (versions.empty()) return "";
  const std::string count = Count(static_cast<int64_t>(versions.size()), "contract");
  std::string text = absl::StrCat(count, " waiting: lockstep contract ", versions.front());
  if (versions.size() > 1) {
    const std::vector<int32_t> others(versions.begin() + 1, versions.end());
    absl::StrAppend(&text, " (then ", absl::StrJoin(others, ", "), ")");
  }
  return text;
}

}  // namespace lockstep::ctl
