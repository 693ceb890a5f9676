#include "tests/chaos/load.h"

#include <memory>
#include <random>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"

#include "engine/base/status_macros.h"
#include "engine/postgres/connection.h"

namespace lockstep::chaos {
namespace {

absl::Status Transaction(postgres::Connection& connection, std::mt19937& random) {
  return connection.InTransaction([&] {
    RETURN_IF_ERROR(connection
                        .Query("INSERT INTO public.orders (customer, note) VALUES ($1, 'load')",
                               {postgres::Param(static_cast<int32_t>(random() % 97))})
                        .status());
    RETURN_IF_ERROR(connection
                        .Query("UPDATE public.orders SET note = 'seen' WHERE id = $1",
                               {postgres::Param(static_cast<int32_t>(random() % 3000))})
                        .status());
    RETURN_IF_ERROR(connection
                        .Query("UPDATE public.wide SET id = id WHERE id = $1",
                               {postgres::Param(static_cast<int32_t>(random() % 20))})
                        .status());
    // Now and then somebody thinks while the locks are held.
    absl::SleepFor(absl::Milliseconds(random() % 50 == 0 ? 300 : random() % 8));
    return connection
        .Query(
            "DELETE FROM public.orders WHERE id = "
            "(SELECT min(id) FROM public.orders WHERE id > 3000)")
        .status();
  });
}

}  // namespace

Load::Load(std::string conninfo, Journal* journal)
    : conninfo_(std::move(conninfo)), journal_(journal) {}

Load::~Load() { Stop(); }

void Load::Start(int threads) {
  for (int i = 0; i < threads; ++i) {
    threads_.emplace_back([this, i] { Run(static_cast<unsigned>(i) + 1); });
  }
}

void Load::Stop() {
  stopping_ = true;
  for (std::thread& thread : threads_) thread.join();
  threads_.clear();
}

void Load::Run(unsigned seed) {
  std::mt19937 random(seed);
  std::unique_ptr<postgres::Connection> connection;
  while (!stopping_) {
    if (connection == nullptr || !connection->usable()) {
      auto opened = postgres::Connection::Open(
          {.conninfo = conninfo_, .application_name = "load", .connect_timeout = absl::Seconds(2)});
      connection = opened.ok() ? *std::move(opened) : nullptr;
    }
    if (connection != nullptr && Transaction(*connection, random).ok()) {
      journal_->Count("load transactions");
    }
    absl::SleepFor(absl::Milliseconds(20 + random() % 40));
  }
}

}  // namespace lockstep::chaos
