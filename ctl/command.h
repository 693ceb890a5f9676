// The one table of what `lockstep` can do. It feeds the parser, --help and the suggestions; a
// command is one row here and one file cmd_NAME.cc.
#ifndef LOCKSTEP_CTL_COMMAND_H_
#define LOCKSTEP_CTL_COMMAND_H_

#include <span>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

#include "ctl/arguments.h"

namespace lockstep::ctl {

struct Context;

// kNumber is a version; kCount any number from 0.
enum class ValueKind { kNone, kText, kNumber, kCount, kDuration };

struct Flag {
  const char* names;  // "--to", or "-q,--quiet".
  ValueKind kind = ValueKind::kNone;
  const char* value = "";  // What --help calls the value: "N".
  const char* text = "";   // One sentence without a full stop.
  bool required = false;
  bool repeatable = false;

  // "--quiet" of "-q,--quiet".
  std::string long_name() const;
};

// Runs a command. Returns its exit code, or the error to print.
using Handler = absl::StatusOr<int> (*)(Context& context, const Arguments& arguments);

struct Command {
  const char* name;     // Two words for a command in a group: "operations list".
  const char* summary;  // One line, for the list of commands.
  const char* text;     // What it does and what it promises; lines of at most 80 characters.
  std::span<const Flag> flags;
  const char* argument = nullptr;  // "SERVICE"; null for none.
  bool argument_required = false;
  bool argument_words = false;  // Several words make one argument, with a blank between.
  bool argument_list = false;   // Any number of arguments.
  int argument_count = 1;       // Exactly so many of them, each named in `argument`.
  std::span<const char* const> formats = {};  // Of --output, beside those that all have.
  std::span<const char* const> examples;
  Handler run;
};

std::span<const Command> Commands();
std::span<const Flag> GlobalFlagTable();

// Null when there is no such command.
const Command* FindCommand(absl::string_view name);

}  // namespace lockstep::ctl

#endif  // LOCKSTEP_CTL_COMMAND_H_
