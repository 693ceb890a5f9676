// The readers of migrations, backfills, chain.sum and service files on any bytes: an error or a
// value, never a crash; what was read once is read again the same; every error has a reason and
// names the file.
#include <cstddef>
#include <cstdint>

#include "absl/status/status.h"
#include "absl/strings/match.h"
#include "absl/strings/string_view.h"

#include "engine/base/error_info.h"
#include "engine/base/status_macros.h"
#include "engine/chain/chain.h"
#include "engine/chain/migration.h"
#include "engine/chain/service_file.h"

namespace {

namespace chain = ::lockstep::chain;

void CheckError(const absl::Status& status, absl::string_view file) {
  LOCKSTEP_CHECK(status.code() == absl::StatusCode::kInvalidArgument);
  LOCKSTEP_CHECK(!lockstep::base::ReasonOf(status).empty());
  LOCKSTEP_CHECK(absl::StartsWith(status.message(), file));
}

void CheckMigration(absl::string_view text) {
  const auto migration = chain::ReadMigration("007_x.sql", text);
  if (!migration.ok()) return CheckError(migration.status(), "007_x.sql:");
  LOCKSTEP_CHECK(migration->statements.size() == migration->alone.statements.size());
  const auto again = chain::ReadMigration("007_x.sql", migration->sql);
  LOCKSTEP_CHECK(again.ok());
  LOCKSTEP_CHECK(again->sql == migration->sql);
  LOCKSTEP_CHECK(again->digest == migration->digest);
  LOCKSTEP_CHECK(again->phase == migration->phase);
  LOCKSTEP_CHECK(again->directives == migration->directives);
}

void CheckBackfill(absl::string_view text) {
  const auto backfill = chain::ReadBackfill("x.sql", text);
  if (!backfill.ok()) return CheckError(backfill.status(), "x.sql:");
  const auto again = chain::ReadBackfill("x.sql", backfill->sql);
  LOCKSTEP_CHECK(again.ok());
  LOCKSTEP_CHECK(again->digest == backfill->digest);
}

void CheckSum(absl::string_view text) {
  const auto sum = chain::ParseChainSum("chain.sum", text);
  if (!sum.ok()) return CheckError(sum.status(), "chain.sum:");
  const auto again = chain::ParseChainSum("chain.sum", chain::FormatChainSum(*sum));
  LOCKSTEP_CHECK(again.ok());
  LOCKSTEP_CHECK(*again == *sum);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const absl::string_view text(reinterpret_cast<const char*>(data), size);
  CheckMigration(text);
  CheckBackfill(text);
  CheckSum(text);
  const auto service = chain::ParseServiceFile("lockstep.yaml", text);
  if (!service.ok()) CheckError(service.status(), "lockstep.yaml:");
  return 0;
}
