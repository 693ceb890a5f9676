// lockstep check, and what publish and plan say about files and versions.
#include <filesystem>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "nlohmann/json.hpp"

#include "engine/base/error_info.h"
#include "engine/chain/directory.h"
#include "tests/ctl/fake_coordinator.h"
#include "tests/support/temp_dir.h"

namespace lockstep::testing {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

constexpr char kDump[] =
    "--\n-- PostgreSQL database dump\n--\n\n\\restrict abc\n\nSET lock_timeout = 0;\n"
    "SELECT pg_catalog.set_config('search_path', '', false);\n\n"
    "CREATE TABLE public.users (id integer);\nALTER TABLE public.users OWNER TO postgres;\n\n"
    "\\unrestrict abc\n";

class Check : public ::testing::Test {
 protected:
  Check() {
    for (int i = 1; i <= 3; ++i) {
      dir_.Write(absl::StrFormat("migrations/%03d_m%d.sql", i, i),
                 absl::StrFormat("SELECT %d;", i));
    }
    Sum();
    fake_.list_migrations = [this](const auto&, v1::ListMigrationsResponse* response) {
      for (size_t i = 0; i < published_.size(); ++i) {
        v1::Migration* const migration = response->add_migrations();
        migration->mutable_ref()->set_version(static_cast<int>(i) + 1);
        migration->mutable_ref()->set_title(absl::StrCat("p", i + 1));
        migration->mutable_ref()->set_chain_hash(published_[i]);
        migration->set_state(v1::MIGRATION_STATE_APPLIED);
      }
      return absl::OkStatus();
    };
    fake_.publish = [this](const v1::PublishChainRequest& request, auto*) {
      EXPECT_TRUE(request.validate_only());
      ++validated_;
      return absl::OkStatus();
    };
  }

  std::string migrations() const { return dir_.File("migrations"); }
  void Sum() { RunLockstep({"sum", "--migrations", migrations()}); }
  std::string HashAt(int version) const {
    return chain::LoadDirectory(migrations())->sum().entries[version - 1].chain_hash;
  }
  CommandResult Run(std::vector<std::string> words = {}) {
    words.insert(words.begin(), {"check", "--migrations", migrations()});
    return RunLockstep(fake_, std::move(words));
  }

