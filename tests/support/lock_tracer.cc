#include "tests/support/lock_tracer.h"

#include <algorithm>
#include <optional>
#include <stdexcept>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include <libpq-fe.h>

#include "tests/support/eventually.h"

namespace lockstep::testing {
namespace {

using sql::LockMode;

// Rows of pg_locks as numbers of LockMode; $1 is the backend.
constexpr char kLocksQuery[] = R"(
SELECT l.relation,
       max(array_position(ARRAY['AccessShareLock', 'RowShareLock', 'RowExclusiveLock',
                                'ShareUpdateExclusiveLock', 'ShareLock', 'ShareRowExclusiveLock',
                                'ExclusiveLock', 'AccessExclusiveLock'], l.mode))
FROM pg_catalog.pg_locks l
JOIN pg_catalog.pg_database d ON d.oid = l.database AND d.datname = current_database()
WHERE l.locktype = 'relation' AND l.pid = $1::integer
GROUP BY l.relation)";

constexpr char kRelationsQuery[] = R"(
SELECT c.oid, n.nspname || '.' || c.relname, c.relkind,
       coalesce(pg_catalog.pg_relation_filenode(c.oid), 0),
       CASE WHEN c.relkind IN ('r', 'm', 'p') THEN pg_catalog.pg_stat_get_xact_numscans(c.oid)
            ELSE 0 END,
       coalesce(tn.nspname || '.' || t.relname, '')
FROM pg_catalog.pg_class c
JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
LEFT JOIN pg_catalog.pg_index i ON i.indexrelid = c.oid
LEFT JOIN pg_catalog.pg_class t ON t.oid = i.indrelid
LEFT JOIN pg_catalog.pg_namespace tn ON tn.oid = t.relnamespace
WHERE n.nspname !~ '^pg_' AND n.nspname <> 'information_schema')";

constexpr char kWaitsQuery[] =
    "SELECT count(*) FROM pg_catalog.pg_locks WHERE pid = $1::integer AND NOT granted";

struct Clear {
  void operator()(PGresult* result) const { PQclear(result); }
};
using Answer = std::unique_ptr<PGresult, Clear>;

bool Failed(const PGresult* result) {
  const ExecStatusType status = PQresultStatus(result);
  return status != PGRES_COMMAND_OK && status != PGRES_TUPLES_OK;
}

uint32_t Oid(const PGresult* result, int row, int column) {
  uint32_t oid = 0;
  if (!absl::SimpleAtoi(PQgetvalue(result, row, column), &oid)) {
    throw std::runtime_error("not an oid");
  }
  return oid;
}

}  // namespace

absl::string_view Abbreviation(LockMode lock) {
  static constexpr absl::string_view kNames[] = {"-", "AS",  "RS", "RX", "SUE",
                                                 "S", "SRE", "X",  "AX"};
  return kNames[static_cast<int>(lock)];
}

struct LockTracer::Relation {
  std::string name;
  char kind = 'r';
  std::string table;
  std::string storage;
  int64_t scans = 0;
  LockMode lock = LockMode::kNone;
  bool exists = true;
};

class LockTracer::Session {
 public:
  Session(const std::string& conninfo, const std::vector<std::string>& prelude)
      : connection_(PQconnectdb(conninfo.c_str())) {
    if (PQstatus(connection_) != CONNECTION_OK) {
      throw std::runtime_error(absl::StrCat("tracer: ", PQerrorMessage(connection_)));
    }
    PQsetNoticeProcessor(
        connection_, [](void*, const char*) {}, nullptr);
    for (const std::string& statement : prelude) Must(statement);
  }
  ~Session() { PQfinish(connection_); }
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;

  int pid() const { return PQbackendPID(connection_); }
  PGconn* connection() { return connection_; }

  // One statement a message, as the extended protocol has it.
  Answer Execute(const std::string& sql, const std::vector<std::string>& params = {}) {
    std::vector<const char*> values;
    for (const std::string& param : params) values.push_back(param.c_str());
    return Answer(PQexecParams(connection_, sql.c_str(), static_cast<int>(values.size()), nullptr,
                               values.data(), nullptr, nullptr, 0));
  }

  Answer Must(const std::string& sql, const std::vector<std::string>& params = {}) {
    Answer answer = Execute(sql, params);
    if (Failed(answer.get())) {
      throw std::runtime_error(absl::StrCat(sql, ": ", PQresultErrorMessage(answer.get())));
    }
    return answer;
  }

  void Send(const std::string& sql) {
    if (PQsendQuery(connection_, sql.c_str()) == 0) {
      throw std::runtime_error(absl::StrCat(sql, ": ", PQerrorMessage(connection_)));
    }
  }
  bool Busy() {
    if (PQconsumeInput(connection_) == 0) throw std::runtime_error(PQerrorMessage(connection_));
    return PQisBusy(connection_) != 0;
  }

 private:
  PGconn* const connection_;
};

LockTracer::LockTracer(std::string conninfo, std::vector<std::string> prelude)
    : conninfo_(std::move(conninfo)),
      prelude_(std::move(prelude)),
      session_(std::make_unique<Session>(conninfo_, prelude_)) {}

LockTracer::~LockTracer() = default;

