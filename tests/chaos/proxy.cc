#include "tests/chaos/proxy.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <deque>
#include <list>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <thread>
#include <unistd.h>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/time/clock.h"

#include "engine/base/mutex.h"
#include "tests/chaos/proxy_sockets.h"
#include "tests/support/unix_socket.h"

namespace lockstep::chaos {
namespace {

constexpr size_t kMaxQueuedBytes = 1 << 20;  // Per direction; then the sender waits.
constexpr size_t kReadBytes = 64 << 10;
constexpr int kIdlePollMs = 1000;

struct Chunk {
  absl::Time due;
  std::string bytes;
};

// What one side sent and the other has not got yet.
struct Stream {
  std::deque<Chunk> queue;
  size_t queued = 0;
  bool ended = false;  // The sender is done.
  bool end_passed = false;
  std::string tail;     // Enough of the last bytes to find a text across packets.
  int64_t counted = 0;  // Bytes since the order to cut.
};

struct Wire {
  std::array<int, 2> fd = {-1, -1};  // By Side.
  std::array<Stream, 2> from;        // By Side: what it sends.
  pid_t peer = 0;
  bool answer_cuts = false;  // The next byte that `cut_side`'s peer sends ends it.
  Side cut_side = Side::kClient;
  absl::Time close_at = absl::InfiniteFuture();  // One end is closed, the other one lingers.
  bool dead = false;
};

Side Other(Side side) { return side == Side::kClient ? Side::kServer : Side::kClient; }
size_t Index(Side side) { return static_cast<size_t>(side); }

}  // namespace

struct LinkState {
  std::string name;
  int listener = -1;
  int port = 0;
  Target target;
  std::array<absl::Time, 2> held_until = {absl::InfinitePast(), absl::InfinitePast()};
  std::array<pid_t, 2> held_peer = {0, 0};
  absl::Duration delay = absl::ZeroDuration();
  bool cut_ordered = false;
  Cut cut;
  int cuts = 0;
  std::list<Wire> wires;
};

class ProxyImpl {
 public:
  ProxyImpl() : wake_(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)), thread_([this] { Run(); }) {}
  ~ProxyImpl();

  std::shared_ptr<LinkState> Add(LinkState state);
  void Wake() {
    const uint64_t one = 1;
    (void)!write(wake_, &one, sizeof(one));
  }

  base::Mutex mu;

 private:
  struct Polled {
    LinkState* link = nullptr;
    Wire* wire = nullptr;  // Null: the listener.
    Side side = Side::kClient;
  };

  void Run();
  int Prepare(std::vector<pollfd>* fds, std::vector<Polled>* polled)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu);
  void Accept(LinkState& link) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu);
  bool IsHeld(const LinkState& link, const Wire& wire, Side sender, absl::Time now) const;
  void Read(LinkState& link, Wire& wire, Side sender, absl::Time now)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu);
  bool MeetsCut(LinkState& link, Wire& wire, Side sender, absl::string_view bytes)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu);
  void Write(LinkState& link, Wire& wire, Side sender, absl::Time now)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu);
  void Sweep(absl::Time now) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu);

  const int wake_;
  std::vector<std::shared_ptr<LinkState>> links_ ABSL_GUARDED_BY(mu);
  bool stopping_ ABSL_GUARDED_BY(mu) = false;
  std::thread thread_;  // The last, because it uses the others.
};

ProxyImpl::~ProxyImpl() {
  {
    base::MutexLock lock(mu);
    stopping_ = true;
  }
  Wake();
  thread_.join();
  base::MutexLock lock(mu);
  for (const auto& link : links_) {
    close(link->listener);
    for (Wire& wire : link->wires) {
      for (const int fd : wire.fd) {
        if (fd >= 0) close(fd);
      }
    }
  }
  close(wake_);
}

std::shared_ptr<LinkState> ProxyImpl::Add(LinkState state) {
  auto link = std::make_shared<LinkState>(std::move(state));
  base::MutexLock lock(mu);
  links_.push_back(link);
  Wake();
  return link;
}

bool ProxyImpl::IsHeld(const LinkState& link, const Wire& wire, Side sender, absl::Time now) const {
  const size_t i = Index(sender);
  return now < link.held_until[i] && (link.held_peer[i] == 0 || link.held_peer[i] == wire.peer);
}

