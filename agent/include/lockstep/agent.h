// The agent: what a service embeds so that it starts only on a schema it can run on, and through
// which lockstep applies migrations.
//
//   lockstep::AgentOptions options;
//   options.addresses = {"127.0.0.1:7411"};
//   options.embedded = lockstep::GetEmbeddedFiles();         // or paths: service_file, chain_sum
//   auto agent = lockstep::Agent::Start(options);           // returns at once
//   absl::Status open = (*agent)->WaitUntilServable(absl::Minutes(10));
//   if (!open.ok()) return 1;
//   ... listen, then:
//   (*agent)->SetServing(true);
//   ... on SIGTERM:
//   (*agent)->Drain();                                       // still counts as live
//   ... finish the work, then:
//   (*agent)->Stop("shutdown");
//
// Not guaranteed: losing the coordinator never closes the gate of an instance that was admitted
// (fail-static), so an open gate says what was true when it opened. Whether a migration may commit
// is decided in the database by its fence, never here.
//
// While no coordinator answers, the agent asks the database itself (AgentOptions::database): the
// same gate, and a session that counts. A `stop` service that was let in so serves on until it has
// heard a coordinator and loses it again.
//
// Threads: all methods are safe to call from any thread. The agent runs a stream, a timer and at
// most one migration worker on threads of its own.
#ifndef LOCKSTEP_AGENT_H_
#define LOCKSTEP_AGENT_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"

namespace lockstep {

enum class GateState { kOpen, kWait, kRefused };

// What a verdict speaks of, for programs; which of it is set depends on the reason. Empty in a
// verdict of the database itself, whose detail says the same.
struct GateFacts {
  std::string operation_id = {};  // applying, failed
  // applying: the migration that runs; failed: the one that failed; too_old and draining: the
  // contract. 0 when not known.
  int32_t version = 0;
  std::string title = {};
  std::string holder = {};                      // applying: the instance that runs it.
  int32_t statement = 0;                        // applying, failed: from 1; 0 when not known.
  int32_t statements = 0;                       // applying: of how many.
  std::string error = {};                       // failed
  std::string owner = {};                       // draining: who asked for the contract.
  std::optional<absl::Time> at = std::nullopt;  // draining: until when; too_old: since when.
  int32_t adapted_to = 0;                // too_old, draining: what a build has to be adapted to.
  std::vector<std::string> builds = {};  // too_old: builds of the service that would work.
  bool operator==(const GateFacts&) const = default;
};

// The start-up verdict. While no coordinator has answered, nor the database in its place: kWait
// with reason "connecting".
struct GateVerdict {
  GateState state = GateState::kWait;
  std::string reason = "connecting";
  std::string detail;  // One sentence for a person.
  std::string hint;    // What to do next; may be empty.
  int32_t applied = 0;
  int32_t needs = 0;
  int32_t head = 0;
  int64_t revision = 0;  // Of the chain that the verdict was computed from.
  GateFacts facts = {};
};

// What migrations have changed while the instance serves.
struct SchemaChange {
  int32_t from = 0;  // The version before and now; the same when a contract ran.
  int32_t to = 0;
  // The tables and columns that changed, as `uses` names them: with and without schema.
  std::vector<std::string> objects = {};
  bool everything = false;  // More may have changed than `objects` says.
};

// The service's files as text: what a service that carries them in its program starts with.
struct EmbeddedFiles {
  std::string service_file = {};  // The text of lockstep.yaml; empty: none.
  std::string chain_sum = {};     // The text of chain.sum; empty: none.
};

// The files that the CMake function lockstep_embed_chain(TARGET chain.sum [lockstep.yaml]) compiled
// into this program. It makes the definition, too: without it a program that calls this does not
// link.
EmbeddedFiles GetEmbeddedFiles();

// Every member has a default, so that designated initialisers may leave out any of them unwarned.
struct AgentOptions {
  // Where coordinators listen: "HOST:PORT" or "unix:PATH"; tried in turn.
  std::vector<std::string> addresses = {};
  // Paths of the service's lockstep.yaml and of the chain.sum its build was made with. When a path
  // is given and cannot be read, Start fails.
  std::string service_file = {};
  std::string chain_sum = {};
  // Their text, where no path is given: `options.embedded = lockstep::GetEmbeddedFiles();`. When
  // either is neither here nor there the verdict is REFUSED not_configured.
  EmbeddedFiles embedded = {};
  // Which instance this is; empty: host name and process id.
  std::string instance = {};
  // The image or commit of the build; free text.
  std::string build = {};
  // The connection migrations are applied on; empty: this agent applies none. Must reach PostgreSQL
  // directly, not through a pooler.
  std::string migrate_database = {};
  // The connection on which this agent asks the database itself to let the instance in, while no
  // coordinator answers; it needs the rights of lockstep_services and may go through a pooler.
  // Empty: migrate_database; where that is empty, too, the instance waits for a coordinator.
  std::string database = {};
  // For how long no coordinator may answer before the database is asked.
  absl::Duration direct_after = absl::Seconds(15);
  // Migrations run with the rights of a role that can do anything; only for development.
  bool allow_superuser = false;
  // Set by a program that asks for an instance which is yet to start and does not serve itself,
  // such as an init container. Once the gate is open the session counts for this long, 0 to 1 h,
  // whether this process lives or not, or until the instance itself, under the same service and
  // instance name, is admitted: no contract that concerns it is granted in between.
  std::optional<absl::Duration> reserve = std::nullopt;
  // False for an agent that cannot stop the service it speaks for, such as one in a container of
  // its own: `on_session_loss: stop` is then declared as `keep`, because its silence proves
  // nothing.
  bool can_stop = true;
  // Reconnects back off between 0 and this, full jitter; at most 3 s while a session is live.
  absl::Duration reconnect_cap = absl::Seconds(30);
};

class Agent {
 public:
  // Reads the files and starts. INVALID_ARGUMENT or NOT_FOUND when a file or an address is bad;
  // never waits for a coordinator.
  static absl::StatusOr<std::unique_ptr<Agent>> Start(AgentOptions options);
  virtual ~Agent() = default;

