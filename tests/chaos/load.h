// The application's own traffic: short transactions on the tables that migrations change. Errors
// are not looked at: it is there to hold locks and to make changes.
#ifndef LOCKSTEP_TESTS_CHAOS_LOAD_H_
#define LOCKSTEP_TESTS_CHAOS_LOAD_H_

#include <atomic>
#include <string>
#include <thread>
#include <vector>

#include "tests/chaos/journal.h"

namespace lockstep::chaos {

class Load {
 public:
  Load(std::string conninfo, Journal* journal);
  ~Load();
  void Start(int threads);
  void Stop();

 private:
  void Run(unsigned seed);

  const std::string conninfo_;
  Journal* const journal_;
  std::atomic<bool> stopping_ = false;
  std::vector<std::thread> threads_;
};

}  // namespace lockstep::chaos

#endif  // LOCKSTEP_TESTS_CHAOS_LOAD_H_
