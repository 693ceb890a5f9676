// What the driver knows of an operation and its agents, to be decided upon.
#ifndef LOCKSTEP_TESTS_COORDINATOR_DECISION_FIXTURE_H_
#define LOCKSTEP_TESTS_COORDINATOR_DECISION_FIXTURE_H_

#include <gtest/gtest.h>
#include <string>
#include <vector>

#include "coordinator/operation/decision.h"

namespace lockstep::coordinator {

inline constexpr absl::Duration kNow = absl::Hours(1);

class DecisionTest : public ::testing::Test {
 protected:
  DecisionTest() {
    view_.chain = {.head = 2, .never_served = false};
    view_.operation = OperationRow{.operation_id = "op", .target = 2};
    view_.pending = {{.version = 1, .phase = sql::Phase::kExpand},
                     {.version = 2, .phase = sql::Phase::kExpand}};
  }

  Member& AddAgent(const std::string& name) {
    Member member;
    member.declaration.session_id = name;
    member.declaration.service = "service";
    member.declaration.instance = name;
    member.declaration.can_migrate = true;
    member.connected = true;
    members_.push_back(member);
    return members_.back();
  }
  void Hold(const std::string& operation) {
    view_.lease = {
        .token = {.epoch = 2}, .held = true, .operation = operation, .first = 1, .last = 2};
  }
  Decision Ask(bool overdue = false) { return Decide(view_, members_, overdue, kNow); }

  DriverView view_;
  std::vector<Member> members_;
};

}  // namespace lockstep::coordinator

#endif  // LOCKSTEP_TESTS_COORDINATOR_DECISION_FIXTURE_H_
