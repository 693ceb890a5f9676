// Forms put together at random: what each of them does alone says little about what they do
// together (the strongest lock, one rewrite for all, a proof that is dropped beside the command
// that needs it).
#ifndef LOCKSTEP_TESTS_TRUTH_COMBINATIONS_H_
#define LOCKSTEP_TESTS_TRUTH_COMBINATIONS_H_

#include <cstdint>
#include <random>
#include <string>
#include <vector>

#include "tests/truth/forms.h"

namespace lockstep::truth {

// Made of forms without set-up that the server of version `major` accepts. The same seed gives the
// same combinations.
class Combinations {
 public:
  Combinations(const std::vector<Form>& forms, int major, uint64_t seed);

  // Two to five commands of one table in one ALTER TABLE. The server may refuse it.
  Form NextAlterTable();
  // Two to four statements of a file. The server may refuse any but the first.
  Form NextFile();

 private:
  struct Table {
    std::string name;
    std::vector<std::string> commands;
  };
  size_t Pick(size_t size);

  std::vector<Table> tables_;
  std::vector<Form> statements_;
  std::mt19937_64 random_;
  int count_ = 0;
};

}  // namespace lockstep::truth

#endif  // LOCKSTEP_TESTS_TRUTH_COMBINATIONS_H_
