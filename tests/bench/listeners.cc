#include "tests/bench/listeners.h"

#include <algorithm>
#include <grpcpp/generic/generic_stub.h>
#include <grpcpp/grpcpp.h>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"

#include "tests/bench/measure.h"

namespace lockstep::bench {
namespace {

constexpr absl::Duration kPatience = absl::Minutes(1);

std::string BytesOf(const grpc::ByteBuffer& buffer) {
  std::vector<grpc::Slice> slices;
  (void)buffer.Dump(&slices);
  std::string bytes;
  for (const grpc::Slice& slice : slices) {
    bytes.append(reinterpret_cast<const char*>(slice.begin()), slice.size());
  }
  return bytes;
}

std::shared_ptr<grpc::Channel> OwnConnection(const std::string& address) {
  grpc::ChannelArguments arguments;
  arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
  return grpc::CreateCustomChannel(address, grpc::InsecureChannelCredentials(), arguments);
}

}  // namespace

class Listeners::Stream : public grpc::ClientBidiReactor<grpc::ByteBuffer, grpc::ByteBuffer> {
 public:
  Stream(Listeners& all, int client, const ListenerSpec& spec)
      : all_(all), client_(client), tell_(spec.tell), stub_(OwnConnection(spec.address)) {
    const std::string bytes = spec.first(client);
    const grpc::Slice slice(bytes);
    outgoing_ = grpc::ByteBuffer(&slice, 1);
    stub_.PrepareBidiStreamingCall(&context_, spec.method, grpc::StubOptions(), this);
    StartWrite(&outgoing_);
    StartRead(&incoming_);
    StartCall();
  }
  ~Stream() override {
    context_.TryCancel();
    base::MutexLock lock(mu_);
    while (!done_) finished_.Wait(lock);
  }

  void OnReadDone(bool ok) override {
    if (!ok) return;
    all_.Told(client_, tell_(BytesOf(incoming_)));
    StartRead(&incoming_);
  }
  void OnDone(const grpc::Status& status) override {
    if (status.error_code() != grpc::StatusCode::CANCELLED) all_.Ended(status.error_message());
    base::MutexLock lock(mu_);
    done_ = true;
    finished_.NotifyAll();
  }

 private:
  Listeners& all_;
  const int client_;
  const std::function<int(const std::string&)> tell_;
  grpc::GenericStub stub_;
  grpc::ClientContext context_;
  grpc::ByteBuffer outgoing_;
  grpc::ByteBuffer incoming_;
  base::Mutex mu_;
  base::CondVar finished_;
  bool done_ ABSL_GUARDED_BY(mu_) = false;
};

Listeners::Listeners(const ListenerSpec& spec, int count) : told_(count, 0), when_(count, 0) {
  for (int client = 0; client < count; ++client) {
    streams_.push_back(std::make_unique<Stream>(*this, client, spec));
  }
}

Listeners::~Listeners() { streams_.clear(); }

void Listeners::Told(int client, int number) {
  base::MutexLock lock(mu_);
  if (number <= told_[client]) return;
  told_[client] = number;
  when_[client] = absl::ToDoubleSeconds(absl::Now() - absl::UnixEpoch());
  changed_.NotifyAll();
}

void Listeners::Ended(const std::string& why) {
  base::MutexLock lock(mu_);
  ended_ = why.empty() ? "the server ended it" : why;
  changed_.NotifyAll();
}

double Listeners::WaitUntilTold(int number) {
  const absl::Time deadline = absl::Now() + kPatience;
  base::MutexLock lock(mu_);
  const auto told = [&]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_) {
    return std::all_of(told_.begin(), told_.end(), [&](int each) { return each >= number; });
  };
  while (!told()) {
    Require(ended_.empty(), absl::StrCat("a stream ended: ", ended_));
    Require(absl::Now() < deadline, absl::StrCat("not everybody was told ", number));
    changed_.WaitFor(lock, deadline - absl::Now());
  }
  return *std::max_element(when_.begin(), when_.end());
}

}  // namespace lockstep::bench
