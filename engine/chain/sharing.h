// May a migration share a transaction with its neighbours? On a database that was never served such
// neighbours are committed together, which saves most of what a small migration costs.
//
// Sharing must not be observable, except as time: the same statements, in the same order, with the
// same settings, have to make the same database. So the answer is an allow-list over what is known
// of the file; whatever is not on it runs alone:
//   - a statement that is not analysed (DO, CALL, functions that are not known), that leaves a
//     setting, a temporary object, a lock or a cursor behind (SET, set_config, RESET, LOCK, LISTEN,
//     PREPARE, advisory locks), or that speaks to another server (dblink: it would wait for what we
//     have not committed);
//   - contracts, what is not transactional, and files whose directives ask for timeouts, a version
//     of PostgreSQL, assertions, data jobs or contracts of their own;
// and a file ends its group, as nothing may follow it in the same transaction,
//   - when it adds a value to an enum: it can be used only after the commit;
//   - when it writes rows: deferred triggers and constraints run at the end of the transaction, and
//     a table with such pending cannot be altered.
//
// Not guaranteed: that now() differs from one migration of a group to the next. It does not; the
// tables of a database that was never served hold no rows that could tell.
#ifndef LOCKSTEP_ENGINE_CHAIN_SHARING_H_
#define LOCKSTEP_ENGINE_CHAIN_SHARING_H_

#include "absl/strings/string_view.h"

#include "engine/chain/migration.h"

namespace lockstep::chain {

enum class Sharing {
  kAlone,  // A transaction of its own.
  kLast,   // It may share with those before it; nothing may follow.
  kAny,    // It may share with those before and after it.
};

// Pure, and cheap beside reading the migration: it looks at words and at what the classes say.
Sharing SharingOf(const Migration& migration);

// "alone", "last", "any": stored in the database under these names.
absl::string_view SharingName(Sharing sharing);
// kAlone for anything but the three names.
Sharing ParseSharing(absl::string_view name);

}  // namespace lockstep::chain

#endif  // LOCKSTEP_ENGINE_CHAIN_SHARING_H_