namespace {

void Explain(const PGresult* result, Trace& trace) {
  const char* const code = PQresultErrorField(result, PG_DIAG_SQLSTATE);
  const char* const text = PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY);
  trace.sqlstate = code == nullptr ? "?????" : code;
  trace.message = text == nullptr ? PQresultErrorMessage(result) : text;
}

}  // namespace

// The queries lock system catalogues alone, and nothing of pg_class needs a lock to be shown.
LockTracer::Relations LockTracer::Look(Session& session) {
  Relations relations;
  const Answer answer = session.Must(kRelationsQuery);
  for (int row = 0; row < PQntuples(answer.get()); ++row) {
    Relation& relation = relations[Oid(answer.get(), row, 0)];
    relation.name = PQgetvalue(answer.get(), row, 1);
    relation.kind = *PQgetvalue(answer.get(), row, 2);
    relation.storage = PQgetvalue(answer.get(), row, 3);
    if (!absl::SimpleAtoi(PQgetvalue(answer.get(), row, 4), &relation.scans)) relation.scans = 0;
    relation.table = PQgetvalue(answer.get(), row, 5);
  }
  const Answer locks = session.Must(kLocksQuery, {absl::StrCat(session.pid())});
  for (int row = 0; row < PQntuples(locks.get()); ++row) {
    const uint32_t oid = Oid(locks.get(), row, 0);
    // A relation that was dropped is locked and has no row any more.
    if (!relations.contains(oid)) relations[oid].exists = false;
    relations[oid].lock = static_cast<LockMode>(Oid(locks.get(), row, 1));
  }
  return relations;
}

Trace LockTracer::Difference(const Relations& before, const Relations& after) {
  std::map<std::string, const Relation*> named;
  for (const auto& [oid, relation] : after) {
    if (relation.exists) named[relation.name] = &relation;
  }
  Trace trace;
  for (const auto& [oid, was] : before) {
    if (!was.exists) continue;
    TracedRelation traced = {.name = was.name, .kind = was.kind, .table = was.table};
    const auto found = after.find(oid);
    const Relation* now = found == after.end() ? nullptr : &found->second;
    if (now != nullptr && now->lock > was.lock) traced.lock = now->lock;
    // An index that was made anew has a new oid under its old name.
    if (now == nullptr || !now->exists) {
      const auto again = named.find(was.name);
      now = again == named.end() ? nullptr : again->second;
    }
    if (now != nullptr) {
      traced.rewritten = now->storage != was.storage && now->kind == was.kind;
      traced.scans = std::max<int64_t>(0, now->scans - was.scans);
    }
    if (traced.lock != LockMode::kNone || traced.rewritten || traced.scans > 0) {
      trace.relations.push_back(std::move(traced));
    }
  }
  std::sort(trace.relations.begin(), trace.relations.end(),
            [](const auto& a, const auto& b) { return a.name < b.name; });
  return trace;
}

std::vector<Trace> LockTracer::Run(const std::vector<std::string>& settings,
                                   const std::vector<std::string>& statements) {
  std::vector<Trace> traces;
  session_->Must("BEGIN");
  for (const std::string& setting : settings) session_->Must(setting);
  const Relations live = Look(*session_);
  Relations before = live;
  for (const std::string& statement : statements) {
    const Answer answer = session_->Execute(statement);
    if (Failed(answer.get())) {
      Explain(answer.get(), traces.emplace_back());
      break;
    }
    Relations after = Look(*session_);
    traces.push_back(Difference(before, after));
    before = std::move(after);
    std::erase_if(before, [&](const auto& entry) { return !live.contains(entry.first); });
  }
  session_->Must("ROLLBACK");
  return traces;
}

Trace LockTracer::RunAlone(const std::string& statement, const std::string& blocker) {
  Session blocking(conninfo_, prelude_);
  Session looking(conninfo_, {});
  const Relations before = Look(*session_);
  blocking.Must("BEGIN ISOLATION LEVEL REPEATABLE READ");
  blocking.Must(blocker);
  const std::string pid = absl::StrCat(session_->pid());
  session_->Send(statement);
  Trace trace;
  if (!Eventually([&] {
        trace.waited = *PQgetvalue(looking.Must(kWaitsQuery, {pid}).get(), 0, 0) != '0';
        return trace.waited || !session_->Busy();
      })) {
    throw std::runtime_error(statement + ": neither waits nor ends");
  }
  const Answer locks = looking.Must(kLocksQuery, {pid});
  for (int row = 0; row < PQntuples(locks.get()); ++row) {
    const auto relation = before.find(Oid(locks.get(), row, 0));
    if (relation == before.end()) continue;
    trace.relations.push_back({.name = relation->second.name,
                               .kind = relation->second.kind,
                               .table = relation->second.table,
                               .lock = static_cast<LockMode>(Oid(locks.get(), row, 1))});
  }
  std::sort(trace.relations.begin(), trace.relations.end(),
            [](const auto& a, const auto& b) { return a.name < b.name; });
  blocking.Must("ROLLBACK");
  while (Answer answer = Answer(PQgetResult(session_->connection()))) {
    if (Failed(answer.get()) && trace.ok()) Explain(answer.get(), trace);
  }
  return trace;
}

}  // namespace lockstep::testing
