// The migrations of a run: version and seed say what each one is, so that a lost one is published
// again word by word. Pure.
//
// A title says what the effect is, so that a query can compare effects with history:
//
//   table           CREATE TABLE t_V
//   column          wide.c_V
//   count, slow     row V of counter says n = 1, exactly
//   status          the enum's label v_V
//   mixed           t_V, and row V of counter
//   index           i_V on orders, built concurrently
//   drop_c_K        wide.c_K is gone: a contract
#ifndef LOCKSTEP_TESTS_CHAOS_MIGRATIONS_H_
#define LOCKSTEP_TESTS_CHAOS_MIGRATIONS_H_

#include <cstdint>
#include <string>
#include <vector>

namespace lockstep::chaos {

inline constexpr int kMaxVersions = 20'000;  // As many rows counter has.

enum class Kind { kBase, kTable, kColumn, kCount, kSlow, kStatus, kMixed, kIndex, kDrop };

struct Migration {
  int version = 0;
  Kind kind = Kind::kBase;
  std::string title;
  std::string sql;
  int drops = 0;  // Of kDrop: the version whose column goes.
};

struct MigrationMix {
  uint64_t seed = 0;
  bool indexes = true;  // Migrations that cannot run in a transaction.
  bool contracts = true;
};

// The migrations 1 to `count`; those of a longer chain begin with the same ones.
class MigrationSource {
 public:
  explicit MigrationSource(MigrationMix mix) : mix_(mix) {}
  // The next migration.
  const Migration& Next();
  const std::vector<Migration>& all() const { return all_; }

 private:
  Kind Choose(int version);
  const MigrationMix mix_;
  std::vector<Migration> all_;
  size_t oldest_column_ = 0;  // In columns_.
  std::vector<int> columns_;
};

// What the build made for the newest of `chain` asks of the database, as SQL that returns one row
// with a boolean that must be true: a query a line. It fails where something is missing. Columns
// that the build uses include the next ones to be dropped.
std::string QueriesOfBuild(const std::vector<Migration>& chain);

}  // namespace lockstep::chaos

#endif  // LOCKSTEP_TESTS_CHAOS_MIGRATIONS_H_
