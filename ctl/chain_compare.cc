#include "ctl/chain_compare.h"

#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"

#include "ctl/publish_plan.h"
#include "engine/base/digest.h"
#include "engine/base/error_info.h"

namespace lockstep::ctl {
namespace {

constexpr size_t kShownHashDigits = 12;

std::string HeadText(chain::Version version, absl::string_view title, absl::string_view hash) {
  if (version == 0) return "empty";
  return absl::StrCat(version, " ", title, " (", base::ToHex(hash).substr(0, kShownHashDigits),
                      ")");
}

}  // namespace

const char* RelationWord(Relation relation) {
  switch (relation) {
    case Relation::kSame:
      return "same";
    case Relation::kAhead:
      return "ahead";
    case Relation::kBehind:
      return "behind";
    case Relation::kDiverged:
      return "diverged";
  }
  return "";
}

Comparison CompareChains(const chain::ChainSum& local,
                         const v1::ListMigrationsResponse& published) {
  Comparison result;
  const chain::Version common = FirstDifference(local, published) - 1;
  const int theirs = published.migrations_size();
  if (common < local.head() && common < theirs) {
    result.relation = Relation::kDiverged;
    result.parts_at = common + 1;
  } else if (common < local.head()) {
    result.relation = Relation::kAhead;
  } else if (common < theirs) {
    result.relation = Relation::kBehind;
  }
  result.local_head = HeadText(
      local.head(), local.entries.empty() ? "" : local.entries.back().title, local.head_hash());
  result.published_head = "empty";
  if (theirs > 0) {
    const v1::MigrationRef& head = published.migrations(theirs - 1).ref();
    result.published_head = HeadText(head.version(), head.title(), head.chain_hash());
  }
  return result;
}

absl::Status DivergedError(const Comparison& comparison, const std::string& directory) {
  base::ErrorInfo info = {.reason = "CHAIN_DIVERGED",
                          .metadata = {{"version", absl::StrCat(comparison.parts_at)},
                                       {"local_head", comparison.local_head},
                                       {"published_head", comparison.published_head}},
                          .blockers = {{"chain", directory, comparison.local_head},
                                       {"chain", "published", comparison.published_head}}};
  return base::MakeError(
      absl::StatusCode::kAborted,
      absl::StrCat("this directory and the published chain part at version ", comparison.parts_at),
      std::move(info));
}

std::string UnknownVersions(const std::string& directory, chain::Version local_head,
                            const v1::ListMigrationsResponse& published) {
  std::vector<std::string> names;
  int more = 0;
  for (const v1::Migration& migration : published.migrations()) {
    if (migration.ref().version() <= local_head) continue;
    if (names.size() == kMaxNamedVersions) {
      ++more;
      continue;
    }
    const bool applied = migration.state() == v1::MIGRATION_STATE_APPLIED;
    names.push_back(absl::StrCat(migration.ref().version(), " ", migration.ref().title(),
                                 applied ? " (applied)" : ""));
  }
  if (names.empty()) return "";
  return absl::StrCat("the published chain has versions that ", directory,
                      " does not: ", absl::StrJoin(names, ", "),
                      more > 0 ? absl::StrCat(" and ", more, " more") : "");
}

}  // namespace lockstep::ctl
