#include "agent/process/http.h"

#include <atomic>
#include <thread>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "httplib.h"

#include "engine/base/error_info.h"
#include "engine/base/worker_pool.h"

namespace lockstep::process {
namespace {

constexpr int kThreads = 2;
constexpr size_t kWaitingConnections = 32;
constexpr size_t kMaxRequestBytes = 4096;
constexpr time_t kSocketTimeoutSeconds = 2;
constexpr absl::Duration kStopInterval = absl::Milliseconds(2);

// httplib's own pool queues without bound. Here a connection beyond the bound is served by the
// thread that accepts, so that further ones wait in the kernel's queue, which has a bound.
class BoundedQueue : public httplib::TaskQueue {
 public:
  void enqueue(std::function<void()> task) override {
    if (!pool_.Submit(task)) task();
  }
  void shutdown() override { pool_.Stop(); }

 private:
  base::WorkerPool pool_{{.threads = kThreads, .queue = kWaitingConnections}};
};

}  // namespace

class HttpServer::Impl {
 public:
  explicit Impl(Routes routes) {
    server_.new_task_queue = [] { return new BoundedQueue; };
    // httplib's default, SO_REUSEPORT, would let two agents share a port, and each answer for the
    // other.
    server_.set_socket_options([](socket_t socket) {
      const int yes = 1;
      setsockopt(socket, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof(yes));
    });
    // One request a connection: an idle probe must not hold one of few threads.
    server_.set_keep_alive_max_count(1);
    server_.set_read_timeout(kSocketTimeoutSeconds);
    server_.set_write_timeout(kSocketTimeoutSeconds);
    server_.set_payload_max_length(kMaxRequestBytes);
    for (auto& [path, route] : routes) {
      server_.Get(path,
                  [route = std::move(route)](const httplib::Request&, httplib::Response& response) {
                    const HttpReply reply = route();
                    response.status = reply.status;
                    response.set_content(reply.json, "application/json");
                  });
    }
  }

  ~Impl() {
    // stop() does nothing before the thread listens, so it is said until the thread has heard.
    while (thread_.joinable() && !done_) {
      server_.stop();
      absl::SleepFor(kStopInterval);
    }
    if (thread_.joinable()) thread_.join();
  }

  absl::Status Listen(const health::Address& address) {
    port_ = address.port == 0 ? server_.bind_to_any_port(address.host)
            : server_.bind_to_port(address.host, address.port) ? address.port
                                                               : -1;
    if (port_ < 0) {
      return base::MakeError(absl::StatusCode::kUnavailable, "HTTP_LISTEN",
                             absl::StrCat("cannot listen on ", health::ToText(address)),
                             {{"address", address.host}, {"port", absl::StrCat(address.port)}},
                             "give --http another port, or 0, and an address of this machine");
    }
    thread_ = std::thread([this] {
      server_.listen_after_bind();
      done_ = true;
    });
    return absl::OkStatus();
  }

  int port() const { return port_; }

 private:
  httplib::Server server_;
  int port_ = -1;
  std::atomic<bool> done_{false};
  std::thread thread_;
};

HttpServer::HttpServer(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
HttpServer::~HttpServer() = default;

absl::StatusOr<std::unique_ptr<HttpServer>> HttpServer::Start(const health::Address& address,
                                                              Routes routes) {
  auto impl = std::make_unique<Impl>(std::move(routes));
  if (absl::Status status = impl->Listen(address); !status.ok()) return status;
  return std::unique_ptr<HttpServer>(new HttpServer(std::move(impl)));
}

int HttpServer::port() const { return impl_->port(); }

int ProbeUrl(const std::string& url, absl::Duration timeout) {
  const size_t host = url.find("://");
  if (host == std::string::npos) return 0;
  const size_t path = url.find('/', host + 3);
  httplib::Client client(url.substr(0, path));
  const auto limit = absl::ToChronoMicroseconds(timeout);
  client.set_connection_timeout(limit);
  client.set_read_timeout(limit);
  client.set_write_timeout(limit);
  const auto result = client.Get(path == std::string::npos ? "/" : url.substr(path));
  return result ? result->status : 0;
}

}  // namespace lockstep::process
