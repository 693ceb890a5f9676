// The lists of StatusService: instances, leases, events, the chain.
#include <algorithm>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"

#include "coordinator/rpc/chain_export.h"
#include "coordinator/rpc/status_service.h"
#include "coordinator/rpc/unary.h"
#include "coordinator/wire/contract_to_proto.h"
#include "coordinator/wire/from_proto.h"
#include "coordinator/wire/lists.h"
#include "coordinator/wire/to_proto.h"
#include "engine/base/ids.h"
#include "engine/base/status_macros.h"
#include "proto/convert/status.h"

namespace lockstep::coordinator {
namespace {

constexpr int kDefaultPage = 100;
constexpr int kMaxPage = 1000;
constexpr int kDefaultLeases = 20;
constexpr int kMaxLeases = 500;
constexpr size_t kMaxName = 128;

int PageSize(int asked, int unless_asked, int most) {
  return asked <= 0 ? unless_asked : std::min(asked, most);
}

// A page token that is a number; absent when empty.
absl::StatusOr<std::optional<int64_t>> NumberOf(const std::string& token) {
  if (token.empty()) return std::optional<int64_t>();
  int64_t number = 0;
  if (!absl::SimpleAtoi(token, &number) || number < 0) {
    return InvalidField("page_token", "not one of ours");
  }
  return std::optional<int64_t>(number);
}

}  // namespace

grpc::ServerUnaryReactor* StatusServiceImpl::ListInstances(grpc::CallbackServerContext* context,
                                                           const v1::ListInstancesRequest* request,
                                                           v1::ListInstancesResponse* response) {
  return RunUnary(context, workers_,
                  [this, request, response] { return DoListInstances(*request, *response); });
}

absl::Status StatusServiceImpl::DoListInstances(const v1::ListInstancesRequest& request,
                                                v1::ListInstancesResponse& response) {
  RETURN_IF_ERROR(CheckText("service", request.service(), kMaxName));
  RETURN_IF_ERROR(CheckText("instance", request.instance(), kMaxName));
  if (!request.page_token().empty() && !base::IsUuid(request.page_token())) {
    return InvalidField("page_token", "not one of ours");
  }
  if (request.concerned_by() < 0) return InvalidField("concerned_by", "out of range");
  const int size = PageSize(request.page_size(), kDefaultPage, kMaxPage);
  ASSIGN_OR_RETURN(const auto instances,
                   coordinator::ListInstances(*sources_.database, *sources_.fleet,
                                              {.after = request.page_token(),
                                               .service = request.service(),
                                               .instance = request.instance(),
                                               .limit = size,
                                               .concerned_by = request.concerned_by()},
                                              sources_.clock->SinceBoot()));
  for (const InstanceState& instance : instances) {
    *response.add_instances() = ToProto(instance, durations_.admission_validity);
  }
  if (static_cast<int>(instances.size()) == size) {
    response.set_next_page_token(instances.back().session.declaration.session_id);
  }
  return absl::OkStatus();
}

grpc::ServerUnaryReactor* StatusServiceImpl::ListBlockers(grpc::CallbackServerContext* context,
                                                          const v1::ListBlockersRequest* request,
                                                          v1::ListBlockersResponse* response) {
  return RunUnary(context, workers_, [this, request, response]() -> absl::Status {
    if (request->version() < 0 || request->version() > chain::kMaxVersion) {
      return InvalidField("version", "out of range");
    }
    ASSIGN_OR_RETURN(const auto contracts, sources_.operations->ListContracts(request->version()));
    for (const ContractState& contract : contracts) *response->add_contracts() = ToProto(contract);
    return absl::OkStatus();
  });
}

grpc::ServerUnaryReactor* StatusServiceImpl::ListPins(grpc::CallbackServerContext* context,
                                                      const v1::ListPinsRequest* request,
                                                      v1::ListPinsResponse* response) {
  return RunUnary(context, workers_,
                  [this, request, response] { return DoListPins(*request, *response); });
}

absl::Status StatusServiceImpl::DoListPins(const v1::ListPinsRequest& request,
                                           v1::ListPinsResponse& response) {
  RETURN_IF_ERROR(CheckText("service", request.service(), kMaxName));
  RETURN_IF_ERROR(CheckText("page_token", request.page_token(), kMaxName));
  const int size = PageSize(request.page_size(), kDefaultPage, kMaxPage);
  ASSIGN_OR_RETURN(auto connection, sources_.database->Take());
  ASSIGN_OR_RETURN(const auto pins, ReadPins(*connection, {.after = request.page_token(),
                                                           .service = request.service(),
                                                           .limit = size}));
  for (const PinRow& pin : pins) *response.add_pins() = ToProto(pin);
  if (static_cast<int>(pins.size()) == size) response.set_next_page_token(pins.back().pin_id);
  return absl::OkStatus();
}

grpc::ServerUnaryReactor* StatusServiceImpl::ListLeases(grpc::CallbackServerContext* context,
                                                        const v1::ListLeasesRequest* request,
                                                        v1::ListLeasesResponse* response) {
  return RunUnary(context, workers_,
                  [this, request, response] { return DoListLeases(*request, *response); });
}

absl::Status StatusServiceImpl::DoListLeases(const v1::ListLeasesRequest& request,
                                             v1::ListLeasesResponse& response) {
  ASSIGN_OR_RETURN(const auto before, NumberOf(request.page_token()));
  const int size = PageSize(request.page_size(), kDefaultLeases, kMaxLeases);
  ASSIGN_OR_RETURN(auto connection, sources_.database->Take());
  ASSIGN_OR_RETURN(const auto attempts, ReadAttempts(*connection, before, size));
  for (const AttemptRow& attempt : attempts) *response.add_leases() = ToProto(attempt);
  if (static_cast<int>(attempts.size()) == size) {
    response.set_next_page_token(absl::StrCat(attempts.back().lease_epoch));
  }
  return absl::OkStatus();
}

grpc::ServerUnaryReactor* StatusServiceImpl::ListEvents(grpc::CallbackServerContext* context,
                                                        const v1::ListEventsRequest* request,
                                                        v1::ListEventsResponse* response) {
  return RunUnary(context, workers_,
                  [this, request, response] { return DoListEvents(*request, *response); });
}

absl::Status StatusServiceImpl::DoListEvents(const v1::ListEventsRequest& request,
                                             v1::ListEventsResponse& response) {
  if (request.after() < 0) return InvalidField("after", "must not be negative");
  EventCursor from{.incarnation = request.incarnation(), .after = request.after()};
  if (!request.page_token().empty()) {
    ASSIGN_OR_RETURN(from, ParseCursor(request.page_token()));
  }
  const int size = PageSize(request.page_size(), kDefaultPage, kMaxPage);
  ASSIGN_OR_RETURN(auto connection, sources_.database->Take());
  EventPage page;
  if (request.newest()) {
    ASSIGN_OR_RETURN(page, ReadLastEvents(*connection, size));
  } else {
    ASSIGN_OR_RETURN(page, ReadEvents(*connection, from.after, size));
    // Beyond the end there is nothing, which is an answer; another incarnation's end is none.
    if (from.incarnation > 0) RETURN_IF_ERROR(CheckCursor(*connection, from, page));
  }
  response.set_incarnation(page.incarnation);
  for (const EventRow& event : page.events) *response.add_events() = ToProto(event);
  if (!page.events.empty() && page.events.back().sequence < page.newest) {
    response.set_next_page_token(
        FormatCursor({.incarnation = page.incarnation, .after = page.events.back().sequence}));
  }
  return absl::OkStatus();
}

grpc::ServerWriteReactor<v1::WatchEventsResponse>* StatusServiceImpl::WatchEvents(
    grpc::CallbackServerContext*, const v1::WatchEventsRequest* request) {
  return events_.Watch({.incarnation = request->incarnation(), .after = request->after()});
}

grpc::ServerWriteReactor<v1::ExportChainResponse>* StatusServiceImpl::ExportChain(
    grpc::CallbackServerContext*, const v1::ExportChainRequest*) {
  return StartChainExport(sources_.database, workers_);
}

}  // namespace lockstep::coordinator
