#include "ctl/fleet_listing.h"

#include <map>
#include <utility>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "absl/strings/strip.h"
#include "google/protobuf/util/json_util.h"
#include "lockstep/v1/status.grpc.pb.h"

#include "ctl/instance_view.h"
#include "ctl/listing.h"
#include "ctl/output.h"
#include "ctl/sanitize.h"
#include "ctl/table.h"
#include "engine/base/status_macros.h"
#include "proto/convert/time.h"

namespace lockstep::ctl {
namespace {

constexpr int kPageSize = 1000;

std::string OrDash(const std::string& text) { return text.empty() ? "-" : text; }

// "waiting 12s (behind)", "open".
std::string GateCell(const v1::InstanceStatus& instance, absl::Time now) {
  const std::string word = GateWord(instance, now);
  const Health health = HealthOf(instance);
  // The gate of a suspect one is open still; what there is to say is why it counts.
  const std::string reason =
      health == Health::kOpen || health == Health::kSuspect ? "" : instance.gate().reason();
  return reason.empty() ? word : absl::StrCat(word, " (", reason, ")");
}

std::string StateWord(v1::LeaseState state) {
  return absl::AsciiStrToLower(absl::StripPrefix(v1::LeaseState_Name(state), "LEASE_STATE_"));
}

Tone ToneOf(v1::LeaseState state) {
  switch (state) {
    case v1::LEASE_STATE_SUCCEEDED:
      return Tone::kGood;
    case v1::LEASE_STATE_FAILED:
      return Tone::kBad;
    default:
      return Tone::kWarning;
  }
}

// "3", "3..16".
std::string RunOf(const v1::Lease& lease) {
  return lease.first() == lease.last() ? absl::StrCat(lease.first())
                                       : absl::StrCat(lease.first(), "..", lease.last());
}

std::string DetailValue(const google::protobuf::Value& value) {
  if (value.kind_case() == google::protobuf::Value::kStringValue) return value.string_value();
  std::string json;
  if (!google::protobuf::util::MessageToJsonString(value, &json).ok()) return "?";
  return json;
}

// "by=ann reason=load", in the order of the names; what is empty is left out.
std::string DetailOf(const v1::Event& event) {
  std::map<std::string, std::string> facts;
  for (const auto& [name, value] : event.detail().fields()) {
    std::string text = DetailValue(value);
    if (!text.empty()) facts[name] = std::move(text);
  }
  return absl::StrJoin(facts, "  ", absl::PairFormatter("="));
}

}  // namespace

absl::StatusOr<v1::ListInstancesResponse> ListAllInstances(Client& client,
                                                           v1::ListInstancesRequest request) {
  v1::ListInstancesResponse all;
  request.set_page_size(kPageSize);
  for (int page = 0; page < kMaxPages; ++page) {
    ASSIGN_OR_RETURN(v1::ListInstancesResponse response,
                     client.Call(&v1::StatusService::Stub::ListInstances, request));
    all.mutable_instances()->MergeFrom(response.instances());
    if (response.next_page_token().empty()) return all;
    request.set_page_token(response.next_page_token());
  }
  return absl::InternalError("the coordinator's list of instances does not end");
}

std::string InstancesTable(const v1::ListInstancesResponse& list, absl::Time now,
                           const Style& style, int width) {
  Table table({{"INSTANCE"},
               {"SERVICE"},
               {"BUILD"},
               {"NEEDS", Align::kRight},
               {"ADAPTED TO", Align::kRight},
               {"GATE"},
               {"VIA"},
               {"LAST SEEN"}});
  for (const v1::InstanceStatus& instance : list.instances()) {
    table.AddRow({{instance.instance()},
                  {instance.service()},
                  {OrDash(instance.build())},
                  {absl::StrCat(instance.needs())},
                  {absl::StrCat(instance.adapted_to())},
                  {GateCell(instance, now), ctl::ToneOf(HealthOf(instance))},
                  {OrDash(instance.via())},
                  {LastSeen(instance)}});
  }
  return table.Render(style, width);
}

std::string ConcernedTable(const v1::ListInstancesResponse& list, absl::Time now,
                           const Style& style, int width) {
  Table table({{"INSTANCE"}, {"SERVICE"}, {"BUILD"}, {"STATE"}, {"LAST SEEN"}, {"WHY"}});
  for (const v1::InstanceStatus& instance : list.instances()) {
    const std::string gate = GateCell(instance, now);
    const bool counts = instance.state() != "waiting" && instance.state() != "refused";
    table.AddRow({{instance.instance()},
                  {instance.service()},
                  {OrDash(instance.build())},
                  {counts ? instance.state() : absl::StrCat(gate, ", does not count"),
                   ctl::ToneOf(HealthOf(instance))},
                  {LastSeen(instance)},
                  {instance.concern().why()}});
  }
  return table.Render(style, width);
}

std::string InstanceText(const v1::InstanceStatus& instance, absl::Time now, const Style& style) {
  std::string text;
  const auto add = [&text](const char* label, const std::string& value) {
    if (!value.empty()) absl::StrAppendFormat(&text, "%-12s %s\n", label, value);
  };
  add("INSTANCE", Sanitize(instance.instance()));
  add("SERVICE", Sanitize(instance.service()));
  add("SESSION", Sanitize(instance.session_id()));
  add("BUILD", Sanitize(OrDash(instance.build())));
  add("BUILT FOR", absl::StrCat(instance.built_for()));
  add("NEEDS", absl::StrCat(instance.needs()));
  add("ADAPTED TO", absl::StrCat(instance.adapted_to()));
  add("STATE", absl::StrCat(Sanitize(instance.state()), instance.serving() ? ", serving" : ""));
  add("GATE", style.Paint(ctl::ToneOf(HealthOf(instance)), Sanitize(GateCell(instance, now))));
  add("", Sanitize(GateNote(instance)));
  if (instance.has_attestation()) {
    add("ATTESTED", Sanitize(absl::StrCat("gone, by ", instance.attestation().actor(), " at ",
                                          TimeText(convert::FromProto(instance.attestation().at())),
                                          ": ", instance.attestation().reason())));
  }
  add("HINT", Sanitize(HintFor(instance)));
  add("VIA", Sanitize(instance.via()));
  add("MIGRATES", instance.can_migrate()             ? "yes"
                  : instance.migrate_error().empty() ? "no"
                                                     : Sanitize(instance.migrate_error()));
  if (instance.has_registered_at()) {
    add("REGISTERED", TimeText(convert::FromProto(instance.registered_at())));
  }
  add("LAST SEEN", LastSeen(instance));
  return text;
}

std::string LeasesTable(const v1::ListLeasesResponse& list, const Style& style, int width) {
  Table table({{"EPOCH", Align::kRight},
               {"STATE"},
               {"RUN"},
               {"COMMITTED", Align::kRight},
               {"HOLDER"},
               {"OPERATION"},
               {"GRANTED AT"},
               {"LASTED", Align::kRight},
               {"NOTE"}});
  for (const v1::Lease& lease : list.leases()) {
    const absl::Time granted = convert::FromProto(lease.granted_at());
    const std::string lasted =
        lease.has_ended_at() ? DurationText(convert::FromProto(lease.ended_at()) - granted) : "-";
    table.AddRow({{absl::StrCat(lease.lease_epoch())},
                  {StateWord(lease.state()), ToneOf(lease.state())},
                  {RunOf(lease)},
                  {lease.committed() == 0 ? "-" : absl::StrCat(lease.committed())},
                  {lease.holder()},
                  {lease.operation_id()},
                  {TimeText(granted)},
                  {lasted},
                  {lease.error().message()}});
  }
  return table.Render(style, width);
}

std::string EventHeading(const Style& style) {
  return style.Paint(Tone::kStrong,
                     absl::StrFormat("%8s  %-20s  %-20s  %7s  %-15s  %s", "SEQUENCE", "AT", "KIND",
                                     "VERSION", "OPERATION", "DETAIL")) +
         "\n";
}

std::string EventLine(const v1::Event& event) {
  std::string line =
      absl::StrFormat("%8d  %-20s  %-20s  %7s  %-15s  %s", event.sequence(),
                      TimeText(convert::FromProto(event.at())), Sanitize(event.kind()),
                      event.version() == 0 ? "-" : absl::StrCat(event.version()),
                      Sanitize(OrDash(event.operation_id())), Sanitize(DetailOf(event)));
  absl::StripTrailingAsciiWhitespace(&line);
  return line + "\n";
}

}  // namespace lockstep::ctl
