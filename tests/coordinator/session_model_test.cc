// Random lives of a few instances against a model of what is true: whoever is alive and may serve
// counts in the database (so no contract runs under it), whatever leaders, networks and persons do
// meanwhile; and a session stops counting only by a transition that its story allows.
#include <gtest/gtest.h>
#include <map>
#include <random>

#include "coordinator/fleet/eviction.h"
#include "tests/coordinator/session_fleet.h"

namespace lockstep::coordinator {
namespace {

using testing::SessionFleet;

constexpr int kSeeds = 16;
constexpr int kSteps = 70;
constexpr int kNames = 7;

// One start of an instance, as it really is.
struct Life {
  SessionFleet::Agent agent;
  bool stops = false;
  bool alive = true;
  bool connected = true;
  bool said_goodbye = false;
  bool attested = false;    // Since it was last heard.
  bool followed = false;    // A newer start said hello after it was last heard.
  absl::Duration last_ack;  // When a coordinator last acknowledged something it sent.
  absl::Duration last_heard;
  std::unique_ptr<testing::ScriptSession> backend;
};

class SessionModel {
 public:
  explicit SessionModel(unsigned seed) : random_(seed) {}

  void Run() {
    for (int i = 0; i < kNames; ++i) Start(i);
    for (int step = 0; step < kSteps; ++step) {
      Act();
      Check();
      if (::testing::Test::HasFailure()) {
        ADD_FAILURE() << "step " << step << ": " << last_;
        return;
      }
    }
  }
  const std::map<std::string, int>& ends() const { return ends_; }

 private:
  int Roll(int sides) { return static_cast<int>(random_() % static_cast<unsigned>(sides)); }
  absl::Duration now() { return f_.clock().SinceBoot(); }
  absl::Duration ttl() { return f_.durations().session_ttl; }

  Life* Any(const std::function<bool(const Life&)>& fits) {
    std::vector<Life*> some;
    for (auto& life : lives_) {
      if (fits(*life)) some.push_back(life.get());
    }
    return some.empty() ? nullptr : some[static_cast<size_t>(Roll(static_cast<int>(some.size())))];
  }

  void Start(int name) {
    auto life = std::make_unique<Life>();
    life->stops = name % 3 == 0;
    life->agent = f_.Start(absl::StrCat("pod-", name), life->stops);
    life->last_ack = life->last_heard = now();
    if (Roll(2) == 0) Open(*life);
    for (auto& other : lives_) {
      const bool same = other->agent.declaration.instance == life->agent.declaration.instance;
      if (same && !other->connected) other->followed = true;
    }
    lives_.push_back(std::move(life));
  }
  void Open(Life& life) {
    life.backend = f_.lockstep().Session();
    const std::string name = absl::StrCat("service@", life.agent.declaration.instance, "#",
                                          life.agent.declaration.session_id.substr(0, 8));
    EXPECT_TRUE(
        life.backend
            ->Execute("SELECT set_config('application_name', $1, false)", {postgres::Param(name)})
            .ok());
  }
  void Cut(Life& life) {
    f_.Lose(life.agent);
    life.connected = false;
  }
  void Die(Life& life) {
    if (life.connected) Cut(life);
    life.alive = false;
    life.backend = nullptr;
  }
  void Back(Life& life) {
    // A `stop` service that was silent for the stop time has stopped: it does not come back.
    life.agent = f_.Hello(life.agent.declaration);
    life.connected = true;
    life.attested = life.followed = false;
    life.last_ack = life.last_heard = now();
  }

