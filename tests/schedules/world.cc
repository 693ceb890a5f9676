#include "tests/schedules/world.h"

#include <stdexcept>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"

#include "coordinator/store/leader_store.h"
#include "engine/apply/lease.h"
#include "engine/base/ids.h"
#include "engine/catalog/bootstrap.h"
#include "tests/support/matchers.h"

namespace lockstep::testing {
namespace {

using postgres::Param;

// A trigger passes the turnstile of its point for the row's number, which is the version.
constexpr char kCounters[] = R"sql(
CREATE TABLE public.counter (id integer PRIMARY KEY, n integer NOT NULL);
CREATE FUNCTION public.pass() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  PERFORM pg_catalog.pg_advisory_xact_lock_shared(TG_ARGV[0]::pg_catalog.int4, NEW.id);
  RETURN NEW;
END $$;
CREATE TRIGGER before_it BEFORE UPDATE ON public.counter FOR EACH ROW EXECUTE FUNCTION public.pass('%d');
CREATE TRIGGER behind_it AFTER UPDATE ON public.counter FOR EACH ROW EXECUTE FUNCTION public.pass('%d');
CREATE CONSTRAINT TRIGGER at_the_end AFTER UPDATE ON public.counter DEFERRABLE INITIALLY DEFERRED
  FOR EACH ROW EXECUTE FUNCTION public.pass('%d');
ALTER TABLE public.counter OWNER TO %s;
ALTER FUNCTION public.pass() OWNER TO %s;
)sql";

constexpr char kStands[] = R"sql(
SELECT EXISTS (SELECT FROM pg_locks WHERE NOT granted
   AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
   AND (locktype = 'advisory' AND classid = $1::int4::oid AND objid = $2::int4::oid
        OR locktype = 'relation' AND relation = 'public.counter'::regclass)))sql";

// Leadership ends by a takeover, a lease by the simulated clock; what is waited for in real time is
// short.
coordinator::Durations ScheduleDurations() {
  return {.leader_ttl = absl::Hours(24),
          .leader_renew = absl::Hours(8),
          .leader_depose = absl::Hours(16),
          .revoke_patience = absl::Milliseconds(1),
          .take_back_wait = absl::Milliseconds(3),
          .lock_pause = absl::Milliseconds(1),
          .lock_budget = absl::Hours(24),
          .retry_base = absl::Milliseconds(1),
          .retry_cap = absl::Milliseconds(1)};
}

coordinator::LeaderRow TakeOver(postgres::Connection& connection) {
  const std::string holder = base::NewUuid();
  coordinator::LeaderRow row;
  // What leads may renew between the two.
  while (row.token.holder != holder) {
    row = Require(coordinator::ReadLeader(connection));
    row = Require(
        coordinator::AcquireLeadership(connection, holder, "schedules", absl::Hours(24), row));
  }
  return row;
}

std::string CreateAgent(TestDatabase& db) {
  const std::string owner = db.CreateLogin("owner");
  std::string agent = db.CreateLogin("agent");
  {
    const auto connection = db.Connect();
    Require(catalog::Bootstrap(*connection, {.owner_role = owner}));
  }
  db.RunScript(absl::StrFormat(kCounters, static_cast<int>(Point::kInStatement),
                               static_cast<int>(Point::kBeforeClose),
                               static_cast<int>(Point::kBeforeCommit), owner, owner));
  db.Query(absl::StrCat("GRANT lockstep_agents, ", owner, " TO ", agent));
  return agent;
}

}  // namespace

void Require(const absl::Status& status) {
  if (!status.ok()) throw std::runtime_error(Describe(status));
}

Leader::Leader(const Options& options)
    : elector({.connection = {.conninfo = options.conninfo}, .durations = options.durations}),
      fleet({.database = options.database,
             .clock = options.clock,
             .durations = options.durations,
             .leadership = [this] { return token; }}),
      lessor(
          {.database = options.database, .clock = options.clock, .durations = options.durations}),
      driver({.database = options.database,
              .fleet = &fleet,
              .lessor = &lessor,
              .clock = options.clock,
              .durations = options.durations,
              .leadership = [this] { return token; }}),
      operations({.database = options.database,
                  .elector = &elector,
                  .fleet = &fleet,
                  .lessor = &lessor,
                  .driver = &driver,
                  .durations = options.durations,
                  .clock = options.clock}) {
  auto connection = Require(postgres::Connection::Open({.conninfo = options.conninfo}));
  const absl::Duration sent = base::SystemClock()->SinceBoot();
  const coordinator::LeaderRow won = TakeOver(*connection);
  token = won.token;
  elector.StartLeading(std::move(connection), won, sent);
}

