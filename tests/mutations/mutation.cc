#include "tests/mutations/mutation.h"

#include "absl/strings/str_cat.h"

#include "engine/base/status_macros.h"

namespace lockstep::testing {
namespace {

using postgres::Param;

// The parts of open and close that mutations take out.
constexpr char kQueueOfOpen[] = "  LOCK TABLE lockstep.run_lock IN ROW SHARE MODE;\n";
constexpr char kTokenOfOpen[] = "x.lease_id = p_lease AND x.state = 'held' FOR KEY SHARE;";
constexpr char kInsertOpened[] =
    "  INSERT INTO lockstep.opened (version, epoch, lease_id, xid, opened_at)\n"
    "  VALUES (p_version, p_epoch, p_lease, pg_current_xact_id(), clock_timestamp());\n";
constexpr char kDeleteOpened[] =
    "  DELETE FROM lockstep.opened x WHERE x.xid = pg_current_xact_id_if_assigned() AND x.epoch = "
    "p_epoch\n"
    "     AND x.lease_id = p_lease AND x.version = p_version AND x.last IS NULL RETURNING * INTO "
    "o;";
constexpr char kNothingOpened[] =
    "  SELECT pg_current_xact_id() AS xid, clock_timestamp() AS opened_at INTO o;";
constexpr char kTokenOfClose[] =
    "WHERE x.epoch = p_epoch AND x.lease_id = p_lease AND x.state = 'held' FOR KEY SHARE OF x;";

const Edit kNoOpenedRow = {"lockstep.open", kInsertOpened, ""};
const Edit kCloseWithoutOpened = {"lockstep.close", kDeleteOpened, kNothingOpened};

// What a tool does that has a lock with a time limit and a table of what ran, and no fence: nobody
// asks whether the lock is still held, and what ran is noted afterwards.
constexpr char kUnfenced[] = R"sql(
CREATE OR REPLACE FUNCTION lockstep.open(p_epoch bigint, p_lease uuid, p_version integer)
RETURNS void LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS '';
CREATE OR REPLACE FUNCTION lockstep.close(p_epoch bigint, p_lease uuid, p_version integer, p_digest bytea)
RETURNS void LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE ended boolean;
BEGIN
  INSERT INTO lockstep.history (version, digest, lease_epoch, lease_id, xid, applied_at, duration, applied_by, backend_pid, how)
  VALUES (p_version, p_digest, p_epoch, p_lease, pg_current_xact_id(), clock_timestamp(), interval '0', '', pg_backend_pid(), 'run')
  ON CONFLICT DO NOTHING;
  SELECT x.last = p_version INTO ended FROM lockstep.lease x;
  IF ended THEN
    UPDATE lockstep.lease x SET state = 'idle', expires_at = NULL, session = NULL;
  END IF;
  UPDATE lockstep.chain c SET applied = greatest(c.applied, p_version),
    inflight = CASE WHEN ended THEN NULL ELSE c.inflight END;
  PERFORM lockstep.emit('applied', p_version, NULL, jsonb_build_object('lease_epoch', p_epoch));
END $$;
)sql";

std::vector<Mutation> MakeMutations() {
  return {
      {.name = "unfenced",
       .breaks = "open and close check no token and take no lock; the history is only noted",
       .invariant = "a migration is applied exactly once",
       .edits = {},
       .script = kUnfenced},
      {.name = "stale-token",
       .breaks = "key share, `opened` row and token check of close, and the queue before them",
       .invariant = "what was admitted under a token commits only while the token is current (I3)",
       .edits = {{"lockstep.open", kQueueOfOpen, ""},
                 {"lockstep.open", kTokenOfOpen, "x.lease_id = p_lease AND x.state = 'held';"},
                 kNoOpenedRow,
                 kCloseWithoutOpened,
                 {"lockstep.close", kTokenOfClose, ";"}}},
      {.name = "two-backends",
       .breaks = "the `opened` row, which lets one backend of a token in",
       .invariant = "at most one backend runs a migration's statements at a time (I4)",
       .edits = {kNoOpenedRow, kCloseWithoutOpened}},
      {.name = "inflight-left",
       .breaks = "a revoke that clears `inflight`",
       .invariant = "every pending migration ends applied or failed (L1)",
       .edits = {{"lockstep.revoke_run", "UPDATE lockstep.chain c SET inflight = NULL;", ""}}},
      {.name = "statement-forgotten",
       .breaks = "the revoke of a run outside of a transaction, which keeps `inflight` until its "
                 "statement has ended",
       .invariant = "at most one backend runs a migration's statements at a time (I4)",
       .edits = {{"lockstep.revoke_run", "CASE WHEN l.alone THEN 'revoking' ELSE 'idle' END",
                  "'idle'"},
                 {"lockstep.revoke_run", "IF NOT l.alone THEN", "IF true THEN"}}},
      {.name = "any-barrier",
       .breaks = "close lifts its own barrier only",
       .invariant = "while a barrier stands, nobody whom it concerns is admitted (I8)",
       .edits = {{"lockstep.close", "barrier = nullif(c.barrier, p_version)", "barrier = NULL"}}},
      {.name = "for-share",
       .breaks = "the key share is a share",
       .invariant = "renewals never wait for a holder",
       .edits = {{"lockstep.open", "FOR KEY SHARE;", "FOR SHARE;"},
                 {"lockstep.close", "FOR KEY SHARE OF x;", "FOR SHARE OF x;"},
                 {"lockstep.leader_fence", "FOR KEY SHARE;", "FOR SHARE;"}}},
      {.name = "no-must-close",
       .breaks = "the deferred trigger that ends a transaction without close",
       .invariant = "an effect is there exactly when its history row is (I2)",
       .edits = {},
       .script = "DROP TRIGGER must_close ON lockstep.opened"},
      {.name = "no-leader-fence",
       .breaks = "the question whether the writer still leads",
       .invariant = "no write of a leader commits after another one took over (I5)",
       .edits = {{"lockstep.leader_fence", "WHERE l.epoch = p_epoch AND l.holder = p_holder FOR",
                  "FOR"}}},
  };
}

absl::StatusOr<std::string> Edited(postgres::Connection& connection, const Edit& edit) {
  ASSIGN_OR_RETURN(const auto result, connection.Query("SELECT pg_get_functiondef($1::regproc)",
                                                       {Param(edit.function)}));
  std::string text = result.only().Text(0);
  const size_t at = text.find(edit.from);
  if (at == std::string::npos || text.find(edit.from, at + 1) != std::string::npos) {
    return absl::InvalidArgumentError(
        absl::StrCat(edit.function, at == std::string::npos ? " has no" : " has more than one",
                     ":\n", edit.from));
  }
  return text.replace(at, edit.from.size(), edit.to);
}

}  // namespace

const std::vector<Mutation>& Mutations() {
  static const auto* const kMutations = new std::vector<Mutation>(MakeMutations());
  return *kMutations;
}

const Mutation* FindMutation(absl::string_view name) {
  for (const Mutation& mutation : Mutations()) {
    if (mutation.name == name) return &mutation;
  }
  return nullptr;
}

absl::Status Install(postgres::Connection& connection, const Mutation& mutation) {
  return connection.InTransaction([&]() -> absl::Status {
    for (const Edit& edit : mutation.edits) {
      ASSIGN_OR_RETURN(const std::string text, Edited(connection, edit));
      RETURN_IF_ERROR(connection.RunScript(text));
    }
    return mutation.script.empty() ? absl::OkStatus() : connection.RunScript(mutation.script);
  });
}

}  // namespace lockstep::testing
