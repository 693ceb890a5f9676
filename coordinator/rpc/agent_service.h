// AgentService: sessions, the gate, and the leases of runs.
#ifndef LOCKSTEP_COORDINATOR_RPC_AGENT_SERVICE_H_
#define LOCKSTEP_COORDINATOR_RPC_AGENT_SERVICE_H_

#include "lockstep/v1/agent.grpc.pb.h"

#include "coordinator/fleet/gate_memory.h"
#include "coordinator/operation/operations.h"
#include "coordinator/rpc/session_stream.h"
#include "engine/base/worker_pool.h"

namespace lockstep::coordinator {

class AgentServiceImpl : public v1::AgentService::CallbackService {
 public:
  AgentServiceImpl(const SessionPeers* peers, const GateMemory* gate, Database* database,
                   Operations* operations, base::WorkerPool* workers)
      : peers_(peers),
        gate_(gate),
        database_(database),
        operations_(operations),
        workers_(workers) {}

  grpc::ServerBidiReactor<v1::SessionRequest, v1::SessionResponse>* Session(
      grpc::CallbackServerContext* context) override;
  grpc::ServerUnaryReactor* CheckGate(grpc::CallbackServerContext* context,
                                      const v1::CheckGateRequest* request,
                                      v1::CheckGateResponse* response) override;
  grpc::ServerUnaryReactor* FetchRun(grpc::CallbackServerContext* context,
                                     const v1::FetchRunRequest* request,
                                     v1::FetchRunResponse* response) override;
  grpc::ServerUnaryReactor* CompleteRun(grpc::CallbackServerContext* context,
                                        const v1::CompleteRunRequest* request,
                                        v1::CompleteRunResponse* response) override;

 private:
  absl::Status DoCheckGate(const v1::CheckGateRequest& request, v1::CheckGateResponse& response);
  absl::Status DoFetchRun(const v1::FetchRunRequest& request, v1::FetchRunResponse& response);
  absl::Status DoCompleteRun(const v1::CompleteRunRequest& request,
                             v1::CompleteRunResponse& response);

  const SessionPeers* const peers_;
  const GateMemory* const gate_;
  Database* const database_;
  Operations* const operations_;
  base::WorkerPool* const workers_;
};

}  // namespace lockstep::coordinator

#endif  // LOCKSTEP_COORDINATOR_RPC_AGENT_SERVICE_H_
