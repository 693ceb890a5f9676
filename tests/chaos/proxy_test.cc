#include "tests/chaos/proxy.h"

#include <array>
#include <cerrno>
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/chaos/proxy_sockets.h"
#include "tests/support/eventually.h"
#include "tests/support/temp_dir.h"

namespace lockstep::chaos {
namespace {

using testing::Eventually;

// One client and one server with the proxy between them.
class ProxyTest : public ::testing::Test {
 protected:
  ProxyTest() {
    listener_ = ListenTcpSocket(&port_);
    link_ = proxy_.ListenTcp("wire", {.tcp_port = port_});
    Connect();
  }
  ~ProxyTest() override {
    for (const int fd : {listener_, client_, server_}) {
      if (fd >= 0) close(fd);
    }
  }

  void Connect() {
    client_ = Dial({.tcp_port = link_->port()});
    ASSERT_TRUE(Eventually([this] {
      server_ = accept4(listener_, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
      return server_ >= 0;
    }));
  }

  static void Send(int fd, const std::string& text) {
    ASSERT_TRUE(Eventually([&] {
      return send(fd, text.data(), text.size(), MSG_NOSIGNAL) == static_cast<ssize_t>(text.size());
    }));
  }
  // What arrives until there are `size` bytes, the stream ends ("|") or is reset ("!").
  static std::string Receive(int fd, size_t size, absl::Duration timeout = testing::kPatience) {
    std::string text;
    (void)Eventually(
        [&] {
          std::array<char, 256> buffer;
          const ssize_t n = recv(fd, buffer.data(), buffer.size(), MSG_DONTWAIT);
          if (n > 0) text.append(buffer.data(), static_cast<size_t>(n));
          if (n == 0) text += "|";
          if (n < 0 && errno != EAGAIN) text += "!";
          return text.size() >= size || n == 0 || (n < 0 && errno != EAGAIN);
        },
        timeout);
    return text;
  }

  int port_ = 0;
  int listener_ = -1, client_ = -1, server_ = -1;
  Proxy proxy_;
  Link* link_ = nullptr;
};

constexpr absl::Duration kAMoment = absl::Milliseconds(150);

TEST_F(ProxyTest, BytesPassBothWaysAndSoDoesTheEnd) {
  Send(client_, "question");
  EXPECT_EQ(Receive(server_, 8), "question");
  Send(server_, "answer");
  EXPECT_EQ(Receive(client_, 6), "answer");
  shutdown(client_, SHUT_WR);
  EXPECT_EQ(Receive(server_, 1), "|");
}

TEST_F(ProxyTest, AResetReachesBothEnds) {
  EXPECT_EQ(link_->Reset(), 1);
  EXPECT_EQ(Receive(client_, 1), "!");
  EXPECT_EQ(Receive(server_, 1), "!");
}

TEST_F(ProxyTest, WhatIsHeldArrivesLaterAndInOneDirectionOnly) {
  EXPECT_EQ(link_->Hold(Side::kServer, absl::Minutes(1)), 1);
  Send(client_, "question");
  EXPECT_EQ(Receive(server_, 8), "question");
  Send(server_, "answer");
  EXPECT_EQ(Receive(client_, 1, kAMoment), "");
  link_->Heal();
  EXPECT_EQ(Receive(client_, 6), "answer");
}

TEST_F(ProxyTest, TheEndOfAPeerIsNotNoticedWhileItIsHeld) {
  link_->Hold(Side::kClient, absl::Minutes(1));
  close(std::exchange(client_, -1));
  EXPECT_EQ(Receive(server_, 1, kAMoment), "");
  link_->Heal();
  EXPECT_EQ(Receive(server_, 1), "|");
}

TEST_F(ProxyTest, ATextIsCutBeforeItArrivesAlsoAcrossPackets) {
  link_->CutAt({.text = "COMMIT"});
  Send(client_, "INSERT COM");
  EXPECT_EQ(Receive(server_, 10), "INSERT COM");
  Send(client_, "MIT");
  EXPECT_EQ(Receive(client_, 1), "!");
  EXPECT_EQ(Receive(server_, 1), "!");
  EXPECT_EQ(link_->cuts(), 1);
}

TEST_F(ProxyTest, ATextArrivesAndItsAnswerIsLost) {
  link_->CutAt({.text = "COMMIT", .deliver = true});
  Send(client_, "COMMIT");
  EXPECT_EQ(Receive(server_, 6), "COMMIT");
  Send(server_, "done");
  EXPECT_EQ(Receive(client_, 1), "!");
}

TEST_F(ProxyTest, AnOrderIsCarriedOutOnce) {
  link_->CutAt({.text = "COMMIT"});
  Send(client_, "COMMIT");
  EXPECT_EQ(Receive(client_, 1), "!");
  close(client_);
  close(server_);
  Connect();
  Send(client_, "COMMIT");
  EXPECT_EQ(Receive(server_, 6), "COMMIT");
  EXPECT_EQ(link_->cuts(), 1);
}

TEST_F(ProxyTest, AConnectionIsCutAfterSoManyBytes) {
  link_->CutAt({.after_bytes = 3, .from = Side::kServer});
  Send(server_, "abc");
  EXPECT_EQ(Receive(client_, 3), "abc");
  Send(server_, "d");
  EXPECT_EQ(Receive(server_, 1), "!");
}

TEST_F(ProxyTest, TheReceiverOfWhatWasCutLearnsOfItLater) {
  link_->CutAt({.text = "COMMIT", .linger = absl::Milliseconds(300)});
  Send(client_, "COMMIT");
  EXPECT_EQ(Receive(client_, 1), "!");
  EXPECT_EQ(Receive(server_, 1, absl::Milliseconds(50)), "");
  EXPECT_EQ(Receive(server_, 1), "!");
}

TEST_F(ProxyTest, NewConnectionsGoToANewTarget) {
  int other_port = 0;
  const int other = ListenTcpSocket(&other_port);
  link_->SetTarget({.tcp_port = other_port});
  const int client = Dial({.tcp_port = link_->port()});
  int server = -1;
  EXPECT_TRUE(Eventually([&] {
    server = accept4(other, nullptr, nullptr, SOCK_CLOEXEC);
    return server >= 0 || errno != EAGAIN;
  }));
  Send(client_, "old");
  EXPECT_EQ(Receive(server_, 3), "old");
  for (const int fd : {other, client, server}) close(fd);
}

TEST_F(ProxyTest, OnUnixSocketsOnePeerCanBeHit) {
  const testing::TempDir directory;
  Link* const link = proxy_.ListenUnix("unix", directory.File("s"), {.tcp_port = port_});
  const int client = Dial({.unix_path = directory.File("s")});
  EXPECT_TRUE(Eventually([&] { return link->connections() == 1; }));
  EXPECT_EQ(link->Reset(getpid() + 1), 0);
  EXPECT_EQ(link->Reset(getpid()), 1);
  EXPECT_NE(Receive(client, 1), "");
  close(client);
}

}  // namespace
}  // namespace lockstep::chaos
