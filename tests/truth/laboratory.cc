#include "tests/truth/laboratory.h"

#include <algorithm>
#include <cstdlib>
#include <map>
#include <regex>
#include <stdexcept>
#include <utility>

#include "engine/base/file.h"
#include "engine/postgres/connection.h"
#include "engine/schema/inspect.h"
#include "tests/support/matchers.h"
#include "tests/support/repo_paths.h"

namespace lockstep::truth {
namespace {

using ::lockstep::testing::LockTracer;
using ::lockstep::testing::TestDatabase;
using ::lockstep::testing::Trace;
using ::lockstep::testing::TracedRelation;

constexpr char kTemplate[] = "lab_template";
constexpr char kSearchPath[] = "SET search_path = lab, public";
constexpr size_t kMaxSchema = 1 << 20;

void Must(const absl::Status& status) {
  if (!status.ok()) throw std::runtime_error(testing::Describe(status));
}

std::unique_ptr<postgres::Connection> Open(const std::string& conninfo) {
  auto connection =
      postgres::Connection::Open({.conninfo = conninfo, .statement_timeout = absl::Seconds(60)});
  Must(connection.status());
  return *std::move(connection);
}

}  // namespace

std::string ChosenForms() {
  const char* const chosen = std::getenv("LOCKSTEP_TRUTH_FORMS");
  return chosen == nullptr ? "" : chosen;
}

LabDatabase::LabDatabase(testing::PostgresServer& server, const std::vector<std::string>& setup)
    : database_({.server = &server, .template_name = kTemplate}) {
  const auto connection = Open(database_.conninfo());
  Must(connection->RunScript(kSearchPath));
  for (const std::string& statement : setup) Must(connection->RunScript(statement));
  auto catalog = schema::Inspect(*connection, {.search_path = {"lab", "public"}});
  Must(catalog.status());
  catalog_ = std::make_unique<sql::model::Database>(*std::move(catalog));
  tracer_ =
      std::make_unique<LockTracer>(database_.conninfo(), std::vector<std::string>{kSearchPath});
}

// Autovacuum would take locks of its own and end what a form is to be seen waiting for.
Laboratory::Laboratory() : server_({.settings = {{"autovacuum", "off"}}}) {
  Must(server_.Start());
  Must(Open(server_.conninfo())->Query(std::string("CREATE DATABASE ") + kTemplate).status());
  const auto schema = base::ReadFile(testing::SourcePath("tests/truth/lab.sql"), kMaxSchema);
  Must(schema.status());
  const auto connection = Open(server_.conninfo(kTemplate));
  Must(connection->RunScript(*schema));
  major_ = connection->server_version() / 10000;
}

Laboratory& Laboratory::Get() {
  static Laboratory laboratory;
  return laboratory;
}

std::unique_ptr<LabDatabase> Laboratory::Fresh(const std::vector<std::string>& setup) {
  return std::make_unique<LabDatabase>(server_, setup);
}

LabDatabase& Laboratory::With(const std::vector<std::string>& setup) {
  if (setup.empty()) {
    if (plain_ == nullptr) plain_ = Fresh(setup);
    return *plain_;
  }
  if (prepared_ == nullptr || setup != setup_) {
    prepared_ = Fresh(setup);
    setup_ = setup;
  }
  return *prepared_;
}

const std::vector<Observation>& Laboratory::Observe() {
  if (!observations_.empty()) return observations_;
  std::map<std::vector<std::string>, std::shared_ptr<const sql::model::Database>> catalogs;
  const std::regex chosen(ChosenForms());
  for (Form& form : LoadForms()) {
    if (!form.RunsOn(major_) || !std::regex_search(form.file + " " + form.name, chosen)) continue;
    auto& catalog = catalogs[form.setup];
    if (catalog == nullptr) {
      catalog = std::make_shared<sql::model::Database>(With(form.setup).catalog());
    }
    Observation& observation = observations_.emplace_back();
    observation.catalog = catalog;
    observation.traces = Run(form);
    if (!form.blockers.empty()) observation.alone = RunAlone(form);
    observation.form = std::move(form);
  }
  return observations_;
}

std::vector<Trace> Laboratory::Run(const Form& form) {
  return With(form.setup).tracer().Run(form.settings, form.statements);
}

Trace Laboratory::RunAlone(const Form& form) {
  std::map<std::string, TracedRelation> strongest;
  Trace whole;
  for (const std::string& blocker : form.blockers) {
    const Trace trace = Fresh(form.setup)->tracer().RunAlone(form.statements[0], blocker);
    if (whole.ok()) whole.sqlstate = trace.sqlstate;
    if (whole.message.empty()) whole.message = trace.message;
    whole.waited = whole.waited || trace.waited;
    for (const TracedRelation& relation : trace.relations) {
      TracedRelation& best = strongest.try_emplace(relation.name, relation).first->second;
      best.lock = std::max(best.lock, relation.lock);
    }
  }
  for (auto& [name, relation] : strongest) whole.relations.push_back(std::move(relation));
  return whole;
}

}  // namespace lockstep::truth
