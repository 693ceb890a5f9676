// Whether a batch keeps to its range of keys. Internal to engine/chain.
#ifndef LOCKSTEP_ENGINE_CHAIN_JOB_RANGE_H_
#define LOCKSTEP_ENGINE_CHAIN_JOB_RANGE_H_

#include <cstddef>
#include <string>
#include <vector>

#include "engine/sql/model/database.h"
#include "engine/sql/tree.h"

namespace lockstep::chain {

// "id > $1 AND id <= $2"; "(a, b) > ($1, $2) AND (a, b) <= ($3, $4)".
std::string RangeCondition(const std::vector<std::string>& keys);

// Whether the statement of a batch by `keys` columns can be seen to change rows, or read them to
// write others, wherever in `walked` they are: none of its parameters is the high key, and nothing
// else can bound it, for it reads no other table, has neither LIMIT nor subquery, and calls
// PostgreSQL's own functions alone.
bool IgnoresEnd(sql::Node statement, size_t keys, const sql::model::Name& walked,
                const sql::model::Database& database);

}  // namespace lockstep::chain

#endif  // LOCKSTEP_ENGINE_CHAIN_JOB_RANGE_H_
