// A wire between a client and PostgreSQL that is cut at a chosen moment: when the client sends a
// message with a chosen text, which never arrives. Later connections pass.
//
//   CuttingProxy proxy(db.server(), "COMMIT");
//   spec.conninfo = absl::StrCat(db.conninfo(agent), " host=", proxy.directory());
#ifndef LOCKSTEP_TESTS_APPLY_CUTTING_PROXY_H_
#define LOCKSTEP_TESTS_APPLY_CUTTING_PROXY_H_

#include <atomic>
#include <string>
#include <thread>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/time/time.h"

#include "engine/base/mutex.h"
#include "tests/support/postgres_server.h"
#include "tests/support/temp_dir.h"

namespace lockstep::testing {

class CuttingProxy {
 public:
  // After the cut the server's side stays open for `linger`: it does not know yet.
  CuttingProxy(const PostgresServer& server, std::string text,
               absl::Duration linger = absl::ZeroDuration());
  ~CuttingProxy();

  const std::string& directory() const { return directory_.path(); }
  bool was_cut() const { return cut_; }

 private:
  void Accept();
  void Serve(int client);
  // Passes one buffer on; returns false at the end of the stream and at the cut.
  bool Pass(int from, int to, bool is_client);

  const std::string target_;
  const std::string text_;
  const absl::Duration linger_;
  const TempDir directory_;
  int listener_ = -1;
  std::atomic<bool> cut_ = false;
  std::atomic<bool> stopping_ = false;
  std::thread acceptor_;
  base::Mutex mu_;
  std::vector<std::thread> connections_ ABSL_GUARDED_BY(mu_);
};

}  // namespace lockstep::testing

#endif  // LOCKSTEP_TESTS_APPLY_CUTTING_PROXY_H_
