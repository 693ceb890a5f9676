#include "ctl/arguments.h"

#include <algorithm>
#include <utility>

#include "CLI/CLI.hpp"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/str_split.h"

#include "ctl/command.h"
#include "ctl/errors.h"
#include "ctl/help.h"
#include "engine/chain/migration.h"

namespace lockstep::ctl {
namespace {

constexpr int kMaxWords = 64;     // Of an argument made of words.
constexpr int kMaxList = 20'000;  // Arguments of a command that takes several.

absl::Status CheckValue(const Flag& flag, const std::string& value) {
  const std::string name = flag.long_name();
  if (flag.kind == ValueKind::kNumber) {
    int32_t number = 0;
    if (!absl::SimpleAtoi(value, &number) || number < 0 || number > chain::kMaxVersion) {
      return UsageError(absl::StrCat(name, " takes a version number, not \"", value, "\""));
    }
  }
  if (flag.kind == ValueKind::kCount) {
    int64_t count = 0;
    if (!absl::SimpleAtoi(value, &count) || count < 0) {
      return UsageError(absl::StrCat(name, " takes a number from 0, not \"", value, "\""));
    }
  }
  if (flag.kind == ValueKind::kDuration) {
    absl::Duration duration;
    if (!ParseTimeSpan(value, &duration)) {
      return UsageError(
          absl::StrCat(name, " takes a duration such as 30s, 1h30m or 7d, not \"", value, "\""));
    }
  }
  return absl::OkStatus();
}

// Fills `globals` from one global flag.
absl::Status SetGlobal(const std::string& name, const std::string& value, GlobalFlags& globals) {
  if (name == "--address") globals.addresses.push_back(value);
  if (name == "--context") globals.context = value;
  if (name == "--quiet") globals.quiet = true;
  if (name == "--verbose") globals.verbose = true;
  if (name == "--no-input") globals.no_input = true;
  if (name == "--timeout") {
    absl::Duration timeout;
    if (ParseTimeSpan(value, &timeout)) globals.timeout = timeout;
  }
  if (name == "--output") {
    globals.json = value == "json" || value == "jsonl";
    globals.json_lines = value == "jsonl";
    globals.format = value;  // Finish() knows whether the command has it.
  }
  if (name == "--color") {
    globals.color = value == "always"  ? ColorMode::kAlways
                    : value == "never" ? ColorMode::kNever
                                       : ColorMode::kAuto;
    if (value != "always" && value != "never" && value != "auto") {
      return UsageError(absl::StrCat("--color is auto, always or never, not \"", value, "\""));
    }
  }
  return absl::OkStatus();
}

// One parse: CLI11's tree built from the table, and what its callbacks collect.
class Parser {
 public:
  Parser() : app_("", "lockstep") {
    app_.set_help_flag("-h,--help");
    app_.require_subcommand(0, 1);
    app_.allow_extras();
    AddGlobals(&app_);
    for (const Command& command : Commands()) AddCommand(command);
  }

  ParsedLine Parse(std::vector<std::string> words) {
    std::reverse(words.begin(), words.end());  // CLI11 reads from the back.
    try {
      app_.parse(std::move(words));
    } catch (const CLI::CallForHelp&) {
      line_.help = true;
    } catch (const CLI::ArgumentMismatch& error) {
      const std::pair<std::string, std::string> parts = absl::StrSplit(error.what(), ": ");
      Fail(UsageError(absl::StrCat(parts.first, " needs a value")));
    } catch (const CLI::ParseError& error) {
      Fail(UsageError(error.what()));
    }
    Finish();
    return std::move(line_);
  }

 private:
  void Fail(absl::Status status) { line_.status.Update(std::move(status)); }

  void AddGlobals(CLI::App* app) {
    for (const Flag& flag : GlobalFlagTable()) {
      AddFlag(app, flag, [this, &flag](const std::string& value) {
        Fail(SetGlobal(flag.long_name(), value, line_.globals));
      });
    }
  }

  template <typename Store>
  void AddFlag(CLI::App* app, const Flag& flag, Store store) {
    if (flag.kind == ValueKind::kNone) {
      app->add_flag_callback(flag.names, [store] { store(""); });
      return;
    }
    CLI::Option* option = app->add_option_function<std::vector<std::string>>(
        flag.names, [this, &flag, store](const std::vector<std::string>& values) {
          if (values.size() > 1 && !flag.repeatable) {
            Fail(UsageError(absl::StrCat(flag.long_name(), " is given more than once")));
          }
          for (const std::string& value : values) {
            Fail(CheckValue(flag, value));
            store(value);
          }
        });
    option->allow_extra_args(false);
    if (flag.required) option->required();
  }

