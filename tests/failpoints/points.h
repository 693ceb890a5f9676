// Every failpoint of the programs with the scene that leads past it, and the cells of the matrix
// {failpoint} x {kill, stop, reset, error}. points_test holds the list against the sources.
#ifndef LOCKSTEP_TESTS_FAILPOINTS_POINTS_H_
#define LOCKSTEP_TESTS_FAILPOINTS_POINTS_H_

#include <string>
#include <vector>

namespace lockstep::testing {

// What else happens while the upgrade runs.
enum class Scene {
  kUpgrade,   // Nothing.
  kGroups,    // The database was never served, so neighbours share transactions.
  kBuild,     // An old snapshot keeps the concurrent build of an index from ending.
  kTakeover,  // The leader is killed in the middle of the upgrade.
  kRevoke,    // The holder stops with its transaction open.
  kExpire,    // An instance dies.
  kContract,  // A contract waits for an instance that leaves.
};

struct Point {
  const char* name;  // "agent.X": armed in the agents; "leader.X": in the coordinators.
  int hit;           // Which of a process's hits it acts on.
  Scene scene = Scene::kUpgrade;
};

struct Cell {
  Point point;
  std::string action;  // "kill", "stop", "reset", "error".
  std::string name() const;
};

const std::vector<Point>& Points();
const std::vector<std::string>& Actions();

std::vector<Cell> AllCells();
// Each point once, with the actions in turn: what every run of the tests does.
std::vector<Cell> SampleCells();
// The cells whose name begins with `prefix`, e.g. "agent.before_commit" or
// "leader.before_send=kill".
std::vector<Cell> CellsNamed(const std::string& prefix);

}  // namespace lockstep::testing

#endif  // LOCKSTEP_TESTS_FAILPOINTS_POINTS_H_
