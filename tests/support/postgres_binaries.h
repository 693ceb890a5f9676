// Where PostgreSQL's programs are, and a ready data directory to copy.
//
// initdb takes seconds and a copy takes a fraction of one, so it runs once per machine, version and
// user; the result stays under /tmp for the next test binary.
#ifndef LOCKSTEP_TESTS_SUPPORT_POSTGRES_BINARIES_H_
#define LOCKSTEP_TESTS_SUPPORT_POSTGRES_BINARIES_H_

#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace lockstep::testing {

// The directory of `postgres` and `initdb`: LOCKSTEP_TEST_PG_BINDIR, `pg_config --bindir`, the
// newest /usr/lib/postgresql/*/bin, PATH. NOT_FOUND says what was tried.
absl::StatusOr<std::string> FindPostgresBinaries();

// Whom the server runs as: "postgres" when the test runs as root (PostgreSQL refuses root), else ""
// for the test's own user.
std::string PostgresUser();

// Makes `directory`, which must not exist, a data directory as initdb makes it, with superuser
// postgres, encoding UTF8, locale C. Everybody may log in without a password, except members of the
// role kPasswordRole. Safe to call from several processes at once.
absl::Status CopyDataDirectory(const std::string& bindir, const std::string& directory);

inline constexpr char kPasswordRole[] = "lockstep_test_password";

}  // namespace lockstep::testing

#endif  // LOCKSTEP_TESTS_SUPPORT_POSTGRES_BINARIES_H_
