// lockstep-failpoints: the matrix of failpoints; see --help.
#include <cstdio>
#include <fstream>
#include <map>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "absl/time/clock.h"

#include "engine/base/log.h"
#include "tests/failpoints/cell_run.h"
#include "tests/failpoints/points.h"
#include "tests/support/postgres_server.h"
#include "tests/support/subprocess.h"

namespace lockstep::testing {
namespace {

constexpr char kUsage[] =
    "Usage: lockstep-failpoints [--all | --sample | --only NAME[=ACTION]...] [--jobs N]\n"
    "                           [--logs DIR] [--list]\n"
    "\n"
    "Runs an upgrade of 12 migrations on three coordinators and two agents once for each\n"
    "cell of {failpoint} x {kill, stop, reset, error}, and checks that nobody had to help\n"
    "and nothing is wrong afterwards. Exits 0 only if every cell passed, which includes\n"
    "that its failpoint acted.\n"
    "\n"
    "  --all      the whole matrix\n"
    "  --sample   each failpoint once (the default)\n"
    "  --only     the cells whose names begin so\n"
    "  --jobs N   cells at a time (default: as many as processors)\n"
    "  --logs DIR keeps there what the programs of failed cells wrote\n"
    "  --list     prints the cells and leaves\n";

constexpr absl::Duration kCellLimit = absl::Minutes(4);

struct Options {
  std::vector<Cell> cells;
  int jobs = 2;
  int shard = -1;  // Of the program's own workers.
  std::string logs;
  bool list = false;
  std::vector<std::string> selection;  // As it was typed, for the workers.
};

bool Parse(int argc, char** argv, Options& options) {
  options.jobs = std::max(1, static_cast<int>(std::thread::hardware_concurrency()));
  for (int i = 1; i < argc; ++i) {
    const std::string argument = argv[i];
    const bool has_value = i + 1 < argc;
    std::vector<Cell> chosen;
    if (argument == "--list") {
      options.list = true;
    } else if (argument == "--jobs" && has_value) {
      if (!absl::SimpleAtoi(argv[++i], &options.jobs) || options.jobs < 1) return false;
    } else if (argument == "--shard" && has_value) {
      if (!absl::SimpleAtoi(argv[++i], &options.shard)) return false;
    } else if (argument == "--logs" && has_value) {
      options.logs = argv[++i];
    } else {
      if (argument == "--all") chosen = AllCells();
      if (argument == "--sample") chosen = SampleCells();
      if (argument == "--only" && has_value) chosen = CellsNamed(argv[i + 1]);
      if (chosen.empty()) return false;
      options.selection.push_back(argument);
      if (argument == "--only") options.selection.push_back(argv[++i]);
    }
    options.cells.insert(options.cells.end(), chosen.begin(), chosen.end());
  }
  if (options.cells.empty()) options.cells = SampleCells();
  return true;
}

void Print(const Cell& cell, const CellResult& result) {
  std::printf("%-44s %-6s %6.1f s  %d hits, %d runs, %d revoked\n", cell.name().c_str(),
              result.problems.empty() ? "ok" : "FAILED", result.seconds, result.hits, result.runs,
              result.revoked);
  for (const std::string& problem : result.problems) {
    std::printf("    %s\n", absl::StrJoin(absl::StrSplit(problem, '\n'), "\n    ").c_str());
  }
  std::fflush(stdout);
}

// Every `jobs`-th cell, one after the other, on a server of this process.
int RunShard(const Options& options) {
  PostgresServer server;
  if (const absl::Status started = server.Start(); !started.ok()) {
    std::fprintf(stderr, "error: %s\n", std::string(started.message()).c_str());
    return 1;
  }
  bool passed = true;
  for (size_t i = static_cast<size_t>(options.shard); i < options.cells.size();
       i += static_cast<size_t>(options.jobs)) {
    const CellResult result = RunCell(server, options.cells[i]);
    Print(options.cells[i], result);
    passed = passed && result.problems.empty();
    if (result.problems.empty() || options.logs.empty()) continue;
    std::string name = options.cells[i].name();
    for (char& c : name) c = c == '/' ? '.' : c;
    std::ofstream(absl::StrCat(options.logs, "/", name, ".log")) << result.logs;
  }
  return passed ? 0 : 1;
}

class Workers {
 public:
  Workers(const Options& options, const std::string& program) {
    for (int i = 0; i < options.jobs; ++i) {
      std::vector<std::string> argv = {program, "--jobs", absl::StrCat(options.jobs), "--shard",
                                       absl::StrCat(i)};
      if (!options.logs.empty()) argv.insert(argv.end(), {"--logs", options.logs});
      argv.insert(argv.end(), options.selection.begin(), options.selection.end());
      auto started = Subprocess::Start({.argv = argv});
      if (started.ok()) workers_.push_back(*std::move(started));
    }
    told_.resize(workers_.size());
  }

  // Passes on what they write until all have ended; returns what they wrote.
  std::string Follow(absl::Duration limit) {
    const absl::Time deadline = absl::Now() + limit;
    bool running = true;
    while (running && absl::Now() < deadline) {
      running = false;
      for (size_t i = 0; i < workers_.size(); ++i) {
        const bool ended = workers_[i]->Wait(absl::Milliseconds(100)).has_value();
        running = running || !ended;
        Tell(i, ended);
      }
    }
    return all_;
  }

 private:
  // Whole lines only, so that those of several workers do not mix.
  void Tell(size_t worker, bool ended) {
    const std::string text = workers_[worker]->stdout_text();
    size_t end = ended ? text.size() : text.rfind('\n') + 1;  // npos + 1 is 0.
    if (end <= told_[worker]) return;
    const std::string news = text.substr(told_[worker], end - told_[worker]);
    told_[worker] = end;
    all_ += news;
    std::fputs(news.c_str(), stdout);
    std::fflush(stdout);
    if (ended) std::fputs(workers_[worker]->stderr_text().c_str(), stderr);
  }

  std::vector<std::unique_ptr<Subprocess>> workers_;
  std::vector<size_t> told_;
  std::string all_;
};

int RunAll(const Options& options, const std::string& program) {
  const absl::Time began = absl::Now();
  Workers workers(options, program);
  const auto rounds = static_cast<double>(options.cells.size()) / options.jobs + 1;
  const std::string output = workers.Follow(kCellLimit * rounds);
  size_t passed = 0;
  std::vector<std::string> others;
  for (const Cell& cell : options.cells) {
    const bool ok = output.find(absl::StrFormat("%-44s ok ", cell.name())) != std::string::npos;
    if (ok) {
      ++passed;
    } else {
      others.push_back(cell.name());
    }
  }
  std::printf("\n%zu of %zu cells passed in %.0f s\n", passed, options.cells.size(),
              absl::ToDoubleSeconds(absl::Now() - began));
  for (const std::string& name : others) std::printf("  failed: %s\n", name.c_str());
  return others.empty() ? 0 : 1;
}

int Main(int argc, char** argv) {
  Options options;
  if (!Parse(argc, argv, options)) {
    std::fputs(kUsage, stderr);
    return 2;
  }
  base::InitLogging({.level = base::LogLevel::kWarning});
  if (options.list) {
    for (const Cell& cell : options.cells) std::printf("%s\n", cell.name().c_str());
    return 0;
  }
  return options.shard >= 0 ? RunShard(options) : RunAll(options, argv[0]);
}

}  // namespace
}  // namespace lockstep::testing

int main(int argc, char** argv) { return lockstep::testing::Main(argc, argv); }
