// Who is in the way of a contract although no session answers for it: connections.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"

#include "tests/catalog/barrier_fixture.h"

namespace lockstep::testing {
namespace {

using coordinator::ClientGroup;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

// Connections by who answers for them.
class ClientsTest : public BarrierTest {
 protected:
  ClientsTest() {
    lockstep_.db().RunScript(
        "CREATE TABLE users (id int, email text); CREATE TABLE reports (id int); "
        "GRANT SELECT ON reports TO PUBLIC");
    reader_ = lockstep_.db().CreateLogin("reader");
    other_ = lockstep_.db().CreateLogin("other");
    lockstep_.db().RunScript(absl::StrCat("GRANT SELECT (email) ON users TO ", reader_));
  }
  std::unique_ptr<postgres::Connection> Client(const std::string& role, const std::string& name) {
    auto client = postgres::Connection::Open(
        {.conninfo = lockstep_.db().conninfo(role), .application_name = name});
    EXPECT_THAT(client, IsOk());
    return client.ok() ? *std::move(client) : nullptr;
  }
  static std::string NameOf(const Declaration& d, bool marked) {
    return absl::StrCat(d.service, "@", d.instance,
                        marked ? absl::StrCat("#", d.session_id.substr(0, 8)) : "");
  }
  // Of the readers' connections only: those of the test itself are undeclared, too.
  std::vector<std::string> Found(Version version = 2) {
    std::vector<std::string> found;
    for (const ClientGroup& client : Facts(version).clients) {
      if (client.role != reader_ && client.role != other_) continue;
      found.push_back(absl::StrCat(client.leftover ? "leftover " : "", client.application_name, " ",
                                   client.connections, client.locks > 0 ? " locks" : ""));
    }
    return found;
  }

  std::string reader_;
  std::string other_;
};

TEST_F(ClientsTest, ThoseWithoutARightOnWhatIsTouchedAreNoConcern) {
  const auto reader = Client(reader_, "metabase");
  const auto again = Client(reader_, "metabase");
  const auto other = Client(other_, "monitor");
  EXPECT_THAT(Found(), ElementsAre("metabase 2"));
  // What contract 3 touches is not known: it may be anything.
  EXPECT_THAT(Found(3), ElementsAre("metabase 2", "monitor 1"));
}

TEST_F(ClientsTest, ARightThatARoleMayTakeCountsToo) {
  lockstep_.db().RunScript(
      absl::StrCat("GRANT ", reader_, " TO ", other_, "; ALTER ROLE ", other_, " NOINHERIT"));
  const auto other = Client(other_, "monitor");
  EXPECT_THAT(Found(), ElementsAre("monitor 1"));
}

TEST_F(ClientsTest, ThoseThatHoldALockOnItComeFirst) {
  const auto a = Client(reader_, "a");
  const auto b = Client(reader_, "a");
  const auto z = Client(reader_, "z");
  ASSERT_THAT(z->RunScript("BEGIN; SELECT email FROM users"), IsOk());
  EXPECT_THAT(Found(), ElementsAre("z 1 locks", "a 2"));
}

TEST_F(ClientsTest, LockstepsOwnAndThoseOfInstancesThatCountAreNotTold) {
  const Declaration old = Live("old");
  const Declaration adapted = Live("adapted", /*adapted_to=*/2);
  const auto own = Client(reader_, "lockstep:12345678");
  const auto concerned = Client(reader_, NameOf(old, true));
  const auto unconcerned = Client(reader_, NameOf(adapted, true));
  const auto unmarked = Client(reader_, NameOf(adapted, false));
  EXPECT_THAT(Found(), IsEmpty());
}

TEST_F(ClientsTest, WhatAnEndedInstanceLeavesBehindIsToldAsSuch) {
  const Declaration old = Live("old");
  const Declaration adapted = Live("adapted", /*adapted_to=*/2);
  const auto marked = Client(reader_, NameOf(old, true));
  const auto unmarked = Client(reader_, NameOf(old, false));
  const auto harmless = Client(reader_, NameOf(adapted, true));
  Close(old);
  Close(adapted);
  EXPECT_THAT(Found(), ElementsAre(absl::StrCat("leftover ", NameOf(old, false), " 1"),
                                   absl::StrCat("leftover ", NameOf(old, true), " 1")));
}

TEST_F(ClientsTest, AnUnmarkedConnectionOlderThanTheAdaptedStartIsOfTheOneBefore) {
  Declaration first = Live("pod");
  const auto before = Client(reader_, NameOf(first, false));
  Close(first);
  Live("pod", /*adapted_to=*/2);
  EXPECT_THAT(Found(), ElementsAre("leftover service@pod 1"));
  const auto after = Client(reader_, NameOf(first, false));
  EXPECT_THAT(Found(), ElementsAre("leftover service@pod 1"));
}

TEST_F(ClientsTest, AMarkThatNobodyKnowsIsNobodys) {
  const auto stranger = Client(reader_, "service@pod#00000000");
  EXPECT_THAT(Found(), ElementsAre("service@pod#00000000 1"));
}

}  // namespace
}  // namespace lockstep::testing
