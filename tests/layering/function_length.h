// Functions that have grown too long to be read at once.
#ifndef LOCKSTEP_TESTS_LAYERING_FUNCTION_LENGTH_H_
#define LOCKSTEP_TESTS_LAYERING_FUNCTION_LENGTH_H_

#include <string>
#include <vector>

#include "tests/layering/source_tree.h"

namespace lockstep::testing {

inline constexpr int kMaxFunctionLines = 70;

// The outermost functions of more than kMaxFunctionLines lines, from the first line of the
// signature to the closing brace. Approximate, by counting braces: a block belongs to a function
// when there is a parenthesis between it and the statement before.
std::vector<std::string> LongFunctions(const std::vector<Source>& sources);

}  // namespace lockstep::testing

#endif  // LOCKSTEP_TESTS_LAYERING_FUNCTION_LENGTH_H_
