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

class Publish : public ::testing::Test {
 protected:
  Publish() {
    for (int i = 1; i <= 4; ++i) {
      dir_.Write(absl::StrFormat("%03d_m%d.sql", i, i), absl::StrFormat("SELECT %d;\n", i));
    }
    RunLockstep({"sum", "--migrations", dir_.path()});
    fake_.get_status = [this](const auto&, v1::GetStatusResponse* response) {
      auto* chain = response->mutable_status()->mutable_chain();
      chain->set_head(head_);
      chain->set_head_hash(head_hash_);
      return absl::OkStatus();
    };
    fake_.list_migrations = [this](const auto&, v1::ListMigrationsResponse* response) {
      const chain::ChainSum sum = chain::LoadDirectory(dir_.path())->sum();
      for (int i = 1; i <= head_; ++i) {
        auto* ref = response->add_migrations()->mutable_ref();
        ref->set_version(i);
        // What is published beyond version 2 is another chain's.
        ref->set_chain_hash(i <= 2 ? sum.entries[i - 1].chain_hash : "other");
      }
      return absl::OkStatus();
    };
    fake_.publish = [this](const v1::PublishChainRequest& request,
                           v1::PublishChainResponse* response) {
      request_ = request;
      for (const auto& file : request.migrations()) {
        if (file.version() > head_) response->add_added(file.version());
      }
      response->set_head(request.migrations().rbegin()->version());
      return absl::OkStatus();
    };
  }

  void PublishedUpTo(int version) {
    head_ = version;
    const chain::ChainSum sum = chain::LoadDirectory(dir_.path())->sum();
    head_hash_ = version == 0 ? chain::EmptyChainHash() : sum.entries[version - 1].chain_hash;
  }

  CommandResult Run(std::vector<std::string> words = {}) {
    words.insert(words.begin(), {"publish", "--migrations", dir_.path()});
    return RunLockstep(fake_, std::move(words));
  }

  TempDir dir_;
  FakeCoordinator fake_;
  int head_ = 0;
  std::string head_hash_ = chain::EmptyChainHash();
  v1::PublishChainRequest request_;
};

TEST_F(Publish, SendsTheWholeChainToAnEmptyDatabase) {
  const CommandResult result = Run();
  EXPECT_EQ(CodeOf(result), 0) << result.err;
  EXPECT_EQ(result.out, "published 4 migrations (1..4), head 4\n");
  EXPECT_EQ(request_.expected_parent_hash(), "");
  EXPECT_EQ(request_.migrations(0).title(), "m1");
  EXPECT_THAT(request_.actor(), HasSubstr("@"));
}

TEST_F(Publish, SendsOnlyWhatIsNew) {
  PublishedUpTo(3);
  EXPECT_EQ(Run().out, "published 1 migration (4), head 4\n");
  EXPECT_EQ(request_.migrations_size(), 1);
  EXPECT_EQ(request_.expected_parent_hash(), head_hash_);
}

TEST_F(Publish, SendsNothingWhenNothingIsNew) {
  PublishedUpTo(4);
  EXPECT_EQ(Run().out, "nothing to publish, head 4\n");
  EXPECT_EQ(fake_.calls, 1);
}

TEST_F(Publish, TellsWhatIsFoundInNewBackfills) {
  dir_.Write("001_m1.sql", "CREATE TABLE orders (id int PRIMARY KEY, cents int);\n");
  for (const char* const name : {"fill", "old"}) {
    dir_.Write(absl::StrCat("backfills/", name, ".sql"),
               "-- lockstep:after 1\n-- lockstep:table orders\n-- lockstep:key id\n"
               "-- lockstep:section batch\n"
               "UPDATE orders SET cents = 1 WHERE id > $1 AND id <= $2;\n");
  }
  RunLockstep({"sum", "--migrations", dir_.path()});
  fake_.publish = [](const auto&, v1::PublishChainResponse* response) {
    response->add_added_backfills("fill");
    response->set_head(4);
    return absl::OkStatus();
  };
  const CommandResult result = Run();
  EXPECT_EQ(CodeOf(result), 0) << result.err;
  EXPECT_THAT(result.err, HasSubstr("error: backfills/fill.sql:5:19: nobody fills cents"));
  EXPECT_THAT(result.err, HasSubstr("[backfill-not-covered]"));
  EXPECT_THAT(result.err, ::testing::Not(HasSubstr("old.sql")));
  const auto json = nlohmann::json::parse(Run({"-o", "json"}).out);
  ASSERT_EQ(json.at("findings").size(), 1) << json;
  EXPECT_EQ(json.at("findings")[0].at("rule"), "backfill-not-covered");
}

