#include "engine/chain/directory.h"

#include <algorithm>
#include <filesystem>
#include <map>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"

#include "engine/base/error_info.h"
#include "engine/base/file.h"
#include "engine/base/status_macros.h"
#include "engine/chain/source.h"

namespace lockstep::chain {
namespace {

constexpr int64_t kMaxChainSumBytes = int64_t{16} << 20;

std::string PathOf(const std::string& directory, absl::string_view name) {
  return absl::StrCat(directory, absl::EndsWith(directory, "/") ? "" : "/", name);
}

absl::Status SystemError(const std::string& path, const std::error_code& error) {
  absl::StatusCode code = absl::StatusCode::kUnavailable;
  if (error == std::errc::no_such_file_or_directory) code = absl::StatusCode::kNotFound;
  if (error == std::errc::permission_denied) code = absl::StatusCode::kPermissionDenied;
  if (error == std::errc::not_a_directory) code = absl::StatusCode::kInvalidArgument;
  return base::MakeError(code, "FILE", absl::StrCat("cannot list ", path, ": ", error.message()),
                         {{"path", path}});
}

// The names of the `.sql` files of a directory in byte order, without those that begin with a dot.
// Symbolic links count as what they point to, a dangling one as a file.
absl::StatusOr<std::vector<std::string>> ListSqlFiles(const std::string& directory) {
  std::vector<std::string> names;
  std::error_code error;
  std::filesystem::directory_iterator it(directory, error);
  for (; !error && it != std::filesystem::directory_iterator(); it.increment(error)) {
    const std::string name = it->path().filename().string();
    std::error_code ignored;
    // In any case: NNN_title.SQL is not a name that lockstep reads, but not one to overlook.
    if (name[0] == '.' || !absl::EndsWithIgnoreCase(name, ".sql")) continue;
    if (it->is_directory(ignored)) continue;
    if (names.size() >= static_cast<size_t>(kMaxMigrationFiles)) {
      return base::MakeError(
          absl::StatusCode::kResourceExhausted, "TOO_MANY_FILES",
          absl::StrCat(directory, ": more than ", kMaxMigrationFiles, " .sql files"),
          {{"file", directory}, {"limit", absl::StrCat(kMaxMigrationFiles)}});
    }
    names.push_back(name);
  }
  if (error) return SystemError(directory, error);
  std::sort(names.begin(), names.end());
  return names;
}

// Finds two names with one number before ReadMigration refuses the shorter: `001_a.sql` and
// `1_b.sql` are a collision, and a bad name only once that is solved.
absl::Status CheckNumbers(const std::string& directory, const std::vector<std::string>& names) {
  std::map<Version, std::string> seen;
  for (const std::string& name : names) {
    const size_t digits = std::min(name.find_first_not_of("0123456789"), name.size());
    Version version = 0;
    if (!ParseNumber(absl::string_view(name).substr(0, digits), 1, kMaxVersion, &version)) continue;
    const auto [it, inserted] = seen.emplace(version, name);
    if (inserted) continue;
    const std::string first = PathOf(directory, it->second);
    const std::string second = PathOf(directory, name);
    return base::MakeError(
        absl::StatusCode::kInvalidArgument, "CHAIN_DUPLICATE",
        absl::StrFormat("version %03d is given by two files, %s and %s", version, first, second),
        {{"file", second}, {"other_file", first}},
        "renumber one of them; versions are compared as numbers");
  }
  return absl::OkStatus();
}

absl::StatusOr<std::string> ReadSqlFile(const std::string& path) {
  auto bytes = base::ReadFile(path, kMaxMigrationBytes);
  if (absl::IsResourceExhausted(bytes.status())) return FileTooLarge(path, kMaxMigrationBytes);
  return bytes;
}

absl::StatusOr<std::vector<Backfill>> LoadBackfills(const std::string& directory) {
  std::vector<Backfill> backfills;
  const auto names = ListSqlFiles(directory);
  if (absl::IsNotFound(names.status())) return backfills;
  RETURN_IF_ERROR(names.status());
  for (const std::string& name : *names) {
    const std::string path = PathOf(directory, name);
    ASSIGN_OR_RETURN(const std::string bytes, ReadSqlFile(path));
    ASSIGN_OR_RETURN(Backfill backfill, ReadBackfill(path, bytes));
    backfills.push_back(std::move(backfill));
  }
  return backfills;
}

// A migration that waits for a backfill which is not there, or which waits for it, never runs.
absl::Status CheckNeededBackfills(const Chain& chain) {
  for (const Migration& migration : chain.migrations) {
    for (const std::string& name : migration.directives.needs_backfill) {
      const auto it = std::find_if(chain.backfills.begin(), chain.backfills.end(),
                                   [&](const Backfill& b) { return b.name == name; });
      if (it == chain.backfills.end()) {
        return ErrorInFile(migration.file, "BAD_DIRECTIVE",
                           absl::StrCat("needs the backfill ", name, ", but there is no ",
                                        kBackfillsFolder, "/", name, ".sql"));
      }
      if (it->after >= migration.version) {
        return ErrorInFile(migration.file, "BAD_DIRECTIVE",
                           absl::StrCat("needs the backfill ", name,
                                        ", which runs only after version ", it->after));
      }
    }
  }
  return absl::OkStatus();
}

absl::Status Stale(const std::string& path, absl::string_view subject, absl::string_view what) {
  return base::MakeError(absl::StatusCode::kFailedPrecondition, "CHAIN_SUM_STALE",
                         absl::StrCat(path, ": ", subject, " ", what),
                         {{"file", path}, {"subject", std::string(subject)}},
                         "run `lockstep sum` and commit chain.sum together with the migrations");
}

absl::Status CompareBackfills(const std::string& path, const ChainSum& stored,
                              const ChainSum& actual) {
  std::map<std::string, std::pair<std::string, std::string>> digests;  // Stored and actual.
  for (const auto& backfill : stored.backfills) digests[backfill.name].first = backfill.digest;
  for (const auto& backfill : actual.backfills) digests[backfill.name].second = backfill.digest;
  for (const auto& [name, pair] : digests) {
    if (pair.first == pair.second) continue;
    return Stale(path, absl::StrCat("backfill ", name),
                 pair.first.empty()    ? "is not in it"
                 : pair.second.empty() ? "is in it, but has no file"
                                       : "differs from its file");
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<Chain> LoadDirectory(const std::string& directory) {
  ASSIGN_OR_RETURN(const std::vector<std::string> names, ListSqlFiles(directory));
  RETURN_IF_ERROR(CheckNumbers(directory, names));
  std::vector<Migration> migrations;
  for (const std::string& name : names) {
    const std::string path = PathOf(directory, name);
    ASSIGN_OR_RETURN(const std::string bytes, ReadSqlFile(path));
    ASSIGN_OR_RETURN(Migration migration, ReadMigration(path, bytes));
    migrations.push_back(std::move(migration));
  }
  ASSIGN_OR_RETURN(std::vector<Backfill> backfills,
                   LoadBackfills(PathOf(directory, kBackfillsFolder)));
  ASSIGN_OR_RETURN(Chain chain, MakeChain(std::move(migrations), std::move(backfills)));
  RETURN_IF_ERROR(CheckNeededBackfills(chain));
  return chain;
}

absl::StatusOr<ChainSum> LoadChainSum(const std::string& path) {
  ASSIGN_OR_RETURN(const std::string text, base::ReadFile(path, kMaxChainSumBytes));
  return ParseChainSum(path, text);
}

absl::Status CheckChainSum(const std::string& directory, const Chain& chain) {
  const std::string path = PathOf(directory, kChainSumFile);
  ASSIGN_OR_RETURN(const ChainSum stored, LoadChainSum(path));
  const ChainSum actual = chain.sum();
  const std::optional<Divergence> divergence = FindDivergence(stored, actual);
  if (divergence.has_value()) {
    return Stale(path, absl::StrFormat("version %03d", divergence->version),
                 absl::StrCat("differs from ", chain.migrations[divergence->version - 1].file));
  }
  if (stored.head() < actual.head()) {
    return Stale(path, absl::StrFormat("version %03d", stored.head() + 1),
                 absl::StrCat("(", chain.migrations[stored.head()].file, ") is not in it"));
  }
  if (stored.head() > actual.head()) {
    return Stale(path, absl::StrFormat("version %03d", actual.head() + 1),
                 "is in it, but has no file");
  }
  return CompareBackfills(path, stored, actual);
}

}  // namespace lockstep::chain
