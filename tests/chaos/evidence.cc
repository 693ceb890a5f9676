#include "tests/chaos/evidence.h"

#include <cstring>
#include <filesystem>
#include <fstream>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/string_view.h"

namespace lockstep::chaos {
namespace {

struct Mark {
  const char* count;
  const char* text;  // Of a line.
};

// In the logs of servers.
constexpr Mark kServerMarks[] = {
    {"fenced holders", "was taken over"},
    {"statements that met a full disk", "No space left on device"},
    {"clients turned away, no connection left", "too many clients already"},
    {"lock timeouts", "canceling statement due to lock timeout"},
};

// In those of lockstep's processes.
constexpr Mark kProgramMarks[] = {
    {"fenced holders", "backend of a revoked run terminated"},
    {"commits in doubt", "commit in doubt"},
    {"commits in doubt", "COMMIT_IN_DOUBT"},
    {"runs revoked", "\"msg\":\"run revoked\""},
    {"services that stopped themselves", "session lost: the service stops itself"},
    {"builds refused at a barrier", "\"reason\":\"draining\""},
    {"builds refused behind a contract", "\"reason\":\"too_old\""},
    {"gates opened", "\"msg\":\"gate opened\""},
};

// Nobody may write this.
constexpr Mark kTripwires[] = {
    {"I4", "CHAOS: two backends run migrations at once"},
    {"crash", "PANIC:"},
    {"crash", "TRAP:"},
    {"crash", "Check failed"},
    {"crash", "terminate called"},
    {"crash", "pure virtual"},
    {"crash", "duplicate key value violates unique constraint \"history_pkey\""},
};

void ReadLog(const std::string& path, const auto& marks, Journal* journal) {
  std::ifstream file(path);
  for (std::string line; std::getline(file, line);) {
    for (const Mark& mark : marks) {
      if (absl::StrContains(line, mark.text)) journal->Count(mark.count);
    }
    for (const Mark& wire : kTripwires) {
      if (absl::StrContains(line, wire.text)) {
        journal->Violation(wire.count, absl::StrCat(path, ": ", line.substr(0, 300)));
      }
    }
  }
}

}  // namespace

void ReadCanaries(const std::string& directory, Journal* journal) {
  std::ifstream file(directory + "/canaries.log");
  for (std::string line; std::getline(file, line);) {
    const std::vector<std::string> words = absl::StrSplit(line, absl::MaxSplits(' ', 2));
    if (words.size() == 3 && words[0] == "violation") {
      journal->Violation(words[1], words[2]);
    } else {
      journal->Count("canary answers excused by a loss");
    }
  }
  int64_t queries = 0;
  std::ifstream counter(directory + "/canary-queries", std::ios::binary);
  counter.read(reinterpret_cast<char*>(&queries), sizeof(queries));
  journal->Raise("canary queries", queries);
}

void ReadLogs(const std::string& directory, const std::vector<std::string>& server_logs,
              Journal* journal) {
  for (const std::string& log : server_logs) ReadLog(log, kServerMarks, journal);
  for (const auto& entry : std::filesystem::directory_iterator(directory)) {
    const std::string path = entry.path().string();
    const bool server = absl::StrContains(path, "/postgres-");
    if (absl::EndsWith(path, ".log") && !server) ReadLog(path, kProgramMarks, journal);
  }
}

const std::vector<Requirement>& Required() {
  static const auto* const required = new std::vector<Requirement>{
      {"fenced holders", "freeze_agent", "a holder that came back after its run was taken"},
      {"commits in doubt", "lose_answer", "a COMMIT whose answer was lost"},
      {"expired sessions", "lose_instance", "a session that ended by time"},
      {"migrators refused behind a pooler", "", "an agent behind a transaction pooler"},
      {"adopted", "orphan_index", "an index that a dead agent's server finished"},
      {"leader changes", "kill_coordinator", "another leader"},
      {"timelines lost", "failover", "a failover"},
      {"canary queries", "", "services that ask"},
      {"migrations applied", "", "something to apply"},
  };
  return *required;
}

}  // namespace lockstep::chaos
