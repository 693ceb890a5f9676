// Measuring by taking turns. What is wanted is a ratio on a machine that others use too, so the
// contenders run A B C, B C A, C A B ..., and a ratio is the median of the rounds' ratios.
//
//   const Rounds rounds = TakeTurns({{"libpq", RunLoop}, {"lockstep", RunOurs}}, 7);
//   const double ratio = rounds.WallRatio(1, 0);   // Of contender 1 to contender 0.
#ifndef LOCKSTEP_TESTS_BENCH_MEASURE_H_
#define LOCKSTEP_TESTS_BENCH_MEASURE_H_

#include <functional>
#include <string>
#include <vector>

#include "tests/support/subprocess.h"

namespace lockstep::bench {

// One run of one contender.
struct Sample {
  double wall = 0;  // Seconds.
  double cpu = 0;   // User and system seconds of the client process; 0 where it was not asked.
};

struct Contender {
  std::string name;
  std::function<Sample()> run;  // Prepares, measures and checks; throws when something is wrong.
};

class Rounds {
 public:
  explicit Rounds(std::vector<std::vector<Sample>> samples) : samples_(std::move(samples)) {}

  // Medians over the rounds.
  double WallRatio(size_t of, size_t to) const;
  double CpuRatio(size_t of, size_t to) const;
  double Wall(size_t of) const;
  double Cpu(size_t of) const;

 private:
  std::vector<std::vector<Sample>> samples_;  // By round, then contender.
};

// Runs every contender once a round, the order rotated.
Rounds TakeTurns(const std::vector<Contender>& contenders, int rounds);

double Median(std::vector<double> values);
double Percentile(std::vector<double> values, double percent);

// Seconds on a clock that only goes forward.
double Now();

// Runs a program from its start to its end. Throws with its output unless it exits with 0.
Sample RunProgram(const testing::SubprocessOptions& options);
// The same; `output` gets what it wrote.
Sample RunProgram(const testing::SubprocessOptions& options, std::string& output);

// What a process holds in memory (VmRSS), in KiB.
int64_t ResidentKib(pid_t pid);
// User and system seconds of a process.
double CpuOf(pid_t pid);

// Throws std::runtime_error(`what`) unless `condition`.
void Require(bool condition, const std::string& what);

}  // namespace lockstep::bench

#endif  // LOCKSTEP_TESTS_BENCH_MEASURE_H_
