#include "tests/schedules/holder.h"

#include <utility>

#include "absl/strings/str_cat.h"

namespace lockstep::testing {

void Holder::Start(apply::RunSpec spec) {
  spec_ = std::move(spec);
  spec_.conninfo = absl::StrCat(conninfo_, " host=", wire_.directory());
  cancellation_ = std::make_unique<apply::Cancellation>();
  finished_ = false;
  thread_ = std::thread([this] {
    result_ = apply::ApplyRun(spec_, *cancellation_, [](const apply::Progress&) {});
    finished_ = true;
    signal_.Notify();
  });
}

std::optional<apply::RunResult> Holder::Take() {
  if (!busy()) return std::nullopt;
  thread_.join();
  wire_.Reset();
  return std::move(result_);
}

std::optional<apply::RunResult> Holder::End() {
  if (busy()) {
    cancellation_->Request("the test ends");
    wire_.Refuse();
    wire_.Cut(Side::kBoth);
  }
  return Take();
}

}  // namespace lockstep::testing
