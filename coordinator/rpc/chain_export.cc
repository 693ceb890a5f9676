#include "coordinator/rpc/chain_export.h"

#include <string>

#include "coordinator/rpc/unary.h"
#include "coordinator/store/chain_store.h"
#include "engine/base/status_macros.h"
#include "proto/convert/status.h"

namespace lockstep::coordinator {
namespace {

constexpr size_t kPiece = 256 << 10;

// gRPC calls OnDone only after Finish, which only the worker or OnWriteDone call, one after the
// other: nobody uses the stream when it deletes itself.
class ChainExport : public grpc::ServerWriteReactor<v1::ExportChainResponse> {
 public:
  ChainExport(Database* database, base::WorkerPool* workers) : database_(database) {
    if (!workers->Submit([this] { Begin(); })) Finish(convert::ToGrpc(RateLimited()));
  }

  void OnWriteDone(bool ok) override {
    if (!ok) {
      Finish(grpc::Status::CANCELLED);
    } else if (outgoing_.last()) {
      Finish(grpc::Status::OK);
    } else {
      WritePiece();
    }
  }
  void OnDone() override { delete this; }

 private:
  void Begin() {
    const absl::Status read = Read();
    if (!read.ok()) {
      Finish(convert::ToGrpc(read));
    } else {
      WritePiece();
    }
  }

  absl::Status Read() {
    ASSIGN_OR_RETURN(auto connection, database_->Take());
    chain::ChainSum sum;
    RETURN_IF_ERROR(connection->InSnapshot([&]() -> absl::Status {
      ASSIGN_OR_RETURN(sum, ReadChainSum(*connection));
      return absl::OkStatus();
    }));
    text_ = chain::FormatChainSum(sum);
    outgoing_.set_head(sum.head());
    outgoing_.set_head_hash(sum.head_hash());
    return absl::OkStatus();
  }

  void WritePiece() {
    outgoing_.set_offset(static_cast<int64_t>(sent_));
    outgoing_.set_text(text_.substr(sent_, kPiece));
    sent_ += outgoing_.text().size();
    outgoing_.set_last(sent_ == text_.size());
    StartWrite(&outgoing_);
  }

  Database* const database_;
  std::string text_;
  size_t sent_ = 0;
  v1::ExportChainResponse outgoing_;
};

}  // namespace

grpc::ServerWriteReactor<v1::ExportChainResponse>* StartChainExport(Database* database,
                                                                    base::WorkerPool* workers) {
  return new ChainExport(database, workers);
}

}  // namespace lockstep::coordinator
