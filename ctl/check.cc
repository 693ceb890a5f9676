#include "ctl/check.h"

#include <algorithm>
#include <filesystem>
#include <map>
#include <system_error>
#include <type_traits>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"

#include "ctl/errors.h"
#include "ctl/local_chain.h"
#include "ctl/sanitize.h"
#include "engine/base/error_info.h"
#include "engine/base/file.h"
#include "engine/base/status_macros.h"
#include "engine/chain/backfill_lint.h"
#include "engine/chain/directory.h"
#include "engine/chain/lint_file.h"
#include "engine/chain/service_file.h"
#include "engine/sql/preamble.h"

namespace lockstep::ctl {
namespace {

constexpr char kServiceFile[] = "lockstep.yaml";

// The names in a directory, in order.
absl::StatusOr<std::vector<std::string>> NamesIn(const std::string& directory) {
  std::vector<std::string> names;
  std::error_code error;
  std::filesystem::directory_iterator it(directory, error);
  for (; !error && it != std::filesystem::directory_iterator(); it.increment(error)) {
    names.push_back(it->path().filename().string());
  }
  if (error) {
    return base::MakeError(absl::StatusCode::kNotFound, kReasonFile,
                           absl::StrCat("cannot list ", directory, ": ", error.message()),
                           {{"path", directory}});
  }
  std::sort(names.begin(), names.end());
  return names;
}

absl::Status ServiceFinding(const std::string& path, absl::string_view what,
                            absl::string_view hint) {
  return base::MakeError(absl::StatusCode::kInvalidArgument, "BAD_SERVICE_FILE",
                         absl::StrCat(path, ": ", what), {{"file", path}}, hint);
}

// Against the chain: a version that does not exist was mistyped, or its migration is missing.
void CheckVersions(const std::string& path, const chain::ServiceFile& service, chain::Version head,
                   std::vector<absl::Status>* findings) {
  const auto check = [&](absl::string_view key, chain::Version version) {
    if (version <= head) return;
    findings->push_back(
        ServiceFinding(path, absl::StrCat(key, " ", version, ", but the chain ends at ", head),
                       "correct the number, or add the migration"));
  };
  if (service.needs.has_value()) check("needs", *service.needs);
  check("adapted_to", service.adapted_to);
}

absl::Status CheckServices(const std::string& directory, ProjectReport* report) {
  ASSIGN_OR_RETURN(const std::vector<std::string> names, NamesIn(directory));
  std::map<std::string, std::string> paths;  // By service.
  for (const std::string& name : names) {
    const std::string path = (std::filesystem::path(directory) / name / kServiceFile).string();
    const auto service = chain::LoadServiceFile(path);
    if (absl::IsNotFound(service.status()) || name[0] == '.') continue;
    std::error_code ignored;
    if (!std::filesystem::is_directory(std::filesystem::path(directory) / name, ignored)) continue;
    report->services.push_back(path);
    if (!service.ok()) {
      if (!IsFileFinding(service.status())) return service.status();
      report->findings.push_back(service.status());
      continue;
    }
    const auto [it, inserted] = paths.emplace(service->service, path);
    if (!inserted) {
      report->findings.push_back(
          ServiceFinding(path, absl::StrCat("service ", service->service, " is also ", it->second),
                         "each service has a name of its own"));
    }
    if (report->chain.has_value()) {
      CheckVersions(path, *service, report->chain->head(), &report->findings);
    }
  }
  return absl::OkStatus();
}

// Rows that are written while a backfill runs, and that nobody is known to fill: as lint sees it.
absl::Status CheckBackfills(const std::string& directory, const chain::Chain& chain,
                            std::vector<absl::Status>* findings) {
  ASSIGN_OR_RETURN(const chain::LintSettings settings, chain::LoadLintSettings(directory));
  sql::model::Database empty;
  empty.complete = true;
  empty.server_version = settings.postgres * 10000;
  const auto found = chain::LintBackfills(chain.backfills, chain.migrations, {}, std::move(empty));
  for (size_t i = 0; i < found.size(); ++i) {
    for (const sql::Finding& finding : found[i]) {
      if (finding.rule != sql::Rule::kBackfillNotCovered || !finding.allowed.empty() ||
          !chain::SeverityOf(settings, finding.rule).has_value()) {
        continue;
      }
      const chain::Backfill& job = chain.backfills[i];
      const sql::LineColumn place = sql::PositionOf(job.sql, finding.offset);
      findings->push_back(base::MakeError(
          absl::StatusCode::kInvalidArgument, "BACKFILL_NOT_COVERED",
          absl::StrCat(job.file, ":", place.line, ":", place.column, ": ", finding.message),
          {{"file", job.file},
           {"line", absl::StrCat(place.line)},
           {"column", absl::StrCat(place.column)}},
          finding.hint));
    }
  }
  return absl::OkStatus();
}

// "services" beside the migrations directory; "" when there is none.
std::string DefaultServices(const std::string& migrations) {
  std::error_code error;
  const std::filesystem::path real = std::filesystem::weakly_canonical(migrations, error);
  if (error) return "";
  const std::filesystem::path services = std::filesystem::path(migrations) / ".." / "services";
  const std::filesystem::path beside = real.parent_path() / "services";
  if (!std::filesystem::is_directory(beside, error)) return "";
  return services.lexically_normal().string();
}

void AddNotice(const chain::Migration& migration, sql::LeftOutKind kind, absl::string_view why,
               std::vector<std::string>* notices) {
  std::vector<sql::LeftOut> parts = migration.left_out;
  std::erase_if(parts, [&](const sql::LeftOut& part) { return part.kind != kind; });
  if (parts.empty()) return;
  notices->push_back(absl::StrCat("note: ", migration.file, ": ", sql::LinesOf(parts), why));
}

// Reads the SQL files of a directory, where it can be read; those that are refused, but for
// `first`, are added to `refused`.
template <typename File>
void ReadEach(const std::string& directory, const absl::Status& first,
              absl::StatusOr<File> (*read)(absl::string_view, absl::string_view),
              std::vector<File>* files, std::vector<absl::Status>* refused) {
  const auto names = NamesIn(directory);
  if (!names.ok()) return;
  for (const std::string& name : *names) {
    // Of a name that is none of a migration the chain has said so.
    const bool named = !std::is_same_v<File, chain::Migration> || chain::ParseFileName(name);
    if (name[0] == '.' || !absl::EndsWith(name, ".sql") || !named) continue;
    const std::string path = (std::filesystem::path(directory) / name).string();
    const auto bytes = base::ReadFile(path, chain::kMaxMigrationBytes);
    if (!bytes.ok()) continue;
    auto file = read(path, *bytes);
    if (file.ok()) {
      files->push_back(*std::move(file));
    } else if (file.status() != first) {
      refused->push_back(file.status());
    }
  }
}

}  // namespace

bool IsFileFinding(const absl::Status& status) {
  return absl::IsInvalidArgument(status) || absl::IsFailedPrecondition(status) ||
         absl::IsResourceExhausted(status);
}

// Loading stops at the first error; who checks wants to know of every file.
FilesRead ReadEachFile(const std::string& directory, const absl::Status& first) {
  FilesRead read{.refused = {first}};
  ReadEach(directory, first, chain::ReadMigration, &read.migrations, &read.refused);
  const auto folder = std::filesystem::path(directory) / chain::kBackfillsFolder;
  ReadEach(folder.string(), first, chain::ReadBackfill, &read.backfills, &read.refused);
  std::stable_sort(
      read.migrations.begin(), read.migrations.end(),
      [](const chain::Migration& a, const chain::Migration& b) { return a.version < b.version; });
  return read;
}

absl::StatusOr<ProjectReport> CheckProject(const std::string& migrations,
                                           const std::string& services) {
  ProjectReport report;
  absl::StatusOr<chain::Chain> chain = LoadLocalChain(migrations);
  if (chain.ok()) {
    const absl::Status sum = CheckLocalSum(migrations, *chain);
    if (!sum.ok() && !IsFileFinding(sum)) return sum;
    if (!sum.ok()) report.findings.push_back(sum);
    const absl::Status judged = CheckBackfills(migrations, *chain, &report.findings);
    if (!judged.ok() && !IsFileFinding(judged)) return judged;
    if (!judged.ok()) report.findings.push_back(judged);
    report.chain = *std::move(chain);
  } else {
    if (!IsFileFinding(chain.status())) return chain.status();
    report.findings = ReadEachFile(migrations, chain.status()).refused;
  }
  const std::string directory = services.empty() ? DefaultServices(migrations) : services;
  if (!directory.empty()) RETURN_IF_ERROR(CheckServices(directory, &report));
  return report;
}

std::vector<std::string> NoticesOf(const chain::Chain& chain) {
  std::vector<std::string> notices;
  for (const chain::Migration& migration : chain.migrations) {
    AddNotice(migration, sql::LeftOutKind::kPgDump,
              " of pg_dump's preamble are for psql and are not run", &notices);
    AddNotice(migration, sql::LeftOutKind::kTransaction,
              " are not run: lockstep wraps each migration in its own fenced transaction",
              &notices);
  }
  return notices;
}

void SayNotices(Console& console, const chain::Chain& chain) {
  for (const std::string& notice : NoticesOf(chain)) console.Say(Sanitize(notice));
}

}  // namespace lockstep::ctl
