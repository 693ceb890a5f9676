#include "ctl/direct/direct.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "absl/random/random.h"
#include "absl/strings/str_cat.h"

#include "coordinator/store/operation_store.h"
#include "coordinator/store/run_store.h"
#include "coordinator/wire/from_proto.h"
#include "coordinator/wire/review_to_proto.h"
#include "coordinator/wire/to_proto.h"
#include "engine/base/error_info.h"
#include "engine/base/ids.h"
#include "engine/base/status_macros.h"
#include "engine/catalog/bootstrap.h"

namespace lockstep::ctl {
namespace {

using coordinator::LeaderRow;
using coordinator::Version;

constexpr char kApplicationName[] = "lockstep-direct";
// One for the verbs; two for taking a run back from a holder that is gone.
constexpr int kConnections = 3;
// How often the leader row is tried while somebody else has it; 32 that wait share it fairly.
constexpr absl::Duration kTryAgain = absl::Milliseconds(100);

postgres::ConnectionOptions ConnectionOf(const DirectOptions& options) {
  return {.conninfo = options.database, .application_name = kApplicationName};
}

absl::Status CoordinatorLeads(const std::string& address) {
  return base::MakeError(
      absl::StatusCode::kAborted, "COORDINATOR_LEADS",
      absl::StrCat("a coordinator leads this database: ", address), {{"leader_address", address}},
      absl::StrCat("`--address ", address, "` instead of --direct asks it, or stop it first"));
}

// Whether the coordinator of `row` lives: it has renewed since `first` was read.
bool HasRenewed(const LeaderRow& first, const LeaderRow& row) {
  return first.token == row.token && first.renewals != row.renewals;
}

std::string WhyWaiting(const absl::StatusOr<LeaderRow>& row) {
  if (!row.ok()) return "transactions of the leader before us are still open";
  if (const auto other = coordinator::DirectIdentity(row->address); other.has_value()) {
    return absl::StrCat("another direct run is under way: ", *other);
  }
  return absl::StrCat("coordinator ", row->address, " has the lease; looking whether it lives");
}

absl::Status Stopped(const absl::Status& why, const v1::Operation& operation) {
  base::ErrorInfo info = base::GetErrorInfo(why).value_or(base::ErrorInfo{});
  const std::string applied = absl::StrCat(operation.applied());
  info.metadata["operation_id"] = operation.operation_id();
  info.metadata["applied"] = applied;
  info.metadata["effect"] =
      absl::StrCat("what was running is rolled back; the database is at ", applied);
  info.hint = "run the same command again: it goes on from there";
  return base::MakeError(why.code(), why.message(), std::move(info));
}

}  // namespace

Direct::Direct(const DirectOptions& options)
    : options_(options),
      database_({.connection = ConnectionOf(options), .size = kConnections}),
      settle_({.durations = options.durations}),
      elector_({.connection = ConnectionOf(options),
                .address = [this] { return coordinator::DirectAddress(options_.identity); },
                .durations = options.durations,
                .on_elected = [this](const coordinator::LeaderToken&) { BeginSettle(); },
                .on_deposed = [this] { settle_.Reset(); }}),
      fleet_({.database = &database_,
              .durations = options.durations,
              .leadership = [this] { return elector_.leadership(); }}),
      lessor_({.database = &database_, .durations = options.durations}),
      driver_({.database = &database_,
               .fleet = &fleet_,
               .lessor = &lessor_,
               .settle = &settle_,
               .durations = options.durations,
               .only_needed_backfills = true,
               .leadership = [this] { return elector_.leadership(); }}),
      operations_({.database = &database_,
                   .elector = &elector_,
                   .fleet = &fleet_,
                   .lessor = &lessor_,
                   .driver = &driver_,
                   .durations = options.durations}),
      session_id_(base::NewUuid()),
      agent_({.operations = &operations_,
              .lessor = &lessor_,
              .conninfo =
                  options.migrate_database.empty() ? options.database : options.migrate_database,
              .session_id = session_id_}),
      link_(std::make_shared<LocalLink>()) {}

Direct::~Direct() { elector_.Stop(); }

absl::StatusOr<std::unique_ptr<Direct>> Direct::Open(const DirectOptions& options,
                                                     const Wait& wait) {
  ASSIGN_OR_RETURN(auto connection, postgres::Connection::Open(ConnectionOf(options)));
  RETURN_IF_ERROR(catalog::Bootstrap(
      *connection, {.owner_role = options.owner_role, .search_path = options.search_path}));
  std::unique_ptr<Direct> direct(new Direct(options));
  RETURN_IF_ERROR(direct->Lead(std::move(connection), wait));
  RETURN_IF_ERROR(direct->TakeOver());
  return direct;
}

absl::Status Direct::Lead(std::unique_ptr<postgres::Connection> connection, const Wait& wait) {
  const std::string candidate = base::NewUuid();
  absl::BitGen random;
  LeaderRow first;  // The rival's row when it was first seen.
  for (;;) {
    const absl::Duration sent = base::SystemClock()->SinceBoot();
    const auto row = coordinator::AcquireLeadership(*connection, candidate,
                                                    coordinator::DirectAddress(options_.identity),
                                                    options_.durations.leader_ttl, LeaderRow{});
    if (!row.ok() && !absl::IsDeadlineExceeded(row.status())) return row.status();
    if (row.ok() && row->token.holder == candidate) {
      elector_.StartLeading(std::move(connection), *row, sent);
      return absl::OkStatus();
    }
    if (row.ok()) {
      const bool coordinator = !coordinator::DirectIdentity(row->address).has_value();
      if (coordinator && HasRenewed(first, *row)) return CoordinatorLeads(row->address);
      if (first.token != row->token) first = *row;
    }
    RETURN_IF_ERROR(wait(WhyWaiting(row), kTryAgain * absl::Uniform(random, 0.5, 1.5)));
  }
}

void Direct::BeginSettle() {
  auto connection = database_.Take();
  const auto chain = connection.ok() ? coordinator::ReadChain(**connection)
                                     : absl::StatusOr<coordinator::ChainRow>(connection.status());
  // Nobody can connect to this process, so there is nobody to hear from: rows that are there count.
  settle_.Begin({}, /*rows_may_be_lost=*/!chain.ok() || !chain->settled);
}

absl::Status Direct::TakeOver() {
  fleet_.AddLocal(link_, {.session_id = session_id_,
                          .service = "direct",
                          .instance = options_.identity,
                          .can_migrate = true});
  ASSIGN_OR_RETURN(auto connection, database_.Take());
  ASSIGN_OR_RETURN(const coordinator::LeaseRow lease, coordinator::ReadLease(*connection));
  if (!lease.held) return absl::OkStatus();
  // Its holder has nobody to come back to: no agent can connect to this process.
  lessor_.Adopt(lease, "a run before this one");
  lessor_.Decline(lease.session, lease.token);
  return absl::OkStatus();
}

absl::StatusOr<v1::PublishChainResponse> Direct::Publish(const chain::Chain& chain,
                                                         const std::string& actor,
                                                         v1::LintMode lint) {
  coordinator::PublishRequest request{
      .backfills = chain.backfills, .actor = actor, .lint = coordinator::FromProto(lint)};
  coordinator::ChainRow published;
  {
    ASSIGN_OR_RETURN(auto connection, database_.Take());
    ASSIGN_OR_RETURN(published, coordinator::ReadChain(*connection));
  }
  const chain::ChainSum sum = chain.sum();
  const bool continues =
      published.head > 0 && published.head <= chain.head() &&
      sum.entries[static_cast<size_t>(published.head) - 1].chain_hash == published.head_hash;
  // Where the chains do not meet at the head, all of ours is sent: the check finds where they part.
  request.migrations.assign(chain.migrations.begin() + (continues ? published.head : 0),
                            chain.migrations.end());
  if (continues) request.parent_hash = published.head_hash;
  ASSIGN_OR_RETURN(const coordinator::PublishResult result, operations_.Publish(request));
  return coordinator::ToProto(result, lint);
}

absl::StatusOr<std::optional<v1::Operation>> Direct::Unfinished() {
  std::optional<coordinator::OperationRow> row;
  {
    ASSIGN_OR_RETURN(auto connection, database_.Take());
    ASSIGN_OR_RETURN(row, coordinator::ReadActiveOperation(*connection));
  }
  if (!row.has_value()) return std::nullopt;
  ASSIGN_OR_RETURN(v1::Operation operation, Get(row->operation_id));
  return operation;
}

absl::StatusOr<v1::PlanUpgradeResponse> Direct::Plan(const v1::PlanUpgradeRequest& request) {
  ASSIGN_OR_RETURN(const coordinator::PlannedUpgrade planned,
                   operations_.PlanUpgrade(request.target(), request.contracts()));
  return coordinator::ToProto(planned);
}

absl::StatusOr<v1::Operation> Direct::Start(const v1::StartUpgradeRequest& request) {
  ASSIGN_OR_RETURN(const coordinator::UpgradeRequest checked, coordinator::FromProto(request));
  ASSIGN_OR_RETURN(const coordinator::OperationView view,
                   operations_.StartUpgrade(checked, request.plan_digest()));
  return coordinator::ToProto(view);
}

absl::StatusOr<v1::Operation> Direct::Get(const std::string& operation_id) {
  ASSIGN_OR_RETURN(const coordinator::OperationView view, operations_.Get(operation_id));
  return coordinator::ToProto(view);
}

// The elector tries to lead again after a database that was away, so only another's address tells.
absl::Status Direct::CheckLeading() const {
  const std::string address = elector_.leader_address();
  if (elector_.leadership().has_value() || address.empty() ||
      address == coordinator::DirectAddress(options_.identity)) {
    return absl::OkStatus();
  }
  return base::MakeError(absl::StatusCode::kAborted, "LEADERSHIP_LOST",
                         absl::StrCat("another one leads by now: ", address),
                         {{"leader_address", address}},
                         "what was committed stays; run the same command again");
}

absl::StatusOr<v1::Operation> Direct::Follow(const std::string& operation_id, const Pulse& pulse) {
  v1::Operation operation;
  absl::Status stop;
  const auto beat = [&](absl::Duration pause) {
    if (!stop.ok()) return stop;
    stop = pulse(operation, pause);
    // What cannot be cancelled now is cancelled by whoever leads next; the run is rolled back.
    if (!stop.ok()) {
      (void)operations_.Cancel(operation_id, "direct", std::string(stop.message()));
    }
    return stop;
  };
  absl::Duration heard = base::SystemClock()->SinceBoot();
  for (;;) {
    const absl::Duration pause = driver_.Step();
    if (const auto offer = link_->Take(); offer.has_value()) {
      // A report that did not arrive leaves the lease to the driver, which takes it back.
      (void)agent_.Run(*offer, [&] {
        if (auto now = Get(operation_id); now.ok()) operation = *std::move(now);
        return beat(absl::ZeroDuration());
      });
      continue;
    }
    if (const auto part = link_->TakeBackfill(); part.has_value()) {
      agent_.RunBackfill(*part, [&] {
        if (auto now = Get(operation_id); now.ok()) operation = *std::move(now);
        return beat(absl::ZeroDuration());
      });
      continue;
    }
    auto now = Get(operation_id);
    if (now.ok()) {
      operation = *std::move(now);
      heard = base::SystemClock()->SinceBoot();
      if (operation.has_ended_at()) break;
    } else if (!absl::IsUnavailable(now.status()) || !stop.ok() ||
               base::SystemClock()->SinceBoot() - heard > kMaxOutage) {
      return stop.ok() ? now.status() : stop;
    }
    RETURN_IF_ERROR(CheckLeading());
    if (pause > absl::ZeroDuration()) {
      (void)beat(std::min(pause, LocalAgent::kPulse));
    }
  }
  if (!stop.ok()) return Stopped(stop, operation);
  return operation;
}

}  // namespace lockstep::ctl
