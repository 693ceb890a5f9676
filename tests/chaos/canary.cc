// A service of the chaos suite, started by its agent once the gate is open: every 50 ms it runs the
// queries its build was made with, as the build expects the database to be, and tells what it finds
// in DIRECTORY/canaries.log:
//
//   violation INVARIANT WHO TEXT
//   excused WHO TEXT              something was lost with the write-ahead log of a failover
//
// How many queries ran is counted in DIRECTORY/canary-queries (eight bytes, shared).
//
// A query that fails because something is missing is a violation, unless the database says that the
// version the build needs is not applied (any more) and the database failed over since the service
// was let in: then a version was undone, and no gate can take that back.
#include <atomic>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fcntl.h>
#include <fstream>
#include <string>
#include <sys/mman.h>
#include <unistd.h>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include <libpq-fe.h>

namespace {

constexpr absl::Duration kPause = absl::Milliseconds(50);
constexpr int kRoundsPerLook = 10;  // At the own session.
// So long around a failover a row that is not there proves nothing.
constexpr absl::Duration kFailoverShadow = absl::Seconds(30);
// A service that did not run for so long looks at its session before it queries again.
constexpr absl::Duration kGap = absl::Seconds(1);

struct Arguments {
  std::string conninfo, service, instance, loss, queries, directory, session;
  int needs = 0;
};

class Canary {
 public:
  explicit Canary(Arguments arguments) : a_(std::move(arguments)) {
    std::ifstream file(a_.queries);
    for (std::string line; std::getline(file, line);) queries_.push_back(line);
    const int fd =
        open((a_.directory + "/canary-queries").c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644);
    (void)!ftruncate(fd, sizeof(int64_t));
    void* const mapped = mmap(nullptr, sizeof(int64_t), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (mapped != MAP_FAILED) count_ = static_cast<std::atomic<int64_t>*>(mapped);
    close(fd);
  }
  ~Canary() { PQfinish(connection_); }

  int Run() {
    absl::Time last = absl::Now();
    for (int round = 0; !Stopped(kPause); ++round) {
      if (!Connected()) continue;
      if (round % kRoundsPerLook == 0 || absl::Now() - last > kGap) {
        if (!LookAtSession(round == 0)) return 3;
      }
      for (const std::string& query : queries_) {
        if (!Stopped()) Ask(query);
      }
      last = absl::Now();
    }
    return 0;
  }

 private:
  struct Answer {
    bool ok = false;
    std::string value;     // Of the first column; "" without rows.
    std::string sqlstate;  // Empty for a connection that was lost.
    std::string message;
  };

  // Whether SIGTERM, which is blocked, has come; waits for it as long as that.
  bool Stopped(absl::Duration wait = absl::ZeroDuration()) {
    sigset_t term;
    sigemptyset(&term);
    sigaddset(&term, SIGTERM);
    const timespec limit = absl::ToTimespec(wait);
    stopped_ = stopped_ || sigtimedwait(&term, nullptr, &limit) == SIGTERM;
    return stopped_;
  }

  bool Connected() {
    if (connection_ != nullptr && PQstatus(connection_) == CONNECTION_OK) return true;
    PQfinish(connection_);
    // Its name comes from the agent, as PGAPPNAME: it tells this start from those before.
    const std::string all =
        absl::StrCat(a_.conninfo, " connect_timeout=2 options='-c statement_timeout=5000'");
    connection_ = PQconnectdb(all.c_str());
    return PQstatus(connection_) == CONNECTION_OK;
  }

  Answer Query(const std::string& sql) {
    PGresult* const result = PQexec(connection_, sql.c_str());
    Answer answer{.ok = PQresultStatus(result) == PGRES_TUPLES_OK};
    if (answer.ok && PQntuples(result) > 0) answer.value = PQgetvalue(result, 0, 0);
    const char* const state = PQresultErrorField(result, PG_DIAG_SQLSTATE);
    answer.sqlstate = state == nullptr ? "" : state;
    answer.message = PQresultErrorMessage(result);
    PQclear(result);
    while (!answer.message.empty() && answer.message.back() == '\n') answer.message.pop_back();
    return answer;
  }

  // As the build expects it: the answer is "t".
  static bool IsWrong(const Answer& answer) {
    if (answer.ok) return answer.value != "t";
    return absl::StartsWith(answer.sqlstate, "42");
  }

  void Ask(const std::string& query) {
    const Answer first = Query(query);
    if (count_ != nullptr) count_->fetch_add(1);
    if (!IsWrong(first)) return;
    // What the database says now, then the same question again: applied does not decrease between
    // failovers, so a build whose needs are met both times must be served.
    const Answer applied = Query("SELECT applied FROM lockstep.chain");
    const Answer again = Query(query);
    int version = 0;
    if (!applied.ok || !absl::SimpleAtoi(applied.value, &version) || !IsWrong(again)) return;
    const std::string what =
        absl::StrCat("needs ", a_.needs, ", applied ", version, ": ", query, ": ",
                     again.ok ? absl::StrCat("'", again.value, "'") : again.message);
    if (version < a_.needs && InShadow(absl::Now() - started_ + kFailoverShadow)) {
      Tell("excused", what);
    } else {
      Tell("violation I7", what);
      (void)Stopped(absl::Seconds(1));
    }
  }

  // Looks at the own session. Returns false when this service has to stop itself.
  bool LookAtSession(bool first) {
    const bool shadow_before = InShadow(kFailoverShadow);
    const Answer session = Query(absl::StrCat(
        "SELECT coalesce((SELECT s.state FROM lockstep.session s WHERE s.session_id = '",
        a_.session, "'), 'none')"));
    if (!session.ok) return true;
    if (first && session.value == "none" && !shadow_before && !InShadow(kFailoverShadow)) {
      Tell("violation I10", "it serves and there is no session of it");
    }
    if (session.value != "expired" && session.value != "closed") return true;
    if (a_.loss == "stop") return false;
    if (!Stopped()) Tell("violation I11", "it serves and its session is " + session.value);
    return true;
  }

  // Whether the address of the database moved lately; the suite touches the file beforehand.
  bool InShadow(absl::Duration shadow) const {
    std::ifstream file(a_.directory + "/failover");
    double at = 0;
    if (!(file >> at)) return false;
    return absl::Now() - absl::FromUnixMillis(static_cast<int64_t>(at * 1000)) < shadow;
  }

  void Tell(const std::string& kind, const std::string& text) const {
    const int fd = open((a_.directory + "/canaries.log").c_str(),
                        O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0644);
    const std::string line = absl::StrCat(kind, " ", a_.service, "@", a_.instance, " ", text, "\n");
    (void)!write(fd, line.data(), line.size());
    close(fd);
  }

  const Arguments a_;
  const absl::Time started_ = absl::Now();  // The gate opened a moment before.
  std::vector<std::string> queries_;
  std::atomic<int64_t>* count_ = nullptr;
  PGconn* connection_ = nullptr;
  bool stopped_ = false;
};

}  // namespace

int main(int argc, char** argv) {
  if (argc != 8) {
    std::fprintf(
        stderr,
        "usage: chaos_canary CONNINFO SERVICE INSTANCE keep|stop NEEDS QUERIES DIRECTORY\n");
    return 2;
  }
  const char* const session = std::getenv("LOCKSTEP_SESSION");
  if (session == nullptr) {
    std::fprintf(stderr, "chaos_canary: no LOCKSTEP_SESSION: it is started by its agent\n");
    return 2;
  }
  sigset_t term;
  sigemptyset(&term);
  sigaddset(&term, SIGTERM);
  sigprocmask(SIG_BLOCK, &term, nullptr);
  Arguments arguments{.conninfo = argv[1],
                      .service = argv[2],
                      .instance = argv[3],
                      .loss = argv[4],
                      .queries = argv[6],
                      .directory = argv[7],
                      .session = session,
                      .needs = std::atoi(argv[5])};
  return Canary(std::move(arguments)).Run();
}