World::World(bool served)
    : agent_(CreateAgent(db_)),
      durations_(ScheduleDurations()),
      pool_({.connection = {.conninfo = db_.conninfo(),
                            .application_name = "coordinator",
                            .connect_timeout = absl::Seconds(30),
                            .statement_timeout = absl::Seconds(30),
                            // A report that waits for an orphan gives up.
                            .lock_timeout = absl::Milliseconds(100)},
             .size = 8,
             .take_timeout = absl::Seconds(30)}),
      turnstile_(db_.Connect()),
      head_hash_(chain::EmptyChainHash()) {
  if (served) db_.Query("UPDATE lockstep.chain SET first_served_at = now()");
  for (size_t slot = 0; slot < kHolders; ++slot) {
    links_[slot] = std::make_shared<FakeLink>();
    sessions_[slot] = base::NewUuid();
    holders_[slot] = std::make_unique<Holder>(db_.server(), db_.conninfo(agent_), signal_);
  }
}

std::unique_ptr<Leader> World::NewLeader() {
  auto leader = std::make_unique<Leader>(Leader::Options{
      .conninfo = db_.conninfo(), .database = &pool_, .clock = &clock_, .durations = durations_});
  for (size_t slot = 0; slot < kHolders; ++slot) {
    leader->fleet.AddLocal(links_[slot], {.session_id = sessions_[slot],
                                          .service = "service",
                                          .instance = absl::StrCat("holder-", slot),
                                          .can_migrate = true});
  }
  return leader;
}

std::pair<Version, Version> World::Publish(const LeaderToken& leader, int migrations) {
  std::vector<chain::Migration> chain;
  std::string hash = head_hash_;
  const Version first = head_ + 1;
  for (int i = 0; i < migrations; ++i) {
    ++head_;
    chain.push_back(Require(chain::ReadMigration(
        absl::StrFormat("%03d_count.sql", head_),
        absl::StrCat("UPDATE counter SET n = n + 1 WHERE id = ", head_, ";\n"))));
    hash = chain::NextChainHash(hash, head_, chain.back().title, chain.back().digest);
  }
  db_.Query("INSERT INTO public.counter SELECT id, 0 FROM generate_series($1::int, $2::int) AS id",
            {Param(first), Param(head_)});
  auto connection = Require(pool_.Take());
  Require(coordinator::AppendMigrations(*connection, leader, std::exchange(head_hash_, hash), chain,
                                        {}, "schedules")
              .status());
  return {first, head_};
}

bool World::Shut(Point point, Version version) {
  if (shut_.has_value()) return false;
  if (point == Point::kOpened) {
    if (!turnstile_->RunScript("BEGIN; LOCK TABLE public.counter IN ACCESS EXCLUSIVE MODE NOWAIT")
             .ok()) {
      Require(turnstile_->RunScript("ROLLBACK"));
      return false;
    }
  } else {
    const auto taken =
        Require(turnstile_->Query("SELECT pg_try_advisory_lock($1::int4, $2::int4)",
                                  {Param(static_cast<int32_t>(point)), Param(version)}));
    if (!taken.only().Bool(0)) return false;
  }
  shut_ = {point, version};
  return true;
}

bool World::SomebodyStands() {
  if (!shut_.has_value()) return false;
  return Require(turnstile_->Query(
                     kStands, {Param(static_cast<int32_t>(shut_->first)), Param(shut_->second)}))
      .only()
      .Bool(0);
}

void World::Open() {
  if (!shut_.has_value()) return;
  Require(shut_->first == Point::kOpened
              ? turnstile_->RunScript("ROLLBACK")
              : turnstile_->RunScript("SELECT pg_advisory_unlock_all()"));
  shut_.reset();
}

void World::Terminate(const apply::LeaseToken& token) {
  db_.Query(
      "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
      " WHERE datname = current_database() AND application_name = $1",
      {Param(apply::ApplicationNameOf(token))});
}

}  // namespace lockstep::testing