// Returns how long poll may wait. A direction that is held, or whose receiver is slow, is not read.
int ProxyImpl::Prepare(std::vector<pollfd>* fds, std::vector<Polled>* polled) {
  const absl::Time now = absl::Now();
  absl::Time next = now + absl::Milliseconds(kIdlePollMs);
  fds->assign(1, {.fd = wake_, .events = POLLIN, .revents = 0});
  polled->assign(1, {});
  for (const auto& link : links_) {
    fds->push_back({.fd = link->listener, .events = POLLIN, .revents = 0});
    polled->push_back({.link = link.get()});
    for (const absl::Time until : link->held_until) {
      if (until > now) next = std::min(next, until);
    }
    for (Wire& wire : link->wires) {
      next = std::min(next, wire.close_at);
      for (const Side side : {Side::kClient, Side::kServer}) {
        if (wire.fd[Index(side)] < 0) continue;
        const Stream& in = wire.from[Index(side)];
        const Stream& out = wire.from[Index(Other(side))];
        short events = 0;
        if (!in.ended && in.queued < kMaxQueuedBytes && !IsHeld(*link, wire, side, now)) {
          events |= POLLIN;
        }
        if (!out.queue.empty()) {
          if (out.queue.front().due <= now) events |= POLLOUT;
          next = std::min(next, std::max(out.queue.front().due, now));
        }
        // With no events asked for, poll would still report a hang-up, again and again.
        fds->push_back(
            {.fd = events == 0 ? -1 : wire.fd[Index(side)], .events = events, .revents = 0});
        polled->push_back({.link = link.get(), .wire = &wire, .side = side});
      }
    }
  }
  return static_cast<int>(absl::ToInt64Milliseconds(next - now)) + 1;
}

void ProxyImpl::Run() {
  std::vector<pollfd> fds;
  std::vector<Polled> polled;
  for (;;) {
    int timeout = 0;
    {
      base::MutexLock lock(mu);
      if (stopping_) return;
      timeout = Prepare(&fds, &polled);
    }
    poll(fds.data(), fds.size(), timeout);
    base::MutexLock lock(mu);
    uint64_t drained = 0;
    (void)!read(wake_, &drained, sizeof(drained));
    const absl::Time now = absl::Now();
    for (size_t i = 1; i < fds.size(); ++i) {
      const Polled& entry = polled[i];
      if (fds[i].revents == 0) continue;
      if (entry.wire == nullptr) {
        Accept(*entry.link);
        continue;
      }
      // Orders given while poll waited may have ended it.
      if (entry.wire->dead || entry.wire->fd[Index(entry.side)] < 0) continue;
      if ((fds[i].revents & ~POLLOUT) != 0 && (fds[i].events & POLLIN) != 0 &&
          !IsHeld(*entry.link, *entry.wire, entry.side, now)) {
        Read(*entry.link, *entry.wire, entry.side, now);
      }
      if (!entry.wire->dead && (fds[i].revents & POLLOUT) != 0) {
        Write(*entry.link, *entry.wire, Other(entry.side), now);
      }
    }
    Sweep(now);
  }
}

void ProxyImpl::Accept(LinkState& link) {
  const int client = accept4(link.listener, nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK);
  if (client < 0) return;
  const int server = Dial(link.target);
  if (server < 0) return CloseHard(client);
  Wire& wire = link.wires.emplace_back();
  wire.fd = {client, server};
  wire.peer = PeerOf(client);
}

// True when what `sender` now sends is what the link's order waits for. Carries the order out.
bool ProxyImpl::MeetsCut(LinkState& link, Wire& wire, Side sender, absl::string_view bytes) {
  if (!link.cut_ordered || link.cut.from != sender) return false;
  Stream& stream = wire.from[Index(sender)];
  bool met = false;
  if (link.cut.text.empty()) {
    stream.counted += static_cast<int64_t>(bytes.size());
    met = stream.counted > link.cut.after_bytes;
  } else {
    stream.tail.append(bytes.data(), bytes.size());
    met = stream.tail.find(link.cut.text) != std::string::npos;
    const size_t keep = link.cut.text.size() - 1;
    if (stream.tail.size() > keep) stream.tail.erase(0, stream.tail.size() - keep);
  }
  if (!met) return false;
  link.cut_ordered = false;
  ++link.cuts;
  wire.cut_side = sender;
  if (link.cut.deliver) {
    wire.answer_cuts = true;
    return false;
  }
  // The sender is cut off now, the receiver learns of it later.
  CloseHard(std::exchange(wire.fd[Index(sender)], -1));
  wire.close_at = absl::Now() + link.cut.linger;
  return true;
}

void ProxyImpl::Read(LinkState& link, Wire& wire, Side sender, absl::Time now) {
  Stream& stream = wire.from[Index(sender)];
  char buffer[kReadBytes];
  const ssize_t size = recv(wire.fd[Index(sender)], buffer, sizeof(buffer), 0);
  if (size < 0 && (errno == EAGAIN || errno == EINTR)) return;
  if (size < 0) {
    wire.dead = true;  // Reset by one end: so it is for the other one.
    return;
  }
  if (size == 0) {
    stream.ended = true;
    if (stream.queue.empty()) Write(link, wire, sender, now);
    return;
  }
  const absl::string_view bytes(buffer, static_cast<size_t>(size));
  if (wire.answer_cuts && sender != wire.cut_side) {
    wire.dead = true;
    return;
  }
  if (MeetsCut(link, wire, sender, bytes)) return;
  stream.queue.push_back({.due = now + link.delay, .bytes = std::string(bytes)});
  stream.queued += bytes.size();
  if (link.delay == absl::ZeroDuration()) Write(link, wire, sender, now);
}

