#include "coordinator/operation/publishing.h"

#include <algorithm>
#include <span>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"

#include "coordinator/store/backfill_store.h"
#include "engine/base/digest.h"
#include "engine/base/error_info.h"
#include "engine/base/log.h"
#include "engine/base/status_macros.h"

namespace lockstep::coordinator {
namespace {

using base::MakeError;

// Names of those that are not published yet.
absl::StatusOr<std::vector<std::string>> NewBackfills(
    postgres::Connection& connection, const std::vector<chain::Backfill>& backfills) {
  ASSIGN_OR_RETURN(const auto published, ReadBackfills(connection));
  std::vector<std::string> names;
  for (const chain::Backfill& backfill : backfills) {
    const bool known = std::any_of(published.begin(), published.end(), [&](const BackfillRow& row) {
      return row.name == backfill.name;
    });
    if (!known) names.push_back(backfill.name);
  }
  return names;
}

// Reviews the migrations of a request that are not published; they come last in the result, which
// is empty when there are none. Their chain hashes follow `parent`.
absl::StatusOr<Review> ReviewFresh(postgres::Connection& connection, Version head,
                                   std::string parent, const PublishRequest& request) {
  std::vector<chain::Migration> fresh;
  for (const chain::Migration& m : request.migrations) {
    if (m.version > head) fresh.push_back(m);
  }
  if (fresh.empty()) return Review();
  const size_t count = fresh.size();
  ASSIGN_OR_RETURN(Review review, ReviewPending(connection, std::move(fresh)));
  const auto added = std::span(review.migrations).last(count);
  RETURN_IF_ERROR(CheckFindings(added, request.lint != LintMode::kError));
  for (const chain::ReviewedMigration& reviewed : added) {
    const chain::Migration& m = reviewed.migration;
    parent = chain::NextChainHash(parent, m.version, m.title, m.digest);
    review.chain_hashes[m.version] = parent;
  }
  return review;
}

absl::Status CheckAgainstPublished(postgres::Connection& connection, const ChainRow& chain,
                                   const PublishRequest& request) {
  if (request.migrations.empty()) return absl::OkStatus();
  const Version first = request.migrations.front().version;
  ASSIGN_OR_RETURN(const auto published,
                   ReadEntries(connection, first, request.migrations.back().version));
  std::string parent = first == 1 ? chain::EmptyChainHash() : request.parent_hash;
  for (size_t i = 0; i < published.size(); ++i) {
    const chain::Migration& ours = request.migrations[i];
    const chain::ChainEntry& theirs = published[i];
    if (ours.title == theirs.title && ours.digest != theirs.digest) {
      return MakeError(absl::StatusCode::kFailedPrecondition, "DIGEST_MISMATCH",
                       absl::StrCat(FileNameOf(ours.version, ours.title),
                                    " was edited after it was published: nothing was changed"),
                       {{"version", absl::StrCat(ours.version)},
                        {"file", FileNameOf(ours.version, ours.title)},
                        {"published_digest", base::ToHex(theirs.digest)},
                        {"digest", base::ToHex(ours.digest)}},
                       "restore the published text, and put the change into a new migration");
    }
    const std::string hash = chain::NextChainHash(parent, ours.version, ours.title, ours.digest);
    if (hash != theirs.chain_hash) {
      return MakeError(absl::StatusCode::kAborted, "CHAIN_DIVERGED",
                       absl::StrCat("the chains part at version ", ours.version, ": here ",
                                    ours.title, ", published ", theirs.title),
                       {{"version", absl::StrCat(ours.version)},
                        {"published_title", theirs.title},
                        {"title", ours.title},
                        {"published_head", absl::StrCat(chain.head)},
                        {"published_head_hash", base::ToHex(chain.head_hash)},
                        {"published_hash", base::ToHex(theirs.chain_hash)},
                        {"hash", base::ToHex(hash)}},
                       "renumber the unpublished migrations on top of the published chain");
    }
    parent = hash;
  }
  const bool continues = published.size() < request.migrations.size();
  const Version next = first + static_cast<Version>(published.size());
  if (continues && (next != chain.head + 1 || parent != chain.head_hash)) {
    return MakeError(
        absl::StatusCode::kAborted, "CHAIN_DIVERGED",
        absl::StrCat("version ", next, " does not follow the published head ", chain.head),
        {{"version", absl::StrCat(next)},
         {"published_head", absl::StrCat(chain.head)},
         {"published_head_hash", base::ToHex(chain.head_hash)},
         {"hash", base::ToHex(parent)}},
        "publish the whole chain, or fetch the published one first");
  }
  return absl::OkStatus();
}

}  // namespace

std::string FileNameOf(Version version, const std::string& title) {
  return absl::StrFormat("%03d_%s.sql", version, title);
}

absl::StatusOr<PublishResult> PublishChain(postgres::Connection& connection,
                                           const LeaderToken& leader,
                                           const PublishRequest& request) {
  ASSIGN_OR_RETURN(ChainRow chain, ReadChain(connection));
  RETURN_IF_ERROR(CheckAgainstPublished(connection, chain, request));
  PublishResult result;
  ASSIGN_OR_RETURN(result.review, ReviewFresh(connection, chain.head, chain.head_hash, request));
  std::vector<chain::Migration> fresh;
  for (const chain::ReviewedMigration& reviewed : result.review.migrations) {
    if (reviewed.migration.version <= chain.head) continue;
    fresh.push_back(reviewed.migration);
    result.added.push_back(reviewed.migration.version);
  }
  if (request.validate_only) {
    ASSIGN_OR_RETURN(result.added_backfills, NewBackfills(connection, request.backfills));
  } else {
    ASSIGN_OR_RETURN(result.added_backfills,
                     AppendMigrations(connection, leader, chain.head_hash, fresh, request.backfills,
                                      request.actor));
    ASSIGN_OR_RETURN(chain, ReadChain(connection));
    if (!result.added.empty()) {
      base::LogInfo("chain published", {{"head", absl::StrCat(chain.head)},
                                        {"added", absl::StrCat(result.added.size())},
                                        {"actor", request.actor}});
    }
  }
  result.revision = chain.revision;
  result.head = chain.head;
  result.head_hash = chain.head_hash;
  return result;
}

absl::Status JudgePending(postgres::Connection& connection, const LeaderToken& leader) {
  ASSIGN_OR_RETURN(auto pending, ReadPending(connection));
  if (pending.empty()) return absl::OkStatus();
  ASSIGN_OR_RETURN(const Review review, ReviewPending(connection));
  const std::vector<JudgedMigration> changed = Strengthen(review, &pending);
  for (const JudgedMigration& m : changed) {
    base::LogInfo("phase judged again", {{"version", absl::StrCat(m.version)},
                                         {"phase", std::string(sql::PhaseName(m.phase))}});
  }
  return changed.empty() ? absl::OkStatus() : JudgeMigrations(connection, leader, changed);
}

}  // namespace lockstep::coordinator