  TempDir dir_;
  FakeCoordinator fake_;
  std::vector<std::string> published_;  // Chain hashes.
  int validated_ = 0;
};

TEST_F(Check, FindsNothingInAGoodProject) {
  dir_.Write("services/cart/lockstep.yaml", "service: cart\nneeds: 3\n");
  dir_.Write("services/README.md", "no service");
  const CommandResult result = Run();
  EXPECT_EQ(CodeOf(result), 0) << result.err;
  EXPECT_EQ(result.out, "no findings: 3 versions, 0 backfills, 1 service file\n");
  EXPECT_EQ(fake_.calls, 0);
}

TEST_F(Check, ListsEveryFileThatCannotBeRead) {
  dir_.Write("migrations/002_m2.sql", "SELECT 2;\nCOMMIT;\n");
  dir_.Write("migrations/003_m3.sql", "-- lockstep:colour blue\n");
  const CommandResult result = Run();
  EXPECT_EQ(CodeOf(result), 3);
  EXPECT_THAT(result.out, HasSubstr("002_m2.sql:2:1: COMMIT is not allowed"));
  EXPECT_THAT(result.out, HasSubstr("003_m3.sql:1:1: "));
  EXPECT_THAT(result.out, HasSubstr("\n2 findings\n"));
}

TEST_F(Check, ComparesChainSumAndSaysWhatToDo) {
  dir_.Write("migrations/002_m2.sql", "SELECT 22;\n");
  const CommandResult result = Run();
  EXPECT_EQ(CodeOf(result), 3);
  EXPECT_THAT(result.out, HasSubstr("version 002 differs from"));
  EXPECT_THAT(result.out, HasSubstr("hint: run `lockstep sum`"));
  std::filesystem::remove(dir_.File("migrations/chain.sum"));
  EXPECT_THAT(Run().out, HasSubstr("there is no "));
}

TEST_F(Check, ReadsServiceFilesAgainstTheChain) {
  dir_.Write("services/a/lockstep.yaml", "service: cart\nneeds: 4\nadapted_to: 5\n");
  dir_.Write("services/b/lockstep.yaml", "service: cart\n");
  dir_.Write("services/c/lockstep.yaml", "service: shop\ncolour: blue\n");
  const CommandResult result = Run();
  EXPECT_EQ(CodeOf(result), 3);
  EXPECT_THAT(result.out, HasSubstr("a/lockstep.yaml: needs 4, but the chain ends at 3\n"));
  EXPECT_THAT(result.out, HasSubstr("a/lockstep.yaml: adapted_to 5, but the chain ends at 3\n"));
  EXPECT_THAT(result.out, HasSubstr("b/lockstep.yaml: service cart is also "));
  EXPECT_THAT(result.out, HasSubstr("c/lockstep.yaml:2:1: "));
  EXPECT_THAT(result.out, HasSubstr("4 findings\n"));
  const CommandResult missing = Run({"--services", "/nonexistent"});
  EXPECT_EQ(CodeOf(missing), 1);
  EXPECT_THAT(missing.err, HasSubstr("/nonexistent"));
}

TEST_F(Check, NamesColumnsThatNobodyFillsWhileABackfillRuns) {
  dir_.Write("migrations/001_m1.sql", "CREATE TABLE orders (id int PRIMARY KEY, cents int);\n");
  const std::string job =
      "-- lockstep:after 1\n-- lockstep:table orders\n-- lockstep:key id\n"
      "-- lockstep:section batch\nUPDATE orders SET cents = 1 WHERE id > $1 AND id <= $2;\n";
  const std::string path = dir_.Write("migrations/backfills/fill.sql", job);
  const auto findings = [&] {
    RunLockstep({"sum", "--migrations", dir_.File("migrations")});
    return nlohmann::json::parse(Run({"-o", "json"}).out).at("findings");
  };
  const auto found = findings();
  ASSERT_EQ(found.size(), 1) << found;
  EXPECT_EQ(found[0].at("reason"), "BACKFILL_NOT_COVERED");
  EXPECT_EQ(found[0].at("file"), path);
  EXPECT_EQ(found[0].at("line"), 5);
  EXPECT_THAT(found[0].at("message").get<std::string>(), HasSubstr("nobody fills cents in rows"));
  dir_.Write("migrations/lint.yaml", "rules:\n  backfill-not-covered: off\n");
  EXPECT_TRUE(findings().empty());
  dir_.Write("migrations/lint.yaml", "rules:\n  no-such-rule: off\n");
  EXPECT_EQ(findings()[0].at("reason"), "BAD_LINT_FILE");
  dir_.Write("migrations/lint.yaml", "");
  dir_.Write("migrations/backfills/fill.sql", "-- lockstep:dual-write the shop\n" + job);
  EXPECT_TRUE(findings().empty());
  dir_.Write("migrations/backfills/fill.sql", "-- lockstep:allow backfill-not-covered x\n" + job);
  EXPECT_TRUE(findings().empty());
}

TEST_F(Check, ListsEveryBackfillThatCannotBeRead) {
  dir_.Write("migrations/002_m2.sql", "COMMIT;\n");
  dir_.Write("migrations/backfills/a.sql", "-- lockstep:after 1\n-- lockstep:colour blue\n");
  dir_.Write("migrations/backfills/b.sql", "SELECT 1;\n");
  const CommandResult result = Run();
  EXPECT_THAT(result.out, HasSubstr("002_m2.sql:1:1: "));
  EXPECT_THAT(result.out, HasSubstr("a.sql:2:1: "));
  EXPECT_THAT(result.out, HasSubstr("b.sql:1:1: "));
  EXPECT_THAT(result.out, HasSubstr("\n3 findings\n"));
}

TEST_F(Check, SpeaksJson) {
  dir_.Write("migrations/002_m2.sql", "SELECT 2;\nCOMMIT;\n");
  const CommandResult result = Run({"-o", "json"});
  EXPECT_EQ(CodeOf(result), 3);
  EXPECT_EQ(result.err, "");
  const auto json = nlohmann::json::parse(result.out);
  ASSERT_EQ(json.at("findings").size(), 1);
  const auto& finding = json.at("findings")[0];
  EXPECT_EQ(finding.at("reason"), "TRANSACTION_CONTROL");
  EXPECT_EQ(finding.at("line"), 2);
  EXPECT_EQ(finding.at("file"), dir_.File("migrations/002_m2.sql"));
}

TEST_F(Check, RemoteComparesWithThePublishedChain) {
  for (int i = 1; i <= 3; ++i) published_.push_back(HashAt(i));
  const CommandResult same = Run({"--remote"});
  EXPECT_EQ(CodeOf(same), 0) << same.err;
  EXPECT_THAT(same.out, HasSubstr("the same as published: 3 p3 ("));
  published_.pop_back();
  EXPECT_THAT(Run({"--remote"}).out, HasSubstr("ahead of the published chain: here 3 m3 ("));
  EXPECT_EQ(validated_, 1);
}

TEST_F(Check, RemoteNamesBothHeadsWhenTheChainsPart) {
  published_ = {HashAt(1), "other", "theirs"};
  const CommandResult result = Run({"--remote"});
  EXPECT_EQ(CodeOf(result), 8);
  EXPECT_THAT(result.err, StartsWith("error: this directory and the published chain part at "
                                     "version 2\n"));
  EXPECT_THAT(result.err, HasSubstr("  3 m3 ("));
  EXPECT_THAT(result.err, HasSubstr("published"));
  EXPECT_THAT(result.err, HasSubstr("  3 p3 (746865697273)\n"));
  EXPECT_EQ(validated_, 0);
  const CommandResult json = Run({"--remote", "-o", "json"});
  EXPECT_EQ(CodeOf(json), 8);
  EXPECT_EQ(nlohmann::json::parse(json.out).at("remote").at("partsAt"), 2);
  const auto error = nlohmann::json::parse(json.err).at("error");
  EXPECT_EQ(error.at("reason"), "CHAIN_DIVERGED");
  EXPECT_THAT(error.at("metadata").at("published_head").get<std::string>(), StartsWith("3 p3"));
}

TEST_F(Check, VersionsThatTheDirectoryDoesNotKnowAreNamed) {
  for (int i = 1; i <= 3; ++i) published_.push_back(HashAt(i));
  published_.insert(published_.end(), 8, "newer");
  const CommandResult check = Run({"--remote"});
  EXPECT_EQ(CodeOf(check), 0);
  EXPECT_THAT(check.out, HasSubstr("behind the published chain: here 3 m3"));
  const std::string named =
      absl::StrCat("note: the published chain has versions that ", migrations(),
                   " does not: 4 p4 (applied), 5 p5 (applied), 6 p6 (applied), 7 p7 (applied), "
                   "8 p8 (applied) and 3 more\n");
  EXPECT_THAT(check.err, HasSubstr(named));
  fake_.get_status = [](const auto&, v1::GetStatusResponse* response) {
    response->mutable_status()->mutable_chain()->set_head(11);
    return absl::OkStatus();
  };
  EXPECT_THAT(RunLockstep(fake_, {"publish", "--migrations", migrations()}).err, HasSubstr(named));
  fake_.plan = [](const auto&, v1::PlanUpgradeResponse* response) {
    response->set_head(11);
    return absl::OkStatus();
  };
  EXPECT_THAT(RunLockstep(fake_, {"plan", "--migrations", migrations()}).err, HasSubstr(named));
}

TEST_F(Check, AGapADuplicateAndAFileTooLargeAreNamedWithTheirExitCodes) {
  const auto expect = [&](const std::string& name, const std::string& reason) {
    const CommandResult check = Run({"-o", "json"});
    EXPECT_EQ(CodeOf(check), 3);
    const auto finding = nlohmann::json::parse(check.out).at("findings")[0];
    EXPECT_EQ(finding.at("reason"), reason);
    EXPECT_EQ(finding.at("file"), dir_.File("migrations/" + name));
    for (const char* verb : {"sum", "publish"}) {
      const CommandResult result =
          RunLockstep(fake_, {verb, "--migrations", migrations(), "-o", "json"});
      EXPECT_EQ(CodeOf(result), 1) << verb;
      const auto error = nlohmann::json::parse(result.err).at("error");
      EXPECT_EQ(error.at("reason"), reason) << verb;
      EXPECT_EQ(error.at("metadata").at("file"), dir_.File("migrations/" + name)) << verb;
    }
    std::filesystem::remove(dir_.File("migrations/" + name));
  };
  dir_.Write("migrations/005_gap.sql", "SELECT 5;\n");
  expect("005_gap.sql", "CHAIN_GAP");
  dir_.Write("migrations/1_again.sql", "SELECT 1;\n");
  expect("1_again.sql", "CHAIN_DUPLICATE");
  const std::string statement = "SELECT 4;";
  dir_.Write("migrations/004_large.sql",
             statement + std::string((1 << 20) + 1 - statement.size(), '\n'));
  expect("004_large.sql", "FILE_TOO_LARGE");
  dir_.Write("migrations/004_large.sql",
             statement + std::string((1 << 20) - statement.size(), '\n'));
  Sum();
  EXPECT_EQ(CodeOf(Run()), 0);
  EXPECT_EQ(fake_.calls, 0);
}

TEST_F(Check, PgDumpsPreambleIsLeftOutWithANotice) {
  dir_.Write("migrations/004_dump.sql", kDump);
  const std::string notice =
      absl::StrCat("note: ", migrations(),
                   "/004_dump.sql: lines 5, 7-8 and 13 of pg_dump's preamble are for psql and are "
                   "not run\n");
  EXPECT_EQ(RunLockstep({"sum", "--migrations", migrations()}).err, notice);
  const CommandResult check = Run();
  EXPECT_EQ(CodeOf(check), 0) << check.out;
  EXPECT_EQ(check.err, notice);
  fake_.get_status = [](const auto&, auto*) { return absl::OkStatus(); };
  std::vector<std::string> sent;
  fake_.publish = [&](const v1::PublishChainRequest& request, auto*) {
    sent.push_back(request.migrations().rbegin()->sql());
    return absl::OkStatus();
  };
  EXPECT_THAT(RunLockstep(fake_, {"publish", "--migrations", migrations()}).err, HasSubstr(notice));
  // The file is published as it is: what is left out is decided where it runs, in the same way.
  EXPECT_THAT(sent, ::testing::ElementsAre(kDump));
  EXPECT_THAT(Run({"-q"}).err, Not(HasSubstr("note")));
}

}  // namespace
}  // namespace lockstep::testing
