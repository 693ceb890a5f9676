// The small parts: addresses, outbox, texts on the wire, what a build declares.
#include <atomic>
#include <gtest/gtest.h>

#include "agent/application_name.h"
#include "agent/declaration.h"
#include "agent/direct_admission.h"
#include "agent/endpoints.h"
#include "agent/outbox.h"
#include "agent/self_stop.h"
#include "agent/wire.h"
#include "engine/chain/chain.h"
#include "tests/support/eventually.h"
#include "tests/support/matchers.h"
#include "tests/support/sim_clock.h"
#include "tests/support/temp_dir.h"

namespace lockstep::testing {
namespace {

using absl::StatusCode;
using agent::Endpoints;
using agent::Outbox;
using agent::ToWireLine;
using agent::ToWireText;

TEST(Endpoints, AcceptsHostsAndSockets) {
  EXPECT_THAT(agent::CheckAddresses({"127.0.0.1:7411", "[::1]:7411", "unix:/run/x"}), IsOk());
  for (const char* bad : {"", "localhost", ":7411", "host:0", "host:70000", "unix:", "host:x"}) {
    EXPECT_THAT(agent::CheckAddresses({bad}), StatusIs(StatusCode::kInvalidArgument, "BAD_ADDRESS"))
        << bad;
  }
  EXPECT_THAT(agent::CheckAddresses({}), StatusIs(StatusCode::kInvalidArgument, "BAD_ADDRESS"));
}

TEST(Endpoints, TakesTurnsUntilOneAnswers) {
  Endpoints endpoints({"a:1", "b:1", "c:1"});
  EXPECT_EQ(endpoints.Next(), "a:1");
  endpoints.Failed();
  EXPECT_EQ(endpoints.Next(), "b:1");
  endpoints.Succeeded();
  EXPECT_EQ(endpoints.Next(), "b:1");
}

TEST(Endpoints, FollowsTheLeaderOnce) {
  Endpoints endpoints({"a:1", "b:1"});
  EXPECT_TRUE(endpoints.Follow("elsewhere:1"));
  EXPECT_EQ(endpoints.Next(), "elsewhere:1");
  EXPECT_EQ(endpoints.Next(), "a:1");
  EXPECT_TRUE(endpoints.Follow("b:1"));
  EXPECT_EQ(endpoints.Next(), "b:1");
  EXPECT_EQ(endpoints.Next(), "b:1");
}

TEST(Endpoints, DoesNotFollowInCirclesOrNonsense) {
  Endpoints endpoints({"a:1"});
  EXPECT_FALSE(endpoints.Follow("not an address"));
  for (int i = 0; i < Endpoints::kMaxHops; ++i) EXPECT_TRUE(endpoints.Follow("b:1"));
  EXPECT_FALSE(endpoints.Follow("b:1"));
  endpoints.Succeeded();
  EXPECT_TRUE(endpoints.Follow("b:1"));
}

TEST(ApplicationName, NamesServiceInstanceAndStart) {
  const std::string id = "1b2c3d4e-0000-4000-8000-000000000000";
  EXPECT_EQ(agent::ApplicationName("orders", "orders-7f9c", id), "orders@orders-7f9c#1b2c3d4e");
  // A long one keeps what tells two starts apart.
  const std::string longest = agent::ApplicationName("orders", std::string(128, 'x'), id);
  EXPECT_EQ(longest, "orders@" + std::string(47, 'x') + "#1b2c3d4e");
  EXPECT_EQ(longest.size(), 63u);
  EXPECT_EQ(agent::ApplicationName("s", "k\u00fcche\t1", id), "s@k?che?1#1b2c3d4e");
}

class SelfStopTest : public ::testing::Test {
 protected:
  void Observe() {
    stop_.Observe([this] { lost_ = true; });
  }
  bool ComesToLoss() {
    return Eventually([this] { return lost_.load(); });
  }
  absl::Duration now() const { return clock_.SinceBoot(); }

