// can-deploy, pins, overrides and the audit: what is asked, what is printed, how it ends.
#include <fstream>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "nlohmann/json.hpp"

#include "engine/base/error_info.h"
#include "tests/ctl/fake_coordinator.h"
#include "tests/support/repo_paths.h"
#include "tests/support/temp_dir.h"

namespace lockstep::testing {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::SizeIs;

v1::CanDeployResponse Answer(v1::Deployability deployability) {
  v1::CanDeployResponse response;
  response.set_deployability(deployability);
  response.mutable_declaration()->set_service("shop");
  response.mutable_declaration()->set_build("8d02b17");
  response.mutable_declaration()->set_built_for(14);
  response.mutable_declaration()->set_adapted_to(12);
  response.mutable_gate()->set_reason("ahead");
  response.mutable_gate()->set_detail("needs 12, applied is 14");
  return response;
}

void AddContract(v1::CanDeployResponse& response, v1::ContractStanding state) {
  v1::ShuttingOut* const contract = response.add_shut_out_by();
  contract->set_version(13);
  contract->set_title("drop_legacy_role");
  contract->set_standing(state);
  if (state == v1::CONTRACT_STANDING_DONE) contract->mutable_ran_at()->set_seconds(1'800'000'000);
  contract->mutable_concern()->set_why("it is adapted to 12 and uses users.legacy_role");
}

class Builds : public ::testing::Test {
 protected:
  Builds() {
    fake_.can_deploy = [this](const v1::CanDeployRequest& request, auto* response) {
      asked_ = request;
      *response = answer_;
      return absl::OkStatus();
    };
  }
  CommandResult CanDeploy(std::vector<std::string> flags) {
    flags.insert(flags.begin(), {"can-deploy", "shop"});
    return RunLockstep(fake_, flags);
  }

  FakeCoordinator fake_;
  v1::CanDeployResponse answer_ = Answer(v1::DEPLOYABILITY_NOW);
  v1::CanDeployRequest asked_;
};

TEST_F(Builds, OneThatStartsNowIsExit0) {
  const CommandResult result = CanDeploy({"--build", "8d02b17"});
  EXPECT_EQ(CodeOf(result), 0) << result.err;
  EXPECT_EQ(result.out,
            "shop@8d02b17 starts now\n"
            "  needs 12, applied is 14; built for 14, adapted to 12\n");
  EXPECT_EQ(asked_.service(), "shop");
  EXPECT_EQ(asked_.build(), "8d02b17");
  EXPECT_FALSE(asked_.has_declaration());
}

TEST_F(Builds, ARollbackIsToldWhatWouldShutItOutAndHowToKeepIt) {
  AddContract(answer_, v1::CONTRACT_STANDING_WAITING);
  const CommandResult result = CanDeploy({"--build", "8d02b17", "--rollback"});
  EXPECT_EQ(CodeOf(result), 0) << result.err;
  EXPECT_THAT(result.out,
              AllOf(HasSubstr("  contract 13 drop_legacy_role waits and would shut it out: it is "
                              "adapted to 12 and uses users.legacy_role\n"),
                    HasSubstr("lockstep pins add shop --build 8d02b17 --for 7d")));
  answer_.set_pinned(true);
  EXPECT_THAT(CanDeploy({"--build", "8d02b17", "--rollback"}).out,
              AllOf(HasSubstr("it is pinned"), Not(HasSubstr("pins add"))));
}

TEST_F(Builds, OneThatStartsAfterTheUpgradeIsExit3) {
  answer_.set_deployability(v1::DEPLOYABILITY_AFTER_UPGRADE);
  const CommandResult result = CanDeploy({"--build", "8d02b17"});
  EXPECT_EQ(CodeOf(result), 3) << result.err;
  EXPECT_THAT(result.out, AllOf(HasSubstr("starts after the pending upgrade"),
                                HasSubstr("hint: `lockstep upgrade`")));
}

TEST_F(Builds, OneThatDoesNotStartIsExit5WithTheContractAndWhatWouldStart) {
  answer_.set_deployability(v1::DEPLOYABILITY_NO);
  answer_.mutable_gate()->set_reason("too_old");
  answer_.mutable_gate()->set_detail("contract 13 (drop_legacy_role) ran at noon");
  AddContract(answer_, v1::CONTRACT_STANDING_DONE);
  auto* const other = answer_.add_would_start();
  other->set_build("9c1e4aa");
  other->set_adapted_to(13);
  const CommandResult result = CanDeploy({"--build", "8d02b17"});
  EXPECT_EQ(CodeOf(result), 5);
  EXPECT_EQ(result.out, "");
  EXPECT_THAT(result.err,
              AllOf(HasSubstr("error: shop@8d02b17 would not start: contract 13 "
                              "(drop_legacy_role) ran at noon\n"),
                    HasSubstr("contract 13 drop_legacy_role"), HasSubstr("ran at 2027-01-15"),
                    HasSubstr("hint: build 9c1e4aa (adapted to 13) would start; deploy a build "
                              "whose lockstep.yaml says adapted_to: 13 or more")));
  const CommandResult json = CanDeploy({"--build", "8d02b17", "-o", "json"});
  EXPECT_EQ(CodeOf(json), 5);
  EXPECT_EQ(nlohmann::json::parse(json.out).at("deployability"), "DEPLOYABILITY_NO");
}

TEST_F(Builds, TheFilesOfABuildSayWhatItDeclares) {
  TempDir directory;
  std::ofstream(directory.File("lockstep.yaml")) << "service: shop\nadapted_to: 7\nuses: [users]\n";
  const CommandResult result =
      CanDeploy({"--build-file", directory.File("lockstep.yaml"), "--chain-sum",
                 SourcePath("migrations/chain.sum"), "--build", "8d02b17"});
  EXPECT_EQ(CodeOf(result), 0) << result.err;
  const v1::BuildDeclaration& declared = asked_.declaration();
  EXPECT_EQ(declared.service(), "shop");
  EXPECT_EQ(declared.build(), "8d02b17");
  EXPECT_TRUE(declared.configured());
  EXPECT_EQ(declared.built_for(), 16);
  EXPECT_THAT(declared.chain_hash(), SizeIs(32));
  EXPECT_EQ(declared.adapted_to(), 7);
  EXPECT_THAT(declared.uses(), ElementsAre("users"));
  std::ofstream(directory.File("lockstep.yaml")) << "service: other\n";
  EXPECT_EQ(CodeOf(CanDeploy({"--build-file", directory.File("lockstep.yaml")})), 2);
}

TEST_F(Builds, SomeBuildHasToBeNamed) {
  EXPECT_EQ(CodeOf(CanDeploy({})), 2);
  EXPECT_EQ(CodeOf(CanDeploy({"--chain-sum", "x"})), 2);
  EXPECT_EQ(fake_.calls, 0);
}

v1::Pin SomePin() {
  v1::Pin pin;
  pin.set_pin_id("pin-1");
  pin.set_service("shop");
  pin.set_build("8d02b17");
  pin.set_needs(12);
  pin.set_adapted_to(12);
  pin.mutable_expires_at()->set_seconds(4'000'000'000);
  pin.set_actor("ann@host");
  pin.set_reason("release 42");
  return pin;
}

TEST_F(Builds, PinsAreListedOverAllPages) {
  fake_.list_pins = [](const v1::ListPinsRequest& request, v1::ListPinsResponse* response) {
    EXPECT_EQ(request.service(), "shop");
    *response->add_pins() = SomePin();
    if (request.page_token().empty()) response->set_next_page_token("pin-1");
    return absl::OkStatus();
  };
  const CommandResult result = RunLockstep(fake_, {"pins", "shop"});
  EXPECT_EQ(CodeOf(result), 0) << result.err;
  EXPECT_THAT(result.out, AllOf(HasSubstr("ENDS IN"), HasSubstr("release 42")));
  EXPECT_EQ(fake_.calls, 2);
}

TEST_F(Builds, APinSaysHowLongWhoAndWhy) {
  v1::PinBuildRequest asked;
  fake_.pin = [&](const v1::PinBuildRequest& request, v1::PinBuildResponse* response) {
    asked = request;
    *response->mutable_pin() = SomePin();
    return absl::OkStatus();
  };
  const CommandResult result = RunLockstep(
      fake_, {"pins", "add", "shop", "--build", "8d02b17", "--for", "2d12h", "--reason", "r 42"});
  EXPECT_EQ(CodeOf(result), 0) << result.err;
  EXPECT_THAT(result.out, HasSubstr("shop@8d02b17 is pinned until 2096-10-02"));
  EXPECT_EQ(asked.lasting().seconds(), 60 * 3600);
  EXPECT_EQ(asked.reason(), "r 42");
  EXPECT_NE(asked.actor(), "");
  EXPECT_EQ(CodeOf(RunLockstep(fake_, {"pins", "add", "shop", "--reason", "r"})), 2);
  EXPECT_EQ(CodeOf(RunLockstep(fake_, {"pins", "add", "shop", "--build", "b"})), 2);
}

TEST_F(Builds, RetiringSaysWhatCountsAllTheSame) {
  fake_.retire = [](const v1::RetireBuildRequest&, v1::RetireBuildResponse* response) {
    response->set_pins_ended(1);
    response->add_still_counting()->set_instance("shop-7f9c");
    return absl::OkStatus();
  };
  const CommandResult result =
      RunLockstep(fake_, {"pins", "retire", "shop", "--build", "8d02b17", "--reason", "done"});
  EXPECT_EQ(CodeOf(result), 0) << result.err;
  EXPECT_EQ(result.out, "shop@8d02b17 is retired, 1 pin ended\n");
  EXPECT_THAT(result.err, AllOf(HasSubstr("count all the same"), HasSubstr("shop-7f9c")));
}

class Override : public ::testing::Test {
 protected:
  Override() {
    fake_.override_contract = [this](const v1::OverrideRequest& request,
                                     v1::OverrideResponse* response) {
      asked_.push_back(request);
      *response->mutable_lasting() = request.lasting();
      if (request.validate_only()) {
        auto* const session = response->add_sessions();
        session->set_service("shop");
        session->set_instance("shop-7f9c");
        *response->add_pins() = SomePin();
        response->set_confirmation_token("91c3f0d2");
      } else {
        response->set_override_id("ov-1");
      }
      return absl::OkStatus();
    };
  }
  CommandResult Run(std::vector<std::string> flags) {
    flags.insert(flags.begin(), {"override", "contract", "13", "--for", "30m"});
    return RunLockstep(fake_, flags);
  }

  FakeCoordinator fake_;
  std::vector<v1::OverrideRequest> asked_;
};

TEST_F(Override, LooksFirstAndTellsTheCommandThatActs) {
  const CommandResult result = Run({"--reason", "said too early"});
  EXPECT_EQ(CodeOf(result), 0) << result.err;
  EXPECT_THAT(result.out, AllOf(HasSubstr("would break 1 instance and 1 pin:\n"),
                                HasSubstr("shop-7f9c"), HasSubstr("release 42")));
  EXPECT_THAT(result.err, HasSubstr("lockstep override contract 13 --for 30m --confirm 91c3f0d2"));
  ASSERT_THAT(asked_, SizeIs(1));
  EXPECT_TRUE(asked_[0].validate_only());
  EXPECT_EQ(asked_[0].lasting().seconds(), 1800);
}

TEST_F(Override, ActsWithTheTokenAndAReason) {
  EXPECT_EQ(CodeOf(Run({"--confirm", "91c3f0d2"})), 2);
  EXPECT_THAT(asked_, SizeIs(0));
  const CommandResult result = Run({"--confirm", "91c3f0d2", "--reason", "it is stuck"});
  EXPECT_EQ(CodeOf(result), 0) << result.err;
  EXPECT_THAT(result.out, HasSubstr("ov-1: contract 13 may run for 30m"));
  ASSERT_THAT(asked_, SizeIs(1));
  EXPECT_FALSE(asked_[0].validate_only());
  EXPECT_EQ(asked_[0].confirmation_token(), "91c3f0d2");
  EXPECT_EQ(asked_[0].reason(), "it is stuck");
  EXPECT_NE(asked_[0].actor(), "");
}

TEST_F(Override, OfAListThatChangedIsExit8) {
  fake_.override_contract = [](const v1::OverrideRequest&, v1::OverrideResponse*) {
    return base::MakeError(absl::StatusCode::kAborted, "ETAG_MISMATCH", "not what was shown");
  };
  EXPECT_EQ(CodeOf(Run({"--confirm", "91c3f0d2", "--reason", "r"})), 8);
}

TEST(Audit, IsListedUpToALimitAndVerified) {
  FakeCoordinator fake;
  fake.list_audit = [](const v1::ListAuditEventsRequest& request,
                       v1::ListAuditEventsResponse* response) {
    EXPECT_EQ(request.page_size(), 1);
    v1::AuditEvent* const event = response->add_events();
    event->set_number(7);
    event->set_action("overridden");
    event->set_actor("ann@host");
    event->set_reason("it is stuck");
    event->set_version(13);
    response->set_next_page_token("7");
    return absl::OkStatus();
  };
  const CommandResult list = RunLockstep(fake, {"audit", "list", "--limit", "1"});
  EXPECT_EQ(CodeOf(list), 0) << list.err;
  EXPECT_THAT(list.out, AllOf(HasSubstr("overridden"), HasSubstr("version 13")));
  EXPECT_THAT(list.err, HasSubstr("--limit shows more"));

  std::string why;
  fake.verify_audit = [&](const v1::VerifyAuditRequest& request,
                          v1::VerifyAuditResponse* response) {
    EXPECT_THAT(request.expected_hash(), SizeIs(32));
    response->set_records(7);
    response->set_last_hash(std::string(32, '\x11'));
    response->set_why(why);
    response->set_broken_at(why.empty() ? 0 : 3);
    return absl::OkStatus();
  };
  const std::vector<std::string> verify = {"audit", "verify", "--expect", std::string(64, 'a')};
  EXPECT_THAT(RunLockstep(fake, verify).out, HasSubstr("7 records, unbroken; the newest is 1111"));
  why = "it is not what was written";
  const CommandResult broken = RunLockstep(fake, verify);
  EXPECT_EQ(CodeOf(broken), 5);
  EXPECT_THAT(broken.err, HasSubstr("record 3: it is not what was written"));
  EXPECT_EQ(CodeOf(RunLockstep(fake, {"audit", "verify", "--expect", "abc"})), 2);
}

TEST(Instances, ConcernedByAContractSayWhy) {
  FakeCoordinator fake;
  fake.list_instances = [](const v1::ListInstancesRequest& request,
                           v1::ListInstancesResponse* response) {
    EXPECT_EQ(request.concerned_by(), 13);
    v1::InstanceStatus* const instance = response->add_instances();
    instance->set_instance("shop-7f9c");
    instance->set_service("shop");
    instance->set_state("live");
    instance->mutable_concern()->set_why("it is adapted to 12 and uses users.legacy_role");
    return absl::OkStatus();
  };
  const CommandResult result = RunLockstep(fake, {"instances", "--concerned-by", "13"});
  EXPECT_EQ(CodeOf(result), 0) << result.err;
  EXPECT_THAT(result.out, AllOf(HasSubstr("WHY"), HasSubstr("and uses users.legacy_role")));
}

}  // namespace
}  // namespace lockstep::testing
