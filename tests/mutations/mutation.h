// Rules that are taken out of lockstep's SQL functions one by one, to prove that the tests would
// notice. A mutation edits the functions of one database; no program that is shipped knows of it.
//
//   LockstepDatabase lockstep;
//   ASSERT_THAT(Install(lockstep.admin(), *FindMutation("two-backends")), IsOk());
//   // Now an attack must succeed that fails on the functions as they are.
#ifndef LOCKSTEP_TESTS_MUTATIONS_MUTATION_H_
#define LOCKSTEP_TESTS_MUTATIONS_MUTATION_H_

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"

#include "engine/postgres/connection.h"

namespace lockstep::testing {

// Replaces `from`, which must occur exactly once in the definition of the function.
struct Edit {
  std::string function;  // "lockstep.open"
  std::string from;
  std::string to;
};

struct Mutation {
  std::string name;
  std::string breaks;     // What is taken out.
  std::string invariant;  // Which promise falls: of docs/concepts.md, in a few words.
  std::vector<Edit> edits;
  std::string script = "";  // Run after the edits.
};

// All of them, by name.
const std::vector<Mutation>& Mutations();
// Null when there is none of that name.
const Mutation* FindMutation(absl::string_view name);

// Mutates the database of a superuser's connection. INVALID_ARGUMENT, naming the function and the
// text, when an edit does not fit the function as it is: then the mutation has to be written anew.
absl::Status Install(postgres::Connection& connection, const Mutation& mutation);

}  // namespace lockstep::testing

#endif  // LOCKSTEP_TESTS_MUTATIONS_MUTATION_H_
