#include "engine/chain/service_file.h"

#include <string>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include "engine/base/error_info.h"
#include "tests/chain/expect_error.h"

namespace lockstep::chain {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

constexpr char kFile[] = "services/x/lockstep.yaml";

absl::StatusOr<ServiceFile> Parse(absl::string_view text) { return ParseServiceFile(kFile, text); }

void ExpectBad(absl::string_view text, absl::string_view place, absl::string_view words = "") {
  const absl::Status status = Parse(text).status();
  ExpectError(status, "BAD_SERVICE_FILE", absl::StrCat("services/x/lockstep.yaml:", place, ": "));
  ExpectError(status, "BAD_SERVICE_FILE", words);
}

TEST(ServiceFile, AllKeysAreRead) {
  const auto file = Parse(
      "# what this service declares\n"
      "service: simulation-engine\n"
      "needs: 16\n"
      "adapted_to: 12\n"
      "uses:\n"
      "  - users\n"
      "  - journey_runs.status\n"
      "  - app.\"Odd name\".id\n"
      "on_session_loss: stop\n");
  ASSERT_TRUE(file.ok()) << file.status();
  EXPECT_EQ(file->service, "simulation-engine");
  EXPECT_EQ(file->needs, 16);
  EXPECT_EQ(file->adapted_to, 12);
  EXPECT_TRUE(file->uses_declared);
  EXPECT_THAT(file->uses, ElementsAre("users", "journey_runs.status", "app.\"Odd name\".id"));
  EXPECT_EQ(file->on_session_loss, OnSessionLoss::kStop);
}

TEST(ServiceFile, OnlyTheServiceIsRequired) {
  const auto file = Parse("service: a");
  ASSERT_TRUE(file.ok()) << file.status();
  EXPECT_FALSE(file->needs.has_value());
  EXPECT_EQ(file->adapted_to, 0);
  EXPECT_FALSE(file->uses_declared);
  EXPECT_EQ(file->on_session_loss, OnSessionLoss::kKeep);
}

TEST(ServiceFile, AnEmptyListOfUsesIsADeclarationToo) {
  const auto file = Parse("service: a\nuses: []\n");
  ASSERT_TRUE(file.ok()) << file.status();
  EXPECT_TRUE(file->uses_declared);
  EXPECT_THAT(file->uses, IsEmpty());
}

TEST(ServiceFile, ZeroIsAVersion) {
  EXPECT_EQ(Parse("service: a\nneeds: 0\n")->needs, 0);
  EXPECT_EQ(Parse("service: a\nneeds: 1000000\n")->needs, kMaxVersion);
}

TEST(ServiceFile, AnUnknownKeyIsRefusedWithItsLineAndTheKnownOnes) {
  ExpectBad("service: a\n\nadapted-to: 3\n", "3:1", "unknown key \"adapted-to\"");
  const absl::Status status = Parse("service: a\nbuilt_for: 3\n").status();
  EXPECT_EQ(base::MetadataOf(status, "line"), "2");
  EXPECT_EQ(base::MetadataOf(status, "column"), "1");
  EXPECT_EQ(base::MetadataOf(status, "file"), kFile);
  EXPECT_THAT(base::GetErrorInfo(status)->hint, HasSubstr("adapted_to"));
}

TEST(ServiceFile, ARepeatedKeyIsRefused) {
  ExpectBad("service: a\nneeds: 3\nneeds: 4\n", "3:1", "\"needs\" is there twice");
}

TEST(ServiceFile, AMissingServiceIsRefused) {
  ExpectBad("needs: 3\n", "1:1", "`service` is missing");
  ExpectBad("", "1:1", "says nothing");
  ExpectBad("# only a comment\n", "1:1");
  ExpectBad("---\n", "1:1");
}

TEST(ServiceFile, BadNamesOfServicesAreRefused) {
  const std::string too_long(64, 'a');
  for (const std::string& name :
       {std::string("Engine"), std::string("a_b"), std::string("a b"), std::string("\"\""),
        too_long, std::string("[a]"), std::string("{a: b}"), std::string("~"), std::string()}) {
    ExpectBad(absl::StrCat("\nservice: ", name, "\n"), name.empty() || name == "~" ? "2:1" : "2:10",
              "1 to 63 characters");
  }
  EXPECT_TRUE(Parse("service: " + std::string(63, 'a')).ok());
}

TEST(ServiceFile, VersionsAreWholeNumbersInRange) {
  for (const char* value : {"x", "-1", "+1", "1.0", "1000001", "99999999999999999999", "\"16\"",
                            "0x10", "[16]", "1 6"}) {
    ExpectBad(absl::StrCat("service: a\nneeds: ", value, "\n"), "2:8", "`needs` must be a version");
    ExpectBad(absl::StrCat("service: a\nadapted_to: ", value, "\n"), "2:13", "`adapted_to` must");
  }
  ExpectBad("service: a\nneeds:\n", "2:1");
}

TEST(ServiceFile, UsesIsAListOfTablesAndColumns) {
  ExpectBad("service: a\nuses: users\n", "2:7", "must be a list");
  ExpectBad("service: a\nuses:\n", "2:1", "must be a list");
  for (const char* item :
       {"a.b.c.d", "\"a b\"", "a..b", ".a", "a.", "1a", "a;b", "[a]", "{a: b}"}) {
    ExpectBad(absl::StrCat("service: a\nuses:\n  - ok\n  - ", item, "\n"), "4:5",
              "table or column");
  }
}

TEST(ServiceFile, OnSessionLossIsKeepOrStop) {
  EXPECT_EQ(Parse("service: a\non_session_loss: keep")->on_session_loss, OnSessionLoss::kKeep);
  ExpectBad("service: a\non_session_loss: die\n", "2:18", "keep or stop");
  ExpectBad("service: a\non_session_loss: Keep\n", "2:18", "keep or stop");
}

TEST(ServiceFile, BrokenYamlIsRefusedWithItsLine) {
  ExpectBad("service: a\n  needs: 3\n", "2:8");
  ExpectBad("service: \"a\n", "1:10");
  ExpectBad("service: a\nuses: [b\n", "3:1");
  ExpectBad("- a\n- b\n", "1:1", "key: value");
  ExpectBad("just words\n", "1:1", "key: value");
  ExpectBad("? [a]\n: b\n", "1:3", "a key that is not a word");
}

TEST(ServiceFile, MoreThanOneDocumentIsRefused) {
  ExpectBad("service: a\n---\nservice: b\n", "2:1", "more than one document");
}

TEST(ServiceFile, ADocumentMayBeMarkedAsOne) {
  EXPECT_EQ(Parse("# x\n---\nservice: a\n...\n")->service, "a");
}

TEST(ServiceFile, TextThatBelongsToNoDocumentIsRefusedInsteadOfReadForEver) {
  EXPECT_FALSE(Parse("'',").ok());
  EXPECT_FALSE(Parse(",").ok());
  ExpectBad("service: a\n...\n,\n", "3:1", "more than one document");
}

TEST(ServiceFile, AHugeOrDeepFileIsRefused) {
  ExpectBad("service: a\n#" + std::string(kMaxServiceFileBytes, 'x'), "1:1", "more than");
  EXPECT_FALSE(Parse("service: " + std::string(20'000, '[')).ok());
}

TEST(ServiceFile, AMissingFileIsNotFound) {
  EXPECT_EQ(LoadServiceFile("/nonexistent/lockstep.yaml").status().code(),
            absl::StatusCode::kNotFound);
}

}  // namespace
}  // namespace lockstep::chain
