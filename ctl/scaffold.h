// The texts that `lockstep init` and `lockstep new` write. Pure functions.
#ifndef LOCKSTEP_CTL_SCAFFOLD_H_
#define LOCKSTEP_CTL_SCAFFOLD_H_

#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

#include "engine/chain/migration.h"

namespace lockstep::ctl {

// So that the name of a file, with its number, fits every file system.
inline constexpr size_t kMaxTitleBytes = 100;

// The snake_case title made of the words that a person typed: "Add user settings" gives
// "add_user_settings". Letters become lower case; blanks, - and _ part words. INVALID_ARGUMENT
// (USAGE) for any other character, for no word at all, and beyond kMaxTitleBytes.
absl::StatusOr<std::string> MakeTitle(absl::string_view words);

// "017_add_user_settings.sql".
std::string MigrationFileName(chain::Version version, absl::string_view title);

// A comment that explains the directives, and no statement: legal as it is.
std::string MigrationTemplate(chain::Version version, absl::string_view title);

struct BackfillSpec {
  std::string name;
  chain::Version after = 0;
  std::string table;
  std::string key;
};
// A backfill that reads and changes nothing, legal as it is when table and key are.
std::string BackfillTemplate(const BackfillSpec& spec);

struct DualWriteSpec {
  std::string table;
  std::string from;  // The column that is there.
  std::string to;    // The one that takes its place.
};
// A migration that keeps two columns equal by a trigger, for a rename or a change of type.
std::string DualWriteTemplate(chain::Version version, absl::string_view title,
                              const DualWriteSpec& spec);

// lockstep.yaml of a service that is adapted to nothing.
std::string ServiceFileTemplate(absl::string_view service);

}  // namespace lockstep::ctl

#endif  // LOCKSTEP_CTL_SCAFFOLD_H_
