// The gate's rule exists twice: in SQL, which admits, and in C++, which answers questions from
// memory. This holds them together: over random states of a real database and random declarations
// both must say the same, word for word.
#include "coordinator/fleet/gate_rule.h"

#include <gtest/gtest.h>
#include <random>

#include "absl/strings/str_cat.h"

#include "coordinator/store/session_store.h"
#include "engine/base/digest.h"
#include "tests/catalog/lockstep_database.h"
#include "tests/support/matchers.h"

namespace lockstep::coordinator {
namespace {

using testing::IsOk;
using testing::LockstepDatabase;
using testing::Spec;

constexpr int kStates = 120;
constexpr int kQuestions = 25;

class GateRuleTest : public ::testing::Test {
 protected:
  int Pick(int from, int to) { return std::uniform_int_distribution<int>(from, to)(random_); }
  bool OneIn(int n) { return Pick(1, n) == 1; }

  std::vector<std::string> Things() {
    static const std::vector<std::string> kNames = {"a", "a.x", "a.y", "ab", "b", "b.x", "a.x.y"};
    std::vector<std::string> things;
    for (int i = Pick(0, 3); i > 0; --i) {
      things.push_back(kNames[Pick(0, static_cast<int>(kNames.size()) - 1)]);
    }
    return things;
  }

  void PublishSome() {
    static const std::vector<std::string> kPhases = {"neutral", "data", "expand", "contract"};
    std::vector<Spec> specs(Pick(0, 2));
    for (Spec& spec : specs) {
      spec.phase = kPhases[Pick(0, 3)];
      if (!OneIn(3)) spec.touches = Things();
    }
    lockstep_.Publish(specs);
    head_ += static_cast<Version>(specs.size());
  }

  // Any state that the tables can hold, not only those a coordinator would lead to.
  void ShakeState() {
    auto& db = lockstep_.db();
    PublishSome();
    db.RunScript("DELETE FROM lockstep.history; DELETE FROM lockstep.operation");
    for (Version version = 1; version <= head_; ++version) {
      if (OneIn(2)) continue;
      db.Query(
          "INSERT INTO lockstep.history SELECT m.version, m.digest, 1, gen_random_uuid(), '7', "
          "'2030-01-02 03:04:05.6+02', '1 ms', NULL, 'x@y', 1, 'run' FROM lockstep.migration m "
          "WHERE m.version = $1",
          {postgres::Param(version)});
    }
    const auto maybe = [&](bool present, const std::string& value) {
      return present ? postgres::Param(value) : postgres::NullParam();
    };
    db.Query(
        "UPDATE lockstep.chain SET applied = $1, inflight = $2, barrier = $3, barrier_owner = $4, "
        "barrier_deadline = $5, revision = revision + 1",
        {postgres::Param(Pick(0, head_)), maybe(OneIn(2), absl::StrCat(Pick(1, head_ + 1))),
         maybe(OneIn(3), absl::StrCat(Pick(1, head_ + 1))), maybe(OneIn(2), "ann"),
         maybe(OneIn(2), "2031-05-06 07:08:09.123+00")});
    for (int i = Pick(0, 2); i > 0; --i) AddOperation(i);
    LeaseSome();
  }

  void AddOperation(int age) {
    // Only one that has not ended may exist.
    static const std::vector<std::string> kEnded = {"succeeded", "failed", "cancelled"};
    static const std::vector<std::string> kActive = {"running", "paused", "cancelling"};
    const bool active = age == 1 && OneIn(2);
    lockstep_.db().Query(
        "INSERT INTO lockstep.operation (operation_id, request_id, request_digest, kind, state, "
        "target, contracts, start_version, actor, reason, error, created_at) VALUES ($1, $1, '', "
        "'upgrade', $2, $3, false, 0, 'ann', '', $4, now() - $5 * interval '1 minute')",
        {postgres::Param(absl::StrCat("op-", age)),
         postgres::Param(active ? kActive[Pick(0, 2)] : kEnded[Pick(0, 2)]),
         postgres::Param(Pick(0, head_ + 1)),
         OneIn(3) ? postgres::NullParam() : postgres::Param(ErrorText()), postgres::Param(age)});
  }

  std::string ErrorText() {
    const std::string message = "\"message\": \"no \\\"such\\\" ü\"";
    if (OneIn(3)) return absl::StrCat("{", message, "}");
    return absl::StrCat("{", message, ", \"version\": ", Pick(0, head_ + 1),
                        ", \"statement\": ", Pick(0, 2), "}");
  }

