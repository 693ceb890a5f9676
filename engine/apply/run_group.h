// A group: neighbours of a run in one fenced transaction. For a database that was never served, and
// for migrations that may share (chain/sharing.h); the database asks for both once more.
//
//   BEGIN; SET LOCAL lock_timeout; lockstep.open_group(token, first, last)
//     for each file: SET LOCAL timeouts, search_path, role owner; its statements
//   RESET ROLE; lockstep.close_group(token, first, last, digests); SET LOCAL ROLE owner;
//   SET CONSTRAINTS ALL IMMEDIATE
//   COMMIT
//
// Many files go in one round trip: what may share is known statement by statement, so none of them
// can end the transaction. What the session is reset for between other migrations may not share, so
// nothing has to be forgotten between the files; their settings are made anew all the same.
//
// A group that fails leaves nothing. Its migrations are then applied one by one (run.cc), which
// commits those before the failure.
#ifndef LOCKSTEP_ENGINE_APPLY_RUN_GROUP_H_
#define LOCKSTEP_ENGINE_APPLY_RUN_GROUP_H_

#include <span>

#include "engine/apply/run_migration.h"
#include "engine/chain/migration.h"
#include "engine/postgres/script_session.h"

namespace lockstep::apply {

// Applies `group`, at least two consecutive migrations, as RunMigration does one: all or nothing.
// The error names the file under way, or the first for what concerns the whole; no statement. The
// observer hears of a file's statements when the file has run.
MigrationResult RunGroup(postgres::ScriptSession& session, std::span<const chain::Migration> group,
                         const MigrationContext& context);

}  // namespace lockstep::apply

#endif  // LOCKSTEP_ENGINE_APPLY_RUN_GROUP_H_
