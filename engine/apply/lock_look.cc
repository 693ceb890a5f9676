#include "engine/apply/lock_look.h"

#include <algorithm>
#include <map>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"

#include "engine/apply/search_path.h"
#include "engine/base/clock.h"

namespace lockstep::apply {
namespace {

using postgres::Param;

constexpr char kOldest[] =
    "SELECT pg_catalog.set_config('search_path', $1, false), lockstep.oldest_transaction()";
// Names are looked up with the search_path of migrations; one that is not there yet is nobody's.
constexpr char kHolders[] =
    "SELECT * FROM lockstep.lock_holders("
    " ARRAY(SELECT pg_catalog.to_regclass(t.name)::pg_catalog.oid"
    "         FROM pg_catalog.unnest($1::pg_catalog.text[]) WITH ORDINALITY t (name, i) ORDER BY "
    "i),"
    " $2::pg_catalog.text[], pg_catalog.make_interval(secs => $3::pg_catalog.float8))";

absl::Duration Clock() { return base::SystemClock()->SinceBoot(); }

std::string Quoted(const std::string& name) {
  return absl::StrCat("\"", absl::StrReplaceAll(name, {{"\"", "\"\""}}), "\"");
}

// The strongest lock that the file takes on each table that is there before it.
std::map<std::string, sql::LockMode> LocksOf(const chain::Migration& migration) {
  std::map<std::string, sql::LockMode> locks;
  for (const sql::StatementFacts& statement : migration.alone.statements) {
    for (const sql::Touch& touch : statement.touches) {
      const bool counts = touch.live && touch.lock != sql::LockMode::kNone &&
                          touch.object_class == sql::ObjectClass::kRelation;
      if (!counts) continue;
      const std::string schema =
          touch.name.schema.empty() ? "" : absl::StrCat(Quoted(touch.name.schema), ".");
      sql::LockMode& mode = locks[absl::StrCat(schema, Quoted(touch.name.name))];
      mode = std::max(mode, touch.lock);
    }
  }
  return locks;
}

// What asks for the age of the oldest transaction, and for those of `older` at least that hold a
// lock in the way of `migration`. Empty when it locks nothing.
std::vector<postgres::Command> Questions(const chain::Migration& migration,
                                         const std::string& search_path, absl::Duration older) {
  std::vector<std::string> names, modes;
  for (const auto& [name, mode] : LocksOf(migration)) {
    names.push_back(name);
    modes.push_back(std::string(sql::LockModeCatalogName(mode)));
  }
  if (names.empty()) return {};
  return {{kOldest, {Param(SafeSearchPath(search_path))}},
          {kHolders,
           {postgres::TextArrayParam(names), postgres::TextArrayParam(modes),
            Param(absl::StrCat(absl::ToDoubleSeconds(older)))}}};
}

}  // namespace

bool LockLook::IsDue() const { return Clock() >= due_; }

std::optional<postgres::LockWait> LockLook::HoldersNow(postgres::ScriptSession& session,
                                                       const chain::Migration& migration,
                                                       const std::string& search_path) {
  const auto questions = Questions(migration, search_path, absl::ZeroDuration());
  if (questions.empty()) return std::nullopt;
  const auto results = session.Pipeline(questions);
  if (!results.ok() || (*results)[1].empty()) return std::nullopt;
  return postgres::LockWaitOf((*results)[1]);
}

void LockLook::WaitForOldHolders(
    postgres::ScriptSession& session, const chain::Migration& migration,
    const std::string& search_path, const Cancellation& cancellation,
    const std::function<void(const std::optional<postgres::LockWait>&)>& on_wait) {
  const auto look = Questions(migration, search_path, kOld);
  if (look.empty()) return;
  const absl::Duration deadline = Clock() + kPatience;
  for (bool told = false;;) {
    const absl::Duration began = Clock();
    const auto results = session.Pipeline(look);
    if (!results.ok()) return;
    const postgres::Row& oldest = (*results)[0].only();
    const absl::Duration age = absl::Seconds(oldest.IsNull(1) ? 0 : oldest.Double(1));
    due_ = began + std::max(kOld - age, absl::ZeroDuration());
    const postgres::LockWait wait = postgres::LockWaitOf((*results)[1]);
    if (!wait.blockers.empty()) {
      on_wait(wait);
      told = true;
    } else if (told) {
      on_wait(std::nullopt);
    }
    if (wait.blockers.empty() || Clock() >= deadline) return;
    if (cancellation.WaitFor(kInterval)) return;
  }
}

}  // namespace lockstep::apply
