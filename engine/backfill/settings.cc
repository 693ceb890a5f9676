// What a person may set of a job, as JSON.
#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"

#include "engine/backfill/throttle.h"
#include "engine/base/error_info.h"
#include "engine/base/status_macros.h"

namespace lockstep::backfill {
namespace {

using nlohmann::json;

constexpr double kMaxNumber = 1e12;
constexpr double kMillion = 1 << 20;

absl::Status BadSetting(absl::string_view name, absl::string_view message) {
  return base::MakeError(absl::StatusCode::kInvalidArgument, "INVALID_FIELD",
                         absl::StrCat("setting ", name, " ", message),
                         {{"field", std::string(name)}});
}

absl::StatusOr<double> NumberOf(absl::string_view name, const json& value, double least,
                                double most) {
  if (!value.is_number()) return BadSetting(name, "must be a number");
  const double number = value.get<double>();
  if (std::isnan(number) || number < least || number > most) {
    return BadSetting(name, absl::StrCat("must be from ", least, " to ", most));
  }
  return number;
}

absl::Status SetIgnored(const json& value, Settings* settings) {
  if (!value.is_array()) return BadSetting("ignore", "must be a list of throttles");
  settings->ignore.clear();
  for (const json& name : value) {
    const bool known =
        name.is_string() && std::find(std::begin(kThrottles), std::end(kThrottles),
                                      name.get<std::string>()) != std::end(kThrottles);
    if (!known) {
      return BadSetting("ignore",
                        absl::StrCat("must name throttles: ", absl::StrJoin(kThrottles, ", ")));
    }
    settings->ignore.insert(name.get<std::string>());
  }
  return absl::OkStatus();
}

absl::Status SetOne(const std::string& name, const json& value, Settings* settings) {
  if (value.is_null()) return absl::OkStatus();  // Takes a setting back.
  if (name == "ignore") return SetIgnored(value, settings);
  if (name == "window") {
    if (!value.is_string()) return BadSetting(name, "must be text");
    const std::string window = value.get<std::string>();
    if (!window.empty() && !chain::ParseWindow(window).has_value()) {
      return BadSetting(name, "must be two times of the day in UTC, e.g. 22:00-06:00");
    }
    settings->window = window;
    return absl::OkStatus();
  }
  ASSIGN_OR_RETURN(const double number, NumberOf(name, value, 0, kMaxNumber));
  if (name == "batch") {
    ASSIGN_OR_RETURN(const double rows, NumberOf(name, value, 1, chain::kMaxBatchRows));
    settings->batch = static_cast<int>(rows);
  } else if (name == "rate") {
    ASSIGN_OR_RETURN(const double rate, NumberOf(name, value, 0, chain::kMaxBackfillRate));
    settings->rate = static_cast<int>(rate);
  } else if (name == "pause_ms") {
    settings->pause = absl::Milliseconds(number);
  } else if (name == "max_lag_ms") {
    settings->max_lag = absl::Milliseconds(number);
  } else if (name == "max_lag_mb") {
    settings->max_lag_bytes = static_cast<int64_t>(number * kMillion);
  } else if (name == "max_slot_mb") {
    settings->max_slot_bytes = static_cast<int64_t>(number * kMillion);
  } else if (name == "max_wal_mb_per_s") {
    settings->max_wal_rate = static_cast<int64_t>(number * kMillion);
  } else if (name == "max_active") {
    settings->max_active = static_cast<int>(std::min(number, 1e6));
  } else if (name == "max_dead_percent") {
    settings->max_dead = number / 100;
  } else if (name == "max_transaction_s") {
    settings->max_transaction = absl::Seconds(number);
  } else {
    return BadSetting(name, "is not known");
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<Settings> SettingsOf(const chain::Backfill& file, absl::string_view text) {
  Settings settings{.first_batch = file.batch.value_or(0),
                    .rate = file.rate.value_or(0),
                    .pause = file.throttle.value_or(absl::ZeroDuration()),
                    .window = file.window,
                    .pause_while = file.pause_while};
  if (text.empty()) return settings;
  const json object = json::parse(text, nullptr, /*allow_exceptions=*/false);
  if (!object.is_object()) return BadSetting("settings", "must be a JSON object");
  for (const auto& [name, value] : object.items()) {
    RETURN_IF_ERROR(SetOne(name, value, &settings));
  }
  return settings;
}

}  // namespace lockstep::backfill
