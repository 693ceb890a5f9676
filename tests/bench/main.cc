// lockstep-bench [--quick] [--json FILE] [NAME...]: runs benchmarks, prints one table. Exits 0 when
// all could be run and what they checked was right, whatever the figures are.
#include <cstdio>
#include <cstring>
#include <exception>
#include <fstream>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "engine/base/log.h"
#include "tests/bench/benchmarks.h"
#include "tests/bench/measure.h"

namespace lockstep::bench {
namespace {

const std::vector<std::pair<std::string, void (*)(Stage&)>> kBenchmarks = {
    {"playground", Playground},
    {"generated", Generated},
    {"analysis", Analysis},
    {"status", Status},
    {"fleet", Fleet},
    {"gate", Gate},
    {"watch", Watch},
    {"takeover", Takeover},
    {"backfill", Backfills}};

struct Options {
  bool quick = false;
  std::string json;
  std::set<std::string> names;
};

bool Parse(int argc, char** argv, Options& options) {
  for (int i = 1; i < argc; ++i) {
    const std::string argument = argv[i];
    if (argument == "--quick") {
      options.quick = true;
    } else if (argument == "--json" && i + 1 < argc) {
      options.json = argv[++i];
    } else {
      bool known = false;
      for (const auto& [name, run] : kBenchmarks) known = known || name == argument;
      if (!known) return false;
      options.names.insert(argument);
    }
  }
  return true;
}

int RunAll(const Options& options) {
  Stage stage(options.quick);
  int failed = 0;
  for (const auto& [name, run] : kBenchmarks) {
    if (!options.names.empty() && !options.names.contains(name)) continue;
    const double start = Now();
    std::printf("%s\n", name.c_str());
    try {
      run(stage);
    } catch (const std::exception& error) {
      std::fprintf(stderr, "error: %s: %s\n", name.c_str(), error.what());
      ++failed;
    }
    std::printf("  took %s\n", Duration(Now() - start).c_str());
  }
  stage.report().PrintTable();
  if (!options.json.empty()) {
    std::ofstream file(options.json);
    file << stage.report().ToJson().dump(2) << "\n";
    Require(file.good(), "cannot write " + options.json);
  }
  return failed == 0 ? 0 : 1;
}

}  // namespace
}  // namespace lockstep::bench

int main(int argc, char** argv) {
  lockstep::bench::Options options;
  if (!lockstep::bench::Parse(argc, argv, options)) {
    std::fprintf(stderr, "usage: lockstep-bench [--quick] [--json FILE] [NAME...]\nnames:");
    for (const auto& [name, run] : lockstep::bench::kBenchmarks) {
      std::fprintf(stderr, " %s", name.c_str());
    }
    std::fprintf(stderr, "\n");
    return 2;
  }
  lockstep::base::InitLogging({.level = lockstep::base::LogLevel::kWarning});
  try {
    return lockstep::bench::RunAll(options);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "error: %s\n", error.what());
    return 1;
  }
}
