#include "tests/chaos/chain.h"

#include <filesystem>
#include <fstream>
#include <stdexcept>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"

#include "tests/support/repo_paths.h"
#include "tests/support/subprocess.h"

namespace lockstep::chaos {

Chain::Chain(std::string directory, MigrationMix mix)
    : directory_(std::move(directory)), source_(mix) {
  std::filesystem::create_directories(folder());
}

void Chain::Grow(int count) {
  base::MutexLock lock(mu_);
  for (int i = 0; i < count; ++i) {
    const Migration& m = source_.Next();
    std::ofstream(absl::StrFormat("%s/%04d_%s.sql", folder(), m.version, m.title)) << m.sql;
  }
  const testing::CommandResult sum = testing::RunCommand(
      {.argv = {testing::ProgramPath("lockstep"), "sum", "--migrations", folder()}});
  if (sum.exit != testing::ExitStatus{}) throw std::runtime_error("lockstep sum: " + sum.err);
  const int version = source_.all().back().version;
  const std::string build = absl::StrCat(directory_, "/builds/", version);
  std::filesystem::create_directories(build);
  std::filesystem::copy_file(folder() + "/chain.sum", build + "/chain.sum");
  std::ofstream(build + "/queries") << QueriesOfBuild(source_.all());
  int needs = 0;
  for (const Migration& m : source_.all()) {
    if (m.kind != Kind::kDrop && m.kind != Kind::kIndex) needs = m.version;
  }
  newest_ = {.version = version,
             .needs = needs,
             .chain_sum = build + "/chain.sum",
             .queries = build + "/queries"};
}

Build Chain::newest() const {
  base::MutexLock lock(mu_);
  return newest_;
}

std::vector<int> Chain::contracts(int version) const {
  base::MutexLock lock(mu_);
  std::vector<int> contracts;
  for (const Migration& m : source_.all()) {
    if (m.kind == Kind::kDrop && m.version <= version) contracts.push_back(m.version);
  }
  return contracts;
}

}  // namespace lockstep::chaos
