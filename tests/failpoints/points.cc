#include "tests/failpoints/points.h"

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"

namespace lockstep::testing {

std::string Cell::name() const {
  return absl::StrCat(point.name, point.scene == Scene::kGroups ? "/groups" : "", "=", action);
}

const std::vector<Point>& Points() {
  // The hits are in the middle of the chain; the first connection of an agent is its probe.
  static const auto* const points = new std::vector<Point>{
      {"agent.before_connect", 2},
      {"agent.after_open", 3},
      {"agent.before_statement", 4},
      {"agent.after_statement", 4},
      {"agent.before_close", 3},
      {"agent.after_close", 3},
      {"agent.before_commit", 3},
      {"agent.after_commit_before_ack", 3},
      {"agent.before_report", 1},
      {"agent.after_lock", 1},
      {"agent.after_intent", 1},
      {"agent.mid_statement", 1, Scene::kBuild},
      {"agent.after_alone", 1},
      {"agent.before_record", 1},
      {"agent.after_open", 1, Scene::kGroups},
      {"agent.before_close", 1, Scene::kGroups},
      {"agent.after_close", 1, Scene::kGroups},
      {"agent.before_commit", 1, Scene::kGroups},
      {"agent.after_commit_before_ack", 1, Scene::kGroups},
      {"leader.before_grant_commit", 1},
      {"leader.after_grant_commit", 1},
      {"leader.before_send", 1},
      {"leader.before_revoke", 1, Scene::kRevoke},
      {"leader.after_terminate", 1, Scene::kRevoke},
      {"leader.before_expire", 1, Scene::kExpire},
      {"leader.after_takeover", 1, Scene::kTakeover},
      {"leader.in_settle", 1, Scene::kTakeover},
      {"leader.barrier_set", 1, Scene::kContract},
      {"leader.barrier_clear", 1, Scene::kContract},
  };
  return *points;
}

const std::vector<std::string>& Actions() {
  static const auto* const actions = new std::vector<std::string>{"kill", "stop", "reset", "error"};
  return *actions;
}

std::vector<Cell> AllCells() {
  std::vector<Cell> cells;
  for (const Point& point : Points()) {
    for (const std::string& action : Actions()) cells.push_back({point, action});
  }
  return cells;
}

std::vector<Cell> SampleCells() {
  std::vector<Cell> cells;
  size_t turn = 0;
  for (const Point& point : Points()) {
    cells.push_back({point, Actions()[turn++ % Actions().size()]});
  }
  return cells;
}

std::vector<Cell> CellsNamed(const std::string& prefix) {
  std::vector<Cell> cells;
  for (Cell& cell : AllCells()) {
    if (absl::StartsWith(cell.name(), prefix)) cells.push_back(std::move(cell));
  }
  return cells;
}

}  // namespace lockstep::testing