// Passes on what `sender` sent.
void ProxyImpl::Write(LinkState&, Wire& wire, Side sender, absl::Time now) {
  Stream& stream = wire.from[Index(sender)];
  const int fd = wire.fd[Index(Other(sender))];
  if (fd < 0) return;
  while (!stream.queue.empty() && stream.queue.front().due <= now) {
    Chunk& chunk = stream.queue.front();
    const ssize_t sent = send(fd, chunk.bytes.data(), chunk.bytes.size(), MSG_NOSIGNAL);
    if (sent < 0 && (errno == EAGAIN || errno == EINTR || errno == ENOTCONN)) return;
    if (sent < 0) {
      wire.dead = true;
      return;
    }
    stream.queued -= static_cast<size_t>(sent);
    chunk.bytes.erase(0, static_cast<size_t>(sent));
    if (!chunk.bytes.empty()) return;
    stream.queue.pop_front();
  }
  if (stream.ended && stream.queue.empty() && !stream.end_passed) {
    shutdown(fd, SHUT_WR);
    stream.end_passed = true;
  }
}

void ProxyImpl::Sweep(absl::Time now) {
  for (const auto& link : links_) {
    for (auto wire = link->wires.begin(); wire != link->wires.end();) {
      const bool over = wire->from[0].end_passed && wire->from[1].end_passed;
      if (!over && !wire->dead && wire->close_at > now) {
        ++wire;
        continue;
      }
      for (const int fd : wire->fd) {
        if (fd < 0) continue;
        if (over) {
          close(fd);
        } else {
          CloseHard(fd);
        }
      }
      wire = link->wires.erase(wire);
    }
  }
}

const std::string& Link::name() const { return state_->name; }
int Link::port() const { return state_->port; }

void Link::SetTarget(Target target) {
  base::MutexLock lock(proxy_->mu);
  state_->target = std::move(target);
}

int Link::Reset(pid_t peer) {
  base::MutexLock lock(proxy_->mu);
  int hit = 0;
  for (Wire& wire : state_->wires) {
    if (peer != 0 && wire.peer != peer) continue;
    wire.dead = true;  // The proxy's thread closes it: it may be polling it.
    ++hit;
  }
  proxy_->Wake();
  return hit;
}

int Link::Hold(Side sender, absl::Duration duration, pid_t peer) {
  base::MutexLock lock(proxy_->mu);
  state_->held_until[Index(sender)] = absl::Now() + duration;
  state_->held_peer[Index(sender)] = peer;
  proxy_->Wake();
  int hit = 0;
  for (const Wire& wire : state_->wires) hit += peer == 0 || wire.peer == peer ? 1 : 0;
  return hit;
}

void Link::Delay(absl::Duration delay) {
  base::MutexLock lock(proxy_->mu);
  state_->delay = delay;
}

void Link::CutAt(Cut cut) {
  base::MutexLock lock(proxy_->mu);
  state_->cut = std::move(cut);
  state_->cut_ordered = true;
  for (Wire& wire : state_->wires) {
    for (Stream& stream : wire.from) {
      stream.tail.clear();
      stream.counted = 0;
    }
  }
}

void Link::CancelCut() {
  base::MutexLock lock(proxy_->mu);
  state_->cut_ordered = false;
}

void Link::Heal() {
  base::MutexLock lock(proxy_->mu);
  state_->held_until = {absl::InfinitePast(), absl::InfinitePast()};
  state_->delay = absl::ZeroDuration();
  state_->cut_ordered = false;
  proxy_->Wake();
}

int Link::connections() const {
  base::MutexLock lock(proxy_->mu);
  return static_cast<int>(state_->wires.size());
}

int Link::cuts() const {
  base::MutexLock lock(proxy_->mu);
  return state_->cuts;
}

Proxy::Proxy() : impl_(std::make_unique<ProxyImpl>()) {}
Proxy::~Proxy() = default;

Link* Proxy::ListenTcp(const std::string& name, Target target) {
  LinkState state{.name = name, .target = std::move(target)};
  state.listener = ListenTcpSocket(&state.port);
  links_.push_back(std::make_unique<Link>(impl_.get(), impl_->Add(std::move(state))));
  return links_.back().get();
}

Link* Proxy::ListenUnix(const std::string& name, const std::string& path, Target target) {
  LinkState state{.name = name, .target = std::move(target)};
  state.listener = testing::ListenUnix(path, SOCK_NONBLOCK);
  links_.push_back(std::make_unique<Link>(impl_.get(), impl_->Add(std::move(state))));
  return links_.back().get();
}

}  // namespace lockstep::chaos
