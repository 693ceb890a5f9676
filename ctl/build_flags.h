// What a build declares, from the files its image has: for commands that ask about builds which
// need not run.
#ifndef LOCKSTEP_CTL_BUILD_FLAGS_H_
#define LOCKSTEP_CTL_BUILD_FLAGS_H_

#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "lockstep/v1/agent.pb.h"

#include "ctl/arguments.h"

namespace lockstep::ctl {

// The declaration in --build-file and --chain-sum; absent when neither is given, and where
// `unless_named` there is no `services/SERVICE/lockstep.yaml` either. Usage error when a file is
// another service's; else as reading the files fails.
absl::StatusOr<std::optional<v1::BuildDeclaration>> DeclarationFromFiles(const Arguments& arguments,
                                                                         const std::string& service,
                                                                         bool unless_named);

// "platform-core@8d02b17", or "platform-core" for a build without a name.
std::string BuildName(const std::string& service, const std::string& build);

}  // namespace lockstep::ctl

#endif  // LOCKSTEP_CTL_BUILD_FLAGS_H_
