#include "tests/chaos/options.h"

#include <functional>
#include <map>

#include "absl/status/status.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"

namespace lockstep::chaos {
namespace {

constexpr char kUsage[] =
    R"(Usage: chaos_suite [--minutes M | --seconds S] [--seed N] [--faults LIST | --without LIST]
                   [--agents N] [--time-scale X] [--no-indexes] [--allow-missing] [--keep-dir]
                   [--list]

Three coordinators, agents, PostgreSQL with a standby, services that roll, and faults, for M minutes
(5). Ends with a report; exits with 1 when an invariant was violated, or when a fault that was armed
never happened, and names the directory that has all logs.
  --seed N         of faults and migrations (1)
  --faults LIST    only these kinds, separated by commas; --list prints all
  --without LIST   all but these
  --agents N       instances of services (9)
  --time-scale X   the coordinators' durations are divided by it (10)
  --no-indexes     no migrations outside a transaction
  --allow-missing  a fault or a situation that never came about is told only, as for short runs
  --keep-dir       keep the directory also when all is well
)";

bool ParsePositive(const std::string& text, double* out) {
  return absl::SimpleAtod(text, out) && *out > 0;
}

}  // namespace

absl::StatusOr<Options> ParseOptions(int argc, const char* const* argv) {
  Options options;
  double number = 0;
  const std::map<std::string, std::function<bool(const std::string&)>> valued = {
      {"--minutes",
       [&](const std::string& text) {
         options.duration =
             ParsePositive(text, &number) ? absl::Minutes(number) : absl::ZeroDuration();
         return options.duration > absl::ZeroDuration();
       }},
      {"--seconds",
       [&](const std::string& text) {
         options.duration =
             ParsePositive(text, &number) ? absl::Seconds(number) : absl::ZeroDuration();
         return options.duration > absl::ZeroDuration();
       }},
      {"--seed", [&](const std::string& text) { return absl::SimpleAtoi(text, &options.seed); }},
      {"--agents",
       [&](const std::string& text) {
         return absl::SimpleAtoi(text, &options.agents) && options.agents >= 3;
       }},
      {"--time-scale",
       [&](const std::string& text) { return ParsePositive(text, &options.time_scale); }},
      {"--faults",
       [&](const std::string& text) {
         options.faults = absl::StrSplit(text, ',', absl::SkipEmpty());
         return !options.faults.empty();
       }},
      {"--without", [&](const std::string& text) {
         options.without = absl::StrSplit(text, ',', absl::SkipEmpty());
         return true;
       }}};
  for (int i = 1; i < argc; ++i) {
    const std::string flag = argv[i];
    if (flag == "--keep-dir") {
      options.keep = true;
    } else if (flag == "--no-indexes") {
      options.indexes = false;
    } else if (flag == "--allow-missing") {
      options.allow_missing = true;
    } else if (flag == "--list") {
      options.list = true;
    } else if (const auto it = valued.find(flag); it != valued.end() && i + 1 < argc) {
      if (!it->second(argv[++i])) {
        return absl::InvalidArgumentError(absl::StrCat("bad value of ", flag, "\n", kUsage));
      }
    } else {
      return absl::InvalidArgumentError(kUsage);
    }
  }
  return options;
}

}  // namespace lockstep::chaos
