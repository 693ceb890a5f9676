#include "ctl/lint.h"

#include <algorithm>
#include <filesystem>
#include <set>
#include <span>
#include <utility>

#include "absl/strings/str_cat.h"

#include "ctl/check.h"
#include "ctl/lint_database.h"
#include "ctl/local_chain.h"
#include "engine/base/error_info.h"
#include "engine/base/file.h"
#include "engine/base/status_macros.h"
#include "engine/chain/analysis.h"
#include "engine/chain/backfill_lint.h"
#include "engine/chain/directory.h"

namespace lockstep::ctl {
namespace {

using chain::Migration;
using chain::Version;

std::filesystem::path Real(const std::string& path) {
  std::error_code error;
  const std::filesystem::path real = std::filesystem::weakly_canonical(path, error);
  return error ? std::filesystem::path(path) : real;
}

// The text of a file for its excerpt; "" when it cannot be read.
std::string TextOf(const std::string& file) {
  return chain::NormalizeText(base::ReadFile(file, chain::kMaxMigrationBytes).value_or(""));
}

class Linter {
 public:
  explicit Linter(const LintOptions& options) : options_(options) {
    report_.postgres = options.settings.postgres;
  }

  absl::StatusOr<LintReport> Run() {
    RETURN_IF_ERROR(ReadChain());
    RETURN_IF_ERROR(ReadDatabase());
    RETURN_IF_ERROR(LintAlone());
    LintChain();
    return std::move(report_);
  }

 private:
  // The chain, or as many of its files as can be read.
  absl::Status ReadChain() {
    absl::StatusOr<chain::Chain> chain = LoadLocalChain(options_.directory);
    if (chain.ok()) {
      migrations_ = std::move(chain->migrations);
      backfills_ = std::move(chain->backfills);
    } else {
      if (!IsFileFinding(chain.status())) return chain.status();
      const FilesRead read = ReadEachFile(options_.directory, chain.status());
      for (const absl::Status& refused : read.refused) Refuse(refused);
      migrations_ = read.migrations;
      backfills_ = read.backfills;
      whole_ = false;
    }
    for (const std::string& file : options_.files) Want(file);
    return absl::OkStatus();
  }

  void Want(const std::string& file) {
    const auto is_it = [&](const auto& other) { return Real(other.file) == Real(file); };
    if (const auto m = std::find_if(migrations_.begin(), migrations_.end(), is_it);
        m != migrations_.end()) {
      wanted_.insert(m->version);
    } else if (const auto b = std::find_if(backfills_.begin(), backfills_.end(), is_it);
               b != backfills_.end()) {
      wanted_backfills_.insert(b->name);
    } else {
      alone_.push_back(file);
    }
  }

  // Who names files wants to know of these; of the others only that they cannot be told.
  void Refuse(const absl::Status& refused) {
    const std::string file = base::MetadataOf(refused, "file");
    const std::string reason = base::ReasonOf(refused);
    const bool named =
        std::any_of(options_.files.begin(), options_.files.end(),
                    [&](const std::string& name) { return Real(name) == Real(file); });
    if (options_.files.empty() || (named && reason != "BAD_FILE_NAME")) {
      AddToReport(refused, TextOf(file), &report_);
    } else if (!named) {
      report_.notes.push_back(
          absl::StrCat("what exists is not known for sure: ", refused.message()));
    }
  }

  absl::Status ReadDatabase() {
    if (options_.database.empty()) {
      report_.applied = options_.applied.value_or(
          wanted_.empty() ? 0 : std::min(*wanted_.begin() - 1, Version{chain::kMaxVersion}));
      for (Version version = 1; version <= report_.applied; ++version) applied_.insert(version);
      return absl::OkStatus();
    }
    ASSIGN_OR_RETURN(LiveDatabase live,
                     ReadLiveDatabase(options_.database, options_.applied.has_value()));
    applied_ = std::move(live.applied);
    started_ = std::move(live.started);
    if (options_.applied.has_value()) {
      applied_.clear();
      for (Version version = 1; version <= *options_.applied; ++version) applied_.insert(version);
    }
    report_.applied = applied_.empty() ? 0 : *applied_.rbegin();
    report_.postgres = live.catalog.major_version();
    report_.catalog = true;
    analyzer_ = sql::Analyzer(std::move(live.catalog));
    return absl::OkStatus();
  }

