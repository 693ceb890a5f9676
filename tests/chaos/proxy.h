// Wires between processes that can be broken: each link listens at an address of its own and passes
// bytes to a server and back, and can lose, hold, delay and cut them. One thread serves all links.
//
//   Proxy proxy;
//   Link* wire = proxy.ListenTcp("agent-1", {.unix_path = server_socket});
//   ... clients connect to 127.0.0.1:wire->port() ...
//   wire->Hold(Side::kServer, Milliseconds(800));     // answers stay away, then arrive
//   wire->CutAt({.text = "COMMIT", .deliver = true}); // arrives; its answer never does
//   wire->Reset();                                    // RST to both ends of all connections
//   wire->SetTarget({.unix_path = other_server});     // for new connections
//
// What it does to bytes is what a network does to a TCP stream: they come late or never, never
// changed nor in another order. A held direction swallows the end of the stream as well: a peer
// that dies meanwhile is not noticed.
//
// Thread-safe. Links live as long as the proxy.
#ifndef LOCKSTEP_TESTS_CHAOS_PROXY_H_
#define LOCKSTEP_TESTS_CHAOS_PROXY_H_

#include <cstdint>
#include <memory>
#include <string>
#include <sys/types.h>
#include <vector>

#include "absl/time/time.h"

namespace lockstep::chaos {

struct Target {
  std::string unix_path;  // Of a Unix socket; empty: TCP to 127.0.0.1.
  int tcp_port = 0;
};

// Who sends: kClient's bytes go to the server.
enum class Side { kClient = 0, kServer = 1 };

struct Cut {
  std::string text;           // In what `from` sends, also across packets; empty: `after_bytes`.
  int64_t after_bytes = 0;    // Of one connection, counted from when the cut was ordered.
  Side from = Side::kClient;  // Whose bytes are looked at.
  // Whether what was found still arrives; then the connection is cut when the other side answers,
  // and the answer is lost. Otherwise it never arrives.
  bool deliver = false;
  // How long the receiver of what was cut does not learn of it.
  absl::Duration linger = absl::ZeroDuration();
};

class ProxyImpl;
struct LinkState;

class Link {
 public:
  Link(ProxyImpl* proxy, std::shared_ptr<LinkState> state) : proxy_(proxy), state_(state) {}

  const std::string& name() const;
  int port() const;  // Of a TCP link.
  void SetTarget(Target target);

  // RST to both ends of each connection; with `peer`, of those that process made (Unix links only).
  // Returns how many there were.
  int Reset(pid_t peer = 0);
  // What `sender` sends stays in the network for `duration`; also on new connections. Returns how
  // many connections there are.
  int Hold(Side sender, absl::Duration duration, pid_t peer = 0);
  // Each byte takes this long from now on, in both directions.
  void Delay(absl::Duration delay);
  // Cuts the first connection that meets the condition, once; replaces the order before.
  void CutAt(Cut cut);
  void CancelCut();
  void Heal();  // Ends Hold, Delay and an order to cut.

  int connections() const;
  // How many orders to cut were carried out.
  int cuts() const;

 private:
  ProxyImpl* const proxy_;
  const std::shared_ptr<LinkState> state_;
};

class Proxy {
 public:
  Proxy();
  ~Proxy();
  Proxy(const Proxy&) = delete;
  Proxy& operator=(const Proxy&) = delete;

  // Throws std::runtime_error when it cannot listen.
  Link* ListenTcp(const std::string& name, Target target);
  Link* ListenUnix(const std::string& name, const std::string& path, Target target);

 private:
  const std::unique_ptr<ProxyImpl> impl_;
  std::vector<std::unique_ptr<Link>> links_;
};

}  // namespace lockstep::chaos

#endif  // LOCKSTEP_TESTS_CHAOS_PROXY_H_