  void AddCommand(const Command& command) {
    CLI::App* parent = &app_;
    const std::vector<std::string> words = absl::StrSplit(command.name, ' ');
    for (const std::string& word : words) {
      const auto same_name = [&word](const CLI::App* app) { return app->get_name() == word; };
      const std::vector<CLI::App*> known = parent->get_subcommands(same_name);
      CLI::App* next = known.empty() ? nullptr : known.front();
      if (next == nullptr) {
        next = parent->add_subcommand(word);
        next->set_help_flag("-h,--help");
        next->allow_extras();
        next->require_subcommand(0, 1);
        AddGlobals(next);
      }
      parent = next;
    }
    for (const Flag& flag : command.flags) {
      AddFlag(parent, flag, [this, &flag](const std::string& value) {
        line_.arguments.Set(flag.long_name(), value);
      });
    }
    if (command.argument == nullptr) return;
    CLI::Option* option = parent->add_option_function<std::vector<std::string>>(
        absl::StrReplaceAll(command.argument, {{" ", "_"}}),
        [this](const std::vector<std::string>& words) {
          line_.arguments.set_argument(absl::StrJoin(words, " "));
          line_.arguments.set_list(words);
        });
    if (command.argument_list) {
      option->expected(1, kMaxList);
    } else if (command.argument_words) {
      option->expected(1, kMaxWords);
    } else {
      option->expected(command.argument_count);
    }
    if (command.argument_required) option->required();
  }

  // Which command it is, and what nobody took.
  void Finish() {
    std::string name;
    const CLI::App* app = &app_;
    while (!app->get_subcommands().empty()) {
      app = app->get_subcommands().front();
      absl::StrAppend(&name, name.empty() ? "" : " ", app->get_name());
    }
    line_.command = FindCommand(name);
    if (line_.command == nullptr) line_.group = name;
    const std::vector<std::string> extras = app_.remaining(/*recurse=*/true);
    if (!extras.empty() && !line_.help) {
      line_.status = UnexpectedWord(extras.front(), line_.command, line_.group);
    }
    CheckFormat();
    if (!line_.status.ok()) AddUsageHint();
  }

  // Every command has the formats of --help, some have more.
  void CheckFormat() {
    std::vector<std::string> known = {"table", "json", "jsonl"};
    if (line_.command != nullptr) {
      known.insert(known.end(), line_.command->formats.begin(), line_.command->formats.end());
    }
    if (std::find(known.begin(), known.end(), line_.globals.format) != known.end()) return;
    const std::string last = known.back();
    known.pop_back();
    Fail(UsageError(absl::StrCat("--output is ", absl::StrJoin(known, ", "), " or ", last,
                                 ", not \"", line_.globals.format, "\"")));
  }

  void AddUsageHint() {
    if (!HintOf(line_.status).empty()) return;
    const std::string name = line_.command != nullptr ? line_.command->name : line_.group;
    line_.status = UsageError(line_.status.message(),
                              absl::StrCat("`lockstep", name.empty() ? "" : " ", name, " --help`"));
  }

  CLI::App app_;
  ParsedLine line_;
};

}  // namespace

std::string Arguments::Text(const std::string& flag) const {
  const auto it = values_.find(flag);
  return it == values_.end() ? "" : it->second.back();
}

std::vector<std::string> Arguments::Texts(const std::string& flag) const {
  const auto it = values_.find(flag);
  return it == values_.end() ? std::vector<std::string>() : it->second;
}

std::optional<int32_t> Arguments::Number(const std::string& flag) const {
  int32_t number = 0;
  if (!absl::SimpleAtoi(Text(flag), &number)) return std::nullopt;
  return number;
}

std::optional<absl::Duration> Arguments::Duration(const std::string& flag) const {
  absl::Duration duration;
  if (!ParseTimeSpan(Text(flag), &duration)) return std::nullopt;
  return duration;
}

std::optional<int64_t> Arguments::Count(const std::string& flag) const {
  int64_t count = 0;
  if (!absl::SimpleAtoi(Text(flag), &count)) return std::nullopt;
  return count;
}

bool ParseTimeSpan(absl::string_view text, absl::Duration* duration) {
  absl::Duration days;
  if (const size_t d = text.find('d'); d != absl::string_view::npos) {
    int32_t number = 0;
    if (!absl::SimpleAtoi(text.substr(0, d), &number) || number < 0) return false;
    days = absl::Hours(24) * number;
    text.remove_prefix(d + 1);
  }
  *duration = absl::ZeroDuration();
  if (!text.empty() || days == absl::ZeroDuration()) {
    if (!absl::ParseDuration(text, duration)) return false;
  }
  // Nothing negative hides behind days.
  if (*duration < absl::ZeroDuration()) return false;
  *duration += days;
  return *duration > absl::ZeroDuration() && *duration != absl::InfiniteDuration();
}

ParsedLine ParseLine(std::vector<std::string> words) {
  // `lockstep help upgrade` and `lockstep --version` are what people type first.
  if (!words.empty() && words.front() == "help") {
    words.erase(words.begin());
    words.push_back("--help");
  }
  if (words.size() == 1 && words.front() == "--version") words.front() = "version";
  return Parser().Parse(std::move(words));
}

}  // namespace lockstep::ctl