  // A run of the newest operation, or of another one.
  void LeaseSome() {
    auto& db = lockstep_.db();
    db.RunScript("DELETE FROM lockstep.attempt; UPDATE lockstep.lease SET state = 'idle'");
    if (OneIn(2) || head_ == 0) return;
    const Version first = Pick(1, head_);
    const std::string operation = absl::StrCat("op-", OneIn(5) ? 2 : 1);
    db.Query(
        "UPDATE lockstep.lease SET epoch = epoch + 1, state = $1, first = $2, last = $3, "
        "operation = $4, session = gen_random_uuid()",
        {postgres::Param(OneIn(4) ? "revoking" : "held"), postgres::Param(first),
         postgres::Param(Pick(first, head_)), postgres::Param(operation)});
    db.Query(
        "INSERT INTO lockstep.attempt (lease_epoch, operation, session, holder, first, last) "
        "SELECT epoch, operation, session, 'shop@i-1', first, last FROM lockstep.lease");
  }

  Declaration Question() {
    const Version built_for = Pick(0, head_ + 1);
    Declaration d = lockstep_.Instance("i", std::min(built_for, head_));
    d.built_for = built_for;
    if (OneIn(6)) d.chain_hash = base::Sha256Of("another");
    d.configured = !OneIn(8);
    if (OneIn(2)) d.needs = Pick(0, head_ + 1);
    d.adapted_to = OneIn(3) ? head_ : Pick(0, head_ + 1);
    if (!OneIn(3)) d.uses = Things();
    return d;
  }

  void ExpectSame(const Declaration& d) {
    const auto asked = AskGate(lockstep_.admin(), d);
    ASSERT_THAT(asked, IsOk());
    const Verdict judged = JudgeGate(facts_, d);
    if (judged.facts.holder == "shop@i-1") ++seen_["runs"];
    if (judged.reason == "failed" && judged.facts.version > 0) ++seen_["failed at"];
    EXPECT_EQ(judged.state, asked->state);
    EXPECT_EQ(judged.reason, asked->reason);
    EXPECT_EQ(judged.detail, asked->detail);
    EXPECT_EQ(judged.hint, asked->hint);
    EXPECT_EQ(judged.applied, asked->applied);
    EXPECT_EQ(judged.needs, asked->needs);
    EXPECT_EQ(judged.head, asked->head);
    EXPECT_EQ(judged.revision, asked->revision);
    EXPECT_EQ(judged.facts, asked->facts);
    ++seen_[asked->reason];
  }

  LockstepDatabase lockstep_;
  Version head_ = 0;
  GateFacts facts_;  // Brought up to date from state to state, as the driver does.
  std::map<std::string, int> seen_;
  std::mt19937 random_{20240607};
};

TEST_F(GateRuleTest, SaysWhatTheDatabaseSays) {
  for (int state = 0; state < kStates && !HasFailure(); ++state) {
    SCOPED_TRACE(absl::StrCat("state ", state));
    ShakeState();
    ASSERT_THAT(ReadGateFacts(lockstep_.admin(), facts_), IsOk());
    for (int i = 0; i < kQuestions && !HasFailure(); ++i) ExpectSame(Question());
  }
  for (const char* reason :
       {"ready", "ahead", "applying", "behind", "failed", "not_published", "draining", "too_old",
        "diverged", "not_configured", "runs", "failed at"}) {
    EXPECT_GT(seen_[reason], 5) << "the states never led to " << reason;
  }
}

TEST_F(GateRuleTest, ReadsARestoredChainAgain) {
  lockstep_.Publish({{}, {}, {}});
  head_ = 3;
  ASSERT_THAT(ReadGateFacts(lockstep_.admin(), facts_), IsOk());
  const auto known = facts_.published;
  ASSERT_THAT(ReadGateFacts(lockstep_.admin(), facts_), IsOk());
  EXPECT_EQ(facts_.published, known) << "nothing new was published";
  // As a restored backup that went on otherwise: shorter, and then with another end.
  lockstep_.db().RunScript(
      "DELETE FROM lockstep.migration WHERE version = 3; UPDATE lockstep.chain SET head = 2");
  ASSERT_THAT(ReadGateFacts(lockstep_.admin(), facts_), IsOk());
  EXPECT_EQ(facts_.published->head(), 2);
  lockstep_.db().RunScript(
      "UPDATE lockstep.migration SET chain_hash = decode(repeat('07', 32), 'hex') "
      "WHERE version = 2");
  ASSERT_THAT(ReadGateFacts(lockstep_.admin(), facts_), IsOk());
  Declaration d = lockstep_.Instance("i", 2);
  ExpectSame(d);
  d.chain_hash = std::string(32, '\7');
  ExpectSame(d);
}

}  // namespace
}  // namespace lockstep::coordinator
