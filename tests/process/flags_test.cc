#include "agent/process/flags.h"

#include <cstdlib>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/temp_dir.h"

namespace lockstep::process {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;
using testing::TempDir;

ParsedFlags Parse(std::vector<std::string> arguments) {
  arguments.insert(arguments.begin(), "lockstep-agent");
  std::vector<const char*> argv;
  for (const std::string& argument : arguments) argv.push_back(argument.c_str());
  return ParseFlags(static_cast<int>(argv.size()), argv.data());
}

class FlagsTest : public ::testing::Test {
 protected:
  void SetEnv(const std::string& name, const std::string& value) {
    setenv(name.c_str(), value.c_str(), 1);
    set_.push_back(name);
  }
  void TearDown() override {
    for (const std::string& name : set_) unsetenv(name.c_str());
  }
  std::vector<std::string> set_;
};

TEST_F(FlagsTest, WhatFollowsTheDashesIsTheCommand) {
  const ParsedFlags parsed =
      Parse({"run", "--build", "abc", "--", "./server", "--build", "x", "--"});
  ASSERT_EQ(parsed.exit_code, std::nullopt) << parsed.text;
  EXPECT_EQ(parsed.flags.agent.build, "abc");
  EXPECT_THAT(parsed.flags.command, ElementsAre("./server", "--build", "x", "--"));
}

TEST_F(FlagsTest, HasDefaults) {
  const Flags flags = Parse({"run", "--", "true"}).flags;
  EXPECT_THAT(flags.agent.addresses,
              ElementsAre("unix:/run/lockstep/lockstep.sock", "127.0.0.1:7411"));
  EXPECT_EQ(flags.gate_timeout, absl::Minutes(10));
  EXPECT_EQ(flags.http, std::nullopt);
  EXPECT_FALSE(flags.agent.allow_superuser);
  EXPECT_EQ(flags.agent.migrate_database, "");
}

TEST_F(FlagsTest, EveryFlagHasATwinInTheEnvironment) {
  SetEnv("LOCKSTEP_ADDRESS", "a:1,unix:/b");
  SetEnv("LOCKSTEP_AGENT_SERVICE_FILE", "/s");
  SetEnv("LOCKSTEP_AGENT_CHAIN_SUM", "/c");
  SetEnv("LOCKSTEP_AGENT_INSTANCE", "i");
  SetEnv("LOCKSTEP_AGENT_BUILD", "b");
  SetEnv("LOCKSTEP_AGENT_MIGRATE_DATABASE", "host=db");
  SetEnv("LOCKSTEP_AGENT_ALLOW_SUPERUSER", "true");
  SetEnv("LOCKSTEP_AGENT_GATE_TIMEOUT", "90s");
  SetEnv("LOCKSTEP_AGENT_HTTP", "7413");
  SetEnv("LOCKSTEP_AGENT_READY_URL", "http://127.0.0.1:1/");
  SetEnv("LOCKSTEP_AGENT_LOG_LEVEL", "warning");
  SetEnv("LOCKSTEP_AGENT_LOG_FORMAT", "text");
  const ParsedFlags parsed = Parse({"run", "--", "true"});
  ASSERT_EQ(parsed.exit_code, std::nullopt) << parsed.text;
  const Flags& flags = parsed.flags;
  EXPECT_THAT(flags.agent.addresses, ElementsAre("a:1", "unix:/b"));
  EXPECT_EQ(flags.agent.service_file, "/s");
  EXPECT_EQ(flags.agent.chain_sum, "/c");
  EXPECT_EQ(flags.agent.instance, "i");
  EXPECT_EQ(flags.agent.build, "b");
  EXPECT_EQ(flags.agent.migrate_database, "host=db");
  EXPECT_TRUE(flags.agent.allow_superuser);
  EXPECT_EQ(flags.gate_timeout, absl::Seconds(90));
  EXPECT_EQ(flags.http, health::Address{.port = 7413});
  EXPECT_EQ(flags.ready_url, "http://127.0.0.1:1/");
  EXPECT_EQ(flags.log.level, base::LogLevel::kWarning);
  EXPECT_EQ(flags.log.format, base::LogFormat::kText);
}

TEST_F(FlagsTest, AFlagWinsOverTheEnvironment) {
  SetEnv("LOCKSTEP_ADDRESS", "a:1");
  SetEnv("LOCKSTEP_AGENT_BUILD", "from the environment");
  const Flags flags =
      Parse({"run", "--address", "x:1", "--address", "y:2", "--build", "b", "--", "true"}).flags;
  EXPECT_THAT(flags.agent.addresses, ElementsAre("x:1", "y:2"));
  EXPECT_EQ(flags.agent.build, "b");
}

TEST_F(FlagsTest, AnEmptyVariableIsAsGoodAsNone) {
  SetEnv("LOCKSTEP_AGENT_HTTP", "");
  SetEnv("LOCKSTEP_AGENT_GATE_TIMEOUT", "");
  const ParsedFlags parsed = Parse({"run", "--", "true"});
  ASSERT_EQ(parsed.exit_code, std::nullopt) << parsed.text;
  EXPECT_EQ(parsed.flags.http, std::nullopt);
  EXPECT_EQ(parsed.flags.gate_timeout, absl::Minutes(10));
}

TEST_F(FlagsTest, ZeroWaitsForEverAndPicksAnyPort) {
  const Flags flags = Parse({"run", "--gate-timeout", "0", "--http", "0", "--", "true"}).flags;
  EXPECT_EQ(flags.gate_timeout, absl::InfiniteDuration());
  EXPECT_EQ(flags.http, health::Address{.port = 0});
}

TEST_F(FlagsTest, ReadsTheSecretFromAFile) {
  TempDir dir;
  const std::string file = dir.Write("secret", "host=db password=hunter2\n");
  EXPECT_EQ(
      Parse({"run", "--migrate-database-file", file, "--", "true"}).flags.agent.migrate_database,
      "host=db password=hunter2");
}

TEST_F(FlagsTest, EveryVerbMayAskTheDatabaseItself) {
  TempDir dir;
  const std::string file = dir.Write("secret", "host=db password=hunter2\n");
  for (const char* verb : {"run", "wait", "sidecar"}) {
    std::vector<std::string> arguments = {verb, "--database-file", file, "--direct-after", "2s"};
    if (std::string(verb) == "run") arguments.insert(arguments.end(), {"--", "true"});
    if (std::string(verb) == "sidecar") arguments.insert(arguments.end(), {"--http", "0"});
    const ParsedFlags parsed = Parse(arguments);
    ASSERT_EQ(parsed.exit_code, std::nullopt) << parsed.text;
    EXPECT_EQ(parsed.flags.agent.database, "host=db password=hunter2");
    EXPECT_EQ(parsed.flags.agent.direct_after, absl::Seconds(2));
  }
  SetEnv("LOCKSTEP_AGENT_DATABASE", "host=env");
  EXPECT_EQ(Parse({"wait"}).flags.agent.database, "host=env");
  EXPECT_EQ(Parse({"wait"}).flags.agent.direct_after, absl::Seconds(15));
}

TEST_F(FlagsTest, WrongUseExitsWith125AndSaysWhy) {
  TempDir dir;
  const std::string empty = dir.Write("empty", "\n");
  const struct {
    std::vector<std::string> arguments;
    const char* text;
  } kTable[] = {
      {{}, "subcommand"},
      {{"run"}, "write it after --"},
      {{"run", "--"}, "write it after --"},
      {{"run", "./server"}, "./server"},
      {{"walk", "--", "true"}, "subcommand"},
      {{"run", "--no-such-flag", "--", "true"}, "--no-such-flag"},
      {{"run", "--gate-timeout", "soon", "--", "true"}, "--gate-timeout"},
      {{"run", "--gate-timeout", "-1s", "--", "true"}, "--gate-timeout"},
      {{"run", "--http", "65536", "--", "true"}, "--http"},
      {{"run", "--log-level", "loud", "--", "true"}, "--log-level"},
      {{"run", "--log-format", "xml", "--", "true"}, "--log-format"},
      {{"run", "--ready-url", "https://x/", "--", "true"}, "--ready-url"},
      {{"run", "--direct-after", "later", "--", "true"}, "--direct-after"},
      {{"run", "--database", "host=db", "--database-file", empty, "--", "true"},
       "exclude each other"},
      {{"run", "--migrate-database-file", empty, "--", "true"}, "is empty"},
      {{"run", "--migrate-database-file", "/no/such", "--", "true"}, "/no/such"},
      {{"run", "--migrate-database", "host=db", "--migrate-database-file", empty, "--", "true"},
       "exclude each other"},
  };
  for (const auto& row : kTable) {
    const ParsedFlags parsed = Parse(row.arguments);
    EXPECT_EQ(parsed.exit_code, kExitAgentFailure) << row.text;
    EXPECT_THAT(parsed.text, HasSubstr(row.text));
    EXPECT_THAT(parsed.text, HasSubstr("hint: "));
  }
}

TEST_F(FlagsTest, HelpShowsExamplesAndExitCodes) {
  for (const auto& arguments :
       {std::vector<std::string>{"--help"}, std::vector<std::string>{"run", "--help"}}) {
    const ParsedFlags parsed = Parse(arguments);
    EXPECT_EQ(parsed.exit_code, 0);
    EXPECT_THAT(parsed.text, HasSubstr("Examples:\n  lockstep-agent run"));
  }
  EXPECT_THAT(Parse({"run", "--help"}).text, HasSubstr("  124  "));
  EXPECT_THAT(Parse({"run", "--help"}).text, HasSubstr("--migrate-database-file"));
  EXPECT_EQ(Parse({"--version"}).text, "lockstep-agent " LOCKSTEP_VERSION "\n");
}

// The environment's value of a secret must not be shown as a default.
TEST_F(FlagsTest, HelpShowsNoSecret) {
  SetEnv("LOCKSTEP_AGENT_MIGRATE_DATABASE", "password=hunter2");
  EXPECT_THAT(Parse({"run", "--help"}).text, Not(HasSubstr("hunter2")));
  EXPECT_THAT(Parse({"run", "--no-such-flag", "--", "true"}).text, Not(HasSubstr("hunter2")));
}

TEST_F(FlagsTest, SecretsAreWipedFromArgumentsAndEnvironment) {
  SetEnv("LOCKSTEP_AGENT_MIGRATE_DATABASE", "password=hunter2");
  SetEnv("LOCKSTEP_AGENT_DATABASE", "password=x");
  std::vector<std::string> texts = {"lockstep-agent",
                                    "run",
                                    "--migrate-database",
                                    "host=db",
                                    "--migrate-database=host=x",
                                    "--migrate-database-file",
                                    "/run/secret",
                                    "--database=host=y",
                                    "--",
                                    "--migrate-database=mine"};
  std::vector<char*> argv;
  for (std::string& text : texts) argv.push_back(text.data());
  WipeSecrets(static_cast<int>(argv.size()), argv.data());
  EXPECT_EQ(texts[3], "xxxxxxx");
  EXPECT_EQ(texts[4], "--migrate-database=xxxxxx");
  EXPECT_EQ(texts[6], "/run/secret");
  EXPECT_EQ(texts[7], "--database=xxxxxx");
  EXPECT_EQ(texts[9], "--migrate-database=mine");  // The command's own business.
  EXPECT_STREQ(getenv("LOCKSTEP_AGENT_MIGRATE_DATABASE"), "xxxxxxxxxxxxxxxx");
  EXPECT_STREQ(getenv("LOCKSTEP_AGENT_DATABASE"), "xxxxxxxxxx");
}

TEST_F(FlagsTest, WaitReservesForAnInstanceThatIsNamed) {
  const ParsedFlags plain = Parse({"wait"});
  ASSERT_EQ(plain.exit_code, std::nullopt) << plain.text;
  EXPECT_EQ(plain.flags.verb, Verb::kWait);
  EXPECT_EQ(plain.flags.reserve, std::nullopt);

  const ParsedFlags reserve = Parse({"wait", "--reserve", "--instance", "pod-1"});
  ASSERT_EQ(reserve.exit_code, std::nullopt) << reserve.text;
  EXPECT_EQ(reserve.flags.reserve, absl::Minutes(2));
  SetEnv("LOCKSTEP_AGENT_RESERVE", "true");
  SetEnv("LOCKSTEP_AGENT_RESERVE_FOR", "5m");
  EXPECT_EQ(Parse({"wait", "--instance", "pod-1"}).flags.reserve, absl::Minutes(5));
  EXPECT_THAT(Parse({"wait"}).text, HasSubstr("--reserve needs --instance"));
  for (const char* duration : {"0", "61m", "soon", "-1s"}) {
    EXPECT_EQ(Parse({"wait", "--instance", "pod-1", "--reserve-for", duration}).exit_code,
              kExitAgentFailure)
        << duration;
  }
}

TEST_F(FlagsTest, SidecarNeedsAPort) {
  const ParsedFlags none = Parse({"sidecar"});
  EXPECT_EQ(none.exit_code, kExitAgentFailure);
  EXPECT_THAT(none.text, HasSubstr("sidecar needs --http or --grpc-health"));
  const ParsedFlags parsed = Parse({"sidecar", "--http", "8099"});
  ASSERT_EQ(parsed.exit_code, std::nullopt) << parsed.text;
  EXPECT_EQ(parsed.flags.verb, Verb::kSidecar);
  EXPECT_EQ(parsed.flags.http, health::Address{.port = 8099});
  const Flags pod = Parse({"sidecar", "--http", "[::]:8099"}).flags;
  EXPECT_EQ(pod.http, (health::Address{.host = "::", .port = 8099}));
  EXPECT_EQ(parsed.flags.drain_timeout, absl::Seconds(25));
  EXPECT_EQ(Parse({"sidecar", "--http", "0", "--drain-timeout", "0"}).flags.drain_timeout,
            absl::InfiniteDuration());
}

TEST_F(FlagsTest, GrpcHealthIsAPortOrAnAddress) {
  EXPECT_EQ(Parse({"run", "--", "true"}).flags.grpc_health, std::nullopt);
  EXPECT_EQ(Parse({"run", "--grpc-health", "0", "--", "true"}).flags.grpc_health,
            health::Address{});
  const ParsedFlags sidecar = Parse({"sidecar", "--grpc-health", "0.0.0.0:7412"});
  ASSERT_EQ(sidecar.exit_code, std::nullopt) << sidecar.text;  // No --http needed then.
  EXPECT_EQ(sidecar.flags.grpc_health, (health::Address{.host = "0.0.0.0", .port = 7412}));
  const ParsedFlags wrong = Parse({"sidecar", "--grpc-health", "7412:0.0.0.0"});
  EXPECT_EQ(wrong.exit_code, kExitAgentFailure);
  EXPECT_THAT(wrong.text, HasSubstr("--grpc-health: neither PORT nor HOST:PORT"));
  EXPECT_EQ(Parse({"wait", "--grpc-health", "0"}).exit_code, kExitAgentFailure);
  SetEnv("LOCKSTEP_AGENT_GRPC_HEALTH", "7413");
  EXPECT_EQ(Parse({"sidecar"}).flags.grpc_health, (health::Address{.port = 7413}));
}

TEST_F(FlagsTest, OnlyRunTakesACommand) {
  EXPECT_EQ(Parse({"wait", "--", "true"}).exit_code, kExitAgentFailure);
  EXPECT_EQ(Parse({"sidecar", "--http", "0", "--", "true"}).exit_code, kExitAgentFailure);
  EXPECT_EQ(Parse({"wait", "--http", "0"}).exit_code, kExitAgentFailure);
}

TEST_F(FlagsTest, EachVerbHasHelpWithExamples) {
  for (const char* verb : {"run", "wait", "sidecar"}) {
    const ParsedFlags parsed = Parse({verb, "--help"});
    EXPECT_EQ(parsed.exit_code, 0);
    EXPECT_THAT(parsed.text, HasSubstr("Examples:"));
    EXPECT_THAT(parsed.text, HasSubstr("Exit code"));
  }
}

}  // namespace
}  // namespace lockstep::process
