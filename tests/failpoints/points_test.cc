// The list of failpoints against the sources, and against programs that must not have any.
#include "tests/failpoints/points.h"

#include <filesystem>
#include <fstream>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <regex>
#include <set>
#include <sstream>

#include "absl/strings/str_split.h"

#include "tests/support/repo_paths.h"

namespace lockstep::testing {
namespace {

namespace fs = std::filesystem;

// What the macros call, as it is called in an object.
constexpr const char* kFunctions[] = {"4base15FailpointStatus", "4base13FailpointCuts",
                                      "4base16FailpointIsArmed"};

std::string ReadAll(const fs::path& path) {
  std::ostringstream text;
  text << std::ifstream(path, std::ios::binary).rdbuf();
  return text.str();
}

// The names in the product's sources.
std::set<std::string> NamesInSources() {
  static const std::regex kUse(R"re(LOCKSTEP_FAILPOINT\w*\(\s*"([^"]+)")re");
  std::set<std::string> names;
  for (const char* const room : {"engine", "coordinator", "agent", "ctl"}) {
    for (const auto& entry : fs::recursive_directory_iterator(SourcePath(room))) {
      if (entry.path().extension() != ".cc") continue;
      const std::string text = ReadAll(entry.path());
      for (std::sregex_iterator it(text.begin(), text.end(), kUse), end; it != end; ++it) {
        names.insert((*it)[1]);
      }
    }
  }
  return names;
}

TEST(FailpointList, NamesWhatIsInTheSourcesAndNothingElse) {
  std::set<std::string> listed;
  for (const Point& point : Points()) listed.insert(point.name);
  EXPECT_EQ(listed, NamesInSources());
}

TEST(FailpointList, NamesACellForEachPointSceneAndAction) {
  std::set<std::string> names;
  for (const Cell& cell : AllCells()) names.insert(cell.name());
  EXPECT_EQ(names.size(), Points().size() * Actions().size());
  EXPECT_EQ(SampleCells().size(), Points().size());
}

// The objects of every source with a failpoint, compiled as they are shipped.
TEST(WithoutTheOption, NothingOfAFailpointIsCompiledIn) {
  const std::vector<std::string> objects = absl::StrSplit(LOCKSTEP_OBJECTS_WITHOUT, '|');
  EXPECT_GE(objects.size(), 5u);
  for (const std::string& object : objects) {
    const std::string bytes = ReadAll(object);
    ASSERT_FALSE(bytes.empty()) << object;
    for (const char* const function : kFunctions) {
      EXPECT_EQ(bytes.find(function), std::string::npos) << object << " calls " << function;
    }
    for (const std::string& name : NamesInSources()) {
      EXPECT_EQ(bytes.find(name), std::string::npos) << object << " has " << name;
    }
  }
}

// The same search finds them where they are.
TEST(WithTheOption, TheProgramsHaveThem) {
  const std::string agent = ReadAll(ProgramPath("lockstep-agent"));
  const std::string coordinator = ReadAll(ProgramPath("lockstep-coordinator"));
  for (const std::string& name : NamesInSources()) {
    const std::string& program = name.starts_with("agent.") ? agent : coordinator;
    EXPECT_NE(program.find(name), std::string::npos) << name;
  }
  for (const char* const function : kFunctions) {
    EXPECT_NE(agent.find(function), std::string::npos) << function;
  }
}

}  // namespace
}  // namespace lockstep::testing
