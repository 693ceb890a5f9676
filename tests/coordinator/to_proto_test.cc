// What comes in over the wire is hostile until it was read here.
#include "coordinator/wire/to_proto.h"

#include <functional>
#include <gtest/gtest.h>
#include <limits>
#include <map>
#include <utility>

#include "absl/strings/escaping.h"

#include "coordinator/wire/from_proto.h"
#include "coordinator/wire/review_to_proto.h"
#include "engine/base/error_info.h"
#include "engine/base/ids.h"
#include "tests/support/matchers.h"

namespace lockstep::coordinator {
namespace {

using testing::IsOk;
using testing::StatusIs;

v1::Hello GoodHello() {
  v1::Hello hello;
  hello.set_session_id(base::NewUuid());
  hello.set_instance("pod-1");
  hello.set_nonce(7);
  v1::BuildDeclaration& d = *hello.mutable_declaration();
  d.set_configured(true);
  d.set_service("platform-core");
  d.set_build("8d02b17");
  d.set_built_for(3);
  d.set_chain_hash(std::string(32, '\x01'));
  return hello;
}

void ExpectRefused(const std::string& field, const std::function<void(v1::Hello&)>& spoil) {
  v1::Hello hello = GoodHello();
  spoil(hello);
  const auto declaration = FromProto(hello);
  EXPECT_THAT(declaration, StatusIs(absl::StatusCode::kInvalidArgument, "INVALID_FIELD")) << field;
  EXPECT_EQ(base::MetadataOf(declaration.status(), "field"), field);
}

TEST(FromProtoTest, ReadsAGoodHello) {
  v1::Hello hello = GoodHello();
  hello.set_session_id("ABCDEF00-0000-0000-0000-000000000001");
  hello.mutable_declaration()->set_needs(2);
  hello.mutable_declaration()->set_adapted_to(1);
  hello.mutable_declaration()->set_on_session_loss(v1::ON_SESSION_LOSS_STOP);
  hello.set_can_migrate(true);
  const auto d = FromProto(hello);
  ASSERT_THAT(d, IsOk());
  EXPECT_EQ(d->session_id, "abcdef00-0000-0000-0000-000000000001");
  EXPECT_EQ(d->needs, 2);
  EXPECT_EQ(d->adapted_to, 1);
  EXPECT_FALSE(d->uses.has_value());
  EXPECT_TRUE(d->stop_on_session_loss);
  EXPECT_TRUE(d->can_migrate);
}

TEST(FromProtoTest, NothingDeclaredIsNotTheSameAsNothingUsed) {
  v1::Hello hello = GoodHello();
  EXPECT_FALSE(FromProto(hello)->uses.has_value());
  EXPECT_FALSE(FromProto(hello)->needs.has_value());
  hello.mutable_declaration()->set_uses_declared(true);
  hello.mutable_declaration()->set_needs(0);
  ASSERT_TRUE(FromProto(hello)->uses.has_value());
  EXPECT_TRUE(FromProto(hello)->uses->empty());
  EXPECT_EQ(FromProto(hello)->needs, 0);
}

TEST(FromProtoTest, AProcessWithoutAServiceFileIsSeenAllTheSame) {
  v1::Hello hello = GoodHello();
  hello.mutable_declaration()->Clear();
  const auto d = FromProto(hello);
  ASSERT_THAT(d, IsOk());
  EXPECT_FALSE(d->configured);
  EXPECT_EQ(d->service, "unconfigured");
}

TEST(FromProtoTest, SessionIdMustBeAUuid) {
  for (const char* id : {"", "1", "00000000-0000-0000-0000-00000000000g",
                         "00000000-0000-0000-0000-0000000000001", "'; DROP SCHEMA lockstep; --"}) {
    ExpectRefused("session_id", [&](v1::Hello& h) { h.set_session_id(id); });
  }
}

TEST(FromProtoTest, ServiceIsAName) {
  for (const std::string& name :
       {std::string(), std::string("Core"), std::string("a b"), std::string("a\nb"),
        std::string("a_b"), std::string("a/b"), std::string("é"), std::string(64, 'a')}) {
    ExpectRefused("service", [&](v1::Hello& h) { h.mutable_declaration()->set_service(name); });
  }
}

TEST(FromProtoTest, TextIsShortAndPrintable) {
  for (const std::string& text :
       {std::string("a\x1b[31m"), std::string("a\nb"), std::string("a\0b", 3), std::string("\x7f"),
        std::string("\xc2\x85"), std::string(129, 'a')}) {
    ExpectRefused("instance", [&](v1::Hello& h) { h.set_instance(text); });
    ExpectRefused("build", [&](v1::Hello& h) { h.mutable_declaration()->set_build(text); });
    ExpectRefused("uses", [&](v1::Hello& h) {
      h.mutable_declaration()->set_uses_declared(true);
      h.mutable_declaration()->add_uses(text + std::string(300, 'a'));
    });
  }
  ExpectRefused("instance", [](v1::Hello& h) { h.clear_instance(); });
  ExpectRefused("migrate_error", [](v1::Hello& h) { h.set_migrate_error(std::string(1025, 'a')); });
  ExpectRefused("migrate_error", [](v1::Hello& h) { h.set_migrate_error("a\rb"); });
}

TEST(FromProtoTest, NumbersAreInRange) {
  constexpr int kMin = std::numeric_limits<int>::min(), kMax = std::numeric_limits<int>::max();
  for (int number : {-1, kMin, chain::kMaxVersion + 1, kMax}) {
    ExpectRefused("built_for",
                  [&](v1::Hello& h) { h.mutable_declaration()->set_built_for(number); });
    ExpectRefused("needs", [&](v1::Hello& h) { h.mutable_declaration()->set_needs(number); });
  }
  ExpectRefused("adapted_to", [&](v1::Hello& h) { h.mutable_declaration()->set_adapted_to(-1); });
  ExpectRefused("adapted_to", [&](v1::Hello& h) { h.mutable_declaration()->set_adapted_to(kMin); });
  for (int64_t nonce : {int64_t{0}, int64_t{-1}, std::numeric_limits<int64_t>::min()}) {
    ExpectRefused("nonce", [&](v1::Hello& h) { h.set_nonce(nonce); });
  }
}

TEST(FromProtoTest, TheChainHashHas32Bytes) {
  for (size_t size : {0, 31, 33, 64}) {
    ExpectRefused("chain_hash", [&](v1::Hello& h) {
      h.mutable_declaration()->set_chain_hash(std::string(size, 'x'));
    });
  }
}

TEST(FromProtoTest, UsesAreBounded) {
  ExpectRefused("uses", [](v1::Hello& h) {
    h.mutable_declaration()->set_uses_declared(true);
    for (int i = 0; i < 1001; ++i) h.mutable_declaration()->add_uses("t");
  });
}

TEST(FromProtoTest, AnErrorIsCutToSize) {
  v1::RunError proto;
  proto.set_sqlstate("42P01 and more");
  proto.set_message(std::string(5000, 'm'));
  const RunError error = FromProto(proto);
  EXPECT_EQ(error.sqlstate, "42P01");
  EXPECT_EQ(error.message.size(), 1024);
}

TEST(CheckTextTest, TakesWellFormedUtf8Only) {
  for (const char* good : {"", "plain", "é", "\xe2\x82\xac", "\xf0\x9f\x90\x98", "\xc2\xa0",
                           "\xed\x9f\xbf", "\xee\x80\x80", "\xf4\x8f\xbf\xbf"}) {
    EXPECT_THAT(CheckText("field", good, 100), IsOk()) << good;
  }
  for (const char* bad : {"\x80", "\xbf", "\xc3", "\xe2\x82", "\xf0\x9f\x90", "\xff", "\xfe",
                          "\xc0\xaf", "\xc1\xbf", "\xe0\x80\xaf", "\xf0\x80\x80\xaf",  // Overlong.
                          "\xed\xa0\x80", "\xed\xbf\xbf",  // Surrogates.
                          "\xf4\x90\x80\x80", "\xf7\xbf\xbf\xbf", "\xf8\x88\x80\x80\x80"}) {
    EXPECT_THAT(CheckText("field", bad, 100),
                StatusIs(absl::StatusCode::kInvalidArgument, "INVALID_FIELD"))
        << absl::CHexEscape(bad);
  }
  EXPECT_THAT(CheckText("field", "abcd", 4), IsOk());
  EXPECT_THAT(CheckText("field", "abcde", 4), StatusIs(absl::StatusCode::kInvalidArgument));
}

TEST(ToProtoTest, AnErrorSurvivesTheRoundTrip) {
  const RunError error{.version = 1,
                       .statement = 2,
                       .line = 3,
                       .column = 4,
                       .reason = "SQL_ERROR",
                       .sqlstate = "42601",
                       .message = "m",
                       .detail = "d",
                       .hint = "h",
                       .retryable = true,
                       .agent_unfit = true};
  const RunError back = FromProto(ToProto(error));
  EXPECT_EQ(back.version, 1);
  EXPECT_EQ(back.statement, 2);
  EXPECT_EQ(back.line, 3);
  EXPECT_EQ(back.column, 4);
  EXPECT_EQ(back.reason, "SQL_ERROR");
  EXPECT_EQ(back.sqlstate, "42601");
  EXPECT_EQ(back.message, "m");
  EXPECT_EQ(back.detail, "d");
  EXPECT_EQ(back.hint, "h");
  EXPECT_TRUE(back.retryable);
  EXPECT_TRUE(back.agent_unfit);
}

TEST(ToProtoTest, AReasonIsANameOrNothing) {
  v1::RunError proto;
  for (const char* bad : {"sql error", "\x1b[2J", "BLOCKED\n", "blocked"}) {
    proto.set_reason(bad);
    EXPECT_EQ(FromProto(proto).reason, "") << bad;
  }
  proto.set_reason(std::string(64, 'A'));
  EXPECT_EQ(FromProto(proto).reason, "");
}

TEST(ToProtoTest, AVerdictSaysEverything) {
  const v1::Gate gate = ToProto({.state = GateState::kRefused,
                                 .reason = "too_old",
                                 .detail = "d",
                                 .hint = "h",
                                 .applied = 1,
                                 .needs = 2,
                                 .head = 3,
                                 .revision = 4},
                                absl::Seconds(20));
  EXPECT_EQ(gate.state(), v1::GATE_STATE_REFUSED);
  EXPECT_EQ(gate.reason(), "too_old");
  EXPECT_EQ(gate.revision(), 4);
  EXPECT_EQ(gate.validity().seconds(), 20);
}

TEST(ToProtoTest, APlanShowsTheStatementsOfEachStep) {
  PlannedUpgrade planned;
  planned.plan.steps = {{.migration = {.version = 1, .title = "one"}},
                        {.migration = {.version = 3, .title = "three"},
                         .kind = StepKind::kBlocked,
                         .why = "needs backfill job"}};
  std::vector<chain::Migration> migrations;
  for (const auto& [file, text] :
       std::map<std::string, std::string>{{"001_one.sql", "SELECT 1;\nTRUNCATE t;"},
                                          {"002_two.sql", "SELECT 'not planned'"},
                                          {"003_three.sql", "SELECT 3"}}) {
    migrations.push_back(*chain::ReadMigration(file, text));
  }
  const std::string digest = migrations[2].digest;
  sql::Analyzer analyzer;
  planned.review.migrations = chain::ReviewMigrations(&analyzer, std::move(migrations));
  planned.review.chain_hashes = {{3, "hash3"}};
  const v1::PlanUpgradeResponse proto = ToProto(planned);
  ASSERT_EQ(proto.migrations_size(), 2);
  ASSERT_EQ(proto.migrations(0).statements_size(), 2);
  EXPECT_EQ(proto.migrations(0).statements(1).line(), 2);
  EXPECT_EQ(proto.migrations(1).blocked_by(), "needs backfill job");
  EXPECT_EQ(proto.migrations(1).ref().digest(), digest);
  EXPECT_EQ(proto.migrations(1).ref().chain_hash(), "hash3");
  ASSERT_EQ(proto.migrations(0).statements(1).locks_size(), 1);
  EXPECT_EQ(proto.migrations(0).statements(1).locks(0).object(), "t");
  EXPECT_EQ(proto.migrations(0).statements(1).locks(0).mode(), "ACCESS EXCLUSIVE");
  EXPECT_EQ(proto.migrations(0).statements(1).locks(0).rows(), -1);
  ASSERT_GE(proto.migrations(0).findings_size(), 1);
  EXPECT_EQ(proto.migrations(0).findings(0).rule(), "truncate");
  EXPECT_EQ(proto.migrations(0).findings(0).line(), 2);
}

}  // namespace
}  // namespace lockstep::coordinator
