// The wire between one holder and PostgreSQL, which a schedule can stop at chosen messages, cut,
// and close for new connections.
//
//   wire.StopAt(WirePoint::kCommit, 0);      // the next COMMIT does not get through
//   signal.Await([&] { return wire.stopped(); }, kPatience);
//   wire.Cut(Side::kClient);                 // the client sees an end, the server does not yet
//   wire.Reset();                            // whole again
#ifndef LOCKSTEP_TESTS_SCHEDULES_WIRE_H_
#define LOCKSTEP_TESTS_SCHEDULES_WIRE_H_

#include <atomic>
#include <memory>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "absl/base/thread_annotations.h"

#include "engine/base/mutex.h"
#include "tests/schedules/signal.h"
#include "tests/support/postgres_server.h"
#include "tests/support/temp_dir.h"

namespace lockstep::testing {

enum class WirePoint {
  kNone,
  kOpen,       // The message with lockstep.open is on its way to the server.
  kCommit,     // The COMMIT is on its way to the server.
  kCommitted,  // The answer to the COMMIT is on its way to the client.
};

enum class Side { kClient, kBoth };

// Thread-safe. A connection has a thread of its own.
class Wire {
 public:
  // `server` and `signal` must outlive the wire; `signal` is told when something stops.
  Wire(const PostgresServer& server, Signal& signal);
  ~Wire();

  // For " host=" of a connection string.
  const std::string& directory() const { return directory_.path(); }

  // Stops the message number `nth`, from 0, of those that pass `point` from now on.
  void StopAt(WirePoint point, int nth);
  // Whether something stands at that point.
  bool stopped() const;
  // Lets what stands there go on, and stops nothing any more.
  void Pass();
  // Ends all present connections. With kClient the server's side stays open until Reset: the server
  // does not know.
  void Cut(Side side);
  // New connections end at once, until Reset.
  void Refuse();
  // Ends everything and returns to a wire that only passes on.
  void Reset();

 private:
  struct Connection {
    int client = -1;
    int server = -1;
    bool cut = false;
    bool keep_server = false;
    bool committing = false;  // The COMMIT has passed, its answer has not.
  };

  void Accept();
  void Serve(Connection& connection);
  // Passes one buffer on; false at the end of the stream and after a cut.
  bool Pass(Connection& connection, bool from_client);
  // Waits while `point` is where the connection has to stop; false when it was cut meanwhile.
  bool StandAt(Connection& connection, WirePoint point);
  void EndAll(bool keep_servers);

  const std::string target_;
  Signal& signal_;
  const TempDir directory_;
  const int listener_;
  std::atomic<bool> stopping_ = false;
  std::thread acceptor_;

  mutable base::Mutex mu_;
  base::CondVar changed_;
  WirePoint point_ ABSL_GUARDED_BY(mu_) = WirePoint::kNone;
  int passes_ ABSL_GUARDED_BY(mu_) = 0;  // How many messages still pass the point.
  bool stopped_ ABSL_GUARDED_BY(mu_) = false;
  bool refusing_ ABSL_GUARDED_BY(mu_) = false;
  std::vector<std::unique_ptr<Connection>> connections_ ABSL_GUARDED_BY(mu_);
  std::vector<std::thread> threads_ ABSL_GUARDED_BY(mu_);
  std::vector<int> kept_ ABSL_GUARDED_BY(mu_);  // Server's sides without a client.
};

}  // namespace lockstep::testing

#endif  // LOCKSTEP_TESTS_SCHEDULES_WIRE_H_
