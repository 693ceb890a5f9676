#include "ctl/doctor_database.h"

#include <algorithm>
#include <array>
#include <memory>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"

#include "ctl/errors.h"
#include "ctl/output.h"
#include "engine/apply/preflight.h"
#include "engine/base/error_info.h"
#include "engine/base/status_macros.h"
#include "engine/catalog/bootstrap.h"
#include "engine/postgres/conninfo.h"
#include "engine/postgres/script_session.h"

namespace lockstep::ctl {
namespace {

using postgres::Param;
using postgres::Result;
using postgres::Row;
using postgres::ScriptSession;

constexpr int kChecksClientSince = 140000;

// One finding a check of the preflight, by the reasons that it gives.
struct Fitness {
  const char* check;
  std::array<const char*, 2> reasons;
  const char* good;
};
constexpr Fitness kFitness[] = {
    {"pooler", {"POOLED_CONNECTION", ""}, "none in between"},
    {"server version", {"SERVER_TOO_OLD", ""}, "13 or newer"},
    {"standby", {"SERVER_READ_ONLY", ""}, "no, this is the primary"},
    {"rights", {"SCHEMA_MISSING", "PERMISSION"}, "may execute lockstep.open and lockstep.close"},
    {"power", {"ROLE_TOO_POWERFUL", ""}, "neither SUPERUSER nor CREATEROLE"},
    {"settings", {"SESSION_SETTING", ""}, "nothing preset that weakens the fence"},
    {"owner role", {"OWNER_ROLE", ""}, "may act as it"},
};

class Doctor {
 public:
  Doctor(ScriptSession& session, std::string owner_role, Diagnosis* diagnosis)
      : session_(session), owner_role_(std::move(owner_role)), diagnosis_(*diagnosis) {}

  void Run() {
    for (const auto step : {&Doctor::Connection, &Doctor::Schema, &Doctor::Fit, &Doctor::Standbys,
                            &Doctor::Clock, &Doctor::DeadClients, &Doctor::PreparedTransactions}) {
      const absl::Status status = (this->*step)();
      if (!status.ok()) diagnosis_.Problem("database", status);
      if (!session_.usable()) return;
    }
  }

 private:
  absl::Status Connection() {
    ASSIGN_OR_RETURN(const Result result,
                     session_.Execute("SELECT pg_catalog.current_database(), session_user,"
                                      " pg_catalog.current_setting('server_version')"));
    const Row& row = result.only();
    diagnosis_.Ok("database",
                  absl::StrCat(row.Text(0), " as ", row.Text(1), ", PostgreSQL ", row.Text(2)));
    return absl::OkStatus();
  }

  // Whether this role may read the tables decides how much can be said.
  absl::Status Schema() {
    ASSIGN_OR_RETURN(
        const Result found,
        session_.Execute("SELECT pg_catalog.pg_get_userbyid(n.nspowner),"
                         " pg_catalog.has_schema_privilege(n.oid, 'USAGE')"
                         " AND coalesce((SELECT pg_catalog.has_table_privilege(c.oid, 'SELECT')"
                         "   FROM pg_catalog.pg_class c WHERE c.relnamespace = n.oid"
                         "   AND c.relname = 'setting'), false)"
                         " FROM pg_catalog.pg_namespace n WHERE n.nspname = 'lockstep'"));
    if (found.empty()) {
      diagnosis_.Problem("schema lockstep", "is not there",
                         "`lockstep setup --database ADMIN_URL`, or start a coordinator");
      return absl::OkStatus();
    }
    schema_there_ = true;
    const std::string& owner = found.only().Text(0);
    if (owner == "lockstep_owner") {
      diagnosis_.Ok("mode", "schema and functions belong to lockstep_owner");
    } else {
      diagnosis_.Warn(
          "mode", absl::StrCat("single-role mode: whoever has role ", owner, " can forge history"),
          "fine for development; else let a superuser set the database up");
    }
    if (!found.only().Bool(1)) {
      diagnosis_.Ok("schema lockstep", "is there; this role may not read its version");
      return absl::OkStatus();
    }
    return SchemaVersion();
  }

  absl::Status SchemaVersion() {
    ASSIGN_OR_RETURN(
        const Result result,
        session_.Execute("SELECT (SELECT pg_catalog.max(number) FROM lockstep.schema_version),"
                         " owner_role FROM lockstep.setting"));
    const int version = result.only().Int(0);
    const int known = catalog::KnownSchemaVersion();
    if (owner_role_.empty()) owner_role_ = result.only().Text(1);
    const std::string detail = absl::StrCat("version ", version, ", this program knows ", known);
    if (version > known) {
      diagnosis_.Problem("schema lockstep", detail,
                         "run a lockstep at least as new as the one that made the schema");
    } else if (version < known) {
      diagnosis_.Warn("schema lockstep", detail,
                      "the first coordinator of this release upgrades it, and so does "
                      "`lockstep setup`");
    } else {
      diagnosis_.Ok("schema lockstep", absl::StrCat("version ", version));
    }
    return absl::OkStatus();
  }

