#include "engine/base/worker_pool.h"

#include <atomic>
#include <future>
#include <gtest/gtest.h>
#include <set>
#include <thread>

namespace lockstep::base {
namespace {

TEST(WorkerPool, RefusesTheTaskBeyondItsQueue) {
  WorkerPool pool({.threads = 1, .queue = 2});
  std::promise<void> started, release;
  std::atomic<int> ran{0};
  ASSERT_TRUE(pool.Submit([&] {
    started.set_value();
    release.get_future().wait();
    ++ran;
  }));
  started.get_future().wait();  // The task has left the queue.
  EXPECT_TRUE(pool.Submit([&] { ++ran; }));
  EXPECT_TRUE(pool.Submit([&] { ++ran; }));
  EXPECT_FALSE(pool.Submit([&] { ran = 100; }));
  release.set_value();
  pool.Stop();
  EXPECT_EQ(ran, 3);
}

TEST(WorkerPool, RunsAsManyTasksAtOnceAsItHasThreads) {
  WorkerPool pool({.threads = 3, .queue = 8});
  std::promise<void> release;
  std::shared_future<void> released = release.get_future().share();
  std::vector<std::promise<std::thread::id>> started(3);
  for (auto& promise : started) {
    ASSERT_TRUE(pool.Submit([&promise, released] {
      promise.set_value(std::this_thread::get_id());
      released.wait();
    }));
  }
  std::set<std::thread::id> threads;
  for (auto& promise : started) threads.insert(promise.get_future().get());
  release.set_value();
  EXPECT_EQ(threads.size(), 3u);
}

TEST(WorkerPool, RunsTasksInTheirOrder) {
  std::vector<int> order;
  {
    WorkerPool pool({.threads = 1, .queue = 100});
    for (int i = 0; i < 100; ++i) ASSERT_TRUE(pool.Submit([&order, i] { order.push_back(i); }));
  }
  ASSERT_EQ(order.size(), 100u);
  for (int i = 0; i < 100; ++i) EXPECT_EQ(order[static_cast<size_t>(i)], i);
}

TEST(WorkerPool, RefusesTasksOnceItStopped) {
  WorkerPool pool({.threads = 2, .queue = 8});
  pool.Stop();
  EXPECT_FALSE(pool.Submit([] { FAIL() << "ran after Stop"; }));
  pool.Stop();
}

TEST(WorkerPool, MayBeStoppedFromTwoThreads) {
  for (int i = 0; i < 200; ++i) {
    WorkerPool pool({.threads = 2, .queue = 8});
    std::atomic<int> ran{0};
    ASSERT_TRUE(pool.Submit([&] { ++ran; }));
    std::thread other([&] {
      pool.Stop();
      EXPECT_EQ(ran, 1);
    });
    pool.Stop();
    EXPECT_EQ(ran, 1);
    other.join();
  }
}

TEST(WorkerPool, TasksMaySubmitTasks) {
  std::promise<void> done;
  WorkerPool pool({.threads = 1, .queue = 8});
  ASSERT_TRUE(pool.Submit([&] { EXPECT_TRUE(pool.Submit([&] { done.set_value(); })); }));
  done.get_future().wait();
}

}  // namespace
}  // namespace lockstep::base
