// Watches the readiness of one running service, as a load balancer does, for as long as it lives.
//
//   ReadyCanary canary(*agent);       // an agent that was started with --http 0, and is ready
//   ... faults ...
//   EXPECT_EQ(canary.Stop(), "");     // what was seen beside "ready"
#ifndef LOCKSTEP_TESTS_E2E_CANARY_H_
#define LOCKSTEP_TESTS_E2E_CANARY_H_

#include <atomic>
#include <regex>
#include <stdexcept>
#include <string>
#include <thread>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"

#include "agent/process/http.h"
#include "tests/support/eventually.h"
#include "tests/support/subprocess.h"

namespace lockstep::testing {

class ReadyCanary {
 public:
  // Waits until the service is ready; throws when it does not become so.
  explicit ReadyCanary(const Subprocess& agent) : url_(UrlOf(agent)) {
    if (!Eventually([this] { return Probe() == 200; })) throw std::runtime_error("never ready");
    thread_ = std::thread([this] { Run(); });
  }
  ~ReadyCanary() { (void)Stop(); }

  // Ends the watch; "" when the service was ready each time, else what it said instead. Idempotent.
  std::string Stop() {
    stopping_ = true;
    if (thread_.joinable()) thread_.join();
    if (looks_ == 0) return "it was never looked at";
    return unready_ == 0 ? "" : absl::StrCat(unready_, " of ", looks_, " looks: ", last_);
  }

 private:
  static constexpr absl::Duration kPause = absl::Milliseconds(10);

  static std::string UrlOf(const Subprocess& agent) {
    std::smatch match;
    if (!agent.WaitForOutput("http listening.*\"port\":\"[0-9]+\"")) {
      throw std::runtime_error("the agent does not serve HTTP: " + agent.stderr_text());
    }
    const std::string text = agent.stderr_text();
    std::regex_search(text, match, std::regex("\"port\":\"([0-9]+)\""));
    return absl::StrCat("http://127.0.0.1:", match[1].str(), "/readyz");
  }
  int Probe() const { return process::ProbeUrl(url_, absl::Seconds(30)); }

  void Run() {
    while (!stopping_) {
      const int status = Probe();
      ++looks_;
      if (status != 200) {
        ++unready_;
        last_ = status;
      }
      absl::SleepFor(kPause);  // Between looks; nothing waits for it.
    }
  }

  const std::string url_;
  std::atomic<bool> stopping_{false};
  int looks_ = 0;  // These of the thread until it is joined.
  int unready_ = 0;
  int last_ = 200;
  std::thread thread_;
};

}  // namespace lockstep::testing

#endif  // LOCKSTEP_TESTS_E2E_CANARY_H_
