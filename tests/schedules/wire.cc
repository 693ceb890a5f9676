#include "tests/schedules/wire.h"

#include <array>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>
#include <utility>

#include "absl/strings/str_cat.h"

#include "tests/support/unix_socket.h"

namespace lockstep::testing {
namespace {

// How soon the acceptor notices its end; everything else is woken by what happens.
constexpr int kPollMs = 20;

// The point that a message of the client comes to. The parameters behind the name tell the call
// from a question about its rights, the end of the text a COMMIT from READ COMMITTED.
WirePoint PointOf(std::string_view bytes) {
  static constexpr std::string_view kCommit("COMMIT", sizeof("COMMIT"));
  if (bytes.find(kCommit) != std::string_view::npos) return WirePoint::kCommit;
  for (const std::string_view call : {"lockstep.open($", "lockstep.open_group($"}) {
    if (bytes.find(call) != std::string_view::npos) return WirePoint::kOpen;
  }
  return WirePoint::kNone;
}

}  // namespace

Wire::Wire(const PostgresServer& server, Signal& signal)
    : target_(absl::StrCat(server.socket_directory(), "/", kPostgresSocket)),
      signal_(signal),
      listener_(ListenUnix(directory_.File(kPostgresSocket))) {
  acceptor_ = std::thread([this] { Accept(); });
}

Wire::~Wire() {
  stopping_ = true;
  acceptor_.join();
  close(listener_);
  Reset();
}

void Wire::StopAt(WirePoint point, int nth) {
  base::MutexLock lock(mu_);
  point_ = point;
  passes_ = nth;
}

bool Wire::stopped() const {
  base::MutexLock lock(mu_);
  return stopped_;
}

void Wire::Pass() {
  base::MutexLock lock(mu_);
  point_ = WirePoint::kNone;
  stopped_ = false;
  changed_.NotifyAll();
}

void Wire::Cut(Side side) { EndAll(/*keep_servers=*/side == Side::kClient); }

void Wire::Refuse() {
  base::MutexLock lock(mu_);
  refusing_ = true;
}

void Wire::Reset() {
  EndAll(/*keep_servers=*/false);
  std::vector<std::thread> threads;
  {
    base::MutexLock lock(mu_);
    threads = std::exchange(threads_, {});
  }
  for (std::thread& thread : threads) thread.join();
  base::MutexLock lock(mu_);
  connections_.clear();
  for (const int server : std::exchange(kept_, {})) close(server);
  refusing_ = false;
}

void Wire::EndAll(bool keep_servers) {
  base::MutexLock lock(mu_);
  for (const auto& connection : connections_) {
    connection->cut = true;
    connection->keep_server = keep_servers;
    // Wakes its thread, which closes.
    if (connection->client >= 0) shutdown(connection->client, SHUT_RDWR);
  }
  point_ = WirePoint::kNone;
  stopped_ = false;
  changed_.NotifyAll();
}

void Wire::Accept() {
  while (!stopping_) {
    pollfd entry{.fd = listener_, .events = POLLIN, .revents = 0};
    if (poll(&entry, 1, kPollMs) <= 0) continue;
    const int client = accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
    if (client < 0) continue;
    base::MutexLock lock(mu_);
    if (refusing_) {
      close(client);
      continue;
    }
    connections_.push_back(std::make_unique<Connection>());
    Connection* const connection = connections_.back().get();
    connection->client = client;
    threads_.emplace_back([this, connection] { Serve(*connection); });
  }
}

void Wire::Serve(Connection& connection) {
  const int server = DialUnix(target_);
  int client = -1;
  {
    base::MutexLock lock(mu_);
    connection.server = server;
    client = connection.client;
  }
  if (server >= 0) {
    bool up = true;
    while (up) {
      std::array<pollfd, 2> entries = {pollfd{.fd = client, .events = POLLIN, .revents = 0},
                                       pollfd{.fd = server, .events = POLLIN, .revents = 0}};
      if (poll(entries.data(), entries.size(), -1) <= 0) continue;
      if (entries[0].revents != 0) up = Pass(connection, /*from_client=*/true);
      if (up && entries[1].revents != 0) up = Pass(connection, /*from_client=*/false);
    }
  }
  base::MutexLock lock(mu_);
  close(std::exchange(connection.client, -1));
  if (server < 0) return;
  if (connection.cut && connection.keep_server) {
    kept_.push_back(std::exchange(connection.server, -1));
  } else {
    close(std::exchange(connection.server, -1));
  }
}

bool Wire::Pass(Connection& connection, bool from_client) {
  std::array<char, 65536> buffer;
  const ssize_t size =
      read(from_client ? connection.client : connection.server, buffer.data(), buffer.size());
  if (size <= 0) return false;
  WirePoint point = WirePoint::kNone;
  if (from_client) {
    point = PointOf(std::string_view(buffer.data(), static_cast<size_t>(size)));
    connection.committing = point == WirePoint::kCommit;
  } else if (std::exchange(connection.committing, false)) {
    point = WirePoint::kCommitted;
  }
  if (point != WirePoint::kNone && !StandAt(connection, point)) return false;
  return send(from_client ? connection.server : connection.client, buffer.data(),
              static_cast<size_t>(size), MSG_NOSIGNAL) == size;
}

bool Wire::StandAt(Connection& connection, WirePoint point) {
  base::MutexLock lock(mu_);
  if (connection.cut) return false;
  if (point != point_ || passes_-- > 0) return true;
  stopped_ = true;
  signal_.Notify();
  while (stopped_ && !connection.cut) changed_.Wait(lock);
  return !connection.cut;
}

}  // namespace lockstep::testing
