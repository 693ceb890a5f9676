#include "tests/apply/cutting_proxy.h"

#include <array>
#include <cstring>
#include <poll.h>
#include <stdexcept>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"

namespace lockstep::testing {
namespace {

constexpr char kSocket[] = ".s.PGSQL.5432";
constexpr int kPollMs = 20;

sockaddr_un AddressOf(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof(address.sun_path)) throw std::runtime_error("socket path too long");
  memcpy(address.sun_path, path.data(), path.size());
  return address;
}

int NewSocket() { return socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0); }

// Returns true when `fd` can be read within one round.
bool Readable(int fd) {
  pollfd entry{.fd = fd, .events = POLLIN, .revents = 0};
  return poll(&entry, 1, kPollMs) > 0;
}

}  // namespace

CuttingProxy::CuttingProxy(const PostgresServer& server, std::string text, absl::Duration linger)
    : target_(absl::StrCat(server.socket_directory(), "/", kSocket)),
      text_(std::move(text)),
      linger_(linger) {
  const sockaddr_un address = AddressOf(directory_.File(kSocket));
  listener_ = NewSocket();
  if (bind(listener_, reinterpret_cast<const sockaddr*>(&address), sizeof(address)) != 0 ||
      listen(listener_, 16) != 0) {
    throw std::runtime_error(absl::StrCat("proxy: ", strerror(errno)));
  }
  acceptor_ = std::thread([this] { Accept(); });
}

CuttingProxy::~CuttingProxy() {
  stopping_ = true;
  acceptor_.join();
  close(listener_);
  base::MutexLock lock(mu_);
  for (std::thread& connection : connections_) connection.join();
}

void CuttingProxy::Accept() {
  while (!stopping_) {
    if (!Readable(listener_)) continue;
    const int client = accept(listener_, nullptr, nullptr);
    if (client < 0) continue;
    base::MutexLock lock(mu_);
    connections_.emplace_back([this, client] { Serve(client); });
  }
}

void CuttingProxy::Serve(int client) {
  const sockaddr_un address = AddressOf(target_);
  const int server = NewSocket();
  if (connect(server, reinterpret_cast<const sockaddr*>(&address), sizeof(address)) == 0) {
    bool up = true;
    while (up && !stopping_) {
      std::array<pollfd, 2> entries = {pollfd{.fd = client, .events = POLLIN, .revents = 0},
                                       pollfd{.fd = server, .events = POLLIN, .revents = 0}};
      if (poll(entries.data(), entries.size(), kPollMs) <= 0) continue;
      if (entries[0].revents != 0) up = Pass(client, server, true);
      if (up && entries[1].revents != 0) up = Pass(server, client, false);
    }
  }
  close(client);
  if (cut_ && linger_ > absl::ZeroDuration()) absl::SleepFor(linger_);
  close(server);
}

bool CuttingProxy::Pass(int from, int to, bool is_client) {
  std::array<char, 65536> buffer;
  const ssize_t size = read(from, buffer.data(), buffer.size());
  if (size <= 0) return false;
  const std::string_view bytes(buffer.data(), static_cast<size_t>(size));
  if (is_client && bytes.find(text_) != std::string_view::npos && !cut_.exchange(true)) {
    return false;
  }
  return send(to, buffer.data(), bytes.size(), MSG_NOSIGNAL) == size;
}

}  // namespace lockstep::testing
