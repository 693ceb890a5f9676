// What the commands with --direct share: becoming the leader, publishing the directory, waiting.
#ifndef LOCKSTEP_CTL_DIRECT_RUN_H_
#define LOCKSTEP_CTL_DIRECT_RUN_H_

#include <memory>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "lockstep/v1/lint.pb.h"

#include "ctl/arguments.h"
#include "ctl/context.h"
#include "ctl/direct/direct.h"
#include "engine/chain/chain.h"

namespace lockstep::ctl {

// A usage error when one of the flags that only --direct can make use of stands without it.
absl::Status CheckDirectFlags(const Arguments& arguments);

// Direct::Open by the flags, showing whom it waits for. A usage error without a database.
absl::StatusOr<std::unique_ptr<Direct>> OpenDirect(Context& context, const Arguments& arguments);

// Publishes what is new of `local`, and says so.
absl::Status PublishDirect(Context& context, Direct& direct, const chain::Chain& local,
                           v1::LintMode lint);

// Waits up to `pause`. OK while the command may go on: no signal came, --timeout is not over.
absl::Status RestDirect(Context& context, absl::Duration pause);

}  // namespace lockstep::ctl

#endif  // LOCKSTEP_CTL_DIRECT_RUN_H_
