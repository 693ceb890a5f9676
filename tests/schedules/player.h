// Plays stories: drives the coordinator step by step, stops a holder where the story says, lets
// happen what it says, and goes on without faults until everything is applied. Then it looks
// whether the promises were kept:
//
//   - each counter is exactly 1, each version has exactly one history row, and the chain is at
//   rest;
//   - no version was committed under a token that had been taken back, or was not the newest
//   granted;
//   - what a deposed leader tries is refused;
//   - all of it comes to its end, and no session of a holder is left.
//
// Which holder does what when is decided by the story alone. What runs between two of its points
// runs freely, so the finest interleavings differ from play to play.
#ifndef LOCKSTEP_TESTS_SCHEDULES_PLAYER_H_
#define LOCKSTEP_TESTS_SCHEDULES_PLAYER_H_

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "tests/schedules/tally.h"
#include "tests/schedules/world.h"

namespace lockstep::testing {

class Player {
 public:
  // Both must outlive it.
  Player(World& world, Tally& tally);

  // Returns what was violated; empty when nothing was. After a violation the world is not fit for
  // another story.
  std::vector<std::string> Play(const Story& story);

 private:
  struct Offered {
    int slot = 0;
    coordinator::LeaseOffer offer;
  };
  // A run that somebody applies.
  struct Attempt {
    int slot = 0;
    coordinator::LeaseToken token;
    bool silent = false;
    bool twin = false;  // Of a holder with the same token.
  };

  // To the next run, or to the end of the operation at its target: then absent.
  std::optional<Offered> Drive();
  void GoOn(const coordinator::OperationRow& operation);
  void StartOperation();
  std::optional<Offered> TakeOffer();
  void ChooseHolder();

  void Apply(const Offered& offered, const Try* plan);
  absl::StatusOr<apply::RunSpec> Fetch(const coordinator::LeaseOffer& offer);
  bool StopAt(const Try& plan, int slot);
  bool Stands(const Try& plan, int slot);
  void Inject(const Try& plan, const Attempt& attempt);
  void GoOnAfter(const Try& plan, const Attempt& attempt);
  bool MayLinger(const Try& plan, const Attempt& attempt);
  void ChangeLeader(const coordinator::LeaseToken& held);
  void Race(int microseconds, int slot);
  // One with a token that is or was another's, not on slot `but`.
  void StartAnother(const apply::RunSpec& spec, int but);
  void StartTwin(const Try& plan, int but);
  void Release(int slot);
  void AwaitEnd(int slot);
  void EndLingering();
  // Takes the result of a holder that has ended and, unless silent, reports it.
  void Finish(const Attempt& attempt);
  void EndOthers();
  void Count(const Attempt& attempt, const apply::RunResult& result);
  void Happened(const Try& plan);
  std::optional<int> FreeSlot(int but) const;

  void Check(int64_t revision);
  void Violated(const std::string& what) { violations_.push_back(what); }
  std::string Scalar(const std::string& sql) { return world_.db().Scalar(sql); }

  World& world_;
  Tally& tally_;
  std::unique_ptr<Leader> leader_;

  // Of the story that is played.
  std::unique_ptr<Leader> deposed_;
  std::string operation_;
  int operations_ = 0;
  Version first_ = 0;
  Version last_ = 0;
  int chosen_ = 0;
  std::optional<Attempt> lingering_;
  std::optional<Attempt> other_;  // A twin, or one with an old token.
  std::vector<apply::RunSpec> specs_;
  bool fault_happened_ = false;
  bool cut_after_commit_ = false;
  int refused_before_ = 0;
  std::vector<std::string> violations_;
};

}  // namespace lockstep::testing

#endif  // LOCKSTEP_TESTS_SCHEDULES_PLAYER_H_
