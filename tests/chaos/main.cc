// chaos_suite: see --help, or CONTRIBUTING.md.
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <filesystem>
#include <fstream>
#include <string>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/chaos/faults/fault.h"
#include "tests/chaos/journal.h"
#include "tests/chaos/options.h"
#include "tests/chaos/report.h"
#include "tests/chaos/suite.h"

namespace lockstep::chaos {
namespace {

int RunIn(const std::string& directory, const Options& options) {
  Journal journal(directory + "/journal.log");
  Report report;
  {
    Suite suite(options, directory, &journal);
    const absl::Status status = suite.Run();
    if (!status.ok()) journal.Violation("world", status.ToString());
    report = MakeReport(options, suite.armed(), journal);
  }
  std::ofstream(directory + "/report.txt") << report.text;
  std::ofstream(directory + "/report.json") << report.json << "\n";
  std::printf("\n%s", report.text.c_str());
  if (report.green && !options.keep) {
    std::filesystem::remove_all(directory);
  } else {
    std::printf("logs: %s\n", directory.c_str());
  }
  return report.green ? 0 : 1;
}

int Main(int argc, char** argv) {
  const auto options = ParseOptions(argc, argv);
  if (!options.ok()) {
    std::fprintf(stderr, "%s", std::string(options.status().message()).c_str());
    return 2;
  }
  if (options->list) {
    for (const Fault& fault : Faults()) std::printf("%-20s %s\n", fault.kind, fault.what);
    return 0;
  }
  signal(SIGPIPE, SIG_IGN);
  // Services that outlive their agents become children of this process, which ends them.
  prctl(PR_SET_CHILD_SUBREAPER, 1);
  char path[] = "/tmp/lockstep-chaos-XXXXXX";
  if (mkdtemp(path) == nullptr || chmod(path, 0777) != 0) {
    std::perror("mkdtemp");
    return 2;
  }
  return RunIn(path, *options);
}

}  // namespace
}  // namespace lockstep::chaos

int main(int argc, char** argv) {
  try {
    return lockstep::chaos::Main(argc, argv);
  } catch (const std::exception& e) {
    std::fprintf(stderr, "chaos_suite: %s\n", e.what());
    return 1;
  }
}
