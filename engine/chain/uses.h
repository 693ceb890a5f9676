// Whether the `uses` of a service file name what exists.
#ifndef LOCKSTEP_ENGINE_CHAIN_USES_H_
#define LOCKSTEP_ENGINE_CHAIN_USES_H_

#include <span>
#include <string>
#include <vector>

#include "engine/chain/migration.h"
#include "engine/chain/service_file.h"
#include "engine/sql/model/database.h"

namespace lockstep::chain {

// An entry of `uses` that is wrong.
struct BadUse {
  std::string use;
  // The migration that took it away although the service says that it is adapted to it; 0: no
  // migration ever made it.
  Version removed_by = 0;
  std::string suggestion;  // What may be meant; "" for nothing alike.
};

// Judges the entries against what `migrations`, from the first one on, make of `empty`: its names
// at the end, and those that a migration takes away which the service is not adapted to yet.
// Nothing is found where SQL that cannot be read may have made anything. Pure.
std::vector<BadUse> JudgeUses(const ServiceFile& file, std::span<const Migration> migrations,
                              sql::model::Database empty);

}  // namespace lockstep::chain

#endif  // LOCKSTEP_ENGINE_CHAIN_USES_H_
