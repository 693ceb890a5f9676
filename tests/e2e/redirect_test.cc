// What a follower answers on the wire: every write, and the agents' stream, with the leader's
// address; every read itself.
#include <gmock/gmock.h>
#include <grpcpp/grpcpp.h>
#include <gtest/gtest.h>

#include "lockstep/v1/agent.grpc.pb.h"
#include "lockstep/v1/operation.grpc.pb.h"
#include "lockstep/v1/release.grpc.pb.h"
#include "lockstep/v1/status.grpc.pb.h"

#include "engine/base/error_info.h"
#include "engine/base/ids.h"
#include "proto/convert/status.h"
#include "tests/e2e/cluster.h"
#include "tests/support/matchers.h"

namespace lockstep::testing {
namespace {

class RedirectTest : public ::testing::Test {
 protected:
  RedirectTest() {
    cluster_.WriteMigration("001_good.sql", "CREATE TABLE good (id int)");
    EXPECT_TRUE(cluster_.StartCoordinator("a").WaitForOutput("leadership won"));
    cluster_.StartCoordinator("b");
    channel_ = grpc::CreateChannel(cluster_.socket("b"), grpc::InsecureChannelCredentials());
    EXPECT_EQ(cluster_.Ctl({"publish"}).exit->code, 0);
    operation_ = cluster_.Json({"upgrade", "--yes", "--no-wait"})["operationId"];
  }

  template <class Stub, class Request, class Response>
  absl::Status Call(grpc::Status (Stub::*method)(grpc::ClientContext*, const Request&, Response*),
                    const Request& request, Response* response = nullptr) {
    grpc::ClientContext context;
    context.set_deadline(std::chrono::system_clock::now() + std::chrono::seconds(30));
    Stub stub(channel_);
    Response unused;
    return convert::FromGrpc((stub.*method)(&context, request, response ? response : &unused));
  }
  void ExpectSentToTheLeader(const absl::Status& status, const std::string& what) {
    EXPECT_THAT(status, StatusIs(absl::StatusCode::kUnavailable, "NOT_LEADER")) << what;
    EXPECT_EQ(base::MetadataOf(status, "leader_address"), cluster_.socket("a")) << what;
  }
  v1::BuildDeclaration Declaration() {
    v1::BuildDeclaration declaration;
    declaration.set_service("shop");
    declaration.set_build("1");
    declaration.set_configured(true);
    declaration.set_chain_hash(std::string(32, '\0'));
    return declaration;
  }

