// Many clients that listen on streams of their own, each on a connection of its own: agents of a
// coordinator, or watchers of etcd. Messages are bytes here, so that both are driven by the same
// code.
#ifndef LOCKSTEP_TESTS_BENCH_LISTENERS_H_
#define LOCKSTEP_TESTS_BENCH_LISTENERS_H_

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"

#include "engine/base/mutex.h"

namespace lockstep::bench {

struct ListenerSpec {
  std::string address;
  std::string method;                           // "/package.Service/Method"
  std::function<std::string(int)> first;        // What client number N sends first.
  std::function<int(const std::string&)> tell;  // What a message tells: a number that only grows.
};

class Listeners {
 public:
  Listeners(const ListenerSpec& spec, int count);
  ~Listeners();  // Ends the streams and waits for that.
  Listeners(const Listeners&) = delete;
  Listeners& operator=(const Listeners&) = delete;

  // Waits until every client was told `number` or a higher one; returns when the last one was, in
  // seconds since the epoch. Throws after a minute, or when a stream ended.
  double WaitUntilTold(int number);

 private:
  class Stream;
  void Told(int client, int number);
  void Ended(const std::string& why);

  base::Mutex mu_;
  base::CondVar changed_;
  std::vector<int> told_ ABSL_GUARDED_BY(mu_);
  std::vector<double> when_ ABSL_GUARDED_BY(mu_);
  std::string ended_ ABSL_GUARDED_BY(mu_);
  std::vector<std::unique_ptr<Stream>> streams_;
};

}  // namespace lockstep::bench

#endif  // LOCKSTEP_TESTS_BENCH_LISTENERS_H_
