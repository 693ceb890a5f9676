// How the agent's gRPC channels are made.
#ifndef LOCKSTEP_AGENT_CHANNEL_H_
#define LOCKSTEP_AGENT_CHANNEL_H_

#include <grpcpp/channel.h>
#include <memory>
#include <string>

namespace lockstep::agent {

// Returns a channel to "HOST:PORT" or "unix:PATH" with a connection of its own, which is dialled at
// once on the first call: whoever asks for a channel has waited its own back-off already, and
// gRPC's would come on top. Dead peers are found by keepalive within half a minute. Never blocks.
std::shared_ptr<grpc::Channel> MakeChannel(const std::string& address);

}  // namespace lockstep::agent

#endif  // LOCKSTEP_AGENT_CHANNEL_H_
