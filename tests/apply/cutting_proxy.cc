#include "tests/apply/cutting_proxy.h"

#include <array>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>
#include <utility>

#include "absl/strings/str_cat.h"

#include "tests/support/unix_socket.h"

namespace lockstep::testing {
namespace {

constexpr int kPollMs = 20;

// Returns true when `fd` can be read within one round.
bool Readable(int fd) {
  pollfd entry{.fd = fd, .events = POLLIN, .revents = 0};
  return poll(&entry, 1, kPollMs) > 0;
}

}  // namespace

CuttingProxy::CuttingProxy(const PostgresServer& server, std::string text, AfterCut after)
    : target_(absl::StrCat(server.socket_directory(), "/", kPostgresSocket)),
      text_(std::move(text)),
      listener_(ListenUnix(directory_.File(kPostgresSocket))),
      keeps_server_(after == AfterCut::kKeepServer) {
  acceptor_ = std::thread([this] { Accept(); });
}

CuttingProxy::~CuttingProxy() {
  stopping_ = true;
  TellServer();
  acceptor_.join();
  close(listener_);
  base::MutexLock lock(mu_);
  for (std::thread& connection : connections_) connection.join();
}

void CuttingProxy::TellServer() {
  base::MutexLock lock(told_mu_);
  keeps_server_ = false;
  told_.NotifyAll();
}

void CuttingProxy::AwaitTold() {
  base::MutexLock lock(told_mu_);
  while (keeps_server_) told_.Wait(lock);
}

void CuttingProxy::Accept() {
  while (!stopping_) {
    if (!Readable(listener_)) continue;
    const int client = accept(listener_, nullptr, nullptr);
    if (client < 0) continue;
    if (cut_) ++since_cut_;
    base::MutexLock lock(mu_);
    connections_.emplace_back([this, client] { Serve(client); });
  }
}

void CuttingProxy::Serve(int client) {
  const int server = DialUnix(target_);
  bool cut = false;
  if (server >= 0) {
    bool up = true;
    while (up && !stopping_) {
      std::array<pollfd, 2> entries = {pollfd{.fd = client, .events = POLLIN, .revents = 0},
                                       pollfd{.fd = server, .events = POLLIN, .revents = 0}};
      if (poll(entries.data(), entries.size(), kPollMs) <= 0) continue;
      if (entries[0].revents != 0) up = Pass(client, server, true, &cut);
      if (up && entries[1].revents != 0) up = Pass(server, client, false, &cut);
    }
  }
  close(client);
  if (cut) AwaitTold();
  if (server >= 0) close(server);
}

bool CuttingProxy::Pass(int from, int to, bool is_client, bool* cut) {
  std::array<char, 65536> buffer;
  const ssize_t size = read(from, buffer.data(), buffer.size());
  if (size <= 0) return false;
  const std::string_view bytes(buffer.data(), static_cast<size_t>(size));
  if (is_client && bytes.find(text_) != std::string_view::npos && !cut_.exchange(true)) {
    *cut = true;
    return false;
  }
  return send(to, buffer.data(), bytes.size(), MSG_NOSIGNAL) == size;
}

}  // namespace lockstep::testing
