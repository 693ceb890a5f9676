// What is done when all ranges were walked. Internal to engine/backfill.
#ifndef LOCKSTEP_ENGINE_BACKFILL_VERIFY_H_
#define LOCKSTEP_ENGINE_BACKFILL_VERIFY_H_

#include <cstdint>
#include <string>

#include "absl/status/statusor.h"

#include "engine/backfill/part_session.h"

namespace lockstep::backfill {

// How many rows `query` returns, asked as the owner; where `sample` is wanted, some of them.
absl::StatusOr<int64_t> CountLeft(PartSession& session, const Part& part, const std::string& query,
                                  std::string* sample);

// Builds the indexes of the job's table anew. Of no consequence for what the job is about, so a
// failure is told and no more.
void Reindex(PartSession& session, const Part& part);

}  // namespace lockstep::backfill

#endif  // LOCKSTEP_ENGINE_BACKFILL_VERIFY_H_
