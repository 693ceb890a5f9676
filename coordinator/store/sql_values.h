// Values of SQL that every store reads and writes.
#ifndef LOCKSTEP_COORDINATOR_STORE_SQL_VALUES_H_
#define LOCKSTEP_COORDINATOR_STORE_SQL_VALUES_H_

#include <optional>
#include <string>

#include "absl/time/time.h"

#include "coordinator/store/types.h"
#include "engine/postgres/result.h"

namespace lockstep::coordinator {

// An interval in milliseconds.
postgres::Value IntervalParam(absl::Duration duration);

// Columns read with EpochOf(...) in SQL: seconds since 1970 as a number; NULL is absent.
std::optional<absl::Time> TimeOf(const postgres::Row& row, int column);
absl::Duration DurationOf(const postgres::Row& row, int column);  // Seconds as a number.

// RunError as the jsonb it is stored as, and back.
postgres::Value ErrorParam(const std::optional<RunError>& error);
std::optional<RunError> ErrorOf(const postgres::Row& row, int column);

// The facts of a verdict, as lockstep.gate gives them.
VerdictFacts VerdictFactsOf(const postgres::Row& row, int column);

sql::Phase PhaseOf(const postgres::Row& row, int column);

}  // namespace lockstep::coordinator

#endif  // LOCKSTEP_COORDINATOR_STORE_SQL_VALUES_H_