  SimClock clock_;
  std::atomic<bool> lost_{false};
  agent::SelfStop stop_{&clock_};
};

TEST_F(SelfStopTest, ComesWhenTheStopTimeHasPassedSinceTheSendTime) {
  stop_.Acknowledged(now(), absl::Seconds(20));
  stop_.Arm();
  clock_.Advance(absl::Seconds(19));
  stop_.Acknowledged(now() - absl::Seconds(10), absl::Seconds(20));
  clock_.Advance(absl::Seconds(9));
  EXPECT_FALSE(lost_);
  clock_.Advance(absl::Seconds(1));
  Observe();
  EXPECT_TRUE(ComesToLoss());
}

// A process that stood still for too long and whose next hello is answered at once.
TEST_F(SelfStopTest, AnAcknowledgementThatComesWhenTheTimeIsUpChangesNothing) {
  stop_.Acknowledged(now(), absl::Seconds(20));
  stop_.Arm();
  clock_.Advance(absl::Seconds(20));
  stop_.Acknowledged(now(), absl::Seconds(20));
  Observe();
  EXPECT_TRUE(ComesToLoss());
}

TEST_F(SelfStopTest, AtTheGateSilenceCostsNothing) {
  stop_.Acknowledged(now(), absl::Seconds(20));
  clock_.Advance(absl::Hours(1));
  stop_.Acknowledged(now(), absl::Seconds(20));
  stop_.Arm();
  Observe();
  clock_.Advance(absl::Seconds(20));
  EXPECT_TRUE(ComesToLoss());
}

// Nobody counts the silence of one that the database let in; what a coordinator acknowledged before
// it went away does not count either.
TEST_F(SelfStopTest, LetInByTheDatabaseItServesUntilACoordinatorIsHeardAndLost) {
  stop_.Acknowledged(now(), absl::Seconds(20));
  clock_.Advance(absl::Hours(1));
  stop_.ArmWithoutCoordinator();
  Observe();
  clock_.Advance(absl::Hours(1));
  stop_.Acknowledged(now(), absl::Seconds(20));
  EXPECT_FALSE(lost_);
  clock_.Advance(absl::Seconds(20));
  EXPECT_TRUE(ComesToLoss());
}

// Without a database there is nothing to ask, and the patience can be seen.
class DirectAdmissionTest : public ::testing::Test {
 protected:
  DirectAdmissionTest()
      : direct_({.patience = absl::Seconds(15), .clock = &clock_},
                {.gate = [](GateVerdict) { ADD_FAILURE() << "nobody was there to ask"; },
                 .away =
                     [this](const GateVerdict& verdict) {
                       base::MutexLock lock(mu_);
                       told_.push_back(verdict);
                     }}) {}
  size_t told() {
    base::MutexLock lock(mu_);
    return told_.size();
  }

