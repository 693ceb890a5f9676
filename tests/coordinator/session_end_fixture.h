// Sessions that end without a goodbye, on a simulated clock.
#ifndef LOCKSTEP_TESTS_COORDINATOR_SESSION_END_FIXTURE_H_
#define LOCKSTEP_TESTS_COORDINATOR_SESSION_END_FIXTURE_H_

#include <gtest/gtest.h>
#include <memory>
#include <string>

#include "tests/coordinator/session_fleet.h"

namespace lockstep::coordinator {

class SessionEndTest : public ::testing::Test {
 protected:
  using Agent = testing::SessionFleet::Agent;

  absl::Duration ttl() const { return f_.durations().session_ttl; }
  // The row of a suspect one, after a crash.
  Agent Crashed(const std::string& name) {
    const Agent agent = f_.Start(name);
    f_.Lose(agent);
    f_.Pass(ttl() + absl::Seconds(2));
    EXPECT_EQ(f_.StateOf(agent), "suspect");
    return agent;
  }
  // The same process id after a restart: another session and nonce.
  Agent Restarted(const Agent& old) {
    Declaration declaration = f_.lockstep().Instance(old.declaration.instance, 0);
    return f_.Hello(declaration);
  }
  absl::Status Attest(const Agent& agent) {
    return f_.fleet().Attest(f_.lockstep().leader(), agent.declaration.session_id,
                             {.actor = "ann@desk", .reason = "node 7 burned down"});
  }
  // A connection to the database that calls itself `name`.
  std::unique_ptr<testing::ScriptSession> Backend(const std::string& name) {
    auto session = f_.lockstep().Session();
    EXPECT_THAT(session->Execute("SELECT set_config('application_name', $1, false)",
                                 {postgres::Param(name)}),
                testing::IsOk());
    return session;
  }
  std::string MarkOf(const Agent& agent) { return agent.declaration.session_id.substr(0, 8); }
  std::string EventDetail(const std::string& kind, const std::string& key) {
    return f_.lockstep().db().Scalar(
        "SELECT coalesce((SELECT detail ->> $2 FROM lockstep.event WHERE kind = $1 ORDER BY "
        "revision DESC LIMIT 1), '')",
        {postgres::Param(kind), postgres::Param(key)});
  }

  testing::SessionFleet f_;
};

}  // namespace lockstep::coordinator

#endif  // LOCKSTEP_TESTS_COORDINATOR_SESSION_END_FIXTURE_H_
