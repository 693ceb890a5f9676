#include "engine/base/error_info.h"

#include <cstdio>
#include <cstdlib>
#include <utility>

#include "absl/strings/cord.h"
#include "absl/strings/str_cat.h"
#include "nlohmann/json.hpp"

#include "engine/base/status_macros.h"

namespace lockstep::base {
namespace {

constexpr char kPayloadUrl[] = "lockstep/error_info";

std::string Encode(const ErrorInfo& info) {
  nlohmann::json blockers = nlohmann::json::array();
  for (const Blocker& blocker : info.blockers) {
    blockers.push_back({blocker.type, blocker.subject, blocker.description});
  }
  const nlohmann::json json = {
      {"r", info.reason}, {"m", info.metadata}, {"h", info.hint}, {"b", blockers}};
  return json.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

ErrorInfo Decode(const std::string& text) {
  const nlohmann::json json = nlohmann::json::parse(text);
  ErrorInfo info;
  info.reason = json.at("r").get<std::string>();
  info.metadata = json.at("m").get<std::map<std::string, std::string>>();
  info.hint = json.at("h").get<std::string>();
  for (const auto& item : json.at("b")) {
    info.blockers.push_back({item.at(0), item.at(1), item.at(2)});
  }
  return info;
}

}  // namespace

void CheckFailed(const char* condition, const char* file, int line) {
  std::fprintf(stderr, "%s:%d: check failed: %s\n", file, line, condition);
  std::abort();
}

absl::Status MakeError(absl::StatusCode code, absl::string_view message, ErrorInfo info) {
  LOCKSTEP_CHECK(code != absl::StatusCode::kOk);
  absl::Status status(code, message);
  status.SetPayload(kPayloadUrl, absl::Cord(Encode(info)));
  return status;
}

absl::Status MakeError(absl::StatusCode code, absl::string_view reason, absl::string_view message,
                       std::map<std::string, std::string> metadata, absl::string_view hint) {
  return MakeError(code, message,
                   ErrorInfo{.reason = std::string(reason),
                             .metadata = std::move(metadata),
                             .hint = std::string(hint)});
}

std::optional<ErrorInfo> GetErrorInfo(const absl::Status& status) {
  const auto payload = status.GetPayload(kPayloadUrl);
  if (!payload.has_value()) return std::nullopt;
  return Decode(std::string(*payload));
}

std::string ReasonOf(const absl::Status& status) {
  const auto info = GetErrorInfo(status);
  return info.has_value() ? info->reason : "";
}

std::string MetadataOf(const absl::Status& status, absl::string_view key) {
  const auto info = GetErrorInfo(status);
  if (!info.has_value()) return "";
  const auto it = info->metadata.find(std::string(key));
  return it == info->metadata.end() ? "" : it->second;
}

absl::Status Annotate(const absl::Status& status, absl::string_view prefix) {
  if (status.ok()) return status;
  absl::Status annotated(status.code(), absl::StrCat(prefix, ": ", status.message()));
  status.ForEachPayload([&](absl::string_view url, const absl::Cord& payload) {
    annotated.SetPayload(url, payload);
  });
  return annotated;
}

}  // namespace lockstep::base
