#include "tests/bench/measure.h"

#include <algorithm>
#include <cstdlib>
#include <ctime>
#include <fcntl.h>
#include <fstream>
#include <sstream>
#include <stdexcept>
#include <sys/resource.h>
#include <sys/wait.h>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"

#include "tests/support/spawn.h"

namespace lockstep::bench {
namespace {

double Seconds(const timeval& time) {
  return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) / 1e6;
}

std::string ReadAll(int fd) {
  std::string text;
  char buffer[4096];
  lseek(fd, 0, SEEK_SET);
  for (ssize_t n = 0; (n = read(fd, buffer, sizeof(buffer))) > 0;) text.append(buffer, n);
  return text;
}

std::string ReadFile(const std::string& path) {
  std::ifstream file(path);
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

// Has no name, so nothing has to be removed.
testing::Fd Scratch() {
  testing::Fd fd(open("/tmp", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600));
  Require(fd.get() >= 0, "cannot make a file in /tmp");
  return fd;
}

}  // namespace

void Require(bool condition, const std::string& what) {
  if (!condition) throw std::runtime_error(what);
}

double Percentile(std::vector<double> values, double percent) {
  Require(!values.empty(), "nothing was measured");
  std::sort(values.begin(), values.end());
  const double at = percent / 100 * static_cast<double>(values.size() - 1);
  const size_t below = static_cast<size_t>(at);
  const size_t above = std::min(below + 1, values.size() - 1);
  return values[below] + (at - static_cast<double>(below)) * (values[above] - values[below]);
}

double Median(std::vector<double> values) { return Percentile(std::move(values), 50); }

double Rounds::WallRatio(size_t of, size_t to) const {
  std::vector<double> ratios;
  for (const auto& round : samples_) ratios.push_back(round[of].wall / round[to].wall);
  return Median(ratios);
}

double Rounds::CpuRatio(size_t of, size_t to) const {
  std::vector<double> ratios;
  for (const auto& round : samples_) ratios.push_back(round[of].cpu / round[to].cpu);
  return Median(ratios);
}

double Rounds::Wall(size_t of) const {
  std::vector<double> walls;
  for (const auto& round : samples_) walls.push_back(round[of].wall);
  return Median(walls);
}

double Rounds::Cpu(size_t of) const {
  std::vector<double> cpus;
  for (const auto& round : samples_) cpus.push_back(round[of].cpu);
  return Median(cpus);
}

Rounds TakeTurns(const std::vector<Contender>& contenders, int rounds) {
  std::vector<std::vector<Sample>> samples(rounds, std::vector<Sample>(contenders.size()));
  for (int round = 0; round < rounds; ++round) {
    for (size_t turn = 0; turn < contenders.size(); ++turn) {
      const size_t which = (turn + round) % contenders.size();
      samples[round][which] = contenders[which].run();
    }
  }
  return Rounds(std::move(samples));
}

double Now() {
  timespec time{};
  clock_gettime(CLOCK_MONOTONIC, &time);
  return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_nsec) / 1e9;
}

Sample RunProgram(const testing::SubprocessOptions& options) {
  std::string output;
  return RunProgram(options, output);
}

Sample RunProgram(const testing::SubprocessOptions& options, std::string& output) {
  const testing::Fd out = Scratch();
  const testing::Fd in(open("/dev/null", O_RDONLY | O_CLOEXEC));
  pid_t pid = 0;
  const double start = Now();
  const absl::Status spawned = testing::Spawn(options, in.get(), out.get(), out.get(), &pid);
  int status = 0;
  rusage usage{};
  if (pid > 0) wait4(pid, &status, 0, &usage);
  const double wall = Now() - start;
  Require(spawned.ok(), std::string(spawned.message()));
  output = ReadAll(out.get());
  Require(WIFEXITED(status) && WEXITSTATUS(status) == 0,
          absl::StrCat(options.argv[0], " failed: ", output));
  return {.wall = wall, .cpu = Seconds(usage.ru_utime) + Seconds(usage.ru_stime)};
}

int64_t ResidentKib(pid_t pid) {
  const std::string text = ReadFile(absl::StrCat("/proc/", pid, "/status"));
  for (const absl::string_view line : absl::StrSplit(text, '\n')) {
    const std::vector<absl::string_view> words =
        absl::StrSplit(line, absl::ByAnyChar(" \t"), absl::SkipEmpty());
    int64_t kib = 0;
    if (words.size() == 3 && words[0] == "VmRSS:" && absl::SimpleAtoi(words[1], &kib)) return kib;
  }
  throw std::runtime_error(absl::StrCat("process ", pid, " has no VmRSS"));
}

double CpuOf(pid_t pid) {
  const std::string text = ReadFile(absl::StrCat("/proc/", pid, "/stat"));
  const size_t name_end = text.rfind(") ");
  Require(name_end != std::string::npos, absl::StrCat("process ", pid, " is gone"));
  const std::vector<std::string> words = absl::StrSplit(text.substr(name_end + 2), ' ');
  int64_t user = 0;
  int64_t system = 0;
  Require(words.size() > 12 && absl::SimpleAtoi(words[11], &user) &&
              absl::SimpleAtoi(words[12], &system),
          "unexpected /proc/PID/stat");
  return static_cast<double>(user + system) / static_cast<double>(sysconf(_SC_CLK_TCK));
}

}  // namespace lockstep::bench
