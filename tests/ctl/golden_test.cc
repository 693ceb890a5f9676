// What `lockstep` prints, as it was when somebody last looked at it: --help of the program and of
// every command and group, and one of each table, at two widths, with and without colour.
//
// After a change that is meant, write the files anew and read the diff before committing it:
//   LOCKSTEP_UPDATE_GOLDEN=1 build/dev/bin/ctl_golden_test
#include <cstdlib>
#include <filesystem>
#include <functional>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <set>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/str_split.h"

#include "ctl/blockers_view.h"
#include "ctl/command.h"
#include "ctl/doctor.h"
#include "ctl/fleet_view.h"
#include "ctl/help.h"
#include "ctl/lint_view.h"
#include "ctl/listing.h"
#include "ctl/plan_view.h"
#include "ctl/sanitize.h"
#include "ctl/status_view.h"
#include "engine/base/file.h"
#include "tests/ctl/samples.h"
#include "tests/support/matchers.h"
#include "tests/support/repo_paths.h"

namespace lockstep::ctl {
namespace {

using ::lockstep::testing::IsOk;

constexpr int kWidths[] = {80, 120};

bool Updating() { return std::getenv("LOCKSTEP_UPDATE_GOLDEN") != nullptr; }

std::string Folder() { return lockstep::testing::SourcePath("tests/ctl/golden"); }

// Names that tests asked about; what else lies in the folder is of a command that is gone.
std::set<std::string>& Used() {
  static auto* const used = new std::set<std::string>();
  return *used;
}

// Escape sequences as "<1>", so that the files can be read and reviewed.
std::string Visible(std::string text) {
  return absl::StrReplaceAll(text, {{"\x1b[0m", "</>"},
                                    {"\x1b[1m", "<strong>"},
                                    {"\x1b[2m", "<faint>"},
                                    {"\x1b[31m", "<red>"},
                                    {"\x1b[32m", "<green>"},
                                    {"\x1b[33m", "<yellow>"}});
}

void ExpectGolden(const std::string& name, const std::string& text) {
  Used().insert(name);
  const std::string path = absl::StrCat(Folder(), "/", name);
  if (Updating()) {
    std::filesystem::create_directories(std::filesystem::path(path).parent_path());
    ASSERT_THAT(base::WriteFileAtomically(path, Visible(text)), IsOk());
    return;
  }
  const auto golden = base::ReadFile(path, 1 << 20);
  // GoogleTest shows two texts of several lines as a diff.
  EXPECT_EQ(golden.value_or(""), Visible(text))
      << "to accept it: LOCKSTEP_UPDATE_GOLDEN=1 build/dev/bin/ctl_golden_test";
}

std::string FileName(absl::string_view command) {
  return absl::StrCat(absl::StrReplaceAll(command, {{" ", "-"}}), ".txt");
}

std::set<std::string> Groups() {
  std::set<std::string> groups;
  for (const Command& command : Commands()) {
    const absl::string_view name = command.name;
    const size_t blank = name.find(' ');
    if (blank != absl::string_view::npos) groups.insert(std::string(name.substr(0, blank)));
  }
  return groups;
}

using View = std::function<std::string(const Style& style, int width)>;

// At every width, plain and with colour; colour changes nothing but the paint.
void ExpectTable(const std::string& name, const View& view) {
  for (const int width : kWidths) {
    const std::string plain = view(Style(false), width);
    const std::string painted = view(Style(true), width);
    ExpectGolden(absl::StrCat("table/", name, ".", width, ".txt"), plain);
    ExpectGolden(absl::StrCat("table/", name, ".", width, ".color.txt"), painted);
    EXPECT_EQ(absl::StrReplaceAll(painted, {{"\x1b[0m", ""},
                                            {"\x1b[1m", ""},
                                            {"\x1b[2m", ""},
                                            {"\x1b[31m", ""},
                                            {"\x1b[32m", ""},
                                            {"\x1b[33m", ""}}),
              plain);
  }
}

TEST(Golden, HelpOfTheProgram) { ExpectGolden("help/lockstep.txt", ProgramHelp()); }

TEST(Golden, HelpOfEveryGroup) {
  for (const std::string& group : Groups()) {
    ExpectGolden(absl::StrCat("help/", group, "-group.txt"), GroupHelp(group));
  }
}

TEST(Golden, HelpOfEveryCommand) {
  for (const Command& command : Commands()) {
    ExpectGolden(absl::StrCat("help/", FileName(command.name)), CommandHelp(command));
  }
}

// Flags and summaries are one line each, whatever their length; prose is written to fit.
TEST(Golden, ProseOfHelpFitsANarrowTerminal) {
  for (const Command& command : Commands()) {
    for (const absl::string_view line : absl::StrSplit(command.text, '\n')) {
      EXPECT_LE(DisplayWidth(line), 100) << command.name;
    }
  }
}

TEST(Golden, StatusOfSeveralServices) {
  ExpectTable("status", [](const Style& style, int width) {
    return StatusText(samples::Fleet(), style, width);
  });
}

TEST(Golden, StatusOfOneService) {
  const v1::ClusterStatus fleet = samples::Fleet();
  ExpectTable("status-service", [&fleet](const Style& style, int width) {
    return ServiceText(fleet, *FindService(fleet, "simulation-engine"), style, width);
  });
}

TEST(Golden, StatusOfAServiceWithASuspect) {
  const v1::ClusterStatus fleet = samples::Fleet();
  ExpectTable("status-suspect", [&fleet](const Style& style, int width) {
    return ServiceText(fleet, *FindService(fleet, "platform-core"), style, width);
  });
}

TEST(Golden, Blockers) {
  ExpectTable("blockers", [](const Style& style, int width) {
    return ContractText(samples::Contract(), style, width, /*wide=*/false);
  });
}

TEST(Golden, BlockersWide) {
  ExpectTable("blockers-wide", [](const Style& style, int width) {
    return ContractText(samples::Contract(), style, width, /*wide=*/true);
  });
}

// As a terminal of 80 columns has to show it, too.
TEST(Golden, BlockersOfFiveHundredInstances) {
  ExpectTable("blockers-500", [](const Style& style, int width) {
    return ContractText(samples::ContractOfMany(), style, width, /*wide=*/false);
  });
}

TEST(Golden, Plan) {
  ExpectTable("plan", [](const Style& style, int width) {
    return PlanTable(samples::Plan(), style, width);
  });
}

TEST(Golden, History) {
  ExpectTable("history", [](const Style& style, int width) {
    return HistoryTable(samples::History(), style, width);
  });
}

TEST(Golden, OperationsList) {
  ExpectTable("operations", [](const Style& style, int width) {
    return OperationsTable(samples::OperationList(), style, width);
  });
}

TEST(Golden, Lint) {
  ExpectTable("lint", [](const Style& style, int width) {
    return LintText(samples::Linted(),
                    {.min_severity = sql::Severity::kInfo, .allowed = true, .width = width}, style);
  });
}

TEST(Golden, LintExplainsARule) {
  ExpectTable("lint-explain", [](const Style& style, int width) {
    return RuleText(sql::InfoOf(sql::Rule::kSetNotNullScan), style, width);
  });
}

TEST(Golden, Doctor) {
  ExpectTable("doctor",
              [](const Style& style, int) { return DiagnosisText(samples::Diagnosed(), style); });
}

// Runs last: the file's order is the order of the tests.
TEST(Golden, NoFileIsLeftOver) {
  if (Used().size() < Commands().size()) GTEST_SKIP() << "only some of the tests ran";
  for (const auto& entry : std::filesystem::recursive_directory_iterator(Folder())) {
    if (!entry.is_regular_file()) continue;
    const std::string name = std::filesystem::relative(entry.path(), Folder()).string();
    if (Used().contains(name)) continue;
    if (Updating()) {
      std::filesystem::remove(entry.path());
    } else {
      ADD_FAILURE() << name << " belongs to nothing that is printed";
    }
  }
}

}  // namespace
}  // namespace lockstep::ctl
