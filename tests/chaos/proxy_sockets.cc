#include "tests/chaos/proxy_sockets.h"

#include <arpa/inet.h>
#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdexcept>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "absl/strings/str_cat.h"

namespace lockstep::chaos {
namespace {

constexpr int kBacklog = 128;

sockaddr_un UnixAddress(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof(address.sun_path)) throw std::runtime_error("socket path too long");
  memcpy(address.sun_path, path.data(), path.size());
  return address;
}

sockaddr_in LoopbackAddress(int port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  address.sin_port = htons(static_cast<uint16_t>(port));
  return address;
}

template <typename Address>
int Listen(int family, const Address& address) {
  const int fd = socket(family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (fd < 0 || bind(fd, reinterpret_cast<const sockaddr*>(&address), sizeof(address)) != 0 ||
      listen(fd, kBacklog) != 0) {
    throw std::runtime_error(absl::StrCat("proxy: ", strerror(errno)));
  }
  return fd;
}

template <typename Address>
int Connect(int family, const Address& address) {
  const int fd = socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd < 0) return -1;
  // Local: it is there or it is not. Non-blocking all the same, for a server that accepts nothing.
  fcntl(fd, F_SETFL, O_NONBLOCK);
  const auto* const raw = reinterpret_cast<const sockaddr*>(&address);
  if (connect(fd, raw, sizeof(address)) == 0 || errno == EINPROGRESS) return fd;
  close(fd);
  return -1;
}

}  // namespace

int ListenTcpSocket(int* port) {
  sockaddr_in address = LoopbackAddress(0);
  const int fd = Listen(AF_INET, address);
  socklen_t size = sizeof(address);
  getsockname(fd, reinterpret_cast<sockaddr*>(&address), &size);
  *port = ntohs(address.sin_port);
  return fd;
}

int ListenUnixSocket(const std::string& path) {
  unlink(path.c_str());
  return Listen(AF_UNIX, UnixAddress(path));
}

int Dial(const Target& target) {
  if (!target.unix_path.empty()) return Connect(AF_UNIX, UnixAddress(target.unix_path));
  const int fd = Connect(AF_INET, LoopbackAddress(target.tcp_port));
  const int on = 1;
  if (fd >= 0) setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
  return fd;
}

pid_t PeerOf(int fd) {
  ucred peer{};
  socklen_t size = sizeof(peer);
  return getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) == 0 ? peer.pid : 0;
}

void CloseHard(int fd) {
  const linger now = {.l_onoff = 1, .l_linger = 0};
  setsockopt(fd, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
  close(fd);
}

}  // namespace lockstep::chaos
