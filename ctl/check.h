// What is wrong with the files of a project, without a coordinator.
#ifndef LOCKSTEP_CTL_CHECK_H_
#define LOCKSTEP_CTL_CHECK_H_

#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

#include "ctl/console.h"
#include "engine/chain/chain.h"

namespace lockstep::ctl {

struct ProjectReport {
  // Each with reason, hint and, where there is one, file, line and column.
  std::vector<absl::Status> findings;
  std::optional<chain::Chain> chain;  // Absent when the files do not make one.
  std::vector<std::string> services;  // Service files that were read.
};

// `services`/NAME/lockstep.yaml are the service files; a directory without one is left alone.
// Empty: `services` beside the migrations directory, when it is there. Fails when a directory
// cannot be read, `services` included when it is named.
absl::StatusOr<ProjectReport> CheckProject(const std::string& migrations,
                                           const std::string& services);

// Whether a failure is about what a file says, and not about a file that cannot be read.
bool IsFileFinding(const absl::Status& status);

// A directory whose chain cannot be loaded because of `first`: what is wrong with each file,
// `first` included, and what can be read: migrations by version, backfills by name.
struct FilesRead {
  std::vector<absl::Status> refused;
  std::vector<chain::Migration> migrations;
  std::vector<chain::Backfill> backfills;
};
FilesRead ReadEachFile(const std::string& directory, const absl::Status& first);

// What a reader of the chain should know and nobody has to change: one line for each file of which
// a part is not run.
std::vector<std::string> NoticesOf(const chain::Chain& chain);
void SayNotices(Console& console, const chain::Chain& chain);

}  // namespace lockstep::ctl

#endif  // LOCKSTEP_CTL_CHECK_H_
