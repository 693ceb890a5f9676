#include "coordinator/review/review.h"

#include <algorithm>
#include <set>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"

#include "engine/base/error_info.h"
#include "engine/base/status_macros.h"
#include "engine/schema/inspect.h"
#include "engine/sql/split.h"

namespace lockstep::coordinator {
namespace {

// Findings that an error lists; the rest is counted.
constexpr size_t kMaxListed = 50;

// As it was published: the analysis of its text by itself gave this or a weaker phase then.
absl::StatusOr<chain::Migration> MigrationOf(const MigrationText& text) {
  return chain::ReadMigration(absl::StrFormat("%03d_%s.sql", text.entry.version, text.entry.title),
                              text.sql);
}

absl::StatusOr<std::vector<chain::Migration>> ReadPendingMigrations(
    postgres::Connection& connection, Review* review) {
  ASSIGN_OR_RETURN(const auto texts, ReadPendingTexts(connection, kMaxReviewBytes));
  std::vector<chain::Migration> migrations;
  for (const MigrationText& text : texts) {
    review->chain_hashes[text.entry.version] = text.entry.chain_hash;
    ASSIGN_OR_RETURN(chain::Migration migration, MigrationOf(text));
    migrations.push_back(std::move(migration));
  }
  return migrations;
}

std::string PlaceOf(const chain::Migration& migration, const sql::Finding& finding) {
  const sql::LineColumn place = sql::PositionOf(migration.sql, finding.offset);
  return absl::StrCat(migration.file, ":", place.line, ":", place.column);
}

}  // namespace

absl::StatusOr<Review> ReviewPending(postgres::Connection& connection,
                                     std::vector<chain::Migration> fresh) {
  Review review;
  ASSIGN_OR_RETURN(std::vector<chain::Migration> migrations,
                   ReadPendingMigrations(connection, &review));
  migrations.insert(migrations.end(), std::make_move_iterator(fresh.begin()),
                    std::make_move_iterator(fresh.end()));
  ASSIGN_OR_RETURN(const Settings settings, ReadSettings(connection));
  ASSIGN_OR_RETURN(
      review.before,
      schema::Inspect(connection, {.search_path = schema::SearchPathOf(settings.search_path)}));
  sql::Analyzer analyzer(review.before);
  review.migrations = chain::ReviewMigrations(&analyzer, std::move(migrations));
  return review;
}

std::vector<JudgedMigration> Strengthen(const Review& review,
                                        std::vector<PendingMigration>* pending) {
  std::set<Version> open;  // What has not run: nobody waits for the others.
  for (const PendingMigration& m : *pending) open.insert(m.version);
  std::vector<JudgedMigration> changed;
  for (PendingMigration& m : *pending) {
    const auto found =
        std::find_if(review.migrations.begin(), review.migrations.end(),
                     [&](const auto& r) { return r.migration.version == m.version; });
    if (found == review.migrations.end()) continue;
    std::set<Version> waits_for(m.waits_for.begin(), m.waits_for.end());
    for (const Version contract : found->migration.waits_for) {
      if (open.contains(contract)) waits_for.insert(contract);
    }
    const sql::Phase phase = std::max(m.phase, found->migration.phase);
    if (phase == m.phase && waits_for.size() == m.waits_for.size()) continue;
    m.phase = phase;
    m.waits_for.assign(waits_for.begin(), waits_for.end());
    changed.push_back({m.version, m.phase, m.waits_for, found->migration.touches});
  }
  return changed;
}

absl::Status CheckFindings(std::span<const chain::ReviewedMigration> migrations,
                           bool refusals_only) {
  base::ErrorInfo info{.reason = kReasonLintFailed,
                       .hint =
                           "`lockstep lint --explain RULE` says what to do instead; a rule that "
                           "must be broken is allowed with -- lockstep:allow RULE reason"};
  size_t count = 0;
  for (const auto& [migration, analysis] : migrations) {
    for (const sql::Finding& finding : analysis.findings) {
      if (!finding.Blocks() || (refusals_only && !finding.refusal)) continue;
      if (++count > kMaxListed) continue;
      info.blockers.push_back({std::string(sql::InfoOf(finding.rule).id),
                               PlaceOf(migration, finding), finding.message});
    }
  }
  if (count == 0) return absl::OkStatus();
  info.metadata["findings"] = absl::StrCat(count);
  const auto& first = info.blockers.front();
  return base::MakeError(absl::StatusCode::kFailedPrecondition,
                         absl::StrCat(first.subject, ": ", first.description, " (", first.type, ")",
                                      count > 1 ? absl::StrCat(", and ", count - 1, " more") : ""),
                         std::move(info));
}

}  // namespace lockstep::coordinator
