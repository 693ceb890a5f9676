#include "ctl/help.h"

#include <algorithm>
#include <numeric>
#include <span>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/str_split.h"

#include "ctl/errors.h"

namespace lockstep::ctl {
namespace {

constexpr int kNearEnough = 2;  // Edits between what was typed and what is suggested.

constexpr char kEnvironment[] =
    "ENVIRONMENT\n"
    "  LOCKSTEP_ADDRESS       Coordinators, separated by commas; --address wins\n"
    "  LOCKSTEP_CONTEXT       A context of `lockstep context list`\n"
    "  LOCKSTEP_DATABASE      The database of setup, doctor and --direct\n"
    "  NO_COLOR               Not empty: no colour, unless --color always\n"
    "  COLUMNS                The width of tables on a terminal\n";

constexpr char kExitCodes[] =
    "EXIT CODES\n"
    "  0 done, or nothing to do       5 blocked, or a precondition failed\n"
    "  1 failed                       6 timeout; what was started goes on\n"
    "  2 usage                        7 coordinator or database unreachable\n"
    "  3 changes pending              8 conflict: diverged, stale plan, other operation\n"
    "  4 not permitted                130, 143 interrupted\n";

std::string FlagLines(std::span<const Flag> flags) {
  std::string text;
  for (const Flag& flag : flags) {
    const std::string names = absl::StrReplaceAll(flag.names, {{",", ", "}});
    const std::string left =
        flag.kind == ValueKind::kNone ? names : absl::StrCat(names, " ", flag.value);
    absl::StrAppendFormat(&text, "  %-22s %s\n", left, flag.text);
  }
  return text;
}

int EditDistance(absl::string_view a, absl::string_view b) {
  std::vector<int> row(b.size() + 1);
  std::iota(row.begin(), row.end(), 0);
  for (size_t i = 1; i <= a.size(); ++i) {
    int diagonal = row[0];
    row[0] = static_cast<int>(i);
    for (size_t j = 1; j <= b.size(); ++j) {
      const int substituted = diagonal + (a[i - 1] == b[j - 1] ? 0 : 1);
      diagonal = row[j];
      row[j] = std::min({row[j] + 1, row[j - 1] + 1, substituted});
    }
  }
  return row.back();
}

// The known word that was probably meant; "" when none is near.
std::string Nearest(absl::string_view word, const std::vector<std::string>& known) {
  std::string best;
  int best_distance = kNearEnough + 1;
  for (const std::string& candidate : known) {
    const bool begins = word.size() >= 3 && absl::StartsWith(candidate, word);
    const int distance = begins ? 0 : EditDistance(word, candidate);
    if (distance < best_distance && distance < static_cast<int>(candidate.size())) {
      best = candidate;
      best_distance = distance;
    }
  }
  return best;
}

// The words that may follow `group` ("" for the program).
std::vector<std::string> WordsAfter(absl::string_view group) {
  std::vector<std::string> words;
  const std::string prefix = group.empty() ? "" : absl::StrCat(group, " ");
  for (const Command& command : Commands()) {
    absl::string_view name = command.name;
    if (!absl::StartsWith(name, prefix)) continue;
    name.remove_prefix(prefix.size());
    const std::string word(name.substr(0, name.find(' ')));
    if (words.empty() || words.back() != word) words.push_back(word);
  }
  return words;
}

std::vector<std::string> FlagNames(const Command* command) {
  std::vector<std::string> names = {"--help"};
  for (const Flag& flag : GlobalFlagTable()) names.push_back(flag.long_name());
  if (command == nullptr) return names;
  for (const Flag& flag : command->flags) names.push_back(flag.long_name());
  return names;
}

std::string CommandLines(absl::string_view prefix) {
  std::string text;
  for (const Command& command : Commands()) {
    if (!absl::StartsWith(command.name, prefix)) continue;
    absl::StrAppendFormat(&text, "  %-22s %s\n", command.name, command.summary);
  }
  return text;
}

}  // namespace

std::string ProgramHelp() {
  return absl::StrCat("lockstep keeps a fleet of services and their PostgreSQL schema in step.\n\n",
                      "USAGE\n  lockstep COMMAND [FLAGS]\n\nCOMMANDS\n", CommandLines(""),
                      "\nGLOBAL FLAGS\n", FlagLines(GlobalFlagTable()), "\n", kEnvironment, "\n",
                      kExitCodes,
                      "\nA release:  lockstep sum && lockstep publish && lockstep upgrade\n",
                      "`lockstep COMMAND --help` shows a command's own flags and examples.\n");
}

std::string GroupHelp(absl::string_view group) {
  return absl::StrCat("USAGE\n  lockstep ", group, " COMMAND [FLAGS]\n\nCOMMANDS\n",
                      CommandLines(absl::StrCat(group, " ")));
}

std::string UsageOf(const Command& command) {
  std::string text = absl::StrCat("lockstep ", command.name);
  if (command.argument != nullptr) {
    absl::StrAppend(&text, command.argument_required ? " " : " [", command.argument,
                    command.argument_words || command.argument_list ? "..." : "",
                    command.argument_required ? "" : "]");
  }
  for (const Flag& flag : command.flags) {
    const std::string value = flag.kind == ValueKind::kNone ? "" : absl::StrCat(" ", flag.value);
    absl::StrAppend(&text, flag.required ? " " : " [", flag.long_name(), value,
                    flag.required ? "" : "]");
  }
  return text;
}

std::string CommandHelp(const Command& command) {
  std::string text = absl::StrCat(command.text, "\n\nUSAGE\n  ", UsageOf(command), "\n");
  if (!command.flags.empty()) absl::StrAppend(&text, "\nFLAGS\n", FlagLines(command.flags));
  absl::StrAppend(&text, "\nGLOBAL FLAGS\n", FlagLines(GlobalFlagTable()), "\nEXAMPLES\n");
  for (const char* example : command.examples) absl::StrAppend(&text, "  ", example, "\n");
  return text;
}

absl::Status UnexpectedWord(absl::string_view word, const Command* command,
                            absl::string_view group) {
  const bool is_flag = absl::StartsWith(word, "-");
  const std::string name = command != nullptr ? command->name : std::string(group);
  const std::string where = absl::StrCat("lockstep", name.empty() ? "" : " ", name);
  const absl::string_view flag = word.substr(0, word.find('='));
  const std::string near = is_flag              ? Nearest(flag, FlagNames(command))
                           : command == nullptr ? Nearest(word, WordsAfter(group))
                                                : "";
  const std::string hint = near.empty() ? absl::StrCat("`", where, " --help`")
                           : is_flag    ? absl::StrCat("did you mean ", near, "?")
                                        : absl::StrCat("did you mean `", where, " ", near, "`?");
  if (is_flag) return UsageError(absl::StrCat("unknown flag ", flag, " of `", where, "`"), hint);
  if (command != nullptr) {
    return UsageError(absl::StrCat("`", where, "` takes no argument \"", word, "\""), hint);
  }
  return UsageError(absl::StrCat("unknown command \"", word, "\""), hint);
}

}  // namespace lockstep::ctl
