#include "tests/fleet/in_process_fleet.h"

#include <algorithm>
#include <fstream>
#include <stdexcept>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"

#include "engine/base/ids.h"
#include "engine/chain/chain.h"
#include "proto/convert/status.h"
#include "tests/support/eventually.h"

namespace lockstep::testing {
namespace {

void Require(const absl::Status& status) {
  if (!status.ok()) throw std::runtime_error(std::string(status.message()));
}

std::string ChainSumOf(const std::vector<std::pair<std::string, std::string>>& migrations) {
  std::vector<chain::Migration> read;
  for (size_t i = 0; i < migrations.size(); ++i) {
    auto migration = chain::ReadMigration(
        absl::StrFormat("%03d_%s.sql", i + 1, migrations[i].first), migrations[i].second);
    Require(migration.status());
    read.push_back(*std::move(migration));
  }
  auto made = chain::MakeChain(std::move(read), {});
  Require(made.status());
  return chain::FormatChainSum(made->sum());
}

}  // namespace

InProcessFleet::InProcessFleet(double time_scale) {
  migrator_ = db_.CreateLogin("migrator");
  db_.RunScript(absl::StrCat("ALTER DATABASE ", db_.name(), " OWNER TO ", migrator_,
                             "; GRANT ALL ON SCHEMA public TO ", migrator_));
  coordinator::Config config{
      .database = db_.conninfo(), .listen = "", .socket = directory_.File("c.sock")};
  config.durations = coordinator::Scaled(config.durations, time_scale);
  auto environment = coordinator::Environment::Start(config);
  Require(environment.status());
  environment_ = *std::move(environment);
  if (!Eventually([&] { return environment_->leading(); })) throw std::runtime_error("no leader");
  db_.RunScript(absl::StrCat("GRANT lockstep_agents TO ", migrator_));
  address_ = environment_->addresses().front();
  channel_ = grpc::CreateChannel(address_, grpc::InsecureChannelCredentials());
}

InProcessFleet::~InProcessFleet() {
  for (auto& agent : agents_) agent->Stop("end of test");
  agents_.clear();
  environment_.reset();
}

void InProcessFleet::Publish(const std::vector<std::pair<std::string, std::string>>& migrations) {
  chain_.insert(chain_.end(), migrations.begin(), migrations.end());
  v1::PublishChainRequest request;
  for (size_t i = 0; i < chain_.size(); ++i) {
    v1::MigrationFile* const file = request.add_migrations();
    file->set_version(static_cast<int32_t>(i + 1));
    file->set_title(chain_[i].first);
    file->set_sql(chain_[i].second);
  }
  grpc::ClientContext context;
  v1::PublishChainResponse response;
  Require(convert::FromGrpc(
      v1::ReleaseService::NewStub(channel_)->PublishChain(&context, request, &response)));
}

Agent& InProcessFleet::AddAgent(const FleetAgent& spec) {
  const int number = ++files_;
  AgentOptions options{.addresses = {address_},
                       .service_file = directory_.File(absl::StrCat(number, ".yaml")),
                       .chain_sum = directory_.File(absl::StrCat(number, ".sum")),
                       .instance = absl::StrCat(spec.service, "-", number)};
  std::ofstream(options.service_file) << "service: " << spec.service << "\n" << spec.yaml;
  std::ofstream(options.chain_sum) << ChainSumOf(chain_);
  if (spec.migrate) options.migrate_database = db_.conninfo(migrator_);
  auto agent = Agent::Start(options);
  Require(agent.status());
  agents_.push_back(*std::move(agent));
  return *agents_.back();
}

void InProcessFleet::RemoveAgent(Agent& agent) {
  agent.Stop("removed");
  agents_.erase(std::find_if(agents_.begin(), agents_.end(),
                             [&](const auto& each) { return each.get() == &agent; }));
}

v1::Operation InProcessFleet::Upgrade() {
  v1::StartUpgradeRequest request;
  request.set_request_id(base::NewUuid());
  request.set_actor("test");
  v1::StartUpgradeResponse response;
  grpc::ClientContext context;
  Require(convert::FromGrpc(
      v1::ReleaseService::NewStub(channel_)->StartUpgrade(&context, request, &response)));
  v1::WatchOperationRequest watch;
  watch.set_operation_id(response.operation().operation_id());
  grpc::ClientContext watch_context;
  auto stream = v1::OperationService::NewStub(channel_)->WatchOperation(&watch_context, watch);
  v1::WatchOperationResponse last;
  while (stream->Read(&last)) {
  }
  Require(convert::FromGrpc(stream->Finish()));
  return last.operation();
}

v1::ClusterStatus InProcessFleet::Status() {
  grpc::ClientContext context;
  v1::GetStatusResponse response;
  Require(convert::FromGrpc(v1::StatusService::NewStub(channel_)->GetStatus(
      &context, v1::GetStatusRequest(), &response)));
  return response.status();
}

}  // namespace lockstep::testing
