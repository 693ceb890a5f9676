#include "coordinator/program/config.h"

#include <cstdlib>
#include <fstream>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "absl/strings/str_cat.h"

#include "tests/support/matchers.h"
#include "tests/support/temp_dir.h"

namespace lockstep::coordinator {
namespace {

using ::testing::HasSubstr;

// Sets an environment variable while it lives.
class Environ {
 public:
  Environ(const char* name, const std::string& value) : name_(name) {
    setenv(name, value.c_str(), 1);
  }
  ~Environ() { unsetenv(name_); }

 private:
  const char* name_;
};

ParsedCommandLine Parse(const std::vector<std::string>& arguments, bool with_database = true) {
  std::vector<const char*> argv = {"lockstep-coordinator"};
  if (with_database) {
    argv.push_back("--database");
    argv.push_back("dbname=app");
  }
  for (const std::string& argument : arguments) argv.push_back(argument.c_str());
  return ParseCommandLine(static_cast<int>(argv.size()), argv.data());
}
void ExpectUsageError(const ParsedCommandLine& parsed, const std::string& text) {
  EXPECT_TRUE(parsed.exit);
  EXPECT_EQ(parsed.code, 2);
  EXPECT_THAT(parsed.text, HasSubstr(text));
}

TEST(ConfigTest, ADatabaseIsAllItNeeds) {
  const ParsedCommandLine parsed = Parse({});
  EXPECT_FALSE(parsed.exit) << parsed.text;
  EXPECT_EQ(parsed.config.database, "dbname=app");
  EXPECT_EQ(parsed.config.listen, "127.0.0.1:7411");
}

TEST(ConfigTest, WithoutADatabaseItSaysWhatToType) {
  const ParsedCommandLine parsed = Parse({}, false);
  ExpectUsageError(parsed, "no database given");
  EXPECT_THAT(parsed.text, HasSubstr("hint: lockstep-coordinator --database"));
}

TEST(ConfigTest, AnAddressBeyondLoopbackNeedsConsent) {
  for (const char* address :
       {"0.0.0.0:7411", "10.0.0.7:7411", "[::]:7411", "db.example:7411", "127.example.org:7411",
        "127.0.0.1.example.org:7411", "localhost.example.org:7411", ":7411", "128.0.0.1:7411"}) {
    ExpectUsageError(Parse({"--listen", address}), "beyond loopback");
    EXPECT_FALSE(Parse({"--listen", address, "--insecure-listen"}).exit) << address;
  }
}

TEST(ConfigTest, LoopbackNeedsNone) {
  for (const char* address :
       {"127.0.0.1:0", "127.1.2.3:7411", "localhost:7411", "[::1]:7411", "::1:7411"}) {
    EXPECT_FALSE(Parse({"--listen", address}).exit) << address;
  }
}

TEST(ConfigTest, ItMustListenSomewhere) {
  ExpectUsageError(Parse({"--listen", ""}), "nothing to listen on");
  EXPECT_FALSE(Parse({"--listen", "", "--socket", "/tmp/s"}).exit);
}

TEST(ConfigTest, EveryFlagHasATwinInTheEnvironmentAndWinsOverIt) {
  const Environ database("LOCKSTEP_COORDINATOR_DATABASE", "dbname=env");
  const Environ owner("LOCKSTEP_COORDINATOR_OWNER_ROLE", "env_owner");
  const Environ workers("LOCKSTEP_COORDINATOR_WORKERS", "7");
  const ParsedCommandLine parsed = Parse({}, false);
  EXPECT_EQ(parsed.config.database, "dbname=env");
  EXPECT_EQ(parsed.config.owner_role, "env_owner");
  EXPECT_EQ(parsed.config.workers, 7);
  const ParsedCommandLine flags = Parse({"--owner-role", "flag_owner"});
  EXPECT_EQ(flags.config.database, "dbname=app");
  EXPECT_EQ(flags.config.owner_role, "flag_owner");
}

TEST(ConfigTest, TheEnvironmentCanConsentToAnAddressBeyondLoopback) {
  const Environ consent("LOCKSTEP_COORDINATOR_INSECURE_LISTEN", "true");
  EXPECT_FALSE(Parse({"--listen", "0.0.0.0:7411"}).exit);
}

TEST(ConfigTest, BadValuesAreUsageErrors) {
  ExpectUsageError(Parse({"--log-level", "loud"}), "loud");
  ExpectUsageError(Parse({"--log-format", "xml"}), "xml");
  ExpectUsageError(Parse({"--workers", "0"}), "--workers");
  ExpectUsageError(Parse({"--workers", "many"}), "--workers");
  ExpectUsageError(Parse({"--time-scale", "0"}), "--time-scale");
  ExpectUsageError(Parse({"--time-scale", "nan"}), "");
  ExpectUsageError(Parse({"--no-such-flag"}), "--no-such-flag");
  ExpectUsageError(Parse({"positional"}), "positional");
}

TEST(ConfigTest, HelpAndVersionAreNoErrors) {
  const ParsedCommandLine help = Parse({"--help"}, false);
  EXPECT_TRUE(help.exit);
  EXPECT_EQ(help.code, 0);
  EXPECT_THAT(help.text, HasSubstr("--insecure-listen"));
  const ParsedCommandLine version = Parse({"--version"}, false);
  EXPECT_TRUE(version.exit);
  EXPECT_EQ(version.code, 0);
  EXPECT_THAT(version.text, HasSubstr("lockstep-coordinator "));
}

TEST(ConfigTest, TheDatabaseMayStandInAFile) {
  const testing::TempDir directory;
  const std::string path = directory.File("database");
  std::ofstream(path) << "dbname=secret password='p w'\r\n\n";
  const ParsedCommandLine parsed = Parse({"--database-file", path}, false);
  EXPECT_FALSE(parsed.exit) << parsed.text;
  EXPECT_EQ(parsed.config.database, "dbname=secret password='p w'");
  ExpectUsageError(Parse({"--database-file", directory.File("none")}, false), "none");
  std::ofstream(directory.File("empty")) << "\n";
  ExpectUsageError(Parse({"--database-file", directory.File("empty")}, false), "no database");
}

TEST(ConfigTest, EachDurationIsAFlagWithATwinInTheEnvironment) {
  const Environ session("LOCKSTEP_COORDINATOR_SESSION_TTL", "45s");
  const Environ stop("LOCKSTEP_COORDINATOR_STOP_AFTER", "31s");
  const ParsedCommandLine parsed = Parse({"--stop-after", "25s", "--poll", "500ms"});
  ASSERT_FALSE(parsed.exit) << parsed.text;
  EXPECT_EQ(parsed.config.durations.session_ttl, absl::Seconds(45));
  EXPECT_EQ(parsed.config.durations.stop_after, absl::Seconds(25));
  EXPECT_EQ(parsed.config.durations.poll, absl::Milliseconds(500));
  EXPECT_EQ(parsed.config.durations.leader_ttl, Durations{}.leader_ttl);
  for (const DurationField& field : DurationFields()) {
    std::string flag = absl::StrCat("--", field.name);
    for (char& c : flag) c = c == '_' ? '-' : c;
    EXPECT_THAT(Parse({"--help"}).text, HasSubstr(flag));
  }
}

TEST(ConfigTest, DurationsThatDoNotFitTogetherAreNamedWithTheirValues) {
  ExpectUsageError(Parse({"--heartbeat", "10s"}),
                   "heartbeat x 2 (20s) must be less than stop_after (20s)");
  ExpectUsageError(Parse({"--heartbeat", "10s"}), "hint: lower --heartbeat or raise --stop-after");
  ExpectUsageError(Parse({"--leader-ttl", "inf"}), "must be positive and finite");
  ExpectUsageError(Parse({"--leader-ttl", "-9s"}), "must be positive and finite");
  ExpectUsageError(Parse({"--leader-ttl", "9"}), "not a duration such as 30s");
}

TEST(ConfigTest, TimeScaleDividesEveryDuration) {
  const ParsedCommandLine parsed = Parse({"--time-scale", "10"});
  EXPECT_FALSE(parsed.exit);
  EXPECT_EQ(parsed.config.durations.heartbeat, Durations{}.heartbeat / 10);
}

}  // namespace
}  // namespace lockstep::coordinator
