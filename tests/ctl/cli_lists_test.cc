// Lists and logs: instances, leases, events, the chain, and status as it changes.
#include <algorithm>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "nlohmann/json.hpp"

#include "ctl/screen.h"
#include "tests/ctl/fake_coordinator.h"

namespace lockstep::testing {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

std::vector<std::string> LinesOf(const std::string& text) {
  return absl::StrSplit(text, '\n', absl::SkipEmpty());
}

v1::InstanceStatus Instance(const std::string& service, const std::string& name) {
  v1::InstanceStatus instance;
  instance.set_service(service);
  instance.set_instance(name);
  instance.set_session_id("7d9a2c4e-0000-4000-8000-000000000001");
  instance.set_build("8d02b17");
  instance.set_needs(11);
  instance.set_adapted_to(12);
  instance.set_via("coordinator");
  instance.set_state("live");
  instance.set_connected(true);
  instance.mutable_gate()->set_state(v1::GATE_STATE_OPEN);
  instance.mutable_last_seen()->set_seconds(2);
  return instance;
}

TEST(Instances, AreATableOfAllPagesWithTheReasonOfEachGate) {
  FakeCoordinator fake;
  v1::ListInstancesRequest seen;
  fake.list_instances = [&](const v1::ListInstancesRequest& request, auto* response) {
    seen = request;
    if (request.page_token().empty()) {
      *response->add_instances() = Instance("core", "core-1");
      response->set_next_page_token("next");
      return absl::OkStatus();
    }
    v1::InstanceStatus waiting = Instance("shop", "shop-1");
    waiting.mutable_gate()->set_state(v1::GATE_STATE_REFUSED);
    waiting.mutable_gate()->set_reason("too_old");
    waiting.set_via("direct");
    waiting.clear_last_seen();
    *response->add_instances() = waiting;
    return absl::OkStatus();
  };
  const CommandResult result = RunLockstep(fake, {"instances", "core"});
  EXPECT_EQ(CodeOf(result), 0) << result.err;
  EXPECT_EQ(
      result.out,
      "INSTANCE  SERVICE  BUILD    NEEDS  ADAPTED TO  GATE               VIA          LAST SEEN\n"
      "core-1    core     8d02b17     11          12  open               coordinator  2s\n"
      "shop-1    shop     8d02b17     11          12  refused (too_old)  direct       -\n");
  EXPECT_EQ(seen.service(), "core");
  const CommandResult lines = RunLockstep(fake, {"instances", "-o", "jsonl"});
  ASSERT_EQ(LinesOf(lines.out).size(), 2) << lines.out;
  EXPECT_EQ(nlohmann::json::parse(LinesOf(lines.out)[1]).at("service"), "shop");
  const auto json = nlohmann::json::parse(RunLockstep(fake, {"instances", "-o", "json"}).out);
  EXPECT_EQ(json.at("instances").size(), 2);
}

TEST(Instances, OneIsShownByNameOrSaidToBeMissing) {
  FakeCoordinator fake;
  fake.list_instances = [](const v1::ListInstancesRequest& request, auto* response) {
    if (request.instance() != "core-1") return absl::OkStatus();
    v1::InstanceStatus instance = Instance("core", "core-1");
    instance.mutable_gate()->set_state(v1::GATE_STATE_WAIT);
    instance.mutable_gate()->set_reason("behind");
    instance.mutable_gate()->set_detail("needs 14, applied is 12");
    instance.mutable_gate()->set_hint("lockstep upgrade");
    *response->add_instances() = instance;
    return absl::OkStatus();
  };
  const CommandResult result = RunLockstep(fake, {"instances", "get", "core-1"});
  EXPECT_THAT(result.out, HasSubstr("SERVICE      core\n"));
  EXPECT_THAT(result.out, HasSubstr("GATE         waiting (behind)\n"));
  EXPECT_THAT(result.out, HasSubstr("             needs 14, applied is 12\n"));
  EXPECT_THAT(result.out, HasSubstr("HINT         lockstep upgrade\n"));
  const auto json =
      nlohmann::json::parse(RunLockstep(fake, {"instances", "get", "core-1", "-o", "json"}).out);
  EXPECT_EQ(json.at("instance"), "core-1");
  const CommandResult missing = RunLockstep(fake, {"instances", "get", "core-2"});
  EXPECT_EQ(CodeOf(missing), 1);
  EXPECT_EQ(missing.err,
            "error: no instance core-2 is registered\n  hint: `lockstep instances` lists them\n");
}

TEST(Leases, ShowWhoHoldsOneAndHowTheOthersEnded) {
  FakeCoordinator fake;
  v1::ListLeasesRequest seen;
  fake.list_leases = [&](const auto& request, auto* response) {
    seen = request;
    for (int i = 2; i > 0; --i) {
      auto* lease = response->add_leases();
      lease->set_lease_epoch(i);
      lease->set_holder("core@core-1");
      lease->set_operation_id("op-7f3a");
      lease->set_first(i);
      lease->set_last(i * i);
      lease->mutable_granted_at()->set_seconds(1'800'000'000);
      lease->set_state(i == 2 ? v1::LEASE_STATE_HELD : v1::LEASE_STATE_FAILED);
      if (i == 2) continue;
      lease->mutable_ended_at()->set_seconds(1'800'000'002);
      lease->mutable_error()->set_message("lock timeout");
    }
    return absl::OkStatus();
  };
  const CommandResult result = RunLockstep(fake, {"leases", "--limit", "2"});
  EXPECT_EQ(result.out,
            "EPOCH  STATE   RUN   COMMITTED  HOLDER       OPERATION  GRANTED AT            LASTED  "
            "NOTE\n"
            "    2  held    2..4          -  core@core-1  op-7f3a    2027-01-15 08:00:00Z       -\n"
            "    1  failed  1             -  core@core-1  op-7f3a    2027-01-15 08:00:00Z   2.0 s  "
            "lock timeout\n");
  EXPECT_EQ(seen.page_size(), 2);
  EXPECT_THAT(RunLockstep(fake, {"leases", "-o", "json"}).out, Not(HasSubstr("leaseId")));
  EXPECT_EQ(CodeOf(RunLockstep(fake, {"leases", "--limit", "0"})), 2);
  EXPECT_EQ(CodeOf(RunLockstep(fake, {"leases", "--limit", "x"})), 2);
}

v1::Event Published(int64_t sequence) {
  v1::Event event;
  event.set_sequence(sequence);
  event.set_kind("published");
  event.set_version(static_cast<int32_t>(sequence));
  event.mutable_at()->set_seconds(1'800'000'000);
  auto& detail = *event.mutable_detail()->mutable_fields();
  detail["by"].set_string_value("ann");
  detail["last"].set_number_value(3);
  detail["reason"].set_string_value("");
  return event;
}

TEST(Events, AreLinesAndSayWhereTheNextOnesAre) {
  FakeCoordinator fake;
  v1::ListEventsRequest seen;
  fake.list_events = [&](const auto& request, auto* response) {
    seen = request;
    *response->add_events() = Published(request.after() + 1);
    response->set_next_page_token("8");
    return absl::OkStatus();
  };
  const CommandResult result = RunLockstep(fake, {"events", "--after", "7", "--limit", "1"});
  EXPECT_EQ(
      result.out,
      "SEQUENCE  AT                    KIND                  VERSION  OPERATION        DETAIL\n"
      "       8  2027-01-15 08:00:00Z  published                   8  -                by=ann  "
      "last=3\n");
  EXPECT_EQ(result.err, "later ones: `lockstep events --after 8`\n");
  EXPECT_EQ(seen.after(), 7);
  EXPECT_FALSE(seen.newest());
  const CommandResult json = RunLockstep(fake, {"events", "-o", "json"});
  EXPECT_TRUE(seen.newest());
  EXPECT_EQ(nlohmann::json::parse(json.out).at("events").at(0).at("detail").at("by"), "ann");
}

TEST(Events, FollowedOverALostConnectionNoneIsMissingAndNoneComesTwice) {
  FakeCoordinator fake;
  std::vector<int64_t> asked;  // Streams come one after the other.
  fake.watch_events = [&](const v1::WatchEventsRequest& request, auto* writer) {
    asked.push_back(request.after());
    for (int batch = 0; batch < 200; ++batch) {
      v1::WatchEventsResponse response;
      // The first event of a batch is the last one of the batch before.
      for (int i = 0; i < 3; ++i) {
        *response.add_events() = Published(request.after() + batch * 2 + i);
      }
      writer->Write(response);
    }
    return absl::UnavailableError("gone");
  };
  const CommandResult result =
      RunLockstep(fake, {"events", "--follow", "--after", "0", "--limit", "900", "-o", "jsonl"});
  EXPECT_EQ(CodeOf(result), 0) << result.err;
  const std::vector<std::string> lines = LinesOf(result.out);
  ASSERT_EQ(lines.size(), 900);
  for (int i = 0; i < 900; ++i) {
    EXPECT_EQ(nlohmann::json::parse(lines[i]).at("sequence"), absl::StrCat(i + 1));
  }
  EXPECT_THAT(asked, ::testing::ElementsAre(0, 400, 800));
}

TEST(Events, FollowBeginsWithTheNewestOnes) {
  FakeCoordinator fake;
  fake.list_events = [](const v1::ListEventsRequest& request, auto* response) {
    EXPECT_TRUE(request.newest());
    EXPECT_EQ(request.page_size(), 2);
    *response->add_events() = Published(41);
    *response->add_events() = Published(42);
    return absl::OkStatus();
  };
  const CommandResult result =
      RunLockstep(fake, {"events", "--follow", "--limit", "2", "-o", "json"});
  EXPECT_EQ(CodeOf(result), 0) << result.err;
  EXPECT_EQ(LinesOf(result.out).size(), 2);
}

TEST(ChainExport, PutsThePiecesTogetherAndBeginsAnewWhenTheStreamDoes) {
  FakeCoordinator fake;
  int streams = 0;
  const std::string sum = "lockstep chain.sum ls1-sha256\n" + std::string(300'000, 'a') + "\n";
  fake.export_chain = [&](auto*, grpc::ServerWriter<v1::ExportChainResponse>* writer) {
    ++streams;
    for (size_t at = 0; at < sum.size(); at += 1000) {
      if (streams == 1 && at > 5000) return absl::UnavailableError("gone");
      v1::ExportChainResponse piece;
      piece.set_offset(static_cast<int64_t>(at));
      piece.set_text(sum.substr(at, 1000));
      piece.set_last(at + 1000 >= sum.size());
      piece.set_head(16);
      writer->Write(piece);
    }
    return absl::OkStatus();
  };
  const CommandResult result = RunLockstep(fake, {"chain", "export"});
  EXPECT_EQ(CodeOf(result), 0) << result.err;
  EXPECT_EQ(result.out, sum);
  EXPECT_EQ(streams, 2);
  const auto json = nlohmann::json::parse(RunLockstep(fake, {"chain", "export", "-o", "json"}).out);
  EXPECT_EQ(json.at("text"), sum);
  EXPECT_EQ(json.at("head"), 16);
}

TEST(StatusWatch, PrintsABlockAChangeAndALineAChangeAsJson) {
  FakeCoordinator fake;
  fake.watch_status = [](auto*, auto* writer) {
    for (const char* name : {"one", "two"}) {
      v1::WatchStatusResponse response;
      response.mutable_status()->set_database(name);
      response.mutable_status()->add_services()->set_service("core");
      response.mutable_status()->mutable_services(0)->add_instances()->set_instance(name);
      writer->Write(response);
    }
    return absl::InternalError("the end");
  };
  const CommandResult result = RunLockstep(fake, {"status", "--watch"});
  EXPECT_EQ(CodeOf(result), 1);
  EXPECT_THAT(result.out, HasSubstr("database one"));
  EXPECT_THAT(result.out, HasSubstr("\n\nCLUSTER   no leader"));
  EXPECT_THAT(result.out, Not(HasSubstr("\x1b")));
  const CommandResult service = RunLockstep(fake, {"status", "core", "--watch"});
  EXPECT_THAT(service.out, HasSubstr("two"));
  const CommandResult none = RunLockstep(fake, {"status", "shop", "--watch"});
  EXPECT_THAT(none.out, HasSubstr("no instance of shop is registered\n"));
  for (const char* format : {"json", "jsonl"}) {
    const CommandResult json = RunLockstep(fake, {"status", "core", "--watch", "-o", format});
    ASSERT_EQ(LinesOf(json.out).size(), 2) << json.out;
    EXPECT_EQ(nlohmann::json::parse(LinesOf(json.out)[1]).at("status").at("database"), "two");
  }
}

TEST(Screen, DrawsOverTheLastPictureAndLeavesOutWhatDoesNotFit) {
  EXPECT_EQ(ctl::Redraw("a\nb\n", 24, true), "\x1b[2J\x1b[Ha\x1b[K\nb\x1b[K\n\x1b[J");
  EXPECT_EQ(ctl::Redraw("a\nb\nc\nd\n", 4, false),
            "\x1b[Ha\x1b[K\nb\x1b[K\n… 2 more lines\x1b[K\n\x1b[J");
  EXPECT_EQ(ctl::Redraw("a\nb\nc\n", 0, false), "\x1b[Ha\x1b[K\nb\x1b[K\nc\x1b[K\n\x1b[J");
}

}  // namespace
}  // namespace lockstep::testing