  void Act() {
    const auto alive = [](const Life& l) { return l.alive && l.connected; };
    const auto cut = [](const Life& l) { return l.alive && !l.connected; };
    switch (Roll(9)) {
      case 0:
        last_ = "cut";
        if (Life* l = Any(alive)) Cut(*l);
        return;
      case 1:
        last_ = "crash";
        if (Life* l = Any([](const Life& l) { return l.alive; })) Die(*l);
        return;
      case 2:
        last_ = "back";
        if (Life* l = Any(cut)) Back(*l);
        return;
      case 3:
        last_ = "restart";
        if (Life* l = Any([](const Life& l) { return !l.alive; })) {
          Restart(*l);
        }
        return;
      case 4:
        last_ = "goodbye";
        if (Life* l = Any(alive)) {
          f_.Lose(l->agent, true);
          l->said_goodbye = true;
          Die(*l);
        }
        return;
      case 5:
        last_ = "attest";  // By an honest person.
        if (Life* l = Any([](const Life& l) { return !l.alive && !l.said_goodbye; })) {
          const auto attested =
              f_.fleet().Attest(f_.lockstep().leader(), l->agent.declaration.session_id,
                                {.actor = "ann", .reason = "it is"});
          l->attested = l->attested || attested.ok();
        }
        return;
      case 6:
        last_ = "leader change";
        ChangeLeader();
        return;
      default:
        last_ = "time";
        Pass(absl::Seconds(2 + Roll(80)));
        return;
    }
  }
  void Restart(const Life& dead) {
    const std::string& name = dead.agent.declaration.instance;
    const bool taken = Any([&](const Life& l) {
                         return l.alive && l.agent.declaration.instance == name;
                       }) != nullptr;
    if (!taken) Start(std::stoi(name.substr(4)));
  }
  void ChangeLeader() {
    f_.ChangeLeader();
    settled_by_ = now() + ttl() + f_.durations().admission_validity;
    f_.settled = false;
    for (auto& life : lives_) {
      if (!life->connected) continue;
      life->connected = false;
      // Some find the new leader at once, some later.
      if (life->alive && Roll(3) > 0) Back(*life);
    }
  }
  void Pass(absl::Duration time) {
    for (; time > absl::ZeroDuration(); time -= absl::Seconds(2)) {
      f_.clock().Advance(absl::Seconds(2));
      f_.settled = now() > settled_by_;
      f_.Beat();
      for (auto& life : lives_) {
        if (life->connected) life->last_ack = life->last_heard = now();
        const bool lost = life->alive && life->stops && !life->connected &&
                          now() - life->last_ack >= f_.durations().stop_after;
        if (lost) Die(*life);  // It keeps its promise.
      }
      f_.fleet().Sweep();
      Check();
      if (::testing::Test::HasFailure()) return;
    }
  }

  void Check() {
    const auto rows = f_.lockstep().db().Query(
        "SELECT session_id, state, coalesce(end_rule, '') FROM lockstep.session");
    std::map<std::string, std::pair<std::string, std::string>> states;
    for (const auto& row : rows.rows) states[row.Text(0)] = {row.Text(1), row.Text(2)};
    for (const auto& life : lives_) {
      const auto& [state, rule] = states[life->agent.declaration.session_id];
      const bool counts = state == "live" || state == "draining" || state == "suspect";
      const std::string who = absl::StrCat(life->agent.declaration.instance, " ", state, " ", rule);
      if (life->alive) {
        EXPECT_TRUE(counts) << "alive, and it does not count: " << who;  // I7, I9.
      }
      if (!counts) CheckEnd(*life, rule, who);  // I11.
    }
  }
  void CheckEnd(Life& life, const std::string& rule, const std::string& who) {
    const absl::Duration silent = now() - life.last_heard;
    if (rule == "goodbye") {
      EXPECT_TRUE(life.said_goodbye) << who;
    } else if (rule == "ttl") {
      EXPECT_TRUE(life.stops && silent > ttl()) << who;
    } else if (rule == "attested") {
      EXPECT_TRUE(life.attested && silent >= ttl() * 2) << who;
    } else if (rule == "newer start") {
      EXPECT_TRUE(life.followed && silent >= ttl() * 2) << who;
    } else {
      ADD_FAILURE() << "no rule ends it: " << who;
    }
    if (counted_.insert(life.agent.declaration.session_id).second) ++ends_[rule];
  }

  SessionFleet f_;
  std::mt19937 random_;
  std::vector<std::unique_ptr<Life>> lives_;
  absl::Duration settled_by_ = absl::ZeroDuration();
  std::set<std::string> counted_;
  std::map<std::string, int> ends_;
  std::string last_;
};

TEST(SessionModel, WhoeverIsAliveCountsAndNobodyEndsWithoutARule) {
  std::map<std::string, int> ends;
  for (unsigned seed = 1; seed <= kSeeds; ++seed) {
    SCOPED_TRACE(absl::StrCat("seed ", seed));
    SessionModel model(seed);
    model.Run();
    if (HasFailure()) return;
    for (const auto& [rule, count] : model.ends()) ends[rule] += count;
  }
  // A run that never ended anybody has shown nothing.
  for (const char* rule : {"goodbye", "ttl", "attested", "newer start"}) {
    EXPECT_GE(ends[rule], 5) << rule;
  }
}

}  // namespace
}  // namespace lockstep::coordinator
