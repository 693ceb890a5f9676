#include "tests/schedules/story.h"

#include "absl/strings/str_cat.h"

namespace lockstep::testing {
namespace {

// The library's distributions differ from machine to machine; this does not.
class Dice {
 public:
  Dice(uint64_t seed, int number) {
    std::seed_seq sequence{static_cast<uint32_t>(seed), static_cast<uint32_t>(seed >> 32),
                           static_cast<uint32_t>(number)};
    random_.seed(sequence);
  }
  // 0 ... sides - 1.
  int Throw(int sides) { return static_cast<int>(random_() % static_cast<uint64_t>(sides)); }
  bool OneIn(int sides) { return Throw(sides) == 0; }

 private:
  std::mt19937_64 random_;
};

// The head start of a race is up to this: about what a run takes.
constexpr int kMaxHeadStart = 3000;

// Most faults can happen anywhere.
Point DrawPoint(Dice& dice, Fault fault) {
  if (fault == Fault::kBlocked) return Point::kOpened;
  return static_cast<Point>(dice.Throw(kPoints));
}

}  // namespace

absl::string_view NameOf(Point point) {
  static constexpr std::array<absl::string_view, kPoints> kNames = {
      "before open",   "after open", "in statement", "before close",
      "before COMMIT", "in COMMIT",  "after COMMIT"};
  return kNames[static_cast<size_t>(point)];
}

absl::string_view NameOf(Fault fault) {
  static constexpr std::array<absl::string_view, kFaults> kNames = {
      "lease expires",       "lease expires in a race",
      "operation cancelled", "operation paused",
      "backend ended",       "connection cut",
      "partition",           "agent stops",
      "twin of a token",     "new leader",
      "stale token",         "lock blocker"};
  return kNames[static_cast<size_t>(fault)];
}

Story DrawStory(uint64_t seed, int number) {
  Dice dice(seed, number);
  Story story{.seed = seed, .number = number};
  story.versions = dice.OneIn(3) ? 2 + dice.Throw(2) : 1;
  const int tries = dice.OneIn(3) ? 2 + dice.Throw(2) : 1;
  for (int i = 0; i < tries; ++i) {
    Try a;
    a.fault = static_cast<Fault>(dice.Throw(kFaults));
    a.point = DrawPoint(dice, a.fault);
    a.version = dice.Throw(story.versions);
    a.lingers = dice.OneIn(2);
    a.silent = dice.OneIn(4);
    a.microseconds = dice.Throw(kMaxHeadStart);
    story.tries.push_back(a);
  }
  // An old token needs a run before it.
  if (story.tries.front().fault == Fault::kStale) story.tries.front().fault = Fault::kExpire;
  story.stale_at_end = dice.OneIn(4);
  return story;
}

std::string Describe(const Story& story) {
  std::string text = absl::StrCat("seed ", story.seed, " number ", story.number, ": ",
                                  story.versions, " version(s)");
  for (const Try& a : story.tries) {
    absl::StrAppend(&text, "; ", NameOf(a.fault), " ", NameOf(a.point), " of ", a.version + 1,
                    a.lingers ? ", lingers" : "", a.silent ? ", silent" : "");
  }
  if (story.stale_at_end) text += "; stale token at the end";
  return text;
}

}  // namespace lockstep::testing
