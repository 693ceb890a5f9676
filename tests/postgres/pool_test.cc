#include "engine/postgres/pool.h"

#include <atomic>
#include <future>
#include <gtest/gtest.h>
#include <optional>
#include <thread>

#include "tests/support/eventually.h"
#include "tests/support/matchers.h"
#include "tests/support/test_database.h"

namespace lockstep::postgres {
namespace {

using absl::StatusCode;
using testing::Eventually;
using testing::IsOk;
using testing::StatusIs;
using testing::TestDatabase;

class PoolTest : public ::testing::Test {
 protected:
  PoolOptions Options(int size, absl::Duration take_timeout = absl::Seconds(30)) {
    return {.connection = {.conninfo = db_.conninfo(), .application_name = "pooled"},
            .size = size,
            .take_timeout = take_timeout};
  }
  std::string Sessions() {
    return db_.Scalar("SELECT count(*) FROM pg_stat_activity WHERE application_name = 'pooled'");
  }

  TestDatabase db_;
};

TEST_F(PoolTest, OpensConnectionsWhenNeededAndReusesThem) {
  Pool pool(Options(4));
  EXPECT_EQ(Sessions(), "0");
  int pid = 0;
  for (int i = 0; i < 3; ++i) {
    auto lease = pool.Take();
    ASSERT_THAT(lease, IsOk());
    if (i > 0) {
      EXPECT_EQ((*lease)->backend_pid(), pid);
    }
    pid = (*lease)->backend_pid();
  }
  EXPECT_EQ(Sessions(), "1");
}

TEST_F(PoolTest, RefusesOneMoreThanItsSize) {
  Pool pool(Options(2, absl::Milliseconds(30)));
  auto one = pool.Take();
  auto two = pool.Take();
  ASSERT_THAT(one, IsOk());
  ASSERT_THAT(two, IsOk());
  EXPECT_THAT(pool.Take(), StatusIs(StatusCode::kResourceExhausted));
  EXPECT_EQ(Sessions(), "2");
}

TEST_F(PoolTest, HandsAReturnedConnectionToWhoWaits) {
  Pool pool(Options(1));
  std::optional<Pool::Lease> held(*pool.Take());
  const int pid = (*held)->backend_pid();
  auto waiter = std::async(std::launch::async, [&] {
    auto lease = pool.Take();
    return lease.ok() ? (*lease)->backend_pid() : 0;
  });
  held.reset();
  EXPECT_EQ(waiter.get(), pid);
}

TEST_F(PoolTest, NeverOpensMoreThanItsSizeUnderLoad) {
  Pool pool(Options(3));
  std::atomic<int> in_use{0};
  std::atomic<int> most{0};
  std::vector<std::thread> threads;
  for (int i = 0; i < 8; ++i) {
    threads.emplace_back([&] {
      for (int j = 0; j < 20; ++j) {
        auto lease = pool.Take();
        ASSERT_THAT(lease, IsOk());
        const int now = ++in_use;
        for (int seen = most; seen < now && !most.compare_exchange_weak(seen, now);) {
        }
        EXPECT_THAT((*lease)->Query("SELECT 1"), IsOk());
        --in_use;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_LE(most, 3);
  EXPECT_LE(std::stoi(Sessions()), 3);
}

TEST_F(PoolTest, DropsALostConnectionAndOpensAnother) {
  Pool pool(Options(1));
  {
    auto lease = pool.Take();
    ASSERT_THAT(lease, IsOk());
    EXPECT_THAT((*lease)->Query("SELECT pg_terminate_backend(pg_backend_pid())"),
                StatusIs(StatusCode::kUnavailable));
  }
  auto lease = pool.Take();
  ASSERT_THAT(lease, IsOk());
  EXPECT_THAT((*lease)->Query("SELECT 1"), IsOk());
}

TEST_F(PoolTest, AFailedOpenTakesNoPlace) {
  PoolOptions options = Options(1, absl::Milliseconds(30));
  options.connection.conninfo = db_.server().conninfo("no_such_database");
  Pool pool(options);
  for (int i = 0; i < 3; ++i) EXPECT_THAT(pool.Take(), StatusIs(StatusCode::kNotFound));
}

// A waiter whose place is taken by others again and again must not wait for ever.
TEST_F(PoolTest, WaitsNoLongerThanItsTimeoutWhenOthersAreFaster) {
  Pool pool(Options(1, absl::Milliseconds(200)));
  std::atomic<bool> stop{false};
  std::vector<std::thread> others;
  for (int i = 0; i < 2; ++i) {
    others.emplace_back([&] {
      while (!stop) {
        auto lease = pool.Take();
        if (lease.ok()) (*lease)->Query("SELECT pg_sleep(0.02)").IgnoreError();
      }
    });
  }
  absl::Duration longest;
  for (int i = 0; i < 20; ++i) {
    const absl::Time start = absl::Now();
    pool.Take().status().IgnoreError();
    longest = std::max(longest, absl::Now() - start);
  }
  stop = true;
  for (std::thread& other : others) other.join();
  EXPECT_LT(longest, absl::Seconds(2));
}

}  // namespace
}  // namespace lockstep::postgres
