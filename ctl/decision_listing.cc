#include "ctl/decision_listing.h"

#include <map>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "lockstep/v1/status.grpc.pb.h"

#include "ctl/fleet_listing.h"
#include "ctl/listing.h"
#include "ctl/output.h"
#include "ctl/table.h"
#include "engine/base/status_macros.h"
#include "proto/convert/time.h"

namespace lockstep::ctl {
namespace {

constexpr int kPageSize = 1000;

// "6d23h"; "over" for one that is yet to be ended.
std::string LeftOf(const v1::Pin& pin, absl::Time now) {
  const absl::Duration left = convert::FromProto(pin.expires_at()) - now;
  return left > absl::ZeroDuration() ? DurationText(left) : "over";
}

// What the decision is about: "contract 13", "op-7f3a", "orders@8d02b17".
std::string SubjectOf(const v1::AuditEvent& event) {
  std::vector<std::string> parts;
  if (event.version() > 0) parts.push_back(absl::StrCat("version ", event.version()));
  if (!event.operation_id().empty()) parts.push_back(event.operation_id());
  const auto& fields = event.detail().fields();
  const auto text = [&fields](const char* name) {
    const auto found = fields.find(name);
    return found == fields.end() ? std::string() : found->second.string_value();
  };
  if (!text("service").empty()) {
    const std::string after = text("instance").empty() ? text("build") : text("instance");
    parts.push_back(absl::StrCat(text("service"), "@", after));
  }
  if (!text("override").empty()) parts.push_back(text("override"));
  return parts.empty() ? "-" : absl::StrJoin(parts, " ");
}

}  // namespace

absl::StatusOr<v1::ListPinsResponse> ListAllPins(Client& client, const std::string& service) {
  v1::ListPinsResponse all;
  v1::ListPinsRequest request;
  request.set_service(service);
  request.set_page_size(kPageSize);
  for (int page = 0; page < kMaxPages; ++page) {
    ASSIGN_OR_RETURN(v1::ListPinsResponse response,
                     client.Call(&v1::StatusService::Stub::ListPins, request));
    all.mutable_pins()->MergeFrom(response.pins());
    if (response.next_page_token().empty()) return all;
    request.set_page_token(response.next_page_token());
  }
  return absl::InternalError("the coordinator's list of pins does not end");
}

std::string PinsTable(const v1::ListPinsResponse& list, absl::Time now, const Style& style,
                      int width) {
  Table table({{"SERVICE"},
               {"BUILD"},
               {"NEEDS", Align::kRight},
               {"ADAPTED TO", Align::kRight},
               {"ENDS IN"},
               {"BY"},
               {"REASON"}});
  for (const v1::Pin& pin : list.pins()) {
    table.AddRow({{pin.service()},
                  {pin.build()},
                  {absl::StrCat(pin.needs())},
                  {absl::StrCat(pin.adapted_to())},
                  {LeftOf(pin, now)},
                  {pin.actor()},
                  {pin.reason()}});
  }
  return table.Render(style, width);
}

std::string AuditTable(const v1::ListAuditEventsResponse& list, const Style& style, int width) {
  Table table({{"NUMBER", Align::kRight}, {"AT"}, {"ACTION"}, {"BY"}, {"ABOUT"}, {"REASON"}});
  for (const v1::AuditEvent& event : list.events()) {
    table.AddRow({{absl::StrCat(event.number())},
                  {TimeText(convert::FromProto(event.at()))},
                  {event.action()},
                  {event.actor()},
                  {SubjectOf(event)},
                  {event.reason()}});
  }
  return table.Render(style, width);
}

std::string OverrideText(const v1::OverrideResponse& response, absl::Time now, const Style& style,
                         int width) {
  std::string text;
  if (response.sessions_size() > 0) {
    v1::ListInstancesResponse list;
    *list.mutable_instances() = response.sessions();
    text = InstancesTable(list, now, style, width);
  }
  if (response.pins_size() > 0) {
    v1::ListPinsResponse list;
    *list.mutable_pins() = response.pins();
    absl::StrAppend(&text, text.empty() ? "" : "\n", "pinned:\n",
                    PinsTable(list, now, style, width));
  }
  return text;
}

}  // namespace lockstep::ctl