  // What an agent checks before it migrates.
  absl::Status Fit() {
    const std::vector<absl::Status> failures =
        apply::PreflightAll(session_, {.owner_role = owner_role_});
    for (const Fitness& fitness : kFitness) {
      const bool about_owner = fitness.check == kFitness[std::size(kFitness) - 1].check;
      const auto failed =
          std::find_if(failures.begin(), failures.end(), [&fitness](const absl::Status& status) {
            const std::string reason = base::ReasonOf(status);
            return std::find(fitness.reasons.begin(), fitness.reasons.end(), reason) !=
                   fitness.reasons.end();
          });
      if (failed == failures.end()) {
        diagnosis_.Ok(fitness.check, !about_owner ? fitness.good
                                     : owner_role_.empty()
                                         ? "not known; name it with --owner-role"
                                         : absl::StrCat("may act as ", owner_role_));
      } else if (base::ReasonOf(*failed) == "ROLE_TOO_POWERFUL") {
        // Right for setting up, wrong for an agent.
        diagnosis_.Warn(fitness.check, std::string(failed->message()), HintOf(*failed));
      } else if (base::ReasonOf(*failed) != "SCHEMA_MISSING" || schema_there_) {
        diagnosis_.Problem(fitness.check, *failed);
      }
    }
    return absl::OkStatus();
  }

  absl::Status Standbys() {
    ASSIGN_OR_RETURN(
        const Result result,
        session_.Execute("SELECT pg_catalog.count(*),"
                         " pg_catalog.count(*) FILTER (WHERE sync_state IN ('sync', 'quorum')),"
                         " pg_catalog.current_setting('synchronous_standby_names')"
                         " FROM pg_catalog.pg_stat_replication"));
    const Row& row = result.only();
    const int64_t all = row.Long(0);
    const int64_t synchronous = row.Long(1);
    if (all == 0 && !row.Text(2).empty()) {
      diagnosis_.Warn("replication", "synchronous_standby_names is set and no standby is connected",
                      "every COMMIT waits for one; connect a standby, or reset the setting");
    } else if (all == 0) {
      diagnosis_.Ok("replication", "no standby is connected");
    } else {
      diagnosis_.Ok("replication", absl::StrCat(Count(all, "standby connection"), ", ", synchronous,
                                                " synchronous"));
    }
    return absl::OkStatus();
  }

  absl::Status Clock() {
    const absl::Time before = absl::Now();
    ASSIGN_OR_RETURN(const Result result,
                     session_.Execute("SELECT (extract(epoch FROM pg_catalog.clock_timestamp())"
                                      " * 1000)::pg_catalog.int8"));
    CheckClock("database's clock", absl::FromUnixMillis(result.only().Long(0)), before, absl::Now(),
               &diagnosis_);
    return absl::OkStatus();
  }

  absl::Status DeadClients() {
    if (session_.server_version() < kChecksClientSince) {
      diagnosis_.Warn("dead clients",
                      "noticed only when their statement ends, before PostgreSQL 14",
                      "the coordinator terminates the backend of a lost agent instead");
      return absl::OkStatus();
    }
    const absl::Status set =
        session_.Execute("SET client_connection_check_interval = '200ms'").status();
    if (set.ok()) {
      diagnosis_.Ok("dead clients", "noticed at once (client_connection_check_interval)");
    } else {
      diagnosis_.Warn("dead clients", std::string(set.message()),
                      "the coordinator terminates the backend of a lost agent instead");
    }
    return absl::OkStatus();
  }

  absl::Status PreparedTransactions() {
    ASSIGN_OR_RETURN(
        const Result result,
        session_.Execute("SELECT pg_catalog.current_setting('max_prepared_transactions')"));
    const std::string& allowed = result.only().Text(0);
    if (allowed == "0") {
      diagnosis_.Ok("prepared transactions", "off");
    } else {
      diagnosis_.Warn("prepared transactions", absl::StrCat(allowed, " allowed"),
                      "leave max_prepared_transactions at 0 unless something needs it");
    }
    return absl::OkStatus();
  }

  ScriptSession& session_;
  std::string owner_role_;
  Diagnosis& diagnosis_;
  bool schema_there_ = false;
};

}  // namespace

void CheckDatabase(const std::string& conninfo, const std::string& owner_role,
                   Diagnosis* diagnosis) {
  // A standby shall be named as one, instead of not being let in.
  const auto anywhere = postgres::WithDefault(conninfo, "target_session_attrs", "any");
  if (!anywhere.ok()) return diagnosis->Problem("database", anywhere.status());
  const auto session =
      ScriptSession::Open({.conninfo = *anywhere, .application_name = "lockstep-doctor"});
  if (!session.ok()) return diagnosis->Problem("database", session.status());
  Doctor(**session, owner_role, diagnosis).Run();
}

}  // namespace lockstep::ctl
