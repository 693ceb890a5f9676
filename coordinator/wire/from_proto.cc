#include "coordinator/wire/from_proto.h"

#include <algorithm>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"

#include "engine/base/digest.h"
#include "engine/base/error_info.h"
#include "engine/base/ids.h"
#include "engine/base/status_macros.h"
#include "proto/convert/time.h"

namespace lockstep::coordinator {
namespace {

constexpr size_t kMaxServiceName = 63;
constexpr size_t kMaxReasonName = 63;
constexpr size_t kMaxName = 128;
constexpr absl::Duration kMaxReserve = absl::Hours(1);
// A session that pauses for less between two statements is at work.
constexpr absl::Duration kMinIdle = absl::Seconds(1);
constexpr absl::Duration kMaxIdle = absl::Hours(1);
constexpr size_t kMaxMessage = 1024;
constexpr int kMaxUses = 1000;
// A process that was given no service file has no name; people must see it all the same.
constexpr char kUnconfigured[] = "unconfigured";

bool IsServiceName(absl::string_view name) {
  if (name.empty() || name.size() > kMaxServiceName) return false;
  for (char c : name) {
    if (!absl::ascii_islower(static_cast<unsigned char>(c)) &&
        !absl::ascii_isdigit(static_cast<unsigned char>(c)) && c != '-') {
      return false;
    }
  }
  return true;
}

// The name of a reason: programs switch on it, so that nothing else passes.
bool IsReason(absl::string_view name) {
  if (name.size() > kMaxReasonName) return false;
  return std::all_of(name.begin(), name.end(), [](char c) {
    return absl::ascii_isupper(static_cast<unsigned char>(c)) ||
           absl::ascii_isdigit(static_cast<unsigned char>(c)) || c == '_';
  });
}

// Well-formed UTF-8 (RFC 3629: no overlong forms, surrogates or values above U+10FFFF) without
// control characters (C0, DEL, C1).
bool IsPrintable(absl::string_view text) {
  size_t i = 0;
  while (i < text.size()) {
    const unsigned char c = static_cast<unsigned char>(text[i]);
    size_t length = c < 0x80 ? 1 : (c >> 5) == 6 ? 2 : (c >> 4) == 14 ? 3 : (c >> 3) == 30 ? 4 : 0;
    if (length == 0 || i + length > text.size()) return false;
    uint32_t point = length == 1 ? c : c & (0x7f >> length);
    for (size_t k = 1; k < length; ++k) {
      const unsigned char next = static_cast<unsigned char>(text[i + k]);
      if ((next >> 6) != 2) return false;
      point = point << 6 | (next & 0x3f);
    }
    constexpr uint32_t kLeast[] = {0, 0, 0x80, 0x800, 0x10000};
    if (point < kLeast[length] || point > 0x10ffff || point >> 11 == 0x1b) return false;
    if (point < 0x20 || (point >= 0x7f && point < 0xa0)) return false;
    i += length;
  }
  return true;
}

}  // namespace

absl::Status InvalidField(absl::string_view field, absl::string_view why) {
  return base::MakeError(absl::StatusCode::kInvalidArgument, "INVALID_FIELD",
                         absl::StrCat(field, ": ", why), {{"field", std::string(field)}});
}

absl::Status CheckText(absl::string_view field, absl::string_view value, size_t limit) {
  if (value.size() > limit)
    return InvalidField(field, absl::StrCat("longer than ", limit, " bytes"));
  if (!IsPrintable(value)) return InvalidField(field, "control characters or invalid UTF-8");
  return absl::OkStatus();
}

LeaseToken FromProto(const v1::LeaseToken& token) {
  return {.epoch = token.epoch(), .lease_id = token.lease_id()};
}

LockWait FromProto(const v1::LockWait& proto) {
  const auto text = [](const std::string& from) { return postgres::StatementHead(from); };
  const auto micros = [](const google::protobuf::Timestamp& time) {
    return absl::ToUnixMicros(convert::FromProto(time));
  };
  LockWait wait{.relation = text(proto.relation()), .mode = text(proto.mode())};
  for (const v1::LockBlocker& from : proto.blockers()) {
    if (wait.blockers.size() == postgres::kMaxBlockers) break;
    wait.blockers.push_back(
        {.pid = from.pid(),
         .backend_start = from.has_backend_start() ? micros(from.backend_start()) : 0,
         .transaction_start = from.has_transaction_start() ? micros(from.transaction_start()) : 0,
         .role = text(from.role()),
         .application_name = text(from.application_name()),
         .state = text(from.state()),
         .transaction_age = convert::FromProto(from.transaction_age()),
         .state_age = convert::FromProto(from.state_age()),
         .query = text(from.query())});
  }
  return wait;
}

RunError FromProto(const v1::RunError& proto) {
  return {
      .version = proto.version(),
      .statement = proto.statement(),
      .line = proto.line(),
      .column = proto.column(),
      .reason = IsReason(proto.reason()) ? proto.reason() : "",
      .sqlstate = proto.sqlstate().substr(0, 5),
      .message = proto.message().substr(0, kMaxMessage),
      .detail = proto.detail().substr(0, kMaxMessage),
      .hint = proto.hint().substr(0, kMaxMessage),
      .retryable = proto.retryable(),
      .agent_unfit = proto.agent_unfit(),
      .statement_text = postgres::StatementHead(proto.statement_text()),
      .lock = proto.has_lock_wait() ? std::optional(FromProto(proto.lock_wait())) : std::nullopt};
}

absl::StatusOr<absl::Duration> TerminateIdleOf(const google::protobuf::Duration& proto) {
  const absl::Duration idle = convert::FromProto(proto);
  if (idle < kMinIdle || idle > kMaxIdle) {
    return InvalidField("terminate_idle_blockers", "must be 1 s to 1 h");
  }
  return idle;
}

absl::StatusOr<UpgradeRequest> FromProto(const v1::StartUpgradeRequest& proto) {
  if (proto.request_id().empty()) return InvalidField("request_id", "must not be empty");
  RETURN_IF_ERROR(CheckText("request_id", proto.request_id(), kMaxRequestId));
  RETURN_IF_ERROR(CheckText("actor", proto.actor(), kMaxActor));
  RETURN_IF_ERROR(CheckText("reason", proto.reason(), kMaxReason));
  UpgradeRequest request{.request_id = proto.request_id(),
                         .target = proto.target(),
                         .contracts = proto.contracts(),
                         .actor = proto.actor(),
                         .reason = proto.reason()};
  if (!proto.has_terminate_idle_blockers()) return request;
  ASSIGN_OR_RETURN(request.terminate_idle, TerminateIdleOf(proto.terminate_idle_blockers()));
  return request;
}

absl::StatusOr<Declaration> FromProto(const v1::BuildDeclaration& proto) {
  Declaration d;
  d.configured = proto.configured();
  d.service = proto.service();
  if (!d.configured && d.service.empty()) d.service = kUnconfigured;
  if (!IsServiceName(d.service)) {
    return InvalidField("service", "must be 1 to 63 characters of a-z, 0-9 and -");
  }
  RETURN_IF_ERROR(CheckText("build", proto.build(), kMaxName));
  d.build = proto.build();
  d.built_for = proto.built_for();
  if (d.built_for < 0 || d.built_for > chain::kMaxVersion) {
    return InvalidField("built_for", "out of range");
  }
  d.chain_hash = proto.chain_hash();
  if (d.built_for > 0 && d.chain_hash.size() != base::kSha256Bytes) {
    return InvalidField("chain_hash", "must be 32 bytes");
  }
  if (proto.has_needs()) {
    if (proto.needs() < 0 || proto.needs() > chain::kMaxVersion) {
      return InvalidField("needs", "out of range");
    }
    d.needs = proto.needs();
  }
  d.adapted_to = proto.adapted_to();
  if (d.adapted_to < 0) return InvalidField("adapted_to", "out of range");
  if (proto.uses_declared()) {
    if (proto.uses_size() > kMaxUses) return InvalidField("uses", "more than 1000 entries");
    d.uses.emplace();
    for (const std::string& use : proto.uses()) {
      RETURN_IF_ERROR(CheckText("uses", use, kMaxName * 3));
      d.uses->push_back(use);
    }
  }
  d.stop_on_session_loss = proto.on_session_loss() == v1::ON_SESSION_LOSS_STOP;
  return d;
}

absl::StatusOr<Declaration> FromProto(const v1::Hello& hello) {
  ASSIGN_OR_RETURN(Declaration d, FromProto(hello.declaration()));
  if (!base::IsUuid(hello.session_id())) return InvalidField("session_id", "must be a UUID");
  d.session_id = absl::AsciiStrToLower(hello.session_id());
  if (hello.instance().empty()) return InvalidField("instance", "must not be empty");
  RETURN_IF_ERROR(CheckText("instance", hello.instance(), kMaxName));
  d.instance = hello.instance();
  if (hello.nonce() <= 0) return InvalidField("nonce", "must be positive");
  d.nonce = hello.nonce();
  RETURN_IF_ERROR(CheckText("migrate_error", hello.migrate_error(), kMaxMessage));
  d.can_migrate = hello.can_migrate();
  d.migrate_error = hello.migrate_error();
  if (hello.schema_revision() < 0) return InvalidField("schema_revision", "must not be negative");
  d.schema_revision = hello.schema_revision();
  if (!hello.has_reserve()) return d;
  d.reserve = convert::FromProto(hello.reserve());
  if (*d.reserve < absl::ZeroDuration() || *d.reserve > kMaxReserve) {
    return InvalidField("reserve", "must be 0 s to 1 h");
  }
  return d;
}

LintMode FromProto(v1::LintMode mode) {
  switch (mode) {
    case v1::LINT_MODE_WARN:
      return LintMode::kWarn;
    case v1::LINT_MODE_OFF:
      return LintMode::kOff;
    default:
      return LintMode::kError;
  }
}

}  // namespace lockstep::coordinator
