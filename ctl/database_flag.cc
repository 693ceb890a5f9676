#include "ctl/database_flag.h"

#include <cstdlib>

#include "absl/strings/ascii.h"

#include "ctl/errors.h"
#include "engine/base/file.h"
#include "engine/base/status_macros.h"

namespace lockstep::ctl {
namespace {
constexpr size_t kMaxFileBytes = 4096;
}  // namespace

absl::StatusOr<std::string> FindDatabase(const Arguments& arguments) {
  const std::string given = arguments.Text("--database");
  const std::string file = arguments.Text("--database-file");
  if (!given.empty() && !file.empty()) {
    return UsageError("--database and --database-file exclude each other");
  }
  if (!given.empty()) return given;
  if (!file.empty()) {
    ASSIGN_OR_RETURN(std::string text, base::ReadFile(file, kMaxFileBytes));
    absl::StripAsciiWhitespace(&text);
    return text;
  }
  const char* const environment = std::getenv("LOCKSTEP_DATABASE");
  return std::string(environment == nullptr ? "" : environment);
}

absl::StatusOr<std::string> RequireDatabase(const Arguments& arguments) {
  ASSIGN_OR_RETURN(std::string database, FindDatabase(arguments));
  if (database.empty()) {
    return UsageError("no database given",
                      "--database postgresql://USER@HOST/DATABASE, --database-file FILE or "
                      "LOCKSTEP_DATABASE");
  }
  return database;
}

}  // namespace lockstep::ctl
