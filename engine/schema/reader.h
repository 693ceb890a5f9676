// The steps of an inspection, one for each part of the catalog, and what they share. Internal to
// engine/schema.
#ifndef LOCKSTEP_ENGINE_SCHEMA_READER_H_
#define LOCKSTEP_ENGINE_SCHEMA_READER_H_

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

#include "engine/postgres/connection.h"
#include "engine/sql/model/database.h"

namespace lockstep::schema {

using Oid = int64_t;  // As PostgreSQL's unsigned 32 bits.

struct Reader {
  struct ReadRelation {
    sql::model::Relation* relation = nullptr;
    std::vector<std::string> attributes;  // By number less one; "" for a dropped one.
  };

  postgres::Connection& connection;
  sql::model::Database& db;
  std::vector<std::string> schema_ids;  // Of those that are read.
  absl::flat_hash_map<Oid, std::string> schema_names;
  absl::flat_hash_map<Oid, sql::model::Type> types;
  absl::flat_hash_map<Oid, ReadRelation> relations;
  absl::flat_hash_map<Oid, std::pair<Oid, std::string>> indexes;  // Table and name.

  // Runs a query whose only parameter $1 is the array of the schemas that are read.
  absl::StatusOr<postgres::Result> Query(const std::string& sql) {
    return connection.Query(sql, {postgres::TextArrayParam(schema_ids)});
  }
  // nullptr when it is not among those that are read.
  sql::model::Relation* Find(Oid relation);
  // The names of attributes, given as numbers separated by spaces; "" for 0, an expression.
  std::vector<std::string> AttributesOf(Oid relation, absl::string_view numbers);
  sql::model::Type TypeOf(Oid type, int64_t modifier = -1);
};

// In this order; each reads what it is named after into the database.
// objects.cc
absl::Status ReadServer(Reader& reader);   // Version and settings.
absl::Status ReadSchemas(Reader& reader);  // And extensions.
// types.cc
absl::Status ReadTypes(Reader& reader);
// relations.cc
absl::Status ReadRelations(Reader& reader);
absl::Status ReadColumns(Reader& reader);
absl::Status ReadInheritance(Reader& reader);  // And partitioning.
// constraints.cc
absl::Status ReadIndexes(Reader& reader);
absl::Status ReadConstraints(Reader& reader);
// dependents.cc
absl::Status ReadTriggers(Reader& reader);
absl::Status ReadPolicies(Reader& reader);
absl::Status ReadRules(Reader& reader);      // Those of views are what the views read.
absl::Status ReadSequences(Reader& reader);  // What they are owned by.
// objects.cc
absl::Status ReadFunctions(Reader& reader);
absl::Status ReadPublications(Reader& reader);
absl::Status ReadStatistics(Reader& reader);  // The objects, not what they say.

// A type's modifiers from pg_attribute.atttypmod.
std::vector<int64_t> ModifiersOf(const sql::model::Type& type, int64_t modifier,
                                 int server_version);

}  // namespace lockstep::schema

#endif  // LOCKSTEP_ENGINE_SCHEMA_READER_H_
