// What can be said of a statement by its words: all there is when the parser cannot read it.
#ifndef LOCKSTEP_ENGINE_SQL_ANALYSIS_WORDS_H_
#define LOCKSTEP_ENGINE_SQL_ANALYSIS_WORDS_H_

#include <string>

#include "absl/strings/string_view.h"

#include "engine/sql/analysis/facts.h"

namespace lockstep::sql {

// The statement up to its first parenthesis, literal or AS, on one line, at most 80 bytes: enough
// to recognise it in a plan. Literals stay out because one of them may be a password.
std::string SummaryOf(absl::string_view statement);

// The facts of a statement that the parser does not read: opaque, except for data statements of any
// length; knows transaction control and CONCURRENTLY by their words.
StatementFacts FactsOfWords(absl::string_view statement);

}  // namespace lockstep::sql

#endif  // LOCKSTEP_ENGINE_SQL_ANALYSIS_WORDS_H_
