// Rules about a file as a whole, from the facts of its statements. Internal to engine/sql/analysis.
#ifndef LOCKSTEP_ENGINE_SQL_ANALYSIS_FILE_RULES_H_
#define LOCKSTEP_ENGINE_SQL_ANALYSIS_FILE_RULES_H_

#include <vector>

#include "engine/sql/analysis/analyzer.h"

namespace lockstep::sql {

// text_rules.cc. What stands in the bytes, before anything is parsed: psql's commands and
// variables, identifiers of more than 63 bytes.
void CheckText(const FileInput& input, FileAnalysis* analysis);

// transaction.cc. Marks the one outer BEGIN and COMMIT of a file that wraps itself as stripped, and
// says so; refuses all other transaction control.
void StripTransaction(const FileInput& input, FileAnalysis* analysis);

// file_rules.cc. Everything that takes more than one statement to see.
void CheckFile(const FileInput& input, const model::Database& after, FileAnalysis* analysis);

// allow.cc. Matches allow directives with findings; reports unknown rules and unused directives.
void ApplyAllows(const FileInput& input, FileAnalysis* analysis);

// parts.cc. Cuts what runs into parts.
std::vector<Part> PartsOf(const FileInput& input, const FileAnalysis& analysis);

}  // namespace lockstep::sql

#endif  // LOCKSTEP_ENGINE_SQL_ANALYSIS_FILE_RULES_H_
