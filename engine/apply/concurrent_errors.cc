#include "engine/apply/concurrent_errors.h"

#include <string>

#include "absl/strings/str_cat.h"

#include "engine/base/error_info.h"

namespace lockstep::apply {

using base::MakeError;

absl::Status DiffersError(const Evidence& evidence) {
  return MakeError(absl::StatusCode::kFailedPrecondition, "INDEX_DIFFERS", evidence.found, {},
                   "drop or rename what is there, then try again");
}

absl::Status InDoubtError(chain::Version version, const Step& step) {
  const std::string number = absl::StrCat(step.first + 1);
  return MakeError(
      absl::StatusCode::kFailedPrecondition, "STATEMENT_IN_DOUBT",
      absl::StrCat("statement ", number, " of version ", version,
                   " was begun, and its outcome is not known: ", step.object),
      {{"statement", number}},
      absl::StrCat("look whether it was done, then as the database's administrator: SELECT "
                   "lockstep.resolve_statement(",
                   version, ", ", number, ", DONE, 'you', 'why'), with DONE true or false"));
}

absl::Status NotVerifiedError(const Step& step) {
  return MakeError(absl::StatusCode::kInternal, "NOT_VERIFIED",
                   absl::StrCat("PostgreSQL reported success, but the catalog does not show ",
                                step.object, " done"),
                   {}, "look at what an event trigger or somebody else may have done to it");
}

}  // namespace lockstep::apply