  Cluster cluster_;
  std::shared_ptr<grpc::Channel> channel_;
  std::string operation_;
};

TEST_F(RedirectTest, EveryWriteNamesTheLeader) {
  v1::PublishChainRequest publish;
  publish.set_actor("t");
  ExpectSentToTheLeader(Call(&v1::ReleaseService::Stub::PublishChain, publish), "PublishChain");
  v1::StartUpgradeRequest start;
  start.set_request_id(base::NewUuid());
  start.set_actor("t");
  ExpectSentToTheLeader(Call(&v1::ReleaseService::Stub::StartUpgrade, start), "StartUpgrade");
  v1::CancelOperationRequest cancel;
  cancel.set_operation_id(operation_);
  cancel.set_actor("t");
  ExpectSentToTheLeader(Call(&v1::OperationService::Stub::CancelOperation, cancel), "Cancel");
  v1::PauseOperationRequest pause;
  pause.set_operation_id(operation_);
  pause.set_actor("t");
  ExpectSentToTheLeader(Call(&v1::OperationService::Stub::PauseOperation, pause), "Pause");
  v1::ResumeOperationRequest resume;
  resume.set_operation_id(operation_);
  resume.set_actor("t");
  ExpectSentToTheLeader(Call(&v1::OperationService::Stub::ResumeOperation, resume), "Resume");
  v1::CompleteRunRequest complete;
  complete.mutable_token()->set_epoch(2);
  complete.mutable_token()->set_lease_id(base::NewUuid());
  complete.set_session_id(base::NewUuid());
  complete.set_outcome(v1::RUN_OUTCOME_SUCCEEDED);
  ExpectSentToTheLeader(Call(&v1::AgentService::Stub::CompleteRun, complete), "CompleteRun");
}

TEST_F(RedirectTest, TheStreamOfAnAgentEndsWithTheLeadersAddress) {
  grpc::ClientContext context;
  context.set_deadline(std::chrono::system_clock::now() + std::chrono::seconds(30));
  v1::AgentService::Stub stub(channel_);
  const auto stream = stub.Session(&context);
  v1::SessionRequest request;
  v1::Hello& hello = *request.mutable_hello();
  hello.set_session_id(base::NewUuid());
  hello.set_instance("one");
  hello.set_nonce(1);
  *hello.mutable_declaration() = Declaration();
  stream->Write(request);
  v1::SessionResponse response;
  EXPECT_FALSE(stream->Read(&response)) << response.ShortDebugString();
  ExpectSentToTheLeader(convert::FromGrpc(stream->Finish()), "Session");
  EXPECT_EQ(cluster_.db().Scalar("SELECT count(*) FROM lockstep.session"), "0");
}

TEST_F(RedirectTest, ReadsAreAnsweredFromTheDatabase) {
  v1::CheckGateRequest gate;
  *gate.mutable_declaration() = Declaration();
  v1::CheckGateResponse verdict;
  EXPECT_THAT(Call(&v1::AgentService::Stub::CheckGate, gate, &verdict), IsOk());
  EXPECT_EQ(verdict.gate().state(), v1::GATE_STATE_OPEN) << verdict.ShortDebugString();
  v1::GetOperationRequest get;
  get.set_operation_id(operation_);
  v1::GetOperationResponse operation;
  EXPECT_THAT(Call(&v1::OperationService::Stub::GetOperation, get, &operation), IsOk());
  EXPECT_EQ(operation.operation().state(), v1::OPERATION_STATE_RUNNING);
  EXPECT_THAT(Call(&v1::ReleaseService::Stub::PlanUpgrade, v1::PlanUpgradeRequest()), IsOk());
  v1::GetStatusResponse status;
  EXPECT_THAT(Call(&v1::StatusService::Stub::GetStatus, v1::GetStatusRequest(), &status), IsOk());
  EXPECT_EQ(status.status().leader().address(), cluster_.socket("a"));
  EXPECT_FALSE(status.status().leader().self());
}

// Of another incarnation: its numbers mean nothing here.
TEST_F(RedirectTest, ACursorOfAnotherIncarnationIsRefusedWithWhereToGoOn) {
  v1::ListEventsRequest list;
  v1::ListEventsResponse events;
  list.set_page_size(1);
  ASSERT_THAT(Call(&v1::StatusService::Stub::ListEvents, list, &events), IsOk());
  EXPECT_EQ(events.incarnation(), 1);
  const std::string token = events.next_page_token();
  list.set_page_token(token);
  EXPECT_THAT(Call(&v1::StatusService::Stub::ListEvents, list), IsOk());
  list.set_page_token("17");
  EXPECT_THAT(Call(&v1::StatusService::Stub::ListEvents, list),
              StatusIs(absl::StatusCode::kInvalidArgument, "INVALID_FIELD"));
  cluster_.db().Query("UPDATE lockstep.chain SET timeline = timeline + 1");  // As a promotion does.
  ASSERT_TRUE(cluster_.coordinator("a").WaitForOutput("a new incarnation began"));
  const std::string begin = cluster_.db().Scalar(
      "SELECT revision - 1 FROM lockstep.event WHERE kind = 'incarnation_began'");
  list.set_page_token(token);
  const absl::Status refused = Call(&v1::StatusService::Stub::ListEvents, list);
  EXPECT_THAT(refused, StatusIs(absl::StatusCode::kOutOfRange, "EVENT_COMPACTED"));
  EXPECT_EQ(base::MetadataOf(refused, "incarnation"), "2");
  EXPECT_EQ(base::MetadataOf(refused, "resume_after"), begin);

  grpc::ClientContext context;
  context.set_deadline(std::chrono::system_clock::now() + std::chrono::seconds(30));
  v1::StatusService::Stub stub(channel_);
  v1::WatchEventsRequest watch;
  watch.set_after(1);
  watch.set_incarnation(1);
  const auto stream = stub.WatchEvents(&context, watch);
  v1::WatchEventsResponse response;
  EXPECT_FALSE(stream->Read(&response));
  EXPECT_THAT(convert::FromGrpc(stream->Finish()),
              StatusIs(absl::StatusCode::kOutOfRange, "EVENT_COMPACTED"));
}

}  // namespace
}  // namespace lockstep::testing