TEST_F(Publish, ChecksOnlyWithDryRun) {
  EXPECT_EQ(Run({"--dry-run"}).out, "would publish 4 migrations (1..4), head 4\n");
  EXPECT_TRUE(request_.validate_only());
}

TEST_F(Publish, LetsTheCoordinatorJudgeAnotherChain) {
  head_ = 3;
  head_hash_ = "other";
  fake_.publish = [this](const v1::PublishChainRequest& request, auto*) {
    request_ = request;
    return base::MakeError(absl::StatusCode::kAborted, "CHAIN_DIVERGED",
                           "the chains part at version 3");
  };
  const CommandResult result = Run();
  EXPECT_EQ(CodeOf(result), 8);
  EXPECT_THAT(result.err, HasSubstr("error: the chains part at version 3\n"));
  EXPECT_THAT(result.err, HasSubstr("hint: `lockstep history`"));
  EXPECT_EQ(request_.migrations(0).version(), 3);
}

TEST_F(Publish, SaysThatAPublishedFileWasEdited) {
  head_ = 3;
  head_hash_ = "other";
  fake_.publish = [](const auto&, auto*) {
    return base::MakeError(absl::StatusCode::kFailedPrecondition, "DIGEST_MISMATCH",
                           "003_m3.sql was edited");
  };
  EXPECT_EQ(CodeOf(Run()), 5);
}

TEST_F(Publish, SaysWhenThisDirectoryIsBehind) {
  const chain::ChainSum sum = chain::LoadDirectory(dir_.path())->sum();
  head_ = 6;
  head_hash_ = "newer";
  fake_.list_migrations = [&](const auto&, v1::ListMigrationsResponse* response) {
    for (int i = 1; i <= 6; ++i) {
      auto* ref = response->add_migrations()->mutable_ref();
      ref->set_version(i);
      ref->set_chain_hash(i <= 4 ? sum.entries[i - 1].chain_hash : "newer");
    }
    return absl::OkStatus();
  };
  EXPECT_EQ(Run().out, "nothing to publish, head 6 (this directory ends at 4)\n");
}

TEST_F(Publish, RefusesAStaleChainSum) {
  dir_.Write("004_m4.sql", "SELECT 44;\n");
  const CommandResult result = Run();
  EXPECT_EQ(CodeOf(result), 5);
  EXPECT_THAT(result.err, HasSubstr("hint: run `lockstep sum`"));
  EXPECT_EQ(fake_.calls, 0);
}

TEST_F(Publish, RefusesAMissingChainSum) {
  TempDir dir;
  dir.Write("001_a.sql", "SELECT 1;\n");
  const CommandResult result = RunLockstep(fake_, {"publish", "--migrations", dir.path()});
  EXPECT_EQ(CodeOf(result), 5);
  EXPECT_THAT(result.err, HasSubstr("there is no "));
  EXPECT_THAT(result.err, HasSubstr("hint: run `lockstep sum`"));
}

TEST_F(Publish, SendsBackfillsAndNamesTheNewOnes) {
  dir_.Write("backfills/fill_v1.sql",
             "-- lockstep:after 2\n-- lockstep:table users\n-- lockstep:key id\n"
             "-- lockstep:batch 10\n-- lockstep:section batch\nSELECT $1, $2;\n");
  ASSERT_EQ(CodeOf(RunLockstep({"sum", "--migrations", dir_.path()})), 0);
  PublishedUpTo(4);
  fake_.publish = [this](const v1::PublishChainRequest& request,
                         v1::PublishChainResponse* response) {
    request_ = request;
    response->set_head(4);
    response->add_added_backfills("fill_v1");
    return absl::OkStatus();
  };
  EXPECT_EQ(Run().out, "published 1 backfill (fill_v1), head 4\n");
  EXPECT_EQ(request_.migrations(0).version(), 4);
  EXPECT_EQ(request_.backfills(0).name(), "fill_v1");
}

TEST_F(Publish, SpeaksJson) {
  const auto json = nlohmann::json::parse(Run({"-o", "json"}).out);
  EXPECT_EQ(json.at("head"), 4);
  EXPECT_EQ(json.at("added").size(), 4);
}

}  // namespace
}  // namespace lockstep::testing
