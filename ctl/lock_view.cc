#include "ctl/lock_view.h"

#include "absl/strings/str_cat.h"

#include "engine/postgres/lock_wait.h"
#include "proto/convert/time.h"

namespace lockstep::ctl {
namespace {

postgres::LockBlocker FromProto(const v1::LockBlocker& proto) {
  return {.pid = proto.pid(),
          .role = proto.role(),
          .application_name = proto.application_name(),
          .state = proto.state(),
          .transaction_age = convert::FromProto(proto.transaction_age()),
          .state_age = convert::FromProto(proto.state_age()),
          .query = proto.query()};
}

}  // namespace

std::string LockWaitText(const v1::LockWait& wait) {
  postgres::LockWait value{.relation = wait.relation(), .mode = wait.mode()};
  for (const v1::LockBlocker& blocker : wait.blockers()) {
    value.blockers.push_back(FromProto(blocker));
  }
  return postgres::Describe(value);
}

base::Blocker BlockerOf(const v1::LockBlocker& blocker) {
  return {.type = "session",
          .subject = blocker.pid() == 0 ? blocker.query() : absl::StrCat("pid ", blocker.pid()),
          .description = postgres::Describe(FromProto(blocker))};
}

std::string InTheWay(const v1::LockWait& wait) {
  std::string text = wait.relation();
  for (const v1::LockBlocker& blocker : wait.blockers()) {
    absl::StrAppend(&text, " ", blocker.pid(), " ", blocker.state());
  }
  return text;
}

}  // namespace lockstep::ctl
