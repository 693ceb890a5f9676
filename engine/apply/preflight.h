// Whether a connection may be used to apply migrations: checked once on every fresh one, because
// each of these would otherwise surface in the middle of a run, or worse, quietly weaken the fence.
//
// Not guaranteed: rights can be taken away a moment later; then the run fails with 42501.
#ifndef LOCKSTEP_ENGINE_APPLY_PREFLIGHT_H_
#define LOCKSTEP_ENGINE_APPLY_PREFLIGHT_H_

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"

#include "engine/postgres/script_session.h"

namespace lockstep::apply {

inline constexpr int kMinServerVersion = 130000;

struct PreflightOptions {
  std::string owner_role;  // The role migrations run as; empty: not known, or none.
  bool allow_superuser = false;
};

// Runs every check; the first that fails is returned, with a hint. All are FAILED_PRECONDITION
// unless noted:
//   POOLED_CONNECTION      a pooler sits between us and PostgreSQL
//   SERVER_TOO_OLD         before PostgreSQL 13
//   SERVER_READ_ONLY       a standby (UNAVAILABLE: a failover may be under way)
//   SCHEMA_MISSING         the schema lockstep is not there
//   PERMISSION             no EXECUTE on lockstep.open and close (PERMISSION_DENIED)
//   ROLE_TOO_POWERFUL      superuser, or up to 15 CREATEROLE, directly or through membership
//   OWNER_ROLE             the owner role is missing, or we may not act as it (PERMISSION_DENIED)
//   SESSION_SETTING        ALTER ROLE or ALTER DATABASE ... SET something not known to be harmless
// Besides, what ScriptSession returns. Blocks on five short queries.
absl::Status Preflight(postgres::ScriptSession& session, const PreflightOptions& options);

// The same checks, none left out: what each of those that fail says, in the order above. For a
// person who wants to know everything at once. Stops early only when the connection is lost.
std::vector<absl::Status> PreflightAll(postgres::ScriptSession& session,
                                       const PreflightOptions& options);

// True for settings that may be preset for a role or a database without weakening the fence. Pure;
// letter case does not count.
bool IsHarmlessSetting(absl::string_view name);

}  // namespace lockstep::apply

#endif  // LOCKSTEP_ENGINE_APPLY_PREFLIGHT_H_
