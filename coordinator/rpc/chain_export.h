// Streaming the published chain.sum: read in one snapshot, sent in pieces.
#ifndef LOCKSTEP_COORDINATOR_RPC_CHAIN_EXPORT_H_
#define LOCKSTEP_COORDINATOR_RPC_CHAIN_EXPORT_H_

#include <grpcpp/grpcpp.h>

#include "lockstep/v1/status.pb.h"

#include "coordinator/store/database.h"
#include "engine/base/worker_pool.h"

namespace lockstep::coordinator {

// Starts an export whose SQL runs on a worker. The stream owns itself until gRPC is done with it.
// RESOURCE_EXHAUSTED (RATE_LIMITED) when no worker is to be had.
grpc::ServerWriteReactor<v1::ExportChainResponse>* StartChainExport(Database* database,
                                                                    base::WorkerPool* workers);

}  // namespace lockstep::coordinator

#endif  // LOCKSTEP_COORDINATOR_RPC_CHAIN_EXPORT_H_