  // Files outside of the chain: what came before them is not known.
  absl::Status LintAlone() {
    for (const std::string& file : alone_) {
      ASSIGN_OR_RETURN(const std::string bytes,
                       base::ReadFile(file, chain::kMaxMigrationBytes + 1));
      if (AlreadyRefused(file)) continue;
      const bool numbered =
          chain::ParseFileName(std::filesystem::path(file).filename().string()).has_value();
      absl::StatusOr<Migration> migration =
          chain::ReadMigration(numbered ? file : "001_file.sql", bytes);
      if (!migration.ok()) {
        AddToReport(migration.status(), chain::NormalizeText(bytes), &report_);
        if (!numbered) report_.findings.back().file = file;
        continue;
      }
      migration->file = file;
      sql::model::Database unknown = analyzer_.database();
      if (!report_.catalog) unknown.server_version = report_.postgres * 10000;
      sql::Analyzer analyzer(std::move(unknown));
      Judge(&analyzer, *migration);
      analysed_ = 0;
    }
    return absl::OkStatus();
  }

  void LintChain() {
    if (!report_.catalog) {
      sql::model::Database empty;
      empty.server_version = report_.postgres * 10000;
      size_t exists = 0;
      while (exists < migrations_.size() && applied_.contains(migrations_[exists].version)) {
        ++exists;
      }
      sql::model::Database database =
          chain::Replay(std::span(migrations_).first(exists), std::move(empty));
      // What a file that cannot be read does is not known.
      database.complete = whole_;
      analyzer_ = sql::Analyzer(std::move(database));
    }
    const std::vector<chain::Backfill> jobs = BackfillsToLint();
    const sql::model::Database exists =
        jobs.empty() ? sql::model::Database() : analyzer_.database();
    for (const Migration& migration : migrations_) {
      const bool wanted = wanted_.contains(migration.version);
      if (applied_.contains(migration.version)) {
        if (wanted) {
          report_.notes.push_back(
              absl::StrCat(migration.file, " is applied already: what exists is not judged again"));
        }
      } else if (options_.files.empty() || wanted) {
        Judge(&analyzer_, migration);
      } else {
        chain::AnalyzeMigration(&analyzer_, migration);
        ++analysed_;
      }
    }
    auto found = chain::LintBackfills(jobs, migrations_, applied_, exists);
    for (size_t i = 0; i < jobs.size(); ++i) {
      chain::ApplySettings(options_.settings, &found[i]);
      AddToReport(jobs[i], found[i], &report_);
    }
  }

  // Those that may still be changed, and of these those that are named where any file is.
  std::vector<chain::Backfill> BackfillsToLint() {
    std::vector<chain::Backfill> jobs;
    for (const chain::Backfill& job : backfills_) {
      const bool wanted = wanted_backfills_.contains(job.name);
      if (!options_.files.empty() && !wanted) continue;
      if (!started_.contains(job.name)) {
        jobs.push_back(job);
      } else if (wanted) {
        report_.notes.push_back(
            absl::StrCat(job.file, " was started already: it cannot be changed any more"));
      }
    }
    return jobs;
  }

  void Judge(sql::Analyzer* analyzer, const Migration& migration) {
    sql::FileAnalysis analysis = chain::AnalyzeMigration(analyzer, migration);
    chain::ApplySettings(options_.settings, &analysis.findings);
    // On what files before it in this run create nothing is found that could be allowed.
    if (analysed_ > 0) {
      std::erase_if(analysis.findings, [](const sql::Finding& finding) {
        return finding.rule == sql::Rule::kUnusedAllow;
      });
    }
    ++analysed_;
    AddToReport(migration, std::move(analysis), &report_);
  }

  bool AlreadyRefused(const std::string& file) const {
    return std::any_of(
        report_.findings.begin(), report_.findings.end(),
        [&](const LintFinding& finding) { return Real(finding.file) == Real(file); });
  }

  const LintOptions& options_;
  LintReport report_;
  std::vector<Migration> migrations_;
  std::vector<chain::Backfill> backfills_;
  bool whole_ = true;         // All files of the chain could be read.
  std::set<Version> wanted_;  // Files that were named and are of the chain.
  std::set<std::string> wanted_backfills_;
  std::vector<std::string> alone_;  // And those that are not.
  std::set<Version> applied_;
  std::set<std::string> started_;  // Backfills.
  int analysed_ = 0;               // Files that the analyser went through and that are not applied.
  sql::Analyzer analyzer_;
};

}  // namespace

absl::StatusOr<LintReport> Lint(const LintOptions& options) { return Linter(options).Run(); }

}  // namespace lockstep::ctl
