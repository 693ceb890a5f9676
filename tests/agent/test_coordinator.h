// A coordinator that does what a test tells it: the wire without anything behind it.
//
//   TestCoordinator coordinator;
//   coordinator.WaitForStream(1);                    // the first hello was welcomed
//   coordinator.Send(GateResponse(...));
//   coordinator.Break();                             // the stream that is up
#ifndef LOCKSTEP_TESTS_AGENT_TEST_COORDINATOR_H_
#define LOCKSTEP_TESTS_AGENT_TEST_COORDINATOR_H_

#include <functional>
#include <grpcpp/server.h>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "lockstep/v1/agent.grpc.pb.h"
#include "lockstep/v1/agent.pb.h"

#include "engine/apply/lease.h"
#include "engine/base/mutex.h"
#include "tests/support/temp_dir.h"

namespace lockstep::testing {

struct TestCoordinatorOptions {
  absl::Duration heartbeat = absl::Milliseconds(50);
  absl::Duration stop_after = absl::Seconds(20);
  // Answers a hello with an error instead of a welcome; absent: welcome.
  std::function<std::optional<absl::Status>(int stream)> refuse = nullptr;
  bool silent = false;  // Reads the hello and says nothing.
};

// Thread-safe.
class TestCoordinator : public v1::AgentService::Service {
 public:
  explicit TestCoordinator(TestCoordinatorOptions options = {});
  ~TestCoordinator() override;

  std::string address() const { return "unix:" + directory_.File("socket"); }
  // Stops and starts listening at the same address.
  void Stop();
  void Start();

  // Each waits for tests' patience and returns false when it did not happen.
  bool WaitForStream(int count) const;  // That many streams were welcomed, or refused.
  bool WaitFor(const std::function<bool(const v1::SessionRequest&)>& wanted) const;

  // To the stream that is up, or comes up within tests' patience.
  void Send(const v1::SessionResponse& response);
  void Break();

  std::vector<v1::SessionRequest> requests() const;
  v1::Hello last_hello() const;
  std::vector<v1::CompleteRunRequest> reports() const;

  // What FetchRun and CompleteRun answer; set before they are called.
  std::function<absl::Status(const v1::FetchRunRequest&, v1::FetchRunResponse*)> on_fetch;
  std::function<absl::Status(const v1::CompleteRunRequest&)> on_complete;

 private:
  using Stream = grpc::ServerReaderWriter<v1::SessionResponse, v1::SessionRequest>;

  grpc::Status Session(grpc::ServerContext* context, Stream* stream) override;
  grpc::Status FetchRun(grpc::ServerContext* context, const v1::FetchRunRequest* request,
                        v1::FetchRunResponse* response) override;
  grpc::Status CompleteRun(grpc::ServerContext* context, const v1::CompleteRunRequest* request,
                           v1::CompleteRunResponse* response) override;
  void Welcome(Stream* stream);
  void Handle(const v1::SessionRequest& request, Stream* stream);

  const TestCoordinatorOptions options_;
  const TempDir directory_{"ls-coord-"};
  std::unique_ptr<grpc::Server> server_;

  mutable base::Mutex mu_;
  int streams_ ABSL_GUARDED_BY(mu_) = 0;
  Stream* up_ ABSL_GUARDED_BY(mu_) = nullptr;
  grpc::ServerContext* context_ ABSL_GUARDED_BY(mu_) = nullptr;
  std::vector<v1::SessionRequest> requests_ ABSL_GUARDED_BY(mu_);
  std::vector<v1::CompleteRunRequest> reports_ ABSL_GUARDED_BY(mu_);
};

v1::SessionResponse GateResponse(v1::GateState state, const std::string& reason);
v1::SessionResponse OfferResponse(const apply::LeaseToken& token, int first, int last);
v1::SessionResponse RevokedResponse(const apply::LeaseToken& token, const std::string& reason);

}  // namespace lockstep::testing

#endif  // LOCKSTEP_TESTS_AGENT_TEST_COORDINATOR_H_
