#include "ctl/dev/drift.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"

#include "ctl/dev/error.h"
#include "engine/base/error_info.h"

namespace lockstep::ctl::dev {
namespace {

// How the file of a published version differs from it; "" when it does not.
std::string Difference(const chain::Chain& local, const PublishedVersion& published) {
  if (published.version > local.head()) return "has no file any more";
  const chain::Migration& file = local.migrations[published.version - 1];
  if (file.digest != published.digest) return "was edited after it was applied";
  if (file.title != published.title) return absl::StrCat("was renamed to ", file.title);
  return "";
}

}  // namespace

bool Published::pending() const {
  return std::any_of(versions.begin(), versions.end(), [](const auto& v) { return !v.applied; });
}

chain::Version Published::newest_applied() const {
  chain::Version newest = 0;
  for (const PublishedVersion& version : versions) {
    if (version.applied) newest = version.version;
  }
  return newest;
}

absl::StatusOr<Drift> FindDrift(const chain::Chain& local, const Published& published) {
  Drift drift;
  base::ErrorInfo info{.reason = kReasonAppliedEdited};
  for (const PublishedVersion& version : published.versions) {
    const std::string difference = Difference(local, version);
    if (difference.empty()) continue;
    if (drift.unpublish_from == 0) drift.unpublish_from = version.version;
    if (!version.applied) continue;
    const bool has_file = version.version <= local.head();
    const std::string name = has_file
                                 ? local.migrations[version.version - 1].file
                                 : absl::StrFormat("%03d_%s.sql", version.version, version.title);
    info.blockers.push_back({"migration", name, difference});
  }
  // A version that has run, above one that has not and was edited: a contract that waited.
  if (info.blockers.empty() && drift.unpublish_from != 0 &&
      drift.unpublish_from <= published.newest_applied()) {
    const PublishedVersion& waiting = published.versions[drift.unpublish_from - 1];
    info.blockers.push_back({"migration", absl::StrCat(waiting.version, " ", waiting.title),
                             "was edited while it waited, and later ones have run"});
  }
  if (!info.blockers.empty()) {
    info.metadata["version"] = absl::StrCat(drift.unpublish_from);
    info.hint =
        "restore it and put the change into a new migration, or begin with an empty database: "
        "`lockstep dev --reset`";
    return base::MakeError(absl::StatusCode::kFailedPrecondition,
                           "the migrations and the development database have parted",
                           std::move(info));
  }
  for (const auto& [name, digest] : published.backfills) {
    const auto it =
        std::find_if(local.backfills.begin(), local.backfills.end(),
                     [&wanted = name](const chain::Backfill& b) { return b.name == wanted; });
    if (it == local.backfills.end() || it->digest != digest) drift.backfills = true;
  }
  return drift;
}

}  // namespace lockstep::ctl::dev
