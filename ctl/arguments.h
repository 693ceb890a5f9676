// What was typed, checked against the command table. CLI11 does the parsing; its own help and error
// texts are not used.
#ifndef LOCKSTEP_CTL_ARGUMENTS_H_
#define LOCKSTEP_CTL_ARGUMENTS_H_

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"

#include "ctl/style.h"

namespace lockstep::ctl {

struct Command;

// The flags every command has.
struct GlobalFlags {
  std::vector<std::string> addresses;
  std::string context;
  bool json = false;             // -o json or -o jsonl.
  bool json_lines = false;       // -o jsonl.
  std::string format = "table";  // As given to -o.
  std::optional<absl::Duration> timeout;
  ColorMode color = ColorMode::kAuto;
  bool quiet = false;
  bool verbose = false;
  bool no_input = false;
};

// A command's own flags, by their long name ("--to"), and its argument.
class Arguments {
 public:
  bool Has(const std::string& flag) const { return values_.contains(flag); }
  // "" when the flag is not given.
  std::string Text(const std::string& flag) const;
  // All values of a repeatable flag, in the order in which they were given.
  std::vector<std::string> Texts(const std::string& flag) const;
  // For flags of the kind kNumber, which the parser has checked.
  std::optional<int32_t> Number(const std::string& flag) const;
  // For flags of the kind kDuration, which the parser has checked.
  std::optional<absl::Duration> Duration(const std::string& flag) const;
  // For flags of the kind kCount.
  std::optional<int64_t> Count(const std::string& flag) const;
  // What follows the command without a flag; empty when there is none.
  const std::string& argument() const { return argument_; }

  void Set(const std::string& flag, std::string value) {
    values_[flag].push_back(std::move(value));
  }
  // The arguments of a command that takes several.
  const std::vector<std::string>& list() const { return list_; }
  void set_argument(std::string argument) { argument_ = std::move(argument); }
  void set_list(std::vector<std::string> list) { list_ = std::move(list); }

 private:
  std::map<std::string, std::vector<std::string>> values_;
  std::string argument_;
  std::vector<std::string> list_;
};

struct ParsedLine {
  // Not OK: what is wrong with the line (reason USAGE). The rest is as far as it was understood.
  absl::Status status;
  // Absent when help was asked for the whole program or for a group.
  const Command* command = nullptr;
  bool help = false;
  std::string group;  // "operations" for `lockstep operations`.
  GlobalFlags globals;
  Arguments arguments;
};

// Reads "30s", "1h30m", "7d", "1d12h": as absl::ParseDuration, with days in front. False unless it
// is more than nothing and has an end.
bool ParseTimeSpan(absl::string_view text, absl::Duration* duration);

// Parses the words after the program's name.
ParsedLine ParseLine(std::vector<std::string> words);

}  // namespace lockstep::ctl

#endif  // LOCKSTEP_CTL_ARGUMENTS_H_
