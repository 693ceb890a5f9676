// A bounded set of connections, opened when first needed, shared by threads.
//
//   ASSIGN_OR_RETURN(Pool::Lease connection, pool.Take());
//   connection->Query(...);       // goes back when `connection` ends; a lost one is dropped
//
// Thread-safe.
#ifndef LOCKSTEP_ENGINE_POSTGRES_POOL_H_
#define LOCKSTEP_ENGINE_POSTGRES_POOL_H_

#include <memory>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"

#include "engine/base/mutex.h"
#include "engine/postgres/connection.h"

namespace lockstep::postgres {

struct PoolOptions {
  ConnectionOptions connection;
  int size = 4;
  absl::Duration take_timeout = absl::Seconds(5);
};

class Pool {
 public:
  class Lease {
   public:
    Lease(Pool* pool, std::unique_ptr<Connection> connection)
        : pool_(pool), connection_(std::move(connection)) {}
    Lease(Lease&&) = default;
    Lease& operator=(Lease&&) = delete;
    ~Lease() {
      if (connection_ != nullptr) pool_->Return(std::move(connection_));
    }
    Connection* operator->() const { return connection_.get(); }
    Connection& operator*() const { return *connection_; }

   private:
    Pool* pool_;
    std::unique_ptr<Connection> connection_;
  };

  explicit Pool(PoolOptions options) : options_(std::move(options)) {}

  // Blocks until a connection is free, at most take_timeout: then RESOURCE_EXHAUSTED. Fails as
  // Connection::Open does when a new one is needed and cannot be had.
  absl::StatusOr<Lease> Take();

 private:
  void Return(std::unique_ptr<Connection> connection);
  void Release();

  const PoolOptions options_;
  base::Mutex mu_;
  base::CondVar freed_;
  std::vector<std::unique_ptr<Connection>> idle_ ABSL_GUARDED_BY(mu_);
  int taken_ ABSL_GUARDED_BY(mu_) = 0;
};

}  // namespace lockstep::postgres

#endif  // LOCKSTEP_ENGINE_POSTGRES_POOL_H_
