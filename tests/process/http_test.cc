#include "agent/process/http.h"

#include <arpa/inet.h>
#include <atomic>
#include <future>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <thread>
#include <unistd.h>
#include <vector>

#include "absl/strings/str_cat.h"

#include "agent/process/ready_poller.h"
#include "tests/support/eventually.h"
#include "tests/support/matchers.h"

namespace lockstep::process {
namespace {

using testing::Eventually;
using testing::IsOk;
using testing::StatusIs;

std::string Url(const HttpServer& server, const std::string& path) {
  return absl::StrCat("http://127.0.0.1:", server.port(), path);
}

int Probe(const HttpServer& server, const std::string& path) {
  return ProbeUrl(Url(server, path), absl::Seconds(10));
}

int Connect(int port) {
  const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address = {};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<uint16_t>(port));
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  EXPECT_EQ(connect(fd, reinterpret_cast<sockaddr*>(&address), sizeof(address)), 0);
  return fd;
}

TEST(HttpServer, ListensWhereItIsTold) {
  auto server = HttpServer::Start({.host = "127.0.0.2"}, {{"/a", [] { return HttpReply{}; }}});
  ASSERT_THAT(server, IsOk());
  const auto url = [&](const char* host) {
    return absl::StrCat("http://", host, ":", (*server)->port(), "/a");
  };
  EXPECT_EQ(ProbeUrl(url("127.0.0.2"), absl::Seconds(10)), 200);
  EXPECT_EQ(ProbeUrl(url("127.0.0.1"), absl::Seconds(10)), 0);
  const auto elsewhere = HttpServer::Start({.host = "192.0.2.1", .port = 8099}, {});
  EXPECT_THAT(elsewhere, StatusIs(absl::StatusCode::kUnavailable, "HTTP_LISTEN"));
  EXPECT_THAT(elsewhere.status().message(), ::testing::HasSubstr("192.0.2.1:8099"));
}

TEST(HttpServer, AnswersItsRoutes) {
  auto server = HttpServer::Start({}, {{"/a", [] { return HttpReply{.status = 200}; }},
                                       {"/b", [] { return HttpReply{.status = 503}; }}});
  ASSERT_THAT(server, IsOk());
  EXPECT_GT((*server)->port(), 0);
  EXPECT_EQ(Probe(**server, "/a"), 200);
  EXPECT_EQ(Probe(**server, "/b"), 503);
  EXPECT_EQ(Probe(**server, "/c"), 404);
}

TEST(HttpServer, TwoDoNotShareAPort) {
  auto server = HttpServer::Start({}, {});
  ASSERT_THAT(server, IsOk());
  EXPECT_THAT(HttpServer::Start({.port = (*server)->port()}, {}),
              StatusIs(absl::StatusCode::kUnavailable, "HTTP_LISTEN"));
}

TEST(HttpServer, CanBeStoppedAtOnce) {
  for (int i = 0; i < 20; ++i) ASSERT_THAT(HttpServer::Start({}, {}), IsOk());
}

// Whoever connects and says nothing must not keep orchestrators from asking for long.
TEST(HttpServer, SilentConnectionsDoNotBlockItForEver) {
  auto server = HttpServer::Start({}, {{"/livez", [] { return HttpReply{}; }}});
  ASSERT_THAT(server, IsOk());
  std::vector<int> silent;
  for (int i = 0; i < 6; ++i) silent.push_back(Connect((*server)->port()));
  EXPECT_TRUE(Eventually([&] { return Probe(**server, "/livez") == 200; }));
  for (int fd : silent) close(fd);
}

TEST(ProbeUrl, IsZeroWhereNobodyAnswers) {
  EXPECT_EQ(ProbeUrl("http://127.0.0.1:1/", absl::Seconds(2)), 0);
  EXPECT_EQ(ProbeUrl("nonsense", absl::Seconds(2)), 0);
}

TEST(ProbeUrl, GivesUpAfterItsTimeout) {
  std::promise<void> release;
  std::shared_future<void> released = release.get_future().share();
  auto server = HttpServer::Start({}, {{"/slow", [released] {
                                          released.wait();
                                          return HttpReply{};
                                        }}});
  ASSERT_THAT(server, IsOk());
  EXPECT_EQ(ProbeUrl(Url(**server, "/slow"), absl::Milliseconds(50)), 0);
  release.set_value();
}

TEST(ReadyPoller, CallsOnceAfterTheFirstGoodAnswer) {
  std::atomic<int> asked{0};
  auto server = HttpServer::Start(
      {}, {{"/health", [&] { return HttpReply{.status = ++asked < 3 ? 503 : 204}; }}});
  ASSERT_THAT(server, IsOk());
  std::promise<void> ready;
  ReadyPoller poller({.url = Url(**server, "/health"), .interval = absl::Milliseconds(5)},
                     [&](bool) { ready.set_value(); });  // A second call would throw.
  ready.get_future().wait();
  EXPECT_EQ(asked, 3);
}

TEST(ReadyPoller, EndsWithoutAnAnswer) {
  const absl::Time start = absl::Now();
  {
    ReadyPoller poller({.url = "http://127.0.0.1:1/", .interval = absl::Hours(1)},
                       [](bool) { FAIL() << "nobody answered"; });
  }
  EXPECT_LT(absl::Now() - start, absl::Minutes(1));
}

}  // namespace
}  // namespace lockstep::process
