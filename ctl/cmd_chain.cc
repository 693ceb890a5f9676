#include <string>

#include "lockstep/v1/status.grpc.pb.h"

#include "ctl/commands.h"
#include "ctl/errors.h"
#include "ctl/output.h"
#include "ctl/sanitize.h"
#include "ctl/watch.h"
#include "engine/base/status_macros.h"

namespace lockstep::ctl {

absl::StatusOr<int> RunChainExport(Context& context, const Arguments&) {
  v1::ExportChainResponse whole;
  absl::Status torn;
  WatchHooks<v1::ExportChainResponse> hooks;
  hooks.lossless = true;
  hooks.on_event = [&](const v1::ExportChainResponse& piece) {
    if (piece.offset() == 0) whole.clear_text();  // A stream that was opened again begins anew.
    if (piece.offset() != static_cast<int64_t>(whole.text().size())) {
      torn = absl::InternalError("the coordinator's pieces of chain.sum do not fit together");
      return true;
    }
    whole.mutable_text()->append(piece.text());
    whole.set_last(piece.last());
    whole.set_head(piece.head());
    whole.set_head_hash(piece.head_hash());
    return piece.last();
  };
  RETURN_IF_ERROR(Watch(context.client, &v1::StatusService::Stub::ExportChain,
                        v1::ExportChainRequest(), hooks));
  RETURN_IF_ERROR(torn);
  if (context.flags.json) {
    RETURN_IF_ERROR(PrintJson(context.console, whole));
  } else {
    // What a coordinator says is text from outside; chain.sum has nothing that this changes.
    context.console.Data(SanitizeText(whole.text()));
  }
  return kExitDone;
}

}  // namespace lockstep::ctl
