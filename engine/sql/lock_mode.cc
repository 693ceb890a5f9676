#include "engine/sql/lock_mode.h"

#include <array>
#include <cstddef>

namespace lockstep::sql {
namespace {

struct Names {
  absl::string_view sql;
  absl::string_view catalog;
};
constexpr std::array<Names, 9> kNames = {{
    {"none", ""},
    {"ACCESS SHARE", "AccessShareLock"},
    {"ROW SHARE", "RowShareLock"},
    {"ROW EXCLUSIVE", "RowExclusiveLock"},
    {"SHARE UPDATE EXCLUSIVE", "ShareUpdateExclusiveLock"},
    {"SHARE", "ShareLock"},
    {"SHARE ROW EXCLUSIVE", "ShareRowExclusiveLock"},
    {"EXCLUSIVE", "ExclusiveLock"},
    {"ACCESS EXCLUSIVE", "AccessExclusiveLock"},
}};

}  // namespace

absl::string_view LockModeName(LockMode mode) { return kNames[static_cast<size_t>(mode)].sql; }

absl::string_view LockModeCatalogName(LockMode mode) {
  return kNames[static_cast<size_t>(mode)].catalog;
}

LockMode LockModeFromCatalogName(absl::string_view name) {
  for (size_t i = 1; i < kNames.size(); ++i) {
    if (kNames[i].catalog == name) return static_cast<LockMode>(i);
  }
  return LockMode::kNone;
}

}  // namespace lockstep::sql
