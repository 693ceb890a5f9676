#include "engine/chain/chain.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"

#include "engine/base/digest.h"
#include "engine/base/error_info.h"

namespace lockstep::chain {
namespace {

absl::Status Duplicate(absl::string_view what, absl::string_view first, absl::string_view second,
                       absl::string_view hint) {
  return base::MakeError(absl::StatusCode::kInvalidArgument, "CHAIN_DUPLICATE",
                         absl::StrCat(what, " is given by two files, ", first, " and ", second),
                         {{"file", std::string(second)}, {"other_file", std::string(first)}}, hint);
}

absl::Status Gap(Version missing, const Migration& after) {
  return base::MakeError(
      absl::StatusCode::kInvalidArgument, "CHAIN_GAP",
      absl::StrFormat("%s: version %03d comes before it, but there is no such file", after.file,
                      missing),
      {{"file", after.file},
       {"missing_version", absl::StrCat(missing)},
       {"version", absl::StrCat(after.version)}},
      "a chain is numbered 1, 2, 3 ... without gaps: add the missing file or renumber");
}

}  // namespace

std::string EmptyChainHash() { return std::string(base::kSha256Bytes, '\0'); }

std::string NextChainHash(absl::string_view previous, Version version, absl::string_view title,
                          absl::string_view digest) {
  const uint32_t number = static_cast<uint32_t>(version);
  const char big_endian[] = {static_cast<char>(number >> 24), static_cast<char>(number >> 16),
                             static_cast<char>(number >> 8), static_cast<char>(number)};
  base::Sha256 hash;
  hash.Update(previous);
  hash.Update(absl::string_view(big_endian, sizeof(big_endian)));
  hash.Update(title);
  hash.Update("\x1f");
  hash.Update(digest);
  return hash.Finish();
}

std::string ChainSum::head_hash() const {
  return entries.empty() ? EmptyChainHash() : entries.back().chain_hash;
}

ChainSum Chain::sum() const {
  ChainSum sum;
  std::string hash = EmptyChainHash();
  for (const Migration& migration : migrations) {
    hash = NextChainHash(hash, migration.version, migration.title, migration.digest);
    sum.entries.push_back({.version = migration.version,
                           .title = migration.title,
                           .digest = migration.digest,
                           .chain_hash = hash});
  }
  for (const Backfill& backfill : backfills) {
    sum.backfills.push_back({.name = backfill.name, .digest = backfill.digest});
  }
  return sum;
}

absl::StatusOr<Chain> MakeChain(std::vector<Migration> migrations,
                                std::vector<Backfill> backfills) {
  std::stable_sort(migrations.begin(), migrations.end(),
                   [](const Migration& a, const Migration& b) { return a.version < b.version; });
  std::stable_sort(backfills.begin(), backfills.end(),
                   [](const Backfill& a, const Backfill& b) { return a.name < b.name; });
  for (size_t i = 0; i < migrations.size(); ++i) {
    const Version expected = static_cast<Version>(i) + 1;
    const Migration& migration = migrations[i];
    if (i > 0 && migration.version == migrations[i - 1].version) {
      return Duplicate(absl::StrFormat("version %03d", migration.version), migrations[i - 1].file,
                       migration.file, "renumber one of them; versions are compared as numbers");
    }
    if (migration.version != expected) return Gap(expected, migration);
  }
  for (size_t i = 1; i < backfills.size(); ++i) {
    if (backfills[i].name != backfills[i - 1].name) continue;
    return Duplicate(absl::StrCat("backfill ", backfills[i].name), backfills[i - 1].file,
                     backfills[i].file, "rename one of them");
  }
  return Chain{.migrations = std::move(migrations), .backfills = std::move(backfills)};
}

std::optional<Divergence> FindDivergence(const ChainSum& ours, const ChainSum& theirs) {
  const size_t common = std::min(ours.entries.size(), theirs.entries.size());
  for (size_t i = 0; i < common; ++i) {
    if (ours.entries[i].chain_hash == theirs.entries[i].chain_hash) continue;
    return Divergence{
        .version = ours.entries[i].version, .ours = ours.entries[i], .theirs = theirs.entries[i]};
  }
  return std::nullopt;
}

}  // namespace lockstep::chain
