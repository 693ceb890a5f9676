#include "ctl/completion.h"

#include <map>
#include <set>
#include <span>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/str_split.h"

#include "ctl/command.h"

namespace lockstep::ctl {
namespace {

// The words that may follow each group; "" for the program.
std::map<std::string, std::vector<std::string>> WordsByGroup() {
  std::map<std::string, std::vector<std::string>> words;
  for (const Command& command : Commands()) {
    std::string group;
    for (const absl::string_view word : absl::StrSplit(command.name, ' ')) {
      std::vector<std::string>& known = words[group];
      if (known.empty() || known.back() != word) known.emplace_back(word);
      absl::StrAppend(&group, group.empty() ? "" : " ", word);
    }
  }
  return words;
}

std::vector<std::string> NamesOf(std::span<const Flag> flags) {
  std::vector<std::string> names;
  for (const Flag& flag : flags) {
    for (const absl::string_view name : absl::StrSplit(flag.names, ',')) names.emplace_back(name);
  }
  return names;
}

// Every flag that takes the next word for its value.
std::set<std::string> FlagsWithValue() {
  std::set<std::string> names;
  const auto add = [&names](std::span<const Flag> flags) {
    for (const Flag& flag : flags) {
      if (flag.kind == ValueKind::kNone) continue;
      for (std::string& name : NamesOf({&flag, 1})) names.insert(std::move(name));
    }
  };
  add(GlobalFlagTable());
  for (const Command& command : Commands()) add(command.flags);
  return names;
}

// The arms of a `case` over the command typed so far, setting `choices` and `flags`. Bash and zsh
// read them alike.
std::string CaseArms() {
  std::string text;
  for (const auto& [group, words] : WordsByGroup()) {
    absl::StrAppend(&text, "    '", group, "') choices='", absl::StrJoin(words, " "), "' ;;\n");
  }
  for (const Command& command : Commands()) {
    if (command.flags.empty()) continue;
    absl::StrAppend(&text, "    '", command.name, "') flags=\"$flags ",
                    absl::StrJoin(NamesOf(command.flags), " "), "\" ;;\n");
  }
  return text;
}

// Names of commands and groups, for a `case` pattern.
std::string KnownNames() {
  std::set<std::string> names;
  for (const auto& [group, words] : WordsByGroup()) {
    for (const std::string& word : words) {
      names.insert(absl::StrCat("'", group, group.empty() ? "" : " ", word, "'"));
    }
  }
  return absl::StrJoin(names, "|");
}

// Shared by bash and zsh: $typed are the words between the program and the one being completed.
// A word that is no command ends the command: it is an argument.
std::string FindCommandLines() {
  return absl::StrCat("  local command= choices= flags='--help ",
                      absl::StrJoin(NamesOf(GlobalFlagTable()), " "),
                      "'\n"
                      "  local word previous=\n"
                      "  for word in \"${typed[@]}\"; do\n"
                      "    case \"$previous\" in ",
                      absl::StrJoin(FlagsWithValue(), "|"),
                      ") previous=; continue ;; esac\n"
                      "    previous=$word\n"
                      "    case \"$command${command:+ }$word\" in\n"
                      "    ",
                      KnownNames(),
                      ") command=\"$command${command:+ }$word\" ;;\n"
                      "    -*) ;;\n"
                      "    *) [[ $word == -* ]] || break ;;\n"
                      "    esac\n"
                      "  done\n"
                      "  case \"$command\" in\n",
                      CaseArms(), "  esac\n");
}

std::string FishQuote(absl::string_view text) {
  return absl::StrCat("'", absl::StrReplaceAll(text, {{"\\", "\\\\"}, {"'", "\\'"}}), "'");
}

std::string FishFlags(std::span<const Flag> flags, absl::string_view condition) {
  std::string text;
  for (const Flag& flag : flags) {
    absl::StrAppend(&text, "complete -c lockstep");
    if (!condition.empty()) absl::StrAppend(&text, " -n ", FishQuote(condition));
    for (const std::string& name : NamesOf({&flag, 1})) {
      if (absl::StartsWith(name, "--")) {
        absl::StrAppend(&text, " -l ", name.substr(2));
      } else {
        absl::StrAppend(&text, " -s ", name.substr(1));
      }
    }
    absl::StrAppend(&text, flag.kind == ValueKind::kNone ? "" : " -r", " -d ", FishQuote(flag.text),
                    "\n");
  }
  return text;
}

// True once all words of `name` have been typed.
std::string FishSeen(absl::string_view name) {
  std::vector<std::string> parts;
  for (const absl::string_view word : absl::StrSplit(name, ' ')) {
    parts.push_back(absl::StrCat("__fish_seen_subcommand_from ", word));
  }
  return absl::StrJoin(parts, "; and ");
}

}  // namespace

std::string BashCompletion() {
  return absl::StrCat(
      "# lockstep completion for bash:  eval \"$(lockstep completion bash)\"\n"
      "_lockstep() {\n"
      "  local current=${COMP_WORDS[COMP_CWORD]}\n"
      "  local typed=(\"${COMP_WORDS[@]:1:COMP_CWORD-1}\")\n",
      FindCommandLines(),
      "  if [[ $current == -* ]]; then\n"
      "    COMPREPLY=($(compgen -W \"$flags\" -- \"$current\"))\n"
      "  else\n"
      "    COMPREPLY=($(compgen -W \"$choices\" -- \"$current\"))\n"
      "  fi\n"
      "}\n"
      "complete -o default -F _lockstep lockstep\n");
}

std::string ZshCompletion() {
  return absl::StrCat(
      "#compdef lockstep\n"
      "# lockstep completion for zsh:  source <(lockstep completion zsh)\n"
      "_lockstep() {\n"
      "  local current=${words[CURRENT]}\n"
      "  local -a typed\n"
      "  typed=(\"${(@)words[2,CURRENT-1]}\")\n",
      FindCommandLines(),
      "  if [[ $current == -* ]]; then\n"
      "    compadd -- ${=flags}\n"
      "  elif [[ -n $choices ]]; then\n"
      "    compadd -- ${=choices}\n"
      "  else\n"
      "    _files\n"
      "  fi\n"
      "}\n"
      "compdef _lockstep lockstep\n");
}

std::string FishCompletion() {
  std::string text = "# lockstep completion for fish:  lockstep completion fish | source\n";
  std::string previous;
  for (const Command& command : Commands()) {
    const std::vector<std::string> parts = absl::StrSplit(command.name, ' ');
    const bool grouped = parts.size() > 1;
    if (!grouped || parts[0] != previous) {
      absl::StrAppend(&text, "complete -c lockstep -f -n __fish_use_subcommand -a ", parts[0],
                      " -d ", FishQuote(grouped ? "" : command.summary), "\n");
    }
    previous = parts[0];
    if (grouped) {
      absl::StrAppend(&text, "complete -c lockstep -f -n ", FishQuote(FishSeen(parts[0])), " -a ",
                      parts[1], " -d ", FishQuote(command.summary), "\n");
    }
    absl::StrAppend(&text, FishFlags(command.flags, FishSeen(command.name)));
  }
  return text + FishFlags(GlobalFlagTable(), "");
}

}  // namespace lockstep::ctl
