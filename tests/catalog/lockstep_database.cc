#include "tests/catalog/lockstep_database.h"

#include <stdexcept>
#include <utility>

#include "absl/strings/str_cat.h"

#include "coordinator/store/leader_store.h"
#include "coordinator/store/session_store.h"
#include "engine/base/digest.h"
#include "engine/base/ids.h"
#include "engine/base/status_macros.h"
#include "engine/catalog/bootstrap.h"
#include "engine/postgres/errors.h"
#include "tests/support/eventually.h"
#include "tests/support/matchers.h"

namespace lockstep::testing {
namespace {

using postgres::BytesParam;
using postgres::Param;

template <typename T>
T ValueOrFail(absl::StatusOr<T> result) {
  if (!result.ok()) throw std::runtime_error(Describe(result.status()));
  return *std::move(result);
}

void FailUnless(const absl::Status& status) {
  if (!status.ok()) throw std::runtime_error(Describe(status));
}

LeaderToken Lead(postgres::Connection& connection) {
  const std::string holder = base::NewUuid();
  const auto row = ValueOrFail(
      coordinator::AcquireLeadership(connection, holder, "127.0.0.1:7411", absl::Hours(1), {}));
  if (row.token.holder != holder) throw std::runtime_error("somebody else leads");
  return row.token;
}

}  // namespace

std::string LockstepTemplate() {
  return TemplateOnce("lockstep_template", [](const std::string& conninfo) {
    const auto connection = ValueOrFail(
        postgres::Connection::Open({.conninfo = conninfo, .statement_timeout = absl::Seconds(60)}));
    FailUnless(catalog::Bootstrap(*connection, {}));
  });
}

LockstepDatabase::LockstepDatabase()
    : db_({.template_name = LockstepTemplate()}),
      admin_(db_.Connect()),
      leader_(Lead(*admin_)),
      hashes_({chain::EmptyChainHash()}) {}

std::unique_ptr<ScriptSession> LockstepDatabase::Session(const std::string& user) const {
  auto session = ValueOrFail(ScriptSession::Open({.conninfo = db_.conninfo(user)}));
  FailUnless(session->Execute("SET lock_timeout = '20s'").status());
  return session;
}

LeaderToken LockstepDatabase::TakeOver() {
  FailUnless(coordinator::ResignLeadership(*admin_, leader_));
  return std::exchange(leader_, Lead(*admin_));
}

void LockstepDatabase::Publish(const std::vector<Spec>& specs) {
  for (const Spec& spec : specs) {
    const auto version = static_cast<Version>(hashes_.size());
    const std::string title = absl::StrCat("title_", version);
    const std::string sql = absl::StrCat("CREATE TABLE t", version, " ()");
    digests_.push_back(base::Sha256Of(sql));
    const std::string parent = hashes_.back();
    hashes_.push_back(chain::NextChainHash(parent, version, title, digests_.back()));
    FailUnless(
        admin_
            ->Query("SELECT lockstep.publish_migration($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, "
                    "$11, 'ls1-sha256', $12, 'tester', $13)",
                    {Param(leader_.epoch), Param(leader_.holder), BytesParam(parent),
                     Param(version), Param(title), Param(spec.phase), Param(spec.transactional),
                     postgres::IntArrayParam(spec.waits_for),
                     postgres::TextArrayParam(spec.needs_backfill), BytesParam(sql),
                     BytesParam(digests_.back()), BytesParam(hashes_.back()), Param(spec.sharing)})
            .status());
    if (!spec.touches.has_value()) continue;
    FailUnless(admin_
                   ->Query("UPDATE lockstep.migration SET touches = $1 WHERE version = $2",
                           {postgres::TextArrayParam(*spec.touches), Param(version)})
                   .status());
  }
}

std::string LockstepDatabase::DigestOf(Version version) const { return digests_.at(version - 1); }
std::string LockstepDatabase::ChainHashAt(Version version) const { return hashes_.at(version); }

absl::StatusOr<LeaseToken> LockstepDatabase::TryGrant(Version first, Version last,
                                                      std::optional<int64_t> seen_epoch) {
  return coordinator::GrantRun(*admin_, leader_,
                               seen_epoch.has_value() ? *seen_epoch : lease_epoch(),
                               {.first = first,
                                .last = last,
                                .session = base::NewUuid(),
                                .holder = "service@instance",
                                .operation = "op-test",
                                .ttl = absl::Seconds(30)});
}

LeaseToken LockstepDatabase::Grant(Version first, Version last) {
  return ValueOrFail(TryGrant(first, last));
}

void LockstepDatabase::Run(Version first, Version last) {
  const LeaseToken token = Grant(first, last);
  const auto agent = Session();
  for (Version version = first; version <= last; ++version) {
    FailUnless(ApplyOnly(*agent, token, version));
    FailUnless(agent->Execute("COMMIT").status());
  }
}

absl::Status LockstepDatabase::ApplyOnly(ScriptSession& agent, const LeaseToken& token,
                                         Version version) {
  RETURN_IF_ERROR(Open(agent, token, version));
  RETURN_IF_ERROR(agent.Execute(absl::StrCat("CREATE TABLE t", version, " ()")).status());
  return Close(agent, token, version);
}

absl::Status LockstepDatabase::Close(ScriptSession& agent, const LeaseToken& token,
                                     Version version) const {
  return agent
      .Execute("SELECT lockstep.close($1, $2, $3, $4)",
               {Param(token.epoch), Param(token.lease_id), Param(version),
                BytesParam(DigestOf(version))})
      .status();
}

Declaration LockstepDatabase::Instance(const std::string& name, Version built_for) const {
  return {.session_id = base::NewUuid(),
          .service = "service",
          .instance = name,
          .nonce = base::NewNonce(),
          .build = "build",
          .configured = true,
          .built_for = built_for,
          .chain_hash = built_for < static_cast<Version>(hashes_.size())
                            ? hashes_.at(built_for)
                            : base::Sha256Of("not published here yet")};
}

Verdict LockstepDatabase::Admit(const Declaration& declaration) {
  return ValueOrFail(coordinator::Admit(*admin_, declaration));
}

int64_t LockstepDatabase::lease_epoch() {
  return std::stoll(db_.Scalar("SELECT epoch FROM lockstep.lease"));
}

bool LockstepDatabase::TableExists(const std::string& name) {
  return db_.Scalar(absl::StrCat("SELECT to_regclass('public.", name, "') IS NOT NULL")) == "t";
}

absl::Status Open(ScriptSession& agent, const LeaseToken& token, Version version,
                  const std::string& isolation) {
  RETURN_IF_ERROR(
      agent.Execute(absl::StrCat("BEGIN ISOLATION LEVEL ", isolation, " READ WRITE")).status());
  return agent
      .Execute("SELECT lockstep.open($1, $2, $3)",
               {Param(token.epoch), Param(token.lease_id), Param(version)})
      .status();
}

bool IsWaiting(TestDatabase& db, int pid) {
  return db.Scalar("SELECT count(*) FROM pg_locks WHERE pid = $1 AND NOT granted",
                   {Param(int32_t{pid})}) != "0";
}

bool ComesToWait(TestDatabase& db, int pid) {
  return Eventually([&] { return IsWaiting(db, pid); });
}

std::string StateOf(const absl::Status& status) { return postgres::SqlStateOf(status); }

}  // namespace lockstep::testing
