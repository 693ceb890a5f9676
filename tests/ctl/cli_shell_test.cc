// What makes a shell comfortable: contexts and completion.
#include <filesystem>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "nlohmann/json.hpp"

#include "engine/base/file.h"
#include "tests/ctl/fake_coordinator.h"
#include "tests/support/temp_dir.h"

namespace lockstep::testing {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

class Contexts : public ::testing::Test {
 protected:
  Contexts() {
    for (FakeCoordinator* fake : {&first_, &second_}) {
      fake->get_status = [](const auto&, v1::GetStatusResponse* response) {
        response->mutable_status()->set_database("shop");
        return absl::OkStatus();
      };
    }
  }
  CommandResult Run(std::vector<std::string> words, std::map<std::string, std::string> env = {}) {
    SubprocessOptions options = LockstepCommand("", std::move(words));
    options.env["XDG_CONFIG_HOME"] = config_.path();
    options.env["LOCKSTEP_CONTEXT"] = "";
    for (const auto& [name, value] : env) options.env[name] = value;
    return RunCommand(options);
  }
  std::string path() const { return config_.File("lockstep/contexts.json"); }

  TempDir config_;
  FakeCoordinator first_;
  FakeCoordinator second_;
};

TEST_F(Contexts, AreKeptInAFileOfOnesOwn) {
  const CommandResult added = Run({"context", "add", "a", "--address", first_.address()});
  EXPECT_EQ(CodeOf(added), 0) << added.err;
  EXPECT_EQ(added.out, "added a, which is in use\n");
  EXPECT_EQ(std::filesystem::status(path()).permissions(), std::filesystem::perms(0600));
  EXPECT_EQ(Run({"context", "add", "b", "--address", second_.address(), "--address", "x:1"}).out,
            "added b\n");
  EXPECT_THAT(Run({"context", "list"}).out, HasSubstr(absl::StrCat("b     ", second_.address())));
  EXPECT_EQ(CodeOf(Run({"context", "use", "b"})), 0);
  EXPECT_EQ(nlohmann::json::parse(Run({"context", "list", "-o", "json"}).out).at("current"), "b");
  EXPECT_EQ(Run({"context", "remove", "b"}).out, "removed b; no context is in use now\n");
  EXPECT_EQ(CodeOf(Run({"context", "use", "b"})), 2);
}

TEST_F(Contexts, GoBetweenWhatIsTypedAndTheDefaults) {
  Run({"context", "add", "one", "--address", first_.address()});
  Run({"context", "add", "two", "--address", second_.address()});
  const auto asked = [&](std::vector<std::string> words, std::map<std::string, std::string> env) {
    const int first = first_.calls;
    const int second = second_.calls;
    words.insert(words.begin(), "status");
    const CommandResult result = Run(std::move(words), std::move(env));
    EXPECT_EQ(CodeOf(result), 0) << result.err;
    return std::vector<bool>{first_.calls > first, second_.calls > second};
  };
  EXPECT_THAT(asked({}, {}), ElementsAre(true, false));
  EXPECT_THAT(asked({}, {{"LOCKSTEP_CONTEXT", "two"}}), ElementsAre(false, true));
  EXPECT_THAT(asked({}, {{"LOCKSTEP_CONTEXT", "two"}, {"LOCKSTEP_ADDRESS", first_.address()}}),
              ElementsAre(true, false));
  EXPECT_THAT(asked({"--context", "two"}, {{"LOCKSTEP_ADDRESS", first_.address()}}),
              ElementsAre(false, true));
  EXPECT_THAT(asked({"--context", "one", "--address", second_.address()}, {}),
              ElementsAre(false, true));
}

TEST_F(Contexts, WhoNamedAnAddressIsToldWhenNobodyAnswersThere) {
  Run({"context", "add", "gone", "--address", "unix:/nonexistent/a", "--address", "127.0.0.1:1"});
  const CommandResult result = Run({"status"});
  EXPECT_EQ(CodeOf(result), 7);
  EXPECT_THAT(result.err, HasSubstr("unix:/nonexistent/a"));
  EXPECT_THAT(result.err, HasSubstr("127.0.0.1:1"));
  EXPECT_THAT(result.err, HasSubstr("(context gone, current)"));
}

TEST_F(Contexts, AnUnknownOneOrADamagedFileStopsOnlyWhatNeedsACoordinator) {
  const CommandResult unknown = Run({"status", "--context", "x"});
  EXPECT_EQ(CodeOf(unknown), 2);
  EXPECT_THAT(unknown.err, HasSubstr("there is no context \"x\""));
  config_.Write("lockstep/contexts.json", "{\"contexts\": {\"a\": 7}}");
  const CommandResult damaged = Run({"status"});
  EXPECT_EQ(CodeOf(damaged), 1);
  EXPECT_THAT(damaged.err, HasSubstr(path()));
  EXPECT_EQ(CodeOf(Run({"version"})), 0);
  EXPECT_EQ(CodeOf(Run({"context", "add", "b", "--address", "x:1"})), 1);
  EXPECT_EQ(base::ReadFile(path(), 100).value_or(""), "{\"contexts\": {\"a\": 7}}");
}

TEST_F(Contexts, HaveNamesThatAreSafeToShowAndAddresses) {
  EXPECT_EQ(CodeOf(Run({"context", "add", "a b", "--address", "x:1"})), 2);
  EXPECT_EQ(CodeOf(Run({"context", "add", "a"})), 2);
  EXPECT_EQ(CodeOf(Run({"context", "add", "a", "--address", "x:1"},
                       {{"XDG_CONFIG_HOME", ""}, {"HOME", ""}})),
            1);
}

// What a real bash offers for `line` when Tab is pressed at its end.
std::vector<std::string> Completions(const std::string& line) {
  const std::string script = absl::StrCat(
      "eval \"$(\"$0\" completion bash)\"\n"
      "COMP_LINE=$1; read -ra COMP_WORDS <<<\"$1\"\n"
      "[[ $1 == *' ' ]] && COMP_WORDS+=('')\n"
      "COMP_CWORD=$((${#COMP_WORDS[@]} - 1)); _lockstep\n"
      "printf '%s\\n' \"${COMPREPLY[@]}\"\n");
  const CommandResult result =
      RunCommand({.argv = {"bash", "--norc", "-c", script, LOCKSTEP_PROGRAM, line}});
  EXPECT_EQ(result.err, "");
  return absl::StrSplit(result.out, '\n', absl::SkipEmpty());
}

TEST(Completion, OffersCommandsGroupsAndTheirWords) {
  EXPECT_THAT(Completions("lockstep op"), ElementsAre("operations"));
  EXPECT_THAT(Completions("lockstep operations "), Contains("cancel"));
  EXPECT_THAT(Completions("lockstep operations ca"), ElementsAre("cancel"));
  EXPECT_THAT(Completions("lockstep "), Contains("upgrade"));
  EXPECT_THAT(Completions("lockstep "), Not(Contains("cancel")));
}

TEST(Completion, OffersTheFlagsOfTheCommandAndTheGlobalOnes) {
  EXPECT_THAT(Completions("lockstep sum --ch"), ElementsAre("--check"));
  EXPECT_THAT(Completions("lockstep operations cancel op-7 --rea"), ElementsAre("--reason"));
  EXPECT_THAT(Completions("lockstep plan --tim"), ElementsAre("--timeout"));
  EXPECT_THAT(Completions("lockstep status --ch"), IsEmpty());
  // The value of a flag is no command.
  EXPECT_THAT(Completions("lockstep --address operations pla"), ElementsAre("plan"));
  EXPECT_THAT(Completions("lockstep --quiet operations ca"), ElementsAre("cancel"));
}

TEST(Completion, IsAcceptedByTheShellsThatAreInstalled) {
  TempDir dir;
  for (const char* shell : {"bash", "zsh", "fish"}) {
    const CommandResult script = RunLockstep({"completion", shell});
    EXPECT_EQ(CodeOf(script), 0);
    const CommandResult read = RunCommand({.argv = {shell, "-n", dir.Write(shell, script.out)}});
    if (read.exit->code == 127) continue;
    EXPECT_EQ(read.exit->code, 0) << shell << ": " << read.err;
  }
  EXPECT_EQ(CodeOf(RunLockstep({"completion", "tcsh"})), 2);
}

}  // namespace
}  // namespace lockstep::testing
