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

#include "engine/base/mutex.h"
#include "tests/support/postgres_server.h"
#include "tests/support/temp_dir.h"

namespace lockstep::testing {

enum class AfterCut {
  kEndBoth,
  kKeepServer,  // The server does not know yet: its side stays open until TellServer.
};

class CuttingProxy {
 public:
  CuttingProxy(const PostgresServer& server, std::string text, AfterCut after = AfterCut::kEndBoth);
  ~CuttingProxy();

  const std::string& directory() const { return directory_.path(); }
  bool was_cut() const { return cut_; }
  int connections_since_cut() const { return since_cut_; }
  void TellServer();

 private:
  void Accept();
  void Serve(int client);
  // Passes one buffer on; returns false at the end of the stream and at the cut, which it tells.
  bool Pass(int from, int to, bool is_client, bool* cut);
  void AwaitTold();

  const std::string target_;
  const std::string text_;
  const TempDir directory_;
  const int listener_;
  std::atomic<bool> cut_ = false;
  std::atomic<int> since_cut_ = 0;
  std::atomic<bool> stopping_ = false;
  base::Mutex told_mu_;
  base::CondVar told_;
  bool keeps_server_ ABSL_GUARDED_BY(told_mu_);
  std::thread acceptor_;
  base::Mutex mu_;
  std::vector<std::thread> connections_ ABSL_GUARDED_BY(mu_);
};

}  // namespace lockstep::testing

#endif  // LOCKSTEP_TESTS_APPLY_CUTTING_PROXY_H_