  SimClock clock_;
  base::Mutex mu_;
  std::vector<GateVerdict> told_ ABSL_GUARDED_BY(mu_);
  agent::DirectAdmission direct_;
};

TEST_F(DirectAdmissionTest, HasPatienceAndThenSaysWhatIsMissing) {
  direct_.Start();
  direct_.CoordinatorLost("coordinator at x: refused");
  clock_.Advance(absl::Seconds(14));
  EXPECT_EQ(told(), 0u);
  clock_.Advance(absl::Seconds(1));
  ASSERT_TRUE(Eventually([&] { return told() == 1; }));
  base::MutexLock lock(mu_);
  EXPECT_EQ(told_[0].state, GateState::kWait);
  EXPECT_EQ(told_[0].reason, "connecting");
  EXPECT_EQ(
      told_[0].detail,
      "no coordinator answers (coordinator at x: refused), and the agent was given no database "
      "to ask instead");
  EXPECT_EQ(told_[0].hint, "start a coordinator, or give the agent --database");
  EXPECT_FALSE(direct_.asked());
  EXPECT_FALSE(direct_.Leave(absl::Seconds(1)));
}

TEST_F(DirectAdmissionTest, IsNotNeededWhileACoordinatorAnswersNorOnceTheGateIsOpen) {
  direct_.Start();
  direct_.CoordinatorAnswers();
  clock_.Advance(absl::Hours(1));
  direct_.CoordinatorLost("gone");
  clock_.Advance(absl::Seconds(14));
  direct_.CoordinatorAnswers();
  clock_.Advance(absl::Hours(1));
  direct_.CoordinatorLost("gone");
  direct_.Opened();
  clock_.Advance(absl::Hours(1));
  direct_.Stop();
  EXPECT_EQ(told(), 0u);
}

v1::SessionRequest Heartbeat(int64_t sequence) {
  v1::SessionRequest request;
  request.mutable_heartbeat()->set_sequence(sequence);
  return request;
}

TEST(Outbox, HoldsTheNewestOfEachKind) {
  Outbox outbox;
  outbox.Put(Heartbeat(1));
  outbox.Put(Heartbeat(2));
  const auto taken = outbox.Take();
  ASSERT_TRUE(taken.has_value());
  EXPECT_EQ(taken->heartbeat().sequence(), 2);
  EXPECT_FALSE(outbox.Take().has_value());
}

TEST(Outbox, HelloGoesFirstAndNothingAfterTheGoodbye) {
  Outbox outbox;
  v1::SessionRequest goodbye, hello;
  goodbye.mutable_goodbye();
  hello.mutable_hello();
  outbox.Put(goodbye);
  outbox.Put(Heartbeat(1));
  outbox.Put(hello);
  EXPECT_TRUE(outbox.Take()->has_hello());
  EXPECT_TRUE(outbox.Take()->has_heartbeat());
  EXPECT_FALSE(outbox.is_closed());
  EXPECT_TRUE(outbox.Take()->has_goodbye());
  EXPECT_TRUE(outbox.is_closed());
  outbox.Put(Heartbeat(2));
  EXPECT_FALSE(outbox.Take().has_value());
  outbox.Reset();
  outbox.Put(Heartbeat(3));
  EXPECT_TRUE(outbox.Take().has_value());
}

TEST(Wire, TextIsCutAtACharacterAndAlwaysUtf8) {
  EXPECT_EQ(ToWireText("größer", 100), "größer");
  EXPECT_EQ(ToWireText("größer", 3), "gr");
  EXPECT_EQ(ToWireText("gr\xf6\xdf"
                       "er",
                       100),
            "gr??er");
  EXPECT_EQ(ToWireText("\xf0\x9f\x98\x80!", 4), "\xf0\x9f\x98\x80");
  EXPECT_EQ(ToWireText("\xf0\x9f", 100), "??");
  EXPECT_EQ(ToWireText("", 0), "");
}

// What libpq says of a server that is away has two lines, and a hello with such an error was
// refused.
TEST(Wire, ALineHasNoControlCharacters) {
  EXPECT_EQ(ToWireLine("no such file\n\tIs the server running?", 100),
            "no such file  Is the server running?");
  EXPECT_EQ(ToWireLine("a\x7f"
                       "b\xc2\x85"
                       "c\xf6größer",
                       100),
            "a b c?größer");
  EXPECT_EQ(ToWireLine("größer", 3), "gr");
}

TEST(Wire, ARunSurvivesTheJourney) {
  const apply::LeaseToken token{.epoch = 9, .lease_id = "id"};
  EXPECT_EQ(agent::FromProto(agent::ToProto(token)), token);
  const apply::RunResult result{
      .outcome = apply::RunOutcome::kFailed,
      .committed = 4,
      .error =
          apply::MigrationError{.version = 5, .line = 3, .message = "Nein\xff", .retryable = true}};
  const v1::CompleteRunRequest report = agent::ToProto(token, "session", result);
  EXPECT_EQ(report.outcome(), v1::RUN_OUTCOME_FAILED);
  EXPECT_EQ(report.committed(), 4);
  EXPECT_EQ(report.error().version(), 5);
  EXPECT_EQ(report.error().message(), "Nein?");
  EXPECT_TRUE(report.error().retryable());
}

TEST(Declaration, SaysWhatTheFilesSay) {
  const TempDir dir;
  chain::ChainSum sum;
  sum.entries.push_back({.version = 1, .title = "init", .digest = std::string(32, 'd')});
  sum.entries[0].chain_hash =
      chain::NextChainHash(chain::EmptyChainHash(), 1, "init", sum.entries[0].digest);
  AgentOptions options;
  options.service_file = dir.Write("lockstep.yaml",
                                   "service: billing\nneeds: 1\nadapted_to: 1\nuses: [users]\n"
                                   "on_session_loss: stop\n");
  options.chain_sum = dir.Write("chain.sum", chain::FormatChainSum(sum));
  options.build = "8d02b17";
  const auto declaration = agent::ReadDeclaration(options);
  ASSERT_THAT(declaration, IsOk());
  EXPECT_TRUE(declaration->configured());
  EXPECT_EQ(declaration->service(), "billing");
  EXPECT_EQ(declaration->build(), "8d02b17");
  EXPECT_EQ(declaration->built_for(), 1);
  EXPECT_EQ(declaration->chain_hash(), sum.head_hash());
  EXPECT_EQ(declaration->needs(), 1);
  EXPECT_EQ(declaration->adapted_to(), 1);
  EXPECT_EQ(declaration->uses_size(), 1);
  EXPECT_EQ(declaration->on_session_loss(), v1::ON_SESSION_LOSS_STOP);
}

TEST(Declaration, WithoutFilesIsNotConfigured) {
  const auto declaration = agent::ReadDeclaration({});
  ASSERT_THAT(declaration, IsOk());
  EXPECT_FALSE(declaration->configured());
  EXPECT_EQ(agent::NotConfigured({}).state, GateState::kRefused);
  EXPECT_EQ(agent::NotConfigured({}).reason, "not_configured");
}

TEST(Declaration, EmbeddedFilesDoWhereNoPathIsGiven) {
  chain::ChainSum sum;
  AgentOptions options;
  options.embedded = {.service_file = "service: billing\n",
                      .chain_sum = chain::FormatChainSum(sum)};
  const auto declaration = agent::ReadDeclaration(options);
  ASSERT_THAT(declaration, IsOk());
  EXPECT_TRUE(declaration->configured());
  EXPECT_EQ(declaration->service(), "billing");

  TempDir dir;
  options.service_file = dir.Write("lockstep.yaml", "service: invoices\n");
  const auto by_path = agent::ReadDeclaration(options);
  ASSERT_THAT(by_path, IsOk());
  EXPECT_EQ(by_path->service(), "invoices");

  options.embedded.chain_sum = "no chain.sum";
  const absl::Status broken = agent::ReadDeclaration(options).status();
  EXPECT_THAT(std::string(broken.message()), ::testing::HasSubstr("embedded chain.sum"));
}

TEST(Declaration, AFileThatIsNamedMustBeThere) {
  AgentOptions options;
  options.service_file = "/nonexistent/lockstep.yaml";
  EXPECT_THAT(agent::ReadDeclaration(options), StatusIs(StatusCode::kNotFound));
}

}  // namespace
}  // namespace lockstep::testing
