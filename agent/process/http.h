// The little HTTP that the agent speaks: probes of orchestrators, and
// asking the child whether it is ready. The only user of httplib in this program.
#ifndef LOCKSTEP_AGENT_PROCESS_HTTP_H_
#define LOCKSTEP_AGENT_PROCESS_HTTP_H_

#include <functional>
#include <map>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "absl/time/time.h"

#include "agent/health/address.h"

namespace lockstep::process {

struct HttpReply {
  int status = 200;
  std::string json;
};

// Serves GET with a fixed number of threads. Thread-safe.
class HttpServer {
 public:
  using Routes = std::map<std::string, std::function<HttpReply()>>;  // By path.

  // Listens; the system picks a port for 0. UNAVAILABLE when that cannot be. Routes are called from
  // the server's threads, several at a time, and must not block.
  static absl::StatusOr<std::unique_ptr<HttpServer>> Start(const health::Address& address,
                                                           Routes routes);
  // Stops listening and waits for the requests under way.
  ~HttpServer();
  HttpServer(const HttpServer&) = delete;
  HttpServer& operator=(const HttpServer&) = delete;

  int port() const;

 private:
  class Impl;
  explicit HttpServer(std::unique_ptr<Impl> impl);
  const std::unique_ptr<Impl> impl_;
};

// GETs an http:// URL and returns the status of the answer, or 0 when there is none within
// `timeout`. Redirections are not followed.
int ProbeUrl(const std::string& url, absl::Duration timeout);

}  // namespace lockstep::process

#endif  // LOCKSTEP_AGENT_PROCESS_HTTP_H_
