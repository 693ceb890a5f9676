#include "tests/backfill/fixture.h"

#include <stdexcept>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"

#include "engine/catalog/bootstrap.h"
#include "engine/chain/chain.h"
#include "tests/support/matchers.h"

namespace lockstep::testing {
namespace {

using postgres::BytesParam;
using postgres::Param;

void Require(const absl::Status& status) {
  if (!status.ok()) throw std::runtime_error(Describe(status));
}

}  // namespace

BackfillDatabase::BackfillDatabase(PostgresServer* server) : db_({.server = server}) {
  owner_ = db_.CreateLogin("owner");
  agent_ = db_.CreateLogin("agent");
  auto connection = postgres::Connection::Open({.conninfo = db_.conninfo()});
  Require(connection.status());
  Require(catalog::Bootstrap(**connection, {.owner_role = owner_, .search_path = "public"}));
  db_.Query(absl::StrCat("GRANT lockstep_agents, ", owner_, " TO ", agent_));
  db_.Query(absl::StrCat("GRANT CREATE, USAGE ON SCHEMA public TO ", owner_));
  const auto leader = db_.Query(
      "SELECT epoch, holder FROM lockstep.leader_acquire(gen_random_uuid(), 'test', '1 day', 0, "
      "0)");
  leader_ = absl::StrCat(leader.only().Text(0), ", '", leader.only().Text(1), "'");
}

void BackfillDatabase::Reconnect() {
  for (int tries = 0;; ++tries) {
    try {
      db_.RunScript("SELECT 1");
      return;
    } catch (const std::exception&) {
      if (tries == 10) throw;  // The first only finds that the connection is gone.
    }
  }
}

void BackfillDatabase::RunScript(const std::string& sql) {
  db_.RunScript(absl::StrCat("SET ROLE ", owner_, "; ", sql, "; RESET ROLE"));
}

void BackfillDatabase::Publish(const std::string& name, const std::string& text) {
  const auto job = chain::ReadBackfill(absl::StrCat(name, ".sql"), text);
  Require(job.status());
  db_.Query(absl::StrCat("SELECT lockstep.publish_backfill(", leader_, ", $1, 0, $2, $3)"),
            {Param(name), BytesParam(job->sql), BytesParam(job->digest)});
}

std::string BackfillDatabase::Start(const std::string& name, bool again,
                                    const std::string& settings) {
  return db_.Scalar(absl::StrCat("SELECT lockstep.backfill_start(", leader_,
                                 ", $1, $2, '{\"max_active\": 1000}' || $3::jsonb, 'test', 'why')"),
                    {Param(name), Param(again), Param(settings)});
}

void BackfillDatabase::Set(const std::string& name, const std::string& settings) {
  db_.Query(absl::StrCat("SELECT lockstep.backfill_set(", leader_, ", $1, $2::jsonb, 't', 'w')"),
            {Param(name), Param(settings)});
}

void BackfillDatabase::Hold(const std::string& name, const std::string& state) {
  db_.Query(absl::StrCat("SELECT lockstep.backfill_hold(", leader_, ", $1, $2, 't', 'w')"),
            {Param(name), Param(state)});
}

std::optional<backfill::PartSpec> BackfillDatabase::Grant() {
  const auto granted =
      db_.Query(absl::StrCat("SELECT epoch, lease_id FROM lockstep.backfill_grant(", leader_,
                             ", gen_random_uuid(), 'test@agent', '30 s')"));
  if (granted.empty()) return std::nullopt;
  const auto& row = granted.only();
  return backfill::PartSpec{.token = {.epoch = row.Long(0), .lease_id = row.Text(1)},
                            .conninfo = db_.conninfo(agent_)};
}

bool BackfillDatabase::Revoke(const backfill::PartSpec& part) {
  return db_.Scalar(absl::StrCat("SELECT lockstep.backfill_revoke(", leader_, ", ",
                                 part.token.epoch, ", 'a test', 5)")) == "t";
}

backfill::PartEnd BackfillDatabase::Run(const backfill::PartSpec& part) {
  apply::Cancellation nobody;
  return backfill::RunPart(part, nobody, keeper_);
}

absl::Status BackfillDatabase::RunAll() {
  for (auto part = Grant(); part.has_value(); part = Grant()) {
    const backfill::PartEnd end = Run(*part);
    if (end.outcome != backfill::PartOutcome::kDone) return end.status;
  }
  return absl::OkStatus();
}

std::string BackfillDatabase::State(const std::string& name) {
  return db_.Scalar("SELECT state FROM lockstep.backfill WHERE name = $1", {Param(name)});
}

std::string BackfillDatabase::Stands(const std::string& name) {
  return db_.Scalar(
      "SELECT coalesce(max(stands), '') FROM lockstep.backfill_range WHERE name = $1 "
      "AND state = 'held'",
      {Param(name)});
}

int64_t BackfillDatabase::Batches(const std::string& name) {
  int64_t batches = 0;
  (void)absl::SimpleAtoi(
      db_.Scalar("SELECT coalesce(sum(batches), 0) FROM lockstep.backfill_range WHERE name = $1",
                 {Param(name)}),
      &batches);
  return batches;
}

}  // namespace lockstep::testing