  // Blocks until the gate opens: OK. FAILED_PRECONDITION (GATE_REFUSED, reason in metadata) when
  // the verdict is REFUSED for good, DEADLINE_EXCEEDED (GATE_TIMEOUT) after `timeout`, CANCELLED
  // when Stop was called. A verdict of `draining` is waited for.
  virtual absl::Status WaitUntilServable(absl::Duration timeout) = 0;

  // The newest verdict. Once it was open it stays open.
  virtual GateVerdict gate() const = 0;
  // True while a stream to a coordinator is up.
  virtual bool connected() const = 0;

  // What the service's connections to the database should call themselves (`application_name`), so
  // that a coordinator which does not hear the instance sees that it lives. The same for the life
  // of the agent; printable ASCII, at most 63 bytes.
  virtual std::string application_name() const = 0;
  // The id of its session, a UUID. A service that declares `on_session_loss: stop` gives it to
  // `SELECT lockstep.check_session($1)` on each new connection of its pool: that fails (SQLSTATE
  // LS030) once the session has ended, and the instance must then not use the database any more.
  virtual std::string session_id() const = 0;

  // Calls `callback` from a thread of the agent whenever the verdict changes, and once now. One
  // callback at a time; replaces the one before.
  virtual void OnGateChange(std::function<void(const GateVerdict&)> callback) = 0;

  // Calls `callback`, from a thread of the agent, whenever migrations have been applied after the
  // gate was open: to drop prepared statements, and to read metadata again. Changes that come while
  // it runs, or before there is a callback, are told together afterwards. What was missed while no
  // coordinator was there is told when one is. One callback at a time; replaces the one before. It
  // comes after the commit, at once while the coordinator is there, so a statement may well meet
  // the new schema first.
  virtual void OnSchemaChange(std::function<void(const SchemaChange&)> callback) = 0;
  // The newest version that the agent was told the database is at.
  virtual int32_t applied() const = 0;

  // For a service that declares `on_session_loss: stop`: calls `callback` once, from a thread of
  // the agent, when no coordinator has acknowledged a heartbeat that was sent within the stop time
  // (20 s unless the coordinator says otherwise), after the gate was open. The instance must then
  // stop serving at once: its session may be taken for gone. Never called for a service that keeps
  // serving, nor after Stop. The callback must not call Stop.
  virtual void OnSessionLoss(std::function<void()> callback) = 0;

  // Tells the coordinator whether the instance serves traffic.
  virtual void SetServing(bool serving) = 0;

  // The instance stops serving; its session counts until Stop. Lease offers are declined from now
  // on; a run in flight goes on.
  virtual void Drain() = 0;

  // Says goodbye and ends all threads. A run in flight is cancelled and rolled back. Idempotent;
  // waits at most `timeout` for the goodbye to be delivered, to a coordinator or, where none
  // answers, to the database; a few seconds more when the database hangs.
  virtual void Stop(const std::string& reason, absl::Duration timeout = absl::Seconds(5)) = 0;
};

}  // namespace lockstep

#endif  // LOCKSTEP_AGENT_H_
