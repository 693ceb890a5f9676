// What the files of a project and its private database have in common, and where they part. Pure.
#ifndef LOCKSTEP_CTL_DEV_DRIFT_H_
#define LOCKSTEP_CTL_DEV_DRIFT_H_

#include <map>
#include <string>
#include <vector>

#include "absl/status/statusor.h"

#include "engine/chain/chain.h"

namespace lockstep::ctl::dev {

struct PublishedVersion {
  chain::Version version = 0;
  std::string title;
  std::string digest;  // 32 raw bytes.
  bool applied = false;
};

// What the private database has.
struct Published {
  std::vector<PublishedVersion> versions;        // Version 1 first, no gaps.
  std::map<std::string, std::string> backfills;  // Digests by name.

  // True when a published version has not run.
  bool pending() const;
  // The newest version that has run; 0 for none.
  chain::Version newest_applied() const;
};

struct Drift {
  // Versions from here on are to be taken back before the files can be published; 0: none.
  chain::Version unpublish_from = 0;
  // A backfill that is published was edited or removed.
  bool backfills = false;
};

// FAILED_PRECONDITION (DEV_APPLIED_EDITED), one blocker each, when a version that has run differs
// from its file, or has none: the database cannot be made to agree with that.
absl::StatusOr<Drift> FindDrift(const chain::Chain& local, const Published& published);

}  // namespace lockstep::ctl::dev

#endif  // LOCKSTEP_CTL_DEV_DRIFT_H_
