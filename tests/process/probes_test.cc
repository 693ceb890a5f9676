#include "agent/process/probes.h"

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

namespace lockstep::process {
namespace {

TEST(SchemaNews, TellsTheNewestChangeAndHowManyThereWere) {
  SchemaNews news;
  EXPECT_EQ(news.Reply(7).json, "{\"applied\":7,\"changes\":0}\n");
  news.Note({.from = 7, .to = 8, .objects = {"a"}});
  news.Note({.from = 8, .to = 9, .objects = {"users", "users.email"}, .everything = true});
  const HttpReply reply = news.Reply(9);
  EXPECT_EQ(reply.status, 200);
  EXPECT_EQ(reply.json,
            "{\"applied\":9,\"changes\":2,\"last\":{\"from\":8,\"to\":9,\"objects\":[\"users\","
            "\"users.email\"],\"everything\":true}}\n");
}

TEST(GateReply, CarriesWhatTheVerdictSpeaksOf) {
  GateVerdict verdict{.state = GateState::kWait, .reason = "applying"};
  EXPECT_EQ(GateReply(verdict).json.find("facts"), std::string::npos);
  verdict.facts = {.operation_id = "op-1", .version = 2, .title = "orders", .statement = 3};
  EXPECT_NE(GateReply(verdict).json.find("\"facts\":{\"operation_id\":\"op-1\",\"version\":2,"
                                         "\"title\":\"orders\",\"statement\":3}"),
            std::string::npos);
}

TEST(GateReply, TellsTheVerdictByStatusAndAsJson) {
  GateVerdict verdict{.state = GateState::kWait,
                      .reason = "applying",
                      .detail = "running \"13\"\n\xff",
                      .hint = "wait",
                      .applied = 12,
                      .needs = 13,
                      .head = 14};
  const HttpReply wait = GateReply(verdict);
  EXPECT_EQ(wait.status, 503);
  const auto json = nlohmann::json::parse(wait.json);
  EXPECT_EQ(json.at("state"), "wait");
  EXPECT_EQ(json.at("reason"), "applying");
  EXPECT_EQ(json.at("detail"), "running \"13\"\n\xef\xbf\xbd");
  EXPECT_EQ(json.at("applied"), 12);
  EXPECT_EQ(json.at("needs"), 13);
  EXPECT_EQ(json.at("head"), 14);
  verdict.state = GateState::kOpen;
  EXPECT_EQ(GateReply(verdict).status, 200);
  verdict.state = GateState::kRefused;
  EXPECT_EQ(GateReply(verdict).status, 409);
}

TEST(ReadyReply, IsGoodOnlyWhileServing) {
  EXPECT_EQ(ReadyReply(Phase::kServing).status, 200);
  for (Phase phase : {Phase::kGate, Phase::kStarting, Phase::kDraining, Phase::kEnded}) {
    const HttpReply reply = ReadyReply(phase);
    EXPECT_EQ(reply.status, 503);
    EXPECT_FALSE(nlohmann::json::parse(reply.json).at("reason").get<std::string>().empty());
  }
}

TEST(Progress, NeverGoesBack) {
  Progress progress;
  EXPECT_EQ(progress.phase(), Phase::kGate);
  EXPECT_TRUE(progress.Advance(Phase::kStarting));
  EXPECT_TRUE(progress.Advance(Phase::kDraining));
  EXPECT_FALSE(progress.Advance(Phase::kServing));
  EXPECT_FALSE(progress.Advance(Phase::kDraining));
  EXPECT_EQ(progress.phase(), Phase::kDraining);
}

}  // namespace
}  // namespace lockstep::process
