#include "ctl/publish_plan.h"

#include <utility>

#include "engine/base/status_macros.h"

namespace lockstep::ctl {
namespace {

// The expected parent of `version`: empty before version 1, as the rpc wants it.
std::string ParentOf(const chain::ChainSum& sum, chain::Version version) {
  return version == 1 ? "" : HashAt(sum, version - 1);
}

v1::PublishChainRequest NewRequest(const chain::ChainSum& sum, chain::Version first,
                                   const std::string& actor) {
  v1::PublishChainRequest request;
  request.set_expected_parent_hash(ParentOf(sum, first));
  request.set_actor(actor);
  return request;
}

v1::MigrationFile ToFile(const chain::Migration& migration) {
  v1::MigrationFile file;
  file.set_version(migration.version);
  file.set_title(migration.title);
  file.set_sql(migration.sql);
  return file;
}

}  // namespace

std::string HashAt(const chain::ChainSum& sum, chain::Version version) {
  if (version == 0) return chain::EmptyChainHash();
  LOCKSTEP_CHECK(version <= sum.head());
  return sum.entries[version - 1].chain_hash;
}

chain::Version FirstToSend(const chain::ChainSum& local, chain::Version head,
                           const std::string& head_hash) {
  if (head < 0 || head > local.head()) return 0;
  if (head > 0 && HashAt(local, head) != head_hash) return 0;
  return head + 1;
}

chain::Version FirstDifference(const chain::ChainSum& local,
                               const v1::ListMigrationsResponse& published) {
  chain::Version version = 1;
  for (const v1::Migration& migration : published.migrations()) {
    if (version > local.head() || migration.ref().version() != version) break;
    if (migration.ref().chain_hash() != HashAt(local, version)) break;
    ++version;
  }
  return version;
}

std::vector<v1::PublishChainRequest> MakeRequests(const chain::Chain& local, chain::Version first,
                                                  const std::string& actor, size_t max_bytes) {
  std::vector<v1::PublishChainRequest> requests;
  if (local.migrations.empty()) return requests;
  const chain::ChainSum sum = local.sum();
  if (first > local.head()) {
    if (local.backfills.empty()) return requests;
    first = local.head();
  }
  size_t bytes = 0;
  const auto add = [&](size_t size, chain::Version next) -> v1::PublishChainRequest& {
    if (requests.empty() || bytes + size > max_bytes) {
      requests.push_back(NewRequest(sum, next, actor));
      bytes = 0;
    }
    bytes += size;
    return requests.back();
  };
  for (chain::Version version = first; version <= local.head(); ++version) {
    v1::MigrationFile file = ToFile(local.migrations[version - 1]);
    *add(file.ByteSizeLong(), version).add_migrations() = std::move(file);
  }
  for (const chain::Backfill& backfill : local.backfills) {
    v1::BackfillFile file;
    file.set_name(backfill.name);
    file.set_sql(backfill.sql);
    v1::PublishChainRequest& request = add(file.ByteSizeLong(), local.head() + 1);
    *request.add_backfills() = std::move(file);
  }
  return requests;
}

}  // namespace lockstep::ctl
