// deploy/examples/fastapi under `lockstep-agent run`: a service in Python that knows nothing of
// lockstep serves only behind an open gate, and drains.
#include <csignal>
#include <future>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"

#include "agent/process/http.h"
#include "tests/e2e/cluster.h"
#include "tests/support/eventually.h"
#include "tests/support/repo_paths.h"

namespace lockstep::testing {
namespace {

using ::testing::HasSubstr;

// The distribution's, which has the packages.
constexpr char kPython[] = "/usr/bin/python3";
constexpr char kFirstPort[] = "23100";

class FastApiTest : public ::testing::Test {
 protected:
  FastApiTest() {
    auto reserved = Subprocess::Start(
        {.argv = {kPython, SourcePath("deploy/examples/reserve_ports.py"), kFirstPort, "1"}});
    EXPECT_TRUE(reserved.ok() && (*reserved)->WaitForOutput("[0-9]+\n"));
    reservation_ = *std::move(reserved);
    port_ = std::string(absl::StripAsciiWhitespace(reservation_->stdout_text()));

    cluster_.WriteMigration("001_orders.sql", "CREATE TABLE orders (id bigint PRIMARY KEY)");
    cluster_.StartCoordinator();
    EXPECT_EQ(cluster_.Ctl({"publish"}).exit->code, 0);
    migrator_ = cluster_.StartAgent({.service = "migrator", .yaml = "needs: 0\n", .migrate = true});
  }

  std::unique_ptr<Subprocess> StartService() {
    return cluster_.StartAgent(
        {.service = "orders",
         .instance = "orders-1",
         .flags = {"--ready-url", Url("/health")},
         .command = {kPython, "-m", "uvicorn", "app:app", "--app-dir",
                     SourcePath("deploy/examples/fastapi"), "--host", "127.0.0.1", "--port", port_},
         .env = {{"PYTHONDONTWRITEBYTECODE", "1"}}});
  }
  std::string Url(const std::string& path) const {
    return absl::StrCat("http://127.0.0.1:", port_, path);
  }
  int Get(const std::string& path) const { return process::ProbeUrl(Url(path), absl::Seconds(20)); }
  bool ComesToServe() {
    return Eventually([&] {
      const CommandResult status = cluster_.Ctl({"status", "-o", "json"});
      return status.out.find("\"serving\":true") != std::string::npos ||
             status.out.find("\"serving\": true") != std::string::npos;
    });
  }

  std::string port_;
  Cluster cluster_;
  std::unique_ptr<Subprocess> reservation_;
  std::unique_ptr<Subprocess> migrator_;
};

TEST_F(FastApiTest, ListensOnlyBehindAnOpenGateAndDrainsOnSigterm) {
  auto service = StartService();
  ASSERT_TRUE(service->WaitForOutput("gate closed.*behind")) << service->stderr_text();
  EXPECT_EQ(Get("/health"), 0) << "it listens before its gate is open";
  EXPECT_THAT(service->stderr_text(), ::testing::Not(HasSubstr("child started")));

  ASSERT_EQ(cluster_.Ctl({"upgrade", "--yes"}).exit->code, 0);
  EXPECT_TRUE(Eventually([&] { return Get("/health") == 200; })) << service->stderr_text();
  EXPECT_TRUE(ComesToServe());

  auto request = std::async(std::launch::async, [&] { return Get("/export?seconds=1"); });
  ASSERT_TRUE(service->WaitForOutput("export begins"));
  service->Signal(SIGTERM);
  EXPECT_TRUE(service->WaitForOutput("draining"));
  EXPECT_EQ(cluster_.StateOf("orders", "orders-1"), "draining");  // It still works: it counts.
  EXPECT_EQ(request.get(), 200);
  EXPECT_EQ(service->Wait(), ExitStatus{}) << service->stderr_text();
  EXPECT_TRUE(Eventually([&] { return cluster_.StateOf("orders", "orders-1").empty(); }));
}

TEST_F(FastApiTest, ItsExitCodeIsTheAgents) {
  ASSERT_EQ(cluster_.Ctl({"upgrade", "--yes"}).exit->code, 0);
  auto taken = process::HttpServer::Start({.port = std::stoi(port_)}, {});
  ASSERT_TRUE(taken.ok());
  auto service = StartService();
  EXPECT_EQ(service->Wait(), ExitStatus{.code = 1}) << service->stderr_text();
  EXPECT_THAT(service->stderr_text(), HasSubstr("address already in use"));
}

}  // namespace
}  // namespace lockstep::testing
