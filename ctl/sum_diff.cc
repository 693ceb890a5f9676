#include "ctl/sum_diff.h"

#include <algorithm>
#include <map>
#include <utility>

#include "absl/strings/str_cat.h"

namespace lockstep::ctl {
namespace {

void DescribeVersions(const chain::ChainSum& before, const chain::ChainSum& after,
                      std::vector<std::string>& lines) {
  const size_t longest = std::max(before.entries.size(), after.entries.size());
  for (size_t i = 0; i < longest; ++i) {
    if (i >= before.entries.size()) {
      lines.push_back(
          absl::StrCat("added ", after.entries[i].version, " ", after.entries[i].title));
      continue;
    }
    const chain::ChainEntry& old = before.entries[i];
    if (i >= after.entries.size()) {
      lines.push_back(absl::StrCat("removed ", old.version, " ", old.title));
      continue;
    }
    const chain::ChainEntry& now = after.entries[i];
    // A chain hash that differs alone only repeats that an earlier version differs.
    if (old.title != now.title) {
      lines.push_back(absl::StrCat("renamed ", old.version, " ", old.title, " to ", now.title));
    }
    if (old.digest != now.digest) {
      lines.push_back(absl::StrCat("changed ", now.version, " ", now.title));
    }
  }
}

}  // namespace

std::vector<std::string> DescribeChanges(const chain::ChainSum& before,
                                         const chain::ChainSum& after) {
  std::vector<std::string> lines;
  DescribeVersions(before, after, lines);
  std::map<std::string, std::pair<std::string, std::string>> backfills;  // Digests: old and new.
  for (const auto& entry : before.backfills) backfills[entry.name].first = entry.digest;
  for (const auto& entry : after.backfills) backfills[entry.name].second = entry.digest;
  for (const auto& [name, digests] : backfills) {
    if (digests.first == digests.second) continue;
    const char* verb = digests.first.empty()    ? "added"
                       : digests.second.empty() ? "removed"
                                                : "changed";
    lines.push_back(absl::StrCat(verb, " backfill ", name));
  }
  return lines;
}

}  // namespace lockstep::ctl
