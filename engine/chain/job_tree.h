// A backfill as PostgreSQL's parser reads it. Internal to engine/chain.
#ifndef LOCKSTEP_ENGINE_CHAIN_JOB_TREE_H_
#define LOCKSTEP_ENGINE_CHAIN_JOB_TREE_H_

#include <cstddef>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"

#include "engine/chain/chain.h"
#include "engine/sql/model/database.h"
#include "engine/sql/split.h"
#include "engine/sql/tree.h"

namespace lockstep::chain {

struct JobStatement {
  std::string section;
  sql::Statement place;  // In the text of the job.
  sql::Tree tree;        // Of it alone; !ok() when the parser refuses it.

  // Of `node` in the text of the job; of the statement when the node has no place.
  size_t OffsetOf(sql::Node node) const {
    return place.offset + static_cast<size_t>(node["location"].number());
  }
};

struct JobTree {
  std::vector<JobStatement> statements;
  sql::model::Name table;  // As written; no name for a seed.
  std::vector<std::string> keys;
  // Of their directives.
  size_t table_offset = 0;
  size_t key_offset = 0;

  bool keyed() const { return !table.name.empty(); }
};

JobTree ParseJob(const Backfill& job);

}  // namespace lockstep::chain

#endif  // LOCKSTEP_ENGINE_CHAIN_JOB_TREE_H_
