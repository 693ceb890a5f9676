// What the benchmarks found: one table of ratios with targets and verdicts, and the same as JSON.
#ifndef LOCKSTEP_TESTS_BENCH_REPORT_H_
#define LOCKSTEP_TESTS_BENCH_REPORT_H_

#include <optional>
#include <string>
#include <vector>

#include "nlohmann/json.hpp"

namespace lockstep::bench {

struct Target {
  double ratio = 0;
  bool at_least = false;  // Else at most.
};

struct Row {
  std::string benchmark;
  std::string measured;   // "lockstep upgrade --direct"
  std::string reference;  // "libpq loop"
  double ratio = 0;
  std::optional<Target> target;
  std::string context;  // Absolute figures: "212 ms to 180 ms".
};

// Not thread-safe.
class Report {
 public:
  // Prints the row at once, because benchmarks take their time.
  void Add(Row row);
  // A remark about what was measured or could not be.
  void Note(const std::string& text);
  // What it was measured on: processor, cores, kernel, PostgreSQL, fsync.
  void Machine(const std::string& name, const std::string& value);

  void PrintTable() const;
  nlohmann::json ToJson() const;

 private:
  std::vector<Row> rows_;
  std::vector<std::string> notes_;
  std::vector<std::pair<std::string, std::string>> machine_;
};

// "1.23 ms", "870 us", "4.1 s".
std::string Duration(double seconds);

// Processor, cores, kernel, load of this machine.
void DescribeMachine(Report& report);

}  // namespace lockstep::bench

#endif  // LOCKSTEP_TESTS_BENCH_REPORT_H_
